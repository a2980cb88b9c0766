"""A checked document and its templates become a `Ruleset`.

Called by `loader`, after `checker` has found no error. Names are resolved, defaults laid in, equal atoms of all rules
numbered once, and each rule filed under the atoms that can make it match. It checks nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple, TypeVar, assert_never

from engine.core import text
from engine.core.decisions import FollowUpPolicy, Priority
from engine.core.rosters import Roster
from engine.ruleset import (
    calendars,
    conditions,
    directory,
    frequencies,
    keywords,
    matcher,
    patterns,
    phrases,
    syntax,
)
from engine.ruleset.atoms import Atoms
from engine.ruleset.conditions import ALWAYS, Condition, Kind, Leaf
from engine.ruleset.facts import Facts
from engine.ruleset.keywords import Spelling
from engine.ruleset.matcher import Ruleset, Trial
from engine.ruleset.phrases import Phrase, PhraseIndex, Step
from engine.ruleset.templates import Templates, compile_summary

# The kinds of groups by the words that stand for them.
_KINDS = {str(kind): kind for kind in Kind}
# The kinds of atoms over words and phrases.
_PHRASES = frozenset({"words", "exact"})
# And those over what `Facts` knows.
_FACTS = frozenset({"source", "attachment", "kind", "follow_up", "hours"})
# How many words of a list an atom's description shows.
_SHOWN_WORDS = 4

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def compile_rules(document: syntax.Document, templates: Templates, sha: str, roster: Roster | None = None) -> Ruleset:
    """The rule-set of a document in which `checker` found no error, with the roster that belongs to it."""
    numbering = _Numbering()
    enabled = [rule for rule in document.rules if rule.enabled]
    trees = [numbering.tree(rule.when) for rule in enabled]
    defaults = matcher.Defaults(
        channel=document.defaults.channel.value if document.defaults.channel else "",
        priority=Priority.NORMAL if document.defaults.priority is None else document.defaults.priority,
        ack=_template(document.defaults.ack, "default"),
        tags=_values(document.defaults.tags),
        mention=document.defaults.mention.value if document.defaults.mention else None,
        follow_up=_policy(document.defaults.follow_up, FollowUpPolicy()),
    )
    atoms, rates = _atoms(document, numbering.numbers)
    rules = tuple(_rule(rule, tree, defaults) for rule, tree in zip(enabled, trees, strict=True))
    trials, filed = _file(trees, atoms, rates)
    return Ruleset(
        sha=sha,
        rules=rules,
        defaults=defaults,
        channels=MappingProxyType(
            {channel.name.value: channel.team.value if channel.team else None for channel in document.channels}
        ),
        atoms=atoms,
        trials=trials,
        filed=filed,
        templates=templates,
        roster=roster,
    )


def _rule(rule: syntax.Rule, condition: Condition, defaults: matcher.Defaults) -> matcher.Rule:
    return matcher.Rule(
        id=rule.id.value,
        title=rule.title.value if rule.title else "",
        location=f"{rule.at.path}:{rule.at.line}",
        condition=condition,
        priority=rule.priority,
        tags=_values(rule.tags),
        channel=rule.channel.value if rule.channel else defaults.channel,
        summary=compile_summary(rule.summary.value) if rule.summary else None,
        ack=_template(rule.ack, defaults.ack),
        escalate=rule.escalate is not False,
        stop=rule.stop,
        also=_values(rule.also),
        mention=rule.mention.value if rule.mention else defaults.mention,
        follow_up=_policy(rule.follow_up, defaults.follow_up),
        shadow=rule.shadow,
        atoms=conditions.atoms_of(condition),
    )


def _policy(said: syntax.FollowUp | None, otherwise: FollowUpPolicy) -> FollowUpPolicy:
    if said is None:
        return otherwise
    return FollowUpPolicy(
        within=said.within or otherwise.within,
        new=otherwise.new if said.then is None else said.then.value == "new",
        ack_again_after=said.ack_again_after or otherwise.ack_again_after,
    )


def _file(
    trees: Sequence[Condition], atoms: Atoms, rates: Mapping[int, float]
) -> tuple[tuple[Trial, ...], Mapping[int, tuple[int, ...]]]:
    """What is tried of each rule, and the rules by the terms of the rarest thing that each needs."""

    def rate(terms: frozenset[int]) -> float:
        return sum(map(rates.__getitem__, terms))

    outlines = [conditions.outline(tree, atoms.terms, rate) for tree in trees]
    asked = Counter(chain.from_iterable(chain.from_iterable(outline.needed for outline in outlines)))

    def cost(terms: frozenset[int]) -> float:
        return sum(rates[term] * asked[term] for term in terms)

    trials: list[Trial] = []
    filed: dict[int, list[int]] = {}
    for position, (tree, outline) in enumerate(zip(trees, outlines, strict=True)):
        needed = sorted(outline.needed, key=cost)
        for term in needed[0] if needed else (ALWAYS,):
            filed.setdefault(term, []).append(position)
        patterns = tuple(sorted(conditions.atoms_of(tree) & atoms.patterns.expressions.keys()))
        left = needed if needed and not needed[0].isdisjoint(patterns) else needed[1:]
        trials.append(Trial(tuple(left), outline.barred, patterns, outline.whole))
    return tuple(trials), {term: tuple(positions) for term, positions in filed.items()}


def _template(said: syntax.Text | None, otherwise: str | None) -> str | None:
    if said is None:
        return otherwise
    return None if said.value == "none" else said.value


class _Asked(NamedTuple):
    """What an atom asks, without its place: equal atoms of several rules are one.

    A tuple, because it is looked up for each atom of each rule, and a tuple hashes ten times as fast.
    """

    # The key of the atom, or always.
    kind: str
    # The category of a keyword, the field of a client; "not" of hours outside of a window.
    of: str = ""
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class _Numbering:
    """Gives each different atom its number while the trees are built."""

    numbers: dict[_Asked, int] = field(default_factory=lambda: {_Asked("always"): ALWAYS})

    def tree(self, condition: syntax.Condition) -> Condition:
        if isinstance(condition, syntax.Group):
            return conditions.branch(_KINDS[condition.kind], [self.tree(part) for part in condition.parts])
        return Leaf(self.numbers.setdefault(_asked(condition), len(self.numbers)))


def _asked(atom: syntax.Atom) -> _Asked:  # noqa: C901 - one line for each kind of atom
    match atom:
        case syntax.Words():
            return _Asked("exact" if atom.exact else "words", values=_values(atom.phrases))
        case syntax.KeywordIs():
            return _Asked("keywords", atom.category.value, _values(atom.names))
        case syntax.Pattern():
            return _Asked("pattern", values=(atom.regex.value,))
        case syntax.ClientIs():
            return _Asked("client", atom.field.value, _values(atom.values))
        case syntax.SourceIs():
            return _Asked("source", values=_values(atom.sources))
        case syntax.AttachmentIs():
            return _Asked("attachment", values=_values(atom.kinds))
        case syntax.KindIs():
            return _Asked("kind", values=_values(atom.kinds))
        case syntax.HoursIs():
            return _Asked("hours", "" if atom.inside else "not", (atom.name.value,))
        case syntax.FollowUpIs():
            return _Asked("follow_up", values=("true" if atom.value else "false",))
        case syntax.Always():
            return _Asked("always")
        case _:
            assert_never(atom)


def _describe(asked: _Asked) -> str:
    """The atom in one line, as its author wrote it."""
    values = [f'"{value}"' if " " in value else value for value in asked.values]
    match asked.kind:
        case "always":
            return "always"
        case "keywords" | "client" | "attachment" | "kind":
            return f"{f'{asked.kind} {asked.of}'.strip()}: {' or '.join(asked.values) or 'any'}"
        case "pattern":
            return f"pattern: {asked.values[0]}"
        case "hours":
            return f"hours: {f'{asked.of} {asked.values[0]}'.strip()}"
        case _:
            more = f" and {len(values) - _SHOWN_WORDS} more" if len(values) > _SHOWN_WORDS else ""
            return f"{asked.kind}: {', '.join(values[:_SHOWN_WORDS])}{more}"


def _atoms(document: syntax.Document, numbers: Mapping[_Asked, int]) -> tuple[Atoms, Mapping[int, float]]:
    """The index over all atoms, and how many messages have each term, roughly and one beside the other."""
    spellings = [
        Spelling(keyword.category.value, keyword.name.value, written, keyword.typos)
        for keyword in document.keywords
        for written in (keyword.name.value, *_values(keyword.spellings))
    ]
    phrases_of = _phrases(numbers, spellings)
    index = phrases.index(chain.from_iterable(phrases_of.values()), len(numbers))
    rates = {term: frequencies.of_phrase(steps) for steps, term in index.terms.items()}
    named = _keyword_terms(numbers, len(numbers) + len(index.terms))
    rates |= _keyword_rates(named, spellings)
    regexes = {atom: asked.values[0] for asked, atom in numbers.items() if asked.kind == "pattern"}
    found = patterns.compile_patterns(regexes)
    rates |= {atom: frequencies.PATTERN * rate for atom, rate in found.rates.items()}
    terms: list[frozenset[int]] = []
    for asked, atom in numbers.items():
        if asked.kind == "keywords":
            terms.append(frozenset(named[asked.of, name] for name in asked.values or ("",)))
        elif asked.kind in _PHRASES:
            terms.append(frozenset(index.terms[phrase.steps] for phrase in phrases_of[atom]))
        else:
            terms.append(frozenset({atom}))
            rates.setdefault(atom, frequencies.CLIENT if asked.of in {"phone", "name"} else frequencies.FACT)
    atoms = Atoms(
        described=tuple(_describe(asked) for asked in numbers),
        terms=tuple(terms),
        phrases=index,
        written={
            atom: _written(asked.kind, phrases_of[atom], index)
            for asked, atom in numbers.items()
            if asked.kind in _PHRASES
        },
        keywords=keywords.compile_keywords(spellings),
        keyword_terms=_by_keyword(named, spellings),
        asked_keywords={
            atom: (asked.of, frozenset(asked.values)) for asked, atom in numbers.items() if asked.kind == "keywords"
        },
        patterns=found,
        directory=directory.build(map(directory.entry, document.clients), _questions(numbers)),
        client_fields=MappingProxyType({atom: asked.of for asked, atom in numbers.items() if asked.kind == "client"}),
        facts=_facts(document, numbers),
    )
    return atoms, rates


def _facts(document: syntax.Document, numbers: Mapping[_Asked, int]) -> Facts:
    by_value: dict[tuple[str, str], list[int]] = {}
    for asked, atom in numbers.items():
        if asked.kind not in _FACTS:
            continue
        for value in asked.values or ("any",):
            by_value.setdefault((f"{asked.kind} {asked.of}".strip(), value), []).append(atom)

    def of_kind(kind: str) -> Mapping[str, tuple[int, ...]]:
        return _frozen({value: atoms for (of, value), atoms in by_value.items() if of == kind})

    def of_value(kind: str, value: str) -> tuple[int, ...]:
        return tuple(by_value.get((kind, value), ()))

    windows = {hours.name.value: hours for hours in document.hours}
    named = dict.fromkeys(asked.values[0] for asked in numbers if asked.kind == "hours")
    return Facts(
        sources=of_kind("source"),
        attachments=of_kind("attachment"),
        any_attachment=of_value("attachment", "any"),
        kinds=of_kind("kind"),
        follow_up=of_value("follow_up", "true"),
        first=of_value("follow_up", "false"),
        hours=tuple(
            (calendars.build(windows[name]), of_value("hours", name), of_value("hours not", name)) for name in named
        ),
    )


def _phrases(numbers: Mapping[_Asked, int], spellings: Iterable[Spelling]) -> dict[int, tuple[Phrase, ...]]:
    """The phrases of each atom over phrases, as they are written."""
    by_category: dict[str, list[str]] = {}
    for spelling in spellings:
        by_category.setdefault(spelling.category, []).append(spelling.written)
    # Many rules name the same words.
    parsed: dict[tuple[str, bool], tuple[Phrase, ...]] = {}
    found: dict[int, tuple[Phrase, ...]] = {}
    for asked, atom in numbers.items():
        if asked.kind in _PHRASES:
            exact = asked.kind == "exact"
            for written in asked.values:
                if (written, exact) not in parsed:
                    parsed[written, exact] = phrases.parse(written, by_category, exact=exact)
            found[atom] = tuple(chain.from_iterable(parsed[written, exact] for written in asked.values))
    return found


def _written(kind: str, several: Iterable[Phrase], index: PhraseIndex) -> Mapping[int, tuple[int, str]]:
    shown: dict[int, tuple[int, str]] = {}
    for phrase in several:
        shown.setdefault(index.terms[phrase.steps], (len(shown), f"{kind}: {phrase.written}"))
    return shown


def _keyword_terms(numbers: Iterable[_Asked], first: int) -> dict[tuple[str, str], int]:
    """A term for each keyword that is asked for, and one under the empty name for each whole category."""
    named: dict[tuple[str, str], int] = {}
    for asked in numbers:
        for name in (asked.values or ("",)) if asked.kind == "keywords" else ():
            named.setdefault((asked.of, name), first + len(named))
    return named


def _keyword_rates(named: Mapping[tuple[str, str], int], spellings: Iterable[Spelling]) -> dict[int, float]:
    rates = dict.fromkeys(named.values(), 0.0)
    for spelling in spellings:
        rate = frequencies.of_phrase(tuple(Step(frozenset({word})) for word in text.words(spelling.written)))
        for name in (spelling.name, ""):
            if (spelling.category, name) in named:
                rates[named[spelling.category, name]] += rate
    return rates


def _by_keyword(
    named: Mapping[tuple[str, str], int], spellings: Iterable[Spelling]
) -> Mapping[tuple[str, str], tuple[int, ...]]:
    keys = {(spelling.category, spelling.name) for spelling in spellings}
    return {
        (category, name): tuple(named[category, each] for each in (name, "") if (category, each) in named)
        for category, name in keys
    }


def _questions(numbers: Mapping[_Asked, int]) -> list[tuple[int, directory.Question]]:
    return [
        (atom, directory.Question(asked.of, asked.values)) for asked, atom in numbers.items() if asked.kind == "client"
    ]


def _values(texts: Iterable[syntax.Text]) -> tuple[str, ...]:
    return tuple([text.value for text in texts])


def _frozen(lists: Mapping[_Key, Sequence[_Value]]) -> Mapping[_Key, tuple[_Value, ...]]:
    return MappingProxyType({key: tuple(several) for key, several in lists.items()})
