"""Pages to a paging service: one connector for all of them; `pagerduty` and `jsm` know what each wants to hear.

Called by the relay, a page at a time for each incident. All pages about one incident carry the same key and the service
merges what it has heard before, so a page in doubt is simply said again. Nothing leaves but the page itself, which
knows nothing of the client.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from loguru import logger

from engine.connectors.exchanges import Session
from engine.connectors.replies import Reply
from engine.connectors.troubles import trouble
from engine.core.deliveries import Claimed, Fault, Found, Outcome, Page, PageAction, Reconciled, Rejected, Sent, Unknown
from engine.ports import Health

# The answers that concern us and not the page: an administrator has to do something.
_NOT_PERMITTED = frozenset({401, 402, 403})
_BAD_REQUEST = 400
_NOT_FOUND = 404
_NOTHING_THERE = frozenset({_NOT_FOUND, 405, 410})
_TIMEOUT = 408
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a paging service."""

    # Relative to the service's URL.
    path: str
    payload: dict[str, object]
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one kind of paging service wants to hear, and what it answers."""

    # Names the network in reasons, e.g. "PagerDuty".
    network: str
    # What an administrator does when it refuses the key.
    advice: str
    # The request that says a page.
    call: Callable[[Page], Call]
    # The service's id of what it was asked, by the object in its answer; None when that is no answer of its own.
    receipt: Callable[[dict[str, object]], str | None]
    # Whether the object in a 400 says that our key is wrong, and not the page.
    blames_us: Callable[[dict[str, object]], bool] = field(default=lambda _answer: False)


class PagingService:
    """One paging service."""

    def __init__(self, name: str, session: Session, dialect: Dialect) -> None:
        self.name = name
        self._session = session
        self._dialect = dialect
        self._problem = ""

    async def start(self) -> None:
        """Make the connection pool."""
        self._session.open()

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()

    async def send(self, claimed: Claimed) -> Outcome:
        """Say a page; any other kind is refused."""
        page = claimed.body
        if not isinstance(page, Page):
            return Rejected(Fault.PERMANENT, "kind", "a paging service carries pages alone")
        call = self._dialect.call(page)
        answer = await self._session.exchange("POST", call.path, query=dict(call.query), payload=call.payload)
        outcome = self._judge(answer, page) if isinstance(answer, Reply) else answer
        self._note(outcome, claimed.id)
        return outcome

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """To be said again, whatever became of it: the service merges pages with one key."""
        del claimed
        return Found.NOT_SENT

    def health(self) -> Health:
        """Not ready after a refusal that is about us, or while the service cannot be reached, until a page is taken."""
        return Health(not self._problem, self._problem)

    def _judge(self, reply: Reply, page: Page) -> Outcome:
        answer = reply.json_object() or {}
        receipt = self._dialect.receipt(answer)
        if not reply.taken:
            if reply.status == _NOT_FOUND and receipt is not None and page.action is not PageAction.TRIGGER:
                return Rejected(Fault.PERMANENT, str(_NOT_FOUND), f"{self._dialect.network} has no such alert any more")
            blames_us = reply.status == _BAD_REQUEST and self._dialect.blames_us(answer)
            return _refusal(reply, self._dialect, blames_us=blames_us)
        if receipt is None:
            return Unknown(f"something answered that is not {self._dialect.network}: check its url")
        return Sent(receipt)

    def _note(self, outcome: Outcome, delivery: str) -> None:
        self._problem = trouble(outcome, self._problem)
        if isinstance(outcome, Rejected) and outcome.fault is not Fault.TRANSIENT:
            logger.bind(service=self.name, delivery=delivery, code=outcome.code).error("{}", outcome.reason)


def _refusal(reply: Reply, dialect: Dialect, *, blames_us: bool) -> Rejected:
    """What an answer outside 2xx means. The service's own words are not repeated."""
    network, code = dialect.network, str(reply.status)
    if blames_us or reply.status in _NOT_PERMITTED:
        return Rejected(Fault.MISCONFIGURED, code, f"{network} refuses our key: {dialect.advice}")
    if reply.overloaded or reply.failed or reply.status == _TIMEOUT:
        return Rejected(Fault.TRANSIENT, code, f"{network} takes no page now ({code})", retry_after=reply.retry_after)
    if reply.redirected or reply.status in _NOTHING_THERE:
        return Rejected(Fault.MISCONFIGURED, code, f"{network} is not at this address ({code}): check its url")
    return Rejected(Fault.PERMANENT, code, f"{network} will never take this page ({code})")


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, with a mark in the place of the rest."""
    return text if len(text) <= limit else text[: limit - 1] + _CUT


def cut_key(key: str, limit: int) -> str:
    """At most `limit` characters of a key: its end, which tells one incident from another."""
    return key if len(key) <= limit else _CUT + key[-(limit - 1) :]


def cut_tags(tags: tuple[str, ...], most: int, limit: int) -> list[str]:
    """At most `most` tags of `limit` characters; the last one says how many more there are."""
    kept = [cut(tag, limit) for tag in (tags if len(tags) <= most else tags[: most - 1])]
    return kept if len(tags) <= most else [*kept, f"+{len(tags) - len(kept)} more"]
