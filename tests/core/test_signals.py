"""What follows from what happens in a conversation besides the client's messages."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.conversations import OPEN, RECEIVED_AT, THE_POST
from standins.rosters import FixedDuty

from engine.core.deliveries import FollowUp, Page, PageAction, Revision
from engine.core.events import Signal
from engine.core.incidents import Incident, IncidentStatus
from engine.core.plan import CALL
from engine.core.practices import Change, Practice, Standing
from engine.core.quotes import plain
from engine.core.signals import Answered, Consequence, consequence

HOLD = timedelta(hours=2)
WAITED = timedelta(minutes=5)
LATER = RECEIVED_AT + timedelta(minutes=5)
REPLY = Signal("main", "wa-254712345678", "human_reply", "own-1", LATER)


PRACTICE = Practice(FixedDuty(), "mattermost", "test")


def follows(signal: Signal = REPLY, incident: Incident | None = OPEN, after: timedelta = timedelta(0)) -> Consequence:
    found = None if incident is None else Standing(incident, THE_POST)
    return consequence(signal, found, PRACTICE, LATER + after, hold=HOLD)


def change(found: Consequence) -> Change:
    assert found.change is not None
    return found.change


def told(found: Consequence) -> list[str]:
    deliveries = change(found).deliveries
    return [plain(delivery.body.body) for delivery in deliveries if isinstance(delivery.body, FollowUp)]


def test_a_reply_by_hand_claims_the_incident_and_holds_the_tongue() -> None:
    """The engineers see it in the thread, the audit says who, and nothing is acknowledged for a while."""
    found = follows(incident=replace(OPEN, paged=("noc",)))
    assert (found.answered, found.held_until) == (Answered(OPEN.priority, WAITED, WAITED), LATER + HOLD)
    after = change(found).incident
    assert (after.status, after.claimed_by, after.claimed_at) == (IncidentStatus.CLAIMED, "whatsapp", LATER)
    assert (after.answered_at, after.replied_at) == (LATER, LATER)
    assert told(found) == [
        "Somebody answered the client on WhatsApp: OC-2026-0001 is claimed, no automatic acknowledgement for 2h."
    ]
    paged, note, post = change(found).deliveries
    assert (note.lane, note.destination) == ("escalate:main:wa-254712345678", "mattermost")
    assert isinstance(paged.body, Page)
    assert paged.body.action is PageAction.ACKNOWLEDGE
    assert isinstance(post.body, Revision)
    assert plain(post.body.escalation.standing).startswith("waiting for the client, claimed on WhatsApp at 10:20 UTC")
    assert change(found).cancelled == (CALL,)
    assert [(entry.kind, dict(entry.details)) for entry in change(found).audit] == [
        ("answered", {"by": "whatsapp", "claimed": "yes"})
    ]


def test_a_claimed_incident_stays_with_its_owner() -> None:
    """The answer is stamped all the same."""
    found = follows(incident=replace(OPEN, status=IncidentStatus.CLAIMED, claimed_by="ann"))
    assert (change(found).incident.claimed_by, found.answered) == ("ann", Answered(OPEN.priority, WAITED, None))
    assert dict(change(found).audit[0].details)["claimed"] == "no"


def test_a_later_reply_counts_as_the_newest_answer() -> None:
    """The post says that we wait for the client, and nothing is told in the thread again."""
    before = replace(
        OPEN, status=IncidentStatus.CLAIMED, claimed_by="ann", answered_at=RECEIVED_AT, replied_at=RECEIVED_AT
    )
    again = replace(before, last_message_at=LATER - timedelta(minutes=1))
    found = follows(incident=again)
    assert (found.answered, told(found), change(found).audit) == (None, [], ())
    assert (change(found).incident.answered_at, change(found).incident.replied_at) == (RECEIVED_AT, LATER)
    assert len(change(found).deliveries) == 1
    assert change(follows(incident=before)).deliveries == ()


def test_an_incident_given_back_is_claimed_by_the_next_reply() -> None:
    """Somebody answers after all."""
    found = follows(incident=replace(OPEN, answered_at=RECEIVED_AT))
    assert (change(found).incident.claimed_by, found.answered) == ("whatsapp", Answered(OPEN.priority, None, WAITED))
    assert len(told(found)) == 1


@pytest.mark.parametrize(
    "incident",
    [
        pytest.param(None, id="no incident"),
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
    assert change(follows(signal, replace(OPEN, escalated=False))).deliveries == ()


@pytest.mark.parametrize("kind", ["reaction", "number_change", "something new"])
def test_what_says_nothing_is_passed_over(kind: str) -> None:
    """A reaction, a change without the new number, and what a later version of a network may bring."""
    assert follows(replace(REPLY, kind=kind)) == Consequence()


def test_each_signal_says_its_own() -> None:
    """Two that differ in anything are two deliveries; the same one twice is one."""
    other = replace(REPLY, kind="revoke", id="own-2")
    both = (change(follows(signal)) for signal in (replace(REPLY, kind="revoke"), other))
    ids = {delivery.id for one in both for delivery in one.deliveries}
    assert len(ids) == 2
    assert change(follows()).deliveries == change(follows()).deliveries
