"""A document about on-call without faults becomes a Roster.

Called by `folder`. Names are resolved and the times of each wall become instants. It checks nothing but what only the
events of a calendar file can tell: whether they name people who are known.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfo

from engine.core import ladders, rotations, schedules, windows
from engine.core.decisions import Priority
from engine.core.rosters import Person, Roster
from engine.core.schedules import Timetable
from engine.core.walltimes import instant
from engine.ruleset import calendars
from engine.ruleset.oncall import events, policies, syntax
from engine.ruleset.oncall.events import Expanded
from engine.ruleset.syntax import Fault, Text


def build(
    document: syntax.Document, expanded: Mapping[str, Expanded], channels: Mapping[str, str | None]
) -> tuple[Roster, tuple[Fault, ...]]:
    """The roster, and what is wrong with the events of its calendar files. `channels` are those of the rules, each with
    its team.
    """
    faults: list[Fault] = []
    marked = {calendar.name.value: _calendar(calendar, expanded) for calendar in document.calendars}
    timetables = {
        schedule.name.value: Timetable(_schedule(schedule, document.people, marked, expanded, faults))
        for schedule in document.schedules
    }
    people = {person.name.value: _person(person) for person in document.people}
    roster = Roster(MappingProxyType(people), MappingProxyType(timetables), _ladders(document.policies, channels))
    return roster, tuple(faults)


def _person(person: syntax.Person) -> Person:
    said = (person.mattermost, person.email, person.pagerduty)
    return Person(person.name.value, *(each.value if each else None for each in said))


def _calendar(calendar: syntax.Calendar, expanded: Mapping[str, Expanded]) -> windows.Calendar:
    dates = set(calendar.dates)
    if calendar.ics and calendar.ics.value in expanded:
        dates.update(events.days(expanded[calendar.ics.value]))
    if calendar.country is None:
        return windows.Calendar(frozenset(dates))
    of_year: Callable[[int], AbstractSet[date]] = partial(calendars.public_holidays, calendar.country.value)
    return windows.Calendar(frozenset(dates), of_year)


def _schedule(
    schedule: syntax.Schedule,
    people: Iterable[syntax.Person],
    marked: Mapping[str, windows.Calendar],
    expanded: Mapping[str, Expanded],
    faults: list[Fault],
) -> schedules.Schedule:
    zone = ZoneInfo(schedule.zone.value if schedule.zone else "UTC")
    imported = None
    if schedule.imported and schedule.imported.ics.value in expanded:
        imported = _imported(schedule.imported, expanded[schedule.imported.ics.value], people, zone, faults)
    return schedules.Schedule(
        name=schedule.name.value,
        zone=zone,
        layers=tuple(_layer(layer, zone, marked) for layer in schedule.layers),
        overrides=tuple(_override(override, zone) for override in schedule.overrides),
        imported=imported,
        may_have_gaps=schedule.may_have_gaps,
    )


def _layer(layer: syntax.Layer, zone: ZoneInfo, marked: Mapping[str, windows.Calendar]) -> schedules.Layer:
    lists = tuple(rotations.Members(_instant(members.since, zone), _values(members.people)) for members in layer.lists)
    when = marked[layer.when.value] if layer.when else None
    return schedules.Layer(layer.name.value, lists, layer.rotation, layer.only, when)


def _override(override: syntax.Override, zone: ZoneInfo) -> schedules.Override:
    return schedules.Override(
        since=_instant(override.since, zone),
        until=_instant(override.until, zone),
        people=_values(override.people),
        replaces=override.replaces.value if override.replaces else None,
        reason=override.reason,
    )


def _imported(
    said: syntax.Import,
    expanded: Expanded,
    people: Iterable[syntax.Person],
    zone: ZoneInfo,
    faults: list[Fault],
) -> schedules.Imported:
    turns, unknown = events.read_turns(expanded.events, people, zone, said.user_from)
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        message = f"the event of {unknown[0]}{more} in this calendar names somebody who is not among the people"
        hint = f'its {" or ".join(said.user_from)} must be a name, a Mattermost name or an e-mail of "people:"'
        faults.append(Fault(said.ics.at, "E277", message, hint))
    return schedules.Imported(turns, expanded.known, expanded.written_at, said.max_age)


def _ladders(found: Iterable[syntax.Policy], channels: Mapping[str, str | None]) -> Mapping[Priority, ladders.Ladder]:
    by_name = {policy.name.value: policy for policy in found}
    chosen = {priority: by_name.get(priority.word, by_name.get(policies.DEFAULT)) for priority in Priority}
    return MappingProxyType(
        {priority: _ladder(policy, priority, channels) for priority, policy in chosen.items() if policy}
    )


def _ladder(policy: syntax.Policy, priority: Priority, channels: Mapping[str, str | None]) -> ladders.Ladder:
    held = policy.quiet_until and (policy.quiet_for is None or priority in policy.quiet_for)
    return ladders.Ladder(
        rungs=tuple(
            ladders.Rung(
                _targets(level.targets),
                level.wait,
                (level.channel.value, channels.get(level.channel.value)) if level.channel else None,
            )
            for level in policy.levels
        ),
        repeat=policy.repeat,
        nobody=_targets(policy.nobody),
        quiet_until=policy.quiet_until.name if policy.quiet_until and held else None,
    )


def _targets(found: Iterable[syntax.Target]) -> tuple[ladders.Target, ...]:
    return tuple(ladders.Target(target.kind, target.name) for target in found)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return instant(wall.date(), wall.time(), zone)


def _values(texts: Iterable[Text]) -> tuple[str, ...]:
    return tuple(each.value for each in texts)
