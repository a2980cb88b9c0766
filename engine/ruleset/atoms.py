"""All atoms of a rule-set, numbered and indexed: an event in, what of it the rules can ask for out.

Built by `compiler`, read by `matcher`. A message is normalised once and searched once for phrases, for keywords and for
the texts of patterns, whatever the number of rules. What is found are *terms*: a phrase, a keyword, a category. An atom
hits when one of its terms is there, which is only looked at for the rules that come into question. An atom that is no
list of words (a pattern, a fact about the event) is its own only term, so terms are numbered on from the atoms.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.core import text
from engine.core.events import Event
from engine.core.text import Normal, Origins
from engine.ruleset.conditions import ALWAYS
from engine.ruleset.directory import Directory
from engine.ruleset.facts import Facts
from engine.ruleset.keywords import Keywords, Occurrence
from engine.ruleset.patterns import Found, Patterns
from engine.ruleset.phrases import PhraseIndex


@dataclass(frozen=True, slots=True)
class Atoms:
    """The index over every atom; atom 0 is `always`. Nothing changes it once it is built."""

    # Each atom in one line, as its author wrote it; long lists are cut.
    described: tuple[str, ...]
    # The terms that make each atom hit.
    terms: tuple[frozenset[int], ...]
    phrases: PhraseIndex
    # For each atom over phrases: the line that shows a term, and its place in the list that the lead wrote.
    written: Mapping[int, Mapping[int, tuple[int, str]]]
    keywords: Keywords
    # The terms that a keyword is, by category and canonical name: itself and any of its category.
    keyword_terms: Mapping[tuple[str, str], tuple[int, ...]]
    # For each atom over keywords its category and the names that it asks for; none for any.
    asked_keywords: Mapping[int, tuple[str, frozenset[str]]]
    # By atom.
    patterns: Patterns
    directory: Directory
    # (field, its values) for each client atom is in `directory`; here the field's name for each.
    client_fields: Mapping[int, str]
    facts: Facts

    def read(self, event: Event, *, follow_up: bool) -> "Reading":
        """Everything that the rules can ask about one event of a conversation that has an open incident, or none; the
        patterns still unasked. Pure.
        """
        normal = text.normalise(event.message.text)
        places = self.phrases.find(normal.words)
        occurrences = self.keywords.find(normal.words)
        by_client = self.directory.hits(event.client.phone)
        terms = {ALWAYS, *places, *by_client, *self.facts.hits(event, follow_up=follow_up)}
        for occurrence in occurrences:
            terms.update(self.keyword_terms.get(occurrence[:2], ()))
        possible = self.patterns.possible(normal.line)
        return Reading(self, normal, places, occurrences, by_client, terms, terms | possible if possible else terms)


# What made an atom hit: its half-open range in the original text, 0 and 0 for a fact that is not in the text, then the
# atom as its author wrote it. A tuple, because it is made for every piece of evidence and sorts as it should.
Shown = tuple[int, int, str]


@dataclass(slots=True)
class Reading:
    """What one event holds for the rules; lives as long as its evaluation."""

    atoms: Atoms
    normal: Normal
    # The phrases with the place of the word that they first begin at.
    places: dict[int, int]
    # In order of appearance.
    occurrences: tuple[Occurrence, ...]
    # The values that made atoms over the client hit.
    by_client: dict[int, str]
    # All terms that are there; patterns join when they have been asked.
    terms: set[int]
    # The same with the patterns that have not been asked and may match; the same set when there are none.
    plausible: set[int]
    # What the patterns that were asked have found.
    located: dict[int, Found | None] = field(default_factory=dict)
    # What the atoms that were asked about are shown as: many rules rest on the same ones.
    _shown: dict[int, Shown] = field(default_factory=dict)
    _spans: tuple[tuple[int, int], ...] | None = None
    _origins: Origins | None = None

    def ask(self, patterns: Iterable[int]) -> None:
        """Ask those of the patterns that may match and were not asked yet, so that `terms` speaks of them all."""
        for pattern in patterns:
            if pattern in self.plausible and pattern not in self.located:
                found = self.atoms.patterns.locate(pattern, self.normal.line)
                self.located[pattern] = found
                if found is None:
                    self.plausible.discard(pattern)
                else:
                    self.terms.add(pattern)

    def hits(self, atoms: Iterable[int]) -> set[int]:
        """Those of the atoms that hit; the patterns among them have been asked."""
        terms, present = self.atoms.terms, self.terms
        return {atom for atom in atoms if not terms[atom].isdisjoint(present)}

    def show(self, atom: int) -> Shown:
        """What made an atom hit that has hit."""
        shown = self._shown.get(atom)
        if shown is None:
            shown = self._shown[atom] = self._show(atom)
        return shown

    def _show(self, atom: int) -> Shown:
        if (asked := self.atoms.asked_keywords.get(atom)) is not None:
            return self._show_keyword(*asked)
        if (written := self.atoms.written.get(atom)) is not None:
            return self._show_phrase(written)
        if (client := self.by_client.get(atom)) is not None:
            return 0, 0, f"client {self.atoms.client_fields[atom]}: {client}"
        if (found := self.located.get(atom)) is not None:
            return (*self._of_line(found.start, found.end), self.atoms.described[atom])
        return 0, 0, self.atoms.described[atom]

    def captures(self, atom: int) -> tuple[tuple[str, str], ...]:
        """The named groups of a pattern that has hit, as the client wrote them; none for any other atom."""
        found = self.located.get(atom)
        if found is None:
            return ()
        return tuple((name, self.quote(*self._of_line(start, end))) for name, start, end in found.groups)

    def quote(self, start: int, end: int) -> str:
        """The original characters of a range."""
        return self.normal.original[start:end]

    def keywords(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(category, canonical names), both in order of appearance."""
        found: dict[str, tuple[str, ...]] = {}
        for occurrence in self.occurrences:
            category, name = occurrence[0], occurrence[1]
            names = found.get(category, ())
            if name not in names:
                found[category] = (*names, name)
        return tuple(found.items())

    def _show_keyword(self, category: str, names: frozenset[str]) -> Shown:
        shown = next(each for each in self.occurrences if each[0] == category and (not names or each[1] in names))
        start, end = self._of_words(shown.start, shown.end)
        line = f"keywords {category}: {shown.name if names else 'any'}"
        if shown.mistyped:
            line = f'{line} (typed "{self.quote(start, end)}", one letter off)'
        return start, end, line

    def _show_phrase(self, written: Mapping[int, tuple[int, str]]) -> Shown:
        """The first phrase of an atom; of those that begin together the longest, then the first that is written."""
        sizes = self.atoms.phrases.sizes
        start, size, _, line = min(
            (place, -sizes[term], *written[term]) for term, place in self.places.items() if term in written
        )
        return (*self._of_words(start, start - size), line)

    def _of_words(self, start: int, end: int) -> tuple[int, int]:
        if self._spans is None:
            self._spans = text.spans(self.normal)
        return self._spans[start][0], self._spans[end - 1][1]

    def _of_line(self, start: int, end: int) -> tuple[int, int]:
        if self._origins is None:
            self._origins = text.origins(self.normal)
        return self._origins.span(start, end)
