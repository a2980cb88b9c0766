"""The engineers' side by an incoming webhook: a post that Mattermost's API has not taken in time, said once more.

Called by the relay. A webhook answers a bare "ok": there is no id, no thread, no edit, and nobody can ask later whether
it was said. It has its own channel, whatever the rule names, and it makes mentions out of `<!channel>` and `<@…>`, so
that no `<` goes out as it is. Its address is a secret.
"""

from dataclasses import replace
from typing import assert_never
from urllib.parse import urlsplit

from loguru import logger

from engine.connectors.exchanges import Session
from engine.connectors.mattermost.formatting import escalation_message
from engine.connectors.replies import Reply
from engine.core.deliveries import Claimed, Copy, Fault, Found, Outcome, Reconciled, Rejected, Sent, Unknown
from engine.core.errors import ConfigurationError
from engine.ports import Health

_NETWORK = "the fallback webhook"
_JOINER = "\u2060"
# As long as the oldest servers take in one piece.
_LIMIT = 3_900
_ENDING = "\n\n(sent by the fallback webhook; no thread, not edited)"
_REFUSED = (
    "Mattermost refuses the fallback webhook: make a new incoming webhook, set mattermost_fallback_url and restart"
)


class FallbackWebhook:
    """One incoming webhook."""

    def __init__(self, name: str, *, url: str, timeout_s: float = 10) -> None:
        """Raises ConfigurationError for an address that can be none, without repeating it."""
        self.name = name
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.netloc or not parts.path.strip("/"):
            raise ConfigurationError(
                "mattermost_fallback_url is no address of an incoming webhook such as https://chat.example.org/hooks/…"
            )
        self._path = parts.path
        # The path is the secret; nothing else says who we are.
        self._session = Session(_NETWORK, f"{parts.scheme}://{parts.netloc}", parts.path, timeout_s, shown_as="")
        self._problem = ""

    async def start(self) -> None:
        """Make the connection pool: whether the webhook works shows only when it is used."""
        self._session.open()

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()

    async def send(self, claimed: Claimed) -> Outcome:
        """Post it once."""
        if not isinstance(claimed.body, Copy):
            return Rejected(Fault.PERMANENT, "kind", "the fallback webhook carries posts alone")
        answer = await self._session.exchange("POST", self._path, payload={"text": fallback_message(claimed.body)})
        outcome = _judge(answer) if isinstance(answer, Reply) else answer
        self._note(outcome, claimed)
        return outcome

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Nobody can be asked."""
        del claimed
        return Found.UNDECIDED

    def health(self) -> Health:
        """Not ready after a refusal, until something was taken."""
        return Health(not self._problem, self._problem)

    def _note(self, outcome: Outcome, claimed: Claimed) -> None:
        match outcome:
            case Sent():
                self._problem = ""
            case Rejected(fault=Fault.MISCONFIGURED):
                self._problem = outcome.reason
                logger.bind(connector=self.name, delivery=claimed.id, code=outcome.code).error("{}", outcome.reason)
            case Rejected() | Unknown():
                self._problem = outcome.reason
            case _:
                assert_never(outcome)


def fallback_message(copy: Copy) -> str:
    """The post as the webhook gets it: with its channel, which the webhook's own may not be."""
    post = copy.escalation
    where = f"~{post.channel} of team {post.team}" if post.team else f"~{post.channel}"
    # Nobody can take it up there, so it does not say how things stand.
    text = escalation_message(replace(post, standing=""), labelled=False, limit=_LIMIT)
    return f"For {where}\n{text}{_ENDING}".replace("<", f"<{_JOINER}")


def _judge(reply: Reply) -> Outcome:
    if reply.taken:
        return Sent("")
    if reply.overloaded or reply.failed:
        return Rejected(Fault.TRANSIENT, str(reply.status), "the fallback webhook is in trouble", reply.retry_after)
    return Rejected(Fault.MISCONFIGURED, str(reply.status), _REFUSED, reply.retry_after)
