"""Who is on duty within the next 24 hours by the on-call files, and what is wrong with that. Pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from engine.commands.doctor.findings import Finding, Level
from engine.commands.shift_reports import shown
from engine.core.ladders import Target, TargetKind
from engine.core.oncall import NOBODY
from engine.core.rosters import Roster
from engine.core.schedules import Schedule, Stay, stays
from engine.settings import ON_CALL_FILES

_SUBJECT = "on-call"
_AHEAD = timedelta(hours=24)


def people(target: Target, files: Roster, now: datetime) -> tuple[str, ...]:
    """Whom a target may come to, by their names in the files."""
    if target.kind is TargetKind.PERSON:
        return (target.name,)
    if target.kind is not TargetKind.SCHEDULE or target.name not in files.timetables:
        return ()
    ahead = stays(files.timetables[target.name].schedule, now, now + _AHEAD)
    return tuple(dict.fromkeys(person for stay in ahead for person in stay.people))


def ahead(files: Roster, order: Collection[str], kept: Mapping[str, str], now: datetime) -> tuple[Finding, ...]:
    """By schedule who has it, and when nobody has; then who cannot be called. `order` is that of engine.yaml, and
    `kept` has the service that is asked first, by schedule.
    """
    targets = [
        target
        for ladder in files.ladders.values()
        for several in (*(rung.targets for rung in ladder.rungs), ladder.nobody)
        for target in several
    ]
    called = {target.name for target in targets if target.kind is TargetKind.SCHEDULE}
    found: list[Finding] = []
    for name, timetable in files.timetables.items():
        if ON_CALL_FILES in order:
            found += _schedule(timetable.schedule, kept.get(name), now, called=name in called)
            found += [Finding(_SUBJECT, Level.WARN, doubt) for doubt in timetable.at(now).warnings]
        elif name in called and name not in kept:
            text = f"nobody is asked who is on call by {name}"
            found.append(Finding(_SUBJECT, Level.FAIL, text, f'add "{ON_CALL_FILES}" to oncall.order in engine.yaml'))
    named = dict.fromkeys(person for target in targets for person in people(target, files, now))
    return (*found, *(_nameless(person) for person in named if files.username(person) is None))


def _schedule(schedule: Schedule, keeper: str | None, now: datetime, *, called: bool) -> Iterator[Finding]:
    walk = stays(schedule, now, now + _AHEAD)
    # By another layer the same people may go on.
    turns = ", ".join(_turn(next(alike), schedule, now) for _, alike in groupby(walk, lambda stay: set(stay.people)))
    otherwise = f", unless {keeper} says otherwise" if keeper else ""
    yield Finding(_SUBJECT, Level.OK, f"{schedule.name}, the next 24 h ({schedule.zone.key}): {turns}{otherwise}")
    if schedule.may_have_gaps and not called:
        return
    level = Level.WARN if schedule.may_have_gaps or keeper else Level.FAIL
    for gap in walk:
        if not gap.people:
            span = f"from {shown(gap.since, schedule.zone)} to {shown(gap.until, schedule.zone)}"
            text = f"nobody is on duty by {schedule.name} {span}"
            yield Finding(_SUBJECT, level, text, "add an override or a layer; until then those of `nobody` are called")


def _turn(stay: Stay, schedule: Schedule, now: datetime) -> str:
    since = "" if stay.since <= now else f"from {shown(stay.since, schedule.zone)} "
    return f"{since}{' and '.join(stay.people) or NOBODY}"


def _nameless(person: str) -> Finding:
    text = f"{person} has no name in Mattermost and cannot be called there"
    return Finding(_SUBJECT, Level.WARN, text, f"write `mattermost: NAME` under people.{person} in the on-call files")
