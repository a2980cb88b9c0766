"""Times that a person types: the options `--since` and `--until` as a stretch of time, `--at` as a moment."""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.clocks import SystemClock
from engine.core import durations
from engine.core.errors import UsageError

_DEFAULT_SPAN = "30d"
# The ends of the calendar overflow as soon as anything is added to them, or they are shown in another zone.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment until before another; aware."""

    since: datetime
    until: datetime


def period(options: argparse.Namespace, default: str = _DEFAULT_SPAN) -> Period:
    """What the two options say; `default` stands for a missing `--since`, an empty one for everything. UsageError for a
    wrong form.
    """
    since = options.since or default
    begin = _moment("--since", since) if since else EARLIEST
    end = _moment("--until", options.until) if options.until else _LATEST
    if begin >= end:
        raise UsageError("--since must lie before --until")
    return Period(begin, end)


def instant(option: str, written: str) -> datetime:
    """The moment that an option names, aware. UsageError for anything else."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f'{option} "{written}" is no time with a zone: write it as 2026-02-12T22:15:00+03:00')
    if not EARLIEST <= moment < _LATEST:
        raise UsageError(f'{option} "{written}" must lie between the years {EARLIEST.year} and {_LATEST.year}')
    return moment


def _moment(option: str, written: str) -> datetime:
    span = durations.parse(written)
    if span is not None:
        return _now() - min(span, timedelta(days=9000))
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise UsageError(
            f'{option} "{written}" is neither a span such as 30d, 12h or 45m nor a date such as 2026-02-12'
        ) from None
    return min(max(moment if moment.tzinfo else moment.replace(tzinfo=UTC), EARLIEST), _LATEST)


def _now() -> datetime:
    return SystemClock().now()
