"""What follows from something that happened in a conversation and is no message of the client's. Pure.

Called by the journal inside the transaction that keeps the signal. A person of ours who answers by hand claims the
incident, and the daemon holds its tongue in that conversation for a while; the rest is told in the incident's thread.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core import durations
from engine.core.decisions import Priority
from engine.core.deliveries import PageAction
from engine.core.events import Signal
from engine.core.incidents import IncidentStatus
from engine.core.plan import CALL, AuditEntry
from engine.core.practices import Change, Practice, Standing, Words
from engine.core.quotes import quote
from engine.core.standings import BY_HAND

_ANSWERED = "Somebody answered the client on WhatsApp: {ticket} is claimed, no automatic acknowledgement for {hold}."
_REVOKED = "The client took a message back."
_MOVED = "The client has another number now: {number}. Messages from there belong to this conversation."


@dataclass(frozen=True, slots=True)
class Answered:
    """A client whom a person answered for the first time in an incident, or whose incident an answer claims."""

    priority: Priority
    # How long the client waited for the first answer; None: there was one before.
    waited: timedelta | None
    # How long nobody had the incident, which this answer claims; None: somebody had it.
    unclaimed: timedelta | None


@dataclass(frozen=True, slots=True)
class Consequence:
    """What one transaction writes after a signal."""

    # Of the incident that takes messages there; None: of nothing.
    change: Change | None = None
    # Whom a person answered for the first time, or whose incident an answer claims.
    answered: Answered | None = None
    # Until when nothing is acknowledged automatically in the conversation.
    held_until: datetime | None = None


def consequence(
    signal: Signal, found: Standing | None, practice: Practice, now: datetime, *, hold: timedelta
) -> Consequence:
    """What follows from a signal; `found` is the incident of its conversation that takes messages."""
    match signal.kind:
        case "human_reply":
            return _answered(signal, found, practice, now, hold)
        case "revoke":
            return _told(signal, found, practice, now, _REVOKED)
        case "number_change" if signal.text:
            return _told(signal, found, practice, now, _MOVED.format(number=quote(signal.text)))
        case _:
            return Consequence()


def _answered(
    signal: Signal, found: Standing | None, practice: Practice, now: datetime, hold: timedelta
) -> Consequence:
    at = min(signal.at, now)
    held_until = at + hold if at + hold > now else None
    # What was answered before the client wrote is no answer to it.
    if found is None or signal.at < found.incident.created_at:
        return Consequence(held_until=held_until)
    incident = found.incident
    said = Words(_step(signal), incident, practice, now)
    first = incident.answered_at is None
    claims = incident.status is IncidentStatus.OPEN
    after = replace(incident, answered_at=incident.answered_at or at, replied_at=max(incident.replied_at or at, at))
    if claims:
        after = replace(after, status=IncidentStatus.CLAIMED, claimed_by=BY_HAND, claimed_at=now, snoozed_until=None)
        said.pages(after, incident.paged, PageAction.ACKNOWLEDGE)
    if first or claims:
        said.thread(_ANSWERED.format(ticket=incident.ticket_id, hold=durations.written(hold)))
    if claims or after.awaits_client is not incident.awaits_client:
        said.post(after, found.post)
    entry = AuditEntry("answered", (("by", BY_HAND), ("claimed", "yes" if claims else "no")))
    change = Change(after, tuple(said.deliveries), cancelled=(CALL,), audit=(entry,) if first or claims else ())
    waited = at - incident.created_at if first else None
    unclaimed = now - incident.created_at if claims else None
    answered = Answered(incident.priority, waited, unclaimed) if first or claims else None
    return Consequence(change, answered, held_until)


def _told(signal: Signal, found: Standing | None, practice: Practice, now: datetime, text: str) -> Consequence:
    """A reply in the incident's thread, where there is one."""
    if found is None:
        return Consequence()
    said = Words(_step(signal), found.incident, practice, now)
    said.thread(text)
    return Consequence(Change(found.incident, tuple(said.deliveries)))


def _step(signal: Signal) -> str:
    return f"{signal.connector}\n{signal.conversation_id}\n{signal.kind}\n{signal.id}"
