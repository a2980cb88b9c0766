"""The phrases of all `words:` and `exact:` atoms become one index that is asked once per message.

A phrase is found by its first word, so a message costs what its own words lead to and not what the rules contain.
Built by `compiler`, asked by `matcher`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from engine.core import text
from engine.ruleset.inflections import forms

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Step:
    """One word of a phrase: any of these forms or, with `prefix`, any word that begins so."""

    forms: frozenset[str]
    prefix: str = ""

    def takes(self, word: str) -> bool:
        """Whether a word of the message stands for this one."""
        return word.startswith(self.prefix) if self.prefix else word in self.forms


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow each other."""

    steps: tuple[Step, ...]
    # As the lead wrote it.
    written: str


class Hit(NamedTuple):
    """Where a phrase stands among the words of a message, half-open."""

    start: int
    end: int
    written: str
    # Phrases that are written earlier have a lower one.
    order: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A phrase of an atom whose first words, those of its key, have been found."""

    atom: int
    # The words after the key.
    rest: tuple[Step, ...]
    # Of the whole phrase, in words.
    length: int
    written: str
    order: int


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """All phrases by their first two words, or their only one; immutable."""

    by_word: Mapping[str, tuple[_Entry, ...]]
    by_pair: Mapping[tuple[str, str], tuple[_Entry, ...]]
    # Phrases that begin with a prefix.
    by_prefix: Mapping[str, tuple[_Entry, ...]]
    # The lengths that prefixes have.
    prefix_lengths: tuple[int, ...]

    def hits(self, words: Sequence[str]) -> dict[int, Hit]:
        """For each atom its first phrase in the message; of those that begin together the longest, then the first
        that is written.
        """
        found: dict[int, Hit] = {}
        by_word, by_pair = self.by_word, self.by_pair
        for at, word in enumerate(words):
            if (entries := by_word.get(word)) is not None:
                _extend(found, entries, words, at, 1)
            if (entries := by_pair.get((word, words[at + 1] if at + 1 < len(words) else ""))) is not None:
                _extend(found, entries, words, at, 2)
            for length in self.prefix_lengths:
                if (entries := self.by_prefix.get(word[:length])) is not None:
                    _extend(found, entries, words, at, 1)
        return found


def parse(written: str, spellings: Mapping[str, Sequence[str]], *, exact: bool) -> tuple[Phrase, ...]:
    """A written phrase, with `$category` replaced by each spelling of it and `word*` read as a beginning.

    Empty when nothing of it is a word, or when no such category exists.
    """
    parts: list[tuple[tuple[Step, ...], ...]] = []
    for part in written.split():
        if part.startswith("$"):
            parts.append(tuple(_steps(spelling, exact=True) for spelling in spellings.get(part[1:], ())))
        elif part.endswith("*") and (beginning := text.words(part)):
            steps = _steps(" ".join(beginning[:-1]), exact=exact)
            parts.append(((*steps, Step(frozenset(), beginning[-1])),))
        else:
            parts.append((_steps(part, exact=exact),))
    phrases = (tuple(step for steps in chosen for step in steps) for chosen in product(*parts))
    return tuple(Phrase(steps, written) for steps in dict.fromkeys(phrases) if steps)


def index(phrases: Iterable[tuple[int, Phrase]]) -> PhraseIndex:
    """The index over (atom, phrase)."""
    by_word: dict[str, list[_Entry]] = {}
    by_pair: dict[tuple[str, str], list[_Entry]] = {}
    by_prefix: dict[str, list[_Entry]] = {}
    for order, (atom, phrase) in enumerate(phrases):
        first, *rest = phrase.steps
        entry = _Entry(atom, tuple(rest), len(phrase.steps), phrase.written, order)
        if first.prefix:
            by_prefix.setdefault(first.prefix, []).append(entry)
        elif not rest or rest[0].prefix:
            for form in first.forms:
                by_word.setdefault(form, []).append(entry)
        else:
            entry = replace(entry, rest=tuple(rest[1:]))
            for pair in product(first.forms, rest[0].forms):
                by_pair.setdefault(pair, []).append(entry)
    lengths = tuple(sorted({len(prefix) for prefix in by_prefix}))
    return PhraseIndex(_frozen(by_word), _frozen(by_pair), _frozen(by_prefix), lengths)


# A load asks for each phrase when it compiles and when it compares the rules.
@lru_cache(maxsize=65536)
def _steps(written: str, *, exact: bool) -> tuple[Step, ...]:
    return tuple(Step(frozenset({word}) if exact else forms(word)) for word in text.words(written))


def _frozen(entries: dict[_Key, list[_Entry]]) -> Mapping[_Key, tuple[_Entry, ...]]:
    return MappingProxyType({key: tuple(several) for key, several in entries.items()})


def _extend(found: dict[int, Hit], entries: Sequence[_Entry], words: Sequence[str], at: int, read: int) -> None:
    """Keep the phrases whose words go on as they must after the `read` words of their key."""
    for entry in entries:
        earlier = found.get(entry.atom)
        end = at + entry.length
        if end > len(words):
            continue
        if earlier is not None and (earlier.start, -earlier.end, earlier.order) < (at, -end, entry.order):
            continue
        if not entry.rest or all(map(Step.takes, entry.rest, words[at + read : end])):
            found[entry.atom] = Hit(at, end, entry.written, entry.order)
