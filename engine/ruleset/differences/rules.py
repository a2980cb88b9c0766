"""The rules of two documents: which are new, gone, renamed, moved, switched on or off, and what each says otherwise.

Called by the package. Values that a rule leaves to the defaults are compared as what they come to; a change of the
defaults themselves is told once, by `surroundings`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from engine.core.decisions import Priority
from engine.ruleset.differences import clauses
from engine.ruleset.differences.grades import Change, Grade, listed
from engine.ruleset.syntax import Defaults, Document, FollowUp, Rule, Text

# How many of the rules that a rule has passed are named.
_SHOWN_PASSED = 3


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that a deciding rule settles and the defaults may settle for it."""

    name: str
    # None: not said here.
    said: Callable[[Rule | Defaults], str | None]
    # What holds when nobody says anything.
    otherwise: str


def _said(text: Text | None) -> str | None:
    return text.value if text else None


def _ack(found: Rule | Defaults) -> str | None:
    return _said(found.ack)


def _within(found: Rule | Defaults) -> str | None:
    return _span(found.follow_up, lambda said: said.within)


def _again(found: Rule | Defaults) -> str | None:
    return _span(found.follow_up, lambda said: said.ack_again_after)


def _span(policy: FollowUp | None, part: Callable[[FollowUp], timedelta | None]) -> str | None:
    span = part(policy) if policy else None
    return None if span is None else str(span)


# All of them are of the gravest class: they say where a message goes, how soon, who is called, what the client is told.
ASPECTS = (
    Aspect("channel", lambda found: _said(found.channel), "none"),
    Aspect("ack", _ack, "default"),
    Aspect("mention", lambda found: _said(found.mention), "whoever is on call"),
    Aspect("follow_up within", _within, "the engine's own time"),
    Aspect("follow_up then", lambda found: _said(found.follow_up.then) if found.follow_up else None, "append"),
    Aspect("follow_up ack_again_after", _again, "never"),
)


def effective(aspect: Aspect, rule: Rule, defaults: Defaults) -> str:
    """What an aspect comes to for a rule that decides."""
    return aspect.said(rule) or aspect.said(defaults) or aspect.otherwise


def is_live(rule: Rule) -> bool:
    """Whether the rule changes anything about a message."""
    return rule.enabled and not rule.shadow


def compare(before: Document, after: Document) -> Iterator[Change]:
    """Every difference between the rules, in the order in which the rules stand; those that are gone come last."""
    old, new = {rule.id.value: rule for rule in before.rules}, {rule.id.value: rule for rule in after.rules}
    renamed = _renamed(before, after)
    moved = dict(_moved(before, after, renamed))
    for name, rule in new.items():
        earlier = old.get(renamed.get(name, name))
        if earlier is None:
            yield _added(rule)
            continue
        if name in renamed:
            grade = Grade.MINOR if is_live(rule) else Grade.PATCH
            what = f'renamed from "{earlier.id.value}"; statistics count it under the new name'
            yield Change(f"rule {name}", "renamed", what, grade, earlier.at, rule.at)
        if name in moved:
            yield moved[name]
        yield from _changed(earlier, rule, before.defaults, after.defaults)
    for name, rule in old.items():
        if name not in new and name not in renamed.values():
            grade = Grade.MAJOR if is_live(rule) else Grade.PATCH
            yield Change(f"rule {name}", "removed", f"removed{_state_note(rule)}", grade, rule.at, None)


def _state(rule: Rule) -> str:
    if not rule.enabled:
        return "off"
    return "on trial" if rule.shadow else "live"


def _state_note(rule: Rule) -> str:
    return "" if is_live(rule) else f" (it was {_state(rule)})"


def _grade_new(rule: Rule) -> tuple[Grade, str]:
    """What a rule that begins to decide does, and why that is grave."""
    grave = [
        words
        for words, is_so in (
            ("it ends the search, so that later rules are asked no more", rule.stop),
            ("clients are not acknowledged", rule.ack is not None and rule.ack.value == "none"),
            ("nobody is called", rule.escalate is False),
        )
        if is_so
    ]
    return (Grade.MAJOR, f": {', '.join(grave)}") if grave else (Grade.MINOR, "")


def _added(rule: Rule) -> Change:
    if not is_live(rule):
        return Change(f"rule {rule.id.value}", "added", f"added, {_state(rule)}", Grade.PATCH, None, rule.at)
    grade, why = _grade_new(rule)
    return Change(f"rule {rule.id.value}", "added", f"added{why}", grade, None, rule.at)


def _content(rule: Rule, defaults: Defaults) -> object:
    """Equal for rules that do the same under whatever name."""
    said = tuple(effective(aspect, rule, defaults) for aspect in ASPECTS)
    summary = _said(rule.summary)
    condition = clauses.key(clauses.meaning(rule.when))
    return (_state(rule), condition, said, rule.priority, _own(rule.tags), summary, _flags(rule), _own(rule.also))


def _own(texts: Sequence[Text]) -> frozenset[str]:
    return frozenset(text.value for text in texts)


def _flags(rule: Rule) -> tuple[bool, bool]:
    return rule.escalate is not False, rule.stop


def _renamed(before: Document, after: Document) -> dict[str, str]:
    """The new name of each rule that only has another one, to the old name."""
    old, new = {rule.id.value for rule in before.rules}, {rule.id.value for rule in after.rules}
    gone: dict[object, list[str]] = {}
    for rule in before.rules:
        if rule.id.value not in new:
            gone.setdefault(_content(rule, before.defaults), []).append(rule.id.value)
    found: dict[str, str] = {}
    for rule in after.rules:
        if rule.id.value not in old and (names := gone.get(_content(rule, after.defaults))):
            found[rule.id.value] = names.pop(0)
    return found


def _moved(before: Document, after: Document, renamed: Mapping[str, str]) -> Iterator[tuple[str, Change]]:
    """The fewest rules that explain another order, each with the rules that it has passed."""
    position = {rule.id.value: index for index, rule in enumerate(before.rules)}
    common = [rule for rule in after.rules if renamed.get(rule.id.value, rule.id.value) in position]
    places = [position[renamed.get(rule.id.value, rule.id.value)] for rule in common]
    staying = _longest_rise(places)
    for index, rule in enumerate(common):
        if index in staying:
            continue
        passed = [
            other
            for number, other in enumerate(common)
            if (number < index) != (places[number] < places[index]) and number != index
        ]
        yield rule.id.value, _move(rule, before.rules[places[index]], passed, after, up=places[index] > index)


def _move(rule: Rule, earlier: Rule, passed: Sequence[Rule], after: Document, *, up: bool) -> Change:
    counted = [other for other in passed if is_live(other)] if is_live(rule) else []
    grade = Grade.PATCH
    if counted:
        mine = _outcome(rule, after.defaults)
        same = all(_outcome(other, after.defaults) == mine for other in counted)
        grade = Grade.MINOR if same else Grade.MAJOR
    names = [other.id.value for other in islice(passed, _SHOWN_PASSED)]
    more = f" and {len(passed) - len(names)} more" if len(passed) > len(names) else ""
    what = f"moved: it now comes {'before' if up else 'after'} {listed(names)}{more}"
    return Change(f"rule {rule.id.value}", "moved", what, grade, earlier.at, rule.at)


def _outcome(rule: Rule, defaults: Defaults) -> object:
    """What depends on which of two rules comes first, the text of the summary apart."""
    said = tuple(effective(aspect, rule, defaults) for aspect in ASPECTS)
    return (said, _flags(rule), _own(rule.also), rule.priority)


def _longest_rise(places: Sequence[int]) -> frozenset[int]:
    """The indexes of a longest rising subsequence."""
    ends: list[int] = []
    indexes: list[int] = []
    previous: list[int] = []
    for index, place in enumerate(places):
        length = bisect_left(ends, place)
        previous.append(indexes[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        indexes[length : length + 1] = [index]
    found: list[int] = []
    at = indexes[-1] if indexes else -1
    while at >= 0:
        found.append(at)
        at = previous[at]
    return frozenset(found)


def _changed(before: Rule, after: Rule, old: Defaults, new: Defaults) -> Iterator[Change]:
    """What one rule says otherwise. Of a rule that is live on neither side everything is a patch."""
    matters = is_live(before) or is_live(after)
    for what, grade in _differences(before, after, old, new):
        capped = grade if matters else Grade.PATCH
        yield Change(f"rule {after.id.value}", "changed", what, capped, before.at, after.at)


def _differences(before: Rule, after: Rule, old: Defaults, new: Defaults) -> Iterator[tuple[str, Grade]]:
    if _state(before) != _state(after):
        yield _switched(before, after)
    elif not after.enabled and _said(before.reason) != _said(after.reason):
        yield "another reason for being off", Grade.PATCH
    for edit in clauses.edits(before.when, after.when):
        yield edit.what, Grade.MAJOR if edit.narrows else Grade.MINOR
    yield from _outcomes(before, after, old, new)
    yield from _wording(before, after)


def _outcomes(before: Rule, after: Rule, old: Defaults, new: Defaults) -> Iterator[tuple[str, Grade]]:
    if before.priority != after.priority:
        yield f"priority: {_priority(before, old)} → {_priority(after, new)}", Grade.MAJOR
    for aspect in ASPECTS:
        # Where neither rule says anything, a difference is the defaults' own.
        if aspect.said(before) is None and aspect.said(after) is None:
            continue
        one, other = effective(aspect, before, old), effective(aspect, after, new)
        if one != other:
            yield f"{aspect.name}: {one} → {other}", Grade.MAJOR
    for name, was, now in zip(("escalate", "stop"), _flags(before), _flags(after), strict=True):
        if was != now:
            yield f"{name}: {_word(is_so=was)} → {_word(is_so=now)}", Grade.MAJOR
    yield from _sets("copies to", _own(before.also), _own(after.also), Grade.MAJOR)
    yield from _sets("tags", _own(before.tags) - _own(old.tags), _own(after.tags) - _own(new.tags), Grade.MINOR)


def _wording(before: Rule, after: Rule) -> Iterator[tuple[str, Grade]]:
    for name, was, now, grade in (
        ("summary", before.summary, after.summary, Grade.MINOR),
        ("title", before.title, after.title, Grade.PATCH),
    ):
        if _said(was) != _said(now):
            yield f"{name}: {_said(was) or 'none'} → {_said(now) or 'none'}", grade
    for name, earlier, later in (
        ("match", before.examples.match, after.examples.match),
        ("no_match", before.examples.no_match, after.examples.no_match),
    ):
        added, removed = len(_own(later) - _own(earlier)), len(_own(earlier) - _own(later))
        if added or removed:
            yield f"examples {name}: {added} added, {removed} removed", Grade.PATCH


def _switched(before: Rule, after: Rule) -> tuple[str, Grade]:
    what = f"{_state(before)} → {_state(after)}"
    if is_live(before):
        return what, Grade.MAJOR
    if is_live(after):
        grade, why = _grade_new(after)
        return f"{what}{why}", grade
    return what, Grade.PATCH


def _priority(rule: Rule, defaults: Defaults) -> str:
    if rule.priority is not None:
        return rule.priority.word
    default = Priority.NORMAL if defaults.priority is None else defaults.priority
    return f"not said ({default.word})"


def _word(*, is_so: bool) -> str:
    return "true" if is_so else "false"


def _sets(name: str, before: frozenset[str], after: frozenset[str], lost: Grade) -> Iterator[tuple[str, Grade]]:
    if after - before:
        yield f"{name}: {listed(sorted(after - before))} added", Grade.MINOR
    if before - after:
        yield f"{name}: {listed(sorted(before - after))} removed", lost
