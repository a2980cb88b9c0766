"""The `hours:` section: named windows of the week, checked so that a typing error shows now and not one night.

Called by `schema`. Whether a moment lies in a window is the work of `calendars`.
"""

import re
import zoneinfo
from collections.abc import Mapping as Map
from datetime import time

from engine.ruleset import guesses, shapes
from engine.ruleset.reader import Node, Scalar
from engine.ruleset.syntax import Fault, Hours, Text, Window

HOURS_KEYS = ("timezone", "weekly", "holidays")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# As in "Mon-Fri 08:00-17:30".
WINDOW = re.compile(r"(?P<first>\w+)(?:-(?P<last>\w+))? (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)", re.ASCII)
TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
MIDNIGHT = "24:00"
# A country, or a part of it that has holidays of its own: KE, US-CA.
COUNTRY = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")


def read_hours(name: Scalar, node: Node, faults: list[Fault]) -> Hours | None:
    """One named window; None when it lacks what makes it one."""
    found = shapes.mapping(node, name.value, "timezone and weekly", faults)
    if found is None:
        return None
    values = shapes.fields(found, "a window of hours", HOURS_KEYS, faults)
    shapes.required(values, f'"{name.value}"', ("timezone", "weekly"), name.at, faults)
    timezone = shapes.line(values["timezone"], "timezone", faults) if "timezone" in values else None
    weekly = shapes.lines(values["weekly"], "weekly", faults) if "weekly" in values else ()
    if timezone:
        check_zone(timezone, faults)
    windows = tuple(window for line in weekly if (window := _window(line, faults)))
    holidays = _holidays(values, faults)
    return Hours(Text(name.value, name.at), timezone, windows, holidays) if timezone and weekly else None


def _holidays(values: Map[str, Node], faults: list[Fault]) -> Text | None:
    if "holidays" not in values or guesses.switch(values["holidays"], "holidays", faults):
        return None
    holidays = shapes.line(values["holidays"], "holidays", faults)
    if holidays and not COUNTRY.fullmatch(holidays.value):
        message = f'"{holidays.value}" is no country code'
        faults.append(Fault(holidays.at, "E143", message, "write two capital letters, e.g. KE"))
    return holidays


def check_zone(zone: Text, faults: list[Fault]) -> bool:
    """Whether a time zone exists; if not, that is reported."""
    try:
        zoneinfo.ZoneInfo(zone.value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # "Africa" is a folder (OSError), "../x" no key (ValueError).
        hint = shapes.suggest(zone.value, zoneinfo.available_timezones()) or "write it as Continent/City"
        faults.append(Fault(zone.at, "E141", f'there is no time zone "{zone.value}"', hint))
        return False
    return True


def _window(line: Text, faults: list[Fault]) -> Window | None:
    found = WINDOW.fullmatch(line.value)
    if found is None:
        hint = 'write it as "Mon-Fri 08:00-17:30"'
        unread = Fault(line.at, "E142", f'"{line.value}" is no days with hours', hint)
        faults.append(guesses.time_without_days(line) or unread)
        return None
    before = len(faults)
    first, last = found["first"], found["last"] or found["first"]
    for day in dict.fromkeys((first, last)):
        if day not in DAYS:
            hint = shapes.suggest(day[:3], DAYS) or f"days are: {', '.join(DAYS)}"
            faults.append(Fault(line.at, "E142", f'there is no day "{day}"', hint))
    start, end = found["start"], found["end"]
    if not TIME.fullmatch(start):
        faults.append(Fault(line.at, "E142", f"hours cannot begin at {start}", "write 00:00 to 23:59"))
    if not TIME.fullmatch(end) and end != MIDNIGHT:
        faults.append(Fault(line.at, "E142", f"there is no time {end}", "write 00:00 to 24:00"))
    if start == end:
        message, hint = "the hours end when they begin", 'write "00:00-24:00" for the whole day'
        faults.append(Fault(line.at, "E142", message, hint))
    if len(faults) > before:
        return None
    ends = None if end == MIDNIGHT else time.fromisoformat(end)
    return Window(_days(first, last), time.fromisoformat(start), ends, line)


def _days(first: str, last: str) -> frozenset[int]:
    """From one day to the other, both included; "Sat-Mon" goes over the end of the week."""
    start, end = DAYS.index(first), DAYS.index(last)
    return frozenset((start + step) % 7 for step in range((end - start) % 7 + 1))
