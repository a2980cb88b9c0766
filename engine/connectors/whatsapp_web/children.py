"""The daemon's side of the gateway process: start it, talk to it, see it end, and end it at a deadline.

Used by `connector`, which keeps one alive, and by `linking`, which needs one once.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.connectors.whatsapp_web.frames import Decoder, Frame, encode

# What is run; a descriptor and the folder of the session follow.
COMMAND = (sys.executable, "-m", "engine.connectors.whatsapp_web.gateway")
# The Go library reads its environment once, at its start: without this each message says that a bot wrote it.
_ENVIRON = {"NEONIZE_BOT_TAG": "off"}
# What the child has no business to know: secrets, and what systemd told the daemon.
_KEPT_BACK = re.compile(r"ENGINE_.*|CREDENTIALS_DIRECTORY|NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*")
# How a Go program dies.
_DEATH = re.compile(rb"^(panic|fatal error)\b", re.MULTILINE)
_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Launch:
    """How a gateway is started."""

    # Of the session; made when it does not exist.
    folder: Path
    command: Sequence[str] = COMMAND
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


class ChildGone(Exception):
    """The process has ended, or is about to."""


class _Output(asyncio.Protocol):
    """Takes what the process prints and keeps nothing of it: keys and numbers may stand in it."""

    def __init__(self) -> None:
        self.died = False

    def data_received(self, data: bytes) -> None:
        self.died = self.died or _DEATH.search(data) is not None


class Child:
    """One life of the gateway process."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        output: _Output,
        printed: asyncio.ReadTransport,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._output = output
        self._printed = printed
        # It was told to end, so that its end is no fault, unless it had to be killed.
        self.stopping = False
        self.killed = False

    @classmethod
    async def start(cls, launch: Launch) -> "Child":
        """Start the process. Raises OSError when the system does not let us."""
        await asyncio.to_thread(launch.folder.mkdir, 0o700, parents=True, exist_ok=True)
        kept = {name: value for name, value in launch.environ.items() if not _KEPT_BACK.fullmatch(name)}
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork is short, and the command is our own
                    [*launch.command, str(theirs.fileno()), str(launch.folder)],
                    pass_fds=(theirs.fileno(),),
                    env={**kept, **_ENVIRON},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
        except OSError:
            ours.close()
            raise
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            printed, output = await asyncio.get_running_loop().connect_read_pipe(_Output, process.stdout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return cls(process, reader, writer, output, printed)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def died(self) -> bool:
        """Whether it printed that the Go library gave up."""
        return self._output.died

    def send(self, frame: Frame) -> None:
        """Tell it something. Raises ChildGone when it cannot hear it any more."""
        if self._writer.is_closing() or self._process.poll() is not None:
            raise ChildGone
        self._writer.write(encode(frame))

    async def frames(self) -> AsyncIterator[Frame]:
        """What it tells, until it ends. Raises BrokenFrame for what is none."""
        decoder = Decoder()
        while True:
            try:
                piece = await self._reader.read(_PIECE)
            except OSError:
                return
            if not piece:
                return
            for frame in decoder.feed(piece):
                yield frame

    def ask_to_stop(self, *, unless_ended: bool = False) -> None:
        """Have it take in what it holds and end; at most once. One that has ended by itself was not told."""
        ended = self._reader.at_eof() or self._reader.exception() is not None
        if not self.stopping and not (unless_ended and ended):
            self.stopping = True
            try:
                self.send({"do": "stop"})
            except ChildGone:
                return

    def kill(self) -> None:
        """End it now, if it runs. What waits in it was not taken."""
        if self._process.poll() is None:
            self.killed = True
            self._process.kill()

    async def end(self, patience_s: float) -> int:
        """Wait for its end, kill it when that takes too long, and let go of everything; its exit code."""
        try:
            return await asyncio.to_thread(self._process.wait, patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return await asyncio.to_thread(self._process.wait)
        finally:
            self.kill()
            # It is dead, or is in a moment: nothing is waited for here.
            self._process.wait()
            self._writer.close()
            self._printed.close()
            with suppress(OSError):
                await self._writer.wait_closed()
