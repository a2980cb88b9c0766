"""What follows from something that happened in a conversation and is no message of the client's. Pure.

Called by the journal inside the transaction that keeps the signal. A person of ours who answers by hand claims the
incident, and the daemon holds its tongue in that conversation for a while; the rest is told in the incident's thread.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core import durations
from engine.core.decisions import Priority
from engine.core.deliveries import FollowUp, NewDelivery
from engine.core.events import Signal
from engine.core.incidents import Incident, IncidentStatus
from engine.core.plan import AuditEntry
from engine.core.quotes import quote

# Who claimed an incident by answering on WhatsApp: the network does not say which of our people it was.
BY_HAND = "whatsapp"
_ANSWERED = "Somebody answered the client on WhatsApp: {ticket} is claimed, no automatic acknowledgement for {hold}."
_REVOKED = "The client took a message back."
_MOVED = "The client has another number now: {number}. Messages from there belong to this conversation."


@dataclass(frozen=True, slots=True)
class Consequence:
    """What one transaction writes after a signal."""

    # The incident is claimed from now on.
    claims: bool = False
    # It is the first answer of a person in this incident.
    answers: bool = False
    # Until when nothing is acknowledged automatically in the conversation.
    held_until: datetime | None = None
    deliveries: Sequence[NewDelivery] = ()
    audit: Sequence[AuditEntry] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """A client whom a person answered for the first time in an incident."""

    priority: Priority
    # How long the client waited.
    waited: timedelta
    # How long nobody had the incident, which this answer claims; None: somebody had it.
    unclaimed: timedelta | None


def consequence(
    signal: Signal, incident: Incident | None, *, hold: timedelta, escalate_to: str, now: datetime
) -> Consequence:
    """What follows from a signal; `incident` is the one of its conversation that takes messages."""
    match signal.kind:
        case "human_reply":
            return _answered(signal, incident, hold, escalate_to, now)
        case "revoke":
            return _told(signal, incident, _REVOKED, escalate_to, now)
        case "number_change" if signal.text:
            return _told(signal, incident, _MOVED.format(number=quote(signal.text)), escalate_to, now)
        case _:
            return Consequence()


def _answered(
    signal: Signal, incident: Incident | None, hold: timedelta, escalate_to: str, now: datetime
) -> Consequence:
    until = min(signal.at, now) + hold
    held_until = until if until > now else None
    # What was answered before the client wrote is no answer to it.
    if incident is None or incident.answered_at is not None or signal.at < incident.created_at:
        return Consequence(held_until=held_until)
    claims = incident.status is IncidentStatus.OPEN
    text = _ANSWERED.format(ticket=incident.ticket_id, hold=durations.written(hold))
    told = _told(signal, incident, text, escalate_to, now)
    entry = AuditEntry("answered", (("by", BY_HAND), ("claimed", "yes" if claims else "no")))
    return Consequence(claims, answers=True, held_until=held_until, deliveries=told.deliveries, audit=(entry,))


def _told(signal: Signal, incident: Incident | None, text: str, escalate_to: str, now: datetime) -> Consequence:
    """A reply in the incident's thread, where there is one."""
    if incident is None or not incident.escalated:
        return Consequence()
    body = FollowUp(incident.mattermost_channel, incident.mattermost_team, text, incident.ticket_id)
    lane = f"escalate:{signal.connector}:{signal.conversation_id}"
    return Consequence(deliveries=(NewDelivery(_key(signal), lane, escalate_to, body, now),))


def _key(signal: Signal) -> str:
    identity = f"{signal.connector}\n{signal.conversation_id}\n{signal.kind}\n{signal.id}"
    return f"{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}-{signal.kind}"
