"""A rule's condition as the cases in which it holds: of each list one thing that the event must have, and what it must
not.

Called by the checks of a whole rule-set, which compare rules with each other and make messages for them. A condition of
`all`, `any` and `none` becomes a few cases, because alternatives of one kind stay together in one list. Pure; it knows
nothing of messages, and what follows from what is the work of `implications`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from engine.core import text
from engine.core.events import MESSAGE_KINDS
from engine.ruleset import phrases
from engine.ruleset.phrases import Step
from engine.ruleset.syntax import (
    Always,
    Atom,
    AttachmentIs,
    ClientIs,
    Condition,
    Document,
    FollowUpIs,
    Group,
    HoursIs,
    KeywordIs,
    KindIs,
    Pattern,
    SourceIs,
    Text,
    Words,
)

# A condition with more cases than this is left alone; rules as people write them have fewer than ten.
CASES_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Said:
    """These words stand in the message, one after the other."""

    steps: tuple[Step, ...]
    # As the lead wrote it, with the key before it; two atoms that ask for the same words are equal.
    shown: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Found:
    """A keyword stands in the message; without a name, any of its category."""

    category: str
    name: str = ""

    @property
    def shown(self) -> str:
        """As a lead writes it."""
        return f"keywords {self.category}: {self.name or 'any'}"


@dataclass(frozen=True, slots=True)
class Fits:
    """A pattern is found in the message."""

    regex: str

    @property
    def shown(self) -> str:
        """As a lead writes it."""
        return f"pattern: {self.regex}"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about the event: its source, kind or time, what came with it, the state of its conversation."""

    # source, kind, attachment, follow_up, or "hours NAME" with "inside" or "outside".
    about: str
    value: str

    @property
    def shown(self) -> str:
        """As a lead writes it."""
        if self.about.startswith("hours "):
            name = self.about.removeprefix("hours ")
            return f"hours: {name}" if self.value == "inside" else f"hours: not {name}"
        return f"{self.about}: {self.value}"

    @property
    def is_one_of_few(self) -> bool:
        """Whether all values that there can be are known: see `every_value`."""
        return self.about not in {"source", "attachment"}


@dataclass(frozen=True, slots=True)
class Known:
    """What the client directory says about the sender."""

    # As in syntax.ClientIs.
    field: str
    value: str

    @property
    def shown(self) -> str:
        """As a lead writes it."""
        return f"client {self.field}: {self.value}"


Alternative = Said | Found | Fits | Fact | Known


@dataclass(frozen=True, slots=True)
class Clause:
    """Alternatives of which one is enough."""

    # As they are written, each once; `any` of a category as its keywords.
    options: tuple[Alternative, ...] = ()
    # The same, and `Found(category)` where every keyword of a category is among them.
    members: frozenset[Alternative] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """One way for a condition to hold: something of each clause, and nothing of what is forbidden."""

    required: tuple[Clause, ...] = ()
    forbidden: Clause = Clause()

    @property
    def key(self) -> tuple[frozenset[frozenset[Alternative]], frozenset[Alternative]]:
        """Equal for cases that ask for the same, in whatever order."""
        return frozenset(clause.members for clause in self.required), self.forbidden.members


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the names in conditions stand for."""

    # Every way of writing a category, as written.
    spellings: Mapping[str, tuple[str, ...]]
    # The keywords of each category.
    names: Mapping[str, tuple[str, ...]]
    # The words of each way of writing a keyword; what is written first is what a client would write.
    written: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]
    # The words of each way of writing a category.
    of_category: Mapping[str, frozenset[tuple[str, ...]]]
    # Keywords that typing errors are forgiven in, so that what is extracted need not be a spelling.
    forgiving: frozenset[tuple[str, str]]
    # (field, value) that hold for each person of the client directory; the first is a stranger.
    people: tuple[frozenset[tuple[str, str]], ...]


def vocabulary(document: Document) -> Vocabulary:
    """The vocabulary of a document without errors."""
    spellings: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    written: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {}
    for keyword in document.keywords:
        category, name = keyword.category.value, keyword.name.value
        names.setdefault(category, []).append(name)
        ways = [name, *(spelling.value for spelling in keyword.spellings)]
        spellings.setdefault(category, []).extend(ways)
        cut = dict.fromkeys(filter(None, (text.words(way) for way in (*ways[1:], name))))
        written[category, name] = tuple(cut)
    return Vocabulary(
        spellings={category: tuple(ways) for category, ways in spellings.items()},
        names={category: tuple(several) for category, several in names.items()},
        written=written,
        of_category={
            category: frozenset(way for name in several for way in written[category, name])
            for category, several in names.items()
        },
        forgiving=frozenset((word.category.value, word.name.value) for word in document.keywords if word.typos),
        people=(frozenset({("known", "false")}), *_people(document)),
    )


def _people(document: Document) -> Iterator[frozenset[tuple[str, str]]]:
    for client in document.clients:
        tier = [("tier", folded(client.tier.value))] if client.tier else []
        tags = [("tags", folded(tag.value)) for tag in client.tags]
        yield frozenset({("known", "true"), ("name", folded(client.name.value)), *tier, *tags})


def folded(value: str) -> str:
    """A value of the client directory in the form in which such values are compared."""
    return " ".join(text.words(value))


def cases(condition: Condition, known: Vocabulary) -> tuple[Case, ...] | None:
    """Every case in which a condition holds; None when there are too many to be worth a look."""
    found = _cases(condition, known, wanted=True)
    return None if found is None else tuple(_completed(case, known) for case in found)


def _cases(condition: Condition, known: Vocabulary, *, wanted: bool) -> list[Case] | None:
    """The cases in which a condition holds or, not `wanted`, does not hold."""
    if not isinstance(condition, Group):
        options = clause(_alternatives(condition, known), known)
        if isinstance(condition, Always):
            return [Case()] if wanted else []
        return [Case(required=(options,))] if wanted else [Case(forbidden=options)]
    parts_wanted = wanted is not (condition.kind == "none")
    parts: list[list[Case]] = []
    for part in condition.parts:
        found = _cases(part, known, wanted=parts_wanted)
        if found is None:
            return None
        parts.append(found)
    # `all` that must hold needs every part, and so does `any` that must not.
    every = wanted is not (condition.kind == "any")
    return _every(parts, known) if every else _some(parts, known)


def _every(parts: Sequence[Sequence[Case]], known: Vocabulary) -> list[Case] | None:
    number = 1
    for part in parts:
        number *= len(part)
    if number > CASES_LIMIT:
        return None
    return [_joined(chosen, known) for chosen in product(*parts)]


def _joined(chosen: Iterable[Case], known: Vocabulary) -> Case:
    several = tuple(chosen)
    required = {one.members: one for case in several for one in case.required}
    forbidden = [option for case in several for option in case.forbidden.options]
    return Case(tuple(required.values()), clause(forbidden, known))


def _some(parts: Sequence[Sequence[Case]], known: Vocabulary) -> list[Case] | None:
    """All cases of the parts; those that only ask for one thing of a list become one list."""
    simple: list[Alternative] = []
    found: list[Case] = []
    for case in (case for part in parts for case in part):
        if len(case.required) == 1 and not case.forbidden.options:
            simple += case.required[0].options
        else:
            found.append(case)
    if simple:
        found.insert(0, Case(required=(clause(simple, known),)))
    return found if len(found) <= CASES_LIMIT else None


def clause(options: Iterable[Alternative], known: Vocabulary) -> Clause:
    """The clause over some alternatives."""
    once = tuple(dict.fromkeys(options))
    members = frozenset(once)
    categories = {option.category for option in once if isinstance(option, Found)}
    whole = {
        Found(category)
        for category in categories
        if all(Found(category, name) in members for name in known.names.get(category, ()))
    }
    return Clause(once, members | whole)


def _completed(case: Case, known: Vocabulary) -> Case:
    """With what follows from what is forbidden: a message that is no edit and not unsupported is a plain one."""
    facts = [option for option in case.forbidden.options if isinstance(option, Fact) and option.is_one_of_few]
    rest = [
        clause((fact for fact in every_value(about) if fact not in facts), known)
        for about in dict.fromkeys(fact.about for fact in facts)
    ]
    return Case((*case.required, *rest), case.forbidden)


def every_value(about: str) -> Sequence[Fact]:
    """Every value that a fact of a few can have; an event has exactly one of them."""
    values = ("true", "false") if about == "follow_up" else MESSAGE_KINDS if about == "kind" else ("inside", "outside")
    return [Fact(about, value) for value in values]


def _alternatives(atom: Atom, known: Vocabulary) -> Iterator[Alternative]:
    match atom:
        case Words(phrases=written, exact=exact):
            for phrase in written:
                yield from _said(phrase.value, known, exact=exact)
        case KeywordIs(category=category, names=names):
            for name in _values(names) or known.names.get(category.value, ()):
                yield Found(category.value, name)
        case Pattern(regex=regex):
            yield Fits(regex.value)
        case ClientIs(field=asked, values=values):
            # Numbers are not compared as the words of a name are.
            form = str if asked.value == "phone" else folded
            yield from (Known(asked.value, form(value)) for value in _values(values))
        case _:
            yield from _facts(atom)


def _facts(atom: Atom) -> Iterator[Fact]:
    """What an atom asks about the event besides its words and its sender; nothing for any other atom."""
    match atom:
        case SourceIs(sources=sources):
            yield from (Fact("source", source) for source in _values(sources))
        case AttachmentIs(kinds=kinds):
            yield from (Fact("attachment", kind) for kind in _values(kinds) or ("any",))
        case KindIs(kinds=kinds):
            yield from (Fact("kind", kind) for kind in _values(kinds))
        case HoursIs(name=name, inside=inside):
            yield Fact(f"hours {name.value}", "inside" if inside else "outside")
        case FollowUpIs(value=value):
            yield Fact("follow_up", "true" if value else "false")
        case _:
            return


def _said(written: str, known: Vocabulary, *, exact: bool) -> Iterator[Said]:
    shown = f"{'exact' if exact else 'words'}: {written}"
    for phrase in phrases.parse(written, known.spellings, exact=exact):
        yield Said(phrase.steps, shown)


def _values(written: Iterable[Text]) -> tuple[str, ...]:
    return tuple(each.value for each in written)
