"""Calls that wait while somebody takes or pauses the incident, or while it becomes part of an outage, are given up, so
that nobody is woken for nothing.

Plain operations on a transaction. After a pause the next are called; whoever gives the incident back has those made
after all that were given up for a claim. One that may have been sent already is left alone: it is looked up or said
again, and word of the claim follows it.
"""

from datetime import datetime

from engine.core import calls, contracts
from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState, FollowUp, Page
from engine.core.incidents import Incident, IncidentStatus
from engine.core.settlements import Settlement
from engine.journal import lanes, rows
from engine.journal.lanes import Bound
from engine.journal.statements import Database


def follow(
    database: Database, before: Incident, after: Incident, now: datetime, *, elsewhere: bool, bound: Bound
) -> None:
    """Give up what a change of an incident makes moot, and make the calls that it takes back. `elsewhere`: engineers
    are called about its outage.
    """
    if _stands(before) == _stands(after):
        return
    withdraw(database, after, now, elsewhere=elsewhere)
    given_back = before.status is IncidentStatus.CLAIMED and after.status is IncidentStatus.OPEN
    # A ladder that begins anew calls by itself.
    if given_back and not elsewhere and after.rung == before.rung:
        for (delivery_id,) in database.rows("calls_given_up", after.ticket_id, lanes.dropped(calls.TAKEN)):
            lanes.redrive(database, delivery_id, "the incident was given back", now, bound, anew=False)


def _stands(incident: Incident) -> tuple[object, ...]:
    return incident.status, incident.outage, incident.snoozed_until


def withdraw(database: Database, incident: Incident, now: datetime, *, elsewhere: bool = False) -> None:
    """Give up what waits about an incident and is moot as it stands."""
    for delivery_id, kind, body in database.rows("waiting_calls", incident.ticket_id):
        if body is not None:
            reason = calls.moot(contracts.load_body(DeliveryKind(kind), body), incident, now, elsewhere=elsewhere)
            if reason:
                lanes.drop(database, delivery_id, reason, now)


def called_elsewhere(database: Database, incident: Incident) -> bool:
    """Whether an incident belongs to an outage that is not over, about which engineers are called instead."""
    outage = database.rows("read_incident", incident.outage) if incident.outage is not None else []
    return bool(outage) and rows.incident(outage[0]).is_live


def withdraw_refused(database: Database, claimed: Claimed, settlement: Settlement, now: datetime) -> None:
    """Give up what a network refused for now, where the incident has made it moot during the attempt."""
    waits = settlement.state is DeliveryState.QUEUED and not settlement.doubtful
    if claimed.ticket_id is None or not waits or not isinstance(claimed.body, FollowUp | Page):
        return
    for row in database.rows("read_incident", claimed.ticket_id):
        incident = rows.incident(row)
        elsewhere = called_elsewhere(database, incident)
        if reason := calls.moot(claimed.body, incident, now, elsewhere=elsewhere):
            lanes.drop(database, claimed.id, reason, now)
