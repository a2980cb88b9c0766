"""What every journal promises, whatever it is made of. A further store is one more line in `STORES`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from journal.samples import (
    DEAD,
    DECISION,
    EPISODE,
    HELD,
    IN_DOUBT,
    LEASE,
    NOTHING,
    NOW,
    SENT,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    delivery,
    escalation,
    escalation_body,
    finish,
    follow_up,
    inbound,
    incident,
    joined,
    joining,
    later,
    opened,
    opening,
    receipt,
    revision,
    states,
)

from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    Claimed,
    DeliveryKind,
    DeliveryState,
    Escalation,
    FollowUp,
    Settlement,
)
from engine.core.errors import JournalUnavailable, NotFound, Overloaded, Superseded
from engine.core.events import Receipt
from engine.core.incidents import IncidentStatus
from engine.core.plan import AuditEntry, Plan, Timer
from engine.core.quotes import TICKET
from engine.journal.sqlite import SqliteJournal
from engine.ports import Accepted, Backlog, DeliveryView, Journal


@dataclass(frozen=True, slots=True)
class Store:
    """A kind of journal; the same folder gives the same memory again."""

    name: str
    make: Callable[[Path, int], Journal]


STORES = (Store("sqlite", lambda folder, bound: SqliteJournal(folder / "journal.db", max_open_deliveries=bound)),)

Restart = Callable[..., Awaitable[Journal]]


@pytest.fixture(params=STORES, ids=lambda store: store.name)
async def restart(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Restart]:
    """Ends the journal's present life, if there is one, and begins another on the same memory."""
    lives: list[Journal] = []

    async def begin(node: str = "node-a", now: datetime = NOW, bound: int = 1000) -> Journal:
        if lives:
            await lives[-1].close()
        lives.append(request.param.make(tmp_path, bound))
        await lives[-1].open(node, now)
        return lives[-1]

    yield begin
    for life in lives:
        await life.close()


@pytest.fixture
async def journal(restart: Restart) -> Journal:
    return await restart()


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


@pytest.mark.parametrize("text", ["", "\x00", "half \ud83d a pair", "⁦‮שלום", "x" * 100_000], ids=repr)
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
    assert told.body == Acknowledgement("254700000001", "Hello, OC-2026-0001", "m1")
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
    assert await journal.next_due() is None


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
    assert await journal.next_due() is None
    assert await journal.lapse(10, later(1e6)) == ()


# Claiming


async def test_claim_hands_out_everything_that_sending_needs(journal: Journal) -> None:
    """A claimed delivery carries its token, attempt, times, ticket and lane, and is sending from then on."""
    await opened(journal, escalation(), now=later(1))
    (claimed,) = await claim(journal, now=later(5))
    assert claimed == Claimed(
        id="post",
        token=1,
        attempt=1,
        doubtful=False,
        first_attempt_at=later(5),
        accepted_at=later(1),
        ticket_id="OC-2026-0001",
        lane="escalate:main:wa-1",
        destination="mattermost",
        body=Escalation(
            "support",
            None,
            "Request OC-2026-0001",
            "Ticket: OC-2026-0001",
            ("3cx",),
            Priority.NORMAL,
            "OC-2026-0001",
        ),
        thread=None,
    )
    assert await states(journal) == {"post": DeliveryState.SENDING}
    assert await claim(journal, now=later(5)) == ()


async def test_a_lane_is_sent_in_order_and_holds_only_itself(journal: Journal) -> None:
    """Behind a delivery that is open nothing of its lane is claimed; other lanes go on."""
    await opened(journal, acknowledgement(), escalation(), follow_up("r1"), follow_up("r2"))
    await opened(journal, escalation("other", "wa-2"), conversation="wa-2")
    assert [one.id for one in await claim(journal, "main")] == ["ack"]
    first, other = await claim(journal)
    assert (first.id, other.id) == ("post", "other")
    assert await claim(journal) == ()
    retry = Settlement(DeliveryState.QUEUED, due_at=later(30), error="503: busy")
    await finish(journal, first, retry)
    assert await claim(journal, now=later(29)) == ()
    again = await claim_one(journal, now=later(30))
    assert (again.id, again.attempt, again.token, again.first_attempt_at) == ("post", 2, 2, NOW)
    await finish(journal, again)
    assert (await claim_one(journal, now=later(30))).id == "r1"


@pytest.mark.parametrize("settlement", [SENT, DEAD, HELD], ids=lambda settlement: settlement.state.value)
async def test_a_finished_delivery_releases_its_lane(journal: Journal, settlement: Settlement) -> None:
    """Sent, dead and held deliveries let the next of their lane go."""
    await opened(journal, escalation(), follow_up())
    await finish(journal, await claim_one(journal), settlement)
    assert (await claim_one(journal)).id == "reply"


async def test_claim_takes_the_urgent_first_then_the_oldest(journal: Journal) -> None:
    """The order is the incident's priority, then the due time, then the order of recording; `limit` cuts it."""
    for number, (priority, due) in enumerate(
        [
            (Priority.LOW, 0),
            (Priority.HIGH, 3),
            (Priority.URGENT, 5),
            (Priority.HIGH, 1),
            (Priority.NORMAL, 2),
            (Priority.HIGH, 1),
            (Priority.URGENT, 99),
        ]
    ):
        name = f"wa-{number}"
        await opened(journal, escalation(f"d{number}", name, later(due)), conversation=name, priority=priority)
    assert [one.id for one in await claim(journal, now=later(10), limit=2)] == ["d2", "d3"]
    assert [one.id for one in await claim(journal, now=later(10))] == ["d5", "d1", "d4", "d0"]
    assert await claim(journal, limit=0) == ()


async def test_a_raised_priority_moves_what_waits(journal: Journal) -> None:
    """When an incident becomes urgent, its waiting deliveries overtake those of others."""
    await opened(journal, escalation("calm", "wa-1"), conversation="wa-1", priority=Priority.HIGH)
    await opened(journal, escalation("worse", "wa-2"), conversation="wa-2")
    await joined(journal, "m2", conversation="wa-2", priority=Priority.URGENT)
    assert [one.id for one in await claim(journal)] == ["worse", "calm"]


async def test_claim_of_some_kinds_skips_the_lanes_of_others(journal: Journal) -> None:
    """A head of a kind that may not be sent now stays, and its lane with it."""
    await opened(journal, escalation(), follow_up())
    await opened(journal, acknowledgement("ack-2", "wa-2"), conversation="wa-2")
    assert await claim(journal, kinds=(DeliveryKind.FOLLOW_UP, DeliveryKind.REVISION)) == ()
    assert await claim(journal, "main", kinds=(DeliveryKind.ESCALATION,)) == ()
    assert await claim(journal, kinds=()) == ()
    assert [one.id for one in await claim(journal, kinds=(DeliveryKind.ESCALATION,))] == ["post"]


async def test_an_expired_lease_is_claimed_again_in_doubt(journal: Journal) -> None:
    """After the lease another claim gets the delivery with a higher token; the late result of the first is refused."""
    await opened(journal, escalation())
    first = await claim_one(journal)
    assert await claim(journal, now=NOW + LEASE - timedelta(seconds=1)) == ()
    second = await claim_one(journal, now=NOW + LEASE)
    assert (second.doubtful, second.token, second.attempt) == (True, 2, 2)
    assert second.first_attempt_at == NOW
    assert not await finish(journal, first)
    assert await states(journal) == {"post": DeliveryState.SENDING}
    third = await claim_one(journal, now=NOW + LEASE * 2)
    assert third.doubtful
    assert await finish(journal, third)


async def test_a_delivery_settled_in_doubt_is_claimed_in_doubt(journal: Journal) -> None:
    """Doubt lasts until an attempt ends without it."""
    await opened(journal, escalation())
    await finish(journal, await claim_one(journal), IN_DOUBT)
    assert await claim(journal) == ()
    again = await claim_one(journal, now=later(2))
    assert again.doubtful
    await finish(journal, again, Settlement(DeliveryState.QUEUED, due_at=later(3), error="503: busy"))
    assert not (await claim_one(journal, now=later(3))).doubtful


async def test_thread_is_the_receipt_of_the_sent_post(journal: Journal) -> None:
    """What follows in an incident knows the network's id of its root post, and of no other incident's."""
    await opened(journal, escalation(), follow_up())
    await opened(journal, escalation("dead", "wa-2"), follow_up("orphan", "wa-2"), conversation="wa-2")
    post, dead = await claim(journal)
    await finish(journal, post, Settlement(DeliveryState.SENT, receipt="root-1"))
    await finish(journal, dead, DEAD)
    assert [(one.id, one.thread) for one in await claim(journal)] == [("reply", "root-1"), ("orphan", None)]


# Finishing


async def test_finish_writes_the_settlement_and_its_audit(journal: Journal) -> None:
    """Acknowledged, escalated and failed are audited by themselves, further entries as given."""
    ticket = await opened(journal, acknowledgement(), escalation(), follow_up("r1"), follow_up("r2"))
    note = AuditEntry("noted", (("by", "test"),))
    assert await journal.finish(await claim_one(journal, "main"), SENT, (note,), (), later(1))
    await finish(journal, await claim_one(journal), now=later(2))
    await finish(journal, await claim_one(journal), DEAD, later(3))
    await finish(journal, await claim_one(journal), SENT, later(4))
    view = await journal.incident(ticket)
    assert view is not None
    assert [(row.kind, row.at, dict(row.details)) for row in view.audit] == [
        ("received", NOW, {"connector": "main", "source": "whatsapp"}),
        ("decided", NOW, {"rule": "voip-outbound"}),
        ("acknowledged", later(1), {"delivery": "ack", "kind": "acknowledgement"}),
        ("noted", later(1), {"by": "test"}),
        ("escalated", later(2), {"delivery": "post", "kind": "escalation"}),
        ("failed", later(3), {"delivery": "r1", "kind": "follow_up", "state": "dead", "error": "400: refused"}),
    ]
    subjects = {row.subject for row in view.audit}
    assert len(subjects) == 1
    assert "wa-1" not in str(subjects)
    assert [(one.id, one.state, one.sent_at, one.error) for one in view.deliveries] == [
        ("ack", DeliveryState.SENT, later(1), None),
        ("post", DeliveryState.SENT, later(2), None),
        ("r1", DeliveryState.DEAD, None, "400: refused"),
        ("r2", DeliveryState.SENT, later(4), None),
    ]


async def test_what_follows_from_an_attempt_is_queued_with_it(journal: Journal) -> None:
    """Deliveries that follow inherit ticket, priority and the time of acceptance, and come once."""
    await opened(journal, acknowledgement(), priority=Priority.HIGH)
    dead = await claim_one(journal, "main", now=later(1))
    note = follow_up("note", due_at=later(2))
    assert await journal.finish(dead, DEAD, (), (note,), later(2))
    assert not await journal.finish(dead, DEAD, (), (follow_up("note-2"),), later(2))
    claimed = await claim_one(journal, now=later(2))
    assert (claimed.id, claimed.accepted_at, claimed.ticket_id) == ("note", NOW, "OC-2026-0001")
    assert claimed.body == FollowUp("support", None, "again OC-2026-0001", "OC-2026-0001")


async def test_finish_of_an_unknown_delivery_is_refused(journal: Journal) -> None:
    """A delivery that the journal does not hold has no newest token."""
    await opened(journal, escalation())
    claimed = await claim_one(journal)
    assert not await finish(journal, replace(claimed, id="another"))
    assert not await finish(journal, replace(claimed, token=0))


# Restart


async def test_a_new_life_takes_over_at_once(restart: Restart) -> None:
    """What a node was sending when it ended is queued in doubt, due now; the result of the old life is refused."""
    journal = await restart("node-a")
    await opened(journal, escalation(), follow_up())
    old = await claim_one(journal)
    journal = await restart("node-a", later(1))
    assert await journal.next_due() == later(1)
    assert not await finish(journal, old)
    again = await claim_one(journal, now=later(1))
    assert (again.id, again.doubtful, again.attempt, again.token) == ("post", True, 2, 2)
    assert await finish(journal, again)


async def test_a_new_life_leaves_other_nodes_leases_alone(restart: Restart) -> None:
    """Only a node's own leases are broken; another's last until they end."""
    journal = await restart("node-a")
    await opened(journal, escalation())
    old = await claim_one(journal)
    journal = await restart("node-b", later(1))
    assert await claim(journal, now=later(1)) == ()
    assert await finish(journal, old)


async def test_everything_outlives_a_restart(restart: Restart) -> None:
    """Messages, incidents, numbers and the kill switch are there again."""
    journal = await restart()
    await opened(journal, escalation())
    await accepted(journal, inbound("m2"))
    await journal.set_paused(paused=True, now=NOW)
    before = (await journal.unrouted(10), await journal.incidents(None, 10), await journal.deliveries(None, 10))
    journal = await restart()
    assert (await journal.unrouted(10), await journal.incidents(None, 10), await journal.deliveries(None, 10)) == before
    assert await journal.paused() is True
    assert await opened(journal, conversation="wa-2") == "OC-2026-0002"
    (first, second) = await journal.incidents(None, 10)
    one, other = await journal.incident(first.ticket_id), await journal.incident(second.ticket_id)
    assert one is not None
    assert other is not None
    assert one.audit[0].subject != other.audit[0].subject


async def test_a_closed_journal_refuses(journal: Journal) -> None:
    """After `close`, which may come twice, every call says so."""
    await journal.close()
    await journal.close()
    with pytest.raises(JournalUnavailable, match="the journal is closed"):
        await journal.accept([inbound()], NOW)
    with pytest.raises(JournalUnavailable, match="the journal is closed"):
        await journal.backlog()


# What is due next


async def test_next_due_names_what_may_be_done_and_nothing_else(journal: Journal) -> None:
    """It is the earliest of the claimable deliveries, running leases and lapses; what waits behind a head is none."""
    assert await journal.next_due() is None
    await opened(journal, escalation(due_at=later(50)), follow_up(due_at=later(-9)))
    assert await journal.next_due() == later(50)
    claimed = await claim_one(journal, now=later(50))
    assert await journal.next_due() == later(50) + LEASE
    await finish(journal, claimed, Settlement(DeliveryState.QUEUED, due_at=later(70), error="503: busy"))
    assert await journal.next_due() == later(70)
    await finish(journal, await claim_one(journal, now=later(70)))
    assert await journal.next_due() == later(-9)
    await finish(journal, await claim_one(journal, now=later(70)))
    assert await journal.next_due() == NOW + EPISODE


# Receipts


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
async def test_a_receipt_settles_an_attempt_under_way(journal: Journal, status: str) -> None:
    """The network's word while the attempt still runs is enough; its unknown end changes nothing any more."""
    ticket = await opened(journal, acknowledgement(), acknowledgement("ack-2"))
    claimed = await claim_one(journal, "main")
    assert await journal.note_receipts([receipt("ack", status)], later(1)) == 1
    assert await states(journal) == {"ack": DeliveryState.SENT, "ack-2": DeliveryState.QUEUED}
    assert (await claim_one(journal, "main", later(1))).id == "ack-2"
    note = follow_up("note")
    assert await journal.finish(claimed, IN_DOUBT, (AuditEntry("noted"),), (note,), later(2))
    assert not await finish(journal, claimed, IN_DOUBT)
    assert await states(journal) == {"ack": DeliveryState.SENT, "ack-2": DeliveryState.SENDING}
    view = await journal.incident(ticket)
    assert view is not None
    assert [row.kind for row in view.audit] == ["received", "decided", "acknowledged", "noted"]


async def test_an_attempt_that_agrees_with_its_receipt_keeps_what_follows(journal: Journal) -> None:
    """Where receipt and attempt end alike, the deliveries that follow are queued, and the audit says it once."""
    ticket = await opened(journal, acknowledgement())
    claimed = await claim_one(journal, "main")
    await journal.note_receipts([receipt("ack", "sent")], NOW)
    assert await journal.finish(claimed, SENT, (), (follow_up("next"),), NOW)
    assert await states(journal) == {"ack": DeliveryState.SENT, "next": DeliveryState.QUEUED}
    view = await journal.incident(ticket)
    assert view is not None
    assert [row.kind for row in view.audit] == ["received", "decided", "acknowledged"]


@pytest.mark.parametrize(
    ("settlement", "status", "expected"),
    [
        pytest.param(None, "failed", DeliveryState.DEAD, id="sending-failed"),
        pytest.param(IN_DOUBT, "sent", DeliveryState.SENT, id="doubtful-sent"),
        pytest.param(IN_DOUBT, "failed", DeliveryState.DEAD, id="doubtful-failed"),
        pytest.param(HELD, "read", DeliveryState.SENT, id="held-read"),
        pytest.param(HELD, "failed", DeliveryState.DEAD, id="held-failed"),
        pytest.param(DEAD, "delivered", DeliveryState.SENT, id="dead-delivered"),
        pytest.param(SENT, "failed", DeliveryState.DEAD, id="sent-failed"),
    ],
)
async def test_a_receipt_decides_what_was_open_and_overturns_what_it_contradicts(
    journal: Journal, settlement: Settlement | None, status: str, expected: DeliveryState
) -> None:
    """In doubt, the network's word settles; against a known end, its later word counts, with an audit row."""
    ticket = await opened(journal, acknowledgement())
    claimed = await claim_one(journal, "main")
    if settlement is not None:
        await finish(journal, claimed, settlement)
    assert await journal.note_receipts([receipt("ack", status)], later(1)) == 1
    assert await states(journal) == {"ack": expected}
    assert await claim(journal, "main", later(1e6)) == ()
    view = await journal.incident(ticket)
    assert view is not None
    last = view.audit[-1]
    assert last.at == later(1)
    if expected is DeliveryState.SENT:
        assert (last.kind, dict(last.details)) == ("acknowledged", {"delivery": "ack", "kind": "acknowledgement"})
    else:
        assert (last.kind, dict(last.details)) == (
            "failed",
            {
                "delivery": "ack",
                "kind": "acknowledgement",
                "state": "dead",
                "error": "131026: the network reported that it failed",
            },
        )


@pytest.mark.parametrize(
    ("settlement", "receipts", "expected"),
    [
        pytest.param(SENT, [receipt("ack", "sent"), receipt("ack", "read")], DeliveryState.SENT, id="sent-read"),
        pytest.param(SENT, [receipt("ack", "failed", "older")], DeliveryState.SENT, id="failed-of-older-try"),
        pytest.param(SENT, [receipt("ack", "deleted")], DeliveryState.SENT, id="unknown-status"),
        pytest.param(
            Settlement(DeliveryState.QUEUED, due_at=NOW, error="503: busy"),
            [receipt("ack", "failed")],
            DeliveryState.QUEUED,
            id="failed-while-it-waits-for-another-try",
        ),
        pytest.param(IN_DOUBT, [receipt("another", "sent")], DeliveryState.QUEUED, id="unknown-key"),
        pytest.param(IN_DOUBT, [receipt("ack", "sent", connector="x")], DeliveryState.QUEUED, id="another-network"),
    ],
)
async def test_a_receipt_that_says_nothing_new_changes_nothing(
    journal: Journal, settlement: Settlement, receipts: list[Receipt], expected: DeliveryState
) -> None:
    """Confirmations, words about other tries, unknown keys and other networks' words are kept or ignored."""
    await opened(journal, acknowledgement())
    await finish(journal, await claim_one(journal, "main"), settlement)
    assert await journal.note_receipts(receipts, NOW) == 0
    assert await states(journal) == {"ack": expected}


async def test_receipts_may_come_in_any_order_and_twice(journal: Journal) -> None:
    """`sent` after `failed` revives nothing, `failed` after `delivered` condemns nothing, repeats are ignored."""
    await opened(journal, acknowledgement("a1"))
    await finish(journal, await claim_one(journal, "main"))
    failed = receipt("a1", "failed")
    assert await journal.note_receipts([failed, failed, receipt("a1", "sent")], NOW) == 1
    assert (await states(journal))["a1"] is DeliveryState.DEAD
    await journal.redrive("a1", NOW)
    assert await journal.note_receipts([failed], NOW) == 0
    assert (await states(journal))["a1"] is DeliveryState.QUEUED
    await finish(journal, await claim_one(journal, "main"), Settlement(DeliveryState.SENT, receipt="provider-2"))
    words = [receipt("a1", "delivered", "provider-2"), receipt("a1", "failed", "provider-2")]
    assert await journal.note_receipts(words, NOW) == 0
    assert (await states(journal))["a1"] is DeliveryState.SENT


# Lapsing


async def test_lapse_closes_silent_incidents(journal: Journal) -> None:
    """An incident whose timer is due is closed once, with an audit row; `limit` bounds one call."""
    tickets = [await opened(journal, conversation=f"wa-{number}") for number in range(3)]
    assert await journal.lapse(10, NOW + EPISODE - timedelta(seconds=1)) == ()
    end = NOW + EPISODE
    assert set(await journal.lapse(2, end)) | set(await journal.lapse(2, end)) == set(tickets)
    assert await journal.lapse(10, end) == ()
    assert await journal.next_due() is None
    view = await journal.incident(tickets[0])
    assert view is not None
    assert (view.incident.status, view.incident.version) == (IncidentStatus.LAPSED, 2)
    assert (view.audit[-1].kind, view.audit[-1].at, view.audit[-1].subject) == ("lapsed", end, view.audit[0].subject)


async def test_each_message_defers_the_lapse(journal: Journal) -> None:
    """There is one timer per conversation and name; the newest message sets it."""
    ticket = await opened(journal)
    await joined(journal, "m2", priority=Priority.NORMAL)
    assert await journal.lapse(10, NOW + EPISODE) == ()
    assert await journal.lapse(10, NOW + EPISODE + timedelta(hours=1)) == (ticket,)


async def test_an_undecided_message_keeps_its_incident_open(journal: Journal) -> None:
    """A message that waits for its decision decides itself whether the incident goes on."""
    ticket = await opened(journal)
    inbox_id = await accepted(journal, inbound("m2"))
    assert await journal.next_due() is None
    assert await journal.lapse(10, NOW + EPISODE) == ()
    plan = replace(NOTHING, expected_version=1)
    assert await journal.record(inbox_id, plan, DECISION, NOW) is None
    assert await journal.lapse(10, NOW + EPISODE) == (ticket,)


async def test_a_timer_of_a_closed_incident_says_nothing(journal: Journal) -> None:
    """A timer that outlived its incident is dropped without a word."""
    message = inbound("m1")
    resolved = replace(opening(message), incident=replace(incident(message), status=IncidentStatus.RESOLVED))
    ticket = await journal.record(await accepted(journal, message), resolved, DECISION, NOW)
    assert ticket is not None
    assert await journal.lapse(10, NOW + EPISODE) == ()
    assert await journal.next_due() is None
    (found,) = await journal.incidents(None, 10)
    assert found.status is IncidentStatus.RESOLVED


async def test_timers_of_other_names_are_no_lapse(journal: Journal) -> None:
    """Only the timer that is called lapse closes an incident."""
    message = inbound("m1")
    plan = replace(opening(message), timers=(Timer("reminder", NOW),))
    await journal.record(await accepted(journal, message), plan, DECISION, NOW)
    assert await journal.lapse(10, NOW + EPISODE) == ()


# Redriving


@pytest.mark.parametrize("settlement", [DEAD, HELD], ids=lambda settlement: settlement.state.value)
async def test_redrive_queues_again_without_doubt(journal: Journal, settlement: Settlement) -> None:
    """An operator's word sends a dead or held delivery again: due now, attempts counted on, not reconciled."""
    ticket = await opened(journal, escalation())
    await finish(journal, await claim_one(journal), settlement)
    assert await journal.redrive("post", later(9)) is settlement.state
    assert await journal.next_due() == later(9)
    again = await claim_one(journal, now=later(9))
    assert (again.doubtful, again.attempt, again.token, again.first_attempt_at) == (False, 2, 2, later(9))
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.audit[-1].kind, dict(view.audit[-1].details)) == (
        "redriven",
        {"delivery": "post", "kind": "escalation", "state": settlement.state.value},
    )


async def test_redrive_leaves_everything_else_alone(journal: Journal) -> None:
    """A delivery in another state answers with it, an unknown one with None."""
    await opened(journal, escalation())
    assert await journal.redrive("post", NOW) is DeliveryState.QUEUED
    claimed = await claim_one(journal)
    assert await journal.redrive("post", NOW) is DeliveryState.SENDING
    await finish(journal, claimed)
    assert await journal.redrive("post", NOW) is DeliveryState.SENT
    assert await journal.redrive("another", NOW) is None
    assert await claim(journal, now=later(1e6)) == ()


async def test_a_redriven_delivery_takes_its_old_place(journal: Journal) -> None:
    """It goes before what waits in its lane, but never beside what is under way there."""
    await opened(journal, escalation(), follow_up("r1"), follow_up("r2"))
    await finish(journal, await claim_one(journal), DEAD)
    under_way = await claim_one(journal)
    await journal.redrive("post", NOW)
    assert await claim(journal) == ()
    retry = Settlement(DeliveryState.QUEUED, due_at=later(5), error="503: busy")
    await finish(journal, under_way, retry)
    assert (await claim_one(journal, now=later(5))).id == "r1"
    under_way = (await claim(journal, now=later(5) + LEASE))[0]
    await finish(journal, under_way, SENT)
    post = await claim_one(journal)
    assert post.id == "post"
    await finish(journal, post, DEAD)
    await journal.redrive("post", NOW)
    assert [one.id for one in await claim(journal)] == ["post"]


# What operators see


async def test_backlog_counts_open_and_failed_work(journal: Journal) -> None:
    """Undecided messages, deliveries by destination and state, and the age of the oldest open one."""
    assert await journal.backlog() == Backlog(0, {}, {})
    await opened(journal, acknowledgement(), escalation(), follow_up())
    await opened(journal, escalation("late", "wa-2"), conversation="wa-2", now=later(60))
    await accepted(journal, inbound("m2"))
    await finish(journal, await claim_one(journal, "main"), DEAD)
    post, _ = await claim(journal)
    assert await journal.backlog() == Backlog(
        unrouted=1,
        deliveries={
            ("main", DeliveryState.DEAD): 1,
            ("mattermost", DeliveryState.QUEUED): 1,
            ("mattermost", DeliveryState.SENDING): 2,
        },
        oldest={"mattermost": NOW},
    )
    await finish(journal, post)
    await finish(journal, await claim_one(journal))
    assert (await journal.backlog()).oldest == {"mattermost": later(60)}


async def test_deliveries_are_listed_newest_first(journal: Journal) -> None:
    """All, or those of one state, at most `limit`; a due time only where it says something."""
    await opened(journal, escalation("d1"), follow_up("d2"), follow_up("d3"), follow_up("d4"), acknowledgement("d5"))
    await finish(journal, await claim_one(journal), SENT, later(1))
    await finish(journal, await claim_one(journal), DEAD)
    await finish(journal, await claim_one(journal), HELD)
    await claim_one(journal, "main")
    everything = await journal.deliveries(None, 10)
    assert [view.id for view in everything] == ["d5", "d4", "d3", "d2", "d1"]
    assert [view.id for view in await journal.deliveries(None, 2)] == ["d5", "d4"]
    by_state = {state: [view.id for view in await journal.deliveries(state, 10)] for state in DeliveryState}
    assert by_state == {
        DeliveryState.QUEUED: ["d4"],
        DeliveryState.SENDING: ["d5"],
        DeliveryState.SENT: ["d1"],
        DeliveryState.DEAD: ["d2"],
        DeliveryState.HELD: ["d3"],
    }
    assert everything[1] == DeliveryView(
        id="d4",
        kind=DeliveryKind.FOLLOW_UP,
        state=DeliveryState.QUEUED,
        destination="mattermost",
        ticket_id="OC-2026-0001",
        attempts=0,
        created_at=NOW,
        due_at=NOW,
        sent_at=None,
        error=None,
    )
    assert [view.due_at for view in everything] == [None, NOW, None, None, None]


async def test_incidents_are_listed_newest_first(journal: Journal) -> None:
    """All, or those of one status, at most `limit`."""
    tickets = [await opened(journal, conversation=f"wa-{number}") for number in range(3)]
    await journal.lapse(1, NOW + EPISODE)
    assert [one.ticket_id for one in await journal.incidents(None, 2)] == [tickets[2], tickets[1]]
    assert [one.ticket_id for one in await journal.incidents(IncidentStatus.OPEN, 9)] == [tickets[2], tickets[1]]
    assert [one.ticket_id for one in await journal.incidents(IncidentStatus.LAPSED, 9)] == [tickets[0]]
    assert await journal.incidents(IncidentStatus.CLAIMED, 9) == ()


async def test_an_incident_is_shown_with_its_history(journal: Journal) -> None:
    """The first message's words, each decision, each delivery and each audit row, oldest first."""
    ticket = await opened(journal, escalation())
    await accepted(journal, inbound("m2"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    await journal.record(waiting.inbox_id, joining(waiting.incident, follow_up()), {"rule": "other"}, later(5))
    await opened(journal, escalation("x", "wa-2"), conversation="wa-2")
    view = await journal.incident(ticket)
    assert view is not None
    assert view.incident.version == 2
    assert view.raw_text == "text of first of wa-1"
    assert view.decisions == (DECISION, {"rule": "other"})
    assert [one.id for one in view.deliveries] == ["post", "reply"]
    assert [(row.kind, row.ticket_id) for row in view.audit] == [
        ("received", None),
        ("decided", ticket),
        ("received", None),
        ("decided", ticket),
    ]
    assert await journal.incident("OC-1999-0001") is None


# The daemon itself


async def test_the_kill_switch_is_kept(journal: Journal) -> None:
    """Never set is None; then it is what was last said."""
    assert await journal.paused() is None
    await journal.set_paused(paused=True, now=NOW)
    assert await journal.paused() is True
    await journal.set_paused(paused=False, now=NOW)
    assert await journal.paused() is False


async def test_a_plan_may_hold_a_delivery_to_another_network(journal: Journal) -> None:
    """A destination sees its own deliveries only."""
    body = Acknowledgement("peer", f"Hello {TICKET}", "m1")
    await opened(journal, delivery("d1", body, connector="reserve"), acknowledgement("d2"))
    assert [one.id for one in await claim(journal, "reserve")] == ["d1"]
    assert [one.id for one in await claim(journal, "main")] == ["d2"]
