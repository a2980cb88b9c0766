"""Whom the post of one message would call by the on-call files of a rules folder, and who is next. Called by `explain`.

The files are taken as if engine.yaml said `oncall: {source: schedule}` and had every service that they name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from engine.clocks import SystemClock
from engine.core import durations
from engine.core.answers import Circumstances
from engine.core.calls import Call, call
from engine.core.decisions import Decision
from engine.core.incidents import Incident
from engine.core.ladders import Called, Duty, Step, climb
from engine.core.ladders import call as resolve
from engine.core.objects import Json
from engine.core.oncall import NOBODY, names
from engine.core.rosters import Roster
from engine.oncall.duty import SourcedDuty

MENTION = "@oncall"
_ROUNDED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Calling:
    """Everybody who is called until somebody claims the incident."""

    post: Call
    # A rule's own mention stands for the names of the first rung.
    names_in_post: bool
    # The first is the post itself.
    steps: tuple[Step, ...]
    repeat: int
    # In the end, as of the moment of the post.
    last: Called


def duty(roster: Roster) -> Duty:
    """Who is called by the files alone."""
    return SourcedDuty(MENTION, [None], lambda: roster, SystemClock(), services=roster.services())


def calling(incident: Incident | None, decision: Decision, circumstances: Circumstances) -> Calling | None:
    """Whom the post of a new incident calls; None: nobody by a ladder."""
    asked = circumstances.duty
    if asked is None or incident is None or not incident.escalated:
        return None
    ladder = asked.ladder(incident.priority)
    if ladder is None:
        return None
    return Calling(
        post=call(None, incident, decision.mention, circumstances),
        names_in_post=not decision.mention,
        steps=climb(ladder, asked, circumstances.accepted_at),
        repeat=ladder.repeat,
        last=resolve(ladder.nobody, asked, circumstances.accepted_at),
    )


def calling_json(found: Calling | None) -> Json | None:
    """For programs; times are counted from the post."""
    if found is None:
        return None
    first, *later = found.steps
    return {
        "mention": found.post.mention,
        "calls": list(first.called.mentions) if found.names_in_post else [],
        "services": list(first.called.services),
        "notes": list(first.called.notes),
        "next": [
            {
                "afterSeconds": round(step.after.total_seconds()),
                "calls": list(step.called.mentions),
                "services": list(step.called.services),
                "notes": list(step.called.notes),
                "channel": step.channel[0] if step.channel else None,
            }
            for step in later
        ],
        "repeat": found.repeat,
        "last": list(names(found.last)),
    }


def calling_lines(found: Calling) -> Iterator[tuple[str, str]]:
    """Labels and lines: whom the post calls, and then each rung."""
    first, *later = found.steps
    called = names(first.called if found.names_in_post else Called(services=first.called.services))
    yield "calls", ", ".join(dict.fromkeys((found.post.mention, *called)))
    for note in first.called.notes:
        yield "", note
    for number, step in enumerate(later):
        told = f", told in ~{step.channel[0]}, too" if step.channel else ""
        line = f"after {_written(step.after)} {', '.join(names(step.called)) or NOBODY}{told}"
        yield "" if number else "unclaimed", line
    times = "once" if found.repeat == 1 else f"{found.repeat} times"
    again = f"again {times}, " if found.repeat else ""
    yield "" if later else "unclaimed", f"{again}in the end {', '.join(names(found.last)) or NOBODY}"


def _written(span: timedelta) -> str:
    """What quiet hours put off is told to the minute."""
    return durations.written(round(span / _ROUNDED) * _ROUNDED if span >= _ROUNDED else span)
