"""What came of a scenario is held against what it expects."""

import pytest
from rehearsals.sets import loaded, ruleset

from engine.rehearsals.plays import play
from engine.rehearsals.verdicts import Mismatch, holds, mismatches

RULES = """\
  - {id: calls, when: {words: [call, ring]}, priority: high, channel: voip, tags: [calls], summary: Calls fail}
  - {id: many, when: {words: [a1, b2, c3, d4, e5], none: [{words: [fine]}]}, ack: none, also: [network]}
  - {id: all-of, when: [{words: [one]}, {words: [two]}, {words: [three]}, {words: [four]}, {words: [five]}]}
"""


def _mismatches(step: str, totals: str = "") -> tuple[Mismatch, ...]:
    found = loaded(RULES, f"  - name: Story\n    steps:\n      - {{{step}}}\n{totals}")
    (scenario,) = found.document.scenarios
    rules = ruleset(found)
    seen = play(scenario, rules, ())
    wrong = mismatches(scenario, seen, rules)
    assert holds(scenario, seen) == (not wrong)
    return wrong


@pytest.mark.parametrize(
    "expect",
    [
        "rule: calls",
        "priority: high",
        "channel: voip",
        "mention: '@oncall'",
        "language: none",
        "tags: [calls]",
        "tags: calls",
        "tags: {exactly: [calls, whatsapp]}",
        "matched: [last]",
        "also: []",
        "summary: Calls  fail",
        "summary: {contains: fail}",
        "ack: default",
        "ack: 'Hello Amina, we have it.'",
        "ack: {contains: [Hello, 'have it']}",
        "post: {contains: 'Summary: Calls fail'}",
        "reply: none",
        "follow_up: false",
        "posts: 1, copies: 0, replies: 0, edits: 0, acknowledgements: 1, incidents: 1",
    ],
)
def test_what_comes_true_is_no_mismatch(expect: str) -> None:
    """Every fact in every form that it may be written in."""
    assert _mismatches(f"from: Amina, says: please call, expect: {{{expect}}}") == ()


@pytest.mark.parametrize(
    ("expect", "wanted", "found"),
    [
        ("rule: many", "many", "calls"),
        ("priority: low", "low", "high"),
        ("channel: network", "network", "voip"),
        ("mention: '@boss'", "@boss", "@oncall"),
        ("language: sw", "sw", "none"),
        ("tags: {exactly: [calls]}", "exactly calls", "whatsapp, calls"),
        ("tags: {exactly: []}", "exactly nothing", "whatsapp, calls"),
        ("matched: [many]", "many", "calls, last"),
        ("also: [network]", "network", "none"),
        ("summary: Calls", "Calls", "Calls fail"),
        ("summary: {contains: [fail, works]}", "a text with: fail, works", "Calls fail"),
        ("ack: none", "none", "Hello Amina, we have it."),
        ("ack: urgent", "urgent", "Hello Amina, we have it."),
        ("post: none", "none", "Client: Amina\nSummary: Calls fail\n@oncall"),
        ("reply: {contains: call}", "a text with: call", "none"),
        ("follow_up: true", "true", "false"),
        ("posts: 2", "2", "1"),
    ],
)
def test_what_does_not_is_one(expect: str, wanted: str, found: str) -> None:
    """With what was expected and what came, as a lead writes them."""
    (mismatch,) = _mismatches(f"from: Amina, says: please call, expect: {{{expect}}}")
    assert (mismatch.wanted, mismatch.found) == (wanted, found)
    assert mismatch.fact == expect.partition(":")[0]
    assert mismatch.at.path == "rules/tests/a.yaml"


def test_only_whole_texts_are_compared_by_their_words() -> None:
    """Not names, not parts of a text, and not where there is none."""
    step = "from: Amina, says: please call, expect: {summary: Nothing works, reply: Any text, rule: last}"
    assert [(each.fact, each.texts) for each in _mismatches(step)] == [
        ("summary", True),
        ("reply", False),
        ("rule", False),
    ]


def test_totals_say_where_they_come_from() -> None:
    """The steps that brought something about are named; where none did there is nothing to say."""
    found = _mismatches("from: Amina, says: please call", "    expect: {posts: 0, edits: 1, incidents: 1}\n")
    assert [(each.fact, each.wanted, each.found, each.seen, each.why) for each in found] == [
        ("posts", "0", "1", None, ("step 1: 1",)),
        ("edits", "1", "0", None, ()),
    ]


def test_the_reason_names_the_rule_its_evidence_and_what_the_other_one_misses() -> None:
    """So that a lead needs no other command to see why."""
    (mismatch,) = _mismatches("from: Amina, says: 'a1 is fine, please call', expect: {rule: many}")
    assert mismatch.why == (
        'decided by calls (rules/10-rules.yaml:5) because of "call" (words: call)',
        "also matching: last",
        'many does not match: none of: "fine" stands in the message',
    )
    (mismatch,) = _mismatches("from: Amina, says: 'a1, please call', expect: {rule: many}")
    assert mismatch.why[-1] == "many matches too, but calls stands before it"
    (mismatch,) = _mismatches("from: Amina, says: hello, expect: {matched: [last, calls], rule: last}")
    assert mismatch.why == (
        "decided by last (rules/10-rules.yaml:8) because of always",
        "calls does not match: words: call, ring",
    )


def test_a_long_list_of_evidence_is_cut() -> None:
    """Four pieces are enough to understand a decision."""
    (mismatch,) = _mismatches("from: Amina, says: one two three four five, expect: {priority: low}")
    assert mismatch.why[0].endswith('"three" (words: three), "four" (words: four), …')


def test_what_the_client_is_told_depends_on_the_state_of_the_conversation() -> None:
    """Which is therefore said."""
    (mismatch,) = _mismatches("from: Amina, says: please call, expect: {ack: none}")
    assert mismatch.why[0] == "this is the first message of an incident"
    found = loaded(
        RULES, "  - name: S\n    steps:\n      - {from: A, says: call}\n      - {says: call, expect: {posts: 1}}\n"
    )
    (scenario,) = found.document.scenarios
    rules = ruleset(found)
    (mismatch,) = mismatches(scenario, play(scenario, rules, ()), rules)
    assert mismatch.why[0] == "this is a further message of an open incident"
