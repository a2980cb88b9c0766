"""Calls that wait to be sent while somebody takes the incident: they are given up, so that nobody is woken for what is
taken care of. Plain operations on a transaction.

One that may have been sent already is left alone: it is looked up or said again, and word of the claim follows it.
"""

from datetime import datetime

from engine.core import calls, contracts
from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState
from engine.core.incidents import IncidentStatus
from engine.core.settlements import Settlement
from engine.journal import lanes, rows
from engine.journal.statements import Database


def withdraw(database: Database, ticket_id: str, status: IncidentStatus, now: datetime) -> None:
    """Give up the calls about an incident that is in this status now."""
    reason = calls.moot(status)
    if reason:
        for delivery_id, kind, body in database.rows("waiting_calls", ticket_id):
            if body is not None and calls.is_call(contracts.load_body(DeliveryKind(kind), body)):
                lanes.drop(database, delivery_id, reason, now)


def withdraw_refused(database: Database, claimed: Claimed, settlement: Settlement, now: datetime) -> None:
    """Give up a call that a network refused for now, where somebody took the incident during the attempt."""
    waits = settlement.state is DeliveryState.QUEUED and not settlement.doubtful
    if claimed.ticket_id is None or not waits or not calls.is_call(claimed.body):
        return
    for row in database.rows("read_incident", claimed.ticket_id):
        if reason := calls.moot(rows.incident(row).status):
            lanes.drop(database, claimed.id, reason, now)
