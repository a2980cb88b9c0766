"""Messages, plans and small stories for the journal's tests."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from standins.rosters import FixedDuty

from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Claimed,
    Copy,
    DeliveryKind,
    DeliveryState,
    Escalation,
    FollowUp,
    Media,
    NewDelivery,
    Revision,
)
from engine.core.events import Address, Client, Event, Inbound, Message, Receipt
from engine.core.incidents import Incident, IncidentStatus
from engine.core.plan import LAPSE, AuditEntry, Plan, Timer
from engine.core.practices import Practice
from engine.core.quotes import TICKET
from engine.core.settlements import Settlement
from engine.ports import Journal

# Ends a journal's life and begins another on the same memory; see `conftest.restart`.
Restart = Callable[..., Awaitable[Journal]]

NOW = datetime(2026, 2, 12, 10, 15, 30, 123456, tzinfo=UTC)
LEASE = timedelta(seconds=60)
EPISODE = timedelta(hours=4)
KINDS = tuple(DeliveryKind)
PRACTICE = Practice(FixedDuty(), "mattermost", "test")
DECISION = {"rule": "voip-outbound", "because": [{"text": "can't \ud83d make calls"}]}
SENT = Settlement(DeliveryState.SENT, receipt="provider-1")
DEAD = Settlement(DeliveryState.DEAD, error="400: refused")
HELD = Settlement(DeliveryState.HELD, error="nobody can tell")
IN_DOUBT = Settlement(DeliveryState.QUEUED, due_at=NOW + timedelta(seconds=2), error="timeout", doubtful=True)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def inbound(message_id: str = "m1", conversation: str = "wa-1", connector: str = "main") -> Inbound:
    event = Event(
        source="whatsapp",
        received_at=NOW,
        conversation_id=conversation,
        client=Client("+254700000001", "Jackson"),
        message=Message(message_id, f"text of {message_id}"),
    )
    return Inbound(connector, event, Address(connector, "254700000001"))


def incident(message: Inbound, priority: Priority = Priority.NORMAL) -> Incident:
    return Incident(
        ticket_id=TICKET,
        version=0,
        connector=message.connector,
        conversation_id=message.event.conversation_id,
        source="whatsapp",
        client_name="Jackson",
        client_phone="+254700000001",
        issue_summary="3CX outbound calls failing",
        priority=priority,
        tags=("whatsapp", "3cx"),
        rule_id="voip-outbound",
        ruleset_sha="abc",
        mattermost_channel="support",
        mattermost_team=None,
        status=IncidentStatus.OPEN,
        acknowledged=True,
        escalated=True,
        created_at=NOW,
        last_message_at=NOW,
    )


def escalation_body(priority: Priority = Priority.NORMAL, title: str = f"Request {TICKET}") -> Escalation:
    return Escalation("support", None, title, f"Ticket: {TICKET}", ("3cx",), priority, TICKET)


def delivery(
    delivery_id: str, body: Body, conversation: str = "wa-1", due_at: datetime = NOW, connector: str = "main"
) -> NewDelivery:
    if isinstance(body, Acknowledgement):
        return NewDelivery(delivery_id, f"acknowledge:{connector}:{conversation}", connector, body, due_at)
    return NewDelivery(delivery_id, f"escalate:{connector}:{conversation}", "mattermost", body, due_at)


def acknowledgement(delivery_id: str = "ack", conversation: str = "wa-1", due_at: datetime = NOW) -> NewDelivery:
    return delivery(delivery_id, Acknowledgement("254700000001", f"Hello, {TICKET}", "m1"), conversation, due_at)


def escalation(delivery_id: str = "post", conversation: str = "wa-1", due_at: datetime = NOW) -> NewDelivery:
    return delivery(delivery_id, escalation_body(), conversation, due_at)


def follow_up(delivery_id: str = "reply", conversation: str = "wa-1", due_at: datetime = NOW) -> NewDelivery:
    return delivery(delivery_id, FollowUp("support", None, f"again {TICKET}", TICKET), conversation, due_at)


def revision(delivery_id: str = "edit", conversation: str = "wa-1") -> NewDelivery:
    return delivery(delivery_id, Revision(escalation_body(Priority.URGENT, "edited")), conversation)


def copy(delivery_id: str = "copy", conversation: str = "wa-1", channel: str = "noc") -> NewDelivery:
    body = Copy(replace(escalation_body(), channel=channel))
    return NewDelivery(delivery_id, f"copy:{channel}:main:{conversation}", "mattermost", body, NOW)


def media(delivery_id: str = "file", conversation: str = "wa-1") -> NewDelivery:
    body = Media("support", None, TICKET, "main", "reference-1", "document", "Jackson's plan.pdf", "application/pdf", 9)
    return NewDelivery(delivery_id, f"media:main:{conversation}", "mattermost.files", body, NOW)


def opening(
    message: Inbound,
    *deliveries: NewDelivery,
    priority: Priority = Priority.NORMAL,
    expected_version: int = 0,
    lapsed: str | None = None,
) -> Plan:
    return Plan(
        incident=incident(message, priority),
        expected_version=expected_version,
        lapsed=lapsed,
        deliveries=deliveries,
        timers=(Timer("lapse", NOW + EPISODE),),
        audit=(AuditEntry("decided", (("rule", "voip-outbound"),)),),
    )


def joining(before: Incident, *deliveries: NewDelivery, priority: Priority | None = None) -> Plan:
    after = before if priority is None else replace(before, priority=priority)
    last = before.last_message_at + timedelta(hours=1)
    return Plan(
        incident=replace(after, last_message_at=last),
        expected_version=before.version,
        lapsed=None,
        deliveries=deliveries,
        timers=(Timer("lapse", last + EPISODE),),
        audit=(AuditEntry("decided"),),
    )


NOTHING = Plan(incident=None, expected_version=0, lapsed=None, deliveries=(), timers=(), audit=(AuditEntry("decided"),))


async def accepted(journal: Journal, message: Inbound, now: datetime = NOW) -> int:
    (answer,) = await journal.accept([message], now)
    return answer.inbox_id


async def opened(
    journal: Journal,
    *deliveries: NewDelivery,
    conversation: str = "wa-1",
    priority: Priority = Priority.NORMAL,
    now: datetime = NOW,
    timers: tuple[Timer, ...] = (),
    message_id: str = "",
) -> str:
    """Accept a first message, record its plan, return the ticket."""
    message = inbound(message_id or f"first of {conversation}", conversation)
    inbox_id = await accepted(journal, message, now)
    plan = opening(message, *deliveries, priority=priority)
    plan = replace(plan, timers=(*plan.timers, *timers))
    ticket = await journal.record(inbox_id, plan, DECISION, now)
    assert ticket is not None
    return ticket


async def joined(
    journal: Journal, message_id: str, *deliveries: NewDelivery, conversation: str = "wa-1", priority: Priority
) -> str | None:
    """Accept another message of an open incident and record its plan."""
    await journal.accept([inbound(message_id, conversation)], NOW)
    (waiting,) = [found for found in await journal.unrouted(100) if found.inbound.event.message.id == message_id]
    assert waiting.incident is not None
    plan = joining(waiting.incident, *deliveries, priority=priority)
    return await journal.record(waiting.inbox_id, plan, DECISION, NOW)


async def claim(
    journal: Journal,
    destination: str = "mattermost",
    now: datetime = NOW,
    limit: int = 100,
    kinds: Sequence[DeliveryKind] = KINDS,
) -> tuple[Claimed, ...]:
    return await journal.claim(destination, kinds, limit, LEASE, now)


async def claim_one(journal: Journal, destination: str = "mattermost", now: datetime = NOW) -> Claimed:
    (claimed,) = await claim(journal, destination, now)
    return claimed


async def finish(journal: Journal, claimed: Claimed, settlement: Settlement = SENT, now: datetime = NOW) -> bool:
    return await journal.finish(claimed, settlement, (), (), now)


async def states(journal: Journal) -> dict[str, DeliveryState]:
    """The state of each delivery by its id."""
    return {view.id: view.state for view in await journal.deliveries(None, 1000)}


def receipt(key: str, status: str, provider_id: str = "provider-1", connector: str = "main") -> Receipt:
    return Receipt(connector, key, provider_id, status, NOW, "131026" if status == "failed" else None)


async def lapse(journal: Journal, limit: int, now: datetime) -> tuple[str, ...]:
    """Close the incidents that have fallen silent; their tickets."""
    changes = await journal.fire(LAPSE, limit, PRACTICE, now)
    return tuple(change.incident.ticket_id for change in changes)
