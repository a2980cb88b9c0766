"""What the schedules will come to in the next ninety days, and around each change of the clocks within a year.

Called by `folder` where a person checks the files: `engine validate` hands in the present. A reload does not look
ahead, so that no daemon refuses at night what it took the day before. Shifts are walked from one edge to the next, not
on a grid, so no gap is too short to be seen.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from engine.core import rotations, schedules
from engine.core.ladders import TargetKind
from engine.core.rosters import Roster
from engine.core.schedules import Schedule
from engine.core.walltimes import changes, is_shown
from engine.ruleset.oncall import names, syntax
from engine.ruleset.oncall.events import Expanded
from engine.ruleset.syntax import Fault

AHEAD = timedelta(days=90)
_YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def check(
    document: syntax.Document, roster: Roster, expanded: Mapping[str, Expanded], now: datetime
) -> Iterator[Fault]:
    """Everything that will go wrong as far as anybody can see, from an aware instant on."""
    called = {target.name for target in names.targets(document) if target.kind is TargetKind.SCHEDULE}
    for said in document.schedules:
        schedule = roster.timetables[said.name.value].schedule
        yield from _beginning(said, schedule, now)
        yield from _gaps(said, schedule, now, is_called=said.name.value in called)
        yield from _past_overrides(said, schedule, now)
        yield from _hand_offs(said, schedule.zone, now)
        yield from _old_calendar(said, expanded, now)
    yield from _dates(document, now)


def _beginning(said: syntax.Schedule, schedule: Schedule, now: datetime) -> Iterator[Fault]:
    begins_at = schedules.begins_at(schedule)
    if begins_at is not None and begins_at > now:
        message = f"nobody is on duty before {_shown(begins_at, schedule.zone)}, when this schedule begins"
        yield Fault(said.name.at, "W548", message, "write earlier dates if it should hold now")


def _gaps(said: syntax.Schedule, schedule: Schedule, now: datetime, *, is_called: bool) -> Iterator[Fault]:
    if said.may_have_gaps and not is_called:
        return
    first = max(now, schedules.begins_at(schedule) or now)
    last = schedule.imported.known[1] if schedule.imported else now + _YEAR
    horizon = min(first + AHEAD, last)
    found = schedules.gaps(schedule, first, horizon) if first < last else []
    # Farther away only where the clocks change.
    for change in changes(schedule.zone, first + AHEAD, last) if not found else ():
        found += schedules.gaps(schedule, change - _DAY, min(change + _DAY, last))
    if not found:
        return
    gap = found[0]
    more = f", and {len(found) - 1} more times" if len(found) > 1 else ""
    end = "on" if gap.until == horizon else f"to {_shown(gap.until, schedule.zone)}"
    span = f"{_shown(gap.since, schedule.zone)} {end}"
    if said.may_have_gaps:
        message = f"a policy calls this schedule, and nobody is on duty from {span}{more}"
        yield Fault(said.name.at, "W540", message, 'then those under "nobody" are called at once')
    else:
        hint = 'add a layer or an override, or write "gaps: allow"'
        yield Fault(said.name.at, "E272", f"nobody is on duty from {span}{more}", hint)


def _past_overrides(said: syntax.Schedule, schedule: Schedule, now: datetime) -> Iterator[Fault]:
    for written, override in zip(said.overrides, schedule.overrides, strict=True):
        if override.until <= now:
            yield Fault(written.at, "W541", "this override is over", "delete it")


def _hand_offs(said: syntax.Schedule, zone: ZoneInfo, now: datetime) -> Iterator[Fault]:
    """Hand-offs at a time that a change of the clocks leaves out or brings twice."""
    for layer in said.layers:
        if layer.rotation is None:
            continue
        odd = (day for change in changes(zone, now, now + _YEAR) for day in _odd(layer.rotation, change, zone))
        for day in islice(odd, 1):
            message = f'the clocks change at {layer.rotation.at:%H:%M} on {day}, when "{layer.name.value}" hands over'
            yield Fault(layer.at, "W542", message, "choose a time at which no clock is changed, e.g. 09:00")


def _odd(rotation: rotations.Rotation, change: datetime, zone: tzinfo) -> Iterator[date]:
    before, after = (change - timedelta(seconds=1)).astimezone(zone), change.astimezone(zone)
    for day in sorted({before.date(), after.date()}):
        wall = datetime.combine(day, rotation.at, zone)
        twice = wall.utcoffset() != wall.replace(fold=1).utcoffset()
        if (day - rotation.start).days % rotation.every_days == 0 and (twice or not is_shown(wall)):
            yield day


def _old_calendar(said: syntax.Schedule, expanded: Mapping[str, Expanded], now: datetime) -> Iterator[Fault]:
    if said.imported is None or said.imported.max_age is None:
        return
    found = expanded.get(said.imported.ics.value)
    if found and found.written_at and now - found.written_at > said.imported.max_age:
        message = f"this calendar was written {(now - found.written_at) // _HOUR} h ago"
        yield Fault(said.imported.ics.at, "W547", message, "see why it is not fetched any more")


def _dates(document: syntax.Document, now: datetime) -> Iterator[Fault]:
    year = (now + AHEAD).year
    for calendar in document.calendars:
        by_hand = calendar.dates and not (calendar.country or calendar.ics)
        if by_hand and all(day.year != year for day in calendar.dates):
            message = f'"{calendar.name.value}" has no date in {year}'
            yield Fault(calendar.name.at, "W544", message, "add those of that year")


def _shown(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"
