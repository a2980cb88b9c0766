"""Times, days and dates of the files about on-call, each as the wall of some zone shows it.

Called by `reading`. Nothing is guessed: a number where a time of day belongs is a fault with what was meant.
"""

import re
from datetime import date, datetime, time, timedelta

from engine.ruleset import guesses, shapes
from engine.ruleset.hours import DAYS, MIDNIGHT, TIME
from engine.ruleset.reader import Node
from engine.ruleset.syntax import Fault, Text

# Two centuries, so that no sum of a date and a span leaves what dates can hold.
DAY = re.compile(r"2[01]\d\d-\d\d-\d\d", re.ASCII)
MOMENT = re.compile(rf"{DAY.pattern}[T ]\d\d:\d\d", re.ASCII)
PERIOD = re.compile(r"(?P<count>[1-9]\d{0,2})(?P<unit>[dw])", re.ASCII)
DAY_RANGE = re.compile(r"(?P<first>\w+)(?:-(?P<last>\w+))?", re.ASCII)


def time_of_day(node: Node, name: str, faults: list[Fault]) -> time | None:
    """A time such as "18:00"; "24:00" is midnight."""
    found = shapes.line(node, name, faults)
    if found is None:
        return None
    if TIME.fullmatch(found.value):
        return time.fromisoformat(found.value)
    if found.value == MIDNIGHT:
        return time(0)
    unread = Fault(found.at, "E261", f'"{found.value}" is no time of day', 'write it as "18:00"')
    faults.append(guesses.time_of_day(found) or unread)
    return None


def day(node: Node, name: str, faults: list[Fault]) -> date | None:
    """A date such as 2027-01-04."""
    found = shapes.line(node, name, faults)
    parsed = _parsed(found) if found and DAY.fullmatch(found.value) else None
    if found and parsed is None:
        faults.append(Fault(found.at, "E262", f'"{found.value}" is no date', "write it as 2027-01-04"))
    return parsed.date() if parsed else None


def moment(node: Node, name: str, faults: list[Fault], *, or_day: bool = False) -> datetime | None:
    """A date with a time such as "2027-01-04T09:00"; with `or_day` a date alone is its midnight."""
    found = shapes.line(node, name, faults)
    form = MOMENT.fullmatch(found.value) or (or_day and DAY.fullmatch(found.value)) if found else None
    parsed = _parsed(found) if found and form else None
    if found and parsed is None:
        wanted = "a date" if or_day else "a date with a time"
        hint = "write it as 2027-01-04" if or_day else 'write it as "2027-01-04T09:00"'
        if re.search(r"(?:Z|[+-]\d\d:\d\d)$", found.value):
            hint = f"leave out the zone: times are those of the schedule's own; {hint}"
        faults.append(Fault(found.at, "E262", f'"{found.value}" is not {wanted}', hint))
    return parsed


def _parsed(found: Text) -> datetime | None:
    try:
        return datetime.fromisoformat(found.value)
    except ValueError:
        # A thirtieth of February.
        return None


def period(node: Node, name: str, faults: list[Fault]) -> int | None:
    """How many days a turn has: 1d, 1w, 2w."""
    found = shapes.line(node, name, faults)
    if found is None:
        return None
    written = PERIOD.fullmatch(found.value)
    if written is None:
        hint = 'write 1d, 1w or 2w; for shorter turns write a layer each, with "only:"'
        faults.append(Fault(found.at, "E263", f'"{found.value}" is not a number of days or weeks', hint))
        return None
    return int(written["count"]) * (timedelta(weeks=1).days if written["unit"] == "w" else 1)


def weekdays(node: Node, name: str, faults: list[Fault]) -> frozenset[int]:
    """Days such as [mon-fri, sun]; 0 is Monday."""
    found: set[int] = set()
    for line in shapes.one_or_more(node, name, faults):
        written = DAY_RANGE.fullmatch(line.value)
        parts = [part for part in (written["first"], written["last"]) if part] if written else [line.value]
        numbers = [_FOLDED.get(part.casefold()) for part in parts]
        if None in numbers:
            unknown = next(part for part in parts if part.casefold() not in _FOLDED)
            hint = shapes.suggest(unknown[:3], _FOLDED) or f"days are: {', '.join(_FOLDED)}"
            faults.append(Fault(line.at, "E142", f'there is no day "{unknown}"', hint))
            continue
        first, last = (number for number in (numbers[0], numbers[-1]) if number is not None)
        found.update((first + step) % len(DAYS) for step in range((last - first) % len(DAYS) + 1))
    return frozenset(found)


_FOLDED = {name.casefold(): number for number, name in enumerate(DAYS)}
