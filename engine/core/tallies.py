"""What is counted and measured of a change that engineers or timers brought about. Pure; called by `intake`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from engine.core.decisions import Priority
from engine.core.deliveries import Page, PageAction
from engine.core.outages import CONNECTOR
from engine.core.plan import AuditEntry
from engine.core.practices import Change
from engine.core.reports import Step

# How a person did something, by the first word of the action's id.
_WAYS = {"reaction": "reaction", "post": "command", "button": "button"}


@dataclass(frozen=True, slots=True)
class Reached:
    """An incident has come to a step."""

    step: Step
    priority: Priority
    # Since the client's message was received.
    after: timedelta


def way(entry: AuditEntry) -> str:
    """How it was done: reaction, command, button, timer or other."""
    how = dict(entry.details).get("how")
    return "timer" if how is None else _WAYS.get(how, "other")


def reached(change: Change) -> tuple[Reached, ...]:
    """The steps that a change has brought; none of an outage, which is of no client."""
    incident, kinds = change.incident, {entry.kind for entry in change.audit}
    if incident.connector == CONNECTOR:
        return ()
    replied = incident.replied_at if "replied" in kinds else None
    # Words for the client claim an incident that nobody has, and answer one that nobody has answered.
    ends = (
        (Step.CLAIMED, incident.claimed_at, "claimed" in kinds or incident.claimed_at == replied),
        (Step.ANSWERED, incident.answered_at, incident.answered_at == replied),
        (Step.RESOLVED, incident.resolved_at, "resolved" in kinds),
    )
    return tuple(
        Reached(step, incident.priority, max(timedelta(0), at - incident.created_at))
        for step, at, now in ends
        if now and at is not None
    )


def calls(change: Change) -> Mapping[str, int]:
    """Who was called because nobody had claimed the incident: reminders in the thread, pages through services."""
    counted: Counter[str] = Counter()
    if any(entry.kind == "called" for entry in change.audit):
        counted["reminder"] = 1
        counted["page"] = sum(
            isinstance(one.body, Page) and one.body.action is PageAction.TRIGGER for one in change.deliveries
        )
    return counted
