"""The promises of an episode, held over any conversation that hypothesis can think of."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from standins.conversations import FAULT, GREETING, OUTAGE, RECEIVED_AT, REPLY, THANKS, Step, message, talk

from engine.core.answers import NO_WAY_BACK_NOTE, PAUSED_NOTE
from engine.core.decisions import FollowUpPolicy, Priority, Shadow
from engine.core.deliveries import Acknowledgement, Copy, Escalation, FollowUp, NewDelivery, Revision
from engine.core.incidents import Incident
from engine.core.plan import EPISODE, Plan
from engine.core.quotes import TICKET, plain

_POLICIES = st.builds(
    FollowUpPolicy,
    within=st.sampled_from([None, timedelta(minutes=30), timedelta(days=1)]),
    new=st.booleans(),
    # Acknowledging again is looked at apart: most promises here are about once.
    ack_again_after=st.none(),
)
_DECISIONS = st.builds(
    replace,
    st.sampled_from([FAULT, GREETING, THANKS, OUTAGE]),
    priority=st.sampled_from(Priority),
    ack=st.sampled_from([None, "default", "greeting"]),
    escalate=st.booleans(),
    also=st.sampled_from([(), (("noc", None),), (("noc", None), ("dev-support-escalations", "support"))]),
    follow_up=_POLICIES,
)
# Out of order now and then, and often close to the length of an episode.
_PAUSES = st.one_of(
    st.integers(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from([EPISODE - timedelta(seconds=1), EPISODE, EPISODE + timedelta(seconds=1)]),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Step]:
    """Up to eight messages of one client, with any decision, pause and way back."""
    at = RECEIVED_AT
    steps = []
    for number in range(draw(st.integers(1, 8))):
        inbound = message(f"message {number}", number=number, at=at, reply=draw(st.sampled_from([REPLY, None])))
        steps.append(Step(inbound, draw(_DECISIONS), draw(st.booleans())))
        at += draw(_PAUSES)
    return steps


def _by_ticket(talked: list[tuple[Plan, Incident | None]]) -> list[tuple[str, NewDelivery]]:
    return [
        (incident.ticket_id, delivery)
        for made, incident in talked
        if incident is not None
        for delivery in made.deliveries
    ]


@given(conversations())
def test_an_incident_has_at_most_one_acknowledgement_and_one_post(steps: list[Step]) -> None:
    """Whatever the rules decide and whenever the kill switch is used, nothing is said twice within an episode."""
    said = _by_ticket(talk(steps))
    assert len(said) == sum(len(made.deliveries) for made, _ in talk(steps))
    for kind in (Acknowledgement, Escalation):
        counted = Counter(ticket for ticket, delivery in said if isinstance(delivery.body, kind))
        assert all(count == 1 for count in counted.values())


@settings(max_examples=40)
@given(conversations())
def test_a_client_is_either_acknowledged_or_the_engineers_are_told_once(steps: list[Step]) -> None:
    """An acknowledgement and a note to answer by hand never both belong to one incident, and neither comes twice."""
    answers: Counter[str] = Counter()
    for ticket, delivery in _by_ticket(talk(steps)):
        match delivery.body:
            case Acknowledgement():
                answers[ticket] += 1
            case Escalation(body=text) | FollowUp(body=text):
                answers[ticket] += text.endswith((PAUSED_NOTE, NO_WAY_BACK_NOTE))
            case Revision() | Copy():
                pass
    assert all(count <= 1 for count in answers.values())


@settings(max_examples=40)
@given(conversations())
def test_an_incident_remembers_whether_it_was_answered_and_posted(steps: list[Step]) -> None:
    """The two flags say exactly what the deliveries so far have said."""
    answered: set[str] = set()
    posted: set[str] = set()
    for made, incident in talk(steps):
        if incident is None:
            continue
        for delivery in made.deliveries:
            body = delivery.body
            if isinstance(body, Escalation):
                posted.add(incident.ticket_id)
            told = isinstance(body, Escalation | FollowUp) and body.body.endswith((PAUSED_NOTE, NO_WAY_BACK_NOTE))
            if isinstance(body, Acknowledgement) or told:
                answered.add(incident.ticket_id)
        assert incident.acknowledged == (incident.ticket_id in answered)
        assert incident.escalated == (incident.ticket_id in posted)


@settings(max_examples=40)
@given(conversations())
def test_every_delivery_goes_down_its_own_lane(steps: list[Step]) -> None:
    """Answers go to the client's connector, everything else to the engineers; the two never wait for each other."""
    for made, _ in talk(steps):
        for delivery in made.deliveries:
            if isinstance(delivery.body, Acknowledgement):
                assert (delivery.lane, delivery.destination) == ("acknowledge:main:wa-254712345678", "main")
                assert delivery.body.peer == REPLY.peer
            elif isinstance(delivery.body, Copy):
                channel = delivery.body.escalation.channel
                assert (delivery.lane, delivery.destination) == (f"copy:{channel}:main:wa-254712345678", "mattermost")
            else:
                assert (delivery.lane, delivery.destination) == ("escalate:main:wa-254712345678", "mattermost")


@settings(max_examples=40)
@given(conversations())
def test_delivery_ids_are_never_used_twice(steps: list[Step]) -> None:
    """Each thing that a conversation says has an id of its own."""
    ids = [delivery.id for made, _ in talk(steps) for delivery in made.deliveries]
    assert len(set(ids)) == len(ids)


@settings(max_examples=40)
@given(conversations())
def test_every_message_that_calls_for_engineers_reaches_them(steps: list[Step]) -> None:
    """A message that escalates, or joins what was escalated, is quoted in exactly one post or reply."""
    for step, (made, incident) in zip(steps, talk(steps), strict=True):
        quoting = [
            body
            for body in (delivery.body for delivery in made.deliveries)
            if isinstance(body, Escalation | FollowUp) and f'"{step.inbound.event.message.text}"' in plain(body.body)
        ]
        assert len(quoting) == (incident is not None and incident.escalated)
        assert not step.decision.escalate or quoting


@settings(max_examples=40)
@given(conversations())
def test_a_thread_follows_its_post_and_carries_its_ticket(steps: list[Step]) -> None:
    """Replies and edits come after the root post of the same incident, in its channel."""
    posts: dict[str, Escalation] = {}
    for ticket, delivery in _by_ticket(talk(steps)):
        match delivery.body:
            case Escalation() as post:
                posts[ticket] = post
            case FollowUp(channel=channel, team=team, ticket_id=named):
                assert (channel, team, named) == (posts[ticket].channel, posts[ticket].team, ticket)
            case Revision(escalation=revised):
                first = posts[ticket]
                assert (revised.channel, revised.title, revised.ticket_id) == (first.channel, first.title, ticket)
                assert revised.priority > first.priority
                assert revised.body.startswith(f"{first.body}\nUpdate: ")
            case Copy(escalation=copied):
                assert copied.ticket_id in {ticket, TICKET}
                assert ticket in posts
                assert copied.channel != posts[ticket].channel
            case Acknowledgement():
                pass


@settings(max_examples=40)
@given(conversations())
def test_a_copy_leaves_only_with_a_post_or_a_raised_priority(steps: list[Step]) -> None:
    """Copies never outnumber what engineers are called for, and each channel gets one of each."""
    for made, _ in talk(steps):
        bodies = [delivery.body for delivery in made.deliveries]
        copies = [body.escalation.channel for body in bodies if isinstance(body, Copy)]
        calls = [body for body in bodies if isinstance(body, Escalation | Revision)]
        assert len(copies) == len(set(copies))
        assert not copies or calls


@settings(max_examples=40)
@given(conversations())
def test_exactly_one_incident_of_a_conversation_takes_messages(steps: list[Step]) -> None:
    """A new ticket appears only when there is no open incident, or in the same plan in which that one ends."""
    before: Incident | None = None
    for made, incident in talk(steps):
        if incident is not None and before is not None and incident.ticket_id != before.ticket_id:
            assert made.lapsed == before.ticket_id
        before = incident


@settings(max_examples=40)
@given(conversations())
def test_rules_on_trial_change_nothing(steps: list[Step]) -> None:
    """Whatever rules in shadow would have done, the plan is the same to the byte."""
    tried = [replace(step, decision=replace(step.decision, shadow=(Shadow("trial", decides=True),))) for step in steps]
    assert talk(tried) == talk(steps)


@settings(max_examples=40)
@given(conversations())
def test_an_incident_only_grows(steps: list[Step]) -> None:
    """Priority, tags and the newest time never go back while an incident is open; its version counts the changes."""
    before: Incident | None = None
    for _, incident in talk(steps):
        if incident is not None and before is not None and incident.ticket_id == before.ticket_id:
            assert incident.priority >= before.priority
            assert incident.last_message_at >= before.last_message_at
            assert set(incident.tags) >= set(before.tags)
            assert incident.created_at == before.created_at
            assert incident.version == before.version + 1
        before = incident


@settings(max_examples=40)
@given(conversations())
def test_the_same_conversation_is_always_planned_alike(steps: list[Step]) -> None:
    """Planning is pure: a second run gives equal plans."""
    assert talk(steps) == talk(steps)
