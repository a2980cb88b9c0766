"""Every journal: what engineers do and what timers bring about is written once, whole, in order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from journal.samples import (
    DECISION,
    NOW,
    Restart,
    accepted,
    claim,
    escalation,
    finish,
    inbound,
    joining,
    later,
    opened,
    opening,
    states,
)
from standins.rosters import FixedDuty

from engine.core.actions import Action, IncidentPost
from engine.core.decisions import Priority
from engine.core.deliveries import Body, DeliveryKind, DeliveryState, FollowUp, Page, PageAction, Relayed
from engine.core.incidents import IncidentStatus
from engine.core.plan import CALL, LAPSE, Timer
from engine.core.practices import Change, Practice
from engine.core.quotes import quote
from engine.core.settlements import Settlement
from engine.ports import Journal

DUTY = FixedDuty(ladders=dict.fromkeys(Priority, FixedDuty().ladders[Priority.HIGH]))
PRACTICE = Practice(DUTY, "mattermost", "test")


def action(kind: str, number: int = 1, root: str = "provider-1", **details: object) -> Action:
    return Action("mattermost", root, kind, f"post:w{number}", "amina", later(60), **details)  # type: ignore[arg-type]


async def act(journal: Journal, *actions: Action, seconds: float = 60) -> tuple[Change, ...]:
    return await journal.act(actions, PRACTICE, later(seconds))


async def fire(journal: Journal, seconds: float) -> tuple[Change, ...]:
    return await journal.fire(CALL, 100, PRACTICE, later(seconds))


async def posted(journal: Journal, conversation: str = "wa-1", receipt: str = "provider-1") -> str:
    """An incident whose post was sent, and whose ladder runs."""
    post = escalation(f"post of {receipt}", conversation)
    timers = (Timer(CALL, later(300)),)
    ticket = await opened(journal, post, conversation=conversation, timers=timers, message_id=f"m of {receipt}")
    while (await states(journal))[f"post of {receipt}"] is not DeliveryState.SENT:
        for claimed in await claim(journal, now=later(61)):
            await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt=receipt), later(61))
    return ticket


async def test_an_action_is_found_by_the_post_and_taken_once(journal: Journal) -> None:
    """Twice in one call and again later; a post that is none of ours changes nothing."""
    ticket = await posted(journal)
    changes = await act(journal, action("claim"), action("claim"), action("claim", 2, root="somebody else's"))
    assert [change.incident.ticket_id for change in changes] == [ticket]
    assert await act(journal, action("claim")) == ()
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.incident.status, view.incident.claimed_by) == (IncidentStatus.CLAIMED, "amina")
    assert view.incident == replace(changes[0].incident, version=2)
    assert [row.kind for row in view.audit] == ["received", "decided", "escalated", "claimed"]
    assert [one.kind for one in view.deliveries] == ["escalation", "follow_up", "revision"]
    assert await fire(journal, 10_000) == ()


async def test_an_action_for_another_ticket_is_passed_over(journal: Journal) -> None:
    """It is not even kept, so that the same counts where it belongs."""
    ticket = await posted(journal)
    assert await act(journal, action("claim", ticket_id="OC-2026-9999")) == ()
    (change,) = await act(journal, action("claim", ticket_id=ticket))
    assert change.incident.claimed_by == "amina"


async def test_everything_about_an_incident_survives_a_restart(restart: Restart) -> None:
    """Each field that an action can change is read back as it was written."""
    journal = await restart()
    ticket = await posted(journal)
    await fire(journal, 301)
    await act(journal, action("snooze", 1, span=timedelta(minutes=5)), action("claim", 2), action("resolve", 3))
    before = await journal.incident(ticket)
    journal = await restart()
    after = await journal.incident(ticket)
    assert before is not None
    assert after is not None
    assert (after.incident, after.audit) == (before.incident, before.audit)
    assert (after.incident.rung, after.incident.claim_id, after.incident.resolved_by) == (1, "post:w2", "amina")
    await act(journal, action("reopen", 4), seconds=600)
    reopened = await journal.incident(ticket)
    assert reopened is not None
    assert reopened.incident.status is IncidentStatus.CLAIMED


async def test_a_rung_is_called_once_when_it_is_due(journal: Journal) -> None:
    """Neither before its time nor twice; the next one waits for its own."""
    ticket = await posted(journal)
    assert await fire(journal, 299) == ()
    (change,) = await fire(journal, 300)
    assert (change.incident.ticket_id, change.incident.rung, change.incident.paged) == (ticket, 1, ("noc",))
    assert await fire(journal, 301) == ()
    assert [len(await fire(journal, seconds)) for seconds in (899, 900, 1200, 1500, 1800, 9999)] == [0, 1, 1, 0, 1, 0]
    (page,) = await claim(journal, "noc", now=later(10_000))
    assert page.body.ticket_id == ticket  # type: ignore[union-attr]


async def test_a_message_that_is_undecided_comes_first(journal: Journal) -> None:
    """It may change what the call would say."""
    await posted(journal)
    await accepted(journal, inbound("m2"))
    assert await fire(journal, 400) == ()


async def test_a_message_meanwhile_is_planned_anew(journal: Journal) -> None:
    """A claim raises the version, so that no plan overwrites it; the plan that follows keeps it."""
    ticket = await posted(journal)
    await accepted(journal, inbound("m2"))
    await act(journal, action("claim"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    assert waiting.incident.claimed_by == "amina"
    await journal.record(waiting.inbox_id, joining(waiting.incident), DECISION, later(70))
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.incident.claimed_by, view.incident.claim_id) == ("amina", "post:w1")


async def test_a_muted_client_is_known_to_be(journal: Journal) -> None:
    """Until then the next message is neither acknowledged nor called about."""
    await posted(journal)
    await act(journal, action("mute", span=timedelta(hours=2)))
    await accepted(journal, inbound("m2"))
    (waiting,) = await journal.unrouted(10)
    assert waiting.held_until == waiting.muted_until == later(60) + timedelta(hours=2)


async def test_a_raised_priority_goes_for_what_waits(journal: Journal) -> None:
    """The reply about it goes before those of calmer incidents."""
    await posted(journal)
    await act(journal, action("priority", priority=Priority.URGENT))
    waiting = await claim(journal, now=later(61))
    assert waiting
    view = await journal.incident("OC-2026-0001")
    assert view is not None
    assert view.incident.priority is Priority.URGENT


async def test_what_was_closed_leaves_a_newer_incident_alone(journal: Journal) -> None:
    """A resolve of the old one ends no timer of the new one, and it is not opened again beside it."""
    old = await posted(journal)
    await act(journal, action("resolve", 1))
    new = await posted(journal, receipt="provider-2")
    assert new != old
    await act(journal, action("reopen", 2), action("resolve", 3))
    view = await journal.incident(old)
    assert view is not None
    assert view.incident.status is IncidentStatus.RESOLVED
    assert [change.incident.ticket_id for change in await fire(journal, 400)] == [new]


async def test_the_words_for_a_client_go_back_on_the_way_they_came(journal: Journal) -> None:
    """The newest message says where to."""
    await posted(journal)
    relaying = replace(PRACTICE, relays=True)
    await journal.act((action("reply", text="Hello"),), relaying, later(60))
    (words,) = await claim(journal, "main", now=later(61))
    assert words.body == Relayed("254700000001", "Hello", "m of provider-1", "support", None, "amina", "OC-2026-0001")


async def test_the_posts_of_open_incidents_are_known(journal: Journal) -> None:
    """Whoever has lost sight of the chat asks for them; closed and unsent ones are not among them."""
    await posted(journal)
    await posted(journal, "wa-2", "provider-2")
    await posted(journal, "wa-3", "provider-3")
    await opened(journal, escalation("unsent", "wa-4"), conversation="wa-4")
    await act(journal, action("claim"), action("resolve", 2, root="provider-2"))
    first, third = await journal.posts("mattermost", later(3600))
    assert first == IncidentPost("OC-2026-0001", "provider-1", later(61), "support", None, "amina", "post:w1")
    assert (third.root, third.held_by) == ("provider-3", None)
    assert await journal.posts("elsewhere", later(0)) == ()
    roots = ("provider-1", "provider-2", "provider-9", "provider-1\x00")
    assert [await journal.is_root("mattermost", root) for root in roots] == [True, True, False, False]
    assert not await journal.is_root("elsewhere", "provider-1")


async def test_the_posts_of_incidents_that_were_closed_lately_are_known(journal: Journal) -> None:
    """With the action that resolved each, whoever said so again; what was closed before, or is open, is left out."""
    roots = [f"provider-{number}" for number in range(1, 6)]
    for number, root in enumerate(roots):
        await posted(journal, f"wa-{number}", root)
    early, twice, again, silent, _ = roots

    def done(kind: str, number: int, root: str, seconds: float) -> Action:
        return replace(action(kind, number, root), at=later(seconds))

    await act(journal, done("resolve", 1, early, 62), seconds=65)
    await act(journal, done("resolve", 2, twice, 80), done("resolve", 3, twice, 80), seconds=85)
    await act(journal, done("resolve", 4, again, 80), done("reopen", 5, again, 81), seconds=85)
    # By a clock that is ahead of ours.
    await act(journal, done("resolve", 6, again, 99), seconds=90)
    first, second, third, *rest = await journal.posts("mattermost", later(60))
    known = IncidentPost("OC-2026-0002", twice, later(61), "support", None, "amina", "post:w2", closed=True)
    assert (first.root, first.held_id, second) == (early, "post:w1", known)
    assert (third.root, third.held_id, third.closed) == (again, "post:w6", True)
    assert [(post.root, post.closed) for post in rest] == [(silent, False), (roots[4], False)]
    later_on = await journal.posts("mattermost", later(70))
    assert [post.root for post in later_on if post.closed] == [twice, again]
    # Without a word of the client's for so long, the rest fell silent; nobody has resolved it.
    await journal.fire(LAPSE, 100, replace(PRACTICE, duty=FixedDuty(ladders={})), later(20_000))
    lapsed = (await journal.posts("mattermost", NOW))[3:]
    assert [(post.root, post.held_id, post.closed) for post in lapsed] == [(silent, None, True), (roots[4], None, True)]


async def test_what_fell_silent_lately_is_known_however_long_its_client_said_nothing(journal: Journal) -> None:
    """Calls, a rule's `within` or a daemon that was down keep an incident open for days: it is closed at the end."""
    ticket = await posted(journal)
    await journal.fire(LAPSE, 100, replace(PRACTICE, duty=FixedDuty(ladders={})), later(200_000))
    (post,) = await journal.posts("mattermost", later(199_999))
    assert (post.ticket_id, post.closed) == (ticket, True)
    assert await journal.posts("mattermost", later(200_001)) == ()


async def test_a_resolution_that_was_heard_to_be_taken_back_is_not_looked_for(journal: Journal) -> None:
    """The incident stays closed where its client has a newer one, and the thread has been told so."""
    ticket = await posted(journal)
    await act(journal, action("resolve"), seconds=100)
    await opened(journal, escalation("another"), now=later(110), message_id="another request")
    (before,) = [post for post in await journal.posts("mattermost", NOW) if post.ticket_id == ticket]
    assert before.held_id == "post:w1"
    await act(journal, action("reopen", 2), seconds=120)
    (after,) = [post for post in await journal.posts("mattermost", NOW) if post.ticket_id == ticket]
    assert after == replace(before, held_id=None)


async def test_a_post_is_in_doubt_until_its_answer_is_known(journal: Journal) -> None:
    """From half a second after its first attempt on, across a restart, until the network has told its id."""
    await opened(journal, escalation())
    assert await journal.in_doubt_since("mattermost", later(60)) is None
    (claimed,) = await claim(journal, "mattermost", now=later(60))
    assert await journal.in_doubt_since("mattermost", later(60.4)) is None
    assert await journal.in_doubt_since("mattermost", later(60.5)) == later(60)
    assert await journal.in_doubt_since("elsewhere", later(61)) is None
    unknown = Settlement(DeliveryState.QUEUED, due_at=later(90), doubtful=True)
    await finish(journal, claimed, unknown, now=later(61))
    assert await journal.in_doubt_since("mattermost", later(62)) == later(60)
    (claimed,) = await claim(journal, "mattermost", now=later(90))
    assert await journal.in_doubt_since("mattermost", later(90)) == later(60)
    await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt="provider-1"), now=later(95))
    assert await journal.in_doubt_since("mattermost", later(96)) is None
    (post,) = await journal.posts("mattermost", NOW)
    assert post.posted_at == later(60)


async def test_a_post_of_an_earlier_life_is_in_doubt_at_once(restart: Restart) -> None:
    """However quickly the daemon is back: people may have reacted to it while nobody listened."""
    journal = await restart()
    await opened(journal, escalation())
    await claim(journal, "mattermost", now=later(60))
    journal = await restart("node-a", later(60.1))
    assert await journal.in_doubt_since("mattermost", later(60.1)) == later(60)
    await claim(journal, "mattermost", now=later(60.1))
    assert await journal.in_doubt_since("mattermost", later(60.2)) == later(60)


async def test_a_timer_of_what_is_closed_goes_without_a_word(journal: Journal) -> None:
    """A restart between two versions of the engine may leave one behind."""
    await posted(journal)
    await act(journal, action("resolve"))
    assert await fire(journal, 10_000) == ()
    states = {view.kind: view.state for view in await journal.deliveries(None, 10)}
    assert states[DeliveryKind.ESCALATION] is DeliveryState.SENT


_TAKEN = "dropped: somebody took the incident before this call had left"


async def calls(journal: Journal, ticket: str) -> dict[str, tuple[DeliveryState, str | None]]:
    """How the calls of the first rung stand, by the end of their names, and why."""
    view = await journal.incident(ticket)
    assert view is not None
    found = {one.id.partition("-")[2]: (one.state, one.error) for one in view.deliveries[1:]}
    return {name: found[name] for name in ("note", "channel", "page-noc")}


async def test_calls_that_wait_are_given_up_when_somebody_takes_the_incident(journal: Journal) -> None:
    """Nobody is woken for what is taken care of; what is said about it goes on, and the audit knows why."""
    ticket = await posted(journal)
    await fire(journal, 300)
    assert {state for state, _ in (await calls(journal, ticket)).values()} == {DeliveryState.QUEUED}
    await act(journal, action("claim"), seconds=310)
    # The names of the claim's own note and page would hide those of the call.
    view = await journal.incident(ticket)
    assert view is not None
    given_up = [one for one in view.deliveries if one.error == _TAKEN]
    assert [one.kind.value for one in given_up] == ["follow_up", "follow_up", "page"]
    assert {one.state for one in given_up} == {DeliveryState.DEAD}
    assert [row.kind for row in view.audit][-4:] == ["dropped"] * 3 + ["claimed"]
    (page,) = await claim(journal, "noc", now=later(320))
    assert isinstance(page.body, Page)
    assert page.body.action is PageAction.ACKNOWLEDGE
    said = []
    while waiting := await claim(journal, now=later(320)):
        for claimed in waiting:
            said.append(claimed.body)
            await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt="r"), later(320))
    assert [body for body in said if isinstance(body, FollowUp) and body.calls] == []
    assert [body.body for body in said if isinstance(body, FollowUp)] == [f"{quote('amina')} has taken {ticket}."]


async def test_a_call_under_way_is_given_up_where_it_is_refused(journal: Journal) -> None:
    """It is not told what became of it; one that was taken, or may have been, stays what it is."""
    tickets = [await posted(journal, f"wa-{number}", f"provider-{number}") for number in (1, 2, 3)]
    await fire(journal, 300)
    pages = {page.ticket_id: page for page in await claim(journal, "noc", now=later(301))}
    for number in (1, 2, 3):
        await act(journal, action("claim", number, f"provider-{number}"), seconds=310)
    refused = Settlement(DeliveryState.QUEUED, due_at=later(330), error="503: busy")
    doubtful = replace(refused, doubtful=True)
    for ticket, outcome in zip(tickets, (refused, doubtful, Settlement(DeliveryState.SENT, receipt="r")), strict=True):
        await finish(journal, pages[ticket], outcome, later(311))
    state = {view.id: view.state for view in await journal.deliveries(None, 1000)}
    assert [state[pages[ticket].id] for ticket in tickets] == [
        DeliveryState.DEAD,
        DeliveryState.QUEUED,
        DeliveryState.SENT,
    ]


async def sent(journal: Journal, seconds: float, destination: str = "mattermost") -> list[Body]:
    """What leaves by then, in its order."""
    said: list[Body] = []
    while waiting := await claim(journal, destination, now=later(seconds)):
        for claimed in waiting:
            said.append(claimed.body)
            await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt="r"), later(seconds))
    return said


async def test_a_call_that_was_given_up_is_made_when_the_incident_is_given_back(journal: Journal) -> None:
    """Somebody must be called after all; no word that it is taken silences the alert."""
    ticket = await posted(journal)
    await fire(journal, 300)
    for number in (1, 3):
        await act(journal, action("claim", number), seconds=310 + number)
        await act(journal, action("release", number + 1), seconds=311 + number)
    pages = [body for body in await sent(journal, 320, "noc") if isinstance(body, Page)]
    assert [page.action for page in pages] == [PageAction.TRIGGER]
    called = [body for body in await sent(journal, 320) if isinstance(body, FollowUp) and body.calls]
    assert [body.ticket_id for body in called] == [ticket, ""]
    view = await journal.incident(ticket)
    assert view is not None
    assert [row.kind for row in view.audit if row.kind == "redriven"] == ["redriven"] * 6
    assert not (await journal.check())["findings"]


async def test_a_call_that_was_refused_and_given_up_goes_on_where_it_was(journal: Journal) -> None:
    """A proxy may have refused it in the network's name: it is looked for since its first attempt."""
    ticket = await posted(journal)
    await fire(journal, 300)
    (call,) = [one for one in await claim(journal, now=later(301)) if one.lane.startswith("copy:")]
    refused = Settlement(DeliveryState.QUEUED, due_at=later(330), error="502: bad gateway")
    await finish(journal, call, refused, later(302))
    await act(journal, action("claim"), action("release", 2), seconds=400)
    (again,) = [one for one in await claim(journal, now=later(401)) if one.id == call.id]
    assert (again.ticket_id, again.attempt, again.first_attempt_at) == (ticket, 2, later(301))


async def test_an_alert_that_may_have_been_opened_is_not_silenced_when_the_incident_is_given_back(
    journal: Journal,
) -> None:
    """The page in doubt is said again; that somebody has it is not said any more, refused or not yet tried."""
    await posted(journal)
    await fire(journal, 300)
    (page,) = await claim(journal, "noc", now=later(301))
    await act(journal, action("claim"), seconds=302)
    await finish(journal, page, Settlement(DeliveryState.QUEUED, due_at=later(305), doubtful=True), later(303))
    await act(journal, action("release", 2), seconds=304)
    (again,) = await claim(journal, "noc", now=later(310))
    assert again.id == page.id
    await finish(journal, again, Settlement(DeliveryState.SENT, receipt="r"), later(311))
    await act(journal, action("claim", 3), seconds=312)
    (word,) = await claim(journal, "noc", now=later(313))
    await act(journal, action("release", 4), seconds=314)
    await finish(journal, word, Settlement(DeliveryState.QUEUED, due_at=later(320), error="503: busy"), later(315))
    assert await sent(journal, 1000, "noc") == []


async def test_calls_from_before_an_incident_was_closed_are_not_made_any_more(journal: Journal) -> None:
    """Who opens it again begins the ladder anew, and so does who gives back what all were called about."""
    await posted(journal)
    await fire(journal, 300)
    for number, kind in enumerate(("claim", "resolve", "reopen", "release")):
        await act(journal, action(kind, number), seconds=310 + number)
    assert [body for body in await sent(journal, 320) if isinstance(body, FollowUp) and body.calls] == []
    await act(journal, action("resolve", 7), seconds=321)
    await posted(journal, "wa-2", "provider-2")
    for seconds in (1000, 2000, 3000):
        await fire(journal, seconds)
        await sent(journal, seconds)
    (last,) = await fire(journal, 4000)
    assert last.timers == ()
    await act(journal, action("claim", 8, "provider-2"), action("release", 9, "provider-2"), seconds=4001)
    assert [body for body in await sent(journal, 4002) if isinstance(body, FollowUp) and body.calls] == []


@pytest.mark.parametrize("kind", ["resolve", "reply", "say"])
async def test_whatever_takes_an_incident_ends_its_calls(journal: Journal, kind: str) -> None:
    """A check mark, words for the client, a first word in the thread."""
    ticket = await posted(journal)
    await fire(journal, 300)
    await journal.act((action(kind, text="we are on it"),), replace(PRACTICE, relays=True), later(310))
    view = await journal.incident(ticket)
    assert view is not None
    assert sum((one.error or "").startswith("dropped: ") for one in view.deliveries) == 3


async def test_calls_about_what_a_newer_request_replaces_are_given_up(journal: Journal) -> None:
    """The client wrote again and has an incident of its own for that."""
    ticket = await posted(journal)
    await fire(journal, 300)
    message = inbound("another request")
    plan = opening(message, escalation("another post"), expected_version=2, lapsed=ticket)
    await journal.record(await accepted(journal, message, later(310)), plan, DECISION, later(310))
    view = await journal.incident(ticket)
    assert view is not None
    reason = "dropped: the incident was closed before this call had left"
    assert [one.kind.value for one in view.deliveries if one.error == reason] == ["follow_up", "follow_up", "page"]


@pytest.mark.parametrize("kind", ["snooze", "mute"])
async def test_a_pause_gives_up_what_waits_and_calls_the_next_after_it(journal: Journal, kind: str) -> None:
    """The thread says that nobody is called before its end, so nobody is; then somebody is."""
    ticket = await posted(journal)
    await fire(journal, 300)
    (page,) = await claim(journal, "noc", now=later(301))
    await act(journal, action(kind, span=timedelta(minutes=30)), seconds=310)
    refused = Settlement(DeliveryState.QUEUED, due_at=later(330), error="503: busy")
    await finish(journal, page, refused, later(311))
    view = await journal.incident(ticket)
    assert view is not None
    reason = "dropped: the incident was paused before this call had left"
    assert [one.kind.value for one in view.deliveries if one.error == reason] == ["follow_up", "follow_up", "page"]
    assert await fire(journal, 2109) == ()
    (change,) = await fire(journal, 2110)
    assert change.incident.rung == 2


async def test_what_waits_is_still_called_while_nobody_has_it(journal: Journal) -> None:
    """Neither another priority nor a refusal takes a call back."""
    ticket = await posted(journal)
    await fire(journal, 300)
    await act(journal, action("priority", priority=Priority.URGENT), seconds=310)
    (page,) = await claim(journal, "noc", now=later(311))
    await finish(journal, page, Settlement(DeliveryState.QUEUED, due_at=later(320), error="503: busy"), later(312))
    (again,) = await claim(journal, "noc", now=later(321))
    assert again.id == page.id
    assert (await calls(journal, ticket))["channel"] == (DeliveryState.QUEUED, None)
