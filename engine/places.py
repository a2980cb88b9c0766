"""Tells the operators, each once, that a channel refuses posts and that it takes them again.

A task of `app`. What waits for such a channel is tried every minute and never given up, and of the rest nobody would
notice. The words are those of `core.notices`; the operators' own channel cannot be told about itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from engine.core import notices
from engine.core.notices import Notice
from engine.ports import Placed

# How often is looked; it costs nothing.
_LOOK_S = 0.5


class Places:
    """What is known of each channel."""

    def __init__(
        self, placed: Iterable[Placed], announce: Callable[[Notice], Awaitable[None]], *, operations: str | None
    ) -> None:
        """`operations` is where `announce` speaks."""
        self._placed = tuple(placed)
        self._announce = announce
        self._operations = operations
        self._known: dict[str, str] = {}

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Announce what has changed. That a channel takes posts is announced as well where it is new: an earlier life
        may have said that it refuses them.
        """
        for connector in self._placed:
            for name, refusal in connector.places().items():
                if self._known.get(name) != refusal:
                    self._known[name] = refusal
                    if name != self._operations:
                        await self._announce(notices.place(name, refusal))
