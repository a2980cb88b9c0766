"""A moment in, whether it lies in a named window of the week out.

The only module that knows `holidays`, the library of public holidays. Built by `compiler`, asked by `facts` for the
events of rules with `hours:`. A window is what a clock on the wall there shows: where daylight saving skips an hour a
window within that hour does not come, and where an hour comes twice the window is open twice. A window that passes
midnight belongs to the day on which it begins, public holidays included: a shift that begins on Christmas Eve ends on
Christmas morning, and none begins on Christmas Day.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.ruleset.syntax import Hours

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From a time of day to another on some days; past midnight when it ends earlier than it starts."""

    # 0 is Monday.
    days: frozenset[int]
    start: time
    # None: the end of the day.
    end: time | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """A named window of the week, ready to be asked."""

    zone: ZoneInfo
    windows: tuple[Window, ...]
    # As `syntax.Hours` has it; None: holidays are days like any other.
    holidays: str | None = None

    def includes(self, moment: datetime) -> bool:
        """Whether the moment, which is aware, lies in one of the windows; a window includes its start, not its end."""
        local = moment.astimezone(self.zone)
        today, at = local.date(), local.time()
        # A loop, not `any`: every message asks every calendar.
        for window in self.windows:
            if _begun(window, at) and self._opens(window, today):
                return True
            if _passes_midnight(window) and _before_end(window, at) and self._opens(window, today - _DAY):
                return True
        return False

    def _opens(self, window: Window, day: date) -> bool:
        return day.weekday() in window.days and not (self.holidays and day in public_holidays(self.holidays, day.year))


def build(hours: Hours) -> Calendar:
    """The calendar of a window without faults."""
    windows = tuple(Window(line.days, line.start, line.end) for line in hours.weekly)
    return Calendar(ZoneInfo(hours.timezone.value), windows, hours.holidays.value if hours.holidays else None)


def is_known(place: str) -> bool:
    """Whether the public holidays of a country, or of a part of it ("US-CA"), are known."""
    try:
        public_holidays(place, 2026)
    except NotImplementedError:
        return False
    return True


# A year of a country takes a millisecond, and messages come by the thousand.
@lru_cache(maxsize=512)
def public_holidays(place: str, year: int) -> frozenset[date]:
    """The public holidays of a country, or of a part of it, in a year."""
    # 80 ms, which whoever has no holidays need not pay for.
    import holidays  # noqa: PLC0415 - see above

    country, _, part = place.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year, expand=False))


def _begun(window: Window, at: time) -> bool:
    if at < window.start:
        return False
    return window.end is None or _passes_midnight(window) or at < window.end


def _passes_midnight(window: Window) -> bool:
    return window.end is not None and window.end < window.start


def _before_end(window: Window, at: time) -> bool:
    return window.end is not None and at < window.end
