"""The files behind the media addresses of Twilio's messages.

Twilio asks for our credentials and answers with the address of another host, signed and good for some hours, where the
file is given to whoever knows it; that host is not shown who we are. Called by the connector that carries files, with
the path of the address as the attachment's reference. The file stays at Twilio. Source: Twilio, "Media subresource"
(read 2026-11).
"""

import re
from urllib.parse import quote

from engine.connectors.exchanges import Download, Exchange, Session, Visitor
from engine.connectors.replies import Reply
from engine.connectors.twilio.refusals import TOKEN_REFUSED
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.media import GONE, Fetched

_VERSION = "2010-04-01"
_SID = "[A-Z]{2}[0-9A-Za-z]{1,64}"
_GONE = frozenset({404, 410})
_REFUSED = frozenset({401, 403})


class TwilioMedia:
    """What clients sent to the senders of one Twilio account."""

    def __init__(self, *, account_sid: str, api_url: str, auth_token: str, timeout_s: float = 15) -> None:
        """`timeout_s` bounds each of the two steps. Raises ConfigurationError for an unusable URL or token."""
        self._session = Session("Twilio", api_url, auth_token, timeout_s, user=account_sid)
        self._visitor = Visitor("Twilio", api_url, timeout_s)
        account = f"/{_VERSION}/Accounts/{re.escape(account_sid)}"
        self._form = re.compile(f"{account}/Messages/{_SID}/Media/{_SID}", re.ASCII)

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()
        await self._visitor.close()

    async def fetch(self, reference: str, limit: int) -> Fetched | Rejected | Unknown:
        """The file at a path of our account's."""
        if not self._form.fullmatch(reference):
            return Rejected(Fault.PERMANENT, "reference", "this is no file of a message to our Twilio account")
        # The host is the configured one, whatever the webhook said.
        found = await self._session.download(quote(reference.lstrip("/")), limit)
        if isinstance(found, Reply) and found.redirected:
            return _fetched(_signed(await self._visitor.download(found.location, limit)))
        return _fetched(found)


def _fetched(found: Download | Exchange) -> Fetched | Rejected | Unknown:
    match found:
        case Download():
            return Fetched(found.content, found.media_type)
        case Reply(status=status) if status in _GONE:
            return Rejected(Fault.PERMANENT, GONE, "Twilio no longer has the file")
        case Reply(status=status) if status in _REFUSED:
            return Rejected(Fault.MISCONFIGURED, str(status), TOKEN_REFUSED)
        case Reply():
            return Rejected(Fault.TRANSIENT, str(found.status), "Twilio does not give the file now", found.retry_after)
        case _:
            return found


def _signed(found: Download | Exchange) -> Download | Exchange:
    """A signature that is refused is too old, or was made while the clocks differed: the next one may do."""
    if isinstance(found, Reply) and found.status in _REFUSED:
        reason = "the address that Twilio has signed for the file is refused"
        return Rejected(Fault.TRANSIENT, str(found.status), reason, found.retry_after)
    return found
