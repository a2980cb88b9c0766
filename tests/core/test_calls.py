"""Whom the engineers' post of a message calls, and what is set in motion with it."""

from dataclasses import replace
from datetime import timedelta

from standins.conversations import (
    FAULT,
    GREETED,
    GREETING,
    OPEN,
    OUTAGE,
    RECEIVED_AT,
    THE_POST,
    bodies,
    circumstances,
    message,
    planned,
    the_escalation,
    the_incident,
)
from standins.rosters import LADDER, LEAD, NOC, FixedDuty

from engine.core.calls import is_call, moot
from engine.core.decisions import FollowUpPolicy, Priority
from engine.core.deliveries import Escalation, FollowUp, Page, PageAction, Revision, kind_of
from engine.core.incidents import Incident, IncidentStatus
from engine.core.ladders import OnDuty
from engine.core.plan import CALL, EPISODE, LAPSE, Timer
from engine.core.quotes import TICKET, plain

ACCEPTED_AT = RECEIVED_AT + timedelta(seconds=1)
PAGING = replace(LADDER, rungs=(replace(LADDER.rungs[0], targets=(LEAD, NOC)), *LADDER.rungs[1:]))


def test_a_new_post_names_who_is_on_call_and_starts_the_ladder() -> None:
    """The sentence of the contract stays, the people follow."""
    made = planned(message(), FAULT, replace(circumstances(), duty=FixedDuty()))
    assert the_escalation(made).body.splitlines()[-2:] == [
        "Action: @oncall please check WhatsApp and respond to the client now.",
        "On call: @alice",
    ]
    assert made.timers == (Timer(LAPSE, ACCEPTED_AT + EPISODE), Timer(CALL, ACCEPTED_AT + timedelta(minutes=5)))


def test_without_a_word_for_all_the_sentence_names_them() -> None:
    """And what is doubtful about it."""
    duty = FixedDuty(word="", duty={"primary": OnDuty(("alice", "bob"), note="from cache, 3 h old")})
    made = planned(message(), FAULT, replace(circumstances(), mention="", duty=duty))
    assert the_escalation(made).body.splitlines()[-2:] == [
        "Action: @alice @bob please check WhatsApp and respond to the client now.",
        "Note: from cache, 3 h old",
    ]


def test_a_rule_with_a_mention_of_its_own_names_nobody_else() -> None:
    """The ladder is climbed all the same when nobody answers."""
    made = planned(message(), replace(FAULT, mention="@billing"), replace(circumstances(), duty=FixedDuty()))
    assert "@alice" not in the_escalation(made).body
    assert the_escalation(made).body.endswith("Action: @billing please check WhatsApp and respond to the client now.")
    assert made.timers[-1].name == CALL


def test_a_first_rung_may_page() -> None:
    """Once, with the ticket's number once that is known; the incident remembers where an alert is."""
    duty = FixedDuty(ladders={Priority.HIGH: PAGING})
    made = planned(message(), FAULT, replace(circumstances(), duty=duty, environment="production"))
    (paged,) = (delivery for delivery in made.deliveries if isinstance(delivery.body, Page))
    assert (paged.destination, paged.lane) == ("noc", "page:noc:main:wa-254712345678")
    assert isinstance(paged.body, Page)
    assert (paged.body.key, paged.body.action) == (f"oc/production/{TICKET}", PageAction.TRIGGER)
    assert the_incident(made).paged == ("noc",)
    assert "a client waits" in plain(paged.body.summary)


def test_a_priority_without_a_ladder_calls_by_the_post_alone() -> None:
    """As before there were ladders."""
    made = planned(message(), replace(FAULT, priority=Priority.LOW), replace(circumstances(), duty=FixedDuty()))
    assert [timer.name for timer in made.timers] == [LAPSE]
    assert "On call:" not in the_escalation(made).body


def test_what_calls_for_nobody_starts_no_ladder() -> None:
    """A greeting; a further message of an open incident; a graver one of a claimed incident."""
    around = replace(circumstances(), duty=FixedDuty())
    assert [timer.name for timer in planned(message(), replace(GREETING, priority=Priority.HIGH), around).timers] == [
        LAPSE
    ]
    joined = planned(message(number=2), FAULT, replace(circumstances(OPEN, THE_POST), duty=FixedDuty()))
    assert [timer.name for timer in joined.timers] == [LAPSE]
    claimed = replace(OPEN, status=IncidentStatus.CLAIMED, claimed_by="amina")
    raised = planned(message(number=2), OUTAGE, replace(circumstances(claimed, THE_POST), duty=FixedDuty()))
    assert [timer.name for timer in raised.timers] == [LAPSE]


def test_a_raised_priority_begins_its_ladder() -> None:
    """At its first rung, with the people in the reply that notifies."""
    made = planned(message(number=2), OUTAGE, replace(circumstances(replace(OPEN, rung=3), THE_POST), duty=FixedDuty()))
    (reply,) = (body for body in bodies(made) if isinstance(body, FollowUp))
    assert reply.body.endswith("respond to the client now.\nOn call: @alice")
    assert (the_incident(made).rung, made.timers[-1]) == (0, Timer(CALL, ACCEPTED_AT + timedelta(minutes=5)))


def test_an_incident_that_engineers_learn_of_later_is_called_about_then() -> None:
    """A greeting that turns into a fault."""
    made = planned(message(number=2), FAULT, replace(circumstances(GREETED), duty=FixedDuty()))
    assert made.timers[-1] == Timer(CALL, ACCEPTED_AT + timedelta(minutes=5))


def test_a_muted_client_is_not_called_about_before_the_end() -> None:
    """The post itself is never held."""
    until = ACCEPTED_AT + timedelta(hours=2)
    made = planned(message(), FAULT, replace(circumstances(), duty=FixedDuty(), muted_until=until))
    assert made.timers[-1] == Timer(CALL, until)
    assert isinstance(the_escalation(made), Escalation)


def test_a_ladder_of_one_rung_ends_with_the_call_for_nobody() -> None:
    """Every ladder has that at its end."""
    duty = FixedDuty(ladders={Priority.HIGH: replace(LADDER, rungs=LADDER.rungs[:1], repeat=0)})
    made = planned(message(), FAULT, replace(circumstances(), duty=duty))
    assert made.timers[-1].name == CALL


def test_a_client_who_writes_again_ends_the_waiting_for_the_client() -> None:
    """The post says so, and only then is it edited."""
    replied = replace(
        OPEN, status=IncidentStatus.CLAIMED, claimed_by="amina", replied_at=OPEN.last_message_at, claimed_at=RECEIVED_AT
    )
    at = RECEIVED_AT + timedelta(minutes=3)
    around = circumstances(replied, THE_POST, accepted_at=at)
    made = planned(message(number=2, at=at), FAULT, around)
    (edited,) = (body for body in bodies(made) if isinstance(body, Revision))
    assert plain(edited.escalation.standing).startswith("claimed by amina at 10:15 UTC")
    erased = planned(message(number=2, at=at), FAULT, replace(around, post=None))
    assert [kind_of(body) for body in bodies(erased)] == ["follow_up"]


def test_what_ends_because_a_message_does_not_join_it_says_so() -> None:
    """In its own post, and to whoever was paged."""
    silent = replace(OPEN, paged=("noc",))
    late = RECEIVED_AT + timedelta(hours=5)
    made = planned(message(number=2, at=late), FAULT, circumstances(silent, THE_POST, accepted_at=late))
    edited, paged = (delivery.body for delivery in made.closing)
    assert isinstance(edited, Revision)
    assert (edited.escalation.standing, edited.escalation.ticket_id) == (
        "closed: the client has been silent",
        "OC-2026-0001",
    )
    assert isinstance(paged, Page)
    assert paged.action is PageAction.RESOLVE
    assert planned(message(), FAULT).closing == ()
    without = planned(message(number=2, at=late), FAULT, circumstances(silent, accepted_at=late))
    assert len(without.closing) == 1


def test_a_superseded_incident_says_so() -> None:
    """Its client is not silent: the rule wants an incident for each message."""
    each = replace(OPEN, follow_up=FollowUpPolicy(new=True))
    made = planned(message(number=2), FAULT, circumstances(each, THE_POST))
    (edited,) = (delivery.body for delivery in made.closing)
    assert isinstance(edited, Revision)
    assert edited.escalation.standing == "closed: a further message has opened a new incident"


def test_calls_are_told_from_other_words() -> None:
    """Reminders and pages that open an alert; the post itself, notes and what closes an alert are none."""
    page = Page(PageAction.TRIGGER, "key", "a client waits", Priority.HIGH, (), RECEIVED_AT, "OC-2026-0001")
    note = FollowUp("support", None, "alice has taken it", "OC-2026-0001")
    assert [is_call(page), is_call(replace(note, calls=True))] == [True, True]
    others = (replace(page, action=PageAction.RESOLVE), replace(page, action=PageAction.ACKNOWLEDGE), note, THE_POST)
    assert [is_call(body) for body in others] == [False] * 4


def test_a_call_is_moot_unless_the_incident_is_open() -> None:
    """Each other status has its reason, and so have a pause and an outage that engineers are called about instead."""
    reminder = FollowUp("support", None, "nobody has taken it", "OC-2026-0001", calls=True)

    def reason(incident: Incident, *, elsewhere: bool = False) -> str:
        return moot(reminder, incident, RECEIVED_AT, elsewhere=elsewhere)

    reasons = {status: reason(replace(OPEN, status=status)) for status in IncidentStatus}
    assert reasons.pop(IncidentStatus.OPEN) == ""
    of_outage, paused = reason(OPEN, elsewhere=True), replace(OPEN, snoozed_until=ACCEPTED_AT)
    assert len({*reasons.values(), of_outage, reason(paused)}) == 5
    assert "" not in {*reasons.values(), of_outage, reason(paused)}
    assert reason(replace(OPEN, snoozed_until=RECEIVED_AT)) == ""
    claimed = replace(paused, status=IncidentStatus.CLAIMED)
    assert reason(claimed, elsewhere=True) == reasons[IncidentStatus.CLAIMED]


def test_word_that_somebody_has_it_is_moot_where_nobody_has() -> None:
    """It would silence the alert; that an alert is closed is never moot, and neither is a note."""
    claimed = Page(PageAction.ACKNOWLEDGE, "key", "a client waits", Priority.HIGH, (), RECEIVED_AT, "OC-2026-0001")
    incidents = [replace(OPEN, status=status) for status in IncidentStatus]
    reasons = {one.status: moot(claimed, one, RECEIVED_AT, elsewhere=False) for one in incidents}
    assert reasons.pop(IncidentStatus.OPEN)
    assert set(reasons.values()) == {""}
    note = FollowUp("support", None, "alice has taken it", "OC-2026-0001")
    others = (replace(claimed, action=PageAction.RESOLVE), note, THE_POST)
    assert {moot(body, one, RECEIVED_AT, elsewhere=True) for body in others for one in incidents} == {""}
