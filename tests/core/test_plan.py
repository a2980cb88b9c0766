"""The plan: what follows from one decided message, and the whole policy of an episode."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standins.conversations import (
    FAULT,
    GREETED,
    GREETING,
    OPEN,
    OUTAGE,
    PHONE,
    POST,
    RECEIVED_AT,
    REPLY,
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

from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    DeliveryKind,
    Escalation,
    FollowUp,
    NewDelivery,
    Revision,
)
from engine.core.events import Attachment
from engine.core.plan import EPISODE, AuditEntry, Plan, Timer, delivery_id, is_follow_up, message_key, plan
from engine.core.quotes import TICKET, plain, quote

ACCEPTED_AT = RECEIVED_AT + timedelta(seconds=1)
ACKNOWLEDGEMENT = (
    "Hello Jackson, I am sorry for what you are facing at the moment. Please note that we have received your request, "
    "and one of our engineers will get back to you shortly."
)


# How an incident that nobody has taken stands, in its post.
STANDS = "open · :eyes: take it, :white_check_mark: resolve it"
OFFERS = ("claim", "resolve", "snooze")


def test_the_first_message_opens_an_incident_with_one_acknowledgement_and_one_post() -> None:
    """The whole plan of the contract's example, field by field."""
    inbound = message()
    acknowledgement = Acknowledgement(
        REPLY.peer,
        ACKNOWLEDGEMENT,
        "MSG-1",
        "dev-support-escalations",
        "support",
        client_name="Jackson",
        written_at=RECEIVED_AT,
    )
    body = (
        f"Client: {quote('Jackson')} ({quote(PHONE)})\n"
        "Issue Summary: 3CX outbound calls failing\n"
        f'Original Message: "{quote(SEED_TEXT)}"\n'
        "Action: @oncall please check WhatsApp and respond to the client now."
    )
    escalation = Escalation(
        "dev-support-escalations",
        "support",
        "New WhatsApp Client Request",
        body,
        ("whatsapp", "client-support", "3cx"),
        Priority.HIGH,
        TICKET,
        STANDS,
        OFFERS,
    )
    assert planned(inbound, FAULT) == Plan(
        incident=replace(OPEN, ticket_id=TICKET, version=0),
        expected_version=0,
        lapsed=None,
        deliveries=(
            NewDelivery(
                delivery_id(message_key(inbound), acknowledgement),
                "acknowledge:main:wa-254712345678",
                "main",
                acknowledgement,
                ACCEPTED_AT,
            ),
            NewDelivery(
                delivery_id(message_key(inbound), escalation),
                "escalate:main:wa-254712345678",
                "mattermost",
                escalation,
                ACCEPTED_AT,
            ),
        ),
        timers=(Timer("lapse", ACCEPTED_AT + EPISODE),),
        audit=(
            AuditEntry(
                "decided",
                (
                    ("rule", "voip-outbound"),
                    ("location", "rules/10-telephony.yaml:3"),
                    ("priority", "high"),
                    ("channel", "dev-support-escalations"),
                    ("ruleset", "3f2a91c0de"),
                ),
            ),
        ),
    )


def test_the_acknowledgement_is_plain_and_the_post_keeps_the_marks() -> None:
    """A client reads no internal marks; the connector to the engineers gets them to fence the client's words."""
    acknowledgement, escalation = bodies(planned(message(name="Jack\ufdd0son"), FAULT))
    assert isinstance(acknowledgement, Acknowledgement)
    assert acknowledgement.text == ACKNOWLEDGEMENT
    assert isinstance(escalation, Escalation)
    assert escalation.body != plain(escalation.body) == POST


@pytest.mark.parametrize(
    ("name", "phone", "greeting", "client", "shown"),
    [
        pytest.param(
            "Jackson", None, "Hello Jackson,", "Client: Jackson (number hidden)", "Jackson", id="hidden phone"
        ),
        pytest.param(None, PHONE, "Hello,", f"Client: Client ({PHONE})", PHONE, id="nameless"),
        pytest.param(None, None, "Hello,", "Client: Client (number hidden)", "Client", id="neither"),
        pytest.param(" \u3164\u200b", PHONE, "Hello,", f"Client: Client ({PHONE})", PHONE, id="invisible name"),
        pytest.param("J\n@all", "\x00", "Hello J @all,", "Client: J @all (number hidden)", "J @all", id="hostile"),
    ],
)
def test_a_client_without_name_or_number_is_still_answered(
    name: str | None, phone: str | None, greeting: str, client: str, shown: str
) -> None:
    """The acknowledgement greets without a name, the incident falls back to the phone, then to "Client"."""
    made = planned(message(name=name, phone=phone), FAULT)
    acknowledgement, escalation = bodies(made)
    assert isinstance(acknowledgement, Acknowledgement)
    assert acknowledgement.text == ACKNOWLEDGEMENT.replace("Hello Jackson,", greeting)
    assert isinstance(escalation, Escalation)
    assert plain(escalation.body).splitlines()[0] == client
    assert the_incident(made).display_name == shown


def test_a_second_message_joins_the_thread_without_a_second_acknowledgement() -> None:
    """While the incident is open the engineers read on in one thread, and the client is not greeted again."""
    later = message("Still nothing", number=2, at=RECEIVED_AT + timedelta(minutes=3))
    accepted_at = later.event.received_at + timedelta(seconds=2)
    made = planned(later, FAULT, circumstances(OPEN, THE_POST, accepted_at=accepted_at))
    body = FollowUp(
        "dev-support-escalations", "support", f'The client wrote again: "{quote("Still nothing")}"', "OC-2026-0001"
    )
    assert made.deliveries == (
        NewDelivery(
            delivery_id(message_key(later), body), "escalate:main:wa-254712345678", "mattermost", body, accepted_at
        ),
    )
    assert made.incident == replace(OPEN, last_message_at=later.event.received_at)
    assert (made.expected_version, made.lapsed) == (1, None)
    assert made.timers == (Timer("lapse", accepted_at + EPISODE),)


def test_a_second_message_completes_who_the_client_is_and_adds_its_tags() -> None:
    """What an earlier message lacked is filled in; what it said stays."""
    nameless = replace(OPEN, client_name=None, client_phone=None)
    made = planned(message(number=2), replace(FAULT, tags=("whatsapp", "trunk")), circumstances(nameless, THE_POST))
    assert the_incident(made).client_name == "Jackson"
    assert the_incident(made).client_phone == PHONE
    assert the_incident(made).tags == ("whatsapp", "client-support", "3cx", "trunk")
    renamed = planned(message(number=2, name="Jack", phone="+1"), FAULT, circumstances(OPEN, THE_POST))
    assert (the_incident(renamed).client_name, the_incident(renamed).client_phone) == ("Jackson", PHONE)


@pytest.mark.parametrize(
    ("raised", "said"),
    [(False, ""), (True, "\nUpdate: 3CX outbound calls failing (priority raised from low to high)")],
    ids=["alone", "with a graver problem"],
)
def test_a_number_that_becomes_known_is_added_to_the_post(*, raised: bool, said: str) -> None:
    """Engineers who were told that the number is hidden see it in the post, and the thread has the message."""
    hidden = replace(OPEN, client_phone=None, priority=Priority.LOW if raised else OPEN.priority)
    made = planned(message(number=2), FAULT, circumstances(hidden, THE_POST))
    revision, reply = [one.body for one in made.deliveries if not isinstance(one.body, Acknowledgement)]
    assert isinstance(revision, Revision)
    assert revision.escalation.body == f"{THE_POST.body}\nUpdate: the client's number is {quote(PHONE)}{said}"
    assert isinstance(reply, FollowUp)
    unposted = planned(message(number=2), FAULT, circumstances(hidden))
    assert [type(one.body) for one in unposted.deliveries] == [FollowUp]


def test_a_raised_priority_edits_the_post_and_notifies_again() -> None:
    """An edit notifies nobody, so a reply with the mention follows; the incident is about the graver problem now."""
    outage = replace(OUTAGE, summary=f"{quote('All')} is down", ruleset_sha="beef")
    made = planned(message("Now all is down", number=2), outage, circumstances(OPEN, THE_POST))
    tags = ("whatsapp", "client-support", "3cx", "outage")
    body = f"{POST}\nUpdate: {quote('All')} is down (priority raised from high to urgent)"
    reply = (
        f'The client wrote again: "{quote("Now all is down")}"\n'
        f"Issue Summary: {quote('All')} is down\n"
        "Priority: raised from high to urgent\n"
        "Action: @oncall please check WhatsApp and respond to the client now."
    )
    assert bodies(made) == [
        Revision(replace(THE_POST, body=body, priority=Priority.URGENT, tags=tags, standing=STANDS, offers=OFFERS)),
        FollowUp("dev-support-escalations", "support", reply, "OC-2026-0001"),
    ]
    assert the_incident(made) == replace(
        OPEN,
        priority=Priority.URGENT,
        tags=tags,
        issue_summary="All is down",
        rule_id="outage",
        ruleset_sha="beef",
    )


def test_a_raised_priority_notifies_even_when_the_post_cannot_be_edited() -> None:
    """After its text was erased the post stays as it is, and the thread tells the news."""
    made = planned(message(number=2), OUTAGE, circumstances(OPEN, None))
    assert kinds(made) == [DeliveryKind.FOLLOW_UP]
    assert "raised from high to urgent" in str(bodies(made)[0])


def test_a_lower_priority_changes_nothing_but_the_thread() -> None:
    """A priority is only ever raised."""
    made = planned(message("hello?", number=2), GREETING, circumstances(OPEN, THE_POST))
    assert kinds(made) == [DeliveryKind.FOLLOW_UP]
    assert the_incident(made).priority is Priority.HIGH
    assert the_incident(made).issue_summary == "3CX outbound calls failing"


def test_a_greeting_is_answered_without_a_post() -> None:
    """A rule that does not escalate still opens the episode, so that the greeting is answered once."""
    made = planned(message("Hello"), GREETING)
    assert bodies(made) == [
        Acknowledgement(
            REPLY.peer,
            "Hello Jackson, how can we help you?",
            "MSG-1",
            "support-triage",
            None,
            client_name="Jackson",
            written_at=RECEIVED_AT,
        )
    ]
    assert the_incident(made) == replace(GREETED, ticket_id=TICKET, version=0)


def test_a_fault_after_a_greeting_is_posted_without_a_second_acknowledgement() -> None:
    """The post says what this message decided: its summary, channel and team, under the ticket of the greeting."""
    decision = replace(FAULT, summary=f"{quote('3CX')} is down", ruleset_sha="beef", rule="voip")
    made = planned(message(number=2), decision, circumstances(GREETED))
    assert kinds(made) == [DeliveryKind.ESCALATION]
    escalation = the_escalation(made)
    assert (escalation.channel, escalation.team, escalation.ticket_id) == (
        "dev-support-escalations",
        "support",
        "OC-2026-0001",
    )
    assert escalation.tags == ("whatsapp", "greeting", "client-support", "3cx")
    assert escalation.priority is Priority.HIGH
    assert the_incident(made) == replace(
        OPEN,
        issue_summary="3CX is down",
        tags=("whatsapp", "greeting", "client-support", "3cx"),
        rule_id="voip",
        ruleset_sha="beef",
    )


def test_a_template_that_names_the_ticket_of_an_open_incident_gets_its_number() -> None:
    """Only an incident that is still to be numbered leaves the mark in its texts."""

    class TicketWording(FixedWording):
        def escalation(self, variables: object) -> tuple[str, str]:
            del variables
            return f"{TICKET}", f"see {TICKET}"

    opening = plan(message(), FAULT, TicketWording(), circumstances())
    joining = plan(message(number=2), FAULT, TicketWording(), circumstances(GREETED))
    assert (the_escalation(opening).title, the_escalation(opening).body) == (TICKET, f"see {TICKET}")
    assert (the_escalation(joining).title, the_escalation(joining).body) == ("OC-2026-0001", "see OC-2026-0001")


def test_two_greetings_are_one_acknowledgement() -> None:
    """Saying hello twice is answered once, and nobody is called."""
    made = planned(message("Hello?", number=2), GREETING, circumstances(GREETED))
    assert made.deliveries == ()
    assert the_incident(made) == GREETED


def test_thanks_without_an_open_incident_call_for_nothing() -> None:
    """No incident, no ticket, no word; the decision is still on record."""
    made = planned(message("Thanks!"), THANKS)
    assert (made.incident, made.expected_version, made.lapsed, made.deliveries, made.timers) == (None, 0, None, (), ())
    assert [entry.kind for entry in made.audit] == ["decided"]


def test_thanks_in_an_open_incident_reach_its_thread() -> None:
    """The engineers learn that the client is content; the client gets no answer to a thank-you."""
    made = planned(message("Thanks!", number=2), THANKS, circumstances(OPEN, THE_POST))
    assert [plain(body.body) for body in bodies(made) if isinstance(body, FollowUp)] == [
        'The client wrote again: "Thanks!"'
    ]
    assert len(made.deliveries) == 1


def test_an_attachment_without_text_is_named_in_the_thread() -> None:
    """A photo is news too; its kind comes from outside and is quoted as the client's."""
    sent = message("", number=2, attachments=(Attachment("image"), Attachment("image"), Attachment("@all")))
    (body,) = bodies(planned(sent, FAULT, circumstances(OPEN, THE_POST)))
    assert isinstance(body, FollowUp)
    assert body.body == f"The client sent: {quote('image')}; {quote('image')}; {quote('@all')}"
    (body,) = bodies(
        planned(
            message("look", number=2, attachments=sent.event.message.attachments), FAULT, circumstances(OPEN, THE_POST)
        )
    )
    assert isinstance(body, FollowUp)
    assert plain(body.body) == 'The client wrote again: "look" (with image; image; @all)'


@pytest.mark.parametrize(
    ("silence", "ended"),
    [
        pytest.param(EPISODE - timedelta(microseconds=1), False, id="just before"),
        pytest.param(EPISODE, False, id="exactly at the boundary"),
        pytest.param(EPISODE + timedelta(microseconds=1), True, id="just after"),
    ],
)
def test_an_episode_ends_after_four_silent_hours(silence: timedelta, ended: bool) -> None:  # noqa: FBT001 - a table
    """The boundary itself still belongs to the episode; one microsecond later a new incident is opened."""
    at = OPEN.last_message_at + silence
    made = planned(message(number=2, at=at), FAULT, circumstances(OPEN, THE_POST, accepted_at=at))
    assert is_follow_up(OPEN, message(number=2, at=at), at) is not ended
    assert made.expected_version == OPEN.version
    assert made.lapsed == (OPEN.ticket_id if ended else None)
    assert the_incident(made).ticket_id == (TICKET if ended else OPEN.ticket_id)
    assert kinds(made) == (
        [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.ESCALATION] if ended else [DeliveryKind.FOLLOW_UP]
    )


def test_a_first_message_is_no_follow_up() -> None:
    """Without an open incident there is nothing to follow."""
    assert not is_follow_up(None, message(), ACCEPTED_AT)


def test_thanks_after_the_episode_only_close_it() -> None:
    """The silent incident lapses although the late message calls for nothing."""
    at = OPEN.last_message_at + EPISODE + timedelta(seconds=1)
    made = planned(message("Thanks!", number=2, at=at), THANKS, circumstances(OPEN, THE_POST, accepted_at=at))
    assert (made.incident, made.expected_version, made.lapsed, made.deliveries) == (None, 1, "OC-2026-0001", ())


def test_a_message_that_arrives_late_never_turns_the_episode_back() -> None:
    """Networks deliver out of order: an older message joins and leaves the incident's times alone."""
    late = message(number=2, at=RECEIVED_AT - timedelta(days=2))
    made = planned(late, FAULT, circumstances(OPEN, THE_POST, accepted_at=ACCEPTED_AT + timedelta(hours=1)))
    assert kinds(made) == [DeliveryKind.FOLLOW_UP]
    assert the_incident(made) == OPEN
    assert made.timers == (Timer("lapse", ACCEPTED_AT + timedelta(hours=1) + EPISODE),)


def test_what_a_network_kept_for_hours_does_not_lapse_at_once() -> None:
    """After an outage the timer counts from the acceptance, so that the backlog's next message finds its incident."""
    accepted_at = RECEIVED_AT + timedelta(hours=9)
    made = planned(message(), FAULT, circumstances(accepted_at=accepted_at))
    assert made.timers == (Timer("lapse", accepted_at + EPISODE),)


@pytest.mark.parametrize(
    "at", [RECEIVED_AT + timedelta(days=400), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)], ids=["far", "the last"]
)
def test_a_network_whose_clock_runs_ahead_cannot_keep_an_incident_open(at: datetime) -> None:
    """Received later than accepted is impossible: the acceptance counts, and the incident lapses as any other."""
    made = planned(message(at=at), FAULT)
    assert the_incident(made).created_at == the_incident(made).last_message_at == ACCEPTED_AT
    assert made.timers == (Timer("lapse", ACCEPTED_AT + EPISODE),)


def test_a_clock_that_was_set_back_does_not_shorten_the_episode() -> None:
    """The timer counts from the newest message when the acceptance seems older."""
    made = planned(message(number=2), FAULT, circumstances(OPEN, accepted_at=RECEIVED_AT - timedelta(hours=1)))
    assert made.timers == (Timer("lapse", RECEIVED_AT + EPISODE),)


def test_the_channel_override_catches_every_post() -> None:
    """In development nothing reaches the rules' channels; the override is a channel of engine.yaml's own team."""
    override = "dev-support-escalations"
    opening = planned(message(), OUTAGE, circumstances(channel_override=override))
    acknowledgement, escalation = bodies(opening)
    assert isinstance(acknowledgement, Acknowledgement)
    assert isinstance(escalation, Escalation)
    assert (acknowledgement.channel, acknowledgement.team) == (override, None)
    assert (escalation.channel, escalation.team) == (override, None)
    assert (the_incident(opening).mattermost_channel, the_incident(opening).mattermost_team) == (override, None)
    joining = planned(message(number=2), OUTAGE, circumstances(GREETED, channel_override=override))
    assert (the_escalation(joining).channel, the_escalation(joining).team) == (override, None)
    assert (the_incident(joining).mattermost_channel, the_incident(joining).mattermost_team) == (override, None)


def test_a_failed_evaluation_is_on_record() -> None:
    """The default escalation stands in, and the audit says what failed."""
    made = planned(message(), replace(FAULT, error="TypeError"))
    assert dict(made.audit[0].details)["error"] == "TypeError"


def test_an_audit_entry_holds_nothing_of_the_client() -> None:
    """Ids and facts only: neither name, number, nor text."""
    secret = replace(FAULT, summary=quote("my PIN is 4321"), captures=(("code", "4321"),))
    written = repr(planned(message("my PIN is 4321", name="Jackson"), secret, circumstances(paused=True)).audit)
    assert not [word for word in ("Jackson", "254712", "4321", "PIN") if word in written]


def test_the_same_message_is_planned_twice_alike() -> None:
    """Planning again after a crash gives equal plans with equal ids, so that nothing can be said twice."""
    around = circumstances(OPEN, THE_POST)
    assert planned(message(number=2), OUTAGE, around) == planned(message(number=2), OUTAGE, around)


def test_delivery_ids_tell_message_conversation_connector_and_kind_apart() -> None:
    """Every part of the identity changes the id, and no part can run into the next."""
    inbound = message()
    acknowledgement, escalation = bodies(planned(inbound, FAULT))
    ids = {delivery_id(message_key(inbound), acknowledgement), delivery_id(message_key(inbound), escalation)}
    for connector, conversation, number in (
        ("other", "wa", "1"),
        ("main", "wa", "1"),
        ("main", "wa", "2"),
        ("main", "wa\0x", "1"),
        ("main", "wa", "x\0001"),
        ("main", 'wa", "x', "1"),
        ("main", "wa\ud800", "1"),
    ):
        event = replace(inbound.event, conversation_id=conversation, message=replace(inbound.event.message, id=number))
        ids.add(delivery_id(message_key(replace(inbound, connector=connector, event=event)), acknowledgement))
    assert len(ids) == 9
    assert delivery_id(message_key(inbound), acknowledgement) == "8e728693144667d20288ee3057ccd804-acknowledgement"
