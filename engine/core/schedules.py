"""A schedule and an instant in, who is on duty out: the shift with its people, its layer, its beginning and its end.

Called by `rosters` for each call, and by commands that look ahead. An override decides before the last layer that has
somebody, that before an earlier one, and an imported calendar stands below all layers. Shifts are half-open and as long
as nothing about them changes; together they cover all time without gap or overlap. Times are instants in UTC. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from engine.core.rotations import Members, Rotation, Turn, first_turn, hand_off, turns
from engine.core.windows import Calendar, Stretch, Window, marked_stretches, open_stretches


class Source(StrEnum):
    """What says who is on duty."""

    LAYER = "layer"
    OVERRIDE = "override"
    CALENDAR = "calendar"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns, or are there together, in some hours or on some days."""

    name: str
    # In the order of their dates; at least one.
    lists: tuple[Members, ...]
    # None: everybody of the list at once.
    rotation: Rotation | None = None
    # None of them: at any hour.
    only: tuple[Window, ...] = ()
    # On the days of this calendar alone; None: on any day.
    when: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else for a while."""

    since: datetime
    until: datetime
    # At least one.
    people: tuple[str, ...]
    # Whose place they take, where that person is on duty; None: everybody's.
    replaces: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a calendar file says, as a flat table."""

    # In the order of their beginnings; they may overlap.
    turns: tuple[Turn, ...]
    # For which time the table was made.
    known: Stretch
    # When the file was written, and how old it may become before that is told; None: nobody knows, or cares.
    written_at: datetime | None = None
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule, with everything that it needs."""

    name: str
    zone: ZoneInfo
    layers: tuple[Layer, ...] = ()
    # A later one acts on what the earlier ones left.
    overrides: tuple[Override, ...] = ()
    imported: Imported | None = None
    # Whether nobody at all is as it should be.
    may_have_gaps: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on duty from when to when, and by what."""

    # Names of people; empty: nobody.
    people: tuple[str, ...]
    # None: more than a year away.
    since: datetime | None
    until: datetime | None
    source: Source
    # The name of the layer, or the reason of the override; empty for a calendar and for nobody.
    layer: str = ""
    # What is doubtful about it, e.g. "the calendar of voip is 30 h old".
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stay:
    """A shift cut to some time."""

    since: datetime
    until: datetime
    people: tuple[str, ...]
    source: Source
    layer: str = ""

    def goes_on(self, other: "Stay") -> bool:
        """Whether another one says the same."""
        return (self.people, self.source, self.layer) == (other.people, other.source, other.layer)


def stays(schedule: Schedule, since: datetime, until: datetime) -> list[Stay]:
    """All shifts from one instant to a later one, in order, the first and the last one cut."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    tracks = [*_calendar_tracks(schedule, since, until), *_layer_tracks(schedule, since, until)]
    overrides = [each for each in schedule.overrides if each.since < until and since < each.until]
    edges = {since, until}
    for stay in (stay for track in tracks for stay in track):
        edges.update((stay.since, stay.until))
    for override in overrides:
        edges.update((max(override.since, since), min(override.until, until)))
    ordered = sorted(edges)
    found: list[Stay] = []
    positions = [0] * len(tracks)
    for begin, end in pairwise(ordered):
        stay = _overridden(_uppermost(tracks, positions, begin, end), overrides)
        if found and found[-1].goes_on(stay):
            stay = replace(found.pop(), until=end)
        found.append(stay)
    return found


def gaps(schedule: Schedule, since: datetime, until: datetime) -> list[Stay]:
    """When nobody is on duty between two instants."""
    return [stay for stay in stays(schedule, since, until) if not stay.people]


def resolve(schedule: Schedule, at: datetime) -> Shift:
    """Who is on duty at an aware instant; whoever asks often keeps a Timetable."""
    return Timetable(schedule).at(at)


def begins_at(schedule: Schedule) -> datetime | None:
    """The first instant for which the schedule was made; None: it was made for all time."""
    if schedule.imported is not None:
        return schedule.imported.known[0]
    found = [
        layer.lists[0].since
        if layer.rotation is None
        else hand_off(layer.rotation, first_turn(layer.rotation, layer.lists[0], schedule.zone), schedule.zone)
        for layer in schedule.layers
    ]
    return min(found, default=None)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# So much of a schedule is worked out at once.
_BLOCK = timedelta(days=32)
# How many further blocks are looked through for the end of a shift, and for its beginning.
_SIGHT = 12
# More blocks are forgotten: those who ask, ask about now.
_MOST_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class Timetable:
    """A schedule that is asked often: what was worked out once is remembered, so that a look costs microseconds."""

    schedule: Schedule
    # By number: the beginnings of the shifts, and the shifts. A memory, which changes no answer.
    _blocks: dict[int, tuple[tuple[datetime, ...], tuple[Shift, ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def at(self, moment: datetime) -> Shift:
        """Who is on duty at an aware instant."""
        number = (moment - _EPOCH) // _BLOCK
        block = self._blocks.get(number)
        if block is None:
            block = self._remember(number)
        begins, shifts = block
        shift = shifts[bisect_right(begins, moment) - 1]
        if self.schedule.imported is None:
            return shift
        return replace(shift, warnings=_doubts(self.schedule, self.schedule.imported, moment))

    def _remember(self, number: int) -> tuple[tuple[datetime, ...], tuple[Shift, ...]]:
        begin = _EPOCH + number * _BLOCK
        found = stays(self.schedule, begin, begin + _BLOCK)
        shifts = [_shift(stay, stay.since, stay.until) for stay in found]
        shifts[0] = replace(shifts[0], since=_beginning(self.schedule, found[0]))
        shifts[-1] = replace(shifts[-1], until=_end(self.schedule, found[-1]))
        block = tuple(stay.since for stay in found), tuple(shifts)
        if len(self._blocks) >= _MOST_BLOCKS:
            self._blocks.clear()
        self._blocks[number] = block
        return block


def _shift(stay: Stay, since: datetime, until: datetime) -> Shift:
    return Shift(stay.people, since, until, stay.source, stay.layer)


def _beginning(schedule: Schedule, stay: Stay) -> datetime | None:
    begin = stay.since
    for _ in range(_SIGHT):
        before = stays(schedule, begin - _BLOCK, begin)[-1]
        if not stay.goes_on(before):
            return begin
        if before.since > begin - _BLOCK:
            return before.since
        begin = before.since
    return None


def _end(schedule: Schedule, stay: Stay) -> datetime | None:
    end = stay.until
    for _ in range(_SIGHT):
        after = stays(schedule, end, end + _BLOCK)[0]
        if not stay.goes_on(after):
            return end
        if after.until < end + _BLOCK:
            return after.until
        end = after.until
    return None


def _doubts(schedule: Schedule, imported: Imported, moment: datetime) -> tuple[str, ...]:
    found: list[str] = []
    if imported.written_at is not None and imported.max_age is not None:
        age = moment - imported.written_at
        if age > imported.max_age:
            found.append(f"the calendar of {schedule.name} is {age // timedelta(hours=1)} h old")
    if not imported.known[0] <= moment < imported.known[1]:
        found.append(f"the calendar of {schedule.name} was not read for this day")
    return tuple(found)


def _calendar_tracks(schedule: Schedule, since: datetime, until: datetime) -> Iterator[list[Stay]]:
    """What a calendar says, as stays one after the other: who overlap are on duty together."""
    if schedule.imported is None:
        return
    inside = [turn for turn in schedule.imported.turns if turn[0] < until and since < turn[1]]
    edges = sorted({edge for begin, end, _ in inside for edge in (max(begin, since), min(end, until))})
    track: list[Stay] = []
    for begin, end in pairwise(edges):
        there = [people for first, last, people in inside if first <= begin < last]
        if there:
            people = tuple(dict.fromkeys(person for several in there for person in several))
            track.append(Stay(begin, end, people, Source.CALENDAR))
    yield track


def _layer_tracks(schedule: Schedule, since: datetime, until: datetime) -> Iterator[list[Stay]]:
    for layer in schedule.layers:
        active = [(since, until)]
        if layer.only:
            active = open_stretches(layer.only, schedule.zone, since, until)
        if layer.when is not None:
            marked = marked_stretches(layer.when, schedule.zone, since, until)
            active = [(begin, end) for begin, end, _ in _cut([(*stretch, ()) for stretch in active], marked)]
        yield [
            Stay(begin, end, people, Source.LAYER, layer.name)
            for begin, end, people in _cut(turns(layer.rotation, layer.lists, schedule.zone, since, until), active)
        ]


def _cut(found: Iterable[Turn], active: Sequence[Stretch]) -> Iterator[Turn]:
    """The parts of turns that lie in one of the stretches; both are in order, and those of each never overlap."""
    position = 0
    for first, last, people in found:
        while position < len(active) and active[position][1] <= first:
            position += 1
        for number in range(position, len(active)):
            begin, end = max(first, active[number][0]), min(last, active[number][1])
            if begin >= end:
                break
            yield begin, end, people


def _uppermost(tracks: Sequence[Sequence[Stay]], positions: list[int], begin: datetime, end: datetime) -> Stay:
    """What the last track says that has somebody; `positions` are moved on to where each track has come."""
    found: Stay | None = None
    for number, track in enumerate(tracks):
        while positions[number] < len(track) and track[positions[number]].until <= begin:
            positions[number] += 1
        if positions[number] < len(track) and track[positions[number]].since <= begin:
            found = track[positions[number]]
    if found is None:
        return Stay(begin, end, (), Source.NOBODY)
    return Stay(begin, end, found.people, found.source, found.layer)


def _overridden(stay: Stay, overrides: Iterable[Override]) -> Stay:
    for override in overrides:
        if not override.since <= stay.since < override.until:
            continue
        people = override.people
        if override.replaces is not None:
            if override.replaces not in stay.people:
                continue
            others = (override.people if one == override.replaces else (one,) for one in stay.people)
            people = tuple(dict.fromkeys(person for several in others for person in several))
        stay = replace(stay, people=people, source=Source.OVERRIDE, layer=override.reason)
    return stay
