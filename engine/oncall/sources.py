"""Who is on call by a service that keeps schedules: asked in the background, answered from memory.

`pagerduty`, `jsm` and `opsgenie` know how each is asked; `duty` reads the answers; `run` is a task of the daemon's. No
lookup delays a post, and what a service does never raises.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from loguru import logger

from engine.core.deliveries import Fault, Rejected
from engine.ports import Clock

# After the end of a shift the next one is asked for.
_AFTER_SHIFT = timedelta(seconds=1)
_SHORTEST_PAUSE = timedelta(seconds=1)


class Inquiry(Protocol):
    """Questions to a service's API, which change nothing there."""

    async def ask(self, path: str, query: Mapping[str, str]) -> dict[str, object] | Rejected:
        """The object in the answer; otherwise why there is none, with the HTTP status as its code."""
        ...

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody as a service knows them."""

    # Empty: the service does not tell.
    email: str
    # The service's own, where people can be told by it.
    id: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call by one schedule now."""

    # In the service's order, each once.
    people: tuple[Account, ...]
    # How many more there are of whom nothing is known.
    strangers: int = 0
    # None: the service does not tell.
    until: datetime | None = None


class Service(Protocol):
    """One service that keeps schedules."""

    # As posts and probes name it, e.g. "PagerDuty".
    name: str

    async def look_up(self, schedule: str) -> Shift | Rejected:
        """Who is on call by a schedule, which is named by the service's id."""
        ...

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """The last good answer about one schedule."""

    shift: Shift
    fetched_at: datetime


class Source:
    """The schedules of one service, and what it said last about each."""

    def __init__(
        self,
        service: Service,
        schedules: Mapping[str, str],
        clock: Clock,
        *,
        refresh: timedelta,
        max_age: timedelta,
    ) -> None:
        """`schedules` has the service's id for each name in the on-call files."""
        self.name = service.name
        self.schedules = dict(schedules)
        self.max_age = max_age
        self._service = service
        self._clock = clock
        self._refresh = refresh
        self._known: dict[str, Known] = {}
        # What is wrong now, by schedule.
        self._problems: dict[str, str] = {}

    def known(self, schedule: str) -> Known | None:
        """The last good answer about a schedule, by our name; None before the first."""
        return self._known.get(schedule)

    def problem(self, now: datetime) -> str:
        """Why no schedule has an answer that is still good; empty while one has."""
        for known in self._known.values():
            if now - known.fetched_at <= self.max_age:
                return ""
        return next(iter(self._problems.values()), f"{self.name} has not answered yet")

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        try:
            while True:
                pause = await self.look()
                await asyncio.sleep(pause.total_seconds())
        finally:
            await self._service.close()

    async def look(self) -> timedelta:
        """Ask about every schedule once; how long to wait before the next time."""
        pause = self._refresh
        for ours, theirs in self.schedules.items():
            asked_at = self._clock.now()
            found = await self._guarded(theirs)
            if isinstance(found, Rejected):
                self._complain(ours, found)
                pause = max(pause, found.retry_after)
                continue
            if self._problems.pop(ours, None) is not None:
                logger.bind(source=self.name, schedule=ours).info("who is on call is known again")
            self._known[ours] = Known(found, asked_at)
            if found.until is not None and found.until > asked_at:
                pause = min(pause, found.until - asked_at + _AFTER_SHIFT)
        return max(pause, _SHORTEST_PAUSE)

    async def _guarded(self, schedule: str) -> Shift | Rejected:
        try:
            return await self._service.look_up(schedule)
        except Exception as error:  # noqa: BLE001 - the guard: a source's own fault must not end the daemon
            return Rejected(Fault.TRANSIENT, "fault", f"asking {self.name} failed ({type(error).__name__})")

    def _complain(self, schedule: str, rejected: Rejected) -> None:
        """Once for each new problem; the same minute after minute says nothing new."""
        if self._problems.get(schedule) == rejected.reason:
            return
        self._problems[schedule] = rejected.reason
        logger.bind(source=self.name, schedule=schedule, code=rejected.code).warning("{}", rejected.reason)


async def ask(
    inquiry: Inquiry, path: str, query: Mapping[str, str], advice: Mapping[str, str]
) -> dict[str, object] | Rejected:
    """The object in the answer; a refusal has the sentence that `advice` has for its code, which says what an
    administrator can do about it.
    """
    answer = await inquiry.ask(path, query)
    if isinstance(answer, Rejected) and (sentence := advice.get(answer.code)) is not None:
        return replace(answer, fault=Fault.MISCONFIGURED, reason=sentence)
    return answer


def foreign(network: str) -> Rejected:
    """Why an answer that no such network gives tells nothing."""
    return Rejected(Fault.TRANSIENT, "answer", f"something answered that is not {network}: check the url")
