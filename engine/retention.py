"""Keeps the journal from knowing for ever: texts go after `retention.text`, rows after `retention.metadata`.

`app` starts it beside the relay. It works once an hour, in batches small enough that nobody waits for them.
"""

import asyncio
from datetime import timedelta

from loguru import logger

from engine.core.errors import JournalUnavailable
from engine.ports import Clock, Journal

_FIRST_S = 60.0
_EVERY_S = 3600.0
_PAUSE_S = 0.1
_TABLES = ("incidents", "messages", "deliveries")
# Rows of one transaction.
_BATCH = 25


class Retention:
    """The hourly sweep."""

    def __init__(self, journal: Journal, clock: Clock, *, text: timedelta, metadata: timedelta) -> None:
        """`text` and `metadata` are how long each is kept."""
        self._journal = journal
        self._clock = clock
        self._text, self._metadata = text, metadata
        self._spans = ((False, text), (True, metadata))

    async def run(self) -> None:
        """Sweep for ever, first after a minute."""
        await asyncio.sleep(_FIRST_S)
        while True:
            try:
                await self.sweep()
            except JournalUnavailable as error:
                logger.error("what is too old is kept until the next hour: {}", error)
            await asyncio.sleep(_EVERY_S)

    async def sweep(self) -> None:
        """Forget and remove everything that is old enough now."""
        for remove, span in self._spans:
            for table in _TABLES:
                if done := await self._sweep(table, span, remove=remove):
                    logger.info("{} {} {}", "removed" if remove else "forgot the texts of", done, table)
        now = self._clock.now()
        await self._journal.sweep_signals(now - self._text, now - self._metadata, now)

    async def _sweep(self, table: str, span: timedelta, *, remove: bool) -> int:
        before = self._clock.now() - span
        done, after, clean = 0, None, True
        while True:
            swept = await self._journal.sweep(table, before, after, _BATCH, remove=remove, clean=clean)
            done, after, clean = done + swept.done, swept.after, swept.clean
            if after is None:
                return done
            await asyncio.sleep(_PAUSE_S)
