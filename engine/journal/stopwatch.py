"""How long the journal takes, and what it refuses, as its callers see it: with the wait for the thread and the commit.

`app` makes one and hands it to the journal.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from engine.core.errors import JournalUnavailable
from engine.metrics import Metrics


class Stopwatch:
    """Reports each read and each write to the metrics."""

    def __init__(self, elapsed: Callable[[], timedelta], metrics: Metrics) -> None:
        """`elapsed` is that of `ports.Clock`."""
        self._elapsed = elapsed
        self._metrics = metrics

    @contextmanager
    def measure(self, operation: str) -> Iterator[None]:
        """Measure the block: a "read" or a "write" that succeeds, or one that the journal refuses."""
        began = self._elapsed()
        try:
            yield
        except JournalUnavailable:
            self._metrics.count_journal_refusal(operation)
            raise
        self._metrics.observe_journal(operation, self._elapsed() - began)
