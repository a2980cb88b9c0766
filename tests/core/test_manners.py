"""When a client is left in peace, and which text is due."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standins.conversations import (
    FAULT,
    GREETING,
    POST,
    RECEIVED_AT,
    FixedWording,
    bodies,
    circumstances,
    kinds,
    message,
    planned,
    the_escalation,
)

from engine.core.answers import HELD_NOTE, PAUSED_NOTE, QUIET_NOTE
from engine.core.decisions import Decision
from engine.core.deliveries import Acknowledgement, DeliveryKind
from engine.core.events import Attachment, Inbound
from engine.core.manners import Manners, parse_quiet_hours
from engine.core.plan import plan
from engine.core.quotes import plain

VOICE = message("", attachments=(Attachment("voice"),))
OFFERED = FixedWording(frozenset({"late", "media"}))


@pytest.mark.parametrize(
    ("around", "note", "fact"),
    [
        pytest.param({"held": True}, HELD_NOTE, "held", id="a person answers"),
        pytest.param({"quiet": True}, QUIET_NOTE, "quiet hours", id="quiet hours"),
        pytest.param({"held": True, "quiet": True}, HELD_NOTE, "held", id="both"),
        pytest.param({"held": True, "paused": True}, PAUSED_NOTE, "paused", id="paused, too"),
    ],
)
def test_a_client_who_is_left_in_peace_is_still_escalated(around: dict[str, Any], note: str, fact: str) -> None:
    """The post says why nothing was said, and so does the audit."""
    made = planned(message(), FAULT, replace(circumstances(), **around))
    assert kinds(made) == [DeliveryKind.ESCALATION]
    assert plain(the_escalation(made).body) == f"{POST}\n{note}"
    assert dict(made.audit[0].details)["acknowledgement"] == fact


@pytest.mark.parametrize(
    ("inbound", "decision", "wording", "late_after", "expected"),
    [
        pytest.param(message(), FAULT, OFFERED, timedelta(0), "the text late.", id="late"),
        pytest.param(VOICE, FAULT, OFFERED, timedelta(0), "the text late.", id="late before all"),
        pytest.param(message(), FAULT, OFFERED, timedelta(seconds=1), "I am sorry", id="just in time"),
        pytest.param(message(), FAULT, OFFERED, None, "I am sorry", id="never late"),
        pytest.param(message(), FAULT, FixedWording(), timedelta(0), "I am sorry", id="no text for late ones"),
        pytest.param(VOICE, FAULT, OFFERED, None, "the text media.", id="a voice note"),
        pytest.param(VOICE, FAULT, FixedWording(), None, "I am sorry", id="no text for voice notes"),
        pytest.param(VOICE, GREETING, OFFERED, None, "how can we help", id="the rule has a text of its own"),
        pytest.param(
            message("look", attachments=(Attachment("image"),)), FAULT, OFFERED, None, "I am sorry", id="with words"
        ),
    ],
)
def test_the_text_fits_the_message(
    inbound: Inbound, decision: Decision, wording: FixedWording, late_after: timedelta | None, expected: str
) -> None:
    """A late message is not answered as if it had just come, and nobody claims to have heard a voice note."""
    made = plan(inbound, decision, wording, replace(circumstances(), late_after=late_after))
    (told,) = (body for body in bodies(made) if isinstance(body, Acknowledgement))
    assert expected in told.text


@pytest.mark.parametrize(
    ("written", "hour", "quiet"),
    [
        ("22:00-07:00", 21, False),
        ("22:00-07:00", 22, True),
        ("22:00-07:00", 3, True),
        ("22:00-07:00", 7, False),
        ("12:00-14:00", 11, False),
        ("12:00-14:00", 12, True),
        ("12:00-14:00", 14, False),
    ],
)
def test_quiet_hours_are_those_of_the_time_zone(written: str, hour: int, quiet: bool) -> None:  # noqa: FBT001 - a table
    """From the first moment until before the last, across midnight where need be."""
    manners = Manners(quiet_hours=parse_quiet_hours(written, "Africa/Nairobi"))
    moment = datetime(2026, 2, 12, hour, tzinfo=UTC) - timedelta(hours=3)
    assert manners.quiet_at(moment) == quiet


def test_without_quiet_hours_there_are_none() -> None:
    """The usual case."""
    assert not Manners().quiet_at(RECEIVED_AT)


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("22:00", "UTC"),
        ("22:00-22:00", "UTC"),
        ("25:00-07:00", "UTC"),
        ("22:00-07:00", "Nairobi"),
        ("22:00-07:00", "../etc"),
        ("22:00-07:00", "Africa"),
    ],
)
def test_what_is_no_stretch_of_the_day_is_refused(written: str, zone: str) -> None:
    """Nothing is guessed."""
    assert parse_quiet_hours(written, zone) is None
