"""An installation whose clients write through Twilio, and those clients.

`attach` puts Twilio's stand-in in the place of Meta's. `Repeated` posts each message until it was taken, as a fallback
address or a proxy with a memory would; `Once` has Twilio post it, once, whoever listens then.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from standins import twilio
from standins.clients import Meta, Writer, mark
from standins.processes import Site, Standin

CONNECTORS = """\
connectors:
  reserve:
    type: twilio
    account_sid: {account}
    from: "{sender}"
    api_url: {url}
    per_second: 1000
    backfill_every: 1s
"""
_PATH = "/webhooks/reserve"


def attach(site: Site) -> Site:
    """The same installation with Twilio; its daemon is not started yet."""
    site.graph.close()
    site.graph = Standin("twilio", site.folder, site.nursery)
    assert site.graph.ready(), "the stand-in did not start: its log is in the installation's folder"
    before, _, rest = site.config.read_text("utf-8").partition("connectors:\n")
    listen = f'listen: "127.0.0.1:{site.port}"'
    before = before.replace(listen, f'{listen}, public_url: "{site.url}"')
    after = rest[rest.index("mattermost:") :]
    made = CONNECTORS.format(account=twilio.ACCOUNT_SID, sender=twilio.SENDER, url=site.graph.url)
    site.config.write_text(before + made + after, "utf-8")
    site.environ["ENGINE_RESERVE_AUTH_TOKEN"] = twilio.AUTH_TOKEN
    site.planted.add(twilio.AUTH_TOKEN)
    site.graph.order(callback_url=site.url + _PATH, statuses=["sent", "delivered"])
    return site


@dataclass(frozen=True, slots=True)
class TwilioWriter(Writer):
    """A client whose messages come through Twilio."""

    def notification(self, message: int) -> dict[str, Any]:
        """The form that Twilio posts about one message."""
        text = f"{self.topic} {mark(self.number, message)}"
        sid = f"SM{self.number:016x}{message:016x}"
        return dict(twilio.message_form(sid, text, f"whatsapp:+{self.wa_id}", self.name))


class Repeated(Meta):
    """Posts each message until it is answered 200."""

    async def post(self, notification: Any, **headers: str) -> httpx.Response:
        """Post once."""
        url = self._site.url + _PATH
        signed = {"content-type": twilio.FORM, "x-twilio-signature": twilio.signature(url, notification), **headers}
        return await self._http.post(url, content=urlencode(notification), headers=signed)


class Once(Meta):
    """Has Twilio post each message once."""

    async def deliver(self, notification: Any, pause_s: float = 0) -> None:
        """Write to Twilio; what becomes of it is Twilio's business."""
        arrived = {
            "sid": notification["MessageSid"],
            "text": notification["Body"],
            "sender": notification["From"],
            "name": notification["ProfileName"],
        }
        answer = await self._http.post(f"{self._site.graph.url}/_control", json={"arrive": arrived})
        answer.raise_for_status()
