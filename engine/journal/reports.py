"""What the journal tells: to probes, to the relay's clock and to operators. Operations that only read."""

import json
from datetime import datetime

from engine.core import contracts
from engine.core.decisions import Priority
from engine.core.deliveries import DeliveryState
from engine.core.incidents import Incident, IncidentStatus
from engine.core.outages import CONNECTOR
from engine.core.records import (
    Backlog,
    Decided,
    DeliveryHistory,
    DeliveryView,
    IncidentView,
    OpenCount,
    ReceiptView,
)
from engine.core.reports import Measured
from engine.journal import lanes, rows
from engine.journal.rows import instant, micros
from engine.journal.statements import Database

_OPEN = {DeliveryState.QUEUED, DeliveryState.SENDING}
# Above every id.
_END = 2**63 - 1
# The list that an index serves for each state.
_LISTS = {
    DeliveryState.QUEUED: "newest_open_deliveries",
    DeliveryState.SENDING: "newest_open_deliveries",
    DeliveryState.DEAD: "newest_failed_deliveries",
    DeliveryState.HELD: "newest_failed_deliveries",
    DeliveryState.SENT: "newest_sent_deliveries",
}


def backlog(database: Database) -> Backlog:
    """Counts of what is open, dead or held; what was sent is not counted, since that would read every row."""
    ((unrouted,),) = database.rows("count_unrouted")
    counts: dict[tuple[str, DeliveryState], int] = {}
    oldest: dict[str, datetime] = {}
    for destination, word, count, created_at in database.rows("count_deliveries"):
        state = DeliveryState(word)
        counts[destination, state] = count
        if state in _OPEN:
            created = instant(created_at)
            oldest[destination] = min(created, oldest.get(destination, created))
    return Backlog(unrouted, counts, oldest)


def incidents(database: Database, status: IncidentStatus | None, limit: int) -> tuple[Incident, ...]:
    """The newest incidents first."""
    if status is None:
        found = database.rows("newest_incidents", limit)
    else:
        found = database.rows("newest_incidents_of_status", status.value, limit)
    return tuple(rows.incident(row) for row in found)


def incident(database: Database, ticket_id: str) -> IncidentView | None:
    """One incident with its history, or None."""
    found = database.rows("read_incident", ticket_id)
    if not found:
        return None
    messages_of = database.rows("messages_of_incident", ticket_id)
    first_body = messages_of[0][0] if messages_of else None
    return IncidentView(
        incident=rows.incident(found[0]),
        raw_text=None if first_body is None else contracts.load_inbound(first_body).event.message.text,
        decisions=tuple(json.loads(decision) for _, decision in messages_of if decision is not None),
        deliveries=tuple(rows.delivery_view(row) for row in database.rows("deliveries_of_incident", ticket_id)),
        audit=tuple(rows.audit_view(row) for row in database.rows("audit_of_incident", ticket_id, ticket_id)),
    )


def delivery(database: Database, delivery_id: str) -> DeliveryHistory | None:
    """One delivery with its history, or None."""
    stored = lanes.read(database, delivery_id)
    if stored is None:
        return None
    ((body,),) = database.rows("read_body", stored.seq)
    ((ahead,),) = database.rows("deliveries_ahead", stored.lane, stored.seq)
    ticket = stored.ticket_id
    told = [] if ticket is None else database.rows("audit_of_incident", ticket, ticket)
    return DeliveryHistory(
        view=rows.delivery_view(database.rows("read_delivery_view", delivery_id)[0]),
        receipt=stored.receipt,
        body=None if body is None else contracts.shown_body(body),
        doubtful=bool(stored.doubtful),
        ahead=ahead if stored.state in _OPEN else 0,
        receipts=tuple(
            ReceiptView(status, code, instant(at))
            for status, code, at in database.rows("receipts_of_delivery", delivery_id)
        ),
        audit=tuple(view for view in map(rows.audit_view, told) if view.details.get("delivery") == delivery_id),
    )


def decided(database: Database, since: datetime, before: int | None, limit: int) -> tuple[Decided, ...]:
    """A page of decided messages, the newest first; see `ports.Journal.decided`.

    A message from before `since` is left out and ends nothing: a clock that was set back must not hide others.
    """
    found = database.rows("decided_messages", _END if before is None else before, limit)
    return tuple(rows.decided(row) for row in found if row[1] >= micros(since))


def measured(database: Database, since: datetime, before: int | None, limit: int) -> tuple[Measured, ...]:
    """A page of incidents with their times, the newest first; see `ports.Journal.measured`. As in `decided` one from
    before `since` ends nothing.
    """
    found = database.rows("measured_incidents", _END if before is None else before, limit)
    return tuple(one for one in map(rows.measured, found) if one.opened_at >= since)


def open_incidents(database: Database) -> tuple[OpenCount, ...]:
    """How many incidents are open or claimed, by status and priority, and the oldest of each."""
    return tuple(
        OpenCount(IncidentStatus(status), Priority(priority), bool(outages), bool(members), count, instant(oldest))
        for status, priority, outages, members, count, oldest in database.rows("count_open_incidents", CONNECTOR)
    )


def deliveries(database: Database, state: DeliveryState | None, limit: int) -> tuple[DeliveryView, ...]:
    """The newest deliveries first."""
    if state is None:
        found = database.rows("newest_deliveries", limit)
    else:
        found = database.rows(_LISTS[state], state.value, limit)
    return tuple(rows.delivery_view(row) for row in found)
