"""The plan where a client cannot be acknowledged: the kill switch, and networks without a way back."""

from dataclasses import replace

import pytest
from standins.conversations import (
    FAULT,
    GREETING,
    OPEN,
    OUTAGE,
    POST,
    THE_POST,
    bodies,
    circumstances,
    kinds,
    message,
    planned,
    the_escalation,
    the_incident,
)

from engine.core.deliveries import DeliveryKind, FollowUp
from engine.core.events import Inbound
from engine.core.quotes import plain

PAUSED = "Note: acknowledgement is paused: answer by hand."
NO_WAY_BACK = "Note: no acknowledgement could be sent on this way in: answer by hand."
OBSTACLES = pytest.mark.parametrize(
    ("inbound", "paused", "note", "fact"),
    [
        pytest.param(message(number=2), True, PAUSED, "paused", id="paused"),
        pytest.param(message(number=2, reply=None), False, NO_WAY_BACK, "no way back", id="no way back"),
        pytest.param(message(number=2, reply=None), True, PAUSED, "paused", id="both"),
    ],
)


@OBSTACLES
def test_a_post_says_when_the_client_was_not_acknowledged(inbound: Inbound, paused: bool, note: str, fact: str) -> None:  # noqa: FBT001 - a table
    """The post goes on with a note, nothing goes to the client, and the audit says why."""
    made = planned(inbound, FAULT, circumstances(paused=paused))
    assert kinds(made) == [DeliveryKind.ESCALATION]
    assert plain(the_escalation(made).body) == f"{POST}\n{note}"
    assert the_incident(made).acknowledged
    assert dict(made.audit[0].details)["acknowledgement"] == fact


@OBSTACLES
def test_a_thread_says_when_the_client_was_not_acknowledged(
    inbound: Inbound,
    paused: bool,  # noqa: FBT001 - a table
    note: str,
    fact: str,
) -> None:
    """An acknowledgement that falls due after the post is missed in the thread, whether it notifies or not."""
    quiet = replace(OPEN, acknowledged=False)
    for decision in (FAULT, OUTAGE):
        made = planned(inbound, decision, circumstances(quiet, paused=paused))
        (body,) = bodies(made)
        assert isinstance(body, FollowUp)
        assert body.body.endswith(f"\n{note}")
        assert the_incident(made).acknowledged
        assert dict(made.audit[0].details)["acknowledgement"] == fact


def test_nobody_is_acknowledged_after_the_engineers_were_asked_to_answer_by_hand() -> None:
    """Later messages of a paused episode stay in the thread, also when the pause is over."""
    incident = replace(the_incident(planned(message(), FAULT, circumstances(paused=True))), ticket_id="OC-2026-0001")
    for paused in (True, False):
        made = planned(message("Hello?", number=2), FAULT, circumstances(incident, paused=paused))
        assert [plain(body.body) for body in bodies(made) if isinstance(body, FollowUp)] == [
            'The client wrote again: "Hello?"'
        ]
        assert len(made.deliveries) == 1
        assert "acknowledgement" not in dict(made.audit[0].details)


@OBSTACLES
def test_a_greeting_that_nobody_could_answer_stays_owed(inbound: Inbound, paused: bool, note: str, fact: str) -> None:  # noqa: FBT001 - a table
    """Without a post there is no place for the note, so the next message is acknowledged or carries it."""
    greeted = planned(inbound, GREETING, circumstances(paused=paused))
    assert greeted.deliveries == ()
    assert dict(greeted.audit[0].details)["acknowledgement"] == fact
    assert not the_incident(greeted).acknowledged
    incident = replace(the_incident(greeted), ticket_id="OC-2026-0001", version=1)
    resumed = planned(message(number=3), FAULT, circumstances(incident))
    assert kinds(resumed) == [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.ESCALATION]
    still = planned(replace(inbound, event=message(number=3).event), FAULT, circumstances(incident, paused=paused))
    assert kinds(still) == [DeliveryKind.ESCALATION]
    assert plain(the_escalation(still).body) == f"{POST}\n{note}"


def test_a_rule_without_acknowledgement_posts_without_a_note() -> None:
    """Where the rules want no acknowledgement, none is missing, whatever the kill switch says."""
    silent = replace(FAULT, ack=None)
    made = planned(message(reply=None), silent, circumstances(paused=True))
    assert plain(the_escalation(made).body) == POST
    assert not the_incident(made).acknowledged
    assert "acknowledgement" not in dict(made.audit[0].details)


def test_an_acknowledgement_that_falls_due_later_in_the_episode_is_sent_once() -> None:
    """The first rule wanted none, the second does: the client gets it beside the thread's reply."""
    quiet = replace(OPEN, acknowledged=False)
    made = planned(message(number=2), FAULT, circumstances(quiet, THE_POST))
    assert kinds(made) == [DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.FOLLOW_UP]
    assert the_incident(made).acknowledged
