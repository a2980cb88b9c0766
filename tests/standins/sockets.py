"""The WebSocket of the stand-in for Mattermost: who listens, what was sent to whom, and what may go wrong with it.

As server 5.37 was seen to behave, and newer ones were read: a socket with a bad token stays open and silent, one with a
bad challenge is closed; the first event is `hello`, number 0; a connection that broke keeps the last 128 events that
were sent and up to 256 that wait, for five minutes, and can be taken up at a number: what was sent from there on is
sent again, which may be nothing; an unknown connection, one that is alive and one that has lost events get a new id.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standins.loopback import Request
from websockets import http11
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

_SENT = 128
_WAITING = 256
_IDLE_S = 300.0


@dataclass(slots=True)
class Line:
    """A connection id with what belongs to it."""

    id: str
    # The number of the next event.
    number: int = 0
    # Those that were sent, as (number, text).
    sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_SENT))
    waiting: deque[Mapping[str, Any]] = field(default_factory=deque)
    socket: "Socket | None" = None
    left_at: float = 0.0


@dataclass(slots=True)
class Socket:
    """An open WebSocket."""

    protocol: ServerProtocol
    writer: asyncio.StreamWriter
    line: Line | None = None
    # It takes everything and answers nothing any more.
    deaf: bool = False

    def send(self, text: str) -> None:
        self.protocol.send_text(text.encode())
        self.flush()

    def flush(self) -> None:
        data = b"".join(self.protocol.data_to_send())
        if not self.deaf:
            self.writer.write(data)


@dataclass(slots=True)
class Hub:
    """Everybody who listens."""

    token: Callable[[], str]
    seconds: Callable[[], float]
    lines: dict[str, Line] = field(default_factory=dict)
    sockets: list[Socket] = field(default_factory=list)
    # How each socket was greeted: "hello" with a new id, "resumed", or "silent".
    greetings: list[str] = field(default_factory=list)
    # How many sockets to come are deaf from their first event on.
    deafen: int = 0
    _made: int = 0

    def publish(self, event: str, data: Mapping[str, Any], channel_id: str) -> None:
        """Tell an event to everybody, in its order."""
        broadcast = {"channel_id": channel_id, "user_id": "", "team_id": "", "omit_users": None}
        told = {"event": event, "data": data, "broadcast": broadcast}
        for line in list(self.lines.values()):
            line.waiting.append(told)
            if line.socket is not None:
                _empty(line)
            elif len(line.waiting) > _WAITING:
                del self.lines[line.id]

    def cut(self) -> None:
        """Break every connection at once."""
        for socket in list(self.sockets):
            socket.writer.transport.abort()

    def grow_deaf(self) -> None:
        for socket in self.sockets:
            socket.deaf = True

    def skip(self) -> None:
        """Lose one number of every connection."""
        for line in self.lines.values():
            line.number += 1

    async def converse(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One socket from its upgrade to its end."""
        protocol = ServerProtocol(max_size=8 * 1024)
        protocol.receive_data(_upgrade(request))
        (opening,) = protocol.events_received()
        assert isinstance(opening, http11.Request)
        protocol.send_response(protocol.accept(opening))
        socket = Socket(protocol, writer)
        socket.flush()
        self.sockets.append(socket)
        try:
            if request.headers.get("authorization") == f"Bearer {self.token()}":
                self._greet(socket, request.query)
            elif "authorization" in request.headers:
                self.greetings.append("silent")
            while data := await reader.read(65_536):
                protocol.receive_data(data)
                for frame in protocol.events_received():
                    if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                        self._hear(socket, json.loads(bytes(frame.data)))
                socket.flush()
                if protocol.close_expected():
                    break
        finally:
            self.sockets.remove(socket)
            if socket.line is not None and socket.line.socket is socket:
                socket.line.socket, socket.line.left_at = None, self.seconds()

    def _hear(self, socket: Socket, said: Mapping[str, Any]) -> None:
        if said.get("action") != "authentication_challenge":
            return
        if said["data"].get("token") == self.token():
            socket.send(json.dumps({"status": "OK", "seq_reply": said["seq"]}))
            self._greet(socket, {})
        else:
            socket.protocol.send_close(1000)
            socket.flush()

    def _greet(self, socket: Socket, wanted: Mapping[str, str]) -> None:
        line, number = self.lines.get(wanted.get("connection_id", "")), int(wanted.get("sequence_number", "0"))
        kept = line is not None and line.socket is None and self.seconds() - line.left_at < _IDLE_S
        repeated = [text for at, text in line.sent if at >= number] if line is not None else []
        known = bool(repeated) and line is not None and line.sent[0][0] <= number
        if line is None or not kept or not (known or line.number == number):
            self._made += 1
            line = Line(f"n{self._made:025d}")
            self.lines[line.id] = line
            hello = {"connection_id": line.id, "server_version": "5.37.0"}
            line.waiting.append({"event": "hello", "data": hello, "broadcast": {"channel_id": ""}})
            repeated = []
            self.greetings.append("hello")
        else:
            self.greetings.append("resumed")
        line.socket, socket.line = socket, line
        for text in repeated:
            socket.send(text)
        _empty(line)
        if self.deafen:
            self.deafen -= 1
            socket.deaf = True


def _empty(line: Line) -> None:
    """Send what waits; each event gets its number only now."""
    while line.waiting and line.socket is not None:
        text = json.dumps({**line.waiting.popleft(), "seq": line.number})
        line.sent.append((line.number, text))
        line.number += 1
        line.socket.send(text)


def _upgrade(request: Request) -> bytes:
    """The request once more as it came, for the library to judge."""
    lines = [f"GET {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    return "\r\n".join((*lines, "", "")).encode("latin-1")
