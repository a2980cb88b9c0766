"""Processes that are there at once: what a daemon and the stand-in networks import is imported once, and each of them
is a fork of the process that did.

    python -m standins.nursery DESCRIPTOR

A fork has a number, an environment, a folder, streams, signals and an exit code of its own, as what `python -m` starts;
only the second of imports is not there. Tests of the start itself, and whatever is measured, start anew.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Any, Protocol, Self

_LOOK_S = 0.005
_LONGEST = 1 << 20
# Started as programs, so they are imported for what they import and then forgotten.
_PROGRAMS = ("engine.cli", "standins.deadly", "standins.altered")


class Process(Protocol):
    """What a test does with a process, a `subprocess.Popen` or a fork."""

    pid: int
    stdout: IO[Any] | None
    returncode: int | None

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


class Fork:
    """A process that the nursery made."""

    def __init__(self, nursery: "Nursery", pid: int, stdout: IO[Any] | None) -> None:
        self._nursery = nursery
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask({"ended": self.pid})["code"]
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a fork", timeout or 0)
            time.sleep(_LOOK_S)
        return code

    def send_signal(self, sig: int) -> None:
        # Until its end was asked for, nobody else gets the number.
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The end of whoever has processes made."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ`: with the path to all modules. Numerical libraries are to start no threads, which no fork has."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "standins.nursery", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, env={**environ, "OPENBLAS_NUM_THREADS": "1"}, pass_fds=[theirs.fileno()]
            )
        self._socket = ours
        self._one_at_a_time = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.wait(30)

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        folder: Path,
        log: IO[Any],
        piped: bool = False,
    ) -> Fork:
        """Like `python -m program arguments…`, with both of its streams in the log, or the first in a pipe."""
        order = {"program": program, "arguments": list(arguments), "environ": dict(environ), "folder": str(folder)}
        reading, writing = os.pipe() if piped else (None, os.dup(log.fileno()))
        try:
            made = self.ask(order, (writing, log.fileno()))
        finally:
            os.close(writing)
        return Fork(self, made["pid"], None if reading is None else os.fdopen(reading, encoding="utf-8"))

    def ask(self, order: Mapping[str, object], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """The answer of the process that makes processes."""
        with self._one_at_a_time:
            socket.send_fds(self._socket, [json.dumps(order).encode()], descriptors)
            answer: dict[str, Any] = json.loads(self._socket.recv(_LONGEST))
        return answer


def main() -> None:
    """Make processes until nobody asks any more; in each of them, be the program that was asked for."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _prepare()
    while True:
        asked, descriptors, _, _ = socket.recv_fds(control, _LONGEST, 2)
        if not asked:
            return
        order = json.loads(asked)
        if "ended" in order:
            pid, status = os.waitpid(order["ended"], os.WNOHANG)
            answer = {"code": os.waitstatus_to_exitcode(status) if pid else None}
        elif (pid := os.fork()) == 0:
            break
        else:
            answer = {"pid": pid}
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(json.dumps(answer).encode())
    control.close()
    _become(order, descriptors)


def _prepare() -> None:
    """Import, and read from disk, what takes long."""
    from engine import app  # noqa: F401, PLC0415
    from engine.commands import run  # noqa: F401, PLC0415
    from engine.ruleset import languages  # noqa: PLC0415

    languages.prepare(frozenset({"sw"}))
    for program in _PROGRAMS:
        __import__(program)
        del sys.modules[program]


def _become(order: Mapping[str, Any], streams: Sequence[int]) -> None:
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    os.chdir(order["folder"])
    sys.argv = [order["program"], *order["arguments"]]
    runpy.run_module(order["program"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
