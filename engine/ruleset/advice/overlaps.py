"""Two rules for one message that want different things of it.

Called by `advice` with a compiled set. That rules overlap is how the language is meant to be used, so an overlap alone
is no finding. These are: the message that is sent to the channel of the less urgent of two rules, or kept from
everybody, though the author of the more urgent one surely wanted it (it is an example of that rule, or one whole
alternative of it); and a priority that never counts, because a later rule always raises it.
"""

from collections.abc import Iterator

from engine.core.decisions import Priority
from engine.ruleset.advice import witnesses
from engine.ruleset.advice.comparisons import Comparison, Subject
from engine.ruleset.advice.witnesses import Witness
from engine.ruleset.circumstances import favourable
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Document, Fault, Rule


def check(comparison: Comparison, document: Document, ruleset: Ruleset) -> Iterator[Fault]:
    """The findings in the order of the rules."""
    yield from _in_the_wrong_channel(comparison, document, ruleset)
    yield from _raised_for_ever(comparison, document, ruleset)


def _in_the_wrong_channel(comparison: Comparison, document: Document, ruleset: Ruleset) -> Iterator[Fault]:
    by_id = {subject.rule.id.value: subject for subject in comparison.subjects}
    lowest = Priority.URGENT
    for subject in comparison.subjects:
        rule = subject.rule
        said = rule.priority
        if rule.shadow or rule.channel is None or said is None:
            continue
        if said > lowest and (found := _outranked(subject, by_id, comparison, document, ruleset)) is not None:
            yield _misplaced(rule, by_id[found.decision.rule].rule, found)
        lowest = Priority.LOW if rule.escalate is False else min(lowest, said)


def _outranked(
    subject: Subject, by_id: dict[str, Subject], comparison: Comparison, document: Document, ruleset: Ruleset
) -> Witness | None:
    """A message of the rule that a rule with another channel and a lower priority decides."""
    around = favourable(subject.rule, document)

    # Which rules match takes a tenth of the time of all that is decided, and nearly every message is in its place.
    def deciding(text: str) -> Subject | None:
        matched = [rule.id for rule in ruleset.match(around.event(text), follow_up=around.follow_up)]
        first = by_id.get(matched[0]) if matched else None
        return first if first and subject.rule.id.value in matched and _outranks(first, subject) else None

    for example in subject.rule.examples.match:
        first = deciding(example.value)
        # Who has the same message among the examples of both rules knows what comes of it.
        if first and example.value not in {other.value for other in first.rule.examples.match}:
            return witnesses.run(around, example.value, ruleset)
    for number, case in enumerate(subject.possible):
        wide = {other.position for other in comparison.holding_with(subject, number) if _outranks(other, subject)}
        for text in witnesses.texts(case, comparison.known) if wide else ():
            first = deciding(text)
            if first and first.position in wide:
                return witnesses.run(around, text, ruleset)
    return None


def _outranks(first: Subject, second: Subject) -> bool:
    """Whether a message of both would go where the less urgent of two rules wants it."""
    deciding, other = first.rule, second.rule
    if deciding.channel is None or other.channel is None or deciding.priority is None or other.priority is None:
        return False
    elsewhere = deciding.channel.value != other.channel.value or deciding.escalate is False
    earlier = first.position < second.position
    return earlier and elsewhere and deciding.priority < other.priority and other.escalate is not False


def _misplaced(rule: Rule, deciding: Rule, found: Witness) -> Fault:
    name, first = rule.id.value, deciding.id.value
    ours = rule.priority.word if rule.priority is not None else ""
    theirs = deciding.priority.word if deciding.priority is not None else ""
    goes = "is not posted" if deciding.escalate is False else f'goes to "{found.decision.channel}"'
    message = f'{found.shown} is {ours} for "{name}", but {goes}: "{first}", which is {theirs}, comes first'
    hint = f'move it above "{first}", or keep such messages out of that one with "none"'
    return Fault(rule.id.at, "W513", message, hint, ((deciding.id.at, "this rule decides"),))


def _raised_for_ever(comparison: Comparison, document: Document, ruleset: Ruleset) -> Iterator[Fault]:
    stops = [subject.position for subject in comparison.subjects if subject.rule.stop]
    highest = Priority.LOW
    # What stands behind a rule can raise it only where something higher stands there.
    above: dict[int, Priority] = {}
    for subject in reversed(comparison.subjects):
        above[subject.position] = highest
        highest = max(highest, subject.rule.priority or Priority.LOW)
    for subject in comparison.subjects:
        rule = subject.rule
        if rule.priority is None or rule.shadow or rule.stop or above[subject.position] <= rule.priority:
            continue
        until = next((stop for stop in stops if stop > subject.position), len(comparison.subjects))
        raising = [_raising(subject, until, comparison, number) for number in range(len(subject.possible))]
        if raising and all(raising):
            tried = witnesses.witnesses(rule, subject.possible, document, ruleset, comparison.known)
            said = rule.priority
            found = witnesses.first(tried, lambda one: one.decision.priority > said)  # noqa: B023 - used at once
            if found is not None:
                yield _raised(rule, raising[0][0].rule, found)


def _raising(subject: Subject, until: int, comparison: Comparison, number: int) -> list[Subject]:
    """The rules behind a rule that match whenever one of its cases holds and have a higher priority."""
    said = subject.rule.priority
    return [
        other
        for other in comparison.holding_with(subject, number)
        if subject.position < other.position <= until
        and other.rule.priority is not None
        and said is not None
        and other.rule.priority > said
    ]


def _raised(rule: Rule, raising: Rule, found: Witness) -> Fault:
    said = rule.priority.word if rule.priority is not None else ""
    message = (
        f'"{rule.id.value}" is never {said}: "{raising.id.value}" always matches too and raises it to '
        f"{found.decision.priority.word}, e.g. {found.shown}"
    )
    hint = f'write the priority that is meant, or keep such messages out of "{raising.id.value}" with "none"'
    return Fault(rule.id.at, "W514", message, hint, ((raising.id.at, "it stands behind and matches more"),))
