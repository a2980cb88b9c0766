"""Which tests a rule-set has and how each went."""

from rehearsals.sets import loaded, ruleset

from engine.rehearsals.cases import Kind, Result, run

RULES = """\
  - {id: calls, when: {words: [call]}, examples: {match: [call me, please ring], no_match: [a call, mail]}}
  - {id: off, enabled: false, reason: later, when: {words: [x1]}, examples: {match: [y2]}}
"""
STORIES = """\
  - name: A call
    steps: [{from: Amina, says: call, expect: {rule: calls}}]
  - name: A mail
    steps: [{from: Amina, says: mail, expect: {rule: calls, posts: 1}}]
"""


def _run(containing: str = "") -> tuple[Result, ...]:
    found = loaded(RULES, STORIES)
    return run(found.document, ruleset(found), containing)


def test_every_example_and_every_scenario_is_a_test() -> None:
    """In the order of the files, without those of rules that are switched off."""
    assert [(result.title, result.kind, result.passed) for result in _run()] == [
        ('calls: "call me"', Kind.EXAMPLE, True),
        ('calls: "please ring"', Kind.EXAMPLE, False),
        ('calls: "a call"', Kind.EXAMPLE, False),
        ('calls: "mail"', Kind.EXAMPLE, True),
        ("A call", Kind.SCENARIO, True),
        ("A mail", Kind.SCENARIO, False),
    ]


def test_an_example_says_what_it_should_have_done_and_why_it_did_not() -> None:
    """As the loader says it."""
    wrong = [result.mismatches[0] for result in _run("calls") if not result.passed]
    assert [(each.wanted, each.found, each.why) for each in wrong] == [
        ("the rule matches", "the rule does not match", ('"calls" does not match this example', "words: call")),
        (
            "the rule does not match",
            "the rule matches",
            ('"calls" matches this example, but it should not', 'it matches by "call" (words: call)'),
        ),
    ]


def test_a_scenario_tells_what_came_of_every_message() -> None:
    """Also when it passes."""
    *_, passed, failed = _run()
    assert [seen.decision.rule for seen in passed.seen] == ["calls"]
    assert [mismatch.fact for mismatch in failed.mismatches] == ["rule"]


def test_only_some_tests_can_be_run() -> None:
    """Those with a text in their rule, their name or their file, in any case."""
    assert [result.title for result in _run("A CALL")] == ['calls: "a call"', "A call"]
    assert len(_run("tests/a.yaml")) == 2
    assert _run("nothing like it") == ()
