"""A checked document and its templates become a `Ruleset`.

Called by `loader`, after `checker` has found no error. Names are resolved, defaults laid in, equal atoms of all rules
numbered once, and each rule filed under the atoms that can make it match. It checks nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar, assert_never

from engine.core.decisions import FollowUpPolicy, Priority
from engine.ruleset import calendars, conditions, directory, keywords, matcher, patterns, phrases, syntax
from engine.ruleset.atoms import Atoms
from engine.ruleset.conditions import ALWAYS, Condition, Kind, Leaf
from engine.ruleset.facts import Facts
from engine.ruleset.keywords import Spelling
from engine.ruleset.matcher import Ruleset
from engine.ruleset.templates import Templates, compile_summary

# How many words of a list an atom's description shows.
_SHOWN_WORDS = 4

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def compile_rules(document: syntax.Document, templates: Templates, sha: str) -> Ruleset:
    """The rule-set of a document in which `checker` found no error."""
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
    rules = tuple(_rule(rule, tree, defaults) for rule, tree in zip(enabled, trees, strict=True))
    triggered: dict[int, list[int]] = {}
    for position, rule in enumerate(rules):
        for atom in conditions.triggers(rule.condition):
            triggered.setdefault(atom, []).append(position)
    return Ruleset(
        sha=sha,
        rules=rules,
        defaults=defaults,
        channels=MappingProxyType(
            {channel.name.value: channel.team.value if channel.team else None for channel in document.channels}
        ),
        atoms=_atoms(document, numbering.numbers),
        triggered=_frozen(triggered),
        templates=templates,
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
    )


def _policy(said: syntax.FollowUp | None, otherwise: FollowUpPolicy) -> FollowUpPolicy:
    if said is None:
        return otherwise
    return FollowUpPolicy(
        within=said.within or otherwise.within,
        new=otherwise.new if said.then is None else said.then.value == "new",
        ack_again_after=said.ack_again_after or otherwise.ack_again_after,
    )


def _template(said: syntax.Text | None, otherwise: str | None) -> str | None:
    if said is None:
        return otherwise
    return None if said.value == "none" else said.value


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an atom asks, without its place: equal atoms of several rules are one."""

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
            return conditions.branch(Kind(condition.kind), [self.tree(part) for part in condition.parts])
        return Leaf(self.numbers.setdefault(_asked(condition), len(self.numbers)))


def _asked(atom: syntax.Atom) -> _Asked:  # noqa: C901, PLR0911 - one line for each kind of atom
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


def _atoms(document: syntax.Document, numbers: Mapping[_Asked, int]) -> Atoms:
    spellings = [
        Spelling(keyword.category.value, keyword.name.value, written)
        for keyword in document.keywords
        for written in (keyword.name.value, *_values(keyword.spellings))
    ]
    by_category: dict[str, list[str]] = {}
    for spelling in spellings:
        by_category.setdefault(spelling.category, []).append(spelling.written)

    named: dict[tuple[str, str], list[tuple[int, str]]] = {}
    any_named: dict[str, list[tuple[int, str]]] = {}
    for asked, atom in numbers.items():
        if asked.kind == "keywords":
            for name in asked.values:
                named.setdefault((asked.of, name), []).append((atom, f"keywords {asked.of}: {name}"))
            if not asked.values:
                any_named.setdefault(asked.of, []).append((atom, f"keywords {asked.of}: any"))
    regexes = [(asked.values[0], atom) for asked, atom in numbers.items() if asked.kind == "pattern"]
    return Atoms(
        described=tuple(_describe(asked) for asked in numbers),
        heads=MappingProxyType({atom: asked.kind for asked, atom in numbers.items()}),
        phrases=phrases.index(_phrases(numbers, by_category)),
        keywords=keywords.compile_keywords(spellings),
        named=_frozen(named),
        any_named=_frozen(any_named),
        patterns=patterns.compile_patterns([regex for regex, _ in regexes]),
        pattern_atoms=tuple(atom for _, atom in regexes),
        directory=directory.build(map(directory.entry, document.clients), _questions(numbers)),
        client_fields=MappingProxyType({atom: asked.of for asked, atom in numbers.items() if asked.kind == "client"}),
        facts=_facts(document, numbers),
    )


def _facts(document: syntax.Document, numbers: Mapping[_Asked, int]) -> Facts:
    by_value: dict[tuple[str, str], list[int]] = {}
    for asked, atom in numbers.items():
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


def _phrases(
    numbers: Mapping[_Asked, int], spellings: Mapping[str, Sequence[str]]
) -> Iterable[tuple[int, phrases.Phrase]]:
    for asked, atom in numbers.items():
        if asked.kind in {"words", "exact"}:
            for written in asked.values:
                for phrase in phrases.parse(written, spellings, exact=asked.kind == "exact"):
                    yield atom, phrase


def _questions(numbers: Mapping[_Asked, int]) -> list[tuple[int, directory.Question]]:
    return [
        (atom, directory.Question(asked.of, asked.values)) for asked, atom in numbers.items() if asked.kind == "client"
    ]


def _values(texts: Iterable[syntax.Text]) -> tuple[str, ...]:
    return tuple(text.value for text in texts)


def _frozen(lists: Mapping[_Key, Sequence[_Value]]) -> Mapping[_Key, tuple[_Value, ...]]:
    return MappingProxyType({key: tuple(several) for key, several in lists.items()})
