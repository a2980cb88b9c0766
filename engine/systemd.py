"""Tells systemd how the daemon is doing: sd_notify(3) on its datagram socket, nothing more.

`app` calls it at start, reload, stop and on each turn of the watchdog. Outside systemd, where NOTIFY_SOCKET is not set,
every call does nothing. A manager that cannot be reached never stops the daemon.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from loguru import logger


@dataclass(frozen=True, slots=True)
class Notifier:
    """The way to the service manager; `address` is the value of NOTIFY_SOCKET, empty outside systemd."""

    address: str

    def ready(self, status: str = "") -> None:
        """The start, or the reload that `reloading` announced, is complete."""
        self._send("READY=1", *([f"STATUS={_one_line(status)}"] if status else []))

    def reloading(self) -> None:
        """A reload begins; `Type=notify-reload` wants the monotonic time with it (systemd.service(5))."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; it must not hold client data."""
        self._send(f"STATUS={_one_line(text)}")

    def stopping(self) -> None:
        """The drain begins."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """The event loop turns and the journal answers."""
        self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> None:
        if not self.address:
            return
        # "@" stands for the NUL byte that begins an abstract address.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                # A manager with a full queue must not hold the event loop.
                channel.settimeout(0)
                channel.sendto("\n".join(assignments).encode(), address)
        except OSError as error:
            logger.warning("systemd was not told {}: {}", assignments[0], error.strerror)


def notifier(environ: Mapping[str, str]) -> Notifier:
    """The notifier of this process's environment."""
    return Notifier(environ.get("NOTIFY_SOCKET", ""))


def watchdog_interval(environ: Mapping[str, str]) -> timedelta | None:
    """How often to call `watchdog`: half of what systemd allows (sd_watchdog_enabled(3)); None without a watchdog."""
    allowed = environ.get("WATCHDOG_USEC", "")
    # A child inherits the variables, but the watchdog is not its own.
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (allowed.isascii() and allowed.isdigit() and int(allowed)):
        return None
    return timedelta(microseconds=int(allowed)) / 2


def _one_line(text: str) -> str:
    return " ".join(text.split())
