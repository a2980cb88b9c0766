"""How the connections fare that are kept to networks: each change is logged, counted and told to the operators.

Made by `app`, which runs `watch`. What there is to say is decided in `core.notices`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from loguru import logger

from engine.core import notices
from engine.core.notices import Notice
from engine.metrics import Metrics
from engine.ports import Clock, Connector, Health

# How often the states are looked at; it costs nothing.
_WATCH_S = 0.5
# Whoever gave a connection up has it again before that where no other node takes it; see `reception`.
_ELSEWHERE = timedelta(minutes=1)


class Connections:
    """The connections of this node."""

    def __init__(
        self,
        connectors: Mapping[str, Connector],
        is_here: Callable[[str], bool],
        clock: Clock,
        metrics: Metrics,
        announce: Callable[[Notice], Awaitable[None]],
    ) -> None:
        """`is_here`: whether this node has a connector's connection; of one that another node has it knows nothing."""
        self._connectors = connectors
        self._is_here = is_here
        self._clock = clock
        self._metrics = metrics
        self._announce = announce
        self._states = dict.fromkeys(connectors, "")
        # By `Clock.elapsed`, when each was last seen here.
        self._here_at = dict.fromkeys(connectors, clock.elapsed())
        self._lost_at: dict[str, datetime | None] = dict.fromkeys(connectors)

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            for name, connector in self._connectors.items():
                if self._is_here(name):
                    self._here_at[name] = self._clock.elapsed()
                    await self._look(name, connector.health())
                elif self._clock.elapsed() - self._here_at[name] >= _ELSEWHERE:
                    # Its last state here would stand for ever beside that of the node that has it now.
                    self._metrics.set_connection(name, self._states[name], "")
                    self._states[name] = ""
            await asyncio.sleep(_WATCH_S)

    async def _look(self, name: str, health: Health) -> None:
        if health.lost_at is not None and health.lost_at != self._lost_at[name]:
            self._lost_at[name] = health.lost_at
            self._metrics.count_unclean_end(name)
            await self._announce(notices.unclean_end(name, health.lost_at))
        if health.state != self._states[name]:
            self._metrics.set_connection(name, self._states[name], health.state)
            self._states[name] = health.state
            logger.bind(connector=name).info("the connection is {}", health.state)
            if (notice := notices.connection(name, health.state, health.problem)) is not None:
                await self._announce(notice)
