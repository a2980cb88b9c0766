"""What shows a client that somebody is there, done aside: it may take long, and what becomes of it is no matter.

Used by `gateway`, which alone can show it.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from engine.connectors.whatsapp_web.frames import Frame

# Orders that wait; while one takes as long as that, no further one is of use.
_MOST = 16


class Courtesies:
    """Orders to show it, one after the other in a thread of their own."""

    def __init__(self, show: Callable[[Frame], None]) -> None:
        """`show` does one; it may take its time."""
        self._show = show
        self._orders: queue.Queue[Frame] = queue.Queue(_MOST)
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self, frame: Frame) -> None:
        """Have it shown soon, or not at all."""
        with suppress(queue.Full):
            self._orders.put_nowait(frame)

    def _work(self) -> None:
        while True:
            self._show(self._orders.get())
