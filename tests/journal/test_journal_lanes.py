"""Every journal: deliveries are claimed in order, finished under a token, taken over and redriven."""

from dataclasses import replace
from datetime import timedelta

import pytest
from journal.samples import (
    DEAD,
    HELD,
    IN_DOUBT,
    LEASE,
    NOW,
    SENT,
    Restart,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    copy,
    escalation,
    finish,
    follow_up,
    inbound,
    joined,
    later,
    media,
    opened,
    receipt,
    states,
)

from engine.core.decisions import Priority
from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState, Escalation, FollowUp, with_ticket
from engine.core.errors import JournalUnavailable
from engine.core.plan import AuditEntry
from engine.core.settlements import Settlement
from engine.ports import Journal

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


async def test_claim_takes_the_urgent_first_then_the_newest(journal: Journal) -> None:
    """The order is the incident's priority, then the newest due time, then that of recording; `limit` cuts it."""
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
    assert [one.id for one in await claim(journal, now=later(10), limit=2)] == ["d2", "d1"]
    assert [one.id for one in await claim(journal, now=later(10))] == ["d3", "d5", "d4", "d0"]
    assert await claim(journal, limit=0) == ()


async def test_a_flood_of_one_conversation_holds_up_no_other(journal: Journal) -> None:
    """Only its first waits for a place, and whoever writes later does not stand behind the rest."""
    flood = (follow_up(f"r{number}", "wa-flood", later(number / 100)) for number in range(50))
    await opened(journal, escalation("flood", "wa-flood"), *flood, conversation="wa-flood")
    for number in range(3):
        await opened(journal, escalation(f"calm{number}", f"wa-{number}", later(1)), conversation=f"wa-{number}")
    first = []
    for _ in range(4):
        (claimed,) = await claim(journal, now=later(2), limit=1)
        first.append(claimed.id)
        await finish(journal, claimed)
    assert first == ["calm0", "calm1", "calm2", "flood"]


async def test_what_failed_waits_for_what_was_never_tried(journal: Journal) -> None:
    """However many deliveries are refused again and again, none of the same priority that is new waits for them."""
    for number in range(3):
        await opened(journal, escalation(f"bad{number}", f"wa-{number}"), conversation=f"wa-{number}")
    for claimed in await claim(journal):
        await finish(journal, claimed, Settlement(DeliveryState.QUEUED, due_at=later(5), error="503: busy"))
    await opened(journal, escalation("new", "wa-new", later(1)), conversation="wa-new")
    await opened(journal, escalation("low", "wa-low", later(9)), conversation="wa-low", priority=Priority.LOW)
    assert [one.id for one in await claim(journal, now=later(10))] == ["new", "bad0", "bad1", "bad2", "low"]


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


async def test_a_file_knows_its_thread_and_is_in_nobodys_way(journal: Journal) -> None:
    """It waits on a lane of its own, for a destination of its own, and is claimed with the root post once that is sent,
    while replies go on.
    """
    await opened(journal, escalation(), media(), follow_up())
    first = await claim_one(journal, "mattermost.files")
    assert (first.id, first.thread, first.body) == ("file", None, with_ticket(media().body, "OC-2026-0001"))
    await finish(journal, first, Settlement(DeliveryState.QUEUED, due_at=later(2), error="no-post: not there yet"))
    await finish(journal, await claim_one(journal), Settlement(DeliveryState.SENT, receipt="root-1"))
    assert (await claim_one(journal)).id == "reply"
    assert (await claim_one(journal, "mattermost.files", now=later(2))).thread == "root-1"
    assert await journal.next_due("mattermost.files", (DeliveryKind.COPY,)) is None


# Finishing


async def test_a_copy_is_neither_the_thread_nor_in_its_way(journal: Journal) -> None:
    """A copy waits for nobody and nobody for it, dead or not; replies go to the thread of the post alone."""
    await opened(journal, copy(), copy("second", channel="management"), escalation(), follow_up())
    copied, second, post = await claim(journal)
    assert (copied.id, second.id, post.id) == ("copy", "second", "post")
    await finish(journal, copied, replace(SENT, receipt="the-copy"))
    await finish(journal, second, DEAD)
    await finish(journal, post, replace(SENT, receipt="the-post"))
    reply = await claim_one(journal)
    assert (reply.id, reply.thread) == ("reply", "the-post")
    await accepted(journal, inbound("m2"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.post is not None
    assert waiting.post.channel == "support"


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
    assert await journal.next_due("mattermost", list(DeliveryKind)) == later(1)
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


async def test_what_was_claimed_without_an_answer_goes_back(restart: Restart) -> None:
    """The deliveries of a claim whose answer was lost are queued in doubt; those under way stay, and so do the ones of
    other nodes and other destinations."""
    journal = await restart("node-a")
    for number in range(3):
        parts = escalation(f"p{number}", f"wa-{number}"), acknowledgement(f"a{number}", f"wa-{number}")
        await opened(journal, *parts, conversation=f"wa-{number}")
    other = (await claim(journal, limit=1))[0].id
    journal = await restart("node-b")
    held = [claimed.id for claimed in await claim(journal)]
    await claim(journal, "main")
    assert await journal.give_back("mattermost", held[:1], later(1)) == 1
    (again,) = await claim(journal, now=later(1))
    assert (again.id, again.doubtful) == (held[1], True)
    assert other not in held
    assert await claim(journal, "main", now=later(1)) == ()


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
    """It is the earliest of the claimable deliveries and running leases; what waits behind a head is none."""
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None
    await opened(journal, escalation(due_at=later(50)), follow_up(due_at=later(-9)))
    assert await journal.next_due("mattermost", list(DeliveryKind)) == later(50)
    claimed = await claim_one(journal, now=later(50))
    assert await journal.next_due("mattermost", list(DeliveryKind)) == later(50) + LEASE
    await finish(journal, claimed, Settlement(DeliveryState.QUEUED, due_at=later(70), error="503: busy"))
    assert await journal.next_due("mattermost", list(DeliveryKind)) == later(70)
    await finish(journal, await claim_one(journal, now=later(70)))
    assert await journal.next_due("mattermost", list(DeliveryKind)) == later(-9)
    await finish(journal, await claim_one(journal, now=later(70)))
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None


# Redriving


@pytest.mark.parametrize("settlement", [DEAD, HELD], ids=lambda settlement: settlement.state.value)
async def test_redrive_queues_again_without_doubt(journal: Journal, settlement: Settlement) -> None:
    """An operator's word sends a dead or held delivery again: due now, attempts counted on, not reconciled."""
    ticket = await opened(journal, escalation())
    await finish(journal, await claim_one(journal), settlement)
    assert await journal.redrive("post", later(9), "the channel is back") is settlement.state
    assert await journal.next_due("mattermost", list(DeliveryKind)) == later(9)
    again = await claim_one(journal, now=later(9))
    assert (again.doubtful, again.attempt, again.token, again.first_attempt_at) == (False, 2, 2, later(9))
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.audit[-1].kind, dict(view.audit[-1].details)) == (
        "redriven",
        {
            "delivery": "post",
            "kind": "escalation",
            "state": settlement.state.value,
            "reason": "the channel is back",
        },
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


@pytest.mark.parametrize("ended", [None, DEAD, HELD], ids=["queued", "dead", "held"])
async def test_drop_gives_up_and_lets_the_lane_go_on(journal: Journal, ended: Settlement | None) -> None:
    """An operator's reason ends a delivery that nobody will ever take; the next one goes, and the audit says why."""
    ticket = await opened(journal, escalation(), follow_up())
    if ended is not None:
        await finish(journal, await claim_one(journal), ended)
    before = DeliveryState.QUEUED if ended is None else ended.state
    assert await journal.drop("post", "the channel is gone", later(9)) is before
    assert (await claim_one(journal, now=later(9))).id == "reply"
    (post,) = [view for view in await journal.deliveries(None, 9) if view.id == "post"]
    assert (post.state, post.error) == (DeliveryState.DEAD, "dropped: the channel is gone")
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.audit[-1].kind, view.audit[-1].details["reason"]) == ("dropped", "the channel is gone")
    assert view.audit[-1].details["error"] == ("" if ended is None else ended.error)


async def test_drop_leaves_what_is_under_way_or_sent(journal: Journal) -> None:
    """Nobody can call back what is being sent."""
    await opened(journal, escalation())
    claimed = await claim_one(journal)
    assert await journal.drop("post", "too late", NOW) is DeliveryState.SENDING
    await finish(journal, claimed)
    assert await journal.drop("post", "too late", NOW) is DeliveryState.SENT
    assert await journal.drop("another", "unknown", NOW) is None


async def test_an_attempt_that_may_come_back_is_left_its_delivery(journal: Journal) -> None:
    """A receipt said that it failed before the attempt's own word came: until that cannot come any more, sending again
    could say it twice, and giving up would lose what follows from it."""
    await opened(journal, acknowledgement("a1"))
    await claim_one(journal, "main")
    await journal.note_receipts([receipt("a1", "failed")], NOW, escalate_to="mattermost")
    assert (await states(journal))["a1"] is DeliveryState.DEAD
    assert await journal.redrive("a1", later(1)) is DeliveryState.SENDING
    assert await journal.drop("a1", "given up", later(1)) is DeliveryState.SENDING
    assert await journal.drop("a1", "given up", later(601)) is DeliveryState.DEAD
