"""Who is called when nobody takes care of an incident: a ladder of rungs, each with people and with a time to wait.

`rosters` makes ladders out of the schedule files; `workflow` climbs them. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, assert_never

from engine.core.decisions import Priority


class TargetKind(StrEnum):
    """What a rung may name."""

    # Somebody by name.
    PERSON = "person"
    # Whoever is on duty by a schedule.
    SCHEDULE = "schedule"
    # A word that calls by itself, e.g. "@here".
    MENTION = "mention"
    # A paging service of engine.yaml.
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Target:
    """One of those that a rung calls, e.g. "schedule:voip-primary"."""

    kind: TargetKind
    # A mention with its at sign.
    name: str


@dataclass(frozen=True, slots=True)
class Rung:
    """Whom to call, and how long to wait for a claim before the next rung."""

    targets: tuple[Target, ...]
    wait: timedelta
    # A further channel that is told, and its team; None: the thread alone.
    channel: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole policy of one priority."""

    # At least one. The first is called by the post itself.
    rungs: tuple[Rung, ...]
    # How often the ladder is climbed again from the first rung.
    repeat: int
    # Called at once where a rung reaches nobody, and when the ladder has ended. Never empty.
    nobody: tuple[Target, ...]
    # Nobody is called again while this schedule has nobody; None: at any hour. The post itself is never held.
    quiet_until: str | None = None


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is on duty by one schedule at one moment."""

    # Names of people in the engineers' chat, without at sign; empty: nobody.
    people: tuple[str, ...]
    # Until when that is so; None: as far as anybody knows, for ever.
    until: datetime | None = None
    # What is doubtful about it, for the post, e.g. "on-call from cache, 3 h old"; empty for nothing.
    note: str = ""
    # Who says so, e.g. "PagerDuty"; empty: nobody can tell.
    source: str = ""


class MentionMode(StrEnum):
    """What the post itself calls where a ladder says who is on duty."""

    # The mention of engine.yaml alone.
    STATIC = "static"
    # Whoever is on duty by name; the mention where that is nobody.
    RESOLVED = "resolved"
    BOTH = "both"


class Duty(Protocol):
    """Everything that is known of who is called. It answers from memory, at once, and for the same moment always the
    same until it learns something new.
    """

    def mention(self) -> str:
        """What each post says, e.g. "@oncall"."""
        ...

    def ladder(self, priority: Priority) -> Ladder | None:
        """How the engineers are called for an incident of this priority; None: by the post alone."""
        ...

    def schedules(self) -> tuple[str, ...]:
        """Every schedule that is known, each once."""
        ...

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        """Who is on duty by a schedule at an aware moment."""
        ...

    def username(self, person: str) -> str | None:
        """The name of a person in the engineers' chat, without at sign; None for somebody who is not there."""
        ...


@dataclass(frozen=True, slots=True)
class Called:
    """Whom some targets come to at one moment."""

    # What calls them in a post, each once: "@alice", "@here".
    mentions: tuple[str, ...] = ()
    # The paging services among them.
    services: tuple[str, ...] = ()
    # What is doubtful about it, for the post.
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether that is anybody at all."""
        return bool(self.mentions or self.services)


def call(targets: Iterable[Target], duty: Duty, at: datetime) -> Called:
    """Whom the targets come to at a moment."""
    mentions: dict[str, None] = {}
    services: dict[str, None] = {}
    notes: dict[str, None] = {}
    for target in targets:
        match target.kind:
            case TargetKind.SERVICE:
                services[target.name] = None
            case TargetKind.MENTION:
                mentions[target.name] = None
            case TargetKind.PERSON:
                if (username := duty.username(target.name)) is not None:
                    mentions[f"@{username}"] = None
            case TargetKind.SCHEDULE:
                found = duty.on_duty(target.name, at)
                mentions.update(dict.fromkeys(f"@{username}" for username in found.people))
                notes.update({found.note: None} if found.note else {})
            case _:
                assert_never(target.kind)
    return Called(tuple(mentions), tuple(services), tuple(notes))


def rung(ladder: Ladder, number: int) -> Rung | None:
    """The rung with this number, 0 for that of the post itself, counted on through the repeats; None after the last."""
    last = len(ladder.rungs) * (ladder.repeat + 1)
    return ladder.rungs[number % len(ladder.rungs)] if number < last else None


def call_rung(ladder: Ladder, number: int, duty: Duty, at: datetime) -> Called:
    """Whom a rung calls: those for whom there is nobody where it reaches nobody, and after the last one."""
    there = rung(ladder, number)
    called = call(there.targets, duty, at) if there is not None else Called()
    return called or call(ladder.nobody, duty, at)


def next_call(ladder: Ladder, number: int, now: datetime, not_before: datetime | None) -> datetime | None:
    """When the rung after this one is to be called, unless somebody claims the incident; None after the last."""
    there = rung(ladder, number)
    return None if there is None else max(not_before or now, now + there.wait)


def quiet_until(ladder: Ladder, duty: Duty, at: datetime) -> datetime | None:
    """When somebody may be called again, where these are quiet hours; None: now."""
    if ladder.quiet_until is None:
        return None
    found = duty.on_duty(ladder.quiet_until, at)
    if found.people:
        return None
    return found.until or at + _LOOK_AGAIN


def without(ladder: Ladder, unwanted: Callable[[Target], bool]) -> Ladder:
    """The ladder without some targets; a rung that has none left reaches nobody."""
    kept = [replace(rung, targets=_kept(rung.targets, unwanted)) for rung in ladder.rungs]
    return replace(ladder, rungs=tuple(kept), nobody=_kept(ladder.nobody, unwanted))


def _kept(targets: tuple[Target, ...], unwanted: Callable[[Target], bool]) -> tuple[Target, ...]:
    return tuple(target for target in targets if not unwanted(target))


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of a ladder that is climbed because nobody claims an incident."""

    # After the post; quiet hours included.
    after: timedelta
    called: Called
    # A further channel that is told, and its team.
    channel: tuple[str, str | None] | None = None


def climb(ladder: Ladder, duty: Duty, at: datetime) -> tuple[Step, ...]:
    """Whom all rungs call, each at its own time, once up the ladder, when the post is made at this moment."""
    moment, found = at, []
    for number, there in enumerate(ladder.rungs):
        if number:
            moment = max(moment, quiet_until(ladder, duty, moment) or moment)
        found.append(Step(moment - at, call_rung(ladder, number, duty, moment), there.channel))
        moment += there.wait
    return tuple(found)


# Where nobody can tell when the quiet hours end.
_LOOK_AGAIN = timedelta(minutes=15)
