"""Everything that is wrong with a set of rules as a whole: names that lead nowhere, names given twice, rules that
cannot work together. Called by `loader` with the merged Document; what needs a compiled set is in `rehearsal`.

It reports all it finds and repairs nothing. When a file could not be read at all, what that file may define is not
known, so nothing is said about missing names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from engine.core import text as texts
from engine.ruleset import calendars, guesses, patterns, variants
from engine.ruleset.clauses import CATEGORY
from engine.ruleset.guarantees import atoms
from engine.ruleset.hours import COUNTRY
from engine.ruleset.places import within
from engine.ruleset.shapes import suggest
from engine.ruleset.syntax import (
    Always,
    Document,
    Fault,
    HoursIs,
    Keyword,
    KeywordIs,
    Pattern,
    Place,
    Rule,
    Text,
    Words,
)
from engine.ruleset.templates import Templates

# A shorter word stands inside too many messages by chance.
_SHORTEST_WORD = 3
# So many letters in a row are there in whatever form, which most phrases show at a glance.
_LONG_ENOUGH = re.compile(rf"[A-Za-z0-9]{{{_SHORTEST_WORD}}}")
# So many names are listed when none looks like the one that was written.
_SHOWN_NAMES = 8
# Every `$category` of a phrase.
_CATEGORIES = re.compile(rf"(?<!\S){CATEGORY.pattern}(?!\S)")


def check_alone(document: Document) -> Iterator[Fault]:
    """The findings in one file that no other file can bring about or mend."""
    yield from _short_words(document)
    for regex in _regexes(document):
        yield from patterns.check(regex)


def check(document: Document, templates: Templates, *, complete: bool) -> Iterator[Fault]:
    """The findings that need no message to be tried; `complete` says that every file could be read."""
    yield from _given_twice(document)
    yield from _phones_given_twice(document)
    yield from _spelled_alike(document)
    yield from _unknown_countries(document)
    extra: frozenset[str] | None = None
    if complete:
        categories = frozenset(keyword.category.value for keyword in document.keywords)
        extra = categories.union(*_groups(document).values())
        yield from templates.check_names(extra)
        yield from _unknown_names(document, templates)
        yield from variants.check(document, templates)
        yield from _order(document)
    for rule in document.rules:
        if rule.summary and "{" in rule.summary.value:
            yield from templates.check_summary(rule.summary, extra)


def _regexes(document: Document) -> Iterator[Text]:
    for rule in document.rules:
        for atom in atoms(rule.when):
            if isinstance(atom, Pattern):
                yield atom.regex


def _groups(document: Document) -> Mapping[Text, frozenset[str]]:
    return {regex: patterns.groups(regex) for regex in _regexes(document)}


def _given_twice(document: Document) -> Iterator[Fault]:
    yield from _repeated("E201", "rule", ((rule.id.value, rule.id) for rule in document.rules if rule.id.value))
    yield from _repeated("E202", "channel", ((channel.name.value, channel.name) for channel in document.channels))
    yield from _repeated("E202", "window of hours", ((hours.name.value, hours.name) for hours in document.hours))
    yield from _repeated("E202", "client", ((client.name.value, client.name) for client in document.clients))
    yield from _repeated(
        "E202", "keyword", (((word.category.value, word.name.value), word.name) for word in document.keywords)
    )


def _repeated(code: str, what: str, names: Iterable[tuple[object, Text]]) -> Iterator[Fault]:
    first: dict[object, Place] = {}
    for key, name in names:
        if key in first:
            also = ((first[key], f'the first "{name.value}" stands here'),)
            hint = "give one of them another name, or keep one"
            yield Fault(name.at, code, f'a {what} named "{name.value}" exists already', hint, also)
        else:
            first[key] = name.at


def _phones_given_twice(document: Document) -> Iterator[Fault]:
    first: dict[str, Text] = {}
    for client in document.clients:
        for phone in client.phones:
            if phone.value in first:
                also = ((first[phone.value].at, "the first one stands here"),)
                yield Fault(
                    phone.at, "E215", "this number belongs to another client already", "delete it in one place", also
                )
            else:
                first[phone.value] = phone


def _spellings(keyword: Keyword) -> tuple[Text, ...]:
    """The ways to write a keyword; its name is one of them."""
    return (keyword.name, *keyword.spellings)


def _spelled_alike(document: Document) -> Iterator[Fault]:
    """One spelling that would stand for two keywords of a category, so that a message gets both."""
    first: dict[tuple[str, tuple[str, ...]], tuple[str, Text]] = {}
    for keyword in document.keywords:
        for spelling in _spellings(keyword):
            key = (keyword.category.value, texts.words(spelling.value))
            name, earlier = first.setdefault(key, (keyword.name.value, spelling))
            if key[1] and name != keyword.name.value:
                also = ((earlier.at, f'it stands for "{name}" here'),)
                message = f'"{spelling.value}" stands for both "{name}" and "{keyword.name.value}"'
                yield Fault(spelling.at, "E208", message, "delete it in one place", also)


def _short_words(document: Document) -> Iterator[Fault]:
    phrases = chain(
        (spelling for keyword in document.keywords for spelling in _spellings(keyword)),
        (
            phrase
            for rule in document.rules
            for atom in atoms(rule.when)
            if isinstance(atom, Words) and not atom.exact
            for phrase in atom.phrases
        ),
    )
    for phrase in phrases:
        if _LONG_ENOUGH.search(phrase.value):
            continue
        letters = "".join(texts.words(phrase.value))
        # In other scripts two characters are a word like any other.
        if letters and letters.isascii() and len(letters) < _SHORTEST_WORD:
            message = f'"{phrase.value}" is shorter than three letters and will match by chance'
            yield Fault(phrase.at, "W504", message, "write a longer phrase, or use exact if it is meant so")


def _unknown_countries(document: Document) -> Iterator[Fault]:
    for place in (hours.holidays for hours in document.hours):
        if place and COUNTRY.fullmatch(place.value) and not calendars.is_known(place.value):
            message = f'the public holidays of "{place.value}" are not known'
            yield Fault(place.at, "E143", message, "write a country such as KE, or a part of one such as US-CA")


def _unknown_names(document: Document, templates: Templates) -> Iterator[Fault]:
    channels = {channel.name.value for channel in document.channels}
    acks = {name.removeprefix("ack/") for name in templates.names if name.startswith("ack/") and "." not in name}
    keywords = _by_spelling(document.keywords)
    names = {category: frozenset(known.values()) for category, known in keywords.items()}
    named = [document.defaults.channel, *(rule.channel for rule in document.rules)]
    named += [copy for rule in document.rules for copy in rule.also]
    windows = {hours.name.value for hours in document.hours}
    for name in named:
        if name and name.value not in channels:
            yield _unknown(name, "E112", "no channel is named", channels)
    chosen = [document.defaults.ack, *(rule.ack for rule in document.rules)]
    for name in chosen:
        if name and name.value not in acks | {"none"}:
            yield _unknown(name, "E115", "no acknowledgement is named", acks)
    for atom in (atom for rule in document.rules for atom in atoms(rule.when)):
        match atom:
            case KeywordIs():
                yield from _unknown_keywords(atom, keywords, names)
            case HoursIs() if atom.name.value not in windows:
                yield _unknown(atom.name, "E155", "no window of hours is named", windows)
            case Words():
                yield from _unknown_categories(atom, keywords)
            case _:
                pass


def _by_spelling(keywords: Iterable[Keyword]) -> Mapping[str, Mapping[tuple[str, ...], str]]:
    """For each category its keywords by the words of each spelling."""
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for keyword in keywords:
        known = found.setdefault(keyword.category.value, {})
        for spelling in _spellings(keyword):
            known.setdefault(texts.words(spelling.value), keyword.name.value)
    return found


def _unknown_categories(atom: Words, known: Iterable[str]) -> Iterator[Fault]:
    for phrase in atom.phrases:
        for found in _CATEGORIES.finditer(phrase.value) if "$" in phrase.value else ():
            if found["category"] not in known:
                name = Text(found["category"], within(phrase, *found.span()))
                yield _unknown(name, "E113", "no category of keywords is named", known)


def _unknown_keywords(
    atom: KeywordIs, known: Mapping[str, Mapping[tuple[str, ...], str]], named: Mapping[str, frozenset[str]]
) -> Iterator[Fault]:
    category = atom.category.value
    if category not in known:
        yield _unknown(atom.category, "E113", "no category of keywords is named", known)
        return
    for name in atom.names:
        if name.value not in named[category]:
            meant = known[category].get(texts.words(name.value))
            if meant:
                yield Fault(
                    name.at, "E114", f'no keyword of "{category}" is named "{name.value}"', f'did you mean "{meant}"?'
                )
            else:
                unknown = _unknown(name, "E114", f'no keyword of "{category}" is named', named[category])
                yield guesses.same_number(name, sorted(named[category])) or unknown


def _unknown(name: Text, code: str, message: str, known: Iterable[str]) -> Fault:
    names = sorted(known)
    listed = ", ".join(names[:_SHOWN_NAMES]) + (", …" if len(names) > _SHOWN_NAMES else "")
    hint = suggest(name.value, names) or (f"there are: {listed}" if names else "there is none yet")
    return Fault(name.at, code, f'{message} "{name.value}"', hint)


def _order(document: Document) -> Iterator[Fault]:
    """The required last rule, and a channel for each."""
    if not document.rules:
        return
    *earlier, last = document.rules
    if not isinstance(last.when, Always):
        hint = 'add a last rule with "when: always", so that nothing is dropped'
        yield Fault(_named_at(last), "E203", 'the last rule is not "when: always"', hint)
    if last.shadow or not last.enabled:
        hint = 'leave out "status" and "enabled" here'
        yield Fault(_named_at(last), "E160", "the last rule must work, or a message could be dropped", hint)
    for rule in earlier:
        if isinstance(rule.when, Always):
            message = f'"when: always" stands before other rules; the last one is "{last.id.value}"'
            yield Fault(rule.when.at, "E204", message, "give this rule a condition, or move it to the end")
    for rule in document.rules:
        yield from _copies_to_itself(rule, document.defaults.channel)
    if document.defaults.channel is None:
        for rule in document.rules:
            if rule.channel is None:
                hint = 'add "channel:" here or under "defaults:"'
                yield Fault(_named_at(rule), "E207", "this rule names no channel, and there is no default", hint)


def _copies_to_itself(rule: Rule, default: Text | None) -> Iterator[Fault]:
    channel = rule.channel or default
    for copy in rule.also:
        if channel and copy.value == channel.value:
            message = f'"{copy.value}" gets the post already'
            yield Fault(copy.at, "W506", message, 'leave it out of "also"')


def _named_at(rule: Rule) -> Place:
    return rule.id.at if rule.id.value else rule.at
