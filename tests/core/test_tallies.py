"""What is counted and measured of changes that engineers and timers bring about."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.conversations import OPEN, REPLY, THE_POST
from standins.rosters import FixedDuty

from engine.core import outages, tallies, workflow
from engine.core.actions import Action
from engine.core.incidents import Incident, IncidentStatus
from engine.core.plan import AuditEntry
from engine.core.practices import Change, Practice, Standing
from engine.core.reports import Step
from engine.core.tallies import Reached

NOW = OPEN.created_at + timedelta(minutes=7)
LATER = timedelta(minutes=7)
PRACTICE = Practice(FixedDuty(), "mattermost", "test", relays=True)


def act(kind: str, incident: Incident = OPEN, key: str = "reaction:p1") -> Change:
    action = Action("mattermost", "p1", kind, key, "amina", NOW, text="hello")
    return workflow.act(action, Standing(incident, THE_POST, REPLY, "MSG-1"), PRACTICE, NOW)


def steps(change: Change) -> list[Step]:
    found = tallies.reached(change)
    assert all((one.priority, one.after) == (OPEN.priority, LATER) for one in found)
    return [one.step for one in found]


EARLIER = NOW - timedelta(minutes=2)
CLAIMED = replace(OPEN, status=IncidentStatus.CLAIMED, claimed_by="amina", claimed_at=EARLIER)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(act("claim"), [Step.CLAIMED], id="a claim"),
        pytest.param(act("resolve"), [Step.RESOLVED], id="the end"),
        pytest.param(act("reply"), [Step.CLAIMED, Step.ANSWERED], id="words for the client"),
        pytest.param(act("reply", CLAIMED), [Step.ANSWERED], id="words of whoever had it"),
        pytest.param(act("reply", replace(CLAIMED, answered_at=EARLIER)), [], id="further words"),
        pytest.param(act("claim", CLAIMED), [], id="a second claim"),
        pytest.param(act("release", CLAIMED), [], id="giving it back"),
        pytest.param(act("claim", replace(OPEN, connector=outages.CONNECTOR)), [], id="an outage"),
    ],
)
def test_a_change_brings_the_steps_that_it_is_the_first_of(change: Change, expected: list[Step]) -> None:
    """Each is measured once, since the client's message; an outage is of no client."""
    assert steps(change) == expected


def test_a_clock_behind_ours_measures_nothing_below_zero() -> None:
    """The chat's clock tells when somebody claimed it."""
    early = replace(OPEN, claimed_at=OPEN.created_at - timedelta(seconds=3))
    change = Change(early, audit=(AuditEntry("claimed", (("how", "reaction"),)),))
    assert tallies.reached(change) == (Reached(Step.CLAIMED, OPEN.priority, timedelta(0)),)


@pytest.mark.parametrize(
    ("details", "way"),
    [
        pytest.param((("how", "reaction"),), "reaction", id="a reaction"),
        pytest.param((("how", "button"),), "button", id="a button"),
        pytest.param((("by", "amina"), ("how", "post")), "command", id="a word"),
        pytest.param((("how", "gone"),), "other", id="what was lost sight of"),
        pytest.param((), "timer", id="nobody"),
    ],
)
def test_the_way_is_one_of_a_few_words(details: tuple[tuple[str, str], ...], way: str) -> None:
    """A label of a metric never takes a word from outside."""
    assert tallies.way(AuditEntry("claimed", details)) == way


def test_a_rung_is_a_reminder_and_its_pages() -> None:
    """What an action says to a paging service is no call."""
    found = Standing(OPEN, THE_POST)
    called = workflow.climb(found, PRACTICE, NOW)
    assert tallies.calls(called) == {"reminder": 1, "page": 1}
    assert tallies.calls(act("claim", replace(OPEN, paged=("noc",)))) == {}
