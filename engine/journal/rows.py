"""Rows of the journal's tables from and to the values of the core.

Called by the operations of this package; the column order is that of queries.sql. Does no I/O.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from engine.core import contracts
from engine.core.decisions import FollowUpPolicy, Priority
from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState, Escalation, Revision
from engine.core.incidents import Incident, IncidentStatus
from engine.core.outages import CONNECTOR
from engine.core.quotes import whole
from engine.core.records import AuditView, Decided, DeliveryView, Unrouted
from engine.core.reports import Measured, Step
from engine.journal.statements import Row, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# In ASCII, so that it can hold whatever a rule's evidence or a network's word holds.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def micros(instant: datetime) -> int:
    """The instant as the journal keeps it: whole microseconds since 1970 in UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(written: int) -> datetime:
    """The inverse of `micros`, in UTC."""
    return _EPOCH + timedelta(microseconds=written)


def _span(written: int | None) -> timedelta | None:
    return None if written is None else written * _MICROSECOND


def _micros_of(span: timedelta | None) -> int | None:
    return None if span is None else span // _MICROSECOND


def year(now: datetime) -> int:
    """The year that a ticket of this instant carries: that of UTC."""
    return now.astimezone(UTC).year


def instant_or_none(written: int | None) -> datetime | None:
    """`instant` for one that may be absent."""
    return None if written is None else instant(written)


def storable(text: str) -> str:
    """The text as a database takes it: lone surrogates become U+FFFD, as `contracts.dump_inbound` writes them."""
    return whole(text)


def storable_or_none(text: str | None) -> str | None:
    """The same for text that may be absent."""
    return None if text is None else storable(text)


def details_json(details: Iterable[tuple[str, str]]) -> str:
    """An audit row's facts."""
    return _encode(dict(details))


def decision_json(decision_log: Mapping[str, object]) -> str:
    """A decision log as the inbox keeps it."""
    return _encode(decision_log)


def incident_values(incident: Incident) -> tuple[Value, ...]:
    """The columns that may change while the incident lives, in the order of `change_incident`."""
    return (
        storable_or_none(incident.client_name),
        storable_or_none(incident.client_phone),
        storable(incident.issue_summary),
        int(incident.priority),
        _encode(incident.tags),
        incident.rule_id,
        incident.ruleset_sha,
        incident.mattermost_channel,
        incident.mattermost_team,
        incident.status.value,
        int(incident.acknowledged),
        int(incident.escalated),
        storable_or_none(incident.claimed_by),
        storable_or_none(incident.claim_id),
        storable_or_none(incident.resolved_by),
        incident.rung,
        _encode(incident.paged),
        incident.outage,
        micros(incident.last_message_at),
        micros_or_none(incident.acknowledged_at),
        micros_or_none(incident.claimed_at),
        micros_or_none(incident.answered_at),
        micros_or_none(incident.replied_at),
        micros_or_none(incident.resolved_at),
        micros_or_none(incident.snoozed_until),
    )


def policy_values(incident: Incident) -> tuple[Value, ...]:
    """The columns of what was said about further messages when the incident was opened; they never change."""
    policy = incident.follow_up
    return _micros_of(policy.within), int(policy.new), _micros_of(policy.ack_again_after)


def micros_or_none(moment: datetime | None) -> int | None:
    """`micros` for an instant that may be absent."""
    return None if moment is None else micros(moment)


def incident(row: Row) -> Incident:
    """The incident in the columns of `read_incident`."""
    (
        ticket_id,
        version,
        connector,
        conversation_id,
        source,
        client_name,
        client_phone,
        issue_summary,
        priority,
        tags,
        rule_id,
        ruleset_sha,
        mattermost_channel,
        mattermost_team,
        status,
        acknowledged,
        escalated,
        created_at,
        last_message_at,
        acknowledged_at,
        within,
        new,
        ack_again_after,
        claimed_by,
        claimed_at,
        answered_at,
        claim_id,
        replied_at,
        resolved_by,
        resolved_at,
        snoozed_until,
        rung,
        paged,
        outage,
    ) = row
    return Incident(
        ticket_id=ticket_id,
        version=version,
        connector=connector,
        conversation_id=conversation_id,
        source=source,
        client_name=client_name,
        client_phone=client_phone,
        issue_summary=issue_summary,
        priority=Priority(priority),
        tags=tuple(json.loads(tags)),
        rule_id=rule_id,
        ruleset_sha=ruleset_sha,
        mattermost_channel=mattermost_channel,
        mattermost_team=mattermost_team,
        status=IncidentStatus(status),
        acknowledged=bool(acknowledged),
        escalated=bool(escalated),
        created_at=instant(created_at),
        last_message_at=instant(last_message_at),
        acknowledged_at=instant_or_none(acknowledged_at),
        follow_up=FollowUpPolicy(_span(within), bool(new), _span(ack_again_after)),
        claimed_by=claimed_by,
        claimed_at=instant_or_none(claimed_at),
        claim_id=claim_id,
        answered_at=instant_or_none(answered_at),
        replied_at=instant_or_none(replied_at),
        resolved_by=resolved_by,
        resolved_at=instant_or_none(resolved_at),
        snoozed_until=instant_or_none(snoozed_until),
        rung=rung,
        paged=tuple(json.loads(paged)),
        outage=outage,
    )


def unrouted(row: Row, outages: Mapping[str, str]) -> Unrouted:
    """A row of `unrouted_messages`, with the outages that are not over."""
    inbox_id, body, accepted_at, held_until, muted_until, post_kind, post_body, *columns = row
    return Unrouted(
        inbox_id=inbox_id,
        inbound=contracts.load_inbound(body),
        accepted_at=instant(accepted_at),
        incident=None if columns[0] is None else incident(tuple(columns)),
        post=None if post_body is None else post(DeliveryKind(post_kind), post_body),
        held_until=instant_or_none(held_until),
        muted_until=instant_or_none(muted_until),
        outages=outages,
    )


def post(kind: DeliveryKind, body: str) -> Escalation | None:
    """What the text of an escalation or a revision makes of the incident's post."""
    loaded = contracts.load_body(kind, body)
    if isinstance(loaded, Revision):
        return loaded.escalation
    return loaded if isinstance(loaded, Escalation) else None


def claimed(row: Row, now: datetime) -> Claimed:
    """A row of `claimable_deliveries` as it is after the claim at `now`."""
    (
        _seq,
        delivery_id,
        state,
        token,
        attempts,
        doubtful,
        first_attempt_at,
        accepted_at,
        ticket_id,
        lane,
        destination,
        kind,
        body,
        priority,
        thread,
    ) = row
    return Claimed(
        id=delivery_id,
        token=token + 1,
        attempt=attempts + 1,
        # A lease that ran out leaves an attempt of which nobody knows the end.
        doubtful=bool(doubtful) or state == DeliveryState.SENDING,
        first_attempt_at=now if first_attempt_at is None else instant(first_attempt_at),
        accepted_at=instant(accepted_at),
        ticket_id=ticket_id,
        lane=lane,
        destination=destination,
        body=contracts.load_body(DeliveryKind(kind), body),
        thread=thread,
        priority=Priority(priority),
    )


def decided(row: Row) -> Decided:
    """A row of `decided_messages`."""
    inbox_id, accepted_at, body, decision, joined = row
    return Decided(
        inbox_id=inbox_id,
        accepted_at=instant(accepted_at),
        inbound=None if body is None else contracts.load_inbound(body),
        decision=None if decision is None else json.loads(decision),
        joined=bool(joined),
    )


def measured(row: Row) -> Measured:
    """A row of `measured_incidents`."""
    (
        seq,
        connector,
        created_at,
        priority,
        tags,
        rule_id,
        channel,
        status,
        acknowledged,
        escalated,
        accepted_at,
        sent_at,
        claimed_at,
        answered_at,
        resolved_at,
    ) = row
    ends = (
        (Step.ACKNOWLEDGED, accepted_at, sent_at),
        (Step.CLAIMED, created_at, claimed_at),
        (Step.ANSWERED, created_at, answered_at),
        (Step.RESOLVED, created_at, resolved_at),
    )
    return Measured(
        seq=seq,
        opened_at=instant(created_at),
        outage=connector == CONNECTOR,
        priority=Priority(priority),
        tags=tuple(json.loads(tags)),
        rule=rule_id,
        channel=channel,
        status=IncidentStatus(status),
        acknowledges=bool(acknowledged),
        escalated=bool(escalated),
        # Clocks of networks and phones may lie before ours.
        spans={
            step: max(0, end - begin) * _MICROSECOND
            for step, begin, end in ends
            if begin is not None and end is not None
        },
    )


def delivery_view(row: Row) -> DeliveryView:
    """A row of the lists of deliveries."""
    delivery_id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error = row
    return DeliveryView(
        id=delivery_id,
        kind=DeliveryKind(kind),
        state=DeliveryState(state),
        destination=destination,
        ticket_id=ticket_id,
        attempts=attempts,
        created_at=instant(created_at),
        due_at=instant(due_at) if state == DeliveryState.QUEUED else None,
        sent_at=instant_or_none(sent_at),
        error=error,
    )


def audit_view(row: Row) -> AuditView:
    """A row of `audit_of_incident`."""
    _seq, at, kind, ticket_id, subject, details = row
    return AuditView(at=instant(at), kind=kind, ticket_id=ticket_id, subject=subject, details=json.loads(details))
