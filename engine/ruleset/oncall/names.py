"""Names that lead nowhere or stand twice in the files about on-call, and what cannot be meant.

Called by `folder`. What needs a clock is in `foresight`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from engine.core.ladders import TargetKind
from engine.ruleset import calendars
from engine.ruleset.hours import COUNTRY
from engine.ruleset.oncall.syntax import Document, Override, Schedule, Target
from engine.ruleset.shapes import suggest
from engine.ruleset.syntax import Fault, Place, Text

# So many names are listed when none looks like the one that was written.
_SHOWN_NAMES = 8


def check(document: Document, files: Iterable[str], channels: Iterable[str] | None) -> Iterator[Fault]:
    """Every finding that needs no clock. `files` are the calendar files of the folder, `channels` those that the rules
    know; None: nobody can tell.
    """
    for what, names in _definitions(document):
        yield from _given_twice(what, names)
    yield from _people(document)
    yield from _calendars(document, frozenset(files))
    for schedule in document.schedules:
        yield from _overlaps(schedule.overrides)
        yield from _one_person(schedule)
    yield from _policies(document, channels)


def _definitions(document: Document) -> Iterator[tuple[str, Iterable[Text]]]:
    yield "person", (person.name for person in document.people)
    yield "calendar", (calendar.name for calendar in document.calendars)
    yield "schedule", (schedule.name for schedule in document.schedules)
    yield "policy", (policy.name for policy in document.policies)
    for schedule in document.schedules:
        yield "layer", (layer.name for layer in schedule.layers)


def _given_twice(what: str, names: Iterable[Text]) -> Iterator[Fault]:
    first: dict[str, Place] = {}
    for name in names:
        if name.value in first:
            also = ((first[name.value], f'the first "{name.value}" stands here'),)
            hint = "give one of them another name, or keep one"
            yield Fault(name.at, "E202", f'a {what} named "{name.value}" exists already', hint, also)
        first.setdefault(name.value, name.at)


def targets(document: Document) -> Iterator[Target]:
    """Everybody whom a policy calls, in the order of the files."""
    for policy in document.policies:
        yield from chain.from_iterable(level.targets for level in policy.levels)
        yield from policy.nobody


def _people(document: Document) -> Iterator[Fault]:
    known = {person.name.value: person for person in document.people}
    asked = [name for schedule in document.schedules for name in _on(schedule)]
    asked += [Text(each.name, each.text.at) for each in targets(document) if each.kind is TargetKind.PERSON]
    for name in asked:
        if name.value not in known:
            yield _unknown(name, "E268", "no person is named", known)
    called = {name.value for name in asked}
    for person in document.people:
        if person.mattermost is None and person.name.value in called:
            hint = 'add "mattermost: …", or the engine cannot call this person'
            yield Fault(person.name.at, "W545", f'"{person.name.value}" has no name in Mattermost', hint)


def _on(schedule: Schedule) -> Iterator[Text]:
    for layer in schedule.layers:
        yield from chain.from_iterable(members.people for members in layer.lists)
    for override in schedule.overrides:
        yield from override.people
        if override.replaces:
            yield override.replaces


def _calendars(document: Document, files: frozenset[str]) -> Iterator[Fault]:
    known = {calendar.name.value for calendar in document.calendars}
    for name in (layer.when for schedule in document.schedules for layer in schedule.layers):
        if name and name.value not in known:
            yield _unknown(name, "E271", "no calendar is named", known)
    for country in (calendar.country for calendar in document.calendars):
        if country and COUNTRY.fullmatch(country.value) and not calendars.is_known(country.value):
            message = f'the public holidays of "{country.value}" are not known'
            yield Fault(country.at, "E143", message, "write a country such as KE, or a part of one such as US-CA")
    imports = (schedule.imported.ics for schedule in document.schedules if schedule.imported)
    for ics in chain((calendar.ics for calendar in document.calendars), imports):
        if ics and ics.value not in files:
            yield _unknown(ics, "E275", "no calendar file here is named", files)


def _overlaps(overrides: Sequence[Override]) -> Iterator[Fault]:
    for position, later in enumerate(overrides):
        for earlier in overrides[:position]:
            if not later.force and earlier.since < later.until and later.since < earlier.until:
                also = ((earlier.at, "the other one stands here"),)
                message = f"two overrides at the same time, {_shown(max(earlier.since, later.since))}"
                hint = 'change the times, or write "force: true" in the one that is to win'
                yield Fault(later.at, "E269", message, hint, also)
                break


def _one_person(schedule: Schedule) -> Iterator[Fault]:
    for layer in schedule.layers:
        newest = layer.lists[-1]
        if layer.rotation and len({name.value for name in newest.people}) == 1:
            hint = "add a second person, or leave the rotation out"
            yield Fault(newest.at, "W543", "one person alone takes every turn", hint)


def _policies(document: Document, channels: Iterable[str] | None) -> Iterator[Fault]:
    schedules = {schedule.name.value for schedule in document.schedules}
    allowed = {mention.value for mention in document.mentions}
    quiet = (policy.quiet_until for policy in document.policies if policy.quiet_until)
    for target in chain(targets(document), quiet):
        name = Text(target.name, target.text.at)
        if target.kind is TargetKind.SCHEDULE and target.name not in schedules:
            yield _unknown(name, "E270", "no schedule is named", schedules)
        elif target.kind is TargetKind.MENTION and target.name not in allowed:
            yield _unknown(name, "E273", 'the list "mentions" does not allow', allowed)
    known = None if channels is None else frozenset(channels)
    for level in (level for policy in document.policies for level in policy.levels):
        if level.channel and known is not None and level.channel.value not in known:
            yield _unknown(level.channel, "E112", "no channel is named", known)


def _unknown(name: Text, code: str, message: str, known: Iterable[str] | Mapping[str, object]) -> Fault:
    names = sorted(known)
    listed = ", ".join(names[:_SHOWN_NAMES]) + (", …" if len(names) > _SHOWN_NAMES else "")
    hint = suggest(name.value, names) or (f"there are: {listed}" if names else "there is none yet")
    return Fault(name.at, code, f'{message} "{name.value}"', hint)


def _shown(wall: datetime) -> str:
    return f"{wall:%Y-%m-%d %H:%M}"
