"""`engine rules stats`: what each rule did, and what those on trial would do."""

import json
from pathlib import Path

import pytest
from commands.pasts import RULES, decision, event, write_lines, write_rules

from engine.cli import main

TRIALS = """\
  - id: slow-calls
    status: shadow
    when:
      - words: [slow]
    channel: voip
    priority: high
    ack: none
    escalate: false
    tags: [trial]
    examples: {match: [slow], no_match: [hello]}
  - id: quiet
    status: shadow
    when:
      - words: [hello]
    examples: {match: [hello], no_match: [slow]}
  - id: never
    when:
      - words: [never]
    examples: {match: [never], no_match: [hello]}
  - id: off
    enabled: false
    reason: for the test
    when:
      - words: [off]
    examples: {match: ["off"], no_match: [hello]}
rules_end"""


def stats(*words: object) -> int:
    return main(["rules", "stats", *map(str, words)])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_rules(tmp_path / "now", RULES.replace("rules:\n", f"rules:\n{TRIALS}").replace("rules_end", ""))


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Decisions of rules of which one is gone; one text is erased."""
    return write_lines(
        tmp_path / "past.jsonl",
        {"event": event("call", day=10), "decision": decision("calls", matched=["calls", "last"])},
        {"event": event("slow", day=12), "decision": decision("slow", matched=["slow", "last"])},
        {
            "event": event("slow again", day=11),
            "decision": decision("gone", shadow=[{"rule": "slow-calls", "decides": True}]),
        },
        {"event": event("hello"), "decision": decision("engine-fallback", matched=[])},
        {"event": None},
    )


def test_each_rule_is_counted_from_the_log(rules: Path, past: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What decided at the time counts; what is on trial is tried with the rules of today."""
    assert stats("--from", past, "--rules", rules) == 0
    assert capsys.readouterr().out == (
        f"""\
5 messages, rules of {rules}
of 1 the text was erased: left out

rule             matched  decided   share        last (UTC)
last                   2        0   0.0 %  2026-02-12 10:15
calls                  1        1  25.0 %  2026-02-10 10:15
engine-fallback        1        1  25.0 %  2026-02-12 10:15
gone                   1        1  25.0 %  2026-02-11 10:15
slow                   1        1  25.0 %  2026-02-12 10:15

on trial: slow-calls
  recorded: matched 1, would have decided 1
  if it were live: matches 2, decides 2
    2 messages: priority would be high instead of normal
    2 messages: would go to voip instead of triage
    2 messages: ack would be none instead of default
    2 messages: escalate would be false instead of true
    2 messages: tags + trial

on trial: quiet
  if it were live: matches 1, decides 1
    nothing else would change

never matched (1): never
  try `engine explain "a message that never is for"`: it says what the rule misses

matched and never decided (1): last
  another rule always came first: they only add tags and raise priorities; is that meant?

in the log, in this folder no more (1): gone

1 message fell to engine-fallback: deciding failed, the daemon's log says why
"""
    )


def test_events_without_decisions_are_decided_here(
    tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that rules can be looked at before there is any journal."""
    past = write_lines(tmp_path / "past.jsonl", event("call"), event("slow"), event("hello"))
    assert stats("--from", past, "--rules", rules, "--limit", "2") == 0
    shown = capsys.readouterr().out
    assert "2 came without a decision: decided by the rules of the folder as they are\n" in shown
    assert "only the first 2 were read" in shown
    assert ["calls", "1", "1", "50.0"] in [line.split()[:4] for line in shown.split("\n")]
    assert "recorded" not in shown


def test_programs_get_the_figures_as_json(rules: Path, past: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stable keys."""
    assert stats("--from", past, "--rules", rules, "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["messages"], answer["erased"], answer["decidedHere"], answer["limited"]) == (5, 1, 0, False)
    assert answer["rules"][1] == {
        "rule": "calls",
        "matched": 1,
        "decided": 1,
        "share": 0.25,
        "onTrial": 0,
        "wouldDecide": 0,
        "lastAt": "2026-02-10T10:15:30Z",
        "inFolder": True,
    }
    assert (answer["neverMatched"], answer["noLongerThere"]) == (["never"], ["gone"])
    assert answer["trials"][0]["changes"][1] == {"of": "channel", "before": "triage", "after": "voip", "messages": 2}
    assert answer["trials"][1] == {"rule": "quiet", "matched": 1, "wouldDecide": 1, "changes": []}


def test_no_messages_are_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty file leaves every rule without a match, and a long list is cut."""
    many = "".join(
        f"  - {{id: r{n}, when: [{{words: [word{n}]}}], examples: {{match: [word{n}]}}}}\n" for n in range(12)
    )
    rules = write_rules(tmp_path / "a", RULES.replace("rules:\n", f"rules:\n{many}"))
    assert stats("--from", write_lines(tmp_path / "past.jsonl"), "--rules", rules) == 0
    shown = capsys.readouterr().out
    assert "never matched (15): r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11 and 3 more\n" in shown
    assert "matched  decided" not in shown
