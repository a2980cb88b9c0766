"""Listeners at work: connectors that take messages in by themselves, each a task that ends only with the daemon.

`app` starts `run`. A connection that only one node may have is opened under a lease of the journal; another node takes
it over when that ends. What a listener's own fault ends is begun again after a pause.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from loguru import logger

from engine.core.errors import JournalUnavailable
from engine.ports import Clock, Journal, Listener, Received

LEASE = timedelta(seconds=30)
# How often the lease is renewed, or asked for.
_RENEW_S = 10.0
# How long a node that gave the connection up does not ask for it.
_LEFT_S = 15.0
# The pause after a fault; doubled up to the longest.
_PAUSE_S = 1.0
_LONGEST_S = 60.0
# Who listened for so long was well, and what ends it then is a new fault.
_WELL = timedelta(minutes=5)


class Reception:
    """One listener of one node."""

    def __init__(
        self,
        listener: Listener,
        accept: Callable[[Received], Awaitable[object]],
        journal: Journal,
        clock: Clock,
        *,
        exclusive: bool,
    ) -> None:
        """`exclusive`: several nodes share the journal, and only one of them may have the connection."""
        self._listener = listener
        self._accept = accept
        self._journal = journal
        self._clock = clock
        self._exclusive = exclusive
        self._owned = not exclusive

    def owns(self) -> bool:
        """Whether what goes out by this connection may leave from this node."""
        return self._owned

    async def run(self) -> None:
        """Listen until cancelled, whenever this node may."""
        try:
            while True:
                if not self._exclusive or await self._own():
                    await self._listen_while_owned()
                    if self._owned:
                        # Of no use here: another node gets the time to take it.
                        await self._give_up()
                        await asyncio.sleep(_LEFT_S)
                else:
                    await asyncio.sleep(_RENEW_S)
        finally:
            await self._give_up()

    async def _listen_while_owned(self) -> None:
        """Listen until the lease is lost, or nothing can come in here; never ends where there is no lease."""
        listening = asyncio.create_task(self._listen(), name=f"listener {self._listener.name}")
        try:
            while not self._exclusive or await self._own():
                await asyncio.wait((listening,), timeout=_RENEW_S)
                if self._exclusive and not self._listener.is_of_use():
                    logger.bind(connector=self._listener.name).warning("the connection is left to another node")
                    return
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _give_up(self) -> None:
        if self._exclusive and self._owned:
            self._owned = False
            with suppress(JournalUnavailable):
                await self._journal.disown(self._listener.name)

    async def _own(self) -> bool:
        try:
            self._owned = await self._journal.own(self._listener.name, LEASE, self._clock.now())
        except JournalUnavailable as error:
            # Without the journal nothing can be accepted, so the connection is of no use.
            logger.bind(connector=self._listener.name).error("who has the connection is not known: {}", error)
            self._owned = False
        return self._owned

    async def _listen(self) -> None:
        pause_s = _PAUSE_S
        while True:
            began = self._clock.elapsed()
            try:
                await self._listener.listen(self._take)
            except Exception as error:  # noqa: BLE001 - the guard of a task: a fault of one connector harms no other
                fault = type(error).__name__
                logger.bind(connector=self._listener.name).error("listening failed ({}); it is begun again", fault)
            if self._clock.elapsed() - began >= _WELL:
                pause_s = _PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_S, pause_s * 2)

    async def _take(self, received: Received) -> None:
        await self._accept(received)
