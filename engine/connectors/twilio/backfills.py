"""The messages that no webhook brought: Twilio posts each once or twice and then forgets, so its list is read as well.

`connector.listen` runs one `Backfill`. At the start, and after every pass that failed, it asks for all messages of the
last 48 hours, else for what came since the pass before. They are offered as the webhook would have offered them, under
the same ids, so that the journal drops what it has. A pass in which anything went wrong counts as none: the next asks
for everything again, so no message falls between two passes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from loguru import logger

from engine.connectors.exchanges import Session, certainly
from engine.connectors.replies import Reply
from engine.connectors.twilio import listings, notifications
from engine.connectors.twilio.listings import Listed
from engine.connectors.twilio.refusals import refusal
from engine.core.deliveries import Fault, Rejected
from engine.core.errors import JournalUnavailable
from engine.core.events import Attachment, Inbound, Message
from engine.ports import Clock, Received

Accept = Callable[[Received], Awaitable[None]]

# How far back is looked after an outage.
_REACH = timedelta(hours=48)
# How far two passes overlap, for what the list shows late.
_OVERLAP = timedelta(minutes=5)
# The pause after a pass that failed.
_RETRY = timedelta(seconds=30)
# How many messages are made durable together.
_BATCH = 100
_MOST_PAGES = 500
_NO_LIST = Rejected(Fault.TRANSIENT, "list", "Twilio's list of messages cannot be read")
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Pass:
    """A look at the list that went well."""

    # By Twilio's clock.
    asked_at: datetime
    # Some messages were left to their webhook, which may still be on its way.
    young: bool


class Backfill:
    """Reads the list again and again."""

    def __init__(
        self, connector: str, session: Session, path: str, sender: str, clock: Clock, grace: timedelta
    ) -> None:
        """`path` is that of the account, `sender` our own address; a message younger than `grace` is left to its
        webhook, which knows the client's name.
        """
        self._connector = connector
        self._session = session
        self._path = path
        self._sender = sender
        self._clock = clock
        self._grace = grace
        # Why passes failed since the last one that went well.
        self._failures: list[Rejected] = []

    async def run(self, accept: Accept, every: timedelta) -> None:
        """Take in what was missed until cancelled; `every` is the pause between two passes, zero: never look."""
        if not every:
            await asyncio.Event().wait()
        since: datetime | None = None
        while True:
            looked = await self._look(since or self._clock.now() - _REACH, accept)
            if looked is None:
                since, pause = None, min(every, _RETRY)
            else:
                since = looked.asked_at - self._grace - _OVERLAP
                pause = min(every, self._grace) if looked.young else every
            await asyncio.sleep(pause.total_seconds())

    async def _look(self, since: datetime, accept: Accept) -> Pass | None:
        """One pass; None when it did not take in everything."""
        found = await self._listed(since)
        if isinstance(found, Rejected):
            self._fail(found)
            return None
        asked_at, messages = found
        ours = [one for one in messages if one.inbound and one.receiver == self._sender]
        # The newest come first, and those of one second in the same way.
        ripe = sorted((one for one in reversed(ours) if one.created_at <= asked_at - self._grace), key=_created)
        ahead = asked_at - self._clock.now()
        for start in range(0, len(ripe), _BATCH):
            inbounds: list[Inbound] = []
            for one in ripe[start : start + _BATCH]:
                attachments = await self._attachments(one)
                if isinstance(attachments, Rejected):
                    self._fail(attachments)
                    return None
                inbounds.append(_inbound(self._connector, one, attachments, one.created_at - ahead))
            try:
                await accept(Received(tuple(inbounds)))
            except JournalUnavailable as unavailable:
                logger.bind(connector=self._connector).warning("missed messages wait: {}", unavailable)
                return None
        self._failures.clear()
        return Pass(asked_at, young=len(ripe) < len(ours))

    def problem(self) -> str:
        """Why the list cannot be read, one sentence; empty when all is well. A single failure may be chance."""
        newest = self._failures[-1] if self._failures else None
        lasting = newest is not None and (len(self._failures) > 1 or newest.fault is Fault.MISCONFIGURED)
        return newest.reason if newest is not None and lasting else ""

    def _fail(self, failure: Rejected) -> None:
        before = self._failures[-1].reason if self._failures else ""
        if failure.reason != before:
            logger.bind(connector=self._connector, code=failure.code).warning("no back-fill: {}", failure.reason)
        # Two are enough to tell that it lasts.
        self._failures = [*self._failures[-1:], failure]

    async def _listed(self, since: datetime) -> tuple[datetime, list[Listed]] | Rejected:
        """Twilio's time, and every message to us since then."""
        query = {"To": self._sender, "DateSent>": f"{since:%Y-%m-%dT%H:%M:%SZ}", "PageSize": listings.PAGE_SIZE}
        asked_at, messages = self._clock.now(), list[Listed]()
        for number in range(_MOST_PAGES):
            answer = await self._ask("Messages.json", query)
            if isinstance(answer, Rejected):
                return answer
            page = listings.page(answer)
            if page is None:
                return _NO_LIST
            if number == 0:
                asked_at = answer.date or asked_at
            messages += page.messages
            if not page.query:
                break
            query = page.query
        return asked_at, messages

    async def _attachments(self, one: Listed) -> Sequence[Attachment] | Rejected:
        if not one.media:
            return ()
        answer = await self._ask(f"Messages/{one.sid}/Media.json", {})
        if isinstance(answer, Rejected):
            # What was deleted there came all the same, and somebody has to ask for it.
            gone = answer.code in {str(_NOT_FOUND), "20404"}
            return [notifications.media("", "")] * one.media if gone else answer
        found = listings.media(answer)
        if found is None:
            return _NO_LIST
        return [notifications.media(file.content_type, file.path) for file in found]

    async def _ask(self, what: str, query: dict[str, str]) -> Reply | Rejected:
        answer = await self._session.exchange("GET", f"{self._path}/{what}", query=query)
        if not isinstance(answer, Reply):
            return certainly(answer)
        return answer if answer.taken else certainly(refusal(answer))


def _created(one: Listed) -> datetime:
    return one.created_at


def _inbound(connector: str, one: Listed, attachments: Sequence[Attachment], written_at: datetime) -> Inbound:
    """The list tells neither a name nor a place: a message without anything else is kept as `unsupported`. `written_at`
    is by our clock.
    """
    kind = "message" if one.body or attachments else "unsupported"
    message = Message(one.sid, one.body, kind, tuple(attachments))
    return notifications.inbound(connector, one.sender, message, written_at)
