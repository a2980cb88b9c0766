"""What the journal answers: rows put together for the pipeline, for probes and for operators. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.core.decisions import Priority
from engine.core.deliveries import DeliveryKind, DeliveryState, Escalation
from engine.core.events import Inbound
from engine.core.incidents import Incident, IncidentStatus
from engine.core.objects import Json


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to one accepted message."""

    # The inbox row: safe to log, unlike the network's message id.
    inbox_id: int
    # True when the same message was accepted before; nothing follows from it then.
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Unrouted:
    """An accepted message that still waits for its decision, with the state of its conversation."""

    inbox_id: int
    inbound: Inbound
    accepted_at: datetime
    # The conversation's open incident and its post (the newest escalation or revision), if any.
    incident: Incident | None
    post: Escalation | None
    # Until when a person answers in this conversation, so that nothing is acknowledged automatically.
    held_until: datetime | None = None
    # Until when nobody is called about this client, but by the post itself.
    muted_until: datetime | None = None
    # The outages that are not over: by tag, the ticket.
    outages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as operators see it; never its text."""

    id: str
    kind: DeliveryKind
    state: DeliveryState
    destination: str
    ticket_id: str | None
    attempts: int
    created_at: datetime
    # When it may be sent next; None unless it is queued.
    due_at: datetime | None
    sent_at: datetime | None
    # The last refusal, in the network's words without the client's.
    error: str | None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A network's later word about a delivery."""

    # sent, delivered, read or failed
    status: str
    # The network's code of a failure.
    code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditView:
    """One audit row as operators see it."""

    at: datetime
    kind: str
    ticket_id: str | None
    # The conversation's pseudonym; None for rows about the daemon itself.
    subject: str | None
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A delivery with everything that an operator may ask about it."""

    view: DeliveryView
    # The network's id of it, once it was taken.
    receipt: str | None
    # What is or was to be said, as JSON; None after it was erased.
    body: Json | None
    # It may have taken effect already: the network is asked before it is sent again.
    doubtful: bool
    # How many open deliveries of its lane go first.
    ahead: int
    receipts: tuple[ReceiptView, ...]
    # What the audit says about this very delivery, oldest first.
    audit: tuple[AuditView, ...]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident with everything that an operator may ask about it."""

    incident: Incident
    # The first message's text; None after it was erased.
    raw_text: str | None
    # The decision log of each of its messages, oldest first, as contract JSON (see `contracts.decision_json`).
    decisions: tuple[Mapping[str, object], ...]
    deliveries: tuple[DeliveryView, ...]
    audit: tuple[AuditView, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """A message of the past with what was decided about it."""

    inbox_id: int
    accepted_at: datetime
    # Both None after the text was erased.
    inbound: Inbound | None
    decision: Mapping[str, object] | None
    # It joined an incident that an earlier message had opened.
    joined: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much work is open."""

    # Accepted messages without a decision.
    unrouted: int
    # Deliveries by destination and state; states without rows are absent.
    deliveries: Mapping[tuple[str, DeliveryState], int]
    # Creation time of the oldest queued or sending delivery per destination.
    oldest: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class OpenCount:
    """How many incidents are neither resolved nor lapsed, of one status and priority."""

    status: IncidentStatus
    priority: Priority
    # They are outages, of no client.
    outages: bool
    # They belong to outages: engineers are called there.
    members: bool
    count: int
    # When the oldest of them was opened.
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """One batch of a sweep."""

    # How many were forgotten or removed.
    done: int
    # Where the next batch begins; None when there is none.
    after: int | None
    # Whether the sweep has passed over nothing that is unfinished.
    clean: bool
