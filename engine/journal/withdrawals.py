"""Calls that wait while somebody takes or pauses the incident are given up, so that nobody is woken for nothing.

Plain operations on a transaction. After a pause the next are called. One that may have been sent already is left alone:
it is looked up or said again, and word of the claim follows it.
"""

from datetime import datetime

from engine.core import calls, contracts
from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState
from engine.core.incidents import Incident
from engine.core.settlements import Settlement
from engine.journal import lanes, rows
from engine.journal.statements import Database


def withdraw(database: Database, incident: Incident, now: datetime) -> None:
    """Give up the calls about an incident that are moot as it stands."""
    reason = calls.moot(incident, now)
    if reason:
        for delivery_id, kind, body in database.rows("waiting_calls", incident.ticket_id):
            if body is not None and calls.is_call(contracts.load_body(DeliveryKind(kind), body)):
                lanes.drop(database, delivery_id, reason, now)


def withdraw_refused(database: Database, claimed: Claimed, settlement: Settlement, now: datetime) -> None:
    """Give up a call that a network refused for now, where somebody took or paused the incident during the attempt."""
    waits = settlement.state is DeliveryState.QUEUED and not settlement.doubtful
    if claimed.ticket_id is None or not waits or not calls.is_call(claimed.body):
        return
    for row in database.rows("read_incident", claimed.ticket_id):
        if reason := calls.moot(rows.incident(row), now):
            lanes.drop(database, claimed.id, reason, now)
