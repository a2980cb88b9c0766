"""A message's words become the canonical keywords that stand in it, by category.

The only module that uses spaCy. Its tokenizer would keep every new word for ever (251 MB after 200,000 messages), so
the words come from `core.text`, and spaCy sees only runs of words that some spelling contains: no spelling reaches
across another word. One matcher serves all categories; its time hardly depends on their number (22 to 31 µs from 10 to
10,000 spellings). Runs are short and come again, so what the last few thousand of them held is remembered.
Importing spaCy takes a third of a second (see `spacy_core`), so nothing that `engine --help` needs may import this.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from engine.core import text
from engine.ruleset import typos
from engine.ruleset.spacy_core import ORTH, Doc, PhraseMatcher, Vocab
from engine.ruleset.typos import Spelled, Typos

# So many runs are remembered, none longer than this: a few megabytes whatever clients write.
_REMEMBERED_RUNS = 4096
_REMEMBERED_WORDS = 12


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way of writing a keyword."""

    category: str
    # The canonical name.
    name: str
    written: str
    # A long word of it may be mistyped.
    typos: bool = False


class Occurrence(NamedTuple):
    """A keyword in a message."""

    category: str
    name: str
    # Half-open range among the words of the message.
    start: int
    end: int
    # A word of it was mistyped.
    mistyped: bool = False


Search = Callable[[tuple[str, ...]], tuple[Occurrence, ...]]


@dataclass(frozen=True, slots=True)
class Keywords:
    """The compiled spellings. The matcher is never changed after it is built, so threads may share it."""

    # Every word of every spelling.
    known: frozenset[str] = frozenset()
    vocab: Vocab | None = field(default=None, repr=False)
    # What stands in a run of known words; the second remembers the runs of late.
    search: Search = field(default=lambda _: (), repr=False)
    recall: Search = field(default=lambda _: (), repr=False)
    typos: Typos = field(default_factory=Typos)

    def find(self, words: Sequence[str]) -> tuple[Occurrence, ...]:
        """Every keyword in order of appearance; of overlapping ones of a category only the longest."""
        found = [] if self.known.isdisjoint(words) else self._spelled(words)
        if guesses := self.typos.find(words):
            found += [Occurrence(*guess, mistyped=True) for guess in guesses]
            return _longest(found)
        return tuple(found)

    def _spelled(self, words: Sequence[str]) -> list[Occurrence]:
        """What is written as some spelling is."""
        known = self.known
        found: list[Occurrence] = []
        at, end = 0, len(words)
        while at < end:
            if words[at] not in known:
                at += 1
                continue
            start = at
            at += 1
            while at < end and words[at] in known:
                at += 1
            run = tuple(words[start:at])
            held = self.recall(run) if at - start <= _REMEMBERED_WORDS else self.search(run)
            found += [Occurrence(one[0], one[1], one[2] + start, one[3] + start) for one in held] if start else held
        return found


def compile_keywords(spellings: Iterable[Spelling]) -> Keywords:
    """The matcher over all spellings. The same words may mean something in several categories."""
    meanings: dict[tuple[str, ...], dict[tuple[str, str], None]] = {}
    forgiving: list[Spelled] = []
    for spelling in spellings:
        if words := text.words(spelling.written):
            meanings.setdefault(words, {})[spelling.category, spelling.name] = None
            if spelling.typos:
                forgiving.append(Spelled(spelling.category, spelling.name, words))
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

    def search(run: tuple[str, ...]) -> tuple[Occurrence, ...]:
        found = [
            Occurrence(category, name, start, end)
            for meaning, start, end in matcher(Doc(vocab, words=list(run)))
            for category, name in by_id[meaning]
        ]
        return _longest(found) if len(found) > 1 else tuple(found)

    # One run, so that whatever spaCy sets up at first use is set up before the rules are shared.
    search((min(known),))
    return Keywords(known, vocab, search, lru_cache(_REMEMBERED_RUNS)(search), typos.build(forgiving))


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
