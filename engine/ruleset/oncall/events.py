"""The events of a calendar file into who is on duty from when to when.

Called by `building`. The words of a calendar are somebody else's: they are compared with the names under `people:` and
never shown. An event that names anybody else is told with its day, and calls nobody.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from engine.core.rotations import Turn
from engine.core.walltimes import instant
from engine.core.windows import Stretch
from engine.ruleset.oncall.syntax import Person

_BETWEEN_NAMES = re.compile(r"\s*[,;/&+]\s*|\s+and\s+")
_MIDNIGHT = time(0)
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Event:
    """One event, or one instance of one that is repeated."""

    # An aware moment; one without a zone, which floats; or a day.
    begin: datetime | date
    end: datetime | date
    summary: str
    # The name and the address of each.
    attendees: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Expanded:
    """A calendar file, flat."""

    events: tuple[Event, ...]
    # For which time.
    known: Stretch
    # Of the bytes that it was read from.
    digest: bytes
    # When the file was written; None: nobody knows.
    written_at: datetime | None = None
    # What keeps it from being read, in a lead's words; empty when it was read.
    problem: str = ""


def read_turns(
    events: Iterable[Event], people: Iterable[Person], zone: tzinfo, user_from: Iterable[str]
) -> tuple[tuple[Turn, ...], tuple[date, ...]]:
    """Who has which turn, in order, and the days of the events that name somebody who is not known."""
    known = _spellings(people)
    user_from = tuple(user_from)
    turns: list[Turn] = []
    unknown: list[date] = []
    for event in events:
        begin, end = moment(event.begin, zone), moment(event.end, zone)
        named = _named(event, known, user_from)
        if named:
            turns.append((begin, end, named))
        else:
            unknown.append(begin.astimezone(zone).date())
    return tuple(sorted(turns)), tuple(sorted(unknown))


def days(expanded: Expanded) -> Iterator[date]:
    """Every day that an event touches, in the time for which the calendar is known."""
    since, until = (edge.date() for edge in expanded.known)
    for event in expanded.events:
        first = _day(event.begin)
        # A day by which an event ends is not one of its own; an hour of it is.
        last = _day(event.end - (_MOMENT if isinstance(event.end, datetime) else _DAY))
        # An event that never ends must not be counted to its end.
        first, last = max(first, since - _DAY), min(max(first, last), until + _DAY)
        yield from (first + _DAY * number for number in range((last - first).days + 1))


def moment(written: datetime | date, zone: tzinfo) -> datetime:
    """The instant in UTC; what has no zone of its own is of this one."""
    if not isinstance(written, datetime):
        return instant(written, _MIDNIGHT, zone)
    if written.tzinfo is None:
        return instant(written.date(), written.time(), zone)
    return written.astimezone(UTC)


def _day(written: datetime | date) -> date:
    return written.date() if isinstance(written, datetime) else written


def _spellings(people: Iterable[Person]) -> Mapping[str, str]:
    """The name of each person by the ways in which a calendar may write it."""
    found: dict[str, str] = {}
    for person in people:
        for spelling in (person.name, person.mattermost, person.email):
            if spelling:
                found.setdefault(spelling.value.casefold(), person.name.value)
    return found


def _named(event: Event, known: Mapping[str, str], user_from: Iterable[str]) -> tuple[str, ...]:
    """Whom an event names, by the first of the places in which all that stands is known; empty for none such."""
    for place in user_from:
        if place == "summary":
            found = [known.get(part.casefold()) for part in _BETWEEN_NAMES.split(event.summary.strip())]
        else:
            found = [known.get(mail.casefold()) or known.get(name.casefold()) for name, mail in event.attendees]
        people = tuple(dict.fromkeys(person for person in found if person))
        if people and None not in found:
            return people
    return ()
