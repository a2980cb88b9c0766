"""Times on a wall and the instants they mean, also where clocks are set."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.core.walltimes import changes, instant, is_shown


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        pytest.param("Europe/Berlin", (2027, 1, 4), time(9), "2027-01-04T08:00:00", id="an ordinary day"),
        pytest.param("Europe/Berlin", (2027, 3, 28), time(2, 30), "2027-03-28T01:00:00", id="in the hole of spring"),
        pytest.param("Europe/Berlin", (2027, 3, 28), time(2), "2027-03-28T01:00:00", id="where the hole begins"),
        pytest.param("Europe/Berlin", (2027, 3, 28), time(3), "2027-03-28T01:00:00", id="where the hole ends"),
        pytest.param("Europe/Berlin", (2027, 10, 31), time(2, 30), "2027-10-31T00:30:00", id="twice in autumn"),
        pytest.param("Africa/Cairo", (2027, 4, 30), time(0), "2027-04-29T22:00:00", id="midnight does not come"),
        pytest.param("Australia/Lord_Howe", (2027, 10, 3), time(2, 15), "2027-10-02T15:30:00", id="half an hour"),
        pytest.param("Pacific/Apia", (2011, 12, 30), time(9), "2011-12-30T10:00:00", id="a day that never was"),
    ],
)
def test_a_time_is_the_first_instant_at_which_it_shows(
    zone: str, day: tuple[int, int, int], at: time, expected: str
) -> None:
    """Of two the first, and after a hole the first instant that there is."""
    assert instant(date(*day), at, ZoneInfo(zone)) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_time_in_a_hole_never_shows() -> None:
    """And one beside it does."""
    berlin = ZoneInfo("Europe/Berlin")
    assert not is_shown(datetime(2027, 3, 28, 2, 30, tzinfo=berlin))
    assert is_shown(datetime(2027, 3, 28, 3, 0, tzinfo=berlin))


def test_the_changes_of_a_zone_come_to_the_second() -> None:
    """In their order, in UTC, and none where clocks are never set."""
    since = datetime(2027, 1, 1, 7, 13, 5, 250, tzinfo=UTC)
    found = list(changes(ZoneInfo("Europe/Berlin"), since, since + timedelta(days=365)))
    assert found == [datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)]
    assert list(changes(ZoneInfo("Asia/Riyadh"), since, since + timedelta(days=365))) == []
