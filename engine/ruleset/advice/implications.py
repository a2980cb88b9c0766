"""What follows from what: whether a case of one rule holds only where a case of another one does, and whether a case
can hold at all.

Called by the checks of a whole rule-set. Everything it says is proved from the alternatives alone; what it cannot prove
it denies, so that no finding built on it is a false alarm. The proofs know: forms and beginnings of words, phrases
inside of phrases, keywords by their spellings, equal patterns, and what excludes each other among the facts of an
event. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from engine.ruleset.advice.cases import Alternative, Case, Clause, Fact, Found, Known, Said, Vocabulary, every_value
from engine.ruleset.phrases import Step

# What `attachment: audio` takes besides audio files.
_ALSO = {"voice": "audio"}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Things of one case that cannot all be; one of the two may be empty."""

    asked: tuple[Alternative, ...]
    forbidden: tuple[Alternative, ...] = ()


def conflict(case: Case, known: Vocabulary) -> Conflict | None:
    """Why a case can never hold, when that can be proved."""
    for clause in case.required:
        if not clause.options:
            return _exhausted(case)
        if all(leads_to(option, case.forbidden, known) for option in clause.options):
            return Conflict(clause.options[:1], (_met_by(clause.options[0], case.forbidden, known),))
    for one, other in combinations(case.required, 2):
        if all(_excludes(first, second, known) for first in one.options for second in other.options):
            return Conflict((one.options[0], other.options[0]))
    return None


def _exhausted(case: Case) -> Conflict:
    """The conflict of a case that forbids every value that some fact can have."""
    facts = [option for option in case.forbidden.options if isinstance(option, Fact) and option.is_one_of_few]
    values = next(values for fact in facts if set(values := every_value(fact.about)) <= set(facts))
    return Conflict((), tuple(values))


def implies(narrow: Case, wide: Case, known: Vocabulary) -> bool:
    """Whether it can be proved that each event of the narrow case is one of the wide case."""
    return all(
        any(_clause_leads_to(one, other, narrow.forbidden, known) for one in narrow.required) for other in wide.required
    ) and all(_ruled_out(option, narrow, known) for option in wide.forbidden.options)


def _clause_leads_to(one: Clause, other: Clause, forbidden: Clause, known: Vocabulary) -> bool:
    if one.members <= other.members:
        return True
    return all(leads_to(option, other, known) or leads_to(option, forbidden, known) for option in one.options)


def _ruled_out(option: Alternative, case: Case, known: Vocabulary) -> bool:
    """Whether something cannot be the case wherever a case holds."""
    return leads_to(option, case.forbidden, known) or any(
        all(_excludes(option, other, known) for other in clause.options) for clause in case.required
    )


def leads_to(option: Alternative, clause: Clause, known: Vocabulary) -> bool:
    """Whether something of the clause is there wherever the option is."""
    if option in clause.members:
        return True
    match option:
        case Said(steps=steps):
            return _phrase_leads_to(steps, clause, known)
        case Found(category=category, name=name):
            return Found(category) in clause.members or _keyword_leads_to(category, name, clause, known)
        case Fact(about="attachment", value=value):
            return Fact("attachment", "any") in clause.members or (
                Fact("attachment", _ALSO.get(value, value)) in clause.members
            )
        case Known():
            people = _people(option, known)
            others = [_people(other, known) for other in clause.options if isinstance(other, Known)]
            return bool(people) and people <= frozenset[int]().union(*others)
        case _:
            return False


def _met_by(option: Alternative, clause: Clause, known: Vocabulary) -> Alternative:
    """The alternative of a clause that an option leads to; of several that it needs together, the first."""
    whole = [other for other in clause.members if isinstance(other, Found) and not other.name]
    several = (*whole, *clause.options)
    return next(
        (other for other in several if leads_to(option, Clause((other,), frozenset({other})), known)), several[0]
    )


def _keyword_leads_to(category: str, name: str, clause: Clause, known: Vocabulary) -> bool:
    if (category, name) in known.forgiving:
        return False
    ways = known.written.get((category, name), ())
    return bool(ways) and all(
        _phrase_leads_to(tuple(Step(frozenset({word})) for word in way), clause, known) for way in ways
    )


def _phrase_leads_to(steps: tuple[Step, ...], clause: Clause, known: Vocabulary) -> bool:
    """A phrase leads to the phrases inside of it and, a category over, to some keyword whose spelling is inside."""
    for other in clause.members:
        if isinstance(other, Said):
            if _stands_in(other.steps, steps):
                return True
        elif isinstance(other, Found) and not other.name and _spells(steps, other.category, known):
            return True
    return False


def _stands_in(inner: tuple[Step, ...], outer: tuple[Step, ...]) -> bool:
    last = len(outer) - len(inner)
    return any(all(map(_narrower, outer[at:], inner)) for at in range(last + 1))


def _narrower(one: Step, other: Step) -> bool:
    """Whether every word that one step takes is taken by the other."""
    if one.prefix:
        return bool(other.prefix) and one.prefix.startswith(other.prefix)
    return all(word.startswith(other.prefix) if other.prefix else word in other.forms for word in one.forms)


def _spells(steps: tuple[Step, ...], category: str, known: Vocabulary) -> bool:
    ways = known.of_category.get(category, frozenset())
    return any(run in ways for run in runs(steps))


def runs(steps: tuple[Step, ...]) -> Iterator[tuple[str, ...]]:
    """Every run of words that surely stands in what the steps take: of each step its only form."""
    for start in range(len(steps)):
        run: tuple[str, ...] = ()
        for step in steps[start:]:
            if len(step.forms) != 1:
                break
            run = (*run, *step.forms)
            yield run


def _excludes(one: Alternative, other: Alternative, known: Vocabulary) -> bool:
    """Whether the two cannot both be true of one event."""
    match one, other:
        case Fact(about=about, value=value), Fact(about=its, value=others):
            return about == its and about != "attachment" and value != others
        case Known(), Known():
            ours, theirs = _people(one, known), _people(other, known)
            return bool(ours and theirs) and ours.isdisjoint(theirs)
        case _:
            return False


def _people(option: Known, known: Vocabulary) -> frozenset[int]:
    """The people of whom it is true, by their position; nobody where numbers are asked for, which are not compared."""
    fact = (option.field, option.value)
    return frozenset(number for number, facts in enumerate(known.people) if fact in facts)
