"""What a clock must be able to do."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The only source of the time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC. Somebody may set it, so it can jump either way."""
        ...

    def elapsed(self) -> timedelta:
        """How long some moment in the past is ago, by a clock that nobody can set. Only differences mean anything."""
        ...
