"""The examples of every rule, run through the compiled rules as if clients had sent them.

Called by `loader` once a set has no other errors. An example that does not do what it says keeps the set from being
used, because it is the only place where a lead said what a rule is for.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from engine.core.decisions import Explanation
from engine.ruleset.circumstances import Circumstances, favourable, necessary
from engine.ruleset.syntax import Document, Fault, Rule, Text

if TYPE_CHECKING:
    from engine.ruleset.matcher import Ruleset

# What of the evidence is quoted before it is cut.
_SHOWN_EVIDENCE = 4


def rehearse(document: Document, ruleset: "Ruleset", rules: Iterable[Rule]) -> Iterator[Fault]:
    """A fault for each example of these rules that does not do what it says; one that is switched off is not tried."""
    for rule in rules:
        if not rule.enabled or not (rule.examples.match or rule.examples.no_match):
            continue
        needed, asked = necessary(rule, document), favourable(rule, document)
        for example in rule.examples.match:
            if not any(_matches(rule, example, around, ruleset) for around in (needed, asked)):
                event = asked.event(example.value)
                yield _not_matched(rule, example, document, ruleset.explain(event, follow_up=asked.follow_up))
        for example in rule.examples.no_match:
            if _matches(rule, example, needed, ruleset):
                event = needed.event(example.value)
                yield _matched(rule, example, ruleset.explain(event, follow_up=needed.follow_up))


def _matches(rule: Rule, example: Text, around: Circumstances, ruleset: "Ruleset") -> bool:
    return ruleset.matches(rule.id.value, around.event(example.value), follow_up=around.follow_up)


def _not_matched(rule: Rule, example: Text, document: Document, explanation: Explanation) -> Fault:
    stopping = {other.id.value: other for other in document.rules if other.stop}
    last = explanation.decision.matched[-1]
    if last in stopping and document.rules.index(stopping[last]) < document.rules.index(rule):
        also = ((stopping[last].id.at, "it stands before this rule"),)
        message = f'"{rule.id.value}" is never asked about this example: "{last}" matches first and has "stop: true"'
        return Fault(example.at, "E205", message, "change one of the two rules, or the example", also)
    missing = next((found.missing for found in explanation.not_matched if found.rule == rule.id.value), "")
    return Fault(example.at, "E205", f'"{rule.id.value}" does not match this example', missing)


def _matched(rule: Rule, example: Text, explanation: Explanation) -> Fault:
    evidence = [found for found in explanation.decision.because if found.rule == rule.id.value]
    shown = [f'"{found.text}" ({found.atom})' if found.text else found.atom for found in evidence]
    cut = [*shown[:_SHOWN_EVIDENCE], "…"] if len(shown) > _SHOWN_EVIDENCE else shown
    hint = f"it matches by {', '.join(cut)}" if cut else ""
    return Fault(example.at, "E206", f'"{rule.id.value}" matches this example, but it should not', hint)
