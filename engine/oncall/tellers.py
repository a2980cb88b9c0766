"""What operators are told of who is on call: the status, what a reload changed, what the on-call files lack.

Made by `app`, which hands in how the operators' channel is told.
"""

from collections.abc import Awaitable, Callable

from loguru import logger

from engine.core import notices
from engine.core.notices import Notice
from engine.core.objects import Json
from engine.core.oncall import handover_json, handovers, no_service, overview
from engine.core.publications import Reload
from engine.oncall.duty import SourcedDuty
from engine.oncall.static import StaticOnCall
from engine.ports import Clock


class Teller:
    """Tells of one duty."""

    def __init__(
        self, duty: StaticOnCall | SourcedDuty, source: str, clock: Clock, announce: Callable[[Notice], Awaitable[None]]
    ) -> None:
        """`source` is that of engine.yaml; `announce` tells the operators' channel what is new."""
        self._duty = duty
        self._source = source
        self._clock = clock
        self._announce = announce

    def status(self) -> Json:
        """Who is on call now, and whom a post would call first."""
        return {"source": self._source, "mention": self._duty.mention(), **overview(self._duty, self._clock.now())}

    def handovers(self, result: Reload) -> list[Json]:
        """By which schedules others are on call now because of a reload."""
        before = self._duty.by(result.roster_before)
        return [handover_json(found) for found in handovers(before, self._duty, self._clock.now())]

    async def tell_reload(self, result: Reload) -> None:
        """The log learns whom a reload has put on call, and whoever has to know, what its files lack."""
        before = self._duty.by(result.roster_before)
        for found in handovers(before, self._duty, self._clock.now()):
            logger.warning("the reload changes who is on call, {}", found)
        await self.tell_services()

    async def tell_services(self) -> None:
        """The log and the operators' channel learn whether the on-call files call a service that there is none of."""
        missing = self._duty.missing_services()
        for name in missing:
            logger.error("{}", no_service(name))
        await self._announce(notices.services(missing))
