"""Hours of the week and days of a calendar into stretches of time.

Called by `schedules`. A window belongs to the day on which it begins, and passes midnight where it does not end later
than it starts; a day of a calendar is from midnight to midnight on the wall of the zone. All stretches are half-open
and in UTC. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from engine.core.walltimes import instant

# From an instant to another one, which is not a part of it any more.
Stretch = tuple[datetime, datetime]

_DAY = timedelta(days=1)
_MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True)
class Window:
    """From a time of day to another on some days."""

    # 0 is Monday.
    days: frozenset[int]
    start: time
    # On the next day where that is not later; midnight is the end of the day.
    end: time


def _no_days(_: int) -> frozenset[date]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days that somebody has marked, e.g. holidays."""

    dates: frozenset[date]
    # The further days of a year.
    of_year: Callable[[int], AbstractSet[date]] = _no_days

    def includes(self, day: date) -> bool:
        """Whether a day is marked."""
        return day in self.dates or day in self.of_year(day.year)


def open_stretches(windows: Sequence[Window], zone: tzinfo, since: datetime, until: datetime) -> list[Stretch]:
    """When one of the windows is open, with what touches or overlaps as one, cut to the time from one to another."""
    found: list[Stretch] = []
    for day in _days(zone, since, until):
        weekday = day.weekday()
        for window in windows:
            if weekday in window.days:
                last = day + _DAY if window.end <= window.start else day
                found.append((instant(day, window.start, zone), instant(last, window.end, zone)))
    return join(found, since, until)


def marked_stretches(calendar: Calendar, zone: tzinfo, since: datetime, until: datetime) -> list[Stretch]:
    """The days of a calendar, those that follow each other as one, cut to the time from one to another."""
    marked = (day for day in _days(zone, since, until) if calendar.includes(day))
    return join(((instant(day, _MIDNIGHT, zone), instant(day + _DAY, _MIDNIGHT, zone)) for day in marked), since, until)


def join(stretches: Iterable[Stretch], since: datetime, until: datetime) -> list[Stretch]:
    """In order and without touching each other; what is empty or lies outside is left out."""
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        first, last = max(begin, since), min(end, until)
        if first >= last:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _days(zone: tzinfo, since: datetime, until: datetime) -> Iterator[date]:
    """Each day on which something may begin that reaches into the time from one to another."""
    # Two before: a window that begins on a day may end on the next, and a zone has skipped a whole day before.
    day = since.astimezone(zone).date() - 2 * _DAY
    last = until.astimezone(zone).date()
    while day <= last:
        yield day
        day += _DAY
