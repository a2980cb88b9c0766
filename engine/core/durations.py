"""Spans of time as people write them in files: 30m, 4h, 2d. Called by `settings` and the rule-set's `shapes`."""

import re
from datetime import timedelta

SPAN = re.compile(r"([0-9]{1,6})\s?(ms|s|m|h|d|w)", re.ASCII)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse(written: str) -> timedelta | None:
    """The span that "90s", "30m" or "4 h" writes; None for anything else."""
    found = SPAN.fullmatch(written)
    return int(found[1]) * _UNITS[found[2]] if found else None


def written(span: timedelta) -> str:
    """The span in the greatest unit that writes it without a remainder: "90m", "4h", "2d"."""
    return next(f"{span // unit}{name}" for name, unit in reversed(_UNITS.items()) if not span % unit)
