"""The axes of charts: which numbers stand beside them, and how far along a value lies."""

import math
from collections.abc import Sequence
from datetime import timedelta

# Of a logarithmic axis of spans; each about ten times the one before.
_SPANS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400)
)
_COUNT_TICKS = 5


def counts(most: int) -> tuple[int, ...]:
    """Round numbers from 0 to `most` or a little above, five or six of them."""
    rough = max(1, most) / _COUNT_TICKS
    power = 10 ** max(0, math.floor(math.log10(rough))) if rough >= 1 else 1
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return tuple(range(0, step * (-(-max(1, most) // step)) + 1, step))


def spans(values: Sequence[timedelta]) -> tuple[timedelta, ...]:
    """The round spans around some, at least two."""
    least, most = min(values), max(values)
    first = max((number for number, tick in enumerate(_SPANS) if tick <= least), default=0)
    last = min((number for number, tick in enumerate(_SPANS) if tick >= most), default=len(_SPANS) - 1)
    return _SPANS[min(first, len(_SPANS) - 2) : max(last, first + 1) + 1]


def share(value: timedelta, ticks: Sequence[timedelta]) -> float:
    """How far along a logarithmic axis a span lies, from 0 to 1."""
    least, most = (math.log(tick.total_seconds()) for tick in (ticks[0], ticks[-1]))
    there = math.log(max(value.total_seconds(), ticks[0].total_seconds()))
    return min(1.0, (there - least) / (most - least))
