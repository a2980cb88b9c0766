"""Every test of a rule-set, run: each example of each rule, and each scenario.

Called by `engine test`. The examples are tried by `ruleset.rehearsal`, exactly as when rules are loaded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from engine.rehearsals import plays, verdicts
from engine.rehearsals.plays import Seen
from engine.rehearsals.verdicts import Mismatch
from engine.ruleset import rehearsal
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Document, Fault, Place, Scenario, Text


class Kind(StrEnum):
    """What sort of test it is."""

    EXAMPLE = "example"
    SCENARIO = "scenario"


@dataclass(frozen=True, slots=True)
class Result:
    """One test and how it went."""

    kind: Kind
    # The rule of an example; empty for a scenario.
    rule: str
    # The example's text, or the scenario's name.
    name: str
    at: Place
    # Empty when all is as expected.
    mismatches: tuple[Mismatch, ...]
    # What came of each message of a scenario.
    seen: tuple[Seen, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.mismatches

    @property
    def title(self) -> str:
        """One line that names the test."""
        shown = " ".join(self.name.split())
        return f'{self.rule}: "{shown}"' if self.kind is Kind.EXAMPLE else shown


def run(document: Document, ruleset: Ruleset, containing: str = "") -> tuple[Result, ...]:
    """Every test whose rule, name or file has `containing` in it, in the order of the files; scenarios come last."""
    results = (*_examples(document, ruleset), *(_scenario(each, document, ruleset) for each in document.scenarios))
    wanted = containing.casefold()
    return tuple(result for result in results if wanted in f"{result.title} {result.at.path}".casefold())


def _examples(document: Document, ruleset: Ruleset) -> Iterator[Result]:
    faults = {fault.at: fault for fault in rehearsal.rehearse(document, ruleset, document.rules)}
    for rule in document.rules:
        if rule.enabled:
            for example in (*rule.examples.match, *rule.examples.no_match):
                matches = example in rule.examples.match
                mismatches = _example_mismatch(example, faults, matches=matches)
                yield Result(Kind.EXAMPLE, rule.id.value, example.value, example.at, mismatches)


def _example_mismatch(example: Text, faults: dict[Place, Fault], *, matches: bool) -> tuple[Mismatch, ...]:
    fault = faults.get(example.at)
    if fault is None:
        return ()
    words = {True: "the rule matches", False: "the rule does not match"}
    return (
        Mismatch(
            at=example.at,
            fact="example",
            wanted=words[matches],
            found=words[not matches],
            texts=False,
            seen=None,
            why=tuple(why for why in (fault.message, fault.hint) if why),
        ),
    )


def _scenario(scenario: Scenario, document: Document, ruleset: Ruleset) -> Result:
    seen = plays.play(scenario, ruleset, document.clients)
    found = verdicts.mismatches(scenario, seen, ruleset)
    return Result(Kind.SCENARIO, "", scenario.name.value, scenario.name.at, found, seen)
