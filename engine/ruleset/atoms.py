"""All atoms of a rule-set, numbered and indexed: an event in, the atoms that hit and what shows it out.

Built by `compiler`, read by `matcher`. A message is normalised once and searched once for keywords, once for phrases
and once for patterns, whatever the number of rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core import text
from engine.core.events import Event
from engine.core.text import Normal, Origins
from engine.ruleset.conditions import ALWAYS
from engine.ruleset.directory import Directory
from engine.ruleset.facts import Facts
from engine.ruleset.keywords import Keywords, Occurrence
from engine.ruleset.patterns import Found, Patterns
from engine.ruleset.phrases import Hit, PhraseIndex


@dataclass(frozen=True, slots=True)
class Atoms:
    """The index over every atom; atom 0 is `always`."""

    # Each atom in one line, as its author wrote it; long lists are cut.
    described: tuple[str, ...]
    # "words" or "exact" for each atom over phrases.
    heads: Mapping[int, str]
    phrases: PhraseIndex
    keywords: Keywords
    # By category and canonical name, and by category for `any`: the atoms with the line that shows the hit.
    named: Mapping[tuple[str, str], tuple[tuple[int, str], ...]]
    any_named: Mapping[str, tuple[tuple[int, str], ...]]
    patterns: Patterns
    # The atom of each pattern.
    pattern_atoms: tuple[int, ...]
    directory: Directory
    # (field, its values) for each client atom is in `directory`; here the field's name for each.
    client_fields: Mapping[int, str]
    facts: Facts

    def read(self, event: Event, *, follow_up: bool) -> "Reading":
        """Everything that the rules can ask about one event of a conversation that has an open incident, or none.
        Pure.
        """
        normal = text.normalise(event.message.text)
        reading = Reading(self, normal, self.keywords.find(normal.words), self.phrases.hits(normal.words))
        for occurrence in reading.occurrences:
            for atom, line in self.named.get((occurrence.category, occurrence.name), ()):
                reading.by_keyword.setdefault(atom, (occurrence, line))
            for atom, line in self.any_named.get(occurrence.category, ()):
                reading.by_keyword.setdefault(atom, (occurrence, line))
        for position in self.patterns.hits(normal.line):
            reading.by_pattern[self.pattern_atoms[position]] = position
        reading.by_client.update(self.directory.hits(event.client.phone))
        reading.hits.update(
            (ALWAYS, *self.facts.hits(event, follow_up=follow_up)),
            reading.by_phrase,
            reading.by_keyword,
            reading.by_pattern,
            reading.by_client,
        )
        return reading


# What made an atom hit: its half-open range in the original text, 0 and 0 for a fact that is not in the text, then the
# atom as its author wrote it. A tuple, because it is made for every atom of every message and sorts as it should.
Shown = tuple[int, int, str]


@dataclass(slots=True)
class Reading:
    """What one event holds for the rules; lives as long as its evaluation."""

    atoms: Atoms
    normal: Normal
    # In order of appearance.
    occurrences: tuple[Occurrence, ...]
    by_phrase: dict[int, Hit]
    by_keyword: dict[int, tuple[Occurrence, str]] = field(default_factory=dict)
    # The position of the atom's pattern.
    by_pattern: dict[int, int] = field(default_factory=dict)
    by_client: dict[int, str] = field(default_factory=dict)
    hits: set[int] = field(default_factory=set)
    _located: dict[int, Found | None] = field(default_factory=dict)
    _origins: Origins | None = None

    def show(self, atom: int) -> Shown:
        """What made an atom hit that has hit."""
        if (keyword := self.by_keyword.get(atom)) is not None:
            occurrence, line = keyword
            return (*self._of_words(occurrence.start, occurrence.end), line)
        if (hit := self.by_phrase.get(atom)) is not None:
            return (*self._of_words(hit.start, hit.end), f"{self.atoms.heads[atom]}: {hit.written}")
        if (client := self.by_client.get(atom)) is not None:
            return 0, 0, f"client {self.atoms.client_fields[atom]}: {client}"
        if (found := self._locate(atom)) is not None:
            return (*self._of_line(found.start, found.end), self.atoms.described[atom])
        return 0, 0, self.atoms.described[atom]

    def captures(self, atom: int) -> tuple[tuple[str, str], ...]:
        """The named groups of a pattern that has hit, as the client wrote them; none for any other atom."""
        found = self._locate(atom)
        if found is None:
            return ()
        return tuple((name, self.quote(*self._of_line(start, end))) for name, start, end in found.groups)

    def quote(self, start: int, end: int) -> str:
        """The original characters of a range."""
        return self.normal.original[start:end]

    def keywords(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(category, canonical names), both in order of appearance."""
        found: dict[str, dict[str, None]] = {}
        for occurrence in self.occurrences:
            found.setdefault(occurrence.category, {})[occurrence.name] = None
        return tuple((category, tuple(names)) for category, names in found.items())

    def _of_words(self, start: int, end: int) -> tuple[int, int]:
        return self.normal.spans[start][0], self.normal.spans[end - 1][1]

    def _of_line(self, start: int, end: int) -> tuple[int, int]:
        if self._origins is None:
            self._origins = text.origins(self.normal)
        return self._origins.span(start, end)

    def _locate(self, atom: int) -> Found | None:
        if atom not in self.by_pattern:
            return None
        if atom not in self._located:
            self._located[atom] = self.atoms.patterns.locate(self.by_pattern[atom], self.normal.line)
        return self._located[atom]
