"""Every message of every test, with what of the rules it meets: the table that coverage and mutants read.

One rule-set is compiled in which each unit is a rule of its own and each spelling a keyword of its own; every message
is given to it once. Whatever is asked afterwards is asked of sets. Called by `coverage` and `mutants`; pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from engine.core import text as texts
from engine.core.events import Event
from engine.rehearsals import plays
from engine.rehearsals.units import Cut, Key
from engine.ruleset import compiler, conditions
from engine.ruleset.circumstances import favourable, necessary
from engine.ruleset.conditions import ALWAYS
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Always, Atom, Document, Keyword, KeywordIs, Place, Rule, Text
from engine.ruleset.templates import Templates

# By rule: each unit's number with its key.
_Numbers = Mapping[str, tuple[tuple[int, Key], ...]]
_NOWHERE = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One message of one test."""

    event: Event
    follow_up: bool
    # The rule of an example, and whether it is to match; empty for a message of a scenario.
    rule: str
    matches: bool
    # The number of the scenario among those of the document; -1 for an example.
    scenario: int
    # The rule that is expected to decide; empty where nothing is said.
    expected: str
    # What of the rules the message meets, each with the first range of the text that shows it (0, 0 for a fact).
    met: Mapping[Key, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Probe:
    """The rule-set in which each unit is a rule."""

    ruleset: Ruleset
    # By the id of the rule that asks it.
    keys: Mapping[str, Key]

    def meet(self, event: Event, *, follow_up: bool) -> Mapping[Key, tuple[int, int]]:
        """The keys that a message meets, each with the first range of the text that shows it."""
        decision = self.ruleset.evaluate(event, follow_up=follow_up)
        ranges: dict[str, tuple[int, int]] = {}
        for why in decision.because:
            ranges.setdefault(why.rule, (why.start, why.end))
        return {self.keys[rule]: ranges.get(rule, (0, 0)) for rule in decision.matched if rule in self.keys}


@dataclass(frozen=True, slots=True)
class Table:
    """The rules cut into units, and every message with what it meets."""

    document: Document
    cuts: tuple[Cut, ...]
    trials: tuple[Trial, ...]
    probe: Probe
    _numbers: _Numbers = field(repr=False)
    # The rules that ask for a key, and not only as a guard.
    asking: Mapping[Key, Mapping[str, Cut]] = field(repr=False)
    # The positions of the trials that meet a key.
    _meeting: Mapping[Key, tuple[int, ...]] = field(repr=False)

    def hits(self, cut: Cut, met: Collection[Key]) -> frozenset[int]:
        """The units of a rule that a message meets."""
        return _hits(self._numbers[cut.rule.id.value], met)

    def meeting(self, key: Key) -> tuple[Trial, ...]:
        """The trials that meet a key, in their order."""
        return tuple(self.trials[place] for place in self._meeting.get(key, ()))

    def near(self, cut: Cut) -> tuple[int, ...]:
        """The positions of the trials that meet a unit of a rule, and of one that meets none; the rest is like it."""
        meeting = {place for _, key in self._numbers[cut.rule.id.value] for place in self._meeting.get(key, ())}
        none = (place for place in range(len(self.trials)) if place not in meeting)
        return tuple(sorted((*meeting, *islice(none, 1))))

    def holds(self, cut: Cut, met: Collection[Key]) -> bool:
        """Whether a rule matches what a message meets."""
        return conditions.holds(cut.condition, self.hits(cut, met))


def table(document: Document, ruleset: Ruleset, cuts: Sequence[Cut], templates: Templates) -> Table:
    """Every message of the document's tests, tried."""
    probe = _probe(document, cuts, templates)
    numbers = {
        cut.rule.id.value: tuple((unit.number, unit.key) for part in cut.parts for unit in part.units) for cut in cuts
    }
    trials = (*_examples(document, cuts, numbers, probe), *_scenarios(document, ruleset, probe))
    meeting: dict[Key, list[int]] = {}
    for place, trial in enumerate(trials):
        for key in trial.met:
            meeting.setdefault(key, []).append(place)
    asking: dict[Key, dict[str, Cut]] = {}
    for cut in cuts:
        for unit in (unit for part in cut.parts if not part.guard for unit in part.units):
            asking.setdefault(unit.key, {})[cut.rule.id.value] = cut
    frozen = {key: tuple(places) for key, places in meeting.items()}
    return Table(document, tuple(cuts), trials, probe, numbers, asking, frozen)


def _hits(units: tuple[tuple[int, Key], ...], met: Collection[Key]) -> frozenset[int]:
    return frozenset((ALWAYS, *(number for number, key in units if key in met)))


def spelling_key(category: str, written: str) -> Key:
    """The key of one way of writing a keyword."""
    return ("spelling", category, " ".join(texts.words(written)))


def _spellings(document: Document) -> Mapping[str, Mapping[str, tuple[Text, ...]]]:
    """Category -> name -> its spellings, the name first, each different one once."""
    found: dict[str, dict[str, tuple[Text, ...]]] = {}
    for keyword in document.keywords:
        different: dict[tuple[str, ...], Text] = {}
        for text in (keyword.name, *keyword.spellings):
            different.setdefault(texts.words(text.value), text)
        different.pop((), None)
        found.setdefault(keyword.category.value, {})[keyword.name.value] = tuple(different.values())
    return found


def written_spellings(document: Document) -> Iterable[tuple[Keyword, Text]]:
    """Every way of writing a keyword that its list has, each different one once; the name where there is no list."""
    for keyword in document.keywords:
        different: dict[tuple[str, ...], Text] = {}
        for text in keyword.spellings or (keyword.name,):
            different.setdefault(texts.words(text.value), text)
        yield from ((keyword, text) for words, text in different.items() if words)


def _probe(document: Document, cuts: Sequence[Cut], templates: Templates) -> Probe:
    spelled = _spellings(document)
    atoms: dict[Key, Atom] = {}
    for cut in cuts:
        for part in cut.parts:
            for unit in part.units:
                atoms.setdefault(unit.key, _asking(unit.atom, spelled))
    for category, names in spelled.items():
        for text in (text for several in names.values() for text in several):
            key = spelling_key(category, text.value)
            atoms[key] = KeywordIs(Text(category, text.at), (Text(key[2], text.at),), text.at)
    keys = {str(number): key for number, key in enumerate(atoms)}
    rules = [Rule(Text(id_, _NOWHERE), atoms[key], _NOWHERE) for id_, key in keys.items()]
    split = Document(
        defaults=document.defaults,
        keywords=tuple(_split(document.keywords, spelled)),
        rules=(*rules, Rule(Text("last", _NOWHERE), Always(_NOWHERE), _NOWHERE)),
        channels=document.channels,
        hours=document.hours,
        clients=document.clients,
    )
    return Probe(compiler.compile_rules(split, templates, ""), keys)


def _asking(atom: Atom, spelled: Mapping[str, Mapping[str, tuple[Text, ...]]]) -> Atom:
    """The atom where each spelling is a keyword of its own."""
    if isinstance(atom, KeywordIs) and atom.names:
        category = atom.category.value
        several = spelled.get(category, {}).get(atom.names[0].value, ())
        names = tuple(Text(spelling_key(category, text.value)[2], text.at) for text in several)
        return KeywordIs(atom.category, names, atom.at)
    return atom


def _split(keywords: Iterable[Keyword], spelled: Mapping[str, Mapping[str, tuple[Text, ...]]]) -> Iterable[Keyword]:
    for keyword in keywords:
        category = keyword.category.value
        for text in spelled[category].get(keyword.name.value, ()):
            name = Text(spelling_key(category, text.value)[2], text.at)
            yield Keyword(keyword.category, name, (), keyword.typos)


def _examples(document: Document, cuts: Sequence[Cut], numbers: _Numbers, probe: Probe) -> Iterable[Trial]:
    for cut in cuts:
        name, examples = cut.rule.id.value, cut.rule.examples
        for matches, texts_ in ((True, examples.match), (False, examples.no_match)):
            needed = necessary(cut.rule, document)
            tries = tuple(dict.fromkeys((needed, favourable(cut.rule, document)))) if matches else (needed,)
            for example in texts_:
                found = []
                for around in tries:
                    event = around.event(example.value)
                    met = probe.meet(event, follow_up=around.follow_up)
                    found.append(Trial(event, around.follow_up, name, matches, -1, "", met))
                good = (each for each in found if conditions.holds(cut.condition, _hits(numbers[name], each.met)))
                yield next(good, found[-1])


def _scenarios(document: Document, ruleset: Ruleset, probe: Probe) -> Iterable[Trial]:
    for number, scenario in enumerate(document.scenarios):
        for seen in plays.play(scenario, ruleset, document.clients):
            met = probe.meet(seen.event, follow_up=seen.follow_up)
            rule = [each.values[0].value for each in seen.step.expect if each.fact.value == "rule"]
            expected = rule[0] if rule else ""
            yield Trial(seen.event, seen.follow_up, "", matches=False, scenario=number, expected=expected, met=met)
