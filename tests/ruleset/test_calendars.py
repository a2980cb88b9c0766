"""Whether a moment lies in a window of the week, by the clock on the wall there."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st

from engine.ruleset import calendars, reader, schema
from engine.ruleset.calendars import Calendar

_WEEK = 7 * 24 * 60


def _calendar(weekly: str, timezone: str = "UTC", holidays: str = "") -> Calendar:
    extra = f", holidays: {holidays}" if holidays else ""
    source = f"schema: 1\nhours: {{x: {{timezone: {timezone}, weekly: [{weekly}]{extra}}}}}\n"
    node, _ = reader.read("f.yaml", source.encode())
    document, faults = schema.build("f.yaml", node)
    assert faults == ()
    return calendars.build(document.hours[0])


@pytest.mark.parametrize(
    ("weekly", "moment", "inside"),
    [
        pytest.param("Mon-Fri 08:00-17:30", "2026-01-05T08:00:00", True, id="start"),
        pytest.param("Mon-Fri 08:00-17:30", "2026-01-05T07:59:59", False, id="before-start"),
        pytest.param("Mon-Fri 08:00-17:30", "2026-01-05T17:29:59", True, id="before-end"),
        pytest.param("Mon-Fri 08:00-17:30", "2026-01-05T17:30:00", False, id="end"),
        pytest.param("Mon-Fri 08:00-17:30", "2026-01-10T12:00:00", False, id="other-day"),
        pytest.param("Sat 09:00-13:00", "2026-01-10T12:00:00", True, id="one-day"),
        pytest.param("Fri-Mon 09:00-13:00", "2026-01-11T12:00:00", True, id="over-the-weekend"),
        pytest.param("Fri-Mon 09:00-13:00", "2026-01-13T12:00:00", False, id="after-the-weekend"),
        pytest.param("Mon-Sun 00:00-24:00", "2026-01-11T23:59:59", True, id="whole-day"),
        pytest.param("Mon 22:00-24:00", "2026-01-06T00:00:00", False, id="until-midnight"),
        pytest.param("Mon 22:00-06:00", "2026-01-05T22:00:00", True, id="night-begins"),
        pytest.param("Mon 22:00-06:00", "2026-01-06T05:59:59", True, id="night-goes-on"),
        pytest.param("Mon 22:00-06:00", "2026-01-06T06:00:00", False, id="night-ends"),
        pytest.param("Mon 22:00-06:00", "2026-01-05T05:00:00", False, id="night-before"),
        pytest.param("Mon 22:00-00:00", "2026-01-05T23:00:00", True, id="ends-at-zero"),
        pytest.param("Mon 22:00-00:00", "2026-01-06T00:00:00", False, id="ended-at-zero"),
        pytest.param("Sat 10:00-12:00, Sat 11:00-13:00", "2026-01-10T12:30:00", True, id="second-line"),
        pytest.param("Thu 22:00-06:00", "2024-02-29T23:00:00", True, id="leap-day"),
        pytest.param("Thu 22:00-06:00", "2024-03-01T05:00:00", True, id="after-the-leap-day"),
    ],
)
def test_a_window_is_open_from_its_start_until_its_end(weekly: str, moment: str, *, inside: bool) -> None:
    """The start belongs to it, the end does not, and a night belongs to the day on which it begins."""
    lines = ", ".join(f'"{line}"' for line in weekly.split(", "))
    assert _calendar(lines).includes(datetime.fromisoformat(f"{moment}+00:00")) is inside


@pytest.mark.parametrize(
    ("weekly", "moment", "inside"),
    [
        # On 2026-03-29 in Berlin 02:00 becomes 03:00; on 2026-10-25 it is 02:30 twice.
        pytest.param("Sun 02:15-02:45", "2026-03-29T00:30:00", False, id="gap-before"),
        pytest.param("Sun 02:15-02:45", "2026-03-29T01:00:00", False, id="gap-after"),
        pytest.param("Sun 01:00-04:00", "2026-03-29T01:00:00", True, id="over-the-gap"),
        pytest.param("Sun 02:15-02:45", "2026-10-25T00:30:00", True, id="fold-first"),
        pytest.param("Sun 02:15-02:45", "2026-10-25T01:30:00", True, id="fold-second"),
        pytest.param("Sun 02:15-02:45", "2026-10-25T01:00:00", False, id="fold-between"),
        pytest.param("Sat 22:00-02:30", "2026-10-25T01:15:00", True, id="night-into-the-second-hour"),
    ],
)
def test_daylight_saving_follows_the_clock_on_the_wall(weekly: str, moment: str, *, inside: bool) -> None:
    """An hour that is skipped never comes, an hour that comes twice is open twice."""
    calendar = _calendar(f'"{weekly}"', "Europe/Berlin")
    assert calendar.includes(datetime.fromisoformat(f"{moment}+00:00")) is inside


@pytest.mark.parametrize(
    ("weekly", "holidays", "moment", "inside"),
    [
        pytest.param("Mon-Sun 08:00-17:00", "KE", "2026-12-25T09:00:00+03:00", False, id="christmas"),
        pytest.param("Mon-Sun 08:00-17:00", "", "2026-12-25T09:00:00+03:00", True, id="not-asked-for"),
        pytest.param("Mon-Sun 22:00-06:00", "KE", "2026-12-25T05:00:00+03:00", True, id="began-the-day-before"),
        pytest.param("Mon-Sun 22:00-06:00", "KE", "2026-12-25T23:00:00+03:00", False, id="begins-on-a-holiday"),
        pytest.param("Mon-Sun 00:00-24:00", "US-CA", "2026-03-31T12:00:00+03:00", False, id="of-a-part"),
        pytest.param("Mon-Sun 00:00-24:00", "US", "2026-03-31T12:00:00+03:00", True, id="not-of-the-whole"),
    ],
)
def test_a_public_holiday_is_no_day_of_the_window(weekly: str, holidays: str, moment: str, *, inside: bool) -> None:
    """The day counts on which the window begins."""
    calendar = _calendar(f'"{weekly}"', "Africa/Nairobi", holidays)
    assert calendar.includes(datetime.fromisoformat(moment)) is inside


def test_countries_are_known_by_their_code() -> None:
    """A country or a part of one; nothing else."""
    assert [calendars.is_known(place) for place in ("KE", "US-CA", "XX", "US-ZZ")] == [True, True, False, False]


_TIMES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


@st.composite
def _lines(draw: st.DrawFn) -> tuple[frozenset[int], time, time | None]:
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    start, end = draw(_TIMES), draw(st.none() | _TIMES)
    return (days, start, end) if start != end else (days, start, None)


@given(
    lines=st.lists(_lines(), min_size=1, max_size=3),
    zone=st.sampled_from(["Africa/Nairobi", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    minute=st.integers(0, 6 * 366 * 24 * 60),
)
def test_windows_agree_with_a_calculation_in_minutes_of_the_week(
    lines: list[tuple[frozenset[int], time, time | None]], zone: str, minute: int
) -> None:
    """Another library's time zones and whole minutes from Monday on give the same answer."""
    moment = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    wall = moment.astimezone(tz.gettz(zone))
    now = wall.weekday() * 1440 + wall.hour * 60 + wall.minute
    expected = False
    for days, start, end in lines:
        for day in days:
            opens = day * 1440 + start.hour * 60 + start.minute
            closes = day * 1440 + (1440 if end is None else end.hour * 60 + end.minute)
            length = (closes - opens) % 1440 if end is not None else closes - opens
            expected = expected or (now - opens) % _WEEK < length
    windows = tuple(calendars.Window(*line) for line in lines)
    assert Calendar(ZoneInfo(zone), windows).includes(moment) is expected


def test_the_library_of_holidays_agrees_with_dates_known_for_certain() -> None:
    """Fixed dates of Kenya's calendar, so that a new version of the library cannot change them unseen."""
    closed = _calendar('"Mon-Sun 00:00-24:00"', "Africa/Nairobi", "KE")
    fixed = [date(2026, 1, 1), date(2026, 6, 1), date(2026, 10, 20), date(2026, 12, 12), date(2026, 12, 25)]
    assert not any(closed.includes(datetime.combine(day, time(12), closed.zone)) for day in fixed)
