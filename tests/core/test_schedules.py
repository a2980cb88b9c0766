"""Who is on duty: what wins over what, when shifts begin and end, and that they cover all time."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.rotations import Members, Rotation
from engine.core.schedules import (
    Imported,
    Layer,
    Override,
    Schedule,
    Shift,
    Source,
    Timetable,
    begins_at,
    gaps,
    resolve,
    stays,
)
from engine.core.walltimes import instant
from engine.core.windows import Calendar, Window

WORKDAYS = frozenset(range(5))
FIVE_ZONES = ("Asia/Riyadh", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe")


def wall(zone: ZoneInfo, day: int, hour: int = 0, month: int = 1) -> datetime:
    return instant(date(2027, month, day), time(hour), zone)


def primary(name: str = "Asia/Riyadh") -> Schedule:
    """Weekly turns, daily ones at night, a lead on holidays, and two overrides."""
    zone = ZoneInfo(name)
    start = (Members(wall(zone, 4), ("alice", "bob")),)
    return Schedule(
        "voip-primary",
        zone,
        layers=(
            Layer("weekly", start, Rotation(7, time(9), date(2027, 1, 4))),
            Layer(
                "nights",
                (Members(wall(zone, 4), ("bob", "alice")),),
                Rotation(1, time(18), date(2027, 1, 4)),
                only=(Window(WORKDAYS, time(18), time(9)),),
            ),
            Layer(
                "holiday",
                (Members(wall(zone, 4), ("lead",)),),
                when=Calendar(frozenset({date(2027, 2, 22), date(2027, 9, 23)})),
            ),
        ),
        overrides=(
            Override(wall(zone, 7, 9, 3), wall(zone, 10, 9, 3), ("bob",), "alice", "leave"),
            Override(wall(zone, 31, 18, 3), wall(zone, 1, 9, 4), ("alice", "bob"), None, "migration"),
        ),
    )


def on(schedule: Schedule, moment: datetime) -> tuple[tuple[str, ...], str, str]:
    found = resolve(schedule, moment)
    return found.people, found.source, found.layer


RIYADH = ZoneInfo("Asia/Riyadh")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(wall(RIYADH, 4, 8), ((), "nobody", ""), id="before the first hand-off"),
        pytest.param(wall(RIYADH, 4, 9), (("alice",), "layer", "weekly"), id="at the first hand-off"),
        pytest.param(wall(RIYADH, 4, 18), (("bob",), "layer", "nights"), id="the later layer wins"),
        pytest.param(wall(RIYADH, 5, 8), (("bob",), "layer", "nights"), id="and past midnight"),
        pytest.param(wall(RIYADH, 5, 9), (("alice",), "layer", "weekly"), id="until it has nobody"),
        pytest.param(wall(RIYADH, 9, 20), (("alice",), "layer", "weekly"), id="a weekend has no nights"),
        pytest.param(wall(RIYADH, 11, 18), (("alice",), "layer", "nights"), id="whose turns go on all the same"),
        pytest.param(wall(RIYADH, 22, 12, 2), (("lead",), "layer", "holiday"), id="a holiday"),
        pytest.param(wall(RIYADH, 23, 0, 2), (("alice",), "layer", "nights"), id="ends at midnight"),
        pytest.param(wall(RIYADH, 8, 12, 3), (("bob",), "layer", "weekly"), id="nothing to replace"),
        pytest.param(wall(RIYADH, 8, 20, 3), (("bob",), "override", "leave"), id="somebody is replaced"),
        pytest.param(wall(RIYADH, 31, 20, 3), (("alice", "bob"), "override", "migration"), id="somebody is set"),
        pytest.param(wall(RIYADH, 1, 9, 4), (("alice",), "layer", "weekly"), id="until the end of it"),
    ],
)
def test_an_override_wins_over_the_last_layer_with_somebody(
    moment: datetime, expected: tuple[tuple[str, ...], str, str]
) -> None:
    """Override, then the last active layer, then an earlier one, then nobody."""
    assert on(primary(), moment) == expected


def test_overrides_act_one_after_the_other() -> None:
    """A later one on what the earlier left, and whoever is there already is there once."""
    first, last = wall(RIYADH, 6), wall(RIYADH, 8)
    both = Override(first, last, ("alice", "bob", "carol"))
    swapped = Override(wall(RIYADH, 7), last, ("bob",), "carol")
    schedule = replace(primary(), overrides=(both, swapped))
    assert on(schedule, wall(RIYADH, 6, 12))[0] == ("alice", "bob", "carol")
    assert on(schedule, wall(RIYADH, 7, 12))[0] == ("alice", "bob")


def test_a_shift_tells_its_beginning_and_its_end() -> None:
    """As far as nothing about it changes; and nothing where that is more than a year away."""
    assert resolve(primary(), wall(RIYADH, 9, 20)) == Shift(
        ("alice",), wall(RIYADH, 9, 9), wall(RIYADH, 11, 9), Source.LAYER, "weekly"
    )
    alone = Schedule("lead", RIYADH, (Layer("all", (Members(wall(RIYADH, 4), ("lead",)),)),))
    assert resolve(alone, wall(RIYADH, 20, 0, 6)) == Shift(("lead",), wall(RIYADH, 4), None, Source.LAYER, "all")
    assert resolve(alone, wall(RIYADH, 3)) == Shift((), None, wall(RIYADH, 4), Source.NOBODY)
    much_later = datetime(2031, 1, 1, tzinfo=UTC)
    assert resolve(alone, much_later) == Shift(("lead",), None, None, Source.LAYER, "all")


def test_a_shift_that_ends_with_a_block_of_the_memory_is_told_whole() -> None:
    """Whatever instant is asked for first: the memory is no part of an answer."""
    edge = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=32) * 652
    before, after = Members(edge - timedelta(days=40), ("alice",)), Members(edge, ("bob",))
    schedule = Schedule("noc", RIYADH, (Layer("all", (before, after)),))
    alice = Shift(("alice",), before.since, edge, Source.LAYER, "all")
    assert resolve(schedule, edge - timedelta(seconds=1)) == alice
    assert resolve(schedule, edge - timedelta(days=39)) == alice
    assert resolve(schedule, edge) == Shift(("bob",), edge, None, Source.LAYER, "all")


def test_a_memory_does_not_grow_without_bound() -> None:
    """And what was forgotten is worked out again."""
    timetable = Timetable(primary())
    start = wall(RIYADH, 5, 12)
    first = timetable.at(start)
    for number in range(140):
        timetable.at(start + timedelta(days=32 * number))
    assert timetable.at(start) == first
    assert len(timetable._blocks) <= 64


def test_who_overlap_in_a_calendar_are_on_duty_together() -> None:
    """And layers stand above it."""
    turns = (
        (wall(RIYADH, 4), wall(RIYADH, 6), ("alice",)),
        (wall(RIYADH, 5), wall(RIYADH, 7), ("bob", "alice")),
        (wall(RIYADH, 9), wall(RIYADH, 10), ("carol",)),
    )
    known = (wall(RIYADH, 1), wall(RIYADH, 11))
    day = Layer("day", (Members(wall(RIYADH, 1), ("lead",)),), only=(Window(frozenset({1}), time(9), time(18)),))
    schedule = Schedule("imported", RIYADH, (day,), imported=Imported(turns, known))
    found = [(stay.people, str(stay.source)) for stay in stays(schedule, *known)]
    assert found == [
        ((), "nobody"),
        (("alice",), "calendar"),
        (("alice", "bob"), "calendar"),
        (("lead",), "layer"),
        (("alice", "bob"), "calendar"),
        (("bob", "alice"), "calendar"),
        ((), "nobody"),
        (("carol",), "calendar"),
        ((), "nobody"),
    ]
    assert begins_at(schedule) == known[0]


def test_a_calendar_says_what_is_doubtful_about_it() -> None:
    """That it is old, where anybody cares, and that it was not read for a day."""
    known = (wall(RIYADH, 1), wall(RIYADH, 20))
    old = Imported((), known, written_at=wall(RIYADH, 2), max_age=timedelta(hours=26))
    schedule = Schedule("voip", RIYADH, imported=old)
    assert resolve(schedule, wall(RIYADH, 3, 1)).warnings == ()
    assert resolve(schedule, wall(RIYADH, 3, 6)).warnings == ("the calendar of voip is 30 h old",)
    unread = "the calendar of voip was not read for this day"
    assert resolve(replace(schedule, imported=Imported((), known)), wall(RIYADH, 20)).warnings == (unread,)
    assert resolve(replace(schedule, imported=replace(old, max_age=None)), wall(RIYADH, 3, 6)).warnings == ()


def test_a_schedule_begins_with_its_first_turn() -> None:
    """The earliest of its layers; never, where it has none."""
    assert begins_at(primary()) == wall(RIYADH, 4)
    weekly = replace(primary(), layers=primary().layers[:1])
    assert begins_at(weekly) == wall(RIYADH, 4, 9)
    assert begins_at(Schedule("empty", RIYADH)) is None


@pytest.mark.parametrize("name", FIVE_ZONES)
def test_a_schedule_of_every_kind_of_layer_has_somebody_at_every_quarter_of_an_hour(name: str) -> None:
    """For ninety days, in five zones, three of which set their clocks meanwhile."""
    zone = ZoneInfo(name)
    schedule = primary(name)
    timetable = Timetable(schedule)
    moment = begin = wall(zone, 4, 9)
    while moment < begin + timedelta(days=90):
        assert timetable.at(moment).people
        moment += timedelta(minutes=15)
    assert gaps(schedule, begin, begin + timedelta(days=900)) == []


windows = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45])),
    st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
)
names = st.lists(st.sampled_from(["alice", "bob", "carol"]), min_size=1, max_size=4).map(tuple)
moments = st.datetimes(datetime(2027, 1, 1), datetime(2027, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants its bounds naive
lists = st.lists(st.builds(Members, moments, names), min_size=1, max_size=3)
layers = st.builds(
    Layer,
    st.sampled_from(["one", "two"]),
    lists.map(lambda found: tuple(sorted(found, key=lambda members: members.since))),
    st.none()
    | st.builds(
        Rotation,
        st.integers(1, 15),
        st.sampled_from([time(0), time(2, 30), time(9), time(23, 30)]),
        st.dates(date(2026, 12, 1), date(2027, 6, 1)),
    ),
    st.lists(windows, max_size=2).map(tuple),
    st.none() | st.builds(Calendar, st.frozensets(st.dates(date(2027, 1, 1), date(2027, 12, 31)), max_size=9)),
)
overrides = st.builds(
    lambda since, hours, people, replaces: Override(since, since + timedelta(hours=hours), people, replaces),
    moments,
    st.integers(1, 2000),
    names,
    st.none() | st.sampled_from(["alice", "dave"]),
)
zones = st.sampled_from([*FIVE_ZONES, "Africa/Casablanca", "America/Scoresbysund", "Pacific/Apia"]).map(ZoneInfo)
schedules = st.builds(
    Schedule,
    st.just("noc"),
    zones,
    st.lists(layers, max_size=3).map(tuple),
    st.lists(overrides, max_size=3).map(tuple),
)


@given(schedules, moments, st.integers(1, 3000))
def test_shifts_tile_time_without_gap_or_overlap(schedule: Schedule, since: datetime, hours: int) -> None:
    """Each begins where the one before it ends, and no two that follow each other say the same."""
    until = since + timedelta(hours=hours)
    found = stays(schedule, since, until)
    assert found[0].since == since
    assert found[-1].until == until
    for before, after in pairwise(found):
        assert before.until == after.since
        assert before.since < before.until
        assert not before.goes_on(after)


@given(schedules, moments)
def test_an_instant_is_answered_as_a_walk_answers_it(schedule: Schedule, moment: datetime) -> None:
    """Looking at one moment and walking from edge to edge are one thing."""
    shift = resolve(schedule, moment)
    (stay, *_) = stays(schedule, moment, moment + timedelta(hours=1))
    assert (shift.people, shift.source, shift.layer) == (stay.people, stay.source, stay.layer)
    assert shift.since is None or shift.since <= moment
    assert shift.until is None or shift.until > moment
    if shift.until is not None:
        after = resolve(schedule, shift.until)
        assert after.since == shift.until
        assert (after.people, after.source, after.layer) != (shift.people, shift.source, shift.layer)
