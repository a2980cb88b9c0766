"""The machine's clock: the only module that reads it.

`app` and the commands hand it, or what it tells, to everything else.
"""

from datetime import UTC, datetime, timedelta
from time import monotonic


class SystemClock:
    """The machine's clock."""

    @staticmethod
    def now() -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)

    @staticmethod
    def elapsed() -> timedelta:
        """How long the machine has run without its sleep."""
        return timedelta(seconds=monotonic())
