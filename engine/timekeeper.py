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
        known: Callable[[], bool],
        changed: Callable[[Change], None],
    ) -> None:
        """`known`: what engineers did is known up to now, so that nobody is called about what somebody has claimed, and
        nothing is closed before they have had their say. `changed` hears of each incident that a timer has changed.
        """
        self._journal = journal
        self._clock = clock
        self._practice = practice
        self._known = known
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
        if self._known():
            await self._fire(CALL)
            await self._fire(LAPSE)

    async def _fire(self, name: str) -> None:
        for change in await self._journal.fire(name, _BATCH, self._practice(), self._clock.now()):
            self._changed(change)
