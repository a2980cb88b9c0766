"""Many clients with the same trouble: one post, one call, and its end when the last of them is closed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.conversations import OPEN, circumstances
from standins.rosters import LADDER, LEAD, NOC, FixedDuty

from engine.core import calls, outages
from engine.core.decisions import Priority
from engine.core.deliveries import Body, Escalation, FollowUp, Page, PageAction, Revision
from engine.core.incidents import Incident, IncidentStatus
from engine.core.ladders import MentionMode, OnDuty
from engine.core.plan import CALL, AuditEntry, Timer
from engine.core.practices import Change, Practice, Standing, Watch
from engine.core.quotes import plain, quote

NOW = OPEN.created_at + timedelta(minutes=7)
WATCH = Watch(frozenset({"3cx", "internet"}), clients=3, within=timedelta(minutes=10))
PRACTICE = Practice(FixedDuty(), "mattermost", "test", watch=WATCH)


def member(number: int, name: str = "Jackson", priority: Priority = Priority.HIGH) -> Incident:
    return replace(
        OPEN,
        ticket_id=f"OC-2026-000{number}",
        conversation_id=f"wa-{number}",
        client_name=name,
        priority=priority,
        created_at=OPEN.created_at + timedelta(minutes=number),
    )


MEMBERS = (member(1), member(2, "@channel"), member(3, priority=Priority.URGENT))


def opened(practice: Practice = PRACTICE) -> outages.Opening:
    return outages.opened("OC-2026-0009", "3cx", MEMBERS, practice, NOW)


def bodies(change: Change) -> list[Body]:
    return [delivery.body for delivery in change.deliveries]


def test_only_watched_tags_make_an_outage() -> None:
    """And only of what engineers were told; an outage is none of another."""
    assert outages.tag_of(OPEN, PRACTICE) == "3cx"
    assert outages.tag_of(replace(OPEN, tags=("billing",)), PRACTICE) is None
    assert outages.tag_of(replace(OPEN, escalated=False), PRACTICE) is None
    assert outages.tag_of(opened().incident, PRACTICE) is None
    assert outages.tag_of(OPEN, replace(PRACTICE, watch=None)) is None


def test_as_many_clients_as_the_watch_says_are_an_outage() -> None:
    """Within its time."""
    assert outages.begins(MEMBERS, PRACTICE)
    assert not outages.begins(MEMBERS[:2], PRACTICE)
    assert not outages.begins(MEMBERS, replace(PRACTICE, watch=None))
    assert outages.since(PRACTICE, NOW) == NOW - timedelta(minutes=10)
    assert outages.since(replace(PRACTICE, watch=None), NOW) == NOW


def test_an_outage_is_one_post_with_its_incidents() -> None:
    """It calls once, with the gravest priority; the clients' names stay theirs."""
    found = opened()
    (post,) = (one.body for one in found.deliveries if isinstance(one.body, Escalation))
    assert plain(post.title) == "Outage: 3cx"
    assert plain(post.body).splitlines() == [
        "Clients: 3, the first at 10:16 UTC",
        "Issue Summary: clients write about 3cx",
        "Incidents:",
        "- OC-2026-0001 · Jackson · 3CX outbound calls failing",
        "- OC-2026-0002 · @channel · 3CX outbound calls failing",
        "- OC-2026-0003 · Jackson · 3CX outbound calls failing",
        "Action: @oncall please look for the common cause. Each client still needs an answer on WhatsApp.",
        "On call: @alice",
    ]
    assert quote("@channel") in post.body
    assert (found.incident.priority, found.incident.status) == (Priority.URGENT, IncidentStatus.OPEN)
    assert (found.incident.connector, found.incident.conversation_id) == (outages.CONNECTOR, "3cx")
    assert found.timers == (Timer(CALL, NOW + timedelta(minutes=5)),)
    assert found.audit == (AuditEntry("outage", (("tag", "3cx"), ("clients", "3"))),)


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        (MentionMode.STATIC, ["Action: @oncall please"]),
        (MentionMode.RESOLVED, ["Action: @alice please"]),
        (MentionMode.BOTH, ["Action: @oncall please", "On call: @alice"]),
    ],
)
def test_an_outage_calls_as_the_settings_say(mode: MentionMode, lines: list[str]) -> None:
    """As every post does, with what is doubtful about it."""
    duty = FixedDuty(duty={"primary": OnDuty(("alice",), note="on-call from cache, 3 h old")})
    found = opened(replace(PRACTICE, duty=duty, mention_mode=mode))
    (post,) = (one.body for one in found.deliveries if isinstance(one.body, Escalation))
    told = plain(post.body).splitlines()[6:]
    assert [line.partition(" look")[0] for line in told] == [*lines, "Note: on-call from cache, 3 h old"]


def test_its_incidents_are_called_about_there() -> None:
    """Their own timers end, their own alerts are closed, their threads say where."""
    changed = outages.opened("OC-2026-0009", "3cx", (replace(MEMBERS[0], paged=("noc",)),), PRACTICE, NOW).members[0]
    assert changed.incident == replace(MEMBERS[0], outage="OC-2026-0009")
    note, page = bodies(changed)
    assert isinstance(note, FollowUp)
    assert note.body == (
        "Part of the outage OC-2026-0009 (3cx): engineers are called there. The client still needs an answer."
    )
    assert isinstance(page, Page)
    assert page.action is PageAction.RESOLVE
    assert changed.cancelled == (CALL,)


def test_an_outage_pages_once_and_needs_no_ladder() -> None:
    """As the post of any incident; without a roster the post alone calls."""
    paging = replace(LADDER, rungs=(replace(LADDER.rungs[0], targets=(LEAD, NOC)),))
    found = opened(replace(PRACTICE, duty=FixedDuty(ladders={Priority.URGENT: paging})))
    (page,) = (one for one in found.deliveries if isinstance(one.body, Page))
    assert (page.destination, page.lane, found.incident.paged) == ("noc", "page:noc:an outage:3cx", ("noc",))
    alone = opened(replace(PRACTICE, duty=FixedDuty(ladders={}, word="")))
    assert alone.timers == ()
    (post,) = (one.body for one in alone.deliveries)
    assert isinstance(post, Escalation)
    assert "\nAction: please look for the common cause." in post.body


def standing(body: str | None = None) -> Standing:
    found = opened()
    (post,) = (one.body for one in found.deliveries if isinstance(one.body, Escalation))
    return Standing(found.incident, replace(post, body=body if body is not None else post.body))


def test_one_more_client_is_named_in_post_and_thread() -> None:
    """Nobody is called again; a graver one makes the outage graver."""
    late = member(4, "Wanjiru")
    changed, joined = outages.joined(standing(), late, 4, PRACTICE, NOW)
    note, edited = bodies(changed)
    assert isinstance(note, FollowUp)
    assert plain(note.body) == (
        "One more client: OC-2026-0004 · Wanjiru · 3CX outbound calls failing (4 clients by now)."
    )
    assert isinstance(edited, Revision)
    lines = plain(edited.escalation.body).splitlines()
    assert (lines[0], lines[6]) == (
        "Clients: 4, the first at 10:16 UTC",
        "- OC-2026-0004 · Wanjiru · 3CX outbound calls failing",
    )
    assert joined.incident.outage == "OC-2026-0009"
    assert joined.audit == (AuditEntry("joined", (("outage", "OC-2026-0009"),)),)
    assert changed.audit == ()
    calmer = replace(standing(), incident=replace(standing().incident, priority=Priority.LOW))
    raised, _ = outages.joined(calmer, late, 4, PRACTICE, NOW)
    assert (raised.incident.priority, raised.audit[0].kind) == (Priority.HIGH, "prioritised")


def test_an_erased_client_is_named_nowhere() -> None:
    """The ticket alone is left, in the list and in the thread; others keep their names, and the numbers stay."""
    late = member(4, "Wanjiru (9 clients by now).")
    changed, _ = outages.joined(standing(), late, 4, PRACTICE, NOW)
    note, edited = (outages.without(body, late.ticket_id) for body in bodies(changed))
    assert isinstance(note, FollowUp)
    assert note.body == "One more client: OC-2026-0004 (4 clients by now)."
    assert isinstance(edited, Revision)
    (post,) = (one.body for one in opened().deliveries if isinstance(one.body, Escalation))
    bare = outages.without(post, "OC-2026-0001")
    assert isinstance(bare, Escalation)
    listed = [
        "- OC-2026-0002 · @channel · 3CX outbound calls failing",
        "- OC-2026-0003 · Jackson · 3CX outbound calls failing",
    ]
    assert plain(bare.body).splitlines()[3:6] == ["- OC-2026-0001", *listed]
    assert plain(edited.escalation.body).splitlines()[4:7] == [*listed, "- OC-2026-0004"]
    page = Page(PageAction.TRIGGER, "k", "OC-2026-0004 · said", Priority.HIGH, (), NOW, "OC-2026-0009")
    assert outages.without(page, late.ticket_id) == page


def test_a_long_list_ends_and_the_number_goes_on() -> None:
    """The thread has everyone; a post whose text was erased is left alone."""
    full = "\n".join(("Clients: 20, the first at 10:16 UTC", *(f"- OC-{number}" for number in range(20))))
    changed, _ = outages.joined(standing(full), member(4), 21, PRACTICE, NOW)
    (edited,) = (body for body in bodies(changed) if isinstance(body, Revision))
    assert edited.escalation.body.splitlines()[0] == "Clients: 21, the first at 10:16 UTC"
    assert len(edited.escalation.body.splitlines()) == 21
    erased, _ = outages.joined(replace(standing(), post=None), member(4), 4, PRACTICE, NOW)
    assert not any(isinstance(body, Revision) for body in bodies(erased))


def test_an_outage_is_over_when_all_are_closed() -> None:
    """It says so, and closes its alert."""
    found = replace(standing(), incident=replace(standing().incident, paged=("noc",)))
    change = outages.over(found, PRACTICE, NOW + timedelta(hours=1))
    assert change.incident.status is IncidentStatus.RESOLVED
    note, page, edited = bodies(change)
    assert isinstance(note, FollowUp)
    assert note.body == "All incidents of OC-2026-0009 are closed: the outage is over after 1 h."
    assert isinstance(page, Page)
    assert isinstance(edited, Revision)
    assert plain(edited.escalation.standing) == "resolved at 11:22 UTC after 1 h"
    assert (change.cancelled, change.audit) == ((CALL,), (AuditEntry("resolved", (("how", "outage"),)),))


def test_a_message_about_a_known_outage_calls_nobody_anew() -> None:
    """Its post says where engineers are called."""
    around = replace(circumstances(), duty=FixedDuty(), outages={"3cx": "OC-2026-0009"})
    assert calls.call(None, OPEN, None, around) == calls.Call("engineers of the outage OC-2026-0009,")
    assert calls.call(None, replace(OPEN, tags=("billing",)), None, around).next_at is not None
    belongs = replace(OPEN, outage="OC-2026-0008", priority=Priority.URGENT)
    elsewhere = replace(around, outages={"other": "OC-2026-0008"})
    assert calls.call(OPEN, belongs, None, elsewhere).mention == "engineers of the outage OC-2026-0008,"


def test_an_outage_that_is_over_takes_no_calls() -> None:
    """The client of one of its incidents who is in greater trouble now is called about as any other."""
    belongs = replace(OPEN, outage="OC-2026-0008", priority=Priority.URGENT)
    called = calls.call(OPEN, belongs, None, replace(circumstances(), duty=FixedDuty()))
    assert called.next_at is not None
