"""Accepted messages, from their acceptance to the transaction that records what follows from them.

Plain operations on a transaction, run by a store. The oldest undecided message of a conversation is its head; a
conversation's messages are decided one after the other, conversations beside each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine.core import contracts
from engine.core.decisions import Priority
from engine.core.errors import NotFound, Overloaded, Superseded
from engine.core.events import Inbound
from engine.core.incidents import Incident, IncidentStatus
from engine.core.outages import CONNECTOR
from engine.core.plan import AuditEntry, Plan
from engine.core.practices import Practice
from engine.core.quotes import TICKET
from engine.core.records import Accepted, Unrouted
from engine.journal import audits, identities, lanes, outages, rows, withdrawals
from engine.journal.audits import About
from engine.journal.lanes import Bound, Cause
from engine.journal.pseudonyms import erased_names
from engine.journal.rows import instant, micros, storable
from engine.journal.statements import Database
from engine.journal.tickets import allocate


def accept(
    database: Database, inbounds: Sequence[Inbound], now: datetime, salt: bytes, bound: Bound
) -> tuple[Accepted, ...]:
    """Store each message once, in its client's conversation; a duplicate is answered with the row that it repeats and
    writes nothing but further names of its client, unless that was erased.

    Raises Overloaded when there is a new one and as many deliveries are open as may be.
    """
    return tuple(_accept_one(database, inbound, now, salt, bound) for inbound in inbounds)


def _accept_one(database: Database, inbound: Inbound, now: datetime, salt: bytes, bound: Bound) -> Accepted:
    inbound, place = identities.of_inbound(database, inbound, now, salt)
    connector, conversation_id = inbound.connector, place.conversation_id
    message_id = storable(inbound.event.message.id)
    for name in (conversation_id, *place.earlier):
        erased = erased_names(salt, connector, name, message_id)
        for inbox_id, kept_in in database.rows("find_message", connector, name, message_id, *erased):
            if kept_in == name:
                identities.learn(database, connector, place)
            return Accepted(inbox_id, duplicate=True)
    if bound.reached(database):
        raise Overloaded(f"{bound.limit} deliveries are open, which is the bound; come back later")
    identities.learn(database, connector, place)
    body = contracts.dump_inbound(inbound)
    conversation = (connector, conversation_id)
    ((inbox_id,),) = database.rows("add_message", *conversation, message_id, body, micros(now), *conversation)
    received = AuditEntry("received", (("connector", connector), ("source", inbound.event.source)))
    about = About(subject=audits.subject(salt, *conversation), inbox_id=inbox_id)
    audits.add(database, received, about, now)
    return Accepted(inbox_id, duplicate=False)


def unrouted(database: Database, limit: int) -> tuple[Unrouted, ...]:
    """The oldest undecided message of each conversation, oldest first."""
    found = database.rows("unrouted_messages", limit)
    live: dict[str, str] = dict(database.rows("live_outages", CONNECTOR)) if found else {}
    return tuple(rows.unrouted(row, live) for row in found)


def record(
    database: Database,
    inbox_id: int,
    plan: Plan,
    decision_log: Mapping[str, object],
    now: datetime,
    *,
    practice: Practice | None,
    salt: bytes,
    bound: Bound,
) -> str | None:
    """Write everything that follows from one message and return its ticket; see `ports.Journal.record`."""
    found = database.rows("read_message", inbox_id)
    if not found:
        raise NotFound(f"the journal holds no message {inbox_id}")
    connector, conversation_id, accepted_at, routed_at, ticket_id, version, priority = found[0]
    if routed_at is not None:
        return None if ticket_id is None else str(ticket_id)
    if (version or 0) != plan.expected_version:
        raise Superseded(f"the incident is at version {version}, the plan was made for {plan.expected_version}")
    subject = audits.subject(salt, connector, conversation_id)
    ended = _end(database, plan, Cause(plan.lapsed, subject, Priority(priority or 0), instant(accepted_at)), now, bound)
    ticket = None
    if plan.incident is not None:
        ticket = _write_incident(database, plan.incident, connector, conversation_id, now)
        if priority is not None and plan.incident.priority != priority:
            database.rows("raise_deliveries", int(plan.incident.priority), ticket)
        cause = Cause(ticket, subject, plan.incident.priority, instant(accepted_at))
        for delivery in plan.deliveries:
            lanes.add(database, delivery, cause, now, bound)
        for timer in plan.timers:
            database.rows("set_timer", connector, conversation_id, timer.name, micros(timer.due_at), ticket)
    about = About(ticket, subject, inbox_id if ticket is None else None)
    for entry in plan.audit:
        audits.add(database, entry, about, now)
    database.rows("route_message", micros(now), ticket, rows.decision_json(decision_log), inbox_id)
    database.rows("promote_message", connector, conversation_id)
    if practice is not None:
        outages.follow(database, ended, ticket, practice, now, salt=salt, bound=bound)
    return ticket


def _write_incident(database: Database, incident: Incident, connector: str, conversation_id: str, now: datetime) -> str:
    values = rows.incident_values(incident)
    if incident.ticket_id != TICKET:
        database.rows("change_incident", *values, incident.ticket_id)
        return incident.ticket_id
    ticket = allocate(database, now)
    identity = (ticket, 1, connector, conversation_id, incident.source)
    policy = rows.policy_values(incident)
    database.rows("add_incident", *identity, *values, micros(incident.created_at), *policy)
    return ticket


def _end(database: Database, plan: Plan, cause: Cause, now: datetime, bound: Bound) -> str | None:
    """End the incident that a message does not join, if there is one; the ticket of the outage that it belongs to."""
    if plan.lapsed is None:
        return None
    closed = database.rows("close_incident", IncidentStatus.LAPSED.value, plan.lapsed)
    if closed:
        why = "superseded" if plan.superseded else "lapsed"
        audits.add(database, AuditEntry(why), About(cause.ticket_id, cause.subject), now)
    database.rows("cancel_timers_of", plan.lapsed)
    for row in database.rows("read_incident", plan.lapsed):
        withdrawals.withdraw(database, rows.incident(row), now)
    for delivery in plan.closing:
        lanes.add(database, delivery, cause, now, bound)
    return closed[0][0] if closed else None
