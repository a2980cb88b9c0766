"""Hours of the week and days of a calendar as stretches of time."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from engine.core.windows import Calendar, Window, join, marked_stretches, open_stretches

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY = frozenset(range(7))


def at(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2027, month, day, hour, minute, tzinfo=UTC)


def test_a_window_that_passes_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    """That of Friday ends on Saturday morning, and none begins on Saturday."""
    night = Window(frozenset(range(5)), time(18), time(9))
    found = open_stretches([night], BERLIN, at(7, 0), at(12, 0))
    assert found == [
        (at(7, 0), at(7, 8)),
        (at(7, 17), at(8, 8)),
        (at(8, 17), at(9, 8)),
        (at(11, 17), at(12, 0)),
    ]


def test_windows_that_touch_are_one() -> None:
    """Days that follow each other from midnight to midnight, and windows that overlap."""
    days = Window(frozenset({5, 6}), time(0), time(0))
    late = Window(frozenset({6}), time(20), time(6))
    assert open_stretches([days, late], BERLIN, at(1, 0), at(6, 0)) == [(at(1, 23), at(4, 5))]


def test_a_window_inside_an_hour_that_does_not_come_is_empty() -> None:
    """On that day alone."""
    window = Window(EVERY_DAY, time(2, 15), time(2, 45))
    found = open_stretches([window], BERLIN, at(27, 0, month=3), at(30, 0, month=3))
    assert [begin.day for begin, _ in found] == [27, 29]


def test_days_of_a_calendar_are_from_midnight_to_midnight_on_the_wall() -> None:
    """Those of a list, and those that a year has."""
    calendar = Calendar(frozenset({date(2027, 2, 22)}), lambda year: {date(year, 2, 23), date(year, 3, 1)})
    riyadh = ZoneInfo("Asia/Riyadh")
    found = marked_stretches(calendar, riyadh, at(1, 0, month=2), at(1, 0, month=3))
    assert found == [(at(21, 21, month=2), at(23, 21, month=2)), (at(28, 21, month=2), at(1, 0, month=3))]
    assert marked_stretches(Calendar(frozenset()), riyadh, at(1, 0), at(9, 0)) == []


def test_what_lies_outside_is_left_out() -> None:
    """Also what only touches the edge."""
    assert join([(at(1, 0), at(2, 0)), (at(3, 0), at(4, 0)), (at(2, 12), at(2, 11))], at(2, 0), at(3, 0)) == []
