"""What a clock on the wall of a zone shows into the instant that is meant, and the changes of such clocks.

Called by `windows`, `rotations` and whatever reads the schedule files. Everything else compares instants in UTC. Pure:
zones come in as objects.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def instant(day: date, at: time, zone: tzinfo) -> datetime:
    """The instant in UTC at which the wall shows a time on a day.

    Where clocks are set back and the time comes twice it is the first one; where they are set ahead and it does not
    come at all it is the first instant after the hole.
    """
    wall = datetime.combine(day, at, zone)
    found = wall.astimezone(UTC)
    if is_shown(wall):
        return found
    # Of a time in a hole the two folds lie on either side of it (PEP 495).
    return _first_change(wall.replace(fold=1).astimezone(UTC), found, zone)


def is_shown(wall: datetime) -> bool:
    """Whether a time with a zone ever shows on the wall there: it does not where clocks are set ahead."""
    shown = wall.astimezone(UTC).astimezone(wall.tzinfo)
    return shown.replace(tzinfo=None) == wall.replace(tzinfo=None)


def changes(zone: tzinfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """The instants from one to another, both aware, at which the clocks of a zone are set, in their order."""
    moment = since.astimezone(UTC)
    while moment < until:
        later = min(moment + _DAY, until.astimezone(UTC))
        if _offset(later, zone) != _offset(moment, zone):
            yield _first_change(moment, later, zone)
        moment = later


def _first_change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The second at which the offset of the first instant ends; that of the second one is another."""
    old = _offset(before, zone)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0) if middle.replace(microsecond=0) > before else middle
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
