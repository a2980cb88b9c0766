"""The phrases of all `words:` and `exact:` atoms become one index that is asked once per message.

Equal phrases of all atoms are one *term*. A word of a message leads to the steps that it may be, and these along a
tree to the terms, so a message costs what its own words lead to and not what the rules contain. Built by `compiler`,
asked by `atoms`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from engine.core import text
from engine.ruleset.inflections import forms
from engine.ruleset.values import light_value


class Step(NamedTuple):
    """One word of a phrase: any of these forms or, with `prefix`, any word that begins so.

    A tuple, because an index over many phrases looks up little else, and a tuple hashes ten times as fast.
    """

    forms: frozenset[str]
    prefix: str = ""


@light_value
class Phrase:
    """Words that must follow each other."""

    steps: tuple[Step, ...]
    # As the lead wrote it.
    written: str


@dataclass(slots=True)
class _Node:
    """What the words of a phrase have led to; changed only while the index is built."""

    # The phrase that ends here.
    term: int | None = None
    # By the next step.
    further: "dict[int, _Node]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """All phrases of a rule-set, each known by its term. Nothing changes it once it is built: the mappings are plain
    dictionaries because a proxy doubles the time of each look-up.
    """

    # The steps that each word may be.
    by_word: Mapping[str, tuple[int, ...]]
    # The steps that are prefixes, and by the letters that all of them have (as many as the shortest) their lengths.
    by_prefix: Mapping[str, int]
    lengths: Mapping[str, tuple[int, ...]]
    shortest: int
    # By step: the phrase that is only this step, and where phrases go on after it.
    alone: tuple[int | None, ...]
    after: tuple[_Node | None, ...]
    # The term of each phrase, and how many words it has.
    terms: Mapping[tuple[Step, ...], int]
    sizes: Mapping[int, int]

    def find(self, words: Sequence[str]) -> dict[int, int]:
        """The terms that stand in the message, each with the place of the word that it first begins at."""
        # Loops without calls: they run over each word of each message.
        by_word, alone, after = self.by_word, self.alone, self.after
        steps = [by_word.get(word) for word in words]
        if self.shortest:
            self._add_prefixes(steps, words)
        found: dict[int, int] = {}
        for at, several in enumerate(steps):
            if several is not None:
                for step in several:
                    term = alone[step]
                    if term is not None and term not in found:
                        found[term] = at
                    node = after[step]
                    if node is not None:
                        _follow(node, steps, at + 1, at, found)
        return found

    def _add_prefixes(self, steps: list[tuple[int, ...] | None], words: Sequence[str]) -> None:
        by_prefix, lengths, shortest = self.by_prefix, self.lengths, self.shortest
        for at, word in enumerate(words):
            if (several := lengths.get(word[:shortest])) is not None:
                begun = tuple([by_prefix[word[:length]] for length in several if word[:length] in by_prefix])
                steps[at] = (*(steps[at] or ()), *begun)


def _follow(node: _Node, steps: Sequence[tuple[int, ...] | None], at: int, begin: int, found: dict[int, int]) -> None:
    """Add the phrases that the words from `at` complete."""
    several = steps[at] if at < len(steps) else None
    for step in several or ():
        if (reached := node.further.get(step)) is not None:
            if reached.term is not None and reached.term not in found:
                found[reached.term] = begin
            if reached.further:
                _follow(reached, steps, at + 1, begin, found)


def parse(written: str, spellings: Mapping[str, Sequence[str]], *, exact: bool) -> tuple[Phrase, ...]:
    """A written phrase, with `$category` replaced by each spelling of it and `word*` read as a beginning.

    Empty when nothing of it is a word, or when no such category exists.
    """
    if "$" not in written:
        return _parse_plain(written, exact=exact)
    return _parse(written, spellings, exact=exact)


# A load parses the phrases of files that have not changed again.
@lru_cache(maxsize=1 << 17)
def _parse_plain(written: str, *, exact: bool) -> tuple[Phrase, ...]:
    return _parse(written, {}, exact=exact)


def _parse(written: str, spellings: Mapping[str, Sequence[str]], *, exact: bool) -> tuple[Phrase, ...]:
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


def index(phrases: Iterable[Phrase], first: int) -> PhraseIndex:
    """The index over phrases; their terms are numbered from `first`."""
    terms: dict[tuple[Step, ...], int] = {}
    numbers: dict[Step, int] = {}
    root = _Node()
    for phrase in phrases:
        if phrase.steps not in terms:
            node = root
            for step in phrase.steps:
                number = numbers.setdefault(step, len(numbers))
                further = node.further.get(number)
                if further is None:
                    further = node.further[number] = _Node()
                node = further
            node.term = terms[phrase.steps] = first + len(terms)
    by_word: dict[str, list[int]] = {}
    for step, number in numbers.items():
        for form in step.forms:
            by_word.setdefault(form, []).append(number)
    by_prefix = {step.prefix: number for step, number in numbers.items() if step.prefix}
    shortest = min(map(len, by_prefix), default=0)
    lengths: dict[str, set[int]] = {}
    for prefix in by_prefix:
        lengths.setdefault(prefix[:shortest], set()).add(len(prefix))
    begun = [root.further.get(number, root) for number in numbers.values()]
    return PhraseIndex(
        by_word={word: tuple(several) for word, several in by_word.items()},
        by_prefix=by_prefix,
        lengths={begin: tuple(sorted(several)) for begin, several in lengths.items()},
        shortest=shortest,
        alone=tuple(node.term for node in begun),
        after=tuple(node if node is not root and node.further else None for node in begun),
        terms=terms,
        sizes={term: len(steps) for steps, term in terms.items()},
    )


# Many phrases share their words.
@lru_cache(maxsize=1 << 15)
def _steps(written: str, *, exact: bool) -> tuple[Step, ...]:
    return tuple(Step(frozenset({word}) if exact else forms(word)) for word in text.words(written))
