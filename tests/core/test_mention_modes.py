"""Whom the post itself calls: the mention of engine.yaml, whoever is on duty by name, or both."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.conversations import OPEN
from standins.parts import START
from standins.rosters import NOC, PRIMARY, FixedDuty

from engine.core import calls
from engine.core.answers import Circumstances
from engine.core.calls import Call
from engine.core.decisions import Priority
from engine.core.incidents import IncidentStatus
from engine.core.ladders import Ladder, MentionMode, OnDuty, Rung

_NOTE = "on-call from cache, 3 h old"
_NEXT = START + timedelta(minutes=5)


def _duty(people: tuple[str, ...]) -> FixedDuty:
    """One ladder over a schedule and a service."""
    ladder = Ladder((Rung((PRIMARY, NOC), timedelta(minutes=5)),), 0, (NOC,))
    return FixedDuty(dict.fromkeys(Priority, ladder), {"primary": OnDuty(people, None, _NOTE)})


def _call(mode: MentionMode, people: tuple[str, ...], override: str | None = None) -> Call:
    incident = replace(OPEN, escalated=True, status=IncidentStatus.OPEN)
    circumstances = Circumstances(
        START,
        None,
        None,
        paused=False,
        mention="@oncall",
        mention_mode=mode,
        duty=_duty(people),
        escalate_to="mattermost",
    )
    return calls.call(None, incident, override, circumstances)


@pytest.mark.parametrize(
    ("mode", "people", "override", "mention", "lines"),
    [
        (MentionMode.BOTH, ("alice", "bob"), None, "@oncall", ("On call: @alice @bob",)),
        (MentionMode.BOTH, (), None, "@oncall", ()),
        (MentionMode.STATIC, ("alice",), None, "@oncall", ()),
        (MentionMode.RESOLVED, ("alice", "bob"), None, "@alice @bob", ()),
        (MentionMode.RESOLVED, (), None, "@oncall", ()),
        (MentionMode.RESOLVED, ("alice",), "@boss", "@boss", ()),
        (MentionMode.BOTH, ("alice",), "@boss", "@boss", ()),
    ],
)
def test_the_post_calls_as_engine_yaml_says(
    mode: MentionMode, people: tuple[str, ...], override: str | None, mention: str, lines: tuple[str, ...]
) -> None:
    """Somebody is always called, a rule's own mention comes first, and what is doubtful is told in any case."""
    assert _call(mode, people, override) == Call(mention, (*lines, f"Note: {_NOTE}"), ("noc",), _NEXT)
