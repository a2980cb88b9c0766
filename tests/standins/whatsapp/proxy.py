"""The HTTP proxy that leads a client of WhatsApp to a port of this machine (CONNECT, RFC 9110, section 9.3.6)."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CHUNK = 1 << 16


class Proxy:
    """Connects to some hosts, by their names, and to no other."""

    def __init__(self, hosts: Collection[str], changed: Callable[[], None]) -> None:
        """`changed` is called when something here may have come true that a test waits for."""
        self._changed = changed
        self._targets = {f"{host}:443" for host in hosts}
        self.port = 0
        # Whether it answers nobody.
        self.mute = False
        # Whom it did not answer.
        self.unanswered = 0
        # Other places that somebody wanted to be connected with.
        self.refused: list[str] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._inner = 0
        # The connections that are open, and of those the ones that lead nowhere any more.
        self._open: set[object] = set()
        self._dead: set[object] = set()

    def fall_silent(self) -> None:
        """Lose what the open connections carry from now on, without an end, as a network does that has lost them."""
        self._dead |= self._open

    async def open(self, inner: int) -> None:
        """Listen, on the same port as before when it was closed in between, and lead to port `inner`."""
        self._inner = inner
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more and cut every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._server is None:
            writer.close()
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A cancelled task has nothing more to say; asyncio's streams would report it as an error.
        with suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            await self._lead(reader, writer)
        await _close(writer)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split(" ", 2)
        if self.mute:
            self.unanswered += 1
            self._changed()
            await asyncio.Event().wait()
        if method != "CONNECT" or target not in self._targets:
            self.refused.append(target)
            self._changed()
            writer.write(_FORBIDDEN)
            await writer.drain()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner)
        try:
            writer.write(_ESTABLISHED)
            self._open.add(writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pipe(writer, reader, inner_writer))
                both.create_task(self._pipe(writer, inner_reader, writer))
        finally:
            self._open.discard(writer)
            self._dead.discard(writer)
            await _close(inner_writer)

    async def _pipe(self, link: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                if link not in self._dead:
                    writer.write(data)
                    await writer.drain()
        writer.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    # Else the loop may end before the connection does.
    with suppress(ConnectionError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1)
