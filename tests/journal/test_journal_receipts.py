"""Every journal: the networks' later words settle and overturn."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from journal.faults import writing
from journal.samples import (
    DEAD,
    HELD,
    IN_DOUBT,
    NOW,
    PRACTICE,
    SENT,
    Restart,
    acknowledgement,
    claim,
    claim_one,
    finish,
    follow_up,
    inbound,
    lapse,
    later,
    opened,
    receipt,
    states,
)
from standins.parts import SetClock

from engine.core.deliveries import DeliveryState, FollowUp
from engine.core.events import Receipt, Signal
from engine.core.plan import AuditEntry
from engine.core.settlements import Settlement, as_template
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.ports import Journal
from engine.retention import Retention


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
async def test_a_receipt_settles_an_attempt_under_way(journal: Journal, status: str) -> None:
    """The network's word while the attempt still runs is enough; its unknown end changes nothing any more."""
    ticket = await opened(journal, acknowledgement(), acknowledgement("ack-2"))
    claimed = await claim_one(journal, "main")
    assert await journal.note_receipts([receipt("ack", status)], later(1), escalate_to="mattermost") == 1
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
    await journal.note_receipts([receipt("ack", "sent")], NOW, escalate_to="mattermost")
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
    assert await journal.note_receipts([receipt("ack", status)], later(1), escalate_to="mattermost") == 1
    assert (await states(journal))["ack"] is expected
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
    assert await journal.note_receipts(receipts, NOW, escalate_to="mattermost") == 0
    assert await states(journal) == {"ack": expected}


async def test_receipts_may_come_in_any_order_and_twice(journal: Journal) -> None:
    """`sent` after `failed` revives nothing, `failed` after `delivered` condemns nothing, repeats are ignored."""
    await opened(journal, acknowledgement("a1"))
    await finish(journal, await claim_one(journal, "main"))
    failed = receipt("a1", "failed")
    assert await journal.note_receipts([failed, failed, receipt("a1", "sent")], NOW, escalate_to="mattermost") == 1
    assert (await states(journal))["a1"] is DeliveryState.DEAD
    await journal.redrive("a1", NOW)
    assert await journal.note_receipts([failed], NOW, escalate_to="mattermost") == 0
    assert (await states(journal))["a1"] is DeliveryState.QUEUED
    await finish(journal, await claim_one(journal, "main"), Settlement(DeliveryState.SENT, receipt="provider-2"))
    words = [receipt("a1", "delivered", "provider-2"), receipt("a1", "failed", "provider-2")]
    assert await journal.note_receipts(words, NOW, escalate_to="mattermost") == 0
    assert (await states(journal))["a1"] is DeliveryState.SENT


async def test_engineers_learn_of_an_acknowledgement_that_failed_after_it_was_taken(journal: Journal) -> None:
    """Networks report most failures later: the thread of the post then says that the client was not reached."""
    await opened(journal, acknowledgement())
    await finish(journal, await claim_one(journal, "main"))
    words = [receipt("ack", "failed")]
    assert await journal.note_receipts(words, later(1), escalate_to="mattermost") == 1
    assert await journal.note_receipts(words, later(2), escalate_to="mattermost") == 0
    (note,) = await claim(journal, "mattermost", now=later(2))
    assert isinstance(note.body, FollowUp)
    assert note.body.body.startswith("Note: the acknowledgement could not be delivered (")


async def test_engineers_learn_why_it_failed_where_the_connector_knows(journal: Journal) -> None:
    """A connector that knows what the code means says so, and the thread repeats it."""
    await opened(journal, acknowledgement())
    await finish(journal, await claim_one(journal, "main"))
    words = [replace(receipt("ack", "failed"), reason="no WhatsApp there")]
    assert await journal.note_receipts(words, later(1), escalate_to="mattermost") == 1
    (note,) = await claim(journal, "mattermost", now=later(2))
    assert isinstance(note.body, FollowUp)
    assert note.body.body == (
        "Note: the acknowledgement could not be delivered (131026: no WhatsApp there): answer by hand."
    )


HIDDEN, NUMBER = "wa-lid-1000001", "wa-254700000001"


def unkeyed(provider_id: str, status: str = "delivered", seconds: float = 60, *names: str) -> Receipt:
    """The word of a network that takes no key of ours."""
    return Receipt("main", "", provider_id, status, later(seconds), aliases=names or ("wa-1",))


async def note(journal: Journal, *receipts: Receipt, seconds: float = 60) -> int:
    return await journal.note_receipts(receipts, later(seconds), escalate_to="mattermost")


async def sent_as(journal: Journal, provider_id: str | None, settlement: Settlement | None = None) -> str:
    """Send what is due, with this end: as a message of this id, or without an answer."""
    claimed = await claim_one(journal, "main")
    end = settlement or (Settlement(DeliveryState.SENT, receipt=provider_id) if provider_id else IN_DOUBT)
    await finish(journal, claimed, end)
    return claimed.id


async def statuses(journal: Journal, delivery_id: str) -> list[str]:
    history = await journal.delivery(delivery_id)
    assert history is not None
    return [one.status for one in history.receipts]


async def test_a_receipt_without_a_key_finds_its_delivery(restart: Restart) -> None:
    """By the network's id of the message, which the journal keeps: after a restart and on another node too."""
    journal = await restart()
    await opened(journal, acknowledgement())
    await sent_as(journal, "M1")
    journal = await restart("node-b")
    assert await note(journal, unkeyed("M1"), unkeyed("M1", "read")) == 0
    assert await statuses(journal, "ack") == ["delivered", "read"]


@pytest.mark.parametrize("settlement", [IN_DOUBT, HELD], ids=["waiting", "held"])
async def test_an_unknown_message_proves_what_is_in_doubt(restart: Restart, settlement: Settlement) -> None:
    """The client's phone got a message that nobody else accounts for: it is the one without an answer."""
    journal = await restart()
    await opened(journal, acknowledgement())
    await sent_as(journal, None, settlement)
    journal = await restart("node-b")
    assert await note(journal, unkeyed("M1")) == 1
    assert await states(journal) == {"ack": DeliveryState.SENT}
    assert await note(journal, unkeyed("M1", "read")) == 0
    assert await statuses(journal, "ack") == ["delivered", "read"]


async def test_the_receipt_of_an_older_message_proves_nothing_else(restart: Restart) -> None:
    """A message that is read late settles no other delivery, whatever was restarted in between."""
    journal = await restart()
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"))
    await sent_as(journal, "M1")
    await sent_as(journal, None)
    journal = await restart("node-b")
    assert await note(journal, unkeyed("M1", "read")) == 0
    assert (await states(journal))["a2"] is DeliveryState.QUEUED
    assert await note(journal, unkeyed("M2")) == 1
    assert await states(journal) == {"a1": DeliveryState.SENT, "a2": DeliveryState.SENT}


async def test_an_earlier_try_is_known_by_its_receipt(journal: Journal) -> None:
    """A delivery that an operator sent again has had two ids, and the words about both are its own."""
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"))
    await sent_as(journal, "M1")
    await note(journal, unkeyed("M1", "failed"))
    await journal.redrive("a1", later(60))
    await finish(journal, await claim_one(journal, "main", later(60)), replace(SENT, receipt="M2"))
    await finish(journal, await claim_one(journal, "main", later(60)), IN_DOUBT)
    assert await note(journal, unkeyed("M1", "read")) == 0
    assert (await states(journal))["a2"] is DeliveryState.QUEUED


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(unkeyed("M2", "delivered", 60, "wa-2"), id="another-client"),
        pytest.param(replace(unkeyed("M2"), connector="x"), id="another-network"),
        pytest.param(unkeyed("M2", "delivered", -1), id="from-before-it-was-tried"),
        pytest.param(replace(unkeyed("M2"), aliases=()), id="no-client"),
        pytest.param(unkeyed("M2", "inactive"), id="no-proof"),
        pytest.param(unkeyed("own-1"), id="written-by-hand"),
    ],
)
async def test_what_proves_nothing(journal: Journal, word: Receipt) -> None:
    """Another client's, an earlier one, or that of a message which a person of ours wrote on the phone."""
    await opened(journal, acknowledgement())
    await sent_as(journal, None)
    reply = Signal("main", "wa-1", "human_reply", "own-1", later(1))
    await journal.note_signals([reply], PRACTICE, later(1), hold=timedelta(hours=1))
    assert await note(journal, word) == 0
    assert (await states(journal))["ack"] is DeliveryState.QUEUED


async def test_a_receipt_finds_its_client_by_any_name(journal: Journal) -> None:
    """What went to the hidden number is proven by a receipt that names the phone number alone."""
    message = inbound("m0", HIDDEN)
    await journal.accept([replace(message, aliases=(HIDDEN, NUMBER))], NOW)
    await opened(journal, acknowledgement(conversation=HIDDEN), conversation=HIDDEN)
    await sent_as(journal, None)
    assert await note(journal, unkeyed("M1", "read", 60, NUMBER)) == 1


async def test_a_receipt_finds_what_was_taken_in_elsewhere(journal: Journal) -> None:
    """An answer that another connector's message caused is known by the number to which it went."""
    other = replace(acknowledgement(), lane="acknowledge:desk:ticket-7")
    await opened(journal, other)
    await sent_as(journal, None)
    assert await note(journal, unkeyed("M1", "read", 60, "wa-254700000001")) == 1


async def test_only_the_oldest_in_doubt_is_proven(journal: Journal) -> None:
    """One message is one delivery: the next unknown message proves the next."""
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"))
    await sent_as(journal, None, HELD)
    await sent_as(journal, None, HELD)
    assert await note(journal, unkeyed("M1"), unkeyed("M1", "read")) == 1
    assert await states(journal) == {"a1": DeliveryState.SENT, "a2": DeliveryState.HELD}
    assert await note(journal, unkeyed("M2")) == 1
    assert await states(journal) == {"a1": DeliveryState.SENT, "a2": DeliveryState.SENT}


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        pytest.param(
            Settlement(DeliveryState.SENT, receipt="M2"),
            {"a1": DeliveryState.HELD, "a2": DeliveryState.SENT},
            id="it-was-this-one",
        ),
        pytest.param(
            Settlement(DeliveryState.SENT, receipt="M3"),
            {"a1": DeliveryState.SENT, "a2": DeliveryState.SENT},
            id="it-was-another",
        ),
        pytest.param(DEAD, {"a1": DeliveryState.SENT, "a2": DeliveryState.DEAD}, id="this-one-was-refused"),
        pytest.param(IN_DOUBT, {"a1": DeliveryState.SENT, "a2": DeliveryState.QUEUED}, id="nobody-knows"),
    ],
)
async def test_a_receipt_that_comes_before_the_answer_waits_for_it(
    restart: Restart, end: Settlement, expected: dict[str, DeliveryState]
) -> None:
    """While one is being sent nobody can tell whose the message is; its answer tells, whatever it is."""
    journal = await restart()
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"))
    await sent_as(journal, None, HELD)
    claimed = await claim_one(journal, "main")
    assert await note(journal, unkeyed("M2"), unkeyed("M2", "read"), unkeyed("M2")) == 0
    assert await states(journal) == {"a1": DeliveryState.HELD, "a2": DeliveryState.SENDING}
    assert await finish(journal, claimed, end)
    assert await states(journal) == expected
    assert await statuses(journal, "a2" if end.receipt == "M2" else "a1") == ["delivered", "read"]


async def test_an_answer_that_is_lost_with_its_node_is_proven_by_an_early_receipt(restart: Restart) -> None:
    """The receipt is kept when the node ends before it has written its answer, and proves the delivery then."""
    journal = await restart()
    await opened(journal, acknowledgement())
    await claim_one(journal, "main")
    assert await note(journal, unkeyed("M1")) == 0
    journal = await restart()
    again = await claim_one(journal, "main", later(61))
    assert again.doubtful
    assert await finish(journal, again, IN_DOUBT)
    assert await states(journal) == {"ack": DeliveryState.SENT}


async def test_our_own_message_is_no_reply_of_a_person(restart: Restart) -> None:
    """Where a network tells us what we sent ourselves, nobody is taken to have answered, after a restart neither."""
    journal = await restart()
    ticket = await opened(journal, acknowledgement())
    await sent_as(journal, "M1")
    journal = await restart()
    signals = [Signal("main", "wa-1", "human_reply", one, later(60)) for one in ("M1", "M2")]
    for signal, waited in zip(signals, ((), (timedelta(seconds=60),)), strict=True):
        found = await journal.note_signals([signal], PRACTICE, later(60), hold=timedelta(hours=1))
        assert tuple(one.waited for one in found) == waited
    view = await journal.incident(ticket)
    assert view is not None
    assert view.incident.answered_at == later(60)


async def test_early_receipts_of_an_erased_client_are_forgotten(sqlite_journal: StoredJournal, tmp_path: Path) -> None:
    """They carry the client's names; those of others stay."""
    await opened(sqlite_journal, acknowledgement())
    await opened(sqlite_journal, acknowledgement("other", "wa-2"), conversation="wa-2")
    await claim(sqlite_journal, "main")
    await note(sqlite_journal, unkeyed("M1"), unkeyed("M2", "read", 60, "wa-2"))
    await sqlite_journal.close()
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("node-a", NOW)
    await journal.erase(None, ("main", "wa-1"), PRACTICE, later(61))
    kept = writing(journal).execute("SELECT provider_id FROM early_receipts").fetchall()
    assert kept == [("M2",)]
    await journal.sweep_signals(later(61), later(61), later(61))
    assert writing(journal).execute("SELECT provider_id FROM early_receipts").fetchall() == []
    await journal.close()


_TOO_LATE = replace(receipt("ack", "failed"), code="131047", reason="too late", wants_template=True)


@pytest.mark.parametrize("settlement", [None, SENT, IN_DOUBT, HELD], ids=["under way", "sent", "in doubt", "held"])
async def test_a_text_that_is_refused_later_goes_out_as_the_template(
    journal: Journal, settlement: Settlement | None
) -> None:
    """The same delivery, due now, not in doubt and its attempts counted on; nobody has to answer by hand."""
    ticket = await opened(journal, acknowledgement())
    first = await claim_one(journal, "main")
    if settlement is not None:
        await finish(journal, first, settlement)
    before = (await states(journal))["ack"]
    assert await journal.note_receipts([_TOO_LATE, _TOO_LATE], later(1), escalate_to="mattermost") == 1
    assert await states(journal) == {"ack": DeliveryState.QUEUED}
    assert not await finish(journal, first)
    claimed = await claim_one(journal, "main", later(1))
    assert claimed.body == as_template(first.body)
    assert (claimed.attempt, claimed.doubtful, claimed.first_attempt_at) == (2, False, later(1))
    assert await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt="provider-2"), later(2))
    view = await journal.incident(ticket)
    assert view is not None
    (row,) = [row for row in view.audit if row.kind == "redriven"]
    assert dict(row.details) == {
        "delivery": "ack",
        "kind": "acknowledgement",
        "state": before.value,
        "reason": "the approved template follows",
        "error": "131047: too late",
    }
    assert view.audit[-1].kind == "acknowledged"
    assert await claim(journal, "mattermost", later(1e6)) == ()


async def test_a_template_that_is_refused_ends_there(journal: Journal) -> None:
    """At most once: then the delivery is dead, and the engineers are asked to answer."""
    await opened(journal, acknowledgement())
    await finish(journal, await claim_one(journal, "main"))
    await journal.note_receipts([_TOO_LATE], later(1), escalate_to="mattermost")
    await finish(journal, await claim_one(journal, "main", later(1)), Settlement(DeliveryState.SENT, receipt="p2"))
    again = replace(_TOO_LATE, provider_id="p2")
    assert await journal.note_receipts([again], later(2), escalate_to="mattermost") == 1
    assert (await states(journal))["ack"] is DeliveryState.DEAD
    (note,) = await claim(journal, "mattermost", later(2))
    assert isinstance(note.body, FollowUp)
    assert "could not be delivered (131047: too late)" in note.body.body


async def test_late_words_about_the_refused_text_do_not_touch_the_template(journal: Journal) -> None:
    """What comes out of order concerns the text; the client's phone that shows it all the same ends the matter."""
    await opened(journal, acknowledgement())
    claimed = await claim_one(journal, "main")
    await finish(journal, claimed, IN_DOUBT)
    await journal.note_receipts([_TOO_LATE], later(1), escalate_to="mattermost")
    assert await journal.note_receipts([receipt("ack", "sent")], later(1), escalate_to="mattermost") == 0
    await claim_one(journal, "main", later(1))
    assert await journal.note_receipts([receipt("ack", "deleted")], later(2), escalate_to="mattermost") == 0
    assert (await states(journal))["ack"] is DeliveryState.SENDING
    assert await journal.note_receipts([receipt("ack", "read")], later(3), escalate_to="mattermost") == 1
    assert (await states(journal))["ack"] is DeliveryState.SENT


async def test_the_template_takes_the_old_place_in_its_lane(journal: Journal) -> None:
    """What is under way meanwhile goes first; what only waits comes after it."""
    await opened(journal, acknowledgement("ack"), acknowledgement("second"), acknowledgement("third"))
    await finish(journal, await claim_one(journal, "main"))
    second = await claim_one(journal, "main")
    await journal.note_receipts([_TOO_LATE], later(1), escalate_to="mattermost")
    assert await claim(journal, "main", later(1)) == ()
    await finish(journal, second)
    claimed = await claim_one(journal, "main", later(1))
    assert claimed.id == "ack"
    await finish(journal, claimed)
    assert (await claim_one(journal, "main", later(1))).id == "third"


async def test_a_forgotten_text_does_not_follow_as_the_template(journal: Journal) -> None:
    """Retention has removed what would be said: the delivery ends."""
    await opened(journal, acknowledgement())
    await finish(journal, await claim_one(journal, "main"))
    await lapse(journal, 10, later(5 * 3600))
    for claimed in await claim(journal, now=later(5 * 3600)):
        await finish(journal, claimed)
    now = later(31 * 86_400)
    await Retention(journal, SetClock(now), text=timedelta(days=30), metadata=timedelta(days=400)).sweep()
    assert await journal.note_receipts([_TOO_LATE], now, escalate_to="mattermost") == 1
    assert (await states(journal))["ack"] is DeliveryState.DEAD
    assert await claim(journal, "mattermost", now) == ()
