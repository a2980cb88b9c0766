"""Two conditions in, the edits between what they mean out.

A condition is first brought into a form in which only meaning is left: the order of words and parts, groups of one part
and groups inside a group of the same kind are gone, and alternatives of one kind stand in one list. Called by `rules`
and, for who asks what, by `surroundings`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from engine.core import text
from engine.ruleset import syntax
from engine.ruleset.differences.grades import listed

# How many values of a list a description shows.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Leaf:
    """An atom; it holds when any of its values does."""

    # The key in the file: words, exact, keywords, …
    kind: str
    # The category of a keyword, the field of a client, "not" of hours outside of a window.
    of: str
    # The form in which values are compared, and the one that was written, in order; none of them means any.
    values: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The atom without its values."""
        return f"{self.kind} {self.of}".strip()


@dataclass(frozen=True, slots=True)
class Branch:
    """A group of at least one part."""

    # all, any or none
    kind: str
    parts: "tuple[Node, ...]"


Node = Leaf | Branch


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference between two conditions."""

    what: str
    # Whether more messages may match, and whether fewer may.
    widens: bool
    narrows: bool


def meaning(condition: syntax.Condition) -> Branch:
    """The condition in the form that is compared: an `all` of its parts."""
    node = _node(condition)
    return node if isinstance(node, Branch) and node.kind == "all" else Branch("all", (node,))


def key(node: Node) -> object:
    """Equal exactly for conditions of the same meaning, as far as `meaning` can tell."""
    if isinstance(node, Leaf):
        return (node.kind, node.of, frozenset(form for form, _ in node.values))
    return (node.kind, frozenset(map(key, node.parts)))


def edits(before: syntax.Condition, after: syntax.Condition) -> list[Edit]:
    """What the second condition asks otherwise than the first; empty when both mean the same."""
    return list(_between("all", meaning(before).parts, meaning(after).parts, positive=True))


def asked(condition: syntax.Condition, *, positive: bool = True) -> Iterator[tuple[syntax.Atom, bool]]:
    """Every atom, and whether it speaks for the rule; those below an odd number of `none` speak against it."""
    if isinstance(condition, syntax.Group):
        for part in condition.parts:
            yield from asked(part, positive=positive != (condition.kind == "none"))
    else:
        yield condition, positive


def phrase(written: str) -> str:
    """A phrase as messages are compared with it; `word*` and `$category` keep their signs."""
    forms = []
    for part in written.split():
        if part.startswith("$"):
            forms.append(part)
        else:
            forms.append(" ".join(text.words(part)) + ("*" if part.endswith("*") else ""))
    return " ".join(form for form in forms if form)


def _node(condition: syntax.Condition) -> Node:
    if not isinstance(condition, syntax.Group):
        return _leaf(condition)
    parts: list[Node] = []
    for part in map(_node, condition.parts):
        # An `any` among exceptions says the same as its parts there.
        same = "any" if condition.kind == "none" else condition.kind
        parts += part.parts if isinstance(part, Branch) and part.kind == same else (part,)
    merged = _merged(parts, "none") if condition.kind == "all" else _alternatives(parts)
    if len(merged) == 1 and condition.kind != "none":
        return merged[0]
    return Branch(condition.kind, tuple(merged))


def _merged(parts: Iterable[Node], kind: str) -> list[Node]:
    """The parts of an `all` with its exceptions in one group."""
    exceptions: list[Node] = []
    others: list[Node] = []
    for part in parts:
        if isinstance(part, Branch) and part.kind == kind:
            exceptions += part.parts
        else:
            others.append(part)
    return [*others, Branch(kind, tuple(_alternatives(exceptions)))] if exceptions else others


def _alternatives(parts: Iterable[Node]) -> list[Node]:
    """The parts of an `any` or a `none` with the values of equal atoms in one list."""
    leaves: dict[tuple[str, str], Leaf] = {}
    branches: list[Node] = []
    for part in parts:
        if isinstance(part, Branch):
            branches.append(part)
            continue
        present = leaves.get((part.kind, part.of))
        if present is None:
            leaves[part.kind, part.of] = part
        else:
            both = dict((*present.values, *part.values)) if present.values and part.values else {}
            leaves[part.kind, part.of] = Leaf(part.kind, part.of, tuple(both.items()))
    return [*leaves.values(), *branches]


def _leaf(atom: syntax.Atom) -> Leaf:  # noqa: C901 - one line for each kind of atom
    match atom:
        case syntax.Words():
            forms = tuple((phrase(written.value), written.value) for written in atom.phrases)
            return Leaf("exact" if atom.exact else "words", "", forms)
        case syntax.KeywordIs():
            return Leaf("keywords", atom.category.value, _plain(atom.names))
        case syntax.Pattern():
            return Leaf("pattern", "", _plain((atom.regex,)))
        case syntax.ClientIs():
            return Leaf("client", atom.field.value, _plain(atom.values))
        case syntax.SourceIs():
            return Leaf("source", "", _plain(atom.sources))
        case syntax.AttachmentIs():
            return Leaf("attachment", "", _plain(atom.kinds))
        case syntax.KindIs():
            return Leaf("kind", "", _plain(atom.kinds))
        case syntax.HoursIs():
            return Leaf("hours", "" if atom.inside else "not", _plain((atom.name,)))
        case syntax.FollowUpIs():
            word = "true" if atom.value else "false"
            return Leaf("follow_up", "", ((word, word),))
        case syntax.Always():
            return Leaf("always", "", ())
        case _:
            assert_never(atom)


def _plain(values: Iterable[syntax.Text]) -> tuple[tuple[str, str], ...]:
    return tuple((value.value, value.value) for value in values)


def _between(kind: str, before: Sequence[Node], after: Sequence[Node], *, positive: bool) -> Iterator[Edit]:
    """The edits between the parts of two groups of one kind; `positive` says whether the groups speak for the rule."""
    inner = positive != (kind == "none")
    kept = {key(part) for part in before} & {key(part) for part in after}
    gone = [part for part in before if key(part) not in kept]
    new = [part for part in after if key(part) not in kept]
    for part in tuple(gone):
        mate = _mate(kind, part, new)
        if mate is None:
            continue
        gone.remove(part)
        new.remove(mate)
        yield from _within(kind, part, mate, positive=inner)
    role = _ROLES[kind]
    for part in gone:
        widens = (kind == "all") == inner
        yield Edit(f"{role} removed: {_described(part)}", widens, not widens)
    for part in new:
        widens = (kind != "all") == inner
        yield Edit(f"{role} added: {_described(part)}", widens, not widens)


_ROLES = {"all": "condition", "any": "alternative", "none": "exception"}


def _mate(kind: str, part: Node, candidates: Sequence[Node]) -> Node | None:
    """The candidate that the part has most likely become."""
    lifted = "any" if kind == "all" else "all"
    possible = [other for other in candidates if _alike(part, other, lifted)]
    # The first of those that share most.
    return max(possible, key=lambda other: len(_members(part) & _members(other)), default=None)


def _alike(one: Node, other: Node, lifted: str) -> bool:
    match one, other:
        case Leaf(), Leaf():
            return (one.kind, one.of) == (other.kind, other.of)
        case Branch(), Branch():
            return one.kind == other.kind
        case Branch(), Leaf():
            return one.kind == lifted and not _members(one).isdisjoint(_members(other))
        case _:
            return _alike(other, one, lifted)


def _members(node: Node) -> set[object]:
    """What two nodes of one kind can have in common."""
    if isinstance(node, Branch):
        return {member for part in node.parts for member in _members(part)}
    return {(node.kind, node.of, form) for form, _ in node.values} or {(node.kind, node.of)}


def _within(kind: str, before: Node, after: Node, *, positive: bool) -> Iterator[Edit]:
    """The edits between a part and what it has become; a single atom may have become a group and the reverse."""
    if isinstance(before, Leaf) and isinstance(after, Leaf):
        yield from _values("none of " if kind == "none" else "", before, after, positive=positive)
        return
    group = before if isinstance(before, Branch) else after
    # One of the two is a group, or the lines above would have answered.
    inner = group.kind if isinstance(group, Branch) else kind
    yield from _between(inner, _parts(before), _parts(after), positive=positive)


def _parts(node: Node) -> tuple[Node, ...]:
    return node.parts if isinstance(node, Branch) else (node,)


def _values(role: str, before: Leaf, after: Leaf, *, positive: bool) -> Iterator[Edit]:
    old, new = dict(before.values), dict(after.values)
    if not old or not new:
        names = listed(written for _, written in (*before.values, *after.values))
        what = f"only {names} instead of any" if new else f"any instead of only {names}"
        yield Edit(f"{role}{after.name}: {what}", (not new) == positive, (not new) != positive)
        return
    if added := [written for form, written in after.values if form not in old]:
        yield Edit(f"{role}{after.name}: {listed(added)} added", positive, not positive)
    if removed := [written for form, written in before.values if form not in new]:
        yield Edit(f"{role}{after.name}: {listed(removed)} removed", not positive, positive)


def _described(node: Node) -> str:
    if isinstance(node, Leaf):
        written = [written for _, written in node.values]
        more = f" and {len(written) - _SHOWN} more" if len(written) > _SHOWN else ""
        if node.kind == "always":
            return "always"
        return f"{node.name}: {listed(written[:_SHOWN]) or 'any'}{more}"
    return f"{node.kind} of ({'; '.join(map(_described, node.parts))})"
