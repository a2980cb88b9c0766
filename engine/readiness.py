"""Whether the daemon can do all of its work now, and the gauges that follow from looking.

Made by `app`; asked by the probes, by `/metrics` and by operators.
"""

from collections.abc import Callable, Mapping

from engine.core.errors import JournalUnavailable
from engine.metrics import Metrics
from engine.ports import Clock, Healthy, Journal


class Look:
    """Looks at every part of one daemon."""

    def __init__(
        self,
        ways: Mapping[str, Healthy],
        is_here: Callable[[str], bool],
        oncall: Healthy,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`ways` lead to networks; `is_here`: whether this node has one of them."""
        self._ways = ways
        self._is_here = is_here
        self._oncall = oncall
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self.started = False
        self.stopping = False

    async def failing(self) -> list[str]:
        """What keeps the daemon from doing all of its work, each in one sentence."""
        failing = []
        if not self.started:
            failing.append("starting")
        if self.stopping:
            failing.append("stopping")
        parts = [(name, way.health() if self._is_here(name) else None) for name, way in self._ways.items()]
        for name, health in (*parts, ("oncall", self._oncall.health())):
            self._metrics.set_part_ready(name, ready=None if health is None else health.ready)
            if health is not None and not health.ready:
                failing.append(f"{name}: {health.problem}")
        failing += await self._ask_journal()
        self._metrics.set_ready(ready=not failing)
        return failing

    async def _ask_journal(self) -> list[str]:
        try:
            backlog = await self._journal.backlog()
            open_incidents = await self._journal.open_incidents()
        except JournalUnavailable as error:
            return [f"journal: {error}"]
        now = self._clock.now()
        deliveries = {(name, state.value): count for (name, state), count in backlog.deliveries.items()}
        oldest = {name: now - created_at for name, created_at in backlog.oldest.items()}
        self._metrics.set_backlog(backlog.unrouted, deliveries, oldest)
        self._metrics.set_incidents(open_incidents, now)
        return []
