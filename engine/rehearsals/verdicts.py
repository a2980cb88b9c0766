"""What came of a scenario against what it expects: every difference, with the reason for what came.

Called by `cases` and `mutants`. Texts are compared by their words: how a file breaks its lines does not matter.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.core.decisions import Because
from engine.core.quotes import plain
from engine.rehearsals.plays import ONCALL, Seen
from engine.ruleset.matcher import Ruleset
from engine.ruleset.scenarios import COUNTS, FLAGS, LISTS, NAMES, TEXTS
from engine.ruleset.syntax import Expectation, Place, Scenario

NOTHING = "none"
# What of the evidence is quoted before it is cut.
_SHOWN_EVIDENCE = 4


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that did not come true."""

    at: Place
    # The key, e.g. priority.
    fact: str
    wanted: str
    found: str
    # Both are texts, whose words may be compared.
    texts: bool
    # The step; None: the totals at the end.
    seen: Seen | None
    # Sentences that say why it came so.
    why: tuple[str, ...]


def mismatches(scenario: Scenario, played: Sequence[Seen], ruleset: Ruleset) -> tuple[Mismatch, ...]:
    """Every expectation that did not come true, in the order of the file."""
    found = [mismatch for seen in played for mismatch in _of_step(seen, ruleset)]
    return (*found, *_of_totals(scenario, played))


def holds(scenario: Scenario, played: Sequence[Seen]) -> bool:
    """Whether every expectation came true."""
    totals = _totals(played)
    return all(_is_met(expectation, seen) for seen in played for expectation in seen.step.expect) and all(
        int(expectation.values[0].value) == totals[expectation.fact.value] for expectation in scenario.expect
    )


def _of_step(seen: Seen, ruleset: Ruleset) -> Iterator[Mismatch]:
    for expectation in seen.step.expect:
        if not _is_met(expectation, seen):
            name = expectation.fact.value
            yield Mismatch(
                at=expectation.fact.at,
                fact=name,
                wanted=_wanted(expectation),
                found=_shown(name, seen),
                texts=name in TEXTS and expectation.how == "is" and _text(name, seen) is not None,
                seen=seen,
                why=tuple(_reasons(expectation, seen, ruleset)),
            )


def _of_totals(scenario: Scenario, played: Sequence[Seen]) -> Iterator[Mismatch]:
    totals = _totals(played)
    for expectation in scenario.expect:
        name, wanted = expectation.fact.value, expectation.values[0].value
        if int(wanted) != totals[name]:
            where = [f"step {seen.number}: {seen.counts[name]}" for seen in played if seen.counts[name]]
            why = (", ".join(where),) if where else ()
            yield Mismatch(expectation.fact.at, name, wanted, str(totals[name]), texts=False, seen=None, why=why)


def _totals(played: Sequence[Seen]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for seen in played:
        totals.update(seen.counts)
    return totals


def _is_met(expectation: Expectation, seen: Seen) -> bool:
    name, values = expectation.fact.value, [value.value for value in expectation.values]
    if name in COUNTS:
        return int(values[0]) == seen.counts[name]
    if name in LISTS:
        listed = _list(name, seen)
        return set(values) == set(listed) if expectation.how == "exactly" else set(values) <= set(listed)
    if name in TEXTS:
        return _is_text(expectation.how, values, _text(name, seen), seen.decision.ack if name == "ack" else None)
    return values == [_name(name, seen)]


def _is_text(how: str, values: Sequence[str], found: str | None, template: str | None) -> bool:
    if how == "none" or found is None:
        return how == "none" and found is None
    if how == "contains":
        return all(_line(value) in _line(found) for value in values)
    return _line(values[0]) in {_line(found), template}


def _line(text: str) -> str:
    return " ".join(text.split())


def _name(name: str, seen: Seen) -> str:
    match name:
        case "rule":
            return seen.decision.rule
        case "priority":
            return seen.decision.priority.word
        case "channel":
            return seen.decision.channel
        case "mention":
            return seen.decision.mention or ONCALL
        case "language":
            return seen.language or NOTHING
        case _:
            return "true" if seen.follow_up else "false"


def _list(name: str, seen: Seen) -> tuple[str, ...]:
    match name:
        case "tags":
            return seen.decision.tags
        case "matched":
            return seen.decision.matched
        case _:
            return tuple(channel for channel, _ in seen.decision.also)


def _text(name: str, seen: Seen) -> str | None:
    match name:
        case "summary":
            return plain(seen.decision.summary)
        case "ack":
            return seen.ack
        case "post":
            return plain(seen.post.body) if seen.post else None
        case _:
            return seen.reply


def _wanted(expectation: Expectation) -> str:
    written = ", ".join(value.value for value in expectation.values)
    match expectation.how:
        case "none":
            return NOTHING
        case "contains" if expectation.fact.value in TEXTS:
            return f"a text with: {written}"
        case "exactly":
            return f"exactly {written or 'nothing'}"
        case _:
            return written


def _shown(name: str, seen: Seen) -> str:
    if name in COUNTS:
        return str(seen.counts[name])
    if name in LISTS:
        return ", ".join(_list(name, seen)) or NOTHING
    if name in NAMES or name in FLAGS:
        return _name(name, seen)
    return _text(name, seen) or NOTHING


def _reasons(expectation: Expectation, seen: Seen, ruleset: Ruleset) -> Iterator[str]:
    """Why it came as it did: the rule that decides and what it rests on, and what the rule that was meant misses."""
    decision = seen.decision
    state = "a further message of an open incident" if seen.follow_up else "the first message of an incident"
    if expectation.fact.value in {"ack", "follow_up", "post", "reply", *COUNTS}:
        yield f"this is {state}"
    evidence = ", ".join(shown_evidence([why for why in decision.because if why.rule == decision.rule]))
    yield f"decided by {decision.rule} ({decision.location})" + (f" because of {evidence}" if evidence else "")
    if len(decision.matched) > 1:
        yield f"also matching: {', '.join(decision.matched[1:])}"
    if expectation.fact.value in {"rule", "matched"}:
        explanation = ruleset.explain(seen.event, follow_up=seen.follow_up)
        for value in expectation.values:
            missing = [missed.missing for missed in explanation.not_matched if missed.rule == value.value]
            if missing:
                yield f"{value.value} does not match: {missing[0]}"
            elif value.value in decision.matched[1:]:
                yield f"{value.value} matches too, but {decision.rule} stands before it"


def shown_evidence(because: Sequence[Because]) -> list[str]:
    """What speaks for a rule, each in a few words."""
    shown = [f'"{why.text}" ({why.atom})' if why.text else why.atom for why in because[:_SHOWN_EVIDENCE]]
    return [*shown, "…"] if len(because) > _SHOWN_EVIDENCE else shown
