"""Whether WhatsApp still answers on a connection that looks open: where nothing is heard for a while, it is asked.

Used by `gateway`; knows nothing of the library. On a dead link the library says for half a minute that all is well, and
makes the connection again after 182 s (neonize 0.5.2, measured 2026-11). A question cannot be called back, so each runs
in a thread of its own, one at a time; one without an answer counts again after each further span.
"""

import threading
from collections.abc import Callable
from time import monotonic

# So many spans in a row without an answer mean that the link is dead.
_MOST = 2


class Probe:
    """The watch over one connection."""

    def __init__(self, ask: Callable[[], bool], tell: Callable[[str], None]) -> None:
        """`ask` returns whether the answer came, or that the library could not ask; it may take as long as it wants.
        `tell` takes a happening (see `states`).
        """
        self._ask = ask
        self._tell = tell
        self._change = threading.Condition()
        self._open = False
        self._heard_at = monotonic()
        self._failures = 0

    def opened(self) -> None:
        """The connection was made."""
        with self._change:
            self._open, self._heard_at, self._failures = True, monotonic(), 0
            self._change.notify_all()

    def closed(self) -> None:
        """The connection has ended, as far as the library knows: it is not asked, and its end is no failure."""
        with self._change:
            self._open, self._failures = False, 0

    def heard(self) -> None:
        """Something came from WhatsApp."""
        with self._change:
            failures, self._failures = self._failures, 0
            self._heard_at = monotonic()
        if failures:
            self._tell("restored")

    def watch(self, after_s: float, within_s: float) -> None:
        """Ask whenever nothing was heard for so long, and wait so long for an answer. Returns when the link is dead."""
        while True:
            self._wait_until_quiet(after_s)
            if self._is_dead(within_s):
                self._tell("unreachable")
                return

    def _wait_until_quiet(self, after_s: float) -> None:
        with self._change:
            while not self._open or (rest := self._heard_at + after_s - monotonic()) > 0:
                self._change.wait(rest if self._open else None)

    def _is_dead(self, within_s: float) -> bool:
        asked_at, answers, ended = monotonic(), list[bool](), threading.Event()

        def ask() -> None:
            try:
                answers.append(self._ask())
            finally:
                ended.set()

        threading.Thread(target=ask, daemon=True).start()
        while not ended.wait(within_s):
            with self._change:
                silent = self._open and self._heard_at < asked_at
                self._failures += silent
                failures = self._failures
            if failures == _MOST:
                return True
            if silent:
                self._tell("silent")
        if answers == [True]:
            self.heard()
        else:
            # The library mends the connection or has told its end; it is asked again after a while.
            with self._change:
                self._heard_at = monotonic()
        return False
