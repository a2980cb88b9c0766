"""What the service manager hears, on a real datagram socket."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from loguru import logger

from engine import systemd
from engine.systemd import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        channel.settimeout(2)
        yield channel, path


Call = Callable[[Notifier], None]
CALLS: dict[str, tuple[Call, bytes]] = {
    "ready": (lambda notifier: notifier.ready(), b"READY=1"),
    "ready with a status": (lambda notifier: notifier.ready("42 rules"), b"READY=1\nSTATUS=42 rules"),
    "status": (lambda notifier: notifier.status("paused"), b"STATUS=paused"),
    "a status stays on its line": (
        lambda notifier: notifier.status("one\nREADY=1"),
        b"STATUS=one READY=1",
    ),
    "stopping": (lambda notifier: notifier.stopping(), b"STOPPING=1"),
    "watchdog": (lambda notifier: notifier.watchdog(), b"WATCHDOG=1"),
}


@pytest.mark.parametrize(("call", "expected"), CALLS.values(), ids=CALLS.keys())
def test_each_state_is_one_datagram(manager: tuple[socket.socket, str], call: Call, expected: bytes) -> None:
    """The manager receives exactly the assignments of sd_notify(3)."""
    channel, path = manager
    call(systemd.notifier({"NOTIFY_SOCKET": path}))
    assert channel.recv(4096) == expected


def test_a_reload_carries_the_monotonic_time(manager: tuple[socket.socket, str]) -> None:
    """`Type=notify-reload` compares the stamp with its own clock, so it must lie around the call."""
    channel, path = manager
    before = time.monotonic_ns() // 1000
    Notifier(path).reloading()
    after = time.monotonic_ns() // 1000
    state, stamp = channel.recv(4096).decode().split("\n")
    assert state == "RELOADING=1"
    name, microseconds = stamp.split("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(microseconds) <= after


def test_an_abstract_address_is_understood() -> None:
    """`@name` means the abstract namespace."""
    name = f"engine-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0" + name)
        channel.settimeout(2)
        Notifier("@" + name).ready()
        assert channel.recv(4096) == b"READY=1"


def test_outside_systemd_nothing_happens() -> None:
    """Without NOTIFY_SOCKET there is nobody to tell and no warning about it."""
    said: list[str] = []
    sink = logger.add(said.append)
    systemd.notifier({}).ready()
    logger.remove(sink)
    assert said == []


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    """The daemon goes on and the log says what was not heard."""
    said: list[str] = []
    sink = logger.add(said.append, format="{message}")
    Notifier(str(tmp_path / "nobody")).watchdog()
    logger.remove(sink)
    assert said == ["systemd was not told WATCHDOG=1: No such file or directory\n"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"WATCHDOG_USEC": "10000000"}, timedelta(seconds=5), id="half of the allowance"),
        pytest.param(
            {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=1.5), id="our pid"
        ),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None, id="a parent's watchdog"),
        pytest.param({}, None, id="no watchdog"),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="zero"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="not a number"),
    ],
)
def test_the_watchdog_interval_is_half_of_what_is_allowed(environ: dict[str, str], expected: timedelta | None) -> None:
    """Two chances in each period, and none for a watchdog of another process."""
    assert systemd.watchdog_interval(environ) == expected
