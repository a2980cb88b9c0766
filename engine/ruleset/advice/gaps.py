"""Summaries and acknowledgements that use what a matching message may lack.

Called by `advice` with a compiled set. What a condition guarantees is known (see `guarantees`); where it guarantees
too little, a message is put together that matches and lacks the variable, and run, so that the finding shows it.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from engine.core import variables
from engine.ruleset import patterns
from engine.ruleset.advice import cases, witnesses
from engine.ruleset.advice.cases import Clause, Fits, Found, Vocabulary
from engine.ruleset.advice.comparisons import Comparison, Subject
from engine.ruleset.advice.reachability import WITNESSED
from engine.ruleset.advice.witnesses import Witness
from engine.ruleset.guarantees import atoms, guaranteed
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Document, Fault, Pattern, Place, Rule, Text
from engine.ruleset.templates import Templates


def check(comparison: Comparison, document: Document, templates: Templates, ruleset: Ruleset) -> Iterator[Fault]:
    """A warning for each variable of each text, in the order of the rules."""
    acks = {rule.ack.value: rule.ack for rule in document.rules if rule.ack}
    used = {name: _used_by_ack(ack, templates) for name, ack in acks.items()}
    by_id = {subject.rule.id.value: subject for subject in comparison.subjects}
    shown = 0
    for rule in document.rules:
        for at, message, name in _lacking(rule, templates, used):
            subject = by_id.get(rule.id.value)
            shown += 1
            found = (
                _example(subject, name, comparison.known, document, ruleset) if subject and shown <= WITNESSED else None
            )
            yield _may_lack(at, f"{message} `{name}`{f', e.g. {found.shown}' if found else ''}", name)


def _lacking(rule: Rule, templates: Templates, used: Mapping[str, frozenset[str]]) -> Iterator[tuple[Place, str, str]]:
    """(place, what is wrong with it, name of the variable) for each text of a rule."""
    sure = variables.ALWAYS | guaranteed(rule.when, _groups(rule))
    if rule.summary and "{" in rule.summary.value:
        for name in sorted(templates.unguarded(rule.summary) - sure):
            yield rule.summary.at, "this rule can match without", name
    if rule.ack:
        for name in sorted(used[rule.ack.value] - sure):
            yield rule.ack.at, f'the acknowledgement "{rule.ack.value}" can be sent without', name


def _groups(rule: Rule) -> Mapping[Text, frozenset[str]]:
    return {atom.regex: _groups_of(atom.regex) for atom in atoms(rule.when) if isinstance(atom, Pattern)}


# Parsing a pattern takes most of a millisecond.
@lru_cache(maxsize=1024)
def _groups_of(regex: Text) -> frozenset[str]:
    return patterns.groups(regex)


def _used_by_ack(ack: Text, templates: Templates) -> frozenset[str]:
    names = (ack.value, *(f"{ack.value}.{language}" for language in templates.variants.get(ack.value, ())))
    sources = (templates.sources.get(f"ack/{name}", "") for name in names)
    used = frozenset[str]().union(*(templates.unguarded(Text(source, ack.at)) for source in sources))
    return used - variables.DECIDED


def _may_lack(at: Place, message: str, name: str) -> Fault:
    return Fault(at, "W503", message, f"write {{% if {name} is defined %}} … {{% endif %}} around it")


def _example(subject: Subject, name: str, known: Vocabulary, document: Document, ruleset: Ruleset) -> Witness | None:
    """A message that the rule decides and that lacks a variable."""
    rule = subject.rule
    if name in variables.SOMETIMES:
        # The network may always keep the name or the number back; no text shows that.
        return None
    asked = [Found(name, keyword) for keyword in known.names.get(name, ())]
    fits = [Fits(atom.regex.value) for atom in atoms(rule.when) if isinstance(atom, Pattern)]
    absent: Clause = cases.clause(
        (*asked, *(fit for fit in fits if name in patterns.groups(Text(fit.regex, rule.at)))), known
    )
    ways = [witnesses.without(case, absent, known) for case in subject.possible]
    return witnesses.first(
        witnesses.witnesses(rule, (*ways, *subject.possible), document, ruleset, known),
        lambda one: one.decision.rule == rule.id.value and name not in _names(one),
    )


def _names(found: Witness) -> set[str]:
    """The keyword categories and groups that a message has."""
    return {name for name, _ in (*found.decision.keywords, *found.decision.captures)}
