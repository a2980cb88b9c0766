"""The warnings that only a set without errors deserves, and the errors that only the whole set shows.

Called by `loader` with the document and the rules compiled from it. Each finding belongs to one of the modules named
here; they report what they can prove or show, and repair nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.ruleset.advice import breadth, gaps, overlaps, reachability, unused
from engine.ruleset.advice.comparisons import Comparison, compare
from engine.ruleset.syntax import Always, Document, Fault, Rule
from engine.ruleset.templates import Templates

if TYPE_CHECKING:
    from engine.ruleset.matcher import Ruleset


def advise(document: Document, templates: Templates, ruleset: "Ruleset") -> Iterator[Fault]:
    """Every finding, in no particular order."""
    comparison = compare(document)
    yield from _without_examples(document)
    yield from unused.check(document, templates, ruleset.roster.channels() if ruleset.roster else ())
    yield from gaps.check(comparison, document, templates, ruleset)
    idle = tuple(reachability.check(comparison, document, ruleset))
    yield from idle
    # A rule that never decides is said to be so once.
    said = {fault.at for fault in idle}
    yield from (fault for fault in overlaps.check(comparison, document, ruleset) if fault.at not in said)
    yield from breadth.check(comparison, document, ruleset)
    yield from _uncompared(comparison)


def _without_examples(document: Document) -> Iterator[Fault]:
    for rule in document.rules:
        if not rule.enabled or isinstance(rule.when, Always):
            continue
        if not (rule.examples.match or rule.examples.no_match):
            hint = "add a message that must match, and one that must not"
            yield Fault(rule.id.at, "W501", f'the rule "{rule.id.value}" has no examples', hint)
        elif not rule.examples.no_match:
            hint = 'add one under "no_match:" that looks alike but is about something else'
            yield Fault(rule.id.at, "W516", f'no example says what "{rule.id.value}" must not match', hint)


def _uncompared(comparison: Comparison) -> Iterator[Fault]:
    """The rules that were not wholly looked at; a bound that nobody hears of would pass for a clean result."""
    unread = [subject.rule for subject in comparison.subjects if subject.cases is None]
    cut = [comparison.subjects[position].rule for position in sorted(comparison.cut)]
    for rules, why in (
        (unread, "branches into too many alternatives"),
        (cut, "asks for what hundreds of other rules ask for"),
    ):
        if rules:
            yield _not_compared(rules, why)


def _not_compared(rules: list[Rule], why: str) -> Fault:
    first = rules[0]
    others = f" (as {len(rules) - 1} more do)" if len(rules) > 1 else ""
    message = f'"{first.id.value}" {why}{others}: it is not known whether other rules keep it from deciding'
    return Fault(first.id.at, "W520", message, "cut it into several rules, or ask for something of its own")
