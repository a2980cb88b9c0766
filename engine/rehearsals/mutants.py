"""One atom taken away at a time, and whether any test notices: whatever survives could break and nobody would know.

Called by `engine test --mutate`. A mutant is judged by the table of `trials`, without compiling anything; only where
a scenario's message is decided otherwise is the changed rule-set compiled and that scenario played again.
Deterministic: the mutants come in the order of the file, and each costs what the messages that it touches cost.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

from engine.core import text as texts
from engine.rehearsals import plays, verdicts
from engine.rehearsals.trials import Table, Trial, spelling_key, written_spellings
from engine.rehearsals.units import Cut, Key, Listed, Part, Unit, exchanged, less, without
from engine.ruleset import compiler, conditions, keywords
from engine.ruleset.keywords import Spelling
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import (
    Condition,
    Document,
    FollowUpIs,
    Group,
    HoursIs,
    Keyword,
    KeywordIs,
    Place,
    Scenario,
    Text,
)
from engine.ruleset.templates import Templates

# So many scenarios are played again at most; the mutants beyond count as noticed when a message of theirs changes.
REPLAYS = 400


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change that no test notices."""

    # The rule; empty for a way of writing a keyword.
    rule: str
    # What was changed, e.g. `without words "call me"`.
    change: str
    at: Place
    advice: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all mutants came to."""

    mutants: int
    survivors: tuple[Survivor, ...]

    @property
    def noticed(self) -> int:
        """How many the tests notice."""
        return self.mutants - len(self.survivors)


@dataclass(frozen=True, slots=True)
class _Mutant:
    """One change of one rule."""

    cut: Cut
    part: Part
    change: str
    at: Place
    advice: str
    # What the rule's units are after the change.
    hits: Callable[[frozenset[int]], frozenset[int]]
    # The changed document, for when a scenario has to be played.
    document: Callable[[Document], Document]


@dataclass(slots=True)
class _Jury:
    """The tests that judge, with what is known of them beforehand."""

    table: Table
    templates: Templates
    # For each rule, whether it holds for each trial.
    base: dict[str, tuple[bool, ...]]
    # For each rule, what of it each trial meets.
    hits: dict[str, tuple[frozenset[int], ...]]
    # The scenarios that come true without any change; the others can judge nothing.
    sound: frozenset[int]
    replays: int


def mutate(table: Table, templates: Templates, progress: Callable[[int, int], None]) -> Outcome:
    """Every mutant judged; `progress` is told how many of how many are."""
    jury = _jury(table, templates)
    mutants = [mutant for cut in table.cuts for part in cut.parts for mutant in _of_part(cut, part)]
    spelled = list(_asked_spellings(table))
    total = len(mutants) + len(spelled)
    survivors: list[Survivor] = []
    for done, mutant in enumerate(mutants):
        progress(done, total)
        if not _is_noticed(mutant, jury):
            survivors.append(Survivor(mutant.cut.rule.id.value, mutant.change, mutant.at, mutant.advice))
    for done, (category, text) in enumerate(spelled, len(mutants)):
        progress(done, total)
        if not _is_missed(category, text, jury):
            change = f'without the spelling "{text.value}" of {category}'
            survivors.append(Survivor("", change, text.at, "add a message that is written so, or delete it"))
    progress(total, total)
    return Outcome(total, tuple(survivors))


def _jury(table: Table, templates: Templates) -> _Jury:
    hits = {cut.rule.id.value: tuple(table.hits(cut, trial.met) for trial in table.trials) for cut in table.cuts}
    base = {
        cut.rule.id.value: tuple(conditions.holds(cut.condition, each) for each in hits[cut.rule.id.value])
        for cut in table.cuts
    }
    document = table.document
    ruleset = compiler.compile_rules(document, templates, "")
    sound = (number for number, each in enumerate(document.scenarios) if _comes_true(each, document, ruleset))
    return _Jury(table, templates, base, hits, frozenset(sound), REPLAYS)


def _come_true(document: Document, numbers: Iterable[int], templates: Templates) -> bool:
    """Whether all of these scenarios of a document come true."""
    ruleset = compiler.compile_rules(document, templates, "")
    return all(_comes_true(document.scenarios[number], document, ruleset) for number in numbers)


def _comes_true(scenario: Scenario, document: Document, ruleset: Ruleset) -> bool:
    return verdicts.holds(scenario, plays.play(scenario, ruleset, document.clients))


def _of_part(cut: Cut, part: Part) -> Iterator[_Mutant]:
    """The changes of one atom: without each of its entries, without it as a whole, the other way round."""
    if isinstance(part.atom, Listed) and len(part.units) > 1:
        for unit in part.units:
            yield _less(cut, part, part.atom, unit)
    whole = _whole(cut, part)
    if whole is not None:
        yield whole
    if isinstance(part.atom, HoursIs | FollowUpIs):
        yield _flipped(cut, part, part.atom)


def _less(cut: Cut, part: Part, atom: Listed, unit: Unit) -> _Mutant:
    when = exchanged(cut.rule.when, part.path, less(atom, unit))
    advice = "add to no_match a message that only this keeps from matching" if part.guard else "add a match with it"
    return _Mutant(
        cut,
        part,
        f"without {unit.label}",
        unit.at,
        f"{advice}, or delete it",
        lambda hits: hits - {unit.number},
        lambda document: _exchange(document, cut, when),
    )


def _whole(cut: Cut, part: Part) -> _Mutant | None:
    when = without(cut.rule.when, part.path)
    if when is None:
        # The only condition of a rule: without it there would be no rule.
        return None
    label = part.units[0].label if len(part.units) == 1 else f"{part.units[0].label} and {len(part.units) - 1} more"
    # In a group of which it is the only part, that group goes with it.
    asked = _counts_as_met(cut.rule.when, part.path)
    if asked:
        advice = "add to no_match a message that lacks only this, or delete it"
    elif part.guard:
        advice = "add to no_match a message that only this keeps from matching, or delete it"
    else:
        advice = "add a match that nothing else makes match, or delete it"
    numbers = part.numbers
    return _Mutant(
        cut,
        part,
        f"without {label}",
        part.units[0].at,
        advice,
        (lambda hits: hits | numbers) if asked else (lambda hits: hits - numbers),
        lambda document: _exchange(document, cut, when),
    )


def _counts_as_met(condition: Condition, path: tuple[int, ...]) -> bool:
    """What a part that is gone counts as: met in `all`, not met in `any` and `none`.

    A group of which it is the only part goes with it, and then the same is asked of the group.
    """
    groups = _around(condition, path)
    lone = list(takewhile(lambda group: len(group.parts) == 1, reversed(groups)))
    # A group of one part is that part, or its opposite.
    turned = sum(group.kind == "none" for group in lone) % 2 == 1
    return (groups[-1 - len(lone)].kind == "all") is not turned


def _around(condition: Condition, path: tuple[int, ...]) -> tuple[Group, ...]:
    """The groups that a path leads through, the outermost first."""
    if not path or not isinstance(condition, Group):
        return ()
    return (condition, *_around(condition.parts[path[0]], path[1:]))


def _flipped(cut: Cut, part: Part, atom: HoursIs | FollowUpIs) -> _Mutant:
    if isinstance(atom, HoursIs):
        opposite: HoursIs | FollowUpIs = replace(atom, inside=not atom.inside)
    else:
        opposite = replace(atom, value=not atom.value)
    when = exchanged(cut.rule.when, part.path, opposite)
    return _Mutant(
        cut,
        part,
        f"the opposite of {part.units[0].label}",
        part.units[0].at,
        "add a scenario in which it makes a difference",
        lambda hits: hits ^ part.numbers,
        lambda document: _exchange(document, cut, when),
    )


def _exchange(document: Document, cut: Cut, when: Condition) -> Document:
    rules = tuple(replace(rule, when=when) if rule.id.value == cut.rule.id.value else rule for rule in document.rules)
    return replace(document, rules=rules)


def _is_noticed(mutant: _Mutant, jury: _Jury) -> bool:
    """Whether an example or a scenario goes otherwise."""
    rule = mutant.cut.rule
    base, hits = jury.base[rule.id.value], jury.hits[rule.id.value]
    changed: dict[int, bool] = {}
    for position, trial in enumerate(jury.table.trials):
        own = trial.rule == rule.id.value
        if own or trial.scenario >= 0 or rule.stop:
            after = conditions.holds(mutant.cut.condition, mutant.hits(hits[position]))
            if after is not base[position]:
                changed[position] = after
    return _is_judged(jury, {rule.id.value: changed}, lambda: mutant.document(jury.table.document))


def _is_judged(
    jury: _Jury,
    changed: Mapping[str, Mapping[int, bool]],
    document: Callable[[], Document],
    told: Iterable[int] = (),
) -> bool:
    """Whether an example or a scenario goes otherwise when rules match otherwise; `changed` says where, and `told`
    names scenarios that must be played whatever matches.
    """
    positions = sorted({position for each in changed.values() for position in each})
    scenarios: dict[int, None] = {}
    for position in positions:
        trial = jury.table.trials[position]
        if trial.scenario >= 0:
            # Up to its first change a scenario goes as before, so who decides there is known without playing it.
            if trial.scenario in jury.sound and trial.scenario not in scenarios:
                scenarios[trial.scenario] = None
                if trial.expected and _deciding(jury, position, changed) != trial.expected:
                    return True
        elif _is_matched(jury, trial, position, {}) is not _is_matched(jury, trial, position, changed):
            return True
    scenarios |= dict.fromkeys(sorted(jury.sound.intersection(told)))
    if not scenarios:
        return False
    if jury.replays <= 0:
        return True
    jury.replays -= 1
    return not _come_true(document(), scenarios, jury.templates)


def _is_matched(jury: _Jury, trial: Trial, position: int, changed: Mapping[str, Mapping[int, bool]]) -> bool:
    """Whether the rule of an example matches it: no rule before it may end the search."""

    def holds(rule: str) -> bool:
        return changed.get(rule, {}).get(position, jury.base[rule][position])

    before = takewhile(lambda cut: cut.rule.id.value != trial.rule, jury.table.cuts)
    ended = any(cut.rule.stop and not cut.rule.shadow and holds(cut.rule.id.value) for cut in before)
    return not ended and holds(trial.rule)


def _deciding(jury: _Jury, position: int, changed: Mapping[str, Mapping[int, bool]]) -> str:
    """The rule that decides about a message when rules match otherwise."""
    live = (cut.rule.id.value for cut in jury.table.cuts if not cut.rule.shadow)
    return next(name for name in live if changed.get(name, {}).get(position, jury.base[name][position]))


def _asked_spellings(table: Table) -> Iterator[tuple[str, Text]]:
    """Every way of writing a keyword whose category some rule asks for, but for the name, which cannot be deleted."""
    asked = {part.atom.category.value for cut in table.cuts for part in cut.parts if isinstance(part.atom, KeywordIs)}
    for keyword, text in written_spellings(table.document):
        category = keyword.category.value
        if category in asked and spelling_key(category, text.value) != spelling_key(category, keyword.name.value):
            yield category, text


def _is_missed(category: str, text: Text, jury: _Jury) -> bool:
    """Whether a test notices that a keyword is no longer found where it is written so."""
    key = spelling_key(category, text.value)
    touched = [position for position, trial in enumerate(jury.table.trials) if key in trial.met]
    if not touched:
        return False
    left = _without_spelling(jury.table.document, category, key)
    changed: dict[str, dict[int, bool]] = {}
    for position in touched:
        met = _met_without(jury.table, jury.table.trials[position], category, left)
        for cut in jury.table.cuts:
            name = cut.rule.id.value
            after = conditions.holds(cut.condition, jury.table.hits(cut, met))
            if after is not jury.base[name][position]:
                changed.setdefault(name, {})[position] = after
    # A summary says what was found, whether or not another rule matches.
    told = {jury.table.trials[position].scenario for position in touched}
    return _is_judged(jury, changed, lambda: left, told)


def _without_spelling(document: Document, category: str, key: Key) -> Document:
    kept: list[Keyword] = []
    for keyword in document.keywords:
        if keyword.category.value == category:
            others = tuple(each for each in keyword.spellings if spelling_key(category, each.value) != key)
            kept.append(replace(keyword, spellings=others))
        else:
            kept.append(keyword)
    return replace(document, keywords=tuple(kept))


def _met_without(table: Table, trial: Trial, category: str, left: Document) -> set[Key]:
    """What a message meets when the keywords of a category are found in the ways that are left."""
    found = keywords.compile_keywords(
        Spelling(category, keyword.name.value, each.value, keyword.typos)
        for keyword in left.keywords
        if keyword.category.value == category
        for each in (keyword.name, *keyword.spellings)
    )
    names = {each.name for each in found.find(texts.words(trial.event.message.text))}
    units = {key for key in table.probe.keys.values() if key[:2] == ("keyword", category)}
    found_again = {("keyword", category, name) for name in names} | ({("keyword", category)} if names else set())
    return (trial.met.keys() - units) | (found_again & units)
