"""Two rosters in, the times for which others are on duty out. Called by `engine oncall diff`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from itertools import pairwise

from engine.commands.shift_reports import shown
from engine.core.decisions import Priority
from engine.core.rosters import Roster
from engine.core.schedules import Schedule, stays

_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Move:
    """Others are on duty from one instant to another."""

    since: datetime
    until: datetime
    before: tuple[str, ...]
    after: tuple[str, ...]


def show(before: Roster, after: Roster, now: datetime, until: datetime) -> str:
    """A line for each such time of each schedule, and one for each policy that is another one."""
    lines: list[str] = []
    for name in dict.fromkeys((*before.timetables, *after.timetables)):
        there = [roster.timetables[name].schedule for roster in (after, before) if name in roster.timetables]
        old, new = (there[-1] if name in before.timetables else None, there[0] if name in after.timetables else None)
        found = moves(old, new, now, until)
        if found:
            lines.append(f"{name} ({there[0].zone.key})")
            lines += [f"  {_line(move, there[0].zone, now)}" for move in found]
    lines += [
        f"the policy for {priority.word} priority is another one"
        for priority in Priority
        if before.ladder(priority) != after.ladder(priority)
    ]
    return "".join(f"{line}\n" for line in lines) or "nobody's shifts and no policy: no difference\n"


def moves(before: Schedule | None, after: Schedule | None, since: datetime, until: datetime) -> list[Move]:
    """The times from one instant to a later one for which others are on duty, in order."""
    walks = [list(_walk(schedule, since, until)) for schedule in (before, after)]
    edges = sorted({since, until, *(begin for walk in walks for begin, _ in walk)})
    positions = [0, 0]
    found: list[Move] = []
    for begin, end in pairwise(edges):
        people: list[tuple[str, ...]] = []
        for number, walk in enumerate(walks):
            while positions[number] + 1 < len(walk) and walk[positions[number] + 1][0] <= begin:
                positions[number] += 1
            people.append(walk[positions[number]][1])
        move = Move(begin, end, *people)
        if set(move.before) == set(move.after):
            continue
        if found and found[-1].until == begin and (found[-1].before, found[-1].after) == (move.before, move.after):
            move = replace(found.pop(), until=end)
        found.append(move)
    return found


def _walk(schedule: Schedule | None, since: datetime, until: datetime) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """From when on who is on duty."""
    if schedule is None:
        yield since, ()
        return
    for stay in stays(schedule, since, until):
        yield stay.since, stay.people


def _line(move: Move, zone: tzinfo, now: datetime) -> str:
    since = "now" if move.since == now else shown(move.since, zone)
    before, after = (", ".join(people) or _NOBODY for people in (move.before, move.after))
    return f"{since} to {shown(move.until, zone)}: {before} → {after}"
