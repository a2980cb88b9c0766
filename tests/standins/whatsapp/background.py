"""The service in a thread of its own, for tests that have no event loop or must not wait in it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from standins.whatsapp.server import Service

Result = TypeVar("Result")

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Background:
    """A running service. Everything about it that is not a constant happens in its loop, through `do`."""

    service: Service
    _loop: asyncio.AbstractEventLoop

    def do(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns, as in `do(ana.write("hello"))`."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_S)

    def look(self, function: Callable[[], Result]) -> Result:
        """What the function returns, as in `look(service.sent)`."""

        async def call() -> Result:
            return function()

        return self.do(call())


@contextmanager
def in_background(folder: Path) -> Iterator[Background]:
    """A service that listens while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def made() -> Service:
        service = Service(folder)
        await service.open()
        return service

    try:
        service = asyncio.run_coroutine_threadsafe(made(), loop).result(_PATIENCE_S)
        background = Background(service, loop)
        try:
            yield background
        finally:
            background.do(service.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
        loop.close()
