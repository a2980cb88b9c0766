"""Every journal: messages are accepted, decided and recorded, each once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from journal.samples import (
    DECISION,
    NOTHING,
    NOW,
    Restart,
    accepted,
    acknowledgement,
    claim_one,
    escalation,
    escalation_body,
    finish,
    follow_up,
    inbound,
    incident,
    joined,
    joining,
    lapse,
    later,
    opened,
    opening,
    revision,
    states,
)

from engine.core.decisions import FollowUpPolicy, Priority
from engine.core.deliveries import (
    Acknowledgement,
    DeliveryKind,
    DeliveryState,
    Escalation,
    FollowUp,
)
from engine.core.errors import NotFound, Overloaded, Superseded
from engine.core.incidents import IncidentStatus
from engine.core.plan import Plan
from engine.core.records import Accepted
from engine.ports import Journal

# Acceptance


async def test_accept_stores_each_message_once(journal: Journal) -> None:
    """A message is known by connector, conversation and id; a second one is answered with the row of the first."""
    first = await journal.accept([inbound("m1"), inbound("m2"), inbound("m1")], NOW)
    again = await journal.accept([inbound("m2"), inbound("m1", "wa-2"), inbound("m1", connector="other")], NOW)
    ids = [answer.inbox_id for answer in first]
    assert [answer.duplicate for answer in first] == [False, False, True]
    assert first[2] == Accepted(ids[0], duplicate=True)
    assert [answer.duplicate for answer in again] == [True, False, False]
    assert again[0].inbox_id == ids[1]


async def test_accept_of_nothing_is_nothing(journal: Journal) -> None:
    """A request without messages is accepted without a row."""
    assert await journal.accept([], NOW) == ()
    assert (await journal.backlog()).unrouted == 0


async def test_accept_is_bounded_by_open_deliveries(restart: Restart) -> None:
    """At the bound new messages are refused and duplicates answered; a finished delivery makes room again."""
    journal = await restart(bound=2)
    await opened(journal, acknowledgement(), escalation())
    with pytest.raises(Overloaded) as caught:
        await journal.accept([inbound("m2")], NOW)
    assert str(caught.value) == "2 deliveries are open, which is the bound; come back later"
    assert caught.value.retry_after == timedelta(seconds=5)
    assert (await journal.accept([inbound("first of wa-1")], NOW))[0].duplicate
    await finish(journal, await claim_one(journal))
    assert not (await journal.accept([inbound("m2")], NOW))[0].duplicate


async def test_accept_refuses_all_or_nothing(restart: Restart) -> None:
    """When one message of a request cannot be taken, none of it is stored."""
    journal = await restart(bound=0)
    with pytest.raises(Overloaded):
        await journal.accept([inbound("m1"), inbound("m2")], NOW)
    assert await journal.unrouted(10) == ()


@pytest.mark.parametrize(
    "text", ["", "\x00", "half \ud83d a pair", "\u2066\u202e\u05e9\u05dc\u05d5\u05dd", "x" * 100_000], ids=repr
)
async def test_any_text_survives(journal: Journal, text: str) -> None:
    """Whatever characters a network delivers, the message is accepted and comes back, lone surrogates replaced."""
    given = inbound(f"id {text[:40]}", f"wa {text[:40]}")
    message = replace(given, event=replace(given.event, message=replace(given.event.message, text=text)))
    assert not (await journal.accept([message], NOW))[0].duplicate
    assert (await journal.accept([message], NOW))[0].duplicate
    (waiting,) = await journal.unrouted(1)
    assert waiting.inbound.event.message.text == text.replace("\ud83d", "\ufffd")
    ticket = await journal.record(waiting.inbox_id, opening(waiting.inbound, escalation()), DECISION, NOW)
    assert ticket == "OC-2026-0001"


# What waits for a decision


async def test_unrouted_gives_the_oldest_message_of_each_conversation(journal: Journal) -> None:
    """A conversation's messages are decided one after the other; conversations in order of acceptance."""
    await journal.accept([inbound("a1", "wa-a"), inbound("b1", "wa-b"), inbound("a2", "wa-a")], later(1))
    found = await journal.unrouted(10)
    assert [waiting.inbound.event.message.id for waiting in found] == ["a1", "b1"]
    assert found[0].inbound == inbound("a1", "wa-a")
    assert found[0].accepted_at == later(1)
    assert len(await journal.unrouted(1)) == 1
    await journal.record(found[0].inbox_id, NOTHING, DECISION, NOW)
    assert [waiting.inbound.event.message.id for waiting in await journal.unrouted(10)] == ["b1", "a2"]


async def test_unrouted_brings_the_open_incident_and_its_newest_post(journal: Journal) -> None:
    """The next decision sees the incident as it was left and the post as it reads now, edits included."""
    await accepted(journal, inbound("m0"))
    (fresh,) = await journal.unrouted(10)
    assert (fresh.incident, fresh.post) == (None, None)
    await journal.record(fresh.inbox_id, opening(inbound("m0"), acknowledgement(), escalation()), DECISION, NOW)
    await accepted(journal, inbound("m1"))
    (second,) = await journal.unrouted(10)
    ticket = "OC-2026-0001"
    assert second.incident == replace(incident(inbound()), ticket_id=ticket, version=1)
    assert second.post == replace(
        escalation_body(), title=f"Request {ticket}", body=f"Ticket: {ticket}", ticket_id=ticket
    )
    plan = joining(second.incident, revision(), follow_up(), priority=Priority.URGENT)
    assert await journal.record(second.inbox_id, plan, DECISION, NOW) == ticket
    await accepted(journal, inbound("m2"))
    (third,) = await journal.unrouted(10)
    assert third.incident is not None
    assert (third.incident.version, third.incident.priority) == (2, Priority.URGENT)
    assert third.incident.last_message_at == NOW + timedelta(hours=1)
    assert third.post is not None
    assert (third.post.title, third.post.priority) == ("edited", Priority.URGENT)


async def test_an_incident_without_a_post_brings_none(journal: Journal) -> None:
    """An incident that was only acknowledged has no post."""
    await opened(journal, acknowledgement())
    await accepted(journal, inbound("m2"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    assert waiting.post is None


# Recording


async def test_record_fills_the_ticket_into_every_delivery(journal: Journal) -> None:
    """The number that the transaction allocates stands in the texts that were rendered before it."""
    assert await opened(journal, acknowledgement(), escalation(), follow_up()) == "OC-2026-0001"
    told = await claim_one(journal, "main")
    assert told.body == Acknowledgement("254700000001", "Hello, OC-2026-0001", "m1", ticket_id="OC-2026-0001")
    post = await claim_one(journal)
    assert isinstance(post.body, Escalation)
    assert (post.body.title, post.body.body, post.body.ticket_id) == (
        "Request OC-2026-0001",
        "Ticket: OC-2026-0001",
        "OC-2026-0001",
    )
    await finish(journal, post)
    assert (await claim_one(journal)).body == FollowUp("support", None, "again OC-2026-0001", "OC-2026-0001")


async def test_tickets_are_gapless_per_year_of_utc(journal: Journal) -> None:
    """Numbers follow one another within the year of the recording; a plan that was refused uses none up."""
    new_year = datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
    eastern = datetime(2026, 12, 31, 22, 0, tzinfo=timezone(timedelta(hours=-5)))
    tickets = [await opened(journal, conversation="wa-a"), await opened(journal, conversation="wa-b")]
    refused = inbound("m9", "wa-a")
    with pytest.raises(Superseded):
        await journal.record(await accepted(journal, refused), opening(refused), DECISION, NOW)
    tickets.append(await opened(journal, conversation="wa-c"))
    tickets.append(await opened(journal, conversation="wa-d", now=new_year))
    tickets.append(await opened(journal, conversation="wa-e", now=eastern))
    assert tickets == ["OC-2026-0001", "OC-2026-0002", "OC-2026-0003", "OC-2027-0001", "OC-2027-0002"]


async def test_a_message_without_consequence_is_decided_without_a_ticket(journal: Journal) -> None:
    """A plan without an incident routes the message, writes nothing else, and answers no ticket, twice too."""
    inbox_id = await accepted(journal, inbound())
    assert await journal.record(inbox_id, NOTHING, DECISION, NOW) is None
    assert await journal.record(inbox_id, NOTHING, DECISION, NOW) is None
    assert await journal.unrouted(10) == ()
    assert await journal.incidents(None, 10) == ()
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None


async def test_record_happens_once(journal: Journal) -> None:
    """A message that was recorded before gives its ticket and writes nothing."""
    ticket = await opened(journal, escalation())
    (answer,) = await journal.accept([inbound("first of wa-1")], NOW)
    other = opening(inbound(), escalation("post-2"), follow_up("reply-2"))
    assert await journal.record(answer.inbox_id, other, DECISION, NOW) == ticket
    assert await states(journal) == {"post": DeliveryState.QUEUED}
    assert len(await journal.incidents(None, 10)) == 1


async def test_a_delivery_id_is_said_once(journal: Journal) -> None:
    """A delivery whose id exists already is left as it is, so that planning twice never says twice."""
    await opened(journal, escalation("same"), follow_up("later"))
    await finish(journal, await claim_one(journal))
    await joined(journal, "m2", escalation("same"), priority=Priority.NORMAL)
    assert await states(journal) == {"same": DeliveryState.SENT, "later": DeliveryState.QUEUED}


async def test_record_refuses_a_plan_for_another_state(journal: Journal) -> None:
    """A plan made for an older version of the conversation's incident is refused whole."""
    await opened(journal, escalation())
    inbox_id = await accepted(journal, inbound("m2"))
    with pytest.raises(Superseded) as caught:
        await journal.record(inbox_id, opening(inbound("m2"), escalation("post-2")), DECISION, NOW)
    assert str(caught.value) == "the incident is at version 1, the plan was made for 0"
    assert [waiting.inbox_id for waiting in await journal.unrouted(10)] == [inbox_id]
    assert await states(journal) == {"post": DeliveryState.QUEUED}


async def test_record_of_an_unknown_message_is_refused(journal: Journal) -> None:
    """A message that the journal does not hold cannot be decided."""
    with pytest.raises(NotFound, match="the journal holds no message 4711"):
        await journal.record(4711, NOTHING, DECISION, NOW)


async def test_a_lapsed_incident_makes_room_for_the_next(journal: Journal) -> None:
    """The plan that finds its conversation's incident silent closes it and opens another in one transaction."""
    first = await opened(journal, escalation())
    message = inbound("m2")
    plan = opening(message, escalation("post-2"), expected_version=1, lapsed=first)
    second = await journal.record(await accepted(journal, message), plan, DECISION, NOW)
    found = await journal.incidents(None, 10)
    assert [(one.ticket_id, one.status, one.version) for one in found] == [
        (second, IncidentStatus.OPEN, 1),
        (first, IncidentStatus.LAPSED, 2),
    ]
    view = await journal.incident(first)
    assert view is not None
    assert [row.kind for row in view.audit] == ["received", "decided", "lapsed"]


async def test_a_lapsed_incident_without_a_successor_keeps_no_timer(journal: Journal) -> None:
    """When the message after the silence calls for nothing, nothing of the conversation is waited for."""
    first = await opened(journal)
    plan = Plan(None, 1, first, (), (), ())
    assert await journal.record(await accepted(journal, inbound("m2")), plan, DECISION, NOW) is None
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None
    assert await lapse(journal, 10, later(1e6)) == ()


async def test_a_superseded_incident_ends_under_that_name(journal: Journal) -> None:
    """An incident that had not fallen silent makes room as well, and the audit tells the two ends apart."""
    first = await opened(journal, escalation())
    message = inbound("m2")
    plan = replace(opening(message, escalation("post-2"), expected_version=1, lapsed=first), superseded=True)
    second = await journal.record(await accepted(journal, message), plan, DECISION, NOW)
    view = await journal.incident(first)
    assert view is not None
    assert view.incident.status is IncidentStatus.LAPSED
    assert [row.kind for row in view.audit] == ["received", "decided", "superseded"]
    assert [one.ticket_id for one in await journal.incidents(IncidentStatus.OPEN, 10)] == [second]


async def test_an_incident_keeps_its_policy_and_its_last_acknowledgement(restart: Restart) -> None:
    """What the opening rule said about further messages outlives every restart, and no later plan changes it."""
    journal = await restart()
    policy = FollowUpPolicy(timedelta(minutes=30), new=True, ack_again_after=timedelta(hours=12))
    message = inbound()
    plan = opening(message)
    assert plan.incident is not None
    kept = replace(plan.incident, follow_up=policy, acknowledged_at=NOW)
    await journal.record(await accepted(journal, message), replace(plan, incident=kept), DECISION, NOW)
    await accepted(journal, inbound("m2"))
    journal = await restart()
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    assert (waiting.incident.follow_up, waiting.incident.acknowledged_at) == (policy, NOW)
    again = replace(waiting.incident, acknowledged_at=later(60), follow_up=FollowUpPolicy())
    await journal.record(waiting.inbox_id, joining(again), DECISION, NOW)
    (found,) = await journal.incidents(None, 10)
    assert (found.follow_up, found.acknowledged_at) == (policy, later(60))
