"""What was decided and what would be decided in, the outcomes that differ out: grouped, counted, with examples.

Called by the commands that try other rules on past messages. An outcome comes from a decision or from the decision log
that the journal keeps (see `contracts.decision_json`); both give the same value.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from engine.core.decisions import Decision
from engine.core.events import Event
from engine.core.quotes import plain

# How many examples of a group are kept.
EXAMPLES = 3

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What somebody notices of a decision."""

    rule: str
    priority: str
    channel: str
    # Channels that get a copy.
    also: tuple[str, ...]
    # "none" for no acknowledgement.
    ack: str
    escalate: bool
    # Empty: whoever is on call.
    mention: str
    tags: tuple[str, ...]
    # Holds words of the client's where the rule does not word it.
    summary: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a decision log tells about rules."""

    outcome: Outcome
    # Every rule that matched, the deciding one first.
    matched: tuple[str, ...]
    # The rules on trial that matched, and whether each would have decided.
    on_trial: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Past:
    """A message of the past, whatever it comes from."""

    # None after its text was erased.
    event: Event | None
    # None when no decision is known.
    seen: Seen | None
    # It was written while its conversation had an open incident.
    follow_up: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes."""

    # As in a rule: rule, priority, channel, also, ack, escalate, mention, tags or summary.
    name: str
    # Empty for a summary, which is told apart in the examples only.
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Example:
    """One message whose outcome changes. It holds the client's words: mask before showing."""

    event: Event
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class Group:
    """The messages that one rule decided and one rule decides now, whose outcomes change in the same way."""

    # The deciding rules, before and after.
    rules: tuple[str, str]
    differences: tuple[Difference, ...]
    count: int
    # The first ones, at most EXAMPLES.
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Past messages under two sets of rules."""

    compared: int
    changed: int
    # How many messages change in each respect, in the order of `Outcome`; those that none does are absent.
    by_name: tuple[tuple[str, int], ...]
    # The largest first.
    groups: tuple[Group, ...]


def of_decision(decision: Decision) -> Outcome:
    """The outcome of a decision that was just made."""
    return Outcome(
        rule=decision.rule,
        priority=decision.priority.word,
        channel=decision.channel,
        also=tuple([channel for channel, _ in decision.also]),
        ack=decision.ack or "none",
        escalate=decision.escalate,
        mention=decision.mention or "",
        tags=decision.tags,
        summary=plain(decision.summary),
    )


def seen(decision: Decision) -> Seen:
    """What the log of a decision would tell."""
    on_trial = tuple([(shadow.rule, shadow.decides) for shadow in decision.shadow])
    return Seen(of_decision(decision), decision.matched, on_trial)


def of_log(log: Mapping[str, object]) -> Seen | None:
    """What a decision log tells; None for something else. Keys that earlier versions did not write may be absent."""
    outcome = Outcome(
        rule=_part(log, "rule", str, ""),
        priority=_part(log, "priority", str, ""),
        channel=_part(log, "channel", str, ""),
        also=_texts(log.get("also", ())),
        ack=_part(log, "ack", str, ""),
        escalate=_part(log, "escalate", bool, default=True),
        mention=_part(log, "mention", str, ""),
        tags=_texts(log.get("tags", ())),
        summary=_part(log, "summary", str, ""),
    )
    if not (outcome.rule and outcome.priority and outcome.channel and outcome.ack):
        return None
    shadows = log.get("shadow", ())
    on_trial = [
        (str(shadow["rule"]), bool(shadow["decides"]))
        for shadow in (shadows if isinstance(shadows, Sequence) else ())
        if isinstance(shadow, Mapping) and {"rule", "decides"} <= shadow.keys()
    ]
    return Seen(outcome, _texts(log.get("matched", ())), tuple(on_trial))


def _part(log: Mapping[str, object], name: str, kind: type[_Value], default: _Value) -> _Value:
    value = log.get(name)
    return value if isinstance(value, kind) else default


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


_NAMED: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
    ("rule", lambda outcome: outcome.rule),
    ("priority", lambda outcome: outcome.priority),
    ("channel", lambda outcome: outcome.channel),
    ("also", lambda outcome: ", ".join(sorted(outcome.also)) or "none"),
    ("ack", lambda outcome: outcome.ack),
    ("escalate", lambda outcome: "true" if outcome.escalate else "false"),
    ("mention", lambda outcome: outcome.mention or "whoever is on call"),
)


def differences(before: Outcome, after: Outcome) -> tuple[Difference, ...]:
    """What changes, in the order of `Outcome`; the order of tags and copies does not count."""
    if before == after:
        return ()
    found = [
        Difference(name, one, other) for name, of in _NAMED for one, other in [(of(before), of(after))] if one != other
    ]
    old, new = set(before.tags), set(after.tags)
    if old != new:
        found.append(Difference("tags", ", ".join(sorted(old - new)), ", ".join(sorted(new - old))))
    if before.summary != after.summary:
        found.append(Difference("summary", "", ""))
    return tuple(found)


@dataclass(slots=True)
class _Gathered:
    count: int = 0
    examples: list[Example] = field(default_factory=list)


def compare(messages: Iterable[Example]) -> Comparison:
    """Both outcomes of each message, compared. Keeps only counts and the first examples of each group."""
    compared = changed = 0
    names: Counter[str] = Counter()
    groups: dict[tuple[tuple[str, str], tuple[Difference, ...]], _Gathered] = {}
    for message in messages:
        compared += 1
        found = differences(message.before, message.after)
        if not found:
            continue
        changed += 1
        names.update(difference.name for difference in found)
        group = groups.setdefault(((message.before.rule, message.after.rule), found), _Gathered())
        group.count += 1
        if len(group.examples) < EXAMPLES:
            group.examples.append(message)
    order = (*(name for name, _ in _NAMED), "tags", "summary")
    largest = sorted(groups.items(), key=lambda item: -item[1].count)
    return Comparison(
        compared,
        changed,
        tuple((name, names[name]) for name in order if names[name]),
        tuple(Group(rules, found, group.count, tuple(group.examples)) for (rules, found), group in largest),
    )
