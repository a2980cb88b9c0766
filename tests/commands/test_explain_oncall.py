"""`engine explain` with on-call files: whom the post would call at that time, and who is next."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands.test_explain import RULES, options

from engine.commands import explain

FILES = """\
version: 1
timezone: Africa/Nairobi
people:
  alice: {mattermost: alice}
  bob: {mattermost: bob.k}
  lead: {mattermost: noc-lead}
schedules:
  noc:
    layers:
      - name: weekly
        rotation: {every: 1w, at: "09:00", start: 2027-01-04}
        members: [{from: 2027-01-04, list: [alice, bob]}]
  day:
    gaps: allow
    layers:
      - name: day
        only: [{days: [mon-fri], from: "09:00", to: "17:00"}]
        members: [{from: 2027-01-04, list: [lead]}]
mentions: ["@here"]
policies:
  urgent:
    levels:
      - {notify: ["schedule:noc", "service:pager"], wait: 5m}
      - {notify: ["schedule:noc", "person:lead"], wait: 10m, channel: voip}
      - {notify: ["mention:@here", "service:pager"], wait: 15m}
    repeat: 2
    nobody: {notify: ["person:lead"]}
  low:
    levels:
      - {notify: ["schedule:day"], wait: 30m}
      - {notify: ["schedule:day"], wait: 30m}
    repeat: 1
    nobody: {notify: ["mention:@here"]}
    quiet: {until: "schedule:day"}
"""
MORE = """\
  - id: quietly
    when:
      - words: [later]
    priority: low
    examples: {match: [later], no_match: [hello]}
  - id: network
    when:
      - words: [router]
    priority: urgent
    mention: "@network-team"
    examples: {match: [router], no_match: [hello]}
"""
Explain = Callable[..., str]


@pytest.fixture
def explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Explain:
    """What the command prints about a message."""
    head, last, tail = RULES.partition("  - id: last")
    for name, text in {
        "rules/10.yaml": f"{head}{MORE}{last}{tail}",
        "rules/oncall/noc.yaml": FILES,
        "templates/ack/default.j2": "Hello",
        "templates/escalation/default.j2": "New request\n\n{{ oncall }}: {{ raw_text }}",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(text: str, **given: object) -> str:
        asked: argparse.Namespace = options(
            text, rules=tmp_path / "rules", templates=tmp_path / "templates", at="2027-01-05T15:00:00+03:00"
        )
        vars(asked).update(given)
        assert explain.run(asked) == 0
        return capsys.readouterr().out

    return run


def facts(shown: str) -> list[str]:
    """The lines about who is called."""
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    begin = next((number for number, line in enumerate(lines) if line.startswith("calls ")), None)
    if begin is None:
        return []
    end = next(number for number, line in enumerate(lines) if "in the end" in line or "because" in line)
    return lines[begin : end + ("in the end" in lines[end])]


def test_the_ladder_is_told_as_of_the_time_that_is_asked_about(explained: Explain) -> None:
    """Each rung by whoever is on duty when it is due."""
    shown = explained("3CX call")
    assert facts(shown) == [
        "calls @oncall, @alice, service pager",
        "unclaimed after 5m @alice, @noc-lead, told in ~voip, too",
        "after 15m @here, service pager",
        "again 2 times, in the end @noc-lead",
    ]
    assert "On call: @alice" in shown
    # A minute before the hand-off.
    assert facts(explained("3CX call", at="2027-01-11T08:59:00+03:00"))[:2] == [
        "calls @oncall, @alice, service pager",
        "unclaimed after 5m @bob.k, @noc-lead, told in ~voip, too",
    ]


def test_quiet_hours_put_off_all_but_the_post(explained: Explain) -> None:
    """To the minute, from the evening until the morning; those for nobody are called by the post."""
    assert facts(explained("later", at="2027-01-05T20:00:29+03:00")) == [
        "calls @oncall, @here",
        "unclaimed after 13h @noc-lead",
        "again once, in the end @here",
    ]


def test_a_rule_s_own_mention_stands_for_the_names(explained: Explain) -> None:
    """Services are called, and the ladder goes on."""
    assert facts(explained("router"))[:2] == [
        "calls @network-team, service pager",
        "unclaimed after 5m @alice, @noc-lead, told in ~voip, too",
    ]


@pytest.mark.parametrize("text", ["hello", "asante"], ids=["no ladder for the priority", "nobody is called at all"])
def test_without_a_ladder_nothing_is_told(explained: Explain, text: str) -> None:
    """The post alone calls."""
    assert facts(explained(text)) == []
    assert _json(explained, text)["onCall"] is None


def _json(explained: Explain, text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(explained(text, format="json"))
    return found


def test_programs_get_the_same(explained: Explain) -> None:
    """Times in seconds from the post."""
    assert _json(explained, "3CX call")["onCall"] == {
        "mention": "@oncall",
        "calls": ["@alice"],
        "services": ["pager"],
        "notes": [],
        "next": [
            {"afterSeconds": 300, "calls": ["@alice", "@noc-lead"], "services": [], "notes": [], "channel": "voip"},
            {"afterSeconds": 900, "calls": ["@here"], "services": ["pager"], "notes": [], "channel": None},
        ],
        "repeat": 2,
        "last": ["@noc-lead"],
    }
    assert _json(explained, "router")["onCall"]["calls"] == []
