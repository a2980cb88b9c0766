"""The conditions of rules cut into the smallest things that can be tested, mutated and pointed at.

A list of words becomes one unit for each phrase, a keyword one for each name, a client's field one for each value; what
is single already stays so. Called by `trials`, `coverage` and `mutants`. Pure; it never sees a message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from engine.ruleset import conditions
from engine.ruleset.conditions import ALWAYS, Kind, Leaf
from engine.ruleset.syntax import (
    Always,
    Atom,
    AttachmentIs,
    ClientIs,
    Condition,
    Document,
    FollowUpIs,
    Group,
    HoursIs,
    KeywordIs,
    KindIs,
    Pattern,
    Place,
    Rule,
    SourceIs,
    Text,
    Words,
)

# Atoms that name several things of which any is enough.
Listed = Words | KeywordIs | ClientIs | SourceIs | AttachmentIs | KindIs
# What an atom asks, without its place: equal for equal questions of several rules.
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that a rule asks, at one place of its condition."""

    # Unique within its rule; never `ALWAYS`.
    number: int
    key: Key
    # An atom that asks exactly this.
    atom: Atom
    # As it is shown, e.g. `words "call me back"`.
    label: str
    at: Place


@dataclass(frozen=True, slots=True)
class Part:
    """An atom as it was written, with its units."""

    atom: Atom
    units: tuple[Unit, ...]
    # The group around it: all, any or none.
    group: str
    # The indices that lead to it from the top of the condition; empty when it is the whole of it.
    path: tuple[int, ...]
    # Somewhere under a `none`.
    guard: bool

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of its units."""
        return frozenset(unit.number for unit in self.units)

    @property
    def is_fact(self) -> bool:
        """Whether it asks about anything but the words of the message."""
        return not isinstance(self.atom, Words | KeywordIs | Pattern | Always)


@dataclass(frozen=True, slots=True)
class Cut:
    """A rule whose condition is cut into units."""

    rule: Rule
    parts: tuple[Part, ...]
    # Over the numbers of the units.
    condition: conditions.Condition


def cut(rule: Rule) -> Cut:
    """The rule with its units, numbered in the order of the file."""
    parts = tuple(_numbered(_parts(rule.when, "all", (), guard=False)))
    units = {part.path: part.units for part in parts}
    return Cut(rule, parts, _tree(rule.when, (), units))


def cut_all(document: Document) -> tuple[Cut, ...]:
    """Every rule that is used, in order."""
    return tuple(cut(rule) for rule in document.rules if rule.enabled)


def without(condition: Condition, path: tuple[int, ...]) -> Condition | None:
    """The condition without the part at a path; a group that becomes empty goes with it. None when nothing is left."""
    if not path or not isinstance(condition, Group):
        return None
    head, *rest = path
    left = without(condition.parts[head], tuple(rest))
    parts = (*condition.parts[:head], *((left,) if left else ()), *condition.parts[head + 1 :])
    return replace(condition, parts=parts) if parts else None


def exchanged(condition: Condition, path: tuple[int, ...], atom: Atom) -> Condition:
    """The condition with another atom at a path."""
    if not path or not isinstance(condition, Group):
        return atom
    head, *rest = path
    inner = exchanged(condition.parts[head], tuple(rest), atom)
    return replace(condition, parts=(*condition.parts[:head], inner, *condition.parts[head + 1 :]))


def less(atom: Listed, unit: Unit) -> Atom:
    """A list without one of its entries; it has others."""
    left = unit.at
    match atom:
        case Words():
            return replace(atom, phrases=_but(atom.phrases, left))
        case KeywordIs():
            return replace(atom, names=_but(atom.names, left))
        case ClientIs():
            return replace(atom, values=_but(atom.values, left))
        case SourceIs():
            return replace(atom, sources=_but(atom.sources, left))
        case AttachmentIs() | KindIs():
            return replace(atom, kinds=_but(atom.kinds, left))
        case _:
            assert_never(atom)


def _but(texts: tuple[Text, ...], place: Place) -> tuple[Text, ...]:
    return tuple(text for text in texts if text.at != place)


def _parts(condition: Condition, group: str, path: tuple[int, ...], *, guard: bool) -> Iterator[Part]:
    if not isinstance(condition, Group):
        if not isinstance(condition, Always):
            yield Part(condition, tuple(_units(condition)), group, path, guard)
        return
    for index, part in enumerate(condition.parts):
        yield from _parts(part, condition.kind, (*path, index), guard=guard or condition.kind == "none")


def _numbered(parts: Iterator[Part]) -> Iterator[Part]:
    number = ALWAYS
    for part in parts:
        units = tuple(replace(unit, number=number + step) for step, unit in enumerate(part.units, 1))
        number += len(units)
        yield replace(part, units=units)


def _tree(
    condition: Condition, path: tuple[int, ...], units: dict[tuple[int, ...], tuple[Unit, ...]]
) -> conditions.Condition:
    if isinstance(condition, Group):
        inner = [_tree(part, (*path, index), units) for index, part in enumerate(condition.parts)]
        return conditions.branch(Kind(condition.kind), inner)
    if isinstance(condition, Always):
        return Leaf(ALWAYS)
    return conditions.branch(Kind.ANY, [Leaf(unit.number) for unit in units[path]])


def _units(atom: Listed | Pattern | HoursIs | FollowUpIs) -> Iterator[Unit]:
    match atom:
        case Words():
            head = "exact" if atom.exact else "words"
            for text in atom.phrases:
                yield _unit((head, text.value), replace(atom, phrases=(text,), at=text.at), f'{head} "{text.value}"')
        case KeywordIs():
            category = atom.category.value
            for text in atom.names:
                one = replace(atom, names=(text,), at=text.at)
                yield _unit(("keyword", category, text.value), one, f"keywords {category}: {text.value}")
            if not atom.names:
                yield _unit(("keyword", category), atom, f"keywords {category}: any")
        case ClientIs():
            field = atom.field.value
            for text in atom.values:
                field_is = replace(atom, values=(text,), at=text.at)
                yield _unit(("client", field, text.value), field_is, f"client {field}: {text.value}")
        case Pattern():
            yield _unit(("pattern", atom.regex.value), replace(atom, at=atom.regex.at), f"pattern {atom.regex.value}")
        case _:
            yield from _fact_units(atom)


def _fact_units(atom: SourceIs | AttachmentIs | KindIs | HoursIs | FollowUpIs) -> Iterator[Unit]:
    match atom:
        case SourceIs():
            for text in atom.sources:
                yield _unit(("source", text.value), replace(atom, sources=(text,), at=text.at), f"source: {text.value}")
        case AttachmentIs() | KindIs():
            head = "attachment" if isinstance(atom, AttachmentIs) else "kind"
            for text in atom.kinds:
                yield _unit((head, text.value), replace(atom, kinds=(text,), at=text.at), f"{head}: {text.value}")
            if not atom.kinds:
                yield _unit((head,), atom, f"{head}: any")
        case HoursIs():
            named = f"{'' if atom.inside else 'not '}{atom.name.value}"
            yield _unit(("hours", named), replace(atom, at=atom.name.at), f"hours: {named}")
        case FollowUpIs():
            word = "true" if atom.value else "false"
            yield _unit(("follow_up", word), atom, f"follow_up: {word}")
        case _:
            assert_never(atom)


def _unit(key: Key, atom: Atom, label: str) -> Unit:
    return Unit(0, key, atom, label, atom.at)
