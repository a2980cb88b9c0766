"""A daemon's clock as a test sets it; the daemon is `standins.altered` with `CLOCK_AHEAD` in its environment."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Clock:
    """The clock of an installation's daemon."""

    file: Path

    def set(self, ahead_s: float) -> None:
        """From now on it is so far ahead of the real one; the file changes in one step, for the daemon may read it."""
        new = self.file.with_suffix(".new")
        new.write_text(str(ahead_s))
        new.replace(self.file)
