"""A scenario and a rule-set into what came of each step, as the daemon would have had it.

Called by `cases` and `mutants`. The decisions are the rule-set's and what follows is `core.plan`'s; only the clock, the
conversations and the ticket numbers are made up here. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from engine.core.answers import Circumstances
from engine.core.decisions import Decision
from engine.core.deliveries import Acknowledgement, Body, Copy, Escalation, FollowUp, Revision, with_ticket
from engine.core.events import Address, Attachment, Client, Event, Inbound, Message
from engine.core.incidents import Incident
from engine.core.plan import is_follow_up, plan
from engine.core.quotes import plain
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import ClientEntry, Scenario, Step

# Whoever is on call in a scenario.
ONCALL = "@oncall"
_CONNECTOR = "scenario"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one message brought about."""

    # 1 for the first step of the scenario.
    number: int
    step: Step
    event: Event
    # The conversation had an open incident.
    follow_up: bool
    decision: Decision
    # As the network gets it, and its language variant; None: no acknowledgement, and the template itself.
    ack: str | None
    language: str | None
    # The post that opens an incident, a reply in its thread; None where there is none.
    post: Escalation | None
    reply: str | None
    copies: int
    edits: int
    # A new incident was opened.
    opened: bool

    @property
    def counts(self) -> dict[str, int]:
        """What is counted, by the names of `expect:`."""
        return {
            "posts": int(self.post is not None),
            "copies": self.copies,
            "replies": int(self.reply is not None),
            "edits": self.edits,
            "acknowledgements": int(self.ack is not None),
            "incidents": int(self.opened),
        }


@dataclass(slots=True)
class _Conversation:
    """What the journal would know about one client."""

    incident: Incident | None = None
    post: Escalation | None = None
    lapses_at: datetime | None = None


@dataclass(slots=True)
class _Stage:
    """The state of a scenario while it is played."""

    ruleset: Ruleset
    conversations: dict[str, _Conversation] = field(default_factory=dict)
    tickets: int = 0


def play(scenario: Scenario, ruleset: Ruleset, directory: Iterable[ClientEntry]) -> tuple[Seen, ...]:
    """What came of every message, in order; `directory` knows the clients that a scenario does not introduce."""
    people = _people(scenario, directory)
    stage = _Stage(ruleset)
    seen: list[Seen] = []
    now = scenario.begins_at
    for number, step in enumerate(scenario.steps, 1):
        now = step.moment or (now.astimezone(UTC) + step.after).astimezone(scenario.begins_at.tzinfo)
        if step.sender is not None:
            handle = step.sender.value
            client = people.get(handle, Client(display_name=handle))
            seen.append(
                _send(
                    stage,
                    number,
                    step,
                    handle,
                    Event(
                        step.source,
                        now,
                        handle,
                        client,
                        Message(f"message-{number}", step.says, step.kind, tuple(map(Attachment, step.attachments))),
                    ),
                )
            )
    return tuple(seen)


def _people(scenario: Scenario, directory: Iterable[ClientEntry]) -> dict[str, Client]:
    people = {entry.name.value: Client(entry.phones[0].value, entry.name.value) for entry in directory if entry.phones}
    for sender in scenario.clients:
        name = sender.name.value if sender.name else None
        people[sender.handle.value] = Client(sender.phone.value if sender.phone else None, name)
    return people


def _send(stage: _Stage, number: int, step: Step, handle: str, event: Event) -> Seen:
    conversation = stage.conversations.setdefault(handle, _Conversation())
    now = event.received_at
    if conversation.lapses_at is not None and now >= conversation.lapses_at:
        conversation.incident = conversation.post = None
    before = conversation.incident
    inbound = Inbound(_CONNECTOR, event, Address(_CONNECTOR, handle))
    follow_up = is_follow_up(before, inbound, now)
    decision = stage.ruleset.evaluate(event, follow_up=follow_up)
    circumstances = Circumstances(
        accepted_at=now,
        incident=before,
        post=conversation.post,
        paused=False,
        mention=ONCALL,
        escalate_to="engineers",
    )
    planned = plan(inbound, decision, stage.ruleset, circumstances)
    after = planned.incident
    opened = after is not None and (before is None or after.ticket_id != before.ticket_id)
    if opened:
        stage.tickets += 1
    if after is not None:
        ticket = f"OC-{now.year}-{stage.tickets:04}" if opened else after.ticket_id
        conversation.incident = replace(after, ticket_id=ticket, version=after.version + 1)
        conversation.lapses_at = next((timer.due_at for timer in planned.timers if timer.name == "lapse"), None)
    ticket = conversation.incident.ticket_id if conversation.incident else ""
    bodies = [with_ticket(delivery.body, ticket) for delivery in planned.deliveries]
    _keep_post(conversation, bodies, opened=opened)
    posts = [body for body in bodies if isinstance(body, Escalation)]
    acks = [body for body in bodies if isinstance(body, Acknowledgement)]
    replies = [plain(body.body) for body in bodies if isinstance(body, FollowUp)]
    return Seen(
        number=number,
        step=step,
        event=event,
        follow_up=follow_up,
        decision=decision,
        ack=acks[0].text if acks else None,
        language=acks[0].language if acks else None,
        post=posts[0] if posts else None,
        reply=replies[0] if replies else None,
        copies=sum(isinstance(body, Copy) for body in bodies),
        edits=sum(isinstance(body, Revision) for body in bodies),
        opened=opened,
    )


def _keep_post(conversation: _Conversation, bodies: Iterable[Body], *, opened: bool) -> None:
    """The post of the open incident as it reads now."""
    if opened:
        conversation.post = None
    for body in bodies:
        if isinstance(body, Revision):
            conversation.post = body.escalation
        elif isinstance(body, Escalation) and conversation.post is None:
            conversation.post = body
