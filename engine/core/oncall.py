"""Who is on call at a moment, over everything that is known of it: what operators are shown. Pure.

Called by `app` for `engine status` and after each reload, by `engine doctor` and `engine explain`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.core import durations
from engine.core.decisions import Priority
from engine.core.ladders import Called, Duty, Ladder, OnDuty, Target, TargetKind, call_rung
from engine.core.objects import Json

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Handover:
    """Others are on call by a schedule than a moment ago, because somebody changed the files."""

    schedule: str
    # Names in the engineers' chat; empty: nobody.
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        """In one line: "noc: now alice → bob"."""
        before, after = (", ".join(people) or NOBODY for people in (self.before, self.after))
        return f"{self.schedule}: now {before} → {after}"


def handovers(before: Duty, after: Duty, at: datetime) -> tuple[Handover, ...]:
    """The schedules by which others are on call after a change than before it; an order is no difference."""
    found = []
    for schedule in dict.fromkeys((*before.schedules(), *after.schedules())):
        change = Handover(schedule, before.on_duty(schedule, at).people, after.on_duty(schedule, at).people)
        if set(change.before) != set(change.after):
            found.append(change)
    return tuple(found)


def handover_json(found: Handover) -> Json:
    """For the answer to a reload or a publication."""
    return {"schedule": found.schedule, "before": list(found.before), "after": list(found.after)}


def handover_lines(answer: Json) -> tuple[str, ...]:
    """What an operator is told of the handovers in an answer, a line for each."""
    found = (Handover(one["schedule"], one["before"], one["after"]) for one in answer.get("onCall", ()))
    return tuple(f"On call by {one}" for one in found)


def overview(duty: Duty, at: datetime) -> Json:
    """Who is on call by each schedule, and whom the first rung of each priority calls; null where there is none."""
    return {
        "schedules": [{"schedule": name, **_on_duty(duty.on_duty(name, at))} for name in duty.schedules()],
        "first": {priority.word: _first(duty, priority, at) for priority in reversed(Priority)},
    }


def _on_duty(found: OnDuty) -> Json:
    until = found.until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if found.until else None
    return {"people": list(found.people), "until": until, "source": found.source, "note": found.note}


def _first(duty: Duty, priority: Priority, at: datetime) -> list[str] | None:
    ladder = duty.ladder(priority)
    return None if ladder is None else list(names(call_rung(ladder, 0, duty, at)))


def names(called: Called) -> tuple[str, ...]:
    """Everybody who is called, as operators read it: "@alice", "service noc"."""
    return (*called.mentions, *(f"service {name}" for name in called.services))


def ladder_lines(ladder_of: Callable[[Priority], Ladder | None]) -> tuple[str, ...]:
    """A line for each ladder, with the priorities that it is for, the gravest first."""
    found: dict[str, list[str]] = {}
    for priority in reversed(Priority):
        ladder = ladder_of(priority)
        line = "the post alone" if ladder is None else written(ladder)
        found.setdefault(line, []).append(priority.word)
    return tuple(f"{', '.join(words)}: {line}" for line, words in found.items())


def written(ladder: Ladder) -> str:
    """A ladder in one line, as the files name everybody."""
    parts = []
    for number, rung in enumerate(ladder.rungs):
        where = f" and ~{rung.channel[0]}" if rung.channel else ""
        after = f"after {durations.written(ladder.rungs[number - 1].wait)} " if number else ""
        parts.append(f"{after}{_targets(rung.targets)}{where}")
    times = "once" if ladder.repeat == 1 else f"{ladder.repeat} times"
    again = (f"again {times}",) if ladder.repeat else ()
    quiet = f" (while {ladder.quiet_until} has nobody, nobody again)" if ladder.quiet_until else ""
    return "; ".join((*parts, *again, f"in the end {_targets(ladder.nobody)}")) + quiet


def _targets(targets: tuple[Target, ...]) -> str:
    return ", ".join(_target(target) for target in targets)


def _target(target: Target) -> str:
    return target.name if target.kind is TargetKind.MENTION else f"{target.kind.value}:{target.name}"


def no_service(name: str) -> str:
    """The files call a paging service that engine.yaml does not have: what was found, and what to do."""
    wanted = 'add it under "services" in engine.yaml, or take it out of the on-call files'
    return f'the on-call files call the service "{name}": {wanted}'
