"""What a connector received, into the journal: receipts, what happened in conversations, what engineers did, messages.

`app` makes one; the HTTP doors and the listeners call it, and only when it returns a network is told that all was
taken.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from loguru import logger

from engine.core import tallies
from engine.core.actions import Action
from engine.core.events import Inbound
from engine.core.practices import Change, Practice
from engine.core.records import Accepted
from engine.core.reports import Step
from engine.core.signals import Answered
from engine.core.standings import BY_HAND
from engine.metrics import Metrics
from engine.ports import Clock, Journal, Received


class Intake:
    """The way in."""

    def __init__(
        self,
        journal: Journal,
        messages: Callable[[Sequence[Inbound]], Awaitable[tuple[Accepted, ...]]],
        clock: Clock,
        metrics: Metrics,
        practice: Callable[[], Practice],
        *,
        hold: timedelta,
        wake: Callable[[], None],
    ) -> None:
        """`messages` takes the clients' messages. `hold`: how long nothing is acknowledged automatically after a person
        has answered. `wake` makes the relay look at the journal.
        """
        self._journal = journal
        self._messages = messages
        self._clock = clock
        self._metrics = metrics
        self._practice = practice
        self._hold = hold
        self._wake = wake

    async def accept(self, received: Received) -> tuple[Accepted, ...]:
        """Persist what a request or a connection brought. Raises JournalUnavailable; then it has to come again."""
        escalate_to = self._practice().escalate_to
        if received.receipts:
            await self._journal.note_receipts(received.receipts, self._clock.now(), escalate_to=escalate_to)
            self._wake()
        # What a person said before the client wrote again must be known when that is decided.
        if received.signals:
            now = self._clock.now()
            answered = await self._journal.note_signals(received.signals, self._practice(), now, hold=self._hold)
            for one in answered:
                self._count_answer(one)
            self._wake()
        if received.actions:
            await self.act(received.actions)
        if not received.inbounds:
            return ()
        return await self._messages(received.inbounds)

    async def act(self, actions: Sequence[Action]) -> tuple[Change, ...]:
        """Take what engineers did; what follows from those of it that were not taken before. Raises as `accept`."""
        changes = await self._journal.act(actions, self._practice(), self._clock.now())
        for change in changes:
            self.note(change)
        self._wake()
        return changes

    def _count_answer(self, answered: Answered) -> None:
        """Measure an answer by hand, where it is the first, and the claim, where it is one."""
        if answered.waited is not None:
            self._metrics.observe_step(Step.ANSWERED, answered.priority, answered.waited)
        self._metrics.count_change("answered", BY_HAND)
        if answered.unclaimed is not None:
            self._metrics.observe_step(Step.CLAIMED, answered.priority, answered.unclaimed)
            self._metrics.count_change("claimed", BY_HAND)

    def note(self, change: Change) -> None:
        """Tell the log and the metrics what an incident has come to."""
        for step in tallies.reached(change):
            self._metrics.observe_step(step.step, step.priority, step.after)
        for kind, number in tallies.calls(change).items():
            self._metrics.count_calls(kind, number)
        incident = change.incident
        for entry in change.audit:
            self._metrics.count_change(entry.kind, tallies.way(entry))
            logger.bind(ticket=incident.ticket_id).info("{}", entry.kind)
