"""Conversations that the core's tests put together: one client's messages, decisions about them, and plain wording."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from engine.core.answers import Circumstances
from engine.core.decisions import Decision, Priority
from engine.core.deliveries import Body, DeliveryKind, Escalation, Revision, kind_of, with_ticket
from engine.core.events import Address, Attachment, Client, Event, Inbound, Message
from engine.core.incidents import Incident, IncidentStatus
from engine.core.plan import Plan, plan
from engine.core.quotes import TICKET

SEED_TEXT = "I have issues with my 3CX, I can't make outbound calls"
RECEIVED_AT = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
PHONE = "+254712345678"
REPLY = Address("main", "254712345678@s.whatsapp.net")


@dataclass(frozen=True, slots=True)
class FixedWording:
    """The texts of the contract, put together without a template engine."""

    # The acknowledgements that the folder has besides the usual ones.
    extra: frozenset[str] = frozenset()

    def offers(self, template: str) -> bool:
        return template in self.extra

    def language(self, event: Event, template: str) -> str | None:
        return None

    def acknowledgement(self, template: str, variables: Mapping[str, object]) -> str:
        hello = f"Hello {variables['client_name']}" if "client_name" in variables else "Hello"
        if template == "greeting":
            return f"{hello}, how can we help you?"
        if template in self.extra:
            return f"{hello}, this is the text {template}."
        return (
            f"{hello}, I am sorry for what you are facing at the moment. Please note that we have received your "
            "request, and one of our engineers will get back to you shortly."
        )

    def escalation(self, variables: Mapping[str, object]) -> tuple[str, str]:
        client = f"{variables.get('client_name', 'Client')} ({variables.get('client_phone', 'number hidden')})"
        return "New WhatsApp Client Request", (
            f"Client: {client}\n"
            f"Issue Summary: {variables['issue_summary']}\n"
            f'Original Message: "{variables["raw_text"]}"\n'
            f"Action: {variables['oncall']} please check WhatsApp and respond to the client now."
        )


def message(
    text: str = SEED_TEXT,
    *,
    number: int = 1,
    at: datetime = RECEIVED_AT,
    name: str | None = "Jackson",
    phone: str | None = PHONE,
    reply: Address | None = REPLY,
    attachments: tuple[Attachment, ...] = (),
) -> Inbound:
    """The client's message with this number, as the connector `main` received it."""
    content = Message(f"MSG-{number}", text, attachments=attachments)
    return Inbound("main", Event("whatsapp", at, "wa-254712345678", Client(phone, name), content), reply)


FAULT = Decision(
    rule="voip-outbound",
    location="rules/10-telephony.yaml:3",
    matched=("voip-outbound", "anything-else"),
    priority=Priority.HIGH,
    tags=("whatsapp", "client-support", "3cx"),
    channel="dev-support-escalations",
    team="support",
    summary="3CX outbound calls failing",
    keywords=(("product", ("3CX",)), ("direction", ("outbound",))),
    captures=(),
    ack="default",
    escalate=True,
    because=(),
    ruleset_sha="3f2a91c0de",
)
GREETING = replace(
    FAULT,
    rule="greeting",
    matched=("greeting",),
    priority=Priority.LOW,
    tags=("whatsapp", "greeting"),
    channel="support-triage",
    team=None,
    summary="Greeting",
    keywords=(),
    ack="greeting",
    escalate=False,
)
THANKS = replace(GREETING, rule="thanks", matched=("thanks",), summary="Thanks", ack=None)
OUTAGE = replace(
    FAULT,
    rule="outage",
    matched=("outage",),
    priority=Priority.URGENT,
    tags=("whatsapp", "client-support", "outage"),
    channel="network-operations",
    team="noc",
    summary="Everything is down",
)


POST = (
    "Client: Jackson (+254712345678)\n"
    "Issue Summary: 3CX outbound calls failing\n"
    'Original Message: "I have issues with my 3CX, I can\'t make outbound calls"\n'
    "Action: @oncall please check WhatsApp and respond to the client now."
)
OPEN = Incident(
    ticket_id="OC-2026-0001",
    version=1,
    connector="main",
    conversation_id="wa-254712345678",
    source="whatsapp",
    client_name="Jackson",
    client_phone=PHONE,
    issue_summary="3CX outbound calls failing",
    priority=Priority.HIGH,
    tags=("whatsapp", "client-support", "3cx"),
    rule_id="voip-outbound",
    ruleset_sha="3f2a91c0de",
    mattermost_channel="dev-support-escalations",
    mattermost_team="support",
    status=IncidentStatus.OPEN,
    acknowledged=True,
    escalated=True,
    created_at=RECEIVED_AT,
    last_message_at=RECEIVED_AT,
    acknowledged_at=RECEIVED_AT,
)
GREETED = replace(
    OPEN,
    issue_summary="Greeting",
    priority=Priority.LOW,
    tags=("whatsapp", "greeting"),
    rule_id="greeting",
    mattermost_channel="support-triage",
    mattermost_team=None,
    escalated=False,
)
THE_POST = Escalation(
    "dev-support-escalations",
    "support",
    "New WhatsApp Client Request",
    POST,
    OPEN.tags,
    Priority.HIGH,
    "OC-2026-0001",
)


def circumstances(
    incident: Incident | None = None,
    post: Escalation | None = None,
    *,
    accepted_at: datetime = RECEIVED_AT + timedelta(seconds=1),
    paused: bool = False,
    channel_override: str | None = None,
) -> Circumstances:
    """What the daemon would pass to the plan."""
    return Circumstances(accepted_at, incident, post, paused, "@oncall", "mattermost", channel_override)


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a conversation with what the rules and the operators made of it."""

    inbound: Inbound
    decision: Decision
    paused: bool = False


def recorded(planned: Plan, before: Incident | None, tickets: int) -> Incident | None:
    """The conversation's open incident once the journal has written the plan, with the next ticket where one is due."""
    if planned.incident is None:
        return None if planned.lapsed else before
    ticket = planned.incident.ticket_id
    ticket = f"OC-2026-{tickets + 1:04}" if ticket == TICKET else ticket
    return replace(planned.incident, ticket_id=ticket, version=planned.expected_version + 1)


def talk(steps: Iterable[Step]) -> list[tuple[Plan, Incident | None]]:
    """Plan message after message and keep what a journal would keep: each plan, and the open incident after it."""
    found: list[tuple[Plan, Incident | None]] = []
    incident: Incident | None = None
    post: Escalation | None = None
    tickets = 0
    for step in steps:
        accepted_at = step.inbound.event.received_at + timedelta(seconds=1)
        around = circumstances(incident, post, accepted_at=accepted_at, paused=step.paused)
        planned = plan(step.inbound, step.decision, FixedWording(), around)
        opens = planned.incident is not None and planned.incident.ticket_id == TICKET
        if opens or planned.lapsed:
            post = None
        incident = recorded(planned, incident, tickets)
        tickets += opens
        for delivery in planned.deliveries:
            match with_ticket(delivery.body, incident.ticket_id if incident else ""):
                case Escalation() as escalation:
                    post = escalation
                case Revision(escalation=escalation):
                    post = escalation
                case _:
                    pass
        found.append((planned, incident))
    return found


def planned(inbound: Inbound, decision: Decision, around: Circumstances | None = None) -> Plan:
    """The plan with the contract's wording."""
    return plan(inbound, decision, FixedWording(), around or circumstances())


def bodies(made: Plan) -> list[Body]:
    """What the plan says, in order."""
    return [delivery.body for delivery in made.deliveries]


def kinds(made: Plan) -> list[DeliveryKind]:
    """The kinds of what the plan says, in order."""
    return [kind_of(delivery.body) for delivery in made.deliveries]


def the_incident(made: Plan) -> Incident:
    """The incident that the plan leaves behind."""
    assert made.incident is not None
    return made.incident


def the_escalation(made: Plan) -> Escalation:
    """The only post of the plan."""
    (escalation,) = (body for body in bodies(made) if isinstance(body, Escalation))
    return escalation
