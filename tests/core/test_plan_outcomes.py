"""The plan: copies to further channels, whom a rule calls, and what it says about further messages."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from standins.conversations import (
    FAULT,
    GREETED,
    OPEN,
    OUTAGE,
    PHONE,
    RECEIVED_AT,
    SEED_TEXT,
    THANKS,
    THE_POST,
    FixedWording,
    bodies,
    circumstances,
    kinds,
    message,
    planned,
    the_escalation,
    the_incident,
)

from engine.core.answers import PAUSED_NOTE
from engine.core.decisions import FollowUpPolicy, Priority
from engine.core.deliveries import Acknowledgement, Copy, DeliveryKind, Escalation, FollowUp, NewDelivery
from engine.core.events import Event
from engine.core.plan import EPISODE, Timer, is_follow_up, message_key, plan
from engine.core.quotes import TICKET, quote

COPIED = replace(FAULT, also=(("management", None), ("noc", "network")))
HOUR = timedelta(hours=1)


def test_a_copy_says_what_the_post_says_and_where_the_post_is() -> None:
    """The whole copy: a delivery of its own, in a lane of its own, with an id that names the channel."""
    inbound = message()
    body = (
        f"Copy of {TICKET} in ~dev-support-escalations (team support)\n"
        f"Client: {quote('Jackson')} ({quote(PHONE)})\n"
        "Issue Summary: 3CX outbound calls failing\n"
        f'Original Message: "{quote(SEED_TEXT)}"\n'
        "Action: @oncall please check WhatsApp and respond to the client now."
    )
    copy = Copy(Escalation("noc", "network", "New WhatsApp Client Request", body, COPIED.tags, Priority.HIGH, TICKET))
    made = planned(inbound, COPIED)
    assert kinds(made) == [
        DeliveryKind.ACKNOWLEDGEMENT,
        DeliveryKind.ESCALATION,
        DeliveryKind.COPY,
        DeliveryKind.COPY,
    ]
    assert made.deliveries[-1] == NewDelivery(
        f"{message_key(inbound)}-copy-noc",
        "copy:noc:main:wa-254712345678",
        "mattermost",
        copy,
        RECEIVED_AT + timedelta(seconds=1),
    )


@pytest.mark.parametrize(
    ("also", "channels"),
    [
        pytest.param((("dev-support-escalations", "support"), ("noc", None)), ["noc"], id="the channel of the post"),
        pytest.param((("noc", None), ("noc", None)), ["noc"], id="named twice"),
        pytest.param((("dev-support-escalations", "support"),), [], id="only the channel of the post"),
        pytest.param((), [], id="none"),
    ],
)
def test_each_further_channel_gets_one_copy(also: tuple[tuple[str, str | None], ...], channels: list[str]) -> None:
    """The channel that has the post gets no copy of it, and no channel gets two."""
    made = planned(message(), replace(FAULT, also=also))
    assert [body.escalation.channel for body in bodies(made) if isinstance(body, Copy)] == channels


def test_a_copy_in_the_same_team_names_no_team() -> None:
    """Where the reader can open the channel by its name, its name is enough."""
    made = planned(message(), replace(FAULT, also=(("noc", "support"),)))
    assert str(bodies(made)[-1]).count("Copy of \ufdd2 in ~dev-support-escalations\\n") <= 1
    (copy,) = [body for body in bodies(made) if isinstance(body, Copy)]
    assert copy.escalation.body.startswith(f"Copy of {TICKET} in ~dev-support-escalations\n")


def test_a_copy_bears_no_word_to_those_who_answer() -> None:
    """That somebody has to answer by hand stands in the post, whose readers do it."""
    made = planned(message(), COPIED, circumstances(paused=True))
    assert the_escalation(made).body.endswith(PAUSED_NOTE)
    assert all(PAUSED_NOTE not in body.escalation.body for body in bodies(made) if isinstance(body, Copy))


def test_in_development_no_copies_leave() -> None:
    """With the channel override one request is one post."""
    assert kinds(planned(message(), COPIED, circumstances(channel_override="dev"))) == [
        DeliveryKind.ACKNOWLEDGEMENT,
        DeliveryKind.ESCALATION,
    ]


def test_further_messages_are_not_copied() -> None:
    """They join the thread of the post, where who wants to read on finds them."""
    made = planned(message(number=2), COPIED, circumstances(OPEN, THE_POST))
    assert kinds(made) == [DeliveryKind.FOLLOW_UP]


def test_a_rule_that_raises_the_priority_sends_its_copies() -> None:
    """Whoever wants to hear of outages hears of one that follows a smaller complaint, under the same ticket."""
    outage = replace(OUTAGE, also=(("management", None),))
    made = planned(message("All is down", number=2), outage, circumstances(OPEN, THE_POST))
    assert kinds(made) == [DeliveryKind.REVISION, DeliveryKind.FOLLOW_UP, DeliveryKind.COPY]
    copy = bodies(made)[-1]
    assert isinstance(copy, Copy)
    assert copy.escalation.ticket_id == OPEN.ticket_id
    assert copy.escalation.priority is Priority.URGENT
    assert copy.escalation.body.startswith("Copy of OC-2026-0001 in ~dev-support-escalations (team support)\n")
    assert "Everything is down" in copy.escalation.body


def test_what_calls_no_engineer_is_copied_to_none() -> None:
    """Without a post there is nothing to copy, even where a rule raises the priority of a greeting."""
    quiet = replace(COPIED, escalate=False)
    assert kinds(planned(message(), quiet)) == [DeliveryKind.ACKNOWLEDGEMENT]
    assert kinds(planned(message(number=2), quiet, circumstances(GREETED))) == []


def test_a_fault_after_a_greeting_is_copied_with_its_post() -> None:
    """The first post of an incident is copied, whichever message brings it."""
    made = planned(message(number=2), COPIED, circumstances(GREETED))
    assert kinds(made) == [DeliveryKind.ESCALATION, DeliveryKind.COPY, DeliveryKind.COPY]


def test_a_rule_may_call_somebody_else_than_the_engineer_on_call() -> None:
    """Its mention stands in the post and in the word about a raised priority, instead of the on-call one."""
    made = planned(message(), replace(FAULT, mention="@network-team"))
    assert the_escalation(made).body.endswith(
        "Action: @network-team please check WhatsApp and respond to the client now."
    )
    raised = planned(message(number=2), replace(OUTAGE, mention="@noc @boss"), circumstances(OPEN, THE_POST))
    (reply,) = [body for body in bodies(raised) if isinstance(body, FollowUp)]
    assert "\nAction: @noc @boss please check" in reply.body
    assert "@oncall" not in reply.body


def test_an_incident_keeps_what_its_rule_said_about_further_messages() -> None:
    """The decision that opens it counts; what a later decision says, after a reload for example, changes nothing."""
    policy = FollowUpPolicy(within=HOUR, ack_again_after=2 * HOUR)
    opened = planned(message(), replace(FAULT, follow_up=policy))
    assert the_incident(opened).follow_up == policy
    assert opened.timers == (Timer("lapse", RECEIVED_AT + timedelta(seconds=1) + HOUR),)
    before = replace(OPEN, follow_up=policy)
    later = replace(FAULT, follow_up=FollowUpPolicy(within=9 * HOUR, new=True))
    joined = planned(message(number=2), later, circumstances(before, THE_POST))
    assert the_incident(joined).follow_up == policy
    assert joined.timers == (Timer("lapse", RECEIVED_AT + timedelta(seconds=1) + HOUR),)


@pytest.mark.parametrize("within", [timedelta(minutes=30), 2 * EPISODE], ids=["shorter", "longer"])
@pytest.mark.parametrize("late", [False, True], ids=["in time", "too late"])
def test_an_incident_takes_messages_for_as_long_as_its_rule_says(within: timedelta, late: bool) -> None:  # noqa: FBT001
    """The fixed length of an episode is only for rules that say nothing."""
    before = replace(OPEN, follow_up=FollowUpPolicy(within=within))
    at = RECEIVED_AT + within + timedelta(microseconds=late)
    again = message(number=2, at=at)
    made = planned(again, FAULT, circumstances(before, THE_POST, accepted_at=at))
    assert is_follow_up(before, again, at) is not late
    assert made.lapsed == (OPEN.ticket_id if late else None)
    assert not made.superseded


def test_a_rule_may_want_a_new_incident_for_each_message() -> None:
    """The earlier incident ends, so that exactly one takes messages; the new one is acknowledged and posted."""
    before = replace(OPEN, follow_up=FollowUpPolicy(new=True))
    made = planned(message(number=2), FAULT, circumstances(before, THE_POST))
    assert is_follow_up(before, message(number=2), RECEIVED_AT)
    assert (made.lapsed, made.superseded, made.expected_version) == (OPEN.ticket_id, True, OPEN.version)
    assert kinds(made) == [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.ESCALATION]
    assert the_incident(made).ticket_id == TICKET


def test_thanks_open_no_incident_of_their_own() -> None:
    """A message that calls for nothing joins the thread of what is open, so that it is read."""
    before = replace(OPEN, follow_up=FollowUpPolicy(new=True))
    made = planned(message("Thanks!", number=2), THANKS, circumstances(before, THE_POST))
    assert (made.lapsed, made.superseded) == (None, False)
    assert kinds(made) == [DeliveryKind.FOLLOW_UP]


@pytest.mark.parametrize(
    ("silence", "again"),
    [
        pytest.param(HOUR, False, id="just as old"),
        pytest.param(HOUR + timedelta(microseconds=1), True, id="older"),
        pytest.param(-HOUR, False, id="an older message that comes late"),
    ],
)
def test_a_long_incident_may_acknowledge_again(silence: timedelta, again: bool) -> None:  # noqa: FBT001 - a table
    """Once the last acknowledgement is older than the rule says, and the incident remembers the new one."""
    before = replace(OPEN, follow_up=FollowUpPolicy(ack_again_after=HOUR))
    at = RECEIVED_AT + silence
    made = planned(message(number=2, at=at), FAULT, circumstances(before, THE_POST, accepted_at=RECEIVED_AT + 3 * HOUR))
    assert (DeliveryKind.ACKNOWLEDGEMENT in kinds(made)) is again
    assert the_incident(made).acknowledged_at == (at if again else RECEIVED_AT)


def test_an_incident_of_an_older_journal_is_not_acknowledged_again() -> None:
    """When the last acknowledgement was is not known then, and one too many is worse than one too few."""
    before = replace(OPEN, acknowledged_at=None, follow_up=FollowUpPolicy(ack_again_after=HOUR))
    at = RECEIVED_AT + 3 * HOUR
    made = planned(message(number=2, at=at), FAULT, circumstances(before, THE_POST, accepted_at=at))
    assert kinds(made) == [DeliveryKind.FOLLOW_UP]


def test_the_acknowledgement_is_worded_in_the_clients_language() -> None:
    """The wording chooses a variant and is asked for it, or for the template itself where it chose none; the
    acknowledgement remembers which.
    """

    @dataclass(frozen=True)
    class NamingWording(FixedWording):
        chosen: str | None = None

        def language(self, event: Event, template: str) -> str | None:
            return self.chosen

        def acknowledgement(self, template: str, variables: object) -> str:
            del variables
            return template

    for language, name in (("sw", "default.sw"), (None, "default")):
        made = plan(message(), FAULT, NamingWording(chosen=language), circumstances())
        (said,) = [body for body in bodies(made) if isinstance(body, Acknowledgement)]
        assert (said.text, said.language) == (name, language)
