"""A delivery is one thing to say to one network exactly once: what it carries, how it ended, what happens next.

A lane is the order that must hold: all acknowledgements of a conversation, or everything in its Mattermost thread, or
its copies in one further channel.
What an outcome means is decided in `settlements`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from engine.core.decisions import Priority
from engine.core.quotes import fill_ticket

# How the lane of a test post begins, which an operator ordered: what becomes of it says nothing about what waits.
TEST_LANE = "test:"


class DeliveryKind(StrEnum):
    """What is said."""

    ACKNOWLEDGEMENT = "acknowledgement"
    # The root post of an incident.
    ESCALATION = "escalation"
    # A reply in the post's thread.
    FOLLOW_UP = "follow_up"
    # The root post, edited in place.
    REVISION = "revision"
    # The root post once more, for the readers of a further channel.
    COPY = "copy"
    # A file of the client's, in the post's thread.
    MEDIA = "media"
    # A call through a paging service.
    PAGE = "page"
    # What an engineer wrote in the thread for the client.
    RELAYED = "relayed"


class DeliveryState(StrEnum):
    """Where a delivery stands. Only `queued` and `sending` hold their lane."""

    QUEUED = "queued"
    # Leased, with the intent to send committed: after a crash such a delivery is in doubt.
    SENDING = "sending"
    SENT = "sent"
    # Refused for good, or too old to be of use; an operator may redrive it.
    DEAD = "dead"
    # Nobody can tell whether it arrived and the policy is not to say it twice; an operator decides.
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer to a client, on the connector where the client wrote."""

    peer: str
    text: str
    # The network's id of the message that is answered.
    message_id: str
    # The Mattermost channel where engineers learn of it when it cannot be delivered.
    channel: str = ""
    team: str | None = None
    # The language variant of the template that the text is from, e.g. "sw"; None: the template itself.
    language: str | None = None
    # For a network that takes nothing but a text that it approved before, with these in its gaps.
    client_name: str | None = None
    ticket_id: str = ""
    # When the client wrote the message that is answered: such a network counts from then. None: an earlier version of
    # the engine ordered it and did not say.
    written_at: datetime | None = None
    # Such a network took the text and refused it later, so that nothing else goes out any more.
    template_only: bool = False


@dataclass(frozen=True, slots=True)
class Escalation:
    """The engineers' post. Title and body keep the quotes' marks: the connector fences the client's words by them."""

    channel: str
    team: str | None
    title: str
    body: str
    tags: tuple[str, ...]
    priority: Priority
    ticket_id: str
    # How the incident stands (see `standings`), with quotes' marks; empty: not said.
    standing: str = ""
    # What can be done about it as it stands, of `actions.ACTION_KINDS`; empty: nothing is offered.
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A reply in the thread of the incident's post, with quotes' marks; it notifies.

    Without a ticket it is a post of its own: word about the daemon itself, or of an incident in a further channel.
    """

    channel: str
    team: str | None
    body: str
    ticket_id: str
    # It calls somebody because nobody has the incident.
    calls: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """The incident's post as it reads from now on; an edit notifies nobody."""

    escalation: Escalation


@dataclass(frozen=True, slots=True)
class Copy:
    """What the engineers' post says, in a further channel. It calls nobody, and nothing follows it there."""

    # With the further channel; the body says which channel has the post itself.
    escalation: Escalation


@dataclass(frozen=True, slots=True)
class Media:
    """A file that came with a message, for the thread of the incident's post. The file itself is never kept: it is
    fetched from the client's network when the delivery is due.
    """

    channel: str
    team: str | None
    ticket_id: str
    # The connector that the message came by.
    connector: str
    # Where the network keeps it, in that connector's own terms.
    reference: str
    # As in `events.Attachment`, and as the network told them.
    kind: str
    name: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None


class PageAction(StrEnum):
    """What a page does to the alert of its incident."""

    TRIGGER = "trigger"
    # Somebody takes care of it.
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Page:
    """A call through a paging service. It leaves the company: no client's name, number or words."""

    action: PageAction
    # The alert of the incident: the same for each page about it.
    key: str
    # What the alert says, of our own words and the incident's rule alone.
    summary: str
    priority: Priority
    tags: tuple[str, ...]
    # When the incident was opened; aware.
    opened_at: datetime
    # "OC-2026-0001"
    ticket_id: str


@dataclass(frozen=True, slots=True)
class Relayed:
    """Words of an engineer's for the client, on the connector where the client wrote."""

    peer: str
    text: str
    # The network's id of the message that is answered.
    message_id: str
    # The Mattermost channel where engineers learn what became of it.
    channel: str
    team: str | None
    # Who wrote it.
    by: str
    ticket_id: str


# What is said to a client.
ToClient = Acknowledgement | Relayed
Body = Acknowledgement | Escalation | FollowUp | Revision | Copy | Media | Page | Relayed


def kind_of(body: Body) -> DeliveryKind:
    """The kind under which a body is counted, listed and stored."""
    match body:
        case Acknowledgement():
            return DeliveryKind.ACKNOWLEDGEMENT
        case Escalation():
            return DeliveryKind.ESCALATION
        case FollowUp():
            return DeliveryKind.FOLLOW_UP
        case Revision():
            return DeliveryKind.REVISION
        case Copy():
            return DeliveryKind.COPY
        case Media():
            return DeliveryKind.MEDIA
        case Page():
            return DeliveryKind.PAGE
        case Relayed():
            return DeliveryKind.RELAYED
        case _:
            assert_never(body)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery as the plan orders it. Its id is derived from the message, so planning twice cannot send twice."""

    id: str
    lane: str
    # The name of a connector.
    destination: str
    body: Body
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this node may send now, under a lease."""

    id: str
    # Fencing token: a result with an older token is refused.
    token: int
    # 1 for the first try.
    attempt: int
    # An earlier try may have taken effect: reconcile before sending.
    doubtful: bool
    first_attempt_at: datetime
    # When the message that caused it was accepted; for the time from accepted to sent.
    accepted_at: datetime
    ticket_id: str | None
    lane: str
    destination: str
    body: Body
    # The network's id of the incident's root post, once that was sent.
    thread: str | None
    # That of the incident.
    priority: Priority = Priority.NORMAL


class Fault(StrEnum):
    """Why a network refused."""

    # The network's own trouble: ask again.
    TRANSIENT = "transient"
    # Ours or the administrator's (token, membership, archived channel): ask slowly, tell a person, never drop.
    MISCONFIGURED = "misconfigured"
    # This message will never be taken.
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took it; `receipt` is its id there."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The network certainly did not take it."""

    fault: Fault
    # The network's own code or the HTTP status.
    code: str
    # One sentence for the administrator, without the client's text.
    reason: str
    # How long the network asked us to wait.
    retry_after: timedelta = timedelta(0)
    # It concerns this conversation alone: the others need not wait.
    lane_only: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The network may or may not have taken it (cut connection, timeout)."""

    reason: str


Outcome = Sent | Rejected | Unknown


class Found(StrEnum):
    """The answer of a look-up when it names no receipt."""

    NOT_SENT = "not_sent"
    # The network offers no look-up, or it did not answer.
    UNDECIDED = "undecided"


Reconciled = Sent | Found


def with_ticket(body: Body, ticket_id: str) -> Body:
    """The body with the ticket number in the place of its mark."""
    match body:
        case Acknowledgement():
            return replace(body, text=fill_ticket(body.text, ticket_id), ticket_id=ticket_id)
        case Escalation():
            return _escalation_with_ticket(body, ticket_id)
        case FollowUp():
            # What has no ticket is in no thread, whatever caused it.
            return replace(body, body=fill_ticket(body.body, ticket_id), ticket_id=body.ticket_id and ticket_id)
        case Revision():
            return Revision(_escalation_with_ticket(body.escalation, ticket_id))
        case Copy():
            return Copy(_escalation_with_ticket(body.escalation, ticket_id))
        case Media() | Relayed():
            return replace(body, ticket_id=ticket_id)
        case Page():
            key, summary = fill_ticket(body.key, ticket_id), fill_ticket(body.summary, ticket_id)
            return replace(body, key=key, summary=summary, ticket_id=ticket_id)
        case _:
            assert_never(body)


def _escalation_with_ticket(escalation: Escalation, ticket_id: str) -> Escalation:
    title, body = fill_ticket(escalation.title, ticket_id), fill_ticket(escalation.body, ticket_id)
    return replace(escalation, title=title, body=body, ticket_id=ticket_id)
