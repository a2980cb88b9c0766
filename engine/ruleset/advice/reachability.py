"""Rules that cannot do what they are there for: that never match, are never asked, or never decide.

Called by `advice` with a compiled set. Each finding is proved (see `implications`) and shown with a message that the
rules have been run on; a rule about which nothing can be proved is left in peace, and so is one that only adds tags or
raises the priority, for which it need not decide.
"""

from collections.abc import Iterator, Mapping, Sequence

from engine.ruleset import matcher
from engine.ruleset.advice import witnesses
from engine.ruleset.advice.cases import Case, Clause
from engine.ruleset.advice.comparisons import Comparison, Subject
from engine.ruleset.advice.implications import Conflict, conflict
from engine.ruleset.advice.witnesses import Witness
from engine.ruleset.circumstances import favourable
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Document, Fault, Place, Rule

# Messages are put together for so many findings; whoever has more has enough to read.
WITNESSED = 100


def check(comparison: Comparison, document: Document, ruleset: Ruleset) -> Iterator[Fault]:
    """The findings in the order of the rules, at most one for each."""
    same: dict[frozenset[object], Subject] = {}
    by_id = {rule.id: rule for rule in ruleset.rules}
    for subject in comparison.subjects:
        if subject.cases and not subject.possible:
            yield _never_matches(subject, comparison, document, ruleset)
        if not subject.possible or subject.rule.shadow:
            continue
        twin = same.setdefault(subject.condition, subject)
        covering = _covering(subject, comparison)
        stopping = [[other for other in several if other.rule.stop] for several in covering]
        if all(stopping):
            first = _first_of(stopping)
            yield _never_asked(subject, first, _shown(subject, first, comparison, document, ruleset))
        elif twin is not subject:
            yield _same(subject, twin, _shown(subject, [twin], comparison, document, ruleset))
        elif all(covering):
            first = _first_of(covering)
            if lost := _lost(subject.rule, [other.rule for other in first], by_id):
                yield _never_decides(subject, first, lost, _shown(subject, first, comparison, document, ruleset))


def _covering(subject: Subject, comparison: Comparison) -> list[list[Subject]]:
    """For each case of a rule the rules before it that match whenever it does."""
    return [
        [other for other in comparison.holding_with(subject, number) if other.position < subject.position]
        for number in range(len(subject.possible))
    ]


def _lost(rule: Rule, deciding: Sequence[Rule], by_id: Mapping[str, matcher.Rule]) -> list[str]:
    """What the rule itself says of all that only the deciding rule's word counts for, unless what decides says the
    same.
    """
    said = {
        "channel": rule.channel is not None,
        "summary": rule.summary is not None,
        "ack": rule.ack is not None,
        "escalate": rule.escalate is False,
        "also": bool(rule.also),
        "mention": rule.mention is not None,
        "follow_up": rule.follow_up is not None,
    }
    return [
        name
        for name, is_said in said.items()
        if is_said and any(_outcome(other, name, by_id) != _outcome(rule, name, by_id) for other in deciding)
    ]


def _outcome(rule: Rule, name: str, by_id: Mapping[str, matcher.Rule]) -> object:
    """What comes of a rule when it decides, defaults included."""
    if name == "summary":
        return rule.summary and rule.summary.value
    outcome: object = getattr(by_id[rule.id.value], name)
    return outcome


def _first_of(several: Sequence[Sequence[Subject]]) -> list[Subject]:
    """For each case the first rule, each rule once."""
    return list({others[0].position: others[0] for others in several}.values())


def _shown(
    subject: Subject, others: Sequence[Subject], comparison: Comparison, document: Document, ruleset: Ruleset
) -> Witness | None:
    """A message that meets the rule and one of the others, and that the rule does not decide."""
    if len(comparison.witnessed) >= WITNESSED:
        return None
    comparison.witnessed.add(subject.position)
    name, firsts = subject.rule.id.value, {other.rule.id.value for other in others}
    tried = witnesses.witnesses(subject.rule, subject.possible, document, ruleset, comparison.known)
    return witnesses.first(tried, lambda one: one.decision.rule != name and not firsts.isdisjoint(one.met))


def _never_matches(subject: Subject, comparison: Comparison, document: Document, ruleset: Ruleset) -> Fault:
    rule, cases = subject.rule, subject.cases or ()
    found = next(conflicts for case in cases if (conflicts := conflict(case, comparison.known)))
    message = f'"{rule.id.value}" can never match: it {_contradiction(found)}'
    if len(cases) > 1:
        message += ", and its other ways to match fail likewise"
    hint = "take one of the two out"
    refused = _refused(rule, cases[0], comparison, document, ruleset)
    return Fault(rule.id.at, "E220", message, f"{hint}: even {refused} does not match" if refused else hint)


def _contradiction(found: Conflict) -> str:
    asked = [f"`{option.shown}`" for option in found.asked]
    forbidden = [f"`{option.shown}`" for option in found.forbidden]
    if not forbidden:
        return f"asks for {' and for '.join(asked)} at once"
    if not asked:
        return f"forbids {' and '.join(forbidden)}, of which one is always the case"
    return f"asks for {asked[0]} and forbids {forbidden[0]}"


def _refused(rule: Rule, case: Case, comparison: Comparison, document: Document, ruleset: Ruleset) -> str:
    """A message with everything that a case asks for, which is turned away all the same; empty when there is none."""
    around = favourable(rule, document)
    if not any(map(witnesses.asks_for_text, case.required)):
        return ""
    text = next(witnesses.texts(Case(case.required, Clause()), comparison.known))
    found = witnesses.run(around, text, ruleset)
    return "" if rule.id.value in found.met else found.shown


def _never_asked(subject: Subject, first: Sequence[Subject], shown: Witness | None) -> Fault:
    ours, theirs = subject.rule.id, _named(first)
    message = f'"{ours.value}" is never asked: {theirs} always matches first and ends the search{_example(shown)}'
    also = _related(first, 'it stands before this rule and has "stop: true"')
    return Fault(ours.at, "W511", message, f"move it above {theirs}, or delete it", also)


def _same(subject: Subject, twin: Subject, shown: Witness | None) -> Fault:
    ours, theirs = subject.rule.id, twin.rule.id
    message = f'"{ours.value}" asks for the same as "{theirs.value}"{_example(shown)}'
    also = _related([twin], "the first one stands here, and it decides")
    return Fault(ours.at, "W512", message, "put the two together, or delete one", also)


def _never_decides(subject: Subject, first: Sequence[Subject], lost: Sequence[str], shown: Witness | None) -> Fault:
    ours, theirs = subject.rule.id, _named(first)
    used = f"{' and '.join(lost)} {'is' if len(lost) == 1 else 'are'} never used"
    message = f'"{ours.value}" never decides, and its {used}: {theirs} always comes first{_example(shown)}'
    also = _related(first, "it stands before this rule and matches whenever this one does")
    return Fault(ours.at, "W510", message, f"move it above {theirs}, or leave it only tags and priority", also)


def _named(several: Sequence[Subject]) -> str:
    return " or ".join(f'"{subject.rule.id.value}"' for subject in several)


def _related(several: Sequence[Subject], words: str) -> tuple[tuple[Place, str], ...]:
    return tuple((subject.rule.id.at, words) for subject in several)


def _example(shown: Witness | None) -> str:
    return f", e.g. {shown.shown}" if shown else ""
