"""The client directory: what `client:` atoms hold for the phone number that an event came from, and in which
language that client is answered.

Built by `compiler`, asked by `matcher` once per event. Numbers are compared by their digits, so "+254 700 000 901" and
"254700000901" are one client. No number and no name leaves this module.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from engine.core import text
from engine.ruleset.syntax import ClientEntry, ClientIs, Text

_NOT_DIGITS = re.compile(r"[^0-9]")
_NOT_IN_PATTERN = re.compile(r"[^0-9*]")


@dataclass(frozen=True, slots=True)
class Question:
    """A `client:` atom: one field and the values that satisfy it."""

    # tier, tags, name, phone or known
    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says about one client."""

    name: str
    phones: tuple[str, ...]
    tier: str | None
    tags: tuple[str, ...]
    # ISO 639-1.
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """The clients by number, and the questions that rules ask about them."""

    # (field, value) that hold for a client, by the digits of the number.
    facts: Mapping[str, frozenset[tuple[str, str]]]
    # The atoms that a fact satisfies, each with the value as the lead wrote it.
    asked: Mapping[tuple[str, str], tuple[tuple[int, str], ...]]
    # The atoms that ask for a number.
    numbers: tuple[tuple[int, str, re.Pattern[str]], ...]
    # The clients' languages by the digits of the number, where one is given.
    languages: Mapping[str, str] = field(default_factory=dict)

    def language(self, phone: str | None) -> str | None:
        """The language that a client is to be answered in; None when the directory does not say."""
        return self.languages.get(_digits(phone)) if phone and self.languages else None

    def hits(self, phone: str | None) -> dict[int, str]:
        """The atoms that hold, each with the value that made it hold."""
        if not self.asked and not self.numbers:
            return {}
        digits = _digits(phone or "")
        facts = self.facts.get(digits, _STRANGER) if digits else _STRANGER
        found: dict[int, str] = {}
        for fact in facts:
            for atom, value in self.asked.get(fact, ()):
                # Of several values the first that the lead wrote, whatever order the facts come in.
                found[atom] = min(found.get(atom, value), value)
        for atom, value, expression in self.numbers:
            if digits and expression.fullmatch(digits):
                found.setdefault(atom, value)
        return found


_STRANGER = frozenset({("known", "false")})


def entry(client: ClientEntry) -> Entry:
    """What a rules file says about one client."""
    tier = client.tier.value if client.tier else None
    language = client.language.value if client.language else None
    return Entry(client.name.value, _values(client.phones), tier, _values(client.tags), language)


def question(atom: ClientIs) -> Question:
    """What an atom asks."""
    return Question(atom.field.value, _values(atom.values))


def build(entries: Iterable[Entry], questions: Sequence[tuple[int, Question]]) -> Directory:
    """The directory with its questions, each known by the number of its atom."""
    facts: dict[str, frozenset[tuple[str, str]]] = {}
    languages: dict[str, str] = {}
    for entry in entries:
        held = {("known", "true"), ("name", _folded(entry.name)), *(("tags", _folded(tag)) for tag in entry.tags)}
        if entry.tier is not None:
            held.add(("tier", _folded(entry.tier)))
        for phone in entry.phones:
            digits = _digits(phone)
            facts[digits] = frozenset(held)
            if entry.language is not None:
                languages[digits] = entry.language
    asked: dict[tuple[str, str], list[tuple[int, str]]] = {}
    numbers: list[tuple[int, str, re.Pattern[str]]] = []
    for atom, question in questions:
        for value in question.values:
            if question.field == "phone":
                numbers.append((atom, value, _number(value)))
            else:
                asked.setdefault((question.field, _folded(value)), []).append((atom, value))
    frozen = {fact: tuple(atoms) for fact, atoms in asked.items()}
    return Directory(MappingProxyType(facts), MappingProxyType(frozen), tuple(numbers), MappingProxyType(languages))


def _values(texts: Iterable[Text]) -> tuple[str, ...]:
    return tuple(each.value for each in texts)


def _folded(value: str) -> str:
    return " ".join(text.words(value))


def _digits(phone: str) -> str:
    # Networks write "+254700000901", of which only the sign has to go: a quarter of an expression's time.
    bare = phone.removeprefix("+")
    return bare if bare.isascii() and bare.isdecimal() else _NOT_DIGITS.sub("", phone)


def _number(written: str) -> re.Pattern[str]:
    """`+2547*` as an expression over digits; a number has so few that any such expression is fast."""
    pattern = re.sub(r"\*+", "*", _NOT_IN_PATTERN.sub("", written))
    return re.compile("[0-9]*".join(pattern.split("*")))
