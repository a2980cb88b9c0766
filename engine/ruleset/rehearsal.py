"""The examples of every rule, run through the compiled rules as if clients had sent them.

Called by `loader` once a set has no other errors. An example that does not do what it says keeps the set from being
used, because it is the only place where a lead said what a rule is for.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.core.decisions import Explanation
from engine.core.events import Client, Event, Message
from engine.ruleset.syntax import Condition, Document, Fault, Group, Rule, SourceIs, Text

if TYPE_CHECKING:
    from engine.ruleset.matcher import Ruleset

# A Monday morning; rules cannot ask for the time yet, and an example must not depend on today.
_WHEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
# In no client directory: three digits are too few for a number.
_CLIENT = Client(phone="+100", display_name="Example")
# What of the evidence is quoted before it is cut.
_SHOWN_EVIDENCE = 4


def rehearse(document: Document, ruleset: "Ruleset") -> Iterator[Fault]:
    """A fault for each example that does not do what it says."""
    for rule in document.rules:
        source = _source_of(rule)
        for example in rule.examples.match:
            event = _event(example, source)
            if rule.id.value not in ruleset.evaluate(event).matched:
                yield _not_matched(rule, example, document, ruleset.explain(event))
        for example in rule.examples.no_match:
            event = _event(example, source)
            if rule.id.value in ruleset.evaluate(event).matched:
                yield _matched(rule, example, ruleset.explain(event))


def _event(example: Text, source: str) -> Event:
    return Event(source, _WHEN, "example", _CLIENT, Message("example", example.value))


def _source_of(rule: Rule) -> str:
    """The network that an example comes from: one that the rule asks for, else WhatsApp."""
    return next(_sources(rule.when), "whatsapp")


def _sources(condition: Condition) -> Iterator[str]:
    if isinstance(condition, SourceIs):
        yield condition.sources[0].value
    elif isinstance(condition, Group) and condition.kind != "none":
        for part in condition.parts:
            yield from _sources(part)


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
