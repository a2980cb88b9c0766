"""What happens in conversations besides messages: kept once, with what follows. Plain operations on a transaction.

What follows is decided in `core.signals`; here it is written.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.core import signals
from engine.core.events import Signal
from engine.core.incidents import Incident, IncidentStatus
from engine.core.signals import Answered
from engine.journal import audits, identities, lanes, receipts, rows
from engine.journal.audits import About
from engine.journal.lanes import Bound, Cause
from engine.journal.rows import micros, storable
from engine.journal.statements import Database


def note(  # noqa: PLR0917 - everything that follows is made of
    database: Database,
    given: Sequence[Signal],
    now: datetime,
    hold: timedelta,
    escalate_to: str,
    bound: Bound,
    salt: bytes,
) -> tuple[Answered, ...]:
    """Keep each signal once and write what follows; the clients whom a person answered now."""
    answered = (_note_one(database, signal, now, hold, escalate_to, bound, salt) for signal in given)
    return tuple(one for one in answered if one is not None)


def _note_one(  # noqa: PLR0917 - as above
    database: Database,
    signal: Signal,
    now: datetime,
    hold: timedelta,
    escalate_to: str,
    bound: Bound,
    salt: bytes,
) -> Answered | None:
    signal_id = storable(signal.id)
    # What we sent ourselves is no reply of a person.
    if signal.kind == "human_reply" and receipts.delivery_of(database, signal.connector, signal_id):
        return None
    signal, place = identities.of_signal(database, signal, now, salt)
    conversation = (signal.connector, place.conversation_id)
    for name in place.earlier:
        if database.rows("find_signal", signal.connector, name, signal.kind, signal_id):
            return None
    if not database.rows("add_signal", *conversation, signal_id, signal.kind, micros(signal.at), micros(now)):
        return None
    identities.learn(database, signal.connector, place)
    found = database.rows("live_incident", *conversation)
    incident = rows.incident(found[0]) if found else None
    follows = signals.consequence(signal, incident, hold=hold, escalate_to=escalate_to, now=now)
    if follows.held_until is not None:
        database.rows("hold_conversation", *conversation, micros(follows.held_until))
    if incident is None:
        return None
    if follows.answers:
        _claim(database, incident, follows, signal.at, now)
    subject = audits.subject(salt, *conversation)
    for delivery in follows.deliveries:
        lanes.add(database, delivery, Cause(incident.ticket_id, subject, incident.priority, now), now, bound)
    for entry in follows.audit:
        audits.add(database, entry, About(incident.ticket_id, subject), now)
    return _answered(signal, incident, follows, now)


def _answered(signal: Signal, incident: Incident, follows: signals.Consequence, now: datetime) -> Answered | None:
    if not follows.answers:
        return None
    unclaimed = now - incident.created_at if follows.claims else None
    return Answered(incident.priority, signal.at - incident.created_at, unclaimed)


def _claim(
    database: Database, incident: Incident, follows: signals.Consequence, answered_at: datetime, now: datetime
) -> None:
    status = IncidentStatus.CLAIMED if follows.claims else incident.status
    by = signals.BY_HAND if follows.claims else incident.claimed_by
    claimed_at = now if follows.claims else incident.claimed_at
    database.rows(
        "claim_incident", status.value, by, rows.micros_or_none(claimed_at), micros(answered_at), incident.ticket_id
    )
