"""The texts that a pattern cannot match without, so that most messages are dismissed without running it.

Built by `expressions` piece by piece while it reads a pattern, in the form that normal lines have; chosen from by
`patterns`. It must never claim a text that some match lacks: a pattern that is dismissed wrongly is a message lost.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# So many alternatives, and so long ones, are multiplied out before a new run begins.
_ALTERNATIVES = 24
_LENGTH = 48

# How often a character stands in chat, English and Swahili together; what is not listed is rarer.
_COMMON = {
    " ": 0.16, "a": 0.09, "e": 0.09, "i": 0.07, "n": 0.06, "o": 0.06, "t": 0.06, "s": 0.05, "r": 0.05, "l": 0.04,
    "h": 0.04, "u": 0.03, "d": 0.03, "m": 0.03, "k": 0.03, "c": 0.02, "w": 0.02, "p": 0.02, "y": 0.02, "g": 0.02,
    "b": 0.02, "f": 0.02, "j": 0.01, "v": 0.01, "x": 0.01, "z": 0.01, "q": 0.01,
}  # fmt: skip
_RARE = 0.001
# The characters of a usual message, at each of which a text may begin.
_PLACES = 60
# Letters follow each other in words more often than by chance.
_BOUND = 0.7
# A text that most messages hold spares nothing.
_USEFUL = 0.5


@dataclass(frozen=True, slots=True)
class Literals:
    """What a piece of a pattern is known to match."""

    # Every text that it can match, where these are few.
    exact: frozenset[str] | None
    # Of each of these sets at least one text stands in whatever it matches.
    needs: tuple[frozenset[str], ...] = ()

    def required(self) -> tuple[frozenset[str], ...]:
        """The sets of which every match holds a text; none when nothing is certain."""
        if self.exact and "" not in self.exact:
            return (*self.needs, self.exact)
        return self.needs


NOTHING = Literals(frozenset({""}))
ANYTHING = Literals(None)


def one_of(texts: Iterable[str]) -> Literals:
    """A piece that matches exactly one of these texts."""
    exact = frozenset(texts)
    return Literals(exact) if 0 < len(exact) <= _ALTERNATIVES else ANYTHING


def sequence(parts: Iterable[Literals]) -> Literals:
    """One piece after the other."""
    needs: list[frozenset[str]] = []
    run: frozenset[str] | None = frozenset({""})
    whole = True
    for part in parts:
        joined = _joined(run, part.exact)
        if joined is None:
            needs += Literals(run).required()
            whole = False
        needs += part.needs
        run = part.exact if joined is None else joined
    return Literals(run) if whole else Literals(None, (*needs, *Literals(run).required()))


def alternatives(parts: Sequence[Literals]) -> Literals:
    """One of several pieces."""
    if len(parts) == 1:
        return parts[0]
    exact: set[str] = set()
    needs: set[str] = set()
    for part in parts:
        exact.update(part.exact or ())
        best = min(part.required(), key=commonness, default=None)
        if best is None and part.exact is None:
            return ANYTHING
        needs.update(best or ())
    if all(part.exact is not None for part in parts):
        return one_of(exact)
    certain = all(part.required() for part in parts) and len(needs) <= _ALTERNATIVES
    return Literals(None, (frozenset(needs),)) if certain else ANYTHING


def repeated(part: Literals, sign: str, *, optional: bool) -> Literals:
    """A piece with `*`, `+`, `?` or `{..}` behind it; `optional` when none at all is enough."""
    if not optional:
        return Literals(None, part.required())
    return one_of({*part.exact, ""}) if part.exact is not None and sign.startswith("?") else ANYTHING


def commonness(texts: Iterable[str], uses: Mapping[str, int] | None = None) -> float:
    """How many usual messages hold one of the texts, roughly, from almost 0 to 1 and more; `uses` counts the patterns
    that want a text, because what many ask for is what many write.
    """
    total = 0.0
    for text in texts:
        chance = 1.0
        for character in text:
            chance *= _COMMON.get(character, _RARE)
        total += chance**_BOUND * _PLACES * (uses[text] if uses else 1)
    return total


def choose(required: Sequence[Sequence[frozenset[str]]]) -> list[frozenset[str]]:
    """For each pattern the set that the fewest messages hold, out of those that it requires; empty when even that
    would spare nothing.
    """
    uses = Counter(text for sets in required for texts in sets for text in texts)
    chosen = []
    for sets in required:
        best = min(sets, key=lambda texts: (commonness(texts, uses), sorted(texts)), default=frozenset[str]())
        chosen.append(_shortest(best) if commonness(best) < _USEFUL else frozenset())
    return chosen


def _joined(first: frozenset[str] | None, second: frozenset[str] | None) -> frozenset[str] | None:
    if first is None or second is None or len(first) * len(second) > _ALTERNATIVES:
        return None
    joined = frozenset(one + other for one in first for other in second)
    return joined if max(map(len, joined)) <= _LENGTH else None


def _shortest(texts: frozenset[str]) -> frozenset[str]:
    """Without those that hold another of them: where "calls" stands, "call" stands too."""
    return frozenset(text for text in texts if not any(other != text and other in text for other in texts))
