"""Timers: silent incidents close, and the next is called where nobody has claimed one.

The daemon runs one. What a timer brings about is decided in `core.workflow` and written by the journal together with
the end of the timer, so that none counts twice on any number of nodes. After a long absence an overdue timer counts
once, and the next is set from then on.
"""

import asyncio
from collections.abc import Callable

from loguru import logger

from engine.core.errors import JournalUnavailable
from engine.core.plan import CALL, LAPSE
from engine.core.practices import Change, Practice
from engine.ports import Clock, Journal

# How often timers are looked at, and how many count in one transaction.
_LOOK_S = 1.0
_BATCH = 100


class Timekeeper:
    """The timers of one daemon."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        practice: Callable[[], Practice],
        *,
        may_call: Callable[[], bool],
        changed: Callable[[Change], None],
    ) -> None:
        """`may_call`: what engineers did is known up to now, so that nobody is called about what somebody has claimed.
        `changed` hears of each incident that a timer has changed.
        """
        self._journal = journal
        self._clock = clock
        self._practice = practice
        self._may_call = may_call
        self._changed = changed

    async def run(self) -> None:
        """Look at the timers until cancelled. The journal's refusals are waited out."""
        while True:
            try:
                await self.look()
            except JournalUnavailable as error:
                logger.error("timers wait: {}", error)
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Let everything that is due count."""
        if self._may_call():
            for change in await self._fire(CALL):
                if change.audit:
                    incident = change.incident
                    logger.bind(ticket=incident.ticket_id, rung=incident.rung).info("called: nobody has claimed it")
        for change in await self._fire(LAPSE):
            logger.bind(ticket=change.incident.ticket_id).info(
                "lapsed: the client has been silent for the length of an episode"
            )

    async def _fire(self, name: str) -> tuple[Change, ...]:
        changes = await self._journal.fire(name, _BATCH, self._practice(), self._clock.now())
        for change in changes:
            self._changed(change)
        return changes
