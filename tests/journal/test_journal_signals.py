"""Every journal: what happens in conversations besides messages, and what only one node may have."""

from datetime import timedelta

import pytest
from journal.samples import (
    DECISION,
    NOW,
    PRACTICE,
    Restart,
    accepted,
    claim,
    escalation,
    inbound,
    joining,
    later,
    opened,
)

from engine.core.decisions import Priority
from engine.core.deliveries import FollowUp
from engine.core.errors import Superseded
from engine.core.events import Signal
from engine.core.incidents import IncidentStatus
from engine.core.signals import Answered
from engine.ports import Journal

HOLD = timedelta(hours=2)
LEASE = timedelta(seconds=30)


def reply(number: int = 1, conversation: str = "wa-1", seconds: float = 60) -> Signal:
    return Signal("main", conversation, "human_reply", f"own-{number}", later(seconds))


async def note(journal: Journal, *signals: Signal, seconds: float = 60) -> tuple[Answered, ...]:
    return await journal.note_signals(signals, PRACTICE, later(seconds), hold=HOLD)


async def test_a_reply_by_hand_claims_the_incident_once(journal: Journal) -> None:
    """It is claimed, the first answer is stamped, the thread and the audit say so; the same word twice is one."""
    ticket = await opened(journal, escalation())
    assert await note(journal, reply(), reply(), reply(2, seconds=90)) == (
        Answered(Priority.NORMAL, waited=timedelta(seconds=60), unclaimed=timedelta(seconds=60)),
    )
    assert await note(journal, reply()) == ()
    view = await journal.incident(ticket)
    assert view is not None
    claimed = view.incident
    assert (claimed.status, claimed.claimed_by, claimed.claimed_at) == (IncidentStatus.CLAIMED, "whatsapp", later(60))
    assert (claimed.answered_at, claimed.version) == (later(60), 2)
    assert [row.kind for row in view.audit] == ["received", "decided", "answered"]
    assert [delivery.kind for delivery in view.deliveries] == ["escalation", "follow_up", "revision"]
    (post,) = await claim(journal, now=later(61))
    assert not isinstance(post.body, FollowUp)


async def test_a_plan_that_did_not_know_of_the_claim_is_made_anew(journal: Journal) -> None:
    """The incident's version rises, so that no message overwrites the claim."""
    await opened(journal, escalation())
    await accepted(journal, inbound("m2"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    await note(journal, reply())
    with pytest.raises(Superseded):
        await journal.record(waiting.inbox_id, joining(waiting.incident), DECISION, later(61))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    assert waiting.incident.status is IncidentStatus.CLAIMED
    await journal.record(waiting.inbox_id, joining(waiting.incident), DECISION, later(61))
    (after,) = await journal.incidents(IncidentStatus.CLAIMED, 10)
    assert (after.claimed_by, after.answered_at) == ("whatsapp", later(60))


async def test_a_conversation_is_held_as_long_as_the_latest_reply_says(journal: Journal) -> None:
    """An earlier word shortens nothing, and other conversations are not concerned."""
    await note(journal, reply(2, seconds=100), reply(1, seconds=50), seconds=100)
    await accepted(journal, inbound("m1", "wa-1"))
    await accepted(journal, inbound("m1", "wa-2"))
    held = {one.inbound.event.conversation_id: one.held_until for one in await journal.unrouted(10)}
    assert held == {"wa-1": later(100) + HOLD, "wa-2": None}


async def test_a_signal_without_an_incident_is_kept(journal: Journal) -> None:
    """Nobody waits for anything, and nothing fails."""
    assert await note(journal, reply(), Signal("main", "wa-9", "revoke", "r1", NOW)) == ()


async def test_one_node_owns_until_its_lease_ends(restart: Restart) -> None:
    """The owner may renew; another gets it once the lease has ended or was given up."""
    journal = await restart("node-a")
    assert await journal.own("main", LEASE, NOW)
    assert await journal.own("main", LEASE, later(10))
    journal = await restart("node-b")
    assert not await journal.own("main", LEASE, later(39))
    assert await journal.own("other", LEASE, later(39))
    assert await journal.own("main", LEASE, later(40))
    journal = await restart("node-a")
    assert not await journal.own("main", LEASE, later(41))
    await journal.disown("main")
    assert not await journal.own("main", LEASE, later(42))
    journal = await restart("node-b")
    await journal.disown("main")
    journal = await restart("node-a")
    assert await journal.own("main", LEASE, later(43))
