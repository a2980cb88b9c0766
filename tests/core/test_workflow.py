"""What follows from what engineers do, and from nobody doing anything."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.conversations import OPEN, REPLY, THE_POST
from standins.rosters import LADDER, FixedDuty

from engine.core import durations, workflow
from engine.core.actions import ACTION_KINDS, Action
from engine.core.decisions import Priority
from engine.core.deliveries import Body, DeliveryKind, FollowUp, Page, PageAction, Relayed, Revision, kind_of
from engine.core.incidents import Incident, IncidentStatus
from engine.core.ladders import OnDuty
from engine.core.plan import CALL, EPISODE, LAPSE, AuditEntry, Timer
from engine.core.practices import Change, Practice, Standing
from engine.core.quotes import plain, quote
from engine.core.standings import BY_HAND

AT = OPEN.created_at
NOW = AT + timedelta(minutes=7)
PRACTICE = Practice(FixedDuty(), "mattermost", "test")
CLAIMED = replace(
    OPEN, status=IncidentStatus.CLAIMED, claimed_by="amina", claimed_at=NOW, claim_id="reaction:p1:u1:eyes:1"
)
PAGED = replace(OPEN, paged=("noc",))
RESOLVED = replace(OPEN, status=IncidentStatus.RESOLVED, resolved_by="amina", resolved_at=NOW)


def action(kind: str, *, by: str = "amina", number: int = 1, **details: object) -> Action:
    return Action("mattermost", "p1", kind, f"post:w{number}", by, NOW, **details)  # type: ignore[arg-type]


def act(
    wanted: Action, incident: Incident = OPEN, *, practice: Practice = PRACTICE, newer: str | None = None
) -> Change:
    standing = Standing(incident, THE_POST, REPLY, "MSG-1", newer)
    return workflow.act(wanted, standing, practice, NOW)


def bodies(change: Change) -> list[Body]:
    return [delivery.body for delivery in change.deliveries]


def notes(change: Change) -> list[str]:
    """The replies in the thread, and the posts of their own."""
    return [plain(body.body) for body in bodies(change) if isinstance(body, FollowUp)]


def post(change: Change) -> str:
    """How the edited post says that things stand."""
    (revision,) = (body for body in bodies(change) if isinstance(body, Revision))
    return plain(revision.escalation.standing)


def pages(change: Change) -> list[tuple[str, PageAction]]:
    return [
        (delivery.destination, delivery.body.action)
        for delivery in change.deliveries
        if isinstance(delivery.body, Page)
    ]


def test_a_claim_names_who_and_stops_the_calls() -> None:
    """The post is edited, the thread told, what was paged is acknowledged."""
    change = act(action("claim"), PAGED)
    assert change.incident == replace(
        PAGED, status=IncidentStatus.CLAIMED, claimed_by="amina", claimed_at=NOW, claim_id="post:w1"
    )
    assert notes(change) == ["amina has taken OC-2026-0001."]
    assert post(change) == "claimed by amina at 10:22 UTC · since 7 min · :white_check_mark: resolve it"
    assert pages(change) == [("noc", PageAction.ACKNOWLEDGE)]
    assert change.cancelled == (CALL,)
    assert change.audit == (AuditEntry("claimed", (("by", "amina"), ("how", "post"))),)
    assert {delivery.lane for delivery in change.deliveries} == {
        "escalate:main:wa-254712345678",
        "page:noc:main:wa-254712345678",
    }


def test_a_second_claim_is_answered_and_changes_nothing() -> None:
    """The first one has it; the same person again is told nothing."""
    change = act(action("claim", by="otieno"), CLAIMED)
    assert (change.incident, notes(change)) == (CLAIMED, ["OC-2026-0001 is claimed already by amina."])
    assert act(action("claim"), CLAIMED) == Change(CLAIMED)


def test_an_incident_given_back_is_called_again() -> None:
    """The time of its rung begins anew; only the one who has it can give it back."""
    change = act(action("release"), replace(CLAIMED, rung=1))
    assert change.incident == replace(OPEN, rung=1)
    assert change.timers == (Timer(CALL, NOW + timedelta(minutes=10)),)
    assert notes(change) == ["amina has given OC-2026-0001 back: it is open."]
    assert act(action("release")) == Change(OPEN)
    change = act(action("release", by="otieno"), CLAIMED)
    assert change.incident == CLAIMED
    assert notes(change) == ["OC-2026-0001 is claimed by amina, who alone can give it back."]
    gone = replace(action("release", by="otieno"), id="unreaction:p1:u2:eyes:1")
    assert act(gone, CLAIMED) == Change(CLAIMED)


def test_anybody_can_give_back_what_was_claimed_on_whatsapp() -> None:
    """Nobody knows who that was; a reaction that is taken back was no claim there."""
    by_hand = replace(CLAIMED, claimed_by=BY_HAND, claim_id=None)
    for way in ("post:w1", "button:d1:release:u1"):
        change = act(replace(action("release"), id=way), by_hand)
        assert change.incident == OPEN
        assert notes(change) == ["amina has given OC-2026-0001 back: it is open."]
    for way in ("unreaction:p1:u1:eyes:1", "gone:reaction:p1:u1:eyes:1"):
        assert act(replace(action("release"), id=way), by_hand) == Change(by_hand)


def test_a_resolved_incident_is_over() -> None:
    """No call, no lapse; the alert is closed; the note stands in the thread as its writer's words."""
    change = act(action("resolve", text="rebooted the @channel"), replace(CLAIMED, paged=("noc",)))
    assert change.incident.status is IncidentStatus.RESOLVED
    assert (change.incident.resolved_by, change.incident.resolved_at) == ("amina", NOW)
    assert (change.cancelled, pages(change)) == ((CALL, LAPSE), [("noc", PageAction.RESOLVE)])
    (note,) = (body for body in bodies(change) if isinstance(body, FollowUp))
    assert note.body == f"{quote('amina')} has resolved OC-2026-0001 after 7 min: {quote('rebooted the @channel')}"
    assert act(action("resolve"), RESOLVED) == Change(RESOLVED)


def test_a_reopened_incident_takes_messages_again() -> None:
    """Unless another one of the client does by now."""
    change = act(action("reopen"), RESOLVED)
    assert change.incident == OPEN
    assert change.timers == (Timer(LAPSE, NOW + EPISODE), Timer(CALL, NOW + timedelta(minutes=5)))
    assert act(action("reopen"), replace(RESOLVED, claimed_by="amina")).incident.status is IncidentStatus.CLAIMED
    newer = act(action("reopen"), RESOLVED, newer="OC-2026-0002")
    assert notes(newer) == ["OC-2026-0002 is open for this client: OC-2026-0001 stays closed."]
    assert newer.incident == RESOLVED
    assert act(action("reopen")) == Change(OPEN)


def test_a_closed_incident_says_how_to_open_it() -> None:
    """A late reaction changes nothing and is not left without an answer."""
    change = act(action("claim"), RESOLVED)
    assert (change.incident, notes(change)) == (RESOLVED, ["OC-2026-0001 is closed: `reopen` opens it again."])
    assert act(action("say"), RESOLVED) == Change(RESOLVED)


def test_a_pause_holds_the_calls() -> None:
    """Nobody is called before its end, and then the ladder goes on."""
    change = act(action("snooze", span=timedelta(minutes=30)))
    until = NOW + timedelta(minutes=30)
    assert change.incident == replace(OPEN, snoozed_until=until)
    assert change.timers == (Timer(CALL, until),)
    assert notes(change) == ["Paused by amina: nobody is called before 10:52 UTC."]
    assert change.audit[0].details[-1] == ("for", "30m")
    longest = act(action("snooze", span=timedelta(days=900)))
    assert longest.incident.snoozed_until == NOW + timedelta(days=7)
    assert act(action("snooze"), CLAIMED).timers == ()


def test_a_muted_client_is_left_alone() -> None:
    """No automatic acknowledgement and no call, for as long as was said."""
    change = act(action("mute", span=timedelta(hours=2)))
    until = NOW + timedelta(hours=2)
    assert (change.muted_until, change.incident.snoozed_until, change.timers) == (until, until, (Timer(CALL, until),))
    assert notes(change) == [
        "Muted by amina: until 12:22 UTC this client gets no automatic acknowledgement and nobody is called."
    ]


@pytest.mark.parametrize(
    ("priority", "verb"), [(Priority.URGENT, "raised"), (Priority.LOW, "lowered")], ids=["raised", "lowered"]
)
def test_a_priority_set_by_hand(priority: Priority, verb: str) -> None:
    """The ladder of the new priority begins at its first rung, where there is one."""
    change = act(action("priority", priority=priority), replace(OPEN, rung=3))
    assert change.incident == replace(OPEN, priority=priority, rung=0)
    assert notes(change) == [f"Priority: {verb} to {priority.word} by amina."]
    assert bool(change.timers) is (priority is Priority.URGENT)
    assert act(action("priority", priority=OPEN.priority)) == Change(OPEN)
    assert act(action("priority")) == Change(OPEN)


def test_a_word_in_the_thread_claims_where_that_is_wanted() -> None:
    """The first person who writes has it; later words mean nothing."""
    assert act(action("say")).incident.claimed_by == "amina"
    assert act(action("say", by="otieno"), CLAIMED) == Change(CLAIMED)
    assert act(action("say"), practice=replace(PRACTICE, claims_by_saying=False)) == Change(OPEN)


def test_words_for_the_client_go_where_the_client_wrote() -> None:
    """Only where that is switched on; whoever writes them has the incident, and it counts as an answer."""
    relaying = replace(PRACTICE, relays=True)
    paused = replace(PAGED, snoozed_until=NOW + timedelta(hours=1))
    change = act(action("reply", text="Try it now, please."), paused, practice=relaying)
    (words,) = (delivery for delivery in change.deliveries if isinstance(delivery.body, Relayed))
    assert (words.lane, words.destination) == ("acknowledge:main:wa-254712345678", "main")
    assert words.body == Relayed(
        REPLY.peer, "Try it now, please.", "MSG-1", "dev-support-escalations", "support", "amina", "OC-2026-0001"
    )
    assert change.incident.claimed_by == "amina"
    assert change.incident.snoozed_until is None
    assert change.incident.answered_at == change.incident.replied_at == NOW
    assert pages(change) == [("noc", PageAction.ACKNOWLEDGE)]
    again = act(action("reply", by="otieno", text="And now?"), CLAIMED, practice=relaying)
    assert (again.incident.claimed_by, again.incident.claim_id) == ("amina", CLAIMED.claim_id)


@pytest.mark.parametrize(
    ("practice", "found", "note"),
    [
        pytest.param(
            PRACTICE,
            {},
            "Words for the client are not relayed here: answer on WhatsApp. (`mattermost.relay_replies`)",
            id="off",
        ),
        pytest.param(
            replace(PRACTICE, relays=True, paused=True),
            {},
            "Nothing is sent to clients while the engine is paused: answer on WhatsApp.",
            id="paused",
        ),
        pytest.param(
            replace(PRACTICE, relays=True),
            {"reply": None},
            "There is no way back to this client: answer by hand.",
            id="no way back",
        ),
    ],
)
def test_words_that_cannot_be_relayed_are_answered(practice: Practice, found: dict[str, object], note: str) -> None:
    """Their writer learns at once that the client got nothing."""
    standing = replace(Standing(OPEN, THE_POST, REPLY, "MSG-1"), **found)  # type: ignore[arg-type]
    change = workflow.act(action("reply", text="Hello"), standing, practice, NOW)
    assert (change.incident, notes(change)) == (OPEN, [note])


def test_a_mistyped_command_is_answered() -> None:
    """With the sentence that the connector has for it."""
    change = act(action("misunderstood", text="There is no priority loud."))
    assert (change.incident, notes(change)) == (OPEN, ["There is no priority loud."])


def test_an_incident_without_a_post_has_no_thread() -> None:
    """Nothing is said where nobody reads, or where its text was erased."""
    silent = replace(OPEN, escalated=False)
    standing = Standing(silent, None)
    assert workflow.act(action("claim"), standing, PRACTICE, NOW).deliveries == ()


def climb(incident: Incident, duty: FixedDuty | None = None) -> Change:
    return workflow.climb(Standing(incident, THE_POST), replace(PRACTICE, duty=duty or FixedDuty()), NOW)


def test_the_next_rung_is_called_in_the_thread_and_beyond() -> None:
    """With people by name, the paging services, the further channel, and the next timer."""
    change = climb(OPEN)
    text = (
        "Nobody has taken OC-2026-0001 yet (high, open for 7 min). @alice @noc-lead please check WhatsApp and respond "
        "to the client now. Paged: noc."
    )
    assert notes(change) == [text, f"**OC-2026-0001** in ~dev-support-escalations: {text}"]
    assert [body.calls for body in bodies(change) if isinstance(body, FollowUp)] == [True, True]
    assert change.incident == replace(OPEN, rung=1, paged=("noc",))
    assert pages(change) == [("noc", PageAction.TRIGGER)]
    assert change.timers == (Timer(CALL, NOW + timedelta(minutes=10)),)
    assert change.audit == (AuditEntry("called", (("rung", "1"), ("whom", "@alice @noc-lead noc"))),)
    (page,) = (body for body in bodies(change) if isinstance(body, Page))
    assert page.key == "oc/test/OC-2026-0001"
    assert page.summary == "OC-2026-0001: a client waits (high, rule voip-outbound)"


def test_in_development_a_further_channel_is_the_one_for_all() -> None:
    """No reminder leaves for a real channel."""
    practice = replace(PRACTICE, channel_override="dev-support-escalations")
    change = workflow.climb(Standing(OPEN, THE_POST), practice, NOW)
    channels = {body.channel for body in bodies(change) if isinstance(body, FollowUp)}
    assert channels == {"dev-support-escalations"}


def test_the_last_call_says_so_and_sets_no_timer() -> None:
    """After all rungs and repeats those are called for whom nobody is there."""
    change = climb(replace(OPEN, rung=3), FixedDuty(duty={"primary": OnDuty(("alice",), note="from cache")}))
    text = (
        "Nobody has taken OC-2026-0001 yet (high, open for 7 min). @noc-lead @here please check WhatsApp and respond "
        "to the client now. This was the last call: nobody else is called."
    )
    assert notes(change) == [text]
    assert (change.timers, change.cancelled) == ((), (CALL,))


def test_what_is_doubtful_about_a_call_is_said() -> None:
    """Somebody else may be on duty by now."""
    change = climb(OPEN, FixedDuty(duty={"primary": OnDuty(("alice",), note="from cache, 3 h old")}))
    assert notes(change)[0].endswith("Paged: noc. (from cache, 3 h old)")


def test_a_rung_of_services_alone_mentions_nobody() -> None:
    """Nobody is asked by an empty name."""
    change = climb(OPEN, FixedDuty(duty={}, names={}))
    assert notes(change)[0] == "Nobody has taken OC-2026-0001 yet (high, open for 7 min). Paged: noc."


def test_nobody_is_called_in_quiet_hours_or_during_a_pause() -> None:
    """The timer is set to their end; nothing is said."""
    quiet = FixedDuty(
        ladders={Priority.HIGH: replace(LADDER, quiet_until="office")},
        duty={"office": OnDuty((), NOW + timedelta(hours=9))},
    )
    assert climb(OPEN, quiet) == Change(OPEN, timers=(Timer(CALL, NOW + timedelta(hours=9)),))
    paused = replace(OPEN, snoozed_until=NOW + timedelta(hours=1))
    assert climb(paused) == Change(paused, timers=(Timer(CALL, NOW + timedelta(hours=1)),))


@pytest.mark.parametrize("incident", [CLAIMED, replace(OPEN, priority=Priority.LOW)], ids=["claimed", "no ladder"])
def test_a_timer_that_is_moot_calls_nobody(incident: Incident) -> None:
    """The rules may have changed since it was set."""
    assert climb(incident) == Change(incident, cancelled=(CALL,))


def test_a_silent_incident_is_closed_in_its_post() -> None:
    """An edit tells nobody, and nobody needs to be told."""
    change = workflow.lapse(Standing(replace(PAGED, rung=4), THE_POST), PRACTICE, NOW)
    assert change.incident == replace(OPEN, status=IncidentStatus.LAPSED, rung=4)
    assert (post(change), notes(change)) == ("closed: the client has been silent", [])
    assert pages(change) == [("noc", PageAction.RESOLVE)]
    assert (change.cancelled, change.audit) == ((CALL, LAPSE), (AuditEntry("lapsed"),))


def test_a_client_who_waits_in_silence_is_not_given_up() -> None:
    """Where nobody has taken it and somebody is still to be called; others are closed, as members of an outage are."""
    paused = replace(OPEN, snoozed_until=NOW + timedelta(hours=8))
    change = workflow.lapse(Standing(paused, THE_POST), PRACTICE, NOW)
    called_at = NOW + timedelta(hours=8)
    assert change == Change(paused, timers=(Timer(CALL, called_at), Timer(LAPSE, called_at + EPISODE)))
    change = workflow.lapse(Standing(OPEN, THE_POST, call_at=called_at), PRACTICE, NOW)
    assert change == Change(OPEN, timers=(Timer(LAPSE, called_at + EPISODE),))
    change = workflow.lapse(Standing(OPEN, THE_POST, call_at=NOW - timedelta(hours=5)), PRACTICE, NOW)
    assert change == Change(OPEN, timers=(Timer(LAPSE, NOW + EPISODE),))
    for closed in (
        Standing(replace(CLAIMED, snoozed_until=paused.snoozed_until), THE_POST),
        Standing(paused, THE_POST, called_elsewhere=True),
        Standing(replace(paused, priority=Priority.LOW), THE_POST),
    ):
        assert workflow.lapse(closed, PRACTICE, NOW).incident.status is IncidentStatus.LAPSED
    assert workflow.close(Standing(paused, THE_POST), PRACTICE, NOW).incident.status is IncidentStatus.LAPSED


@pytest.mark.parametrize("kind", ["release", "reopen", "snooze"])
def test_after_the_last_call_the_ladder_begins_anew(kind: str) -> None:
    """What is given back, opened again or paused then would never be called about."""
    before = {"release": CLAIMED, "reopen": RESOLVED, "snooze": OPEN}[kind]
    change = act(action(kind, span=timedelta(minutes=30)), replace(before, rung=4))
    assert change.incident.rung == 0
    assert CALL in {timer.name for timer in change.timers}


@pytest.mark.parametrize("kind", ["release", "reopen", "snooze", "mute", "priority"])
def test_nobody_is_called_for_what_belongs_to_an_outage(kind: str) -> None:
    """Whatever engineers do with it; and a timer from before is ended."""
    before = {"release": CLAIMED, "reopen": RESOLVED}.get(kind, OPEN)
    wanted = action(kind, span=timedelta(minutes=30), priority=Priority.URGENT)
    member = Standing(replace(before, outage="OC-2026-0009"), THE_POST, REPLY, "MSG-1", called_elsewhere=True)
    assert CALL not in {timer.name for timer in workflow.act(wanted, member, PRACTICE, NOW).timers}
    assert workflow.climb(member, PRACTICE, NOW) == Change(member.incident, cancelled=(CALL,))


_ACTIONS = st.builds(
    Action,
    st.just("mattermost"),
    st.just("p1"),
    st.sampled_from(ACTION_KINDS),
    st.uuids().map(lambda number: f"post:{number}"),
    st.sampled_from(("amina", "otieno")),
    st.just(NOW),
    span=st.sampled_from((None, timedelta(minutes=30))),
    priority=st.sampled_from((None, *Priority)),
    text=st.text(max_size=20),
)


@given(steps=st.lists(st.one_of(_ACTIONS, st.none()), max_size=20), relays=st.booleans())
def test_whatever_engineers_do_an_incident_stays_sound(steps: list[Action | None], *, relays: bool) -> None:
    """A claim has a name, a closed incident no timer, a call is due for open ones alone, and no id is used twice."""
    practice = replace(PRACTICE, relays=relays)
    incident, timers, said = OPEN, {CALL, LAPSE}, set[str]()
    for version, step in enumerate(steps, start=2):
        standing = Standing(incident, THE_POST, REPLY, "MSG-1")
        if step is not None:
            change = workflow.act(step, standing, practice, NOW)
        elif CALL in timers:
            change = workflow.climb(standing, practice, NOW)
        else:
            continue
        ids = [delivery.id for delivery in change.deliveries]
        assert len(set(ids)) == len(ids)
        assert said.isdisjoint(ids)
        said.update(ids)
        timers = (timers - set(change.cancelled)) | {timer.name for timer in change.timers}
        incident = replace(change.incident, version=version)
        assert (incident.claimed_by is not None) or incident.status is not IncidentStatus.CLAIMED
        assert incident.is_live or not timers
        assert incident.status is IncidentStatus.OPEN or CALL not in timers
        assert all(timer.due_at > NOW for timer in change.timers)
        assert all(kind_of(delivery.body) is not DeliveryKind.ACKNOWLEDGEMENT for delivery in change.deliveries)
        assert relays or not any(isinstance(body, Relayed) for body in bodies(change))


def test_spans_in_the_audit_are_read_back() -> None:
    """As rules write them."""
    change = act(action("mute", span=timedelta(minutes=90)))
    assert durations.parse(change.audit[0].details[-1][1]) == timedelta(minutes=90)
