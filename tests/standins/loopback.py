"""Real HTTP on the loopback for networks that only pretend: faults on order, and a door for the tests.

A stand-in is a Network: a request in, an answer out. `Loopback` serves it, in the test's own event loop or (through
`main`) as a process of its own that outlives the daemon under test. Any exchange can be made to go wrong:

    {"on": "POST /api/v4/posts", "do": "cut_after", "times": 1}

A network that is an `Upgrading` one also takes WebSockets. A stand-in that finds requests against a published contract
keeps them as `violations`, and then the test that `serving` serves fails.

`on` is a regular expression for method and path. `do` is `answer` (with `status`, `body`, `headers`), `cut_before`,
`cut_after`, `hang_before` or `hang_after`, before or after it took effect, `late_after`: the answer comes after
`pace_s`, `drip_after`: it comes a byte at a time, each after `pace_s`, so that no silence is ever long, `half_after`:
its second half never comes, or `unmeasured_after`: it does not say how long it is. `times` defaults to 1; -1: until
cleared.
Control: GET /_recorded, POST /_faults (one or a list), DELETE /_faults, POST /_control (the network's own switches).
"""

import argparse
import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What came in; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, or None when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out. Text and bytes go as they are, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Network(Protocol):
    """A stand-in's behaviour."""

    async def answer(self, request: Request) -> Answer:
        """Take effect and answer."""
        ...

    def recorded(self) -> Any:
        """Everything worth counting, as JSON."""
        ...

    async def control(self, order: Mapping[str, Any]) -> Any:
        """Change a switch or do something by itself."""
        ...


@runtime_checkable
class Upgrading(Protocol):
    """A stand-in that also speaks over WebSockets."""

    async def converse(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over a connection from its upgrade to its end."""
        ...


@dataclass(slots=True)
class Fault:
    """Something to go wrong with the next exchanges that fit."""

    on: str
    do: str
    status: int = 500
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1
    pace_s: float = 0.1


class Loopback:
    """An HTTP/1.1 server with keep-alive for one Network."""

    def __init__(self, network: Network, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        """With a `context` it speaks TLS."""
        self.network = network
        self._context = context
        self.port = port
        self.faults: list[Fault] = []
        # Method and path of every exchange, the control's own excepted.
        self.seen: list[str] = []
        # The last value of each header that was sent to us.
        self.headers: dict[str, str] = {}
        self._server: asyncio.Server | None = None
        self._open = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, on: str, do: str = "answer", **details: Any) -> None:
        """Order a fault; see the module."""
        self.faults.append(Fault(on, do, **details))

    async def open(self) -> None:
        """Listen; on the same port as before when it was closed in between."""
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self.port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        self._open = True

    async def close(self) -> None:
        """Stop listening and drop every connection: from now on they are refused."""
        self._open = False
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        # A connection that was accepted in the last moment begins its conversation only after `close`.
        if task is None or not self._open:
            writer.close()
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # A cancelled conversation has nothing more to say; asyncio's streams would report it as an error.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while (request := await _read(reader)) is not None and await self._serve(request, reader, writer):
                    pass
        finally:
            writer.close()
            # Else the loop may end before the connection does.
            with suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def _serve(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is to be cut."""
        if request.path.startswith("/_"):
            await _write(writer, await self._controlled(request))
            return True
        self.seen.append(f"{request.method} {request.path}")
        self.headers.update(request.headers)
        fault = self._next_fault(self.seen[-1])
        if fault is None and "upgrade" in request.headers and isinstance(self.network, Upgrading):
            await self.network.converse(request, reader, writer)
            return False
        if fault is None:
            await _write(writer, await self.network.answer(request))
            return True
        if fault.do == "answer":
            await _write(writer, Answer(fault.status, fault.body, fault.headers))
            return True
        answer = await self.network.answer(request) if fault.do.endswith("_after") else Answer()
        if fault.do.startswith("late"):
            await asyncio.sleep(fault.pace_s)
            await _write(writer, answer)
            return True
        if fault.do.startswith("drip"):
            await _drip(writer, answer, fault.pace_s)
            return True
        if fault.do.startswith(("half", "unmeasured")):
            written = _written(answer)
            unmeasured = re.sub(rb"content-length: \d+\r\n", b"", written, count=1)
            half = written[: len(written) - len(written) // 2]
            writer.write(half if fault.do.startswith("half") else unmeasured)
            await writer.drain()
        if fault.do.startswith("hang"):
            await asyncio.Event().wait()
        return False

    def _next_fault(self, what: str) -> Fault | None:
        for fault in self.faults:
            if re.match(fault.on, what) and fault.times:
                fault.times -= 1
                return fault
        return None

    async def _controlled(self, request: Request) -> Answer:
        order = request.json()
        match request.method, request.path:
            case "GET", "/_recorded":
                return Answer(body={"seen": self.seen, "network": self.network.recorded()})
            case "POST", "/_faults":
                self.faults.extend(Fault(**fault) for fault in (order if isinstance(order, list) else [order]))
            case "DELETE", "/_faults":
                self.faults.clear()
            case "POST", "/_control":
                return Answer(body=await self.network.control(order))
            case _:
                return Answer(404, {"error": "no such control"})
        return Answer(body={"faults": len(self.faults)})


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method, unquote(parts.path), query, headers, body)


def _written(answer: Answer) -> bytes:
    kind = "text/plain" if isinstance(answer.body, str | bytes) else "application/json"
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": kind, **answer.headers, "content-length": str(len(body))}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(_written(answer))
    await writer.drain()


async def _drip(writer: asyncio.StreamWriter, answer: Answer, pace_s: float) -> None:
    for byte in _written(answer):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(pace_s)


@asynccontextmanager
async def serving(network: Network, context: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """The network on a free port, in the running event loop."""
    loopback = Loopback(network, context=context)
    await loopback.open()
    try:
        yield loopback
    finally:
        await loopback.close()
    violated = getattr(network, "violations", ())
    assert not violated, f"requests against the published contract: {violated}"


def main(network: Network, arguments: Sequence[str] | None = None) -> None:
    """Serve until killed; says its URL on the first line of standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    loopback = Loopback(network, parser.parse_args(arguments).port)

    async def serve() -> None:
        await loopback.open()
        print(loopback.url, flush=True)  # noqa: T201 - how the starting test learns the port
        await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())
