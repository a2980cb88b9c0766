"""Every journal: many clients with the same trouble become one outage, in the transaction that records a message."""

import json
from dataclasses import replace
from datetime import timedelta

from journal.samples import DECISION, accepted, claim, escalation, finish, inbound, joining, lapse, later, opening
from standins.rosters import FixedDuty

from engine.core.actions import Action
from engine.core.decisions import Priority
from engine.core.deliveries import DeliveryState, Escalation
from engine.core.incidents import Incident, IncidentStatus
from engine.core.outages import CONNECTOR
from engine.core.plan import CALL, Timer
from engine.core.practices import Practice, Watch
from engine.core.settlements import Settlement
from engine.ports import Journal

DUTY = FixedDuty(ladders=dict.fromkeys(Priority, FixedDuty().ladders[Priority.HIGH]))
PRACTICE = Practice(DUTY, "mattermost", "test", watch=Watch(frozenset({"3cx"}), 3, timedelta(minutes=10)))


async def written(
    journal: Journal,
    number: int,
    seconds: float = 0,
    practice: Practice | None = PRACTICE,
    *,
    tags: tuple[str, ...] | None = None,
) -> Incident:
    """One more client with the same trouble."""
    message = inbound(f"m{number}", f"wa-{number}")
    now = later(seconds)
    inbox_id = await accepted(journal, message, now)
    plan = opening(message, escalation(f"post {number}", f"wa-{number}"))
    assert plan.incident is not None
    timers = (*plan.timers, Timer(CALL, now + timedelta(minutes=5)))
    incident = replace(plan.incident, escalated=True, created_at=now, tags=tags or plan.incident.tags)
    ticket = await journal.record(inbox_id, replace(plan, incident=incident, timers=timers), DECISION, now, practice)
    assert ticket is not None
    return await incident_of(journal, ticket)


async def incident_of(journal: Journal, ticket: str) -> Incident:
    view = await journal.incident(ticket)
    assert view is not None
    return view.incident


async def test_the_one_client_too_many_makes_an_outage(journal: Journal) -> None:
    """It has the next ticket, one post and one timer; all of them belong to it; a later one joins."""
    first, second = await written(journal, 1), await written(journal, 2, 60)
    assert (first.outage, second.outage) == (None, None)
    third = await written(journal, 3, 120)
    outage = await incident_of(journal, "OC-2026-0004")
    assert (outage.connector, outage.conversation_id, outage.client_name) == (CONNECTOR, "3cx", "3 clients")
    assert third.outage == (await incident_of(journal, first.ticket_id)).outage == outage.ticket_id
    fourth = await written(journal, 4, 180)
    assert (fourth.ticket_id, fourth.outage) == ("OC-2026-0005", outage.ticket_id)
    assert (await incident_of(journal, outage.ticket_id)).client_name == "4 clients"
    fired = await journal.fire(CALL, 10, PRACTICE, later(1000))
    assert [change.incident.ticket_id for change in fired] == [outage.ticket_id]
    posts = [one.body for one in await claim(journal, now=later(1001)) if isinstance(one.body, Escalation)]
    assert [post.title for post in posts if post.ticket_id == outage.ticket_id] == ["Outage: 3cx"]
    assert not (await journal.check())["findings"]


async def test_calls_that_wait_are_given_up_when_an_outage_begins(journal: Journal) -> None:
    """Engineers are called about the outage; a page under way then is not said again where it was refused."""
    first, second = await written(journal, 1), await written(journal, 2)
    await journal.fire(CALL, 10, PRACTICE, later(300))
    under_way, _ = await claim(journal, "noc", now=later(301), limit=2)
    await written(journal, 3, 302)
    refused = Settlement(DeliveryState.QUEUED, due_at=later(310), error="503: busy")
    await finish(journal, under_way, refused, later(303))
    reason = "dropped: engineers are called about its outage instead"
    for ticket, pages in ((first.ticket_id, 1), (second.ticket_id, 0)):
        view = await journal.incident(ticket)
        assert view is not None
        given_up = [one.kind.value for one in view.deliveries if one.error == reason]
        assert given_up == ["follow_up"] * 2 + ["page"] * pages
    assert not (await journal.check())["findings"]


async def test_those_who_come_apart_make_none(journal: Journal) -> None:
    """Longer apart than the watch says, or closed meanwhile, or where nothing is watched."""
    await written(journal, 1)
    await written(journal, 2, 700)
    await written(journal, 3, 1100)
    await written(journal, 4, 1101, practice=replace(PRACTICE, watch=None))
    assert all(one.outage is None for one in await journal.incidents(None, 10))
    assert {one.connector for one in await journal.incidents(None, 10)} == {"main"}


async def test_the_next_message_knows_of_the_outage(journal: Journal) -> None:
    """So that its post calls nobody anew."""
    for number in range(3):
        await written(journal, number, number)
    await accepted(journal, inbound("m9", "wa-9"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.outages == {"3cx": "OC-2026-0004"}


async def test_an_outage_ends_with_the_last_of_its_incidents(journal: Journal) -> None:
    """Whether an engineer closes it or its client has fallen silent."""
    incidents = [await written(journal, number, number) for number in range(3)]
    for claimed in await claim(journal, now=later(10)):
        await finish(
            journal, claimed, Settlement(DeliveryState.SENT, receipt=f"root of {claimed.ticket_id}"), later(10)
        )
    for number, incident in enumerate(incidents[:2]):
        root = f"root of {incident.ticket_id}"
        action = Action("mattermost", root, "resolve", f"post:{number}", "amina", later(20))
        await journal.act((action,), PRACTICE, later(20))
        assert (await incident_of(journal, "OC-2026-0004")).status is IncidentStatus.OPEN
    assert await lapse(journal, 10, later(5 * 3600)) == (incidents[2].ticket_id,)
    outage = await incident_of(journal, "OC-2026-0004")
    assert (outage.status, outage.resolved_at) == (IncidentStatus.RESOLVED, later(5 * 3600))
    assert await journal.fire(CALL, 10, PRACTICE, later(6 * 3600)) == ()


async def test_after_an_outage_that_was_resolved_by_hand_its_clients_are_called_about(journal: Journal) -> None:
    """Each by itself, unless somebody has it; and no longer once the outage is open again."""
    first, second, _ = [await written(journal, number) for number in (1, 2, 3)]
    outage = await incident_of(journal, "OC-2026-0004")
    while waiting := await claim(journal, now=later(10)):
        for claimed in waiting:
            sent = Settlement(DeliveryState.SENT, receipt=f"root of {claimed.ticket_id}")
            await finish(journal, claimed, sent, later(10))

    def done(kind: str, ticket: str, number: int) -> Action:
        return Action("mattermost", f"root of {ticket}", kind, f"post:w{number}", "amina", later(20))

    await journal.act((done("claim", second.ticket_id, 1), done("resolve", outage.ticket_id, 2)), PRACTICE, later(20))
    assert await journal.fire(CALL, 100, PRACTICE, later(319)) == ()
    called = await journal.fire(CALL, 100, PRACTICE, later(320))
    assert [(change.incident.ticket_id, change.incident.rung) for change in called] == [
        (first.ticket_id, 1),
        ("OC-2026-0003", 1),
    ]
    await journal.act((done("reopen", outage.ticket_id, 3),), PRACTICE, later(330))
    members = {
        change.incident.ticket_id
        for change in await journal.fire(CALL, 100, PRACTICE, later(9000))
        if change.deliveries
    }
    assert members == {outage.ticket_id}


async def test_an_outage_ends_with_the_last_of_its_clients_that_is_erased(journal: Journal) -> None:
    """Nobody is called about it any more."""
    for number in range(3):
        await written(journal, number, number)
    for number in range(3):
        assert (await incident_of(journal, "OC-2026-0004")).status is IncidentStatus.OPEN
        await journal.erase(None, ("main", f"wa-{number}"), PRACTICE, later(100))
    outage = await incident_of(journal, "OC-2026-0004")
    assert (outage.status, outage.resolved_at) == (IncidentStatus.RESOLVED, later(100))
    assert await journal.fire(CALL, 10, PRACTICE, later(6 * 3600)) == ()
    assert not (await journal.check())["findings"]


async def test_the_posts_of_an_outage_do_not_name_an_erased_client(journal: Journal) -> None:
    """Neither that which lists them nor the word of one that joined; the operator learns which post to look at."""
    for number in range(4):
        await written(journal, number, number)
    counted = await journal.client(None, ("main", "wa-3"), whole=False)
    told = await journal.erase(None, ("main", "wa-3"), PRACTICE, later(100))
    assert told == {**counted, "gone": told["gone"]}
    assert (told["incidents"], [one["ticketId"] for one in told["tickets"]]) == (1, ["OC-2026-0005", "OC-2026-0004"])
    await journal.erase(None, ("main", "wa-0"), PRACTICE, later(101))
    view = await journal.incident("OC-2026-0004")
    assert view is not None
    said = [await journal.delivery(one.id) for one in view.deliveries]
    bodies = [json.dumps(one.body, ensure_ascii=False) for one in said if one is not None]
    assert (len(bodies), [body.count("Jackson") for body in bodies]) == (3, [2, 0, 2])
    assert "One more client: OC-2026-0005 (4 clients by now)." in bodies[1]
    assert not (await journal.check())["findings"]


async def test_the_posts_of_an_earlier_outage_do_not_name_an_erased_client_either(journal: Journal) -> None:
    """Engineers resolved it, the client wrote again, and belongs to the next one since."""
    for number in range(3):
        await written(journal, number, number)
    for claimed in await claim(journal, now=later(5)):
        await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt=f"post of {claimed.ticket_id}"))
    resolved = Action("mattermost", "post of OC-2026-0004", "resolve", "post:r", "amina", later(10))
    await journal.act((resolved,), PRACTICE, later(10))
    for number in range(3, 6):
        await written(journal, number, 20 + number)
    await journal.accept([inbound("again", "wa-0")], later(30))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    await journal.record(waiting.inbox_id, joining(waiting.incident), DECISION, later(31), PRACTICE)
    assert (await incident_of(journal, "OC-2026-0001")).outage == "OC-2026-0008"
    told = await journal.erase(None, ("main", "wa-0"), PRACTICE, later(100))
    assert [one["ticketId"] for one in told["tickets"]] == ["OC-2026-0001", "OC-2026-0004", "OC-2026-0008"]
    for ticket, joined_by_word in (("OC-2026-0004", False), ("OC-2026-0008", True)):
        view = await journal.incident(ticket)
        assert view is not None
        said = [await journal.delivery(one.id) for one in view.deliveries]
        bodies = "\n".join(json.dumps(one.body, ensure_ascii=False) for one in said if one is not None)
        assert "OC-2026-0001 · " not in bodies
        assert ("One more client: OC-2026-0001 (4 clients by now)." in bodies) is joined_by_word
    assert not (await journal.check())["findings"]


async def test_an_incident_that_is_superseded_leaves_its_outage(journal: Journal) -> None:
    """The last one that ends so ends the outage, too."""
    watch = Watch(frozenset({"3cx"}), 1, timedelta(minutes=10))
    practice = replace(PRACTICE, watch=watch)
    first = await written(journal, 1, practice=practice)
    assert first.outage == "OC-2026-0002"
    message = inbound("again", "wa-1")
    inbox_id = await accepted(journal, message, later(5 * 3600))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    plan = replace(opening(message), expected_version=waiting.incident.version, lapsed=first.ticket_id)
    await journal.record(inbox_id, plan, DECISION, later(5 * 3600), replace(practice, watch=None))
    assert (await incident_of(journal, "OC-2026-0002")).status is IncidentStatus.RESOLVED


async def test_an_incident_joins_the_outage_that_its_post_names(journal: Journal) -> None:
    """The live one among its tags, be another watched one before it; and also once nothing is watched any more."""
    watch = Watch(frozenset({"3cx", "internet"}), 3, timedelta(minutes=10))
    for number in range(3):
        await written(journal, number, number)
    for number, practice in ((7, replace(PRACTICE, watch=watch)), (8, replace(PRACTICE, watch=None))):
        joined = await written(journal, number, number, practice, tags=("internet", "3cx"))
        assert joined.outage == "OC-2026-0004"


async def test_what_engineers_do_with_a_member_calls_nobody(journal: Journal) -> None:
    """A pause of one of its incidents ends, and the outage alone is called about."""
    first, *_ = [await written(journal, number, number) for number in range(3)]
    for claimed in await claim(journal, now=later(10)):
        await finish(
            journal, claimed, Settlement(DeliveryState.SENT, receipt=f"root of {claimed.ticket_id}"), later(10)
        )
    snooze = Action(
        "mattermost", f"root of {first.ticket_id}", "snooze", "post:1", "amina", later(20), span=timedelta(minutes=1)
    )
    await journal.act((snooze,), PRACTICE, later(20))
    fired = await journal.fire(CALL, 10, PRACTICE, later(3000))
    assert [change.incident.ticket_id for change in fired] == ["OC-2026-0004"]
