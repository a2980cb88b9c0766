"""A rule's condition as a tree over numbered atoms: whether it holds, what shows it, and what it still misses.

Built by `compiler`, where equal atoms of all rules share one number; walked by `matcher` for the rules that a message
can reach. It never sees a message, only which atoms hit.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

# The atom that every event satisfies.
ALWAYS = 0


class Kind(StrEnum):
    """How the parts of a group count together."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


# Looking a member up in its enumeration takes longer than comparing it (0.1 µs), and a decision compares dozens.
_ALL, _ANY, _NONE = Kind.ALL, Kind.ANY, Kind.NONE


@dataclass(frozen=True, slots=True)
class Leaf:
    """One atom."""

    atom: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A group of conditions."""

    kind: Kind
    # As they are written.
    parts: "tuple[Condition, ...]"
    # The same in two heaps, because most parts are atoms and sets are asked faster than trees.
    atoms: frozenset[int]
    branches: "tuple[Branch, ...]"


Condition = Leaf | Branch


def branch(kind: Kind, given: Iterable[Condition]) -> Condition:
    """A group over its parts; an `all` inside an `all`, or an `any` inside an `any`, adds its parts to it."""
    parts: list[Condition] = []
    for part in given:
        if isinstance(part, Branch) and part.kind is kind and kind is not Kind.NONE:
            parts += part.parts
        else:
            parts.append(part)
    if len(parts) == 1 and kind is not Kind.NONE:
        return parts[0]
    atoms = frozenset([part.atom for part in parts if isinstance(part, Leaf)])
    return Branch(kind, tuple(parts), atoms, tuple([part for part in parts if isinstance(part, Branch)]))


def holds(condition: Condition, hits: AbstractSet[int]) -> bool:
    """Whether the condition is met when exactly these atoms hit."""
    if isinstance(condition, Leaf):
        return condition.atom in hits
    # Loops, not `all` and `any`: this runs for every rule that a message reaches.
    if condition.kind is _ALL:
        if not condition.atoms <= hits:
            return False
        for part in condition.branches:  # noqa: SIM110 - see above
            if not holds(part, hits):
                return False
        return True
    met = not condition.atoms.isdisjoint(hits)
    for part in condition.branches:
        met = met or holds(part, hits)
    return met is (condition.kind is _ANY)


def evidence(condition: Condition, hits: AbstractSet[int]) -> list[int]:
    """The atoms that hit and that a met condition rests on, in the order of the rule; what stands under `none` is no
    evidence.
    """
    if isinstance(condition, Leaf):
        return [condition.atom]
    found: list[int] = []
    if condition.kind is not _NONE:
        for part in condition.parts:
            if isinstance(part, Leaf):
                if part.atom in hits:
                    found.append(part.atom)
            elif part.kind is not _NONE and holds(part, hits):
                found += evidence(part, hits)
    return found


class Outline(NamedTuple):
    """What must be so whenever a condition holds, in two flat parts over the terms that make atoms hit."""

    # Of each set at least one term stands in the message.
    needed: tuple[frozenset[int], ...] = ()
    # Not one of these does.
    barred: frozenset[int] = frozenset()
    # The two parts say all there is; otherwise only `holds` knows.
    whole: bool = True


def outline(condition: Condition, terms: Sequence[frozenset[int]], cost: Callable[[frozenset[int]], float]) -> Outline:
    """The flat parts of a condition, given the terms of each atom and how many messages hold one of a set of terms."""
    if isinstance(condition, Leaf):
        return Outline() if condition.atom == ALWAYS else Outline((terms[condition.atom],))
    parts = [outline(part, terms, cost) for part in condition.parts]
    if condition.kind is Kind.ALL:
        return Outline(
            tuple(dict.fromkeys([needed for part in parts for needed in part.needed])),
            frozenset().union(*[part.barred for part in parts]),
            all(part.whole for part in parts),
        )
    if condition.kind is Kind.ANY:
        # A part that needs several things is stood for by the rarest of them, and one that needs nothing by nothing.
        rarest = [
            part.needed[0] if len(part.needed) == 1 else min(part.needed, key=cost, default=None) for part in parts
        ]
        if any(each is None for each in rarest):
            return Outline(whole=any(part == Outline() for part in parts))
        whole = all(part.whole and len(part.needed) == 1 and not part.barred for part in parts)
        return Outline((frozenset().union(*(each for each in rarest if each)),), whole=whole)
    # What a part needs must not be there, if that is all that it needs.
    simple = [part for part in parts if part.whole and len(part.needed) == 1 and not part.barred]
    barred = frozenset().union(*(part.needed[0] for part in simple))
    return Outline((), barred, whole=len(simple) == len(parts))


def atoms_of(condition: Condition) -> frozenset[int]:
    """Every atom that the condition asks for, guards included."""
    if isinstance(condition, Leaf):
        return frozenset({condition.atom})
    return condition.atoms.union(*map(atoms_of, condition.branches))


def missing(condition: Condition, hits: AbstractSet[int]) -> Condition:
    """The first part that keeps an unmet condition from holding: an atom, an `any` group or a `none` group."""
    if isinstance(condition, Leaf) or condition.kind is Kind.NONE:
        return condition
    if condition.kind is Kind.ANY:
        return condition
    return missing(next(part for part in condition.parts if not holds(part, hits)), hits)


def obstacle(condition: Condition, hits: AbstractSet[int]) -> int:
    """The first atom that makes a part of an unmet `none` group hold; `ALWAYS` when it holds by itself."""
    met = (part for part in parts_of(condition) if holds(part, hits))
    return next((atom for part in met for atom in evidence(part, hits)), ALWAYS)


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """The parts of a group; an atom is its own only part."""
    return (condition,) if isinstance(condition, Leaf) else condition.parts


def nearness(condition: Condition, hits: AbstractSet[int]) -> float:
    """How much of a condition is there, from 0 to 1: the share of what `all` asks for, the best of `any`.

    Guards do not count, so that a rule which only its `none` keeps from matching is as near as can be.
    """
    if isinstance(condition, Leaf):
        return 1.0 if condition.atom in hits else 0.0
    asked = [part for part in condition.parts if isinstance(part, Leaf) or part.kind is not Kind.NONE]
    if condition.kind is Kind.NONE or not asked:
        return 0.0
    shares = [nearness(part, hits) for part in asked]
    return max(shares) if condition.kind is Kind.ANY else sum(shares) / len(shares)
