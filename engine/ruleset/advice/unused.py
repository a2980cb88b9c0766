"""Definitions that lead nowhere: keywords and channels that no rule uses, spellings that stand twice, and rules
about clients that the directory does not have.

Called by `advice` for a set without errors. Pure.
"""

import re
from collections.abc import Container, Iterator
from itertools import chain

from engine.core import text
from engine.ruleset.advice.cases import folded
from engine.ruleset.clauses import CATEGORY
from engine.ruleset.guarantees import atoms
from engine.ruleset.shapes import suggest
from engine.ruleset.syntax import ClientIs, Document, Fault, KeywordIs, Text, Words
from engine.ruleset.templates import Templates

_CODE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_WORD = re.compile(r"\w+")
# Every `$category` of a phrase.
_CATEGORIES = re.compile(rf"(?<!\S){CATEGORY.pattern}(?!\S)")


def check(document: Document, templates: Templates, called: Container[str] = ()) -> Iterator[Fault]:
    """The findings, section by section; `called` are the channels that policies for on-call name."""
    yield from _keywords(document, templates)
    yield from _written_twice(document)
    yield from _channels(document, called)
    yield from _clients(document)


def _keywords(document: Document, templates: Templates) -> Iterator[Fault]:
    asked = [atom for rule in document.rules for atom in atoms(rule.when) if isinstance(atom, KeywordIs)]
    whole = {atom.category.value for atom in asked if not atom.names}
    single = {(atom.category.value, name.value) for atom in asked for name in atom.names}
    words = (atom for rule in document.rules for atom in atoms(rule.when) if isinstance(atom, Words))
    phrases = chain.from_iterable(atom.phrases for atom in words)
    whole |= {found["category"] for phrase in phrases for found in _CATEGORIES.finditer(phrase.value)}
    written = set(chain.from_iterable(_WORD.findall(code) for code in _template_code(document, templates)))
    for keyword in document.keywords:
        category = keyword.category.value
        if category not in whole and category not in written and (category, keyword.name.value) not in single:
            message = f'no rule asks for the keyword "{keyword.name.value}" of "{category}"'
            yield Fault(keyword.name.at, "W502", message, "use it in a rule, or delete it")


def _template_code(document: Document, templates: Templates) -> Iterator[str]:
    """Everything between {{ }} and {% %} in summaries and templates."""
    for source in (*(rule.summary.value for rule in document.rules if rule.summary), *templates.sources.values()):
        yield from _CODE.findall(source)


def _written_twice(document: Document) -> Iterator[Fault]:
    """Spellings of one keyword that are the same once case, accents and dashes are gone."""
    for keyword in document.keywords:
        first: dict[tuple[str, ...], Text] = {}
        for spelling in keyword.spellings:
            earlier = first.setdefault(text.words(spelling.value), spelling)
            if earlier is not spelling:
                message = f'"{spelling.value}" is the same as "{earlier.value}": case, accents and dashes do not count'
                also = ((earlier.at, "the first one stands here"),)
                yield Fault(spelling.at, "W517", message, "delete one of them", also)


def _channels(document: Document, called: Container[str]) -> Iterator[Fault]:
    rules = document.rules
    named = {name.value for name in (document.defaults.channel, *(rule.channel for rule in rules)) if name}
    named |= {copy.value for rule in rules for copy in rule.also}
    for channel in document.channels:
        if channel.name.value not in named and channel.name.value not in called:
            message = f'no rule posts to the channel "{channel.name.value}"'
            yield Fault(channel.name.at, "W518", message, "name it in a rule, or delete it")


def _clients(document: Document) -> Iterator[Fault]:
    """Tiers, tags and names that no client has, so that what asks for them is never the case."""
    there = {
        "tier": [client.tier.value for client in document.clients if client.tier],
        "tags": [tag.value for client in document.clients for tag in client.tags],
        "name": [client.name.value for client in document.clients],
    }
    for atom in (atom for rule in document.rules for atom in atoms(rule.when)):
        if not isinstance(atom, ClientIs) or atom.field.value not in there:
            continue
        known = {folded(value): value for value in there[atom.field.value]}
        for value in atom.values:
            if folded(value.value) not in known:
                what = {"tier": "tier", "tags": "tag", "name": "name"}[atom.field.value]
                hint = suggest(value.value, known.values()) or "correct it, or add the client to the directory"
                yield Fault(value.at, "W519", f'no client has the {what} "{value.value}"', hint)
