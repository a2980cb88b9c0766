"""Who has which turn."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from engine.core.rotations import Members, Rotation, first_turn, hand_off, turns
from engine.core.walltimes import instant

BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = Rotation(7, time(9), date(2027, 1, 4))
START = datetime(2027, 1, 4, tzinfo=UTC)
# Clocks there are set at odd hours, by odd amounts, or around whole days; the first year is one in which they were.
DIFFICULT = [
    ("Australia/Lord_Howe", 2027),
    ("Africa/Casablanca", 2026),
    ("Africa/El_Aaiun", 2026),
    ("Africa/Cairo", 2026),
    ("Pacific/Apia", 2011),
    ("America/New_York", 2026),
    ("Asia/Beirut", 2023),
    ("America/Scoresbysund", 2023),
    ("Europe/Dublin", 2026),
    ("Antarctica/Troll", 2026),
]


def people(*lists: Members, rotation: Rotation | None = WEEKLY, days: int = 35, since: datetime = START) -> list[str]:
    until = since + timedelta(days=days)
    return ["+".join(found) for _, _, found in turns(rotation, lists, BERLIN, since, until)]


def test_names_take_turns_in_their_order() -> None:
    """From the first hand-off on, before which nobody has a turn."""
    assert people(Members(START, ("alice", "bob", "carol"))) == ["alice", "bob", "carol", "alice", "bob"]


def test_a_new_list_begins_with_its_first_name_at_the_next_hand_off() -> None:
    """And nothing that was before it changes."""
    first = Members(START, ("alice", "bob"))
    later = Members(START + timedelta(days=8), ("carol", "dave", "alice"))
    assert people(first, later) == ["alice", "bob", "carol", "dave", "alice"]


def test_a_list_of_the_very_moment_of_a_hand_off_begins_with_it() -> None:
    """At or after, not after."""
    first = Members(START, ("alice", "bob"))
    later = Members(hand_off(WEEKLY, 1, BERLIN), ("carol",))
    assert people(first, later) == ["alice", "carol", "carol", "carol", "carol"]
    assert first_turn(WEEKLY, Members(START - timedelta(days=300), ("alice",)), BERLIN) == 0


def test_without_a_rotation_everybody_is_there_at_once() -> None:
    """Each list until the next one."""
    lists = (Members(START, ("alice", "bob")), Members(START + timedelta(days=9), ("carol",)))
    assert people(*lists, rotation=None) == ["alice+bob", "carol"]
    assert people(*lists, rotation=None, since=START + timedelta(days=20)) == ["carol"]
    assert people(*lists, rotation=None, since=START - timedelta(days=90)) == []
    assert people(*lists, rotation=None, days=3) == ["alice+bob"]


def test_a_hand_off_is_not_undone_when_the_day_before_shows_once_more() -> None:
    """Clocks in Newfoundland were set back at one minute past midnight, to 23:01."""
    zone = ZoneInfo("America/St_Johns")
    rotation = Rotation(1, time(0), date(2010, 11, 1))
    since = instant(rotation.start, time(0), zone)
    asked = datetime(2010, 11, 7, 2, 45, tzinfo=UTC)
    (there,) = turns(rotation, [Members(since, ("a", "b"))], zone, asked, asked + timedelta(minutes=1))
    assert there == (datetime(2010, 11, 7, 2, 30, tzinfo=UTC), datetime(2010, 11, 8, 3, 30, tzinfo=UTC), ("a",))


@pytest.mark.parametrize("at", [time(0), time(2, 30), time(9), time(23, 30)], ids=str)
@pytest.mark.parametrize(("name", "year"), DIFFICULT, ids=[name for name, _ in DIFFICULT])
def test_turns_tile_time_where_clocks_are_difficult(name: str, year: int, at: time) -> None:
    """Over 900 days: no gap, no overlap, each from the hand-off of its day to that of the next."""
    zone = ZoneInfo(name)
    rotation = Rotation(1, at, date(year, 1, 1))
    since = instant(rotation.start, at, zone)
    found = list(turns(rotation, [Members(since, ("a", "b", "c"))], zone, since, since + timedelta(days=900)))
    assert found[0][0] == since
    assert len(found) in {900, 901}
    for number, ((begin, end, on), (after, _, _)) in enumerate(pairwise(found)):
        assert end == after == instant(rotation.start + timedelta(days=number + 1), at, zone)
        assert on == ("abc"[number % 3],)
        # A day that is skipped leaves a turn without time, or with what is left of it.
        assert timedelta(0) <= end - begin <= timedelta(hours=48)
    for number in range(0, 900, 7):
        asked = since + timedelta(days=number, hours=5)
        (there,) = list(turns(rotation, [Members(since, ("a", "b", "c"))], zone, asked, asked + timedelta(seconds=1)))
        assert there[0] <= asked < there[1]
