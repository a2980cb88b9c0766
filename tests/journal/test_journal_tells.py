"""Every journal: silent incidents lapse, and operators see what there is."""

from dataclasses import replace
from datetime import timedelta

from journal.samples import (
    DEAD,
    DECISION,
    EPISODE,
    HELD,
    NOTHING,
    NOW,
    SENT,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    delivery,
    escalation,
    finish,
    follow_up,
    inbound,
    incident,
    joined,
    joining,
    lapse,
    later,
    media,
    opened,
    opening,
    receipt,
)

from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    DeliveryKind,
    DeliveryState,
)
from engine.core.incidents import IncidentStatus
from engine.core.plan import AuditEntry, Timer
from engine.core.quotes import TICKET
from engine.core.records import Backlog, DeliveryView
from engine.ports import Journal

# Lapsing


async def test_lapse_closes_silent_incidents(journal: Journal) -> None:
    """An incident whose timer is due is closed once, with an audit row; `limit` bounds one call."""
    tickets = [await opened(journal, conversation=f"wa-{number}") for number in range(3)]
    assert await lapse(journal, 10, NOW + EPISODE - timedelta(seconds=1)) == ()
    end = NOW + EPISODE
    assert set(await lapse(journal, 2, end)) | set(await lapse(journal, 2, end)) == set(tickets)
    assert await lapse(journal, 10, end) == ()
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None
    view = await journal.incident(tickets[0])
    assert view is not None
    assert (view.incident.status, view.incident.version) == (IncidentStatus.LAPSED, 2)
    assert (view.audit[-1].kind, view.audit[-1].at, view.audit[-1].subject) == ("lapsed", end, view.audit[0].subject)


async def test_each_message_defers_the_lapse(journal: Journal) -> None:
    """There is one timer per conversation and name; the newest message sets it."""
    ticket = await opened(journal)
    await joined(journal, "m2", priority=Priority.NORMAL)
    assert await lapse(journal, 10, NOW + EPISODE) == ()
    assert await lapse(journal, 10, NOW + EPISODE + timedelta(hours=1)) == (ticket,)


async def test_an_undecided_message_keeps_its_incident_open(journal: Journal) -> None:
    """A message that waits for its decision decides itself whether the incident goes on."""
    ticket = await opened(journal)
    inbox_id = await accepted(journal, inbound("m2"))
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None
    assert await lapse(journal, 10, NOW + EPISODE) == ()
    plan = replace(NOTHING, expected_version=1)
    assert await journal.record(inbox_id, plan, DECISION, NOW) is None
    assert await lapse(journal, 10, NOW + EPISODE) == (ticket,)


async def test_a_timer_of_a_closed_incident_says_nothing(journal: Journal) -> None:
    """A timer that outlived its incident is dropped without a word."""
    message = inbound("m1")
    resolved = replace(opening(message), incident=replace(incident(message), status=IncidentStatus.RESOLVED))
    ticket = await journal.record(await accepted(journal, message), resolved, DECISION, NOW)
    assert ticket is not None
    assert await lapse(journal, 10, NOW + EPISODE) == ()
    assert await journal.next_due("mattermost", list(DeliveryKind)) is None
    (found,) = await journal.incidents(None, 10)
    assert found.status is IncidentStatus.RESOLVED


async def test_timers_of_other_names_are_no_lapse(journal: Journal) -> None:
    """Only the timer that is called lapse closes an incident."""
    message = inbound("m1")
    plan = replace(opening(message), timers=(Timer("reminder", NOW),))
    await journal.record(await accepted(journal, message), plan, DECISION, NOW)
    assert await lapse(journal, 10, NOW + EPISODE) == ()


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


async def test_what_an_operator_gave_up_is_no_open_question(journal: Journal) -> None:
    """It is dead and listed as such, and counts as nothing that somebody has to look after."""
    await opened(journal, acknowledgement("d1"), escalation("d2"))
    await finish(journal, await claim_one(journal, "main"), DEAD)
    await journal.drop("d1", "called the client", later(1))
    await journal.drop("d2", "not needed", later(1))
    assert (await journal.backlog()).deliveries == {}
    assert [one.id for one in await journal.deliveries(DeliveryState.DEAD, 9)] == ["d2", "d1"]


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
    await lapse(journal, 1, NOW + EPISODE)
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


async def test_where_a_file_is_kept_is_shown_to_nobody(journal: Journal) -> None:
    """Neither to an operator nor to the client whose data it is: the reference opens a door at the network."""
    await opened(journal, escalation(), media())
    shown = await journal.delivery("file")
    assert shown is not None
    assert shown.body is not None
    assert (shown.body["name"], shown.body["ticket_id"]) == ("Jackson's plan.pdf", "OC-2026-0001")
    assert "reference-1" not in f"{shown.body}{await journal.client(None, ('main', 'wa-1'), whole=True)}"


async def test_a_delivery_is_shown_with_its_history(journal: Journal) -> None:
    """Its text, what goes before it, whether it is in doubt, the network's words and its audit rows."""
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"), escalation())
    second = await journal.delivery("a2")
    assert second is not None
    assert (second.view.state, second.ahead, second.doubtful) == (DeliveryState.QUEUED, 1, False)
    assert second.body is not None
    assert second.body["text"] == "Hello, OC-2026-0001"
    (claimed,) = await claim(journal, "main")
    await finish(journal, claimed, SENT)
    await journal.note_receipts([receipt("a1", "read"), receipt("a1", "delivered")], later(1), escalate_to="mattermost")
    first = await journal.delivery("a1")
    assert first is not None
    assert sorted(word.status for word in first.receipts) == ["delivered", "read"]
    assert [(row.kind, row.details["delivery"]) for row in first.audit] == [("acknowledged", "a1")]
    assert first.ahead == 0
    assert await journal.delivery("nothing") is None


# The daemon itself


async def test_the_kill_switch_is_kept(journal: Journal) -> None:
    """Never set is None; then it is what was last said."""
    assert await journal.paused() is None
    await journal.set_paused(paused=True, now=NOW)
    assert await journal.paused() is True
    await journal.set_paused(paused=False, now=NOW)
    assert await journal.paused() is False


async def test_the_daemons_own_rows_belong_to_no_incident(journal: Journal) -> None:
    """A row about the daemon is kept and shows up in no client's history."""
    ticket = await opened(journal)
    await journal.audit(AuditEntry("reloaded", (("ruleset", "abc"),)), later(1))
    view = await journal.incident(ticket)
    assert view is not None
    assert [row.kind for row in view.audit] == ["received", "decided"]


async def test_a_plan_may_hold_a_delivery_to_another_network(journal: Journal) -> None:
    """A destination sees its own deliveries only."""
    body = Acknowledgement("peer", f"Hello {TICKET}", "m1")
    await opened(journal, delivery("d1", body, connector="reserve"), acknowledgement("d2"))
    assert [one.id for one in await claim(journal, "reserve")] == ["d1"]
    assert [one.id for one in await claim(journal, "main")] == ["d2"]


# The past


async def test_decided_messages_are_told_newest_first_in_pages(journal: Journal) -> None:
    """With text, decision and whether they joined an incident; undecided ones are left out; the last page is empty."""
    await opened(journal, conversation="wa-1")
    await opened(journal, conversation="wa-2", now=later(1))
    await joined(journal, "m2", conversation="wa-1", priority=Priority.NORMAL)
    await accepted(journal, inbound("waiting", "wa-3"))
    first = await journal.decided(NOW, None, 2)
    assert [(one.inbound and one.inbound.event.message.id, one.joined) for one in first] == [
        ("m2", True),
        ("first of wa-2", False),
    ]
    assert [(one.accepted_at, one.decision) for one in first] == [(NOW, DECISION), (later(1), DECISION)]
    second = await journal.decided(NOW, first[-1].inbox_id, 2)
    assert [one.inbound and one.inbound.event.message.id for one in second] == ["first of wa-1"]
    assert await journal.decided(NOW, second[-1].inbox_id, 2) == ()


async def test_older_messages_are_left_out_and_hide_nobody(journal: Journal) -> None:
    """A clock that was set back for one message ends no page early."""
    await opened(journal, conversation="wa-1", now=later(10))
    await opened(journal, conversation="wa-2", now=later(-10))
    await opened(journal, conversation="wa-3", now=later(20))
    found = await journal.decided(NOW, None, 10)
    assert [one.accepted_at for one in found] == [later(20), later(10)]


async def test_a_message_without_an_incident_has_joined_none(journal: Journal) -> None:
    """A thank-you that calls for nothing is told as it was decided."""
    await journal.record(await accepted(journal, inbound("m1")), NOTHING, DECISION, NOW)
    (found,) = await journal.decided(NOW, None, 10)
    assert (found.joined, found.decision) == (False, DECISION)
