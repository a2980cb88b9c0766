"""Typing errors in long words: a keyword that a client almost wrote.

Built and asked by `keywords` for the categories that say `typos: true`. A word of at least six letters that the
category does not know stands for one of its words, as long, at one edit: a letter left out, added, replaced, or two
neighbours swapped. Digits are never guessed at, and what could be two keywords is neither. All words with one letter
left out are held ready, so that a message costs a few look-ups for each of its letters, however many spellings there
are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

# Shorter words are too close to each other: "sales" and "sale", "phone" and "phony".
SHORTEST = 6
# Longer words are nobody's spelling, and would cost as many look-ups as they have letters.
_LONGEST = 40
# Words of messages whose meaning is remembered.
_REMEMBERED = 8192

Meant = Callable[[str], tuple[str, ...]]


class Spelled(NamedTuple):
    """One way of writing a keyword, word by word."""

    category: str
    name: str
    words: tuple[str, ...]


class Guess(NamedTuple):
    """A keyword that stands in a message with at least one word mistyped."""

    category: str
    name: str
    # Half-open range among the words of the message.
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Typos:
    """The spellings that forgive; nothing changes it once it is built."""

    # The words that each category knows.
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # For each long word the spellings that hold it, each with its place there.
    holding: Mapping[str, tuple[tuple[Spelled, int], ...]] = field(default_factory=dict)
    # The long words that a word of a message may have been meant to be.
    meant: Meant = field(default=lambda _: (), repr=False)

    def find(self, words: Sequence[str]) -> list[Guess]:
        """Every keyword that is there with a word mistyped, in order of appearance."""
        if not self.holding:
            return []
        # Most messages end here.
        guessed = {word: several for word in words if len(word) >= SHORTEST and (several := self.meant(word))}
        if not guessed:
            return []
        meant = [guessed.get(word, ()) for word in words]
        names: dict[tuple[int, int, str], dict[str, None]] = {}
        for at, several in enumerate(meant):
            for spelled, place in (each for word in several for each in self.holding[word]):
                start, end = at - place, at - place + len(spelled.words)
                if (
                    start >= 0
                    and end <= len(words)
                    and self._stands(spelled, words[start:end], meant[start:end], place)
                ):
                    names.setdefault((start, end, spelled.category), {})[spelled.name] = None
        return [
            Guess(category, next(iter(found)), start, end)
            for (start, end, category), found in sorted(names.items())
            if len(found) == 1
        ]

    def _stands(self, spelled: Spelled, words: Sequence[str], meant: Sequence[tuple[str, ...]], mistyped: int) -> bool:
        known = self.known[spelled.category]
        return words[mistyped] not in known and all(
            wanted == word or (wanted in several and word not in known)
            for wanted, word, several in zip(spelled.words, words, meant, strict=True)
        )


def build(spellings: Iterable[Spelled]) -> Typos:
    """The index over the spellings of all categories that forgive."""
    known: dict[str, set[str]] = {}
    holding: dict[str, list[tuple[Spelled, int]]] = {}
    for spelled in dict.fromkeys(spellings):
        known.setdefault(spelled.category, set()).update(spelled.words)
        for place, word in enumerate(spelled.words):
            if is_long(word):
                holding.setdefault(word, []).append((spelled, place))
    if not holding:
        return Typos()
    return Typos(
        {category: frozenset(several) for category, several in known.items()},
        {word: tuple(several) for word, several in holding.items()},
        lru_cache(_REMEMBERED)(_nearest(holding, known)),
    )


def _nearest(holding: Mapping[str, Iterable[tuple[Spelled, int]]], known: Mapping[str, AbstractSet[str]]) -> Meant:
    """What finds the words that are one edit away from another which some category of theirs does not know."""
    near: dict[str, list[str]] = {}
    for word in holding:
        for shorter in dict.fromkeys((word, *(word[:at] + word[at + 1 :] for at in range(len(word))))):
            near.setdefault(shorter, []).append(word)

    def meant(typed: str) -> tuple[str, ...]:
        if not is_long(typed):
            return ()
        # A loop without calls: it runs over each letter of each long word of a message.
        found = list(near.get(typed, ()))
        for at in range(len(typed)):
            if (several := near.get(typed[:at] + typed[at + 1 :])) is not None:
                found += several
        return tuple(
            word
            for word in dict.fromkeys(found)
            if one_apart(typed, word) and any(typed not in known[spelled.category] for spelled, _ in holding[word])
        )

    return meant


def is_long(word: str) -> bool:
    """Whether a word has enough letters to be told from others by most of them."""
    if not SHORTEST <= len(word) <= _LONGEST:
        return False
    return word.isalpha() or sum(map(str.isalpha, word)) >= SHORTEST


def one_apart(one: str, other: str) -> bool:
    """Whether one letter left out, added or replaced, or two neighbours swapped, makes one word the other."""
    if len(one) < len(other):
        one, other = other, one
    same = next((at for at, (mine, yours) in enumerate(zip(one, other, strict=False)) if mine != yours), len(other))
    if len(one) > len(other):
        return one[same + 1 :] == other[same:] and _are_letters(one[same])
    if one == other:
        return False
    if one[same + 1 :] == other[same + 1 :]:
        return _are_letters(one[same] + other[same])
    swapped = one[same : same + 2] == other[same : same + 2][::-1] and one[same + 2 :] == other[same + 2 :]
    return swapped and _are_letters(one[same : same + 2])


def _are_letters(changed: str) -> bool:
    return not any(map(str.isdigit, changed))
