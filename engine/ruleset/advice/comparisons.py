"""All rules of a set side by side: for each of them the rules that certainly match whenever it does.

Called by `reachability` and `overlaps`. Pairs are not tried: each case is filed under the words, keywords or facts of
its rarest list, and only what a case leads to is looked at, so that the work follows what rules share. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.ruleset.advice.cases import (
    Alternative,
    Case,
    Clause,
    Fact,
    Fits,
    Found,
    Known,
    Said,
    Vocabulary,
    cases,
    vocabulary,
)
from engine.ruleset.advice.implications import conflict, implies, runs
from engine.ruleset.phrases import Step
from engine.ruleset.syntax import Document, Rule

# So many candidates are compared with one case. More come only of a set in which hundreds of rules ask for the same.
CANDIDATES_LIMIT = 200

# So many alternatives of a list are looked up.
_ALTERNATIVES_ASKED = 4

_ALWAYS = ("always",)
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """A rule that is switched on, with its cases."""

    # Its place among those rules.
    position: int
    rule: Rule
    # None: too many to be compared.
    cases: tuple[Case, ...] | None
    # Those that can hold.
    possible: tuple[Case, ...]

    @property
    def condition(self) -> frozenset[object]:
        """Equal for rules that ask for the same, in whatever order; empty for a rule that cannot be compared."""
        return frozenset(case.key for case in self.cases or ())


@dataclass(slots=True)
class Comparison:
    """The rules with their index. It notes the rules that it could not look at wholly."""

    known: Vocabulary
    subjects: tuple[Subject, ...]
    # The rules by what their cases are filed under, and those that may match whatever the event is.
    _filed: Mapping[_Key, Sequence[int]] = field(repr=False)
    _always: frozenset[int]
    # For each rule its cases, with the keys of each list.
    _filed_cases: Mapping[int, Sequence[tuple[Case, Sequence[frozenset[_Key]]]]] = field(repr=False)
    _beginnings: frozenset[int] = field(repr=False)
    _spelled: Mapping[str, tuple[str, ...]] = field(repr=False)
    # Those rules, by position.
    cut: set[int] = field(default_factory=set)
    # Those for which a message has been looked for.
    witnessed: set[int] = field(default_factory=set)
    _answered: dict[tuple[int, int], tuple[Subject, ...]] = field(default_factory=dict, repr=False)
    _led: dict[Alternative, frozenset[int]] = field(default_factory=dict, repr=False)

    def holding_with(self, subject: Subject, number: int) -> tuple[Subject, ...]:
        """The other rules that certainly match every event of a possible case of a rule, in their order."""
        asked = (subject.position, number)
        if asked not in self._answered:
            self._answered[asked] = tuple(self._holding_with(subject, subject.possible[number]))
        return self._answered[asked]

    def _holding_with(self, subject: Subject, case: Case) -> Iterator[Subject]:
        reached = self._always.union(*map(self._reached, case.required)) - {subject.position}
        # Whatever a list leads to, its first alternative does: most rules are told apart by this without a proof.
        keys = frozenset(key for clause in case.required for key in self._keys_of(clause.options[0]))
        alike = [
            (position, wide)
            for position in sorted(reached)
            for wide, asked in self._filed_cases[position]
            if not any(map(keys.isdisjoint, asked))
        ]
        if len(alike) > CANDIDATES_LIMIT:
            self.cut.add(subject.position)
        found = (position for position, wide in alike[:CANDIDATES_LIMIT] if implies(case, wide, self.known))
        yield from (self.subjects[position] for position in dict.fromkeys(found))

    def _reached(self, clause: Clause) -> frozenset[int]:
        """The rules with a list to which all alternatives of this one may lead; a few of them tell enough."""
        reached = self._led_to(clause.options[0])
        for option in clause.options[1:_ALTERNATIVES_ASKED]:
            if not reached:
                break
            reached &= self._led_to(option)
        return reached

    def _led_to(self, option: Alternative) -> frozenset[int]:
        if option not in self._led:
            keys = dict.fromkeys(self._keys_of(option))
            self._led[option] = frozenset(position for key in keys for position in self._filed.get(key, ()))
        return self._led[option]

    def _keys_of(self, option: Alternative) -> Iterator[_Key]:
        match option:
            case Said(steps=steps):
                yield from self._keys_of_phrase(steps)
            case Found(category=category, name=name):
                yield ("keyword", category, name)
                yield ("keyword", category, "")
                for way in self.known.written.get((category, name), ())[:1]:
                    yield from self._keys_of_phrase(tuple(Step(frozenset({word})) for word in way))
            case Known():
                yield ("client",)
            case Fact(about="attachment", value=value):
                yield from (("fact", "attachment", kind) for kind in (value, "any", "audio"))
            case _:
                yield _key(option)

    def _keys_of_phrase(self, steps: tuple[Step, ...]) -> Iterator[_Key]:
        for step in steps:
            word = step.prefix or min(step.forms)
            yield ("word", word)
            yield from (("beginning", word[:length]) for length in self._beginnings)
        for run in runs(steps):
            yield from (("keyword", category, "") for category in self._spelled.get(" ".join(run), ()))


def compare(document: Document) -> Comparison:
    """The comparison of all rules of a document without errors that are switched on."""
    known = vocabulary(document)
    subjects = tuple(
        _subject(position, rule, known) for position, rule in enumerate(rule for rule in document.rules if rule.enabled)
    )
    # A rule on trial decides nothing for others, and of several with the same condition one is enough.
    distinct = {subject.condition: subject for subject in reversed(subjects) if not subject.rule.shadow}
    filed_cases = {
        subject.position: [
            (case, [frozenset(_keys_of_clause(clause)) for clause in case.required]) for case in subject.possible
        ]
        for subject in distinct.values()
    }
    often = Counter(key for several in filed_cases.values() for _, asked in several for keys in asked for key in keys)
    filed: dict[_Key, list[int]] = {}
    for position, several in filed_cases.items():
        for _, asked in several:
            # Of its lists the one that the fewest others have something of.
            for key in min(asked, key=lambda keys: sum(often[key] for key in keys), default=(_ALWAYS,)):
                filed.setdefault(key, []).append(position)
    spelled: dict[str, list[str]] = {}
    for category, ways in known.of_category.items():
        for way in ways:
            spelled.setdefault(" ".join(way), []).append(category)
    return Comparison(
        known,
        subjects,
        filed,
        frozenset(filed.get(_ALWAYS, ())),
        filed_cases,
        frozenset(len(key[1]) for key in filed if key[0] == "beginning"),
        {written: tuple(several) for written, several in spelled.items()},
    )


def _subject(position: int, rule: Rule, known: Vocabulary) -> Subject:
    found = cases(rule.when, known)
    return Subject(position, rule, found, tuple(case for case in found or () if conflict(case, known) is None))


def _keys_of_clause(clause: Clause) -> frozenset[_Key]:
    found: set[_Key] = set()
    for option in clause.members:
        if isinstance(option, Said):
            found.update(_keys_of_said(option))
        else:
            found.add(_key(option))
    return frozenset(found)


def _keys_of_said(option: Said) -> Iterator[_Key]:
    """A phrase is filed under the forms of its longest word, which is its rarest more often than not."""
    step = max(option.steps, key=lambda step: len(step.prefix) or min(map(len, step.forms)))
    if step.prefix:
        yield ("beginning", step.prefix)
    else:
        yield from (("word", form) for form in sorted(step.forms))


def _key(option: Alternative) -> _Key:
    match option:
        case Found(category=category, name=name):
            return ("keyword", category, name)
        case Fits(regex=regex):
            return ("pattern", regex)
        case Fact(about=about, value=value):
            return ("fact", about, value)
        case _:
            return ("client",)
