"""What the gateway gives the daemon, from all of its threads: each thing waits until the daemon has it on disk.

Used by `gateway`; knows nothing of the library.
"""

import os
import socket
import threading
from time import monotonic
from typing import Final

from engine.connectors.whatsapp_web.frames import BrokenFrame, Frame, encode

# After `disconnect` what the library holds still comes; this long without anything means that it was all.
_QUIET_S: Final = 0.3


class Wire:
    """The socket to the daemon, for all threads."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lock = threading.Lock()

    def send(self, frame: Frame) -> None:
        """Write a frame. Ends the process when the daemon is gone: then nobody may be told that anything was taken."""
        written = encode(frame)
        try:
            with self._lock:
                self._control.sendall(written)
        except OSError:
            os._exit(1)


class Handover:
    """What came in and is not durable yet."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.Lock()
        self._taken: dict[int, threading.Event] = {}
        self._number = 0
        self._moved_at = monotonic()

    def hand(self, frame: dict[str, object]) -> None:
        """Hand over and return when the daemon has it on disk. The library waits meanwhile, and behind it WhatsApp."""
        taken = threading.Event()
        with self._lock:
            self._number += 1
            number = self._number
            self._taken[number] = taken
        try:
            self._wire.send({**frame, "id": number})
        except BrokenFrame:
            self._wire.send({"is": frame["is"], "info": frame.get("info", {}), "too_long": True, "id": number})
        taken.wait()

    def take(self, number: object) -> None:
        """The daemon has it."""
        with self._lock:
            taken = self._taken.pop(number, None) if isinstance(number, int) else None
            self._moved_at = monotonic()
        if taken is not None:
            taken.set()

    def is_quiet(self) -> bool:
        """Whether nothing waits and nothing came for a while."""
        with self._lock:
            return not self._taken and monotonic() - self._moved_at > _QUIET_S
