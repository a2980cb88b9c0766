"""A message's words become the canonical keywords that stand in it, by category.

The only module that uses spaCy. Its tokenizer would keep every new word for ever (251 MB after 200,000 messages), so
the words come from `core.text`, and whatever no spelling contains is replaced by one placeholder before spaCy sees it.
One matcher serves all categories; its time hardly depends on their number (22 to 31 µs from 10 to 10,000 spellings).
Importing spaCy takes a third of a second (see `spacy_core`), so nothing that `engine --help` needs may import this.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

from engine.core import text
from engine.ruleset.spacy_core import ORTH, Doc, PhraseMatcher, Vocab

# No word of a message looks like this, because words hold only letters and digits.
_UNKNOWN = "\ufffd"


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way of writing a keyword."""

    category: str
    # The canonical name.
    name: str
    written: str


class Occurrence(NamedTuple):
    """A keyword in a message."""

    category: str
    name: str
    # Half-open range among the words of the message.
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Keywords:
    """The compiled spellings. The matcher is never changed after it is built, so threads may share it."""

    # Every word of every spelling.
    known: frozenset[str] = frozenset()
    # The (category, name) pairs behind each of spaCy's match ids.
    meanings: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    vocab: Vocab | None = field(default=None, repr=False)
    matcher: PhraseMatcher | None = field(default=None, repr=False)

    def find(self, words: Sequence[str]) -> tuple[Occurrence, ...]:
        """Every keyword in order of appearance; of overlapping ones of a category only the longest."""
        if self.vocab is None or self.matcher is None or self.known.isdisjoint(words):
            return ()
        known = self.known
        # A run of unknown words needs one placeholder: no spelling reaches across it.
        kept: list[str] = []
        places: list[int] = []
        for place, word in enumerate(words):
            if word in known:
                kept.append(word)
                places.append(place)
            elif kept and kept[-1] != _UNKNOWN:
                kept.append(_UNKNOWN)
                places.append(place)
        found = [
            Occurrence(category, name, places[start], places[end - 1] + 1)
            for meaning, start, end in self.matcher(Doc(self.vocab, words=kept))
            for category, name in self.meanings[meaning]
        ]
        return _longest(found) if len(found) > 1 else tuple(found)


def compile_keywords(spellings: Iterable[Spelling]) -> Keywords:
    """The matcher over all spellings. The same words may mean something in several categories."""
    meanings: dict[tuple[str, ...], dict[tuple[str, str], None]] = {}
    for spelling in spellings:
        if words := text.words(spelling.written):
            meanings.setdefault(words, {})[spelling.category, spelling.name] = None
    if not meanings:
        return Keywords()
    vocab = Vocab()
    matcher = PhraseMatcher(vocab, attr=ORTH)
    by_id: dict[int, tuple[tuple[str, str], ...]] = {}
    for words, pairs in meanings.items():
        key = " ".join(words)
        matcher.add(key, [Doc(vocab, words=list(words))])
        by_id[vocab.strings[key]] = tuple(pairs)
    known = frozenset(word for words in meanings for word in words)
    # One run, so that whatever spaCy sets up at first use is set up before the rules are shared.
    matcher(Doc(vocab, words=[_UNKNOWN, *sorted(known)[:1]]))
    return Keywords(known, MappingProxyType(by_id), vocab, matcher)


def _longest(found: list[Occurrence]) -> tuple[Occurrence, ...]:
    """Without the occurrences that overlap a longer one, or an earlier one of the same length, of their category."""
    found.sort(key=attrgetter("start"))
    ends: dict[str, int] = {}
    for occurrence in found:
        if ends.get(occurrence.category, 0) > occurrence.start:
            break
        ends[occurrence.category] = occurrence.end
    else:
        return tuple(found)
    taken: dict[str, set[int]] = {}
    kept: list[Occurrence] = []
    for occurrence in sorted(found, key=lambda each: each.start - each.end):
        words = taken.setdefault(occurrence.category, set())
        covered = range(occurrence.start, occurrence.end)
        if words.isdisjoint(covered):
            words.update(covered)
            kept.append(occurrence)
    kept.sort(key=attrgetter("start"))
    return tuple(kept)
