"""Texts that stand somewhere in a line, all searched for in one pass.

The only module that knows ahocorasick_rs, an Aho-Corasick automaton: its time is linear in the line and does not
depend on how many texts there are (0.9 µs for a line of 80 characters with 10 texts and with 10,000). Built and asked
by `patterns`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ahocorasick_rs import AhoCorasick


@dataclass(frozen=True, slots=True)
class Scanner:
    """The automaton; immutable and free to share between threads."""

    automaton: AhoCorasick | None = field(repr=False)
    # For each text the ids that want it.
    wanted: tuple[tuple[int, ...], ...]

    def find(self, line: str) -> set[int]:
        """The ids of which a text stands in the line."""
        found: set[int] = set()
        if self.automaton is not None:
            for number, _, _ in self.automaton.find_matches_as_indexes(line, overlapping=True):
                found.update(self.wanted[number])
        return found


def build(texts: Mapping[int, Iterable[str]]) -> Scanner:
    """The scanner over the texts of each id; none may be empty."""
    wanted: dict[str, list[int]] = {}
    for owner, several in texts.items():
        for text in several:
            wanted.setdefault(text, []).append(owner)
    return Scanner(AhoCorasick(list(wanted)) if wanted else None, tuple(map(tuple, wanted.values())))
