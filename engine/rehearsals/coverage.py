"""Which atoms of the rules the tests reach, and for each of the others a message to add.

Called by `engine test --coverage`. An atom is the smallest thing that a lead wrote and that can be wrong by itself:

- a phrase, keyword, pattern or value that a rule asks for: reached when a rule matches a message that meets it;
- the same under `none`: reached when a message meets it and is kept from matching only by it;
- whatever asks about a fact besides the words also the other way: a message that does not match for want of it;
- each way of writing a keyword that some rule asks for: reached when a message of a test is written so;
- the beginning of a window of hours (a scenario's message within an hour after it) and its end (the same).

Every message that is proposed has been tried.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.rehearsals import suggestions
from engine.rehearsals.trials import Table, spelling_key, written_spellings
from engine.rehearsals.units import Cut, Part, Unit
from engine.ruleset import calendars, conditions
from engine.ruleset.syntax import Hours, HoursIs, KeywordIs, Place, Window, Words

# How long after an edge of a window a message still shows it.
_NEAR = timedelta(hours=1)
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Atom:
    """One atom and whether the tests reach it."""

    # The rule that it belongs to; empty for a keyword's spelling and for hours.
    rule: str
    label: str
    at: Place
    covered: bool
    # What to add, in a few words, where it is not reached.
    advice: str = ""
    # A message that reaches it, tried; empty where none is known.
    example: str = ""


def measure(table: Table) -> tuple[Atom, ...]:
    """Every atom in the order of the rules, then the spellings and the hours that rules ask for."""
    found = [atom for cut in table.cuts for atom in _of_rule(cut, table)]
    return (*found, *_of_keywords(table), *_of_hours(table))


def _of_rule(cut: Cut, table: Table) -> Iterator[Atom]:
    # Looked at once for each message, and not once for each unit; most messages have nothing to do with a rule.
    near = (table.trials[place] for place in table.near(cut))
    seen = [(trial, table.hits(cut, trial.met)) for trial in near]
    matching = [conditions.holds(cut.condition, hits) for _, hits in seen]
    for part in cut.parts:
        decisive = [
            bool(hits & part.numbers) and conditions.holds(cut.condition, hits - part.numbers) is not holds
            for (_, hits), holds in zip(seen, matching, strict=True)
        ]
        for unit in part.units:
            covered = any(
                unit.number in hits and (decides if part.guard else holds)
                for (_, hits), holds, decides in zip(seen, matching, decisive, strict=True)
            )
            yield _atom(cut, part, unit, table, covered=covered)
        if part.is_fact:
            missed = any(
                not hits & part.numbers and conditions.holds(cut.condition, hits | part.numbers) is not holds
                for (_, hits), holds in zip(seen, matching, strict=True)
            )
            label = f"{_labels(part)}, the other way"
            advice = "" if missed else "add a scenario that matches but for this"
            yield Atom(cut.rule.id.value, label, part.units[0].at, missed, advice)


def _labels(part: Part) -> str:
    return " or ".join(unit.label for unit in part.units)


def _atom(cut: Cut, part: Part, unit: Unit, table: Table, *, covered: bool) -> Atom:
    label = f"none of: {unit.label}" if part.group == "none" else unit.label
    rule = cut.rule.id.value
    if covered:
        return Atom(rule, label, unit.at, covered=True)
    if part.is_fact:
        return Atom(rule, label, unit.at, covered=False, advice="add a scenario in which this is the case")
    example = suggestions.for_unit(cut, part, unit, table)
    if part.guard:
        advice = "add to no_match a message that only this keeps from matching"
    else:
        advice = "add to match a message with it"
    return Atom(rule, label, unit.at, covered=False, advice=advice, example=example)


def _of_keywords(table: Table) -> Iterator[Atom]:
    asked = _asked_names(table)
    met = {key for trial in table.trials for key in trial.met}
    for keyword, text in written_spellings(table.document):
        category, name = keyword.category.value, keyword.name.value
        if (category, "") in asked or (category, name) in asked:
            covered = spelling_key(category, text.value) in met
            example = "" if covered else suggestions.for_spelling(keyword, text, table)
            advice = "" if covered else "add a message that is written so"
            yield Atom("", f'keyword {category} {name}: "{text.value}"', text.at, covered, advice, example)


def _asked_names(table: Table) -> frozenset[tuple[str, str]]:
    """(category, name) that rules ask for; an empty name stands for all of a category."""
    found: set[tuple[str, str]] = set()
    for atom in (part.atom for cut in table.cuts for part in cut.parts):
        if isinstance(atom, KeywordIs):
            found.update((atom.category.value, name.value) for name in atom.names)
            if not atom.names:
                found.add((atom.category.value, ""))
        elif isinstance(atom, Words):
            words = (word for phrase in atom.phrases for word in phrase.value.split())
            found.update((word[1:], "") for word in words if word.startswith("$"))
    return frozenset(found)


def _of_hours(table: Table) -> Iterator[Atom]:
    asked = {part.atom.name.value for cut in table.cuts for part in cut.parts if isinstance(part.atom, HoursIs)}
    moments = [trial.event.received_at for trial in table.trials if trial.scenario >= 0]
    for hours in table.document.hours:
        if hours.name.value in asked:
            for window in hours.weekly:
                yield from _of_window(hours, window, moments)


def _of_window(hours: Hours, window: Window, moments: Iterable[datetime]) -> Iterator[Atom]:
    """Its beginning, just inside; and its end, just outside."""
    moments = tuple(moments)
    calendar = calendars.build(hours)
    zone = ZoneInfo(hours.timezone.value)
    name = hours.name.value
    overnight = window.end is not None and window.end < window.start
    ends = (window.end or time(0), 1 if overnight or window.end is None else 0)
    for word, (clock, later), inside in (("begins", (window.start, 0), True), ("ends", ends, False)):
        days = frozenset((day + later) % _WEEK for day in window.days)
        covered = any(
            calendar.includes(moment) is inside and _is_just_after(moment.astimezone(zone), clock, days)
            for moment in moments
        )
        label = f"hours {name} ({window.text.value}): {word} at {clock:%H:%M}"
        where = "inside" if inside else "outside"
        advice = "" if covered else f"add a scenario with a message at {_later(clock)}, just {where}"
        yield Atom("", label, window.text.at, covered, advice)


def _is_just_after(local: datetime, clock: time, days: frozenset[int]) -> bool:
    edge = local.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    if edge > local:
        edge -= timedelta(days=1)
    return edge.weekday() in days and local - edge < _NEAR


def _later(clock: time) -> str:
    return f"{datetime.combine(date(2026, 1, 5), clock, UTC) + timedelta(minutes=5):%H:%M}"


def share(atoms: Iterable[Atom]) -> tuple[int, int]:
    """How many are covered, and how many there are."""
    listed = tuple(atoms)
    return sum(atom.covered for atom in listed), len(listed)
