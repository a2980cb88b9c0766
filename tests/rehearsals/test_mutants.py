"""One atom taken away at a time, and whether any test notices."""

import pytest
from rehearsals.sets import loaded, table

from engine.rehearsals import mutants
from engine.rehearsals.mutants import Outcome, mutate

KEYWORDS = """\
keywords:
  product:
    3CX: [3cx, threecx]
    VoIP: [voip]
  other:
    Thing: [thing]
clients: [{name: Acme, phones: ["+254700000001"], tier: gold}, {name: Bolt, phones: ["+254700000002"], tier: silver}]
hours: {business: {timezone: UTC, weekly: ["Mon-Fri 08:00-17:00"]}}
"""


def _outcome(rules: str, scenarios: str = "") -> Outcome:
    found = loaded(rules, scenarios, KEYWORDS)
    assert found.templates is not None
    return mutate(table(found), found.templates, lambda _done, _total: None)


def _survivors(rules: str, scenarios: str = "") -> list[str]:
    return [survivor.change for survivor in _outcome(rules, scenarios).survivors]


def test_a_phrase_that_no_example_needs_survives() -> None:
    """One that an example needs does not; each is counted."""
    outcome = _outcome("  - {id: a, when: {words: [call, ring, bell]}, examples: {match: [call, ring the bell]}}\n")
    assert [(each.rule, each.change, each.at.column) for each in outcome.survivors] == [
        ("a", 'without words "ring"', 34),
        ("a", 'without words "bell"', 40),
    ]
    assert outcome.survivors[0].advice == "add a match with it, or delete it"
    # The whole list is the only condition, and without it there would be no rule.
    assert (outcome.mutants, outcome.noticed) == (3, 1)


@pytest.mark.parametrize(
    ("when", "examples", "survivors"),
    [
        pytest.param("[{words: [call]}, {words: [now]}]", "match: [call now]", ["call", "now"], id="all"),
        pytest.param("[{words: [call]}, {words: [now]}]", "match: [call now], no_match: [now]", ["now"], id="asked"),
        pytest.param("{any: [{words: [call]}, {words: [ring]}]}", "match: [call]", ["ring"], id="any"),
        pytest.param(
            "{all: [{words: [call]}], none: [{words: [fine]}]}",
            "match: [call], no_match: [call is fine]",
            ["call"],
            id="guard-noticed",
        ),
        pytest.param(
            "{all: [{words: [call]}], none: [{words: [fine]}]}",
            "match: [call], no_match: [mail]",
            ["fine"],
            id="guard-survives",
        ),
        pytest.param("[{any: [{words: [call]}]}, {words: [now]}]", "match: [call now]", ["call", "now"], id="group"),
    ],
)
def test_an_atom_that_could_be_left_out_survives(when: str, examples: str, survivors: list[str]) -> None:
    """In `all` a counter-example must lack it, in `any` an example must need it, in `none` one must meet it."""
    rules = f"  - {{id: a, when: {when}, examples: {{{examples}}}}}\n"
    assert _survivors(rules) == [f'without words "{word}"' for word in survivors]


def test_a_rule_that_ends_the_search_is_noticed_by_the_examples_behind_it() -> None:
    """What it would match in addition is taken from the rules after it."""
    rules = (
        "  - {id: a, when: [{words: [call]}, {words: [fine]}], stop: true, examples: {match: [call is fine]}}\n"
        "  - {id: b, when: {words: [call]}, examples: {match: [no call]}}\n"
    )
    assert _survivors(rules) == ['without words "call"']


def test_what_a_rule_before_ends_is_never_asked() -> None:
    """A rule that would match in addition there changes nothing."""
    rules = (
        "  - {id: a, when: {words: [call]}, stop: true, examples: {match: [call]}}\n"
        "  - {id: b, when: [{words: [call]}, {words: [ring]}], examples: {no_match: [call]}}\n"
    )
    assert _survivors(rules) == ['without words "call"', 'without words "ring"']


def test_every_kind_of_entry_is_taken_out() -> None:
    """Names, values, networks, attachments and kinds; hours and follow-ups are turned round too."""
    rules = (
        "  - {id: a, when: {keywords: {product: [3CX, VoIP]}}}\n"
        "  - {id: b, when: {client: {tier: [gold, silver]}}}\n"
        "  - {id: c, when: {source: [desk, cloud]}}\n"
        "  - {id: d, when: {attachment: [image, voice]}}\n"
        "  - {id: e, when: {kind: [edit, unsupported]}}\n"
        "  - {id: f, when: [{hours: business}, {follow_up: true}]}\n"
        "  - {id: g, when: {pattern: 'x\\d'}}\n"
    )
    assert _survivors(rules) == [
        "without keywords product: 3CX",
        "without keywords product: VoIP",
        "without client tier: gold",
        "without client tier: silver",
        "without source: desk",
        "without source: cloud",
        "without attachment: image",
        "without attachment: voice",
        "without kind: edit",
        "without kind: unsupported",
        "without hours: business",
        "the opposite of hours: business",
        "without follow_up: true",
        "the opposite of follow_up: true",
        'without the spelling "threecx" of product',
    ]


STORY = """\
  - name: S
    at: "2026-02-12 10:00"
    steps:
      - {from: Acme, says: call, expect: {rule: a}}
      - {from: Bolt, says: call, expect: {rule: last}}
      - {from: Brian, at: "2026-02-12 20:00", says: please ring, expect: {rule: b}}
"""


def test_a_scenario_notices_what_no_example_can() -> None:
    """Clients, hours and the order of messages; it is played again with the changed rules."""
    rules = (
        "  - {id: a, when: [{words: [call]}, {client: {tier: gold}}], examples: {match: [call]}}\n"
        "  - {id: b, when: [{words: [ring]}, {hours: {not: business}}], examples: {match: [ring], no_match: [mail]}}\n"
    )
    assert _survivors(rules) == [
        'without words "call"',
        "without client tier: gold",
        "without hours: not business",
    ]
    assert _survivors(rules, STORY) == ['without words "call"', "without hours: not business"]


def test_a_scenario_that_fails_by_itself_notices_nothing() -> None:
    """It would be taken for having noticed every change."""
    rules = "  - {id: a, when: [{words: [call]}, {client: {tier: gold}}], examples: {match: [call]}}\n"
    broken = STORY.replace("rule: last", "rule: a").replace("rule: b", "rule: last")
    assert _survivors(rules, broken) == ['without words "call"', "without client tier: gold"]


def test_a_change_that_a_scenario_reaches_may_still_survive() -> None:
    """When what comes of it is not what the scenario asks for."""
    rules = "  - {id: a, when: [{words: [call]}, {client: {tier: gold}}], examples: {match: [call]}}\n"
    story = STORY.replace(", expect: {rule: last}", "").replace("rule: b", "rule: last")
    assert "without client tier: gold" in _survivors(rules, story)


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many scenarios a change of a scenario's message counts as noticed."""
    rules = "  - {id: a, when: [{words: [call]}, {client: {tier: gold}}], examples: {match: [call]}}\n"
    story = STORY.replace(", expect: {rule: last}", "").replace("rule: b", "rule: last")
    monkeypatch.setattr(mutants, "REPLAYS", 0)
    assert "without client tier: gold" not in _survivors(rules, story)


def test_a_spelling_that_no_message_needs_survives() -> None:
    """One that a message needs is noticed; the name itself cannot be taken away."""
    rules = "  - {id: a, when: {keywords: {product: 3CX}}, examples: {match: [threecx]}}\n"
    outcome = _outcome(rules)
    assert [(each.rule, each.change) for each in outcome.survivors] == [
        ("", 'without the spelling "voip" of product')
    ] or outcome.survivors == ()
    both = "  - {id: a, when: {keywords: {product: 3CX}}, examples: {match: [threecx or 3cx]}}\n"
    assert _survivors(both) == ['without the spelling "threecx" of product']


def test_a_spelling_that_changes_a_summary_is_noticed_by_a_scenario() -> None:
    """Although the same rule matches."""
    rules = (
        "  - {id: a, when: {words: [slow]}, summary: '{{ product | default(1) }}', examples: {match: [slow]}}\n"
        "  - {id: b, when: {keywords: {product: any}}}\n"
    )
    story = "  - name: S\n    steps: [{from: A, says: threecx is slow, expect: {summary: 3CX}}]\n"
    assert 'without the spelling "threecx" of product' in _survivors(rules)
    assert 'without the spelling "threecx" of product' not in _survivors(rules, story)


def test_progress_is_told() -> None:
    """From none to all of them."""
    found = loaded("  - {id: a, when: {keywords: {product: [3CX, VoIP]}}}\n", sections=KEYWORDS)
    assert found.templates is not None
    told: list[tuple[int, int]] = []
    mutate(table(found), found.templates, lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
