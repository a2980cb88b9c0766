"""What follows from what happens in a conversation besides the client's messages."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.conversations import OPEN, RECEIVED_AT

from engine.core.deliveries import FollowUp
from engine.core.events import Signal
from engine.core.incidents import Incident, IncidentStatus
from engine.core.quotes import plain
from engine.core.signals import Consequence, consequence

HOLD = timedelta(hours=2)
LATER = RECEIVED_AT + timedelta(minutes=5)
REPLY = Signal("main", "wa-254712345678", "human_reply", "own-1", LATER)


def follows(signal: Signal = REPLY, incident: Incident | None = OPEN, after: timedelta = timedelta(0)) -> Consequence:
    return consequence(signal, incident, hold=HOLD, escalate_to="mattermost", now=LATER + after)


def told(found: Consequence) -> list[str]:
    return [plain(delivery.body.body) for delivery in found.deliveries if isinstance(delivery.body, FollowUp)]


def test_a_reply_by_hand_claims_the_incident_and_holds_the_tongue() -> None:
    """The engineers see it in the thread, the audit says who, and nothing is acknowledged for a while."""
    found = follows()
    assert (found.claims, found.answers, found.held_until) == (True, True, LATER + HOLD)
    assert told(found) == [
        "Somebody answered the client on WhatsApp: OC-2026-0001 is claimed, no automatic acknowledgement for 2h."
    ]
    (delivery,) = found.deliveries
    assert (delivery.lane, delivery.destination) == ("escalate:main:wa-254712345678", "mattermost")
    assert [(entry.kind, dict(entry.details)) for entry in found.audit] == [
        ("answered", {"by": "whatsapp", "claimed": "yes"})
    ]


def test_a_claimed_incident_stays_with_its_owner() -> None:
    """The answer is stamped all the same."""
    found = follows(incident=replace(OPEN, status=IncidentStatus.CLAIMED, claimed_by="ann"))
    assert (found.claims, found.answers) == (False, True)
    assert dict(found.audit[0].details)["claimed"] == "no"


@pytest.mark.parametrize(
    "incident",
    [
        pytest.param(None, id="no incident"),
        pytest.param(replace(OPEN, answered_at=RECEIVED_AT), id="answered before"),
        pytest.param(replace(OPEN, created_at=LATER + timedelta(seconds=1)), id="opened after the reply"),
    ],
)
def test_any_other_reply_only_holds_the_tongue(incident: Incident | None) -> None:
    """It claims nothing and is told to nobody."""
    assert follows(incident=incident) == Consequence(held_until=LATER + HOLD)


def test_an_old_reply_holds_nothing() -> None:
    """What a network brings hours later is no sign that somebody answers now."""
    assert follows(after=HOLD).held_until is None


def test_a_clock_that_runs_ahead_holds_no_longer() -> None:
    """The phone's clock is not ours."""
    ahead = replace(REPLY, at=LATER + timedelta(days=1))
    assert follows(ahead).held_until == LATER + HOLD


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        pytest.param(replace(REPLY, kind="revoke"), "The client took a message back.", id="revoke"),
        pytest.param(
            replace(REPLY, kind="number_change", text="+254700000009"),
            "The client has another number now: +254700000009. Messages from there belong to this conversation.",
            id="number",
        ),
    ],
)
def test_the_engineers_are_told_what_the_client_did(signal: Signal, text: str) -> None:
    """In the thread of the incident, where there is one."""
    assert told(follows(signal)) == [text]
    assert follows(signal, None) == Consequence()
    assert follows(signal, replace(OPEN, escalated=False)) == Consequence()


@pytest.mark.parametrize("kind", ["reaction", "number_change", "something new"])
def test_what_says_nothing_is_passed_over(kind: str) -> None:
    """A reaction, a change without the new number, and what a later version of a network may bring."""
    assert follows(replace(REPLY, kind=kind)) == Consequence()


def test_each_signal_says_its_own() -> None:
    """Two that differ in anything are two deliveries; the same one twice is one."""
    other = replace(REPLY, kind="revoke", id="own-2")
    ids = {delivery.id for signal in (replace(REPLY, kind="revoke"), other) for delivery in follows(signal).deliveries}
    assert len(ids) == 2
    assert follows().deliveries == follows().deliveries
