"""The `hours:` section: named windows of the week, checked so that a typing error shows now and not one night.

Called by `schema`. Rules cannot ask for hours yet; the section is read so that it can be kept ready.
"""

import re
import zoneinfo
from collections.abc import Mapping as Map

from engine.ruleset import shapes
from engine.ruleset.reader import Node, Scalar
from engine.ruleset.syntax import Fault, Hours, Text

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(?P<first>\w+)(?:-(?P<last>\w+))? (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_COUNTRY = re.compile(r"[A-Z]{2}")


def read_hours(name: Scalar, node: Node, faults: list[Fault]) -> Hours | None:
    """One named window; None when it lacks what makes it one."""
    found = shapes.mapping(node, name.value, "timezone and weekly", faults)
    if found is None:
        return None
    values = shapes.fields(found, "a window of hours", ("timezone", "weekly", "holidays"), (), faults)
    shapes.required(values, f'"{name.value}"', ("timezone", "weekly"), name.at, faults)
    timezone = shapes.line(values["timezone"], "timezone", faults) if "timezone" in values else None
    weekly = shapes.lines(values["weekly"], "weekly", faults) if "weekly" in values else ()
    _check_zone(timezone, faults)
    for window in weekly:
        _check_window(window, faults)
    holidays = _holidays(values, faults)
    return Hours(Text(name.value, name.at), timezone, weekly, holidays) if timezone and weekly else None


def _holidays(values: Map[str, Node], faults: list[Fault]) -> Text | None:
    holidays = shapes.line(values["holidays"], "holidays", faults) if "holidays" in values else None
    if holidays and not _COUNTRY.fullmatch(holidays.value):
        message = f'"{holidays.value}" is no country code'
        faults.append(Fault(holidays.at, "E143", message, "write two capital letters, e.g. KE"))
    return holidays


def _check_zone(zone: Text | None, faults: list[Fault]) -> None:
    if zone is None:
        return
    try:
        zoneinfo.ZoneInfo(zone.value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # "Africa" is a folder (OSError), "../x" no key (ValueError).
        hint = shapes.suggest(zone.value, zoneinfo.available_timezones()) or "write it as Continent/City"
        faults.append(Fault(zone.at, "E141", f'there is no time zone "{zone.value}"', hint))


def _check_window(window: Text, faults: list[Fault]) -> None:
    found = _WINDOW.fullmatch(window.value)
    if found is None:
        hint = 'write it as "Mon-Fri 08:00-17:30"'
        faults.append(Fault(window.at, "E142", f'"{window.value}" is no days with hours', hint))
        return
    for day in filter(None, (found["first"], found["last"])):
        if day not in _DAYS:
            hint = shapes.suggest(day[:3], _DAYS) or f"days are: {', '.join(_DAYS)}"
            faults.append(Fault(window.at, "E142", f'there is no day "{day}"', hint))
    start, end = found["start"], found["end"]
    faults.extend(
        Fault(window.at, "E142", f"there is no time {time}", "write 00:00 to 24:00")
        for time in (start, end)
        if not _TIME.fullmatch(time) and time != "24:00"
    )
    if start == end:
        message, hint = "the hours end when they begin", 'write "00:00-24:00" for the whole day'
        faults.append(Fault(window.at, "E142", message, hint))
