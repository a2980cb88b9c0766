"""How much work a message makes, counted without a clock: it follows what matched, not how many rules exist."""

import statistics
from itertools import pairwise

import pytest
from bench import workloads
from standins.documents import always, event, exact, group, keyword, pattern, rule, ruleset, words

from engine.ruleset.keywords import Occurrence
from engine.ruleset.matcher import Ruleset

KEYWORDS = {"product": {"3CX": ["3 cx"], "VoIP": ["sip"]}, "symptom": {"failing": ["issue"]}}


@pytest.fixture(scope="module")
def thousand() -> Ruleset:
    return workloads.compiled(1_000)


def test_few_rules_of_a_thousand_are_looked_at(thousand: Ruleset) -> None:
    """At 1,000 rules no message makes the engine look at more than 20 rules or run more than 5 regexes."""
    counted = [workloads.work(thousand, each) for each in workloads.events(1_500, 7)]
    assert max(work.candidates for work in counted) <= 20
    assert max(work.checks for work in counted) <= 5
    assert statistics.mean(work.fired for work in counted) > 1.2, "the messages must speak of what the rules know"


def test_ten_times_the_rules_make_far_less_than_ten_times_the_work() -> None:
    """From 10 to 100 and from 100 to 1,000 rules the rules looked at do not even double."""
    events = workloads.events(600, 8)
    means = [
        statistics.mean(workloads.work(ruleset, each).candidates for each in events)
        for ruleset in map(workloads.compiled, (10, 100, 1_000))
    ]
    assert all(more < 2 * fewer for fewer, more in pairwise(means))


def looked_at(made: Ruleset, message: str) -> set[str]:
    reading = made.atoms.read(event(message), follow_up=False)
    return {made.rules[position].id for position in made.candidates(reading)}


def test_a_rule_is_filed_under_what_is_rarest_in_it() -> None:
    """Words that many rules share, or that say little, do not lead to a rule that also needs something rare."""
    made = ruleset(
        rule("shared", group("all", keyword("symptom"), words("grexmon"))),
        rule("common", group("all", words("please"), words("quarterly"))),
        rule("coded", group("all", words("issue"), pattern(r"\bqx\d+"))),
        rule("guarded", group("all", exact("issue"), group("none", words("solved")))),
        *(rule(f"other {number}", group("all", keyword("symptom"), words(f"zzz{number}"))) for number in range(5)),
        keywords=KEYWORDS,
    )
    assert looked_at(made, "please, an issue") == {"guarded", "last"}
    assert looked_at(made, "quarterly grexmon qx7") == {"shared", "common", "coded", "last"}


def test_a_rule_that_nothing_must_lead_to_is_always_looked_at() -> None:
    """A rule of guards only, and one of which no part is needed, can match any message."""
    made = ruleset(
        rule("guards", group("none", words("solved"))),
        rule("open", group("any", words("red"), group("none", words("solved")))),
        rule("never", group("any")),
        rule("closed", words("red")),
    )
    assert looked_at(made, "blue") == {"guards", "open", "last"}


def test_a_pattern_is_asked_only_when_its_rule_can_still_match() -> None:
    """A regex runs when its text stands in the message and everything else that the rule needs is there too."""
    made = ruleset(
        rule("needs more", group("all", words("grexmon"), pattern(r"error \d+"))),
        rule("barred", group("all", pattern(r"error \d+"), group("none", words("solved")))),
        rule("last", always()),
    )

    def asked(message: str) -> int:
        return workloads.work(made, event(message)).checks

    assert asked("error 5, solved") == 0
    assert asked("grexmon fails") == 0
    assert asked("grexmon, solved, error 5") == 1
    assert asked("error 5") == 1
    assert made.evaluate(event("grexmon, solved, error 5")).matched == ("needs more", "last")


def test_keywords_are_remembered_by_the_run_of_words() -> None:
    """Equal runs of known words in different messages are looked up once; what was found is placed anew."""
    made = ruleset(keywords=KEYWORDS).atoms.keywords
    assert made.find(("my", "3", "cx", "and", "sip")) == (
        Occurrence("product", "3CX", 1, 3),
        Occurrence("product", "VoIP", 4, 5),
    )
    before = made.recall.cache_info().misses  # type: ignore[attr-defined]  # of functools
    assert made.find(("sip", "unseen", "words", "3", "cx")) == (
        Occurrence("product", "VoIP", 0, 1),
        Occurrence("product", "3CX", 3, 5),
    )
    assert made.recall.cache_info().misses == before  # type: ignore[attr-defined]  # of functools
    long_run = ("sip",) * 30
    assert len(made.find(long_run)) == 30
    assert made.recall.cache_info().misses == before  # type: ignore[attr-defined]  # of functools
