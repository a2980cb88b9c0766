"""A rule into messages that it matches, each tried by the compiled rules before anybody sees it.

Called by the checks of a whole rule-set, whose findings show what happens instead of claiming it, and by whoever else
needs a message for a rule. First come the rule's own examples, then messages put together from the words, spellings and
patterns of its condition. A message that the rules do not take as they should is dropped: the answer is never a guess.
Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.core.decisions import Decision
from engine.core.events import Event
from engine.core.quotes import clean_line
from engine.ruleset import circumstances, conditions
from engine.ruleset.advice import cases, samples
from engine.ruleset.advice.cases import Alternative, Case, Clause, Fits, Found, Said, Vocabulary
from engine.ruleset.advice.implications import leads_to
from engine.ruleset.circumstances import Circumstances
from engine.ruleset.matcher import Ruleset
from engine.ruleset.phrases import Step
from engine.ruleset.syntax import Document, Rule

# How many messages are put together for one case before it is given up.
_ATTEMPTS = 8
# What stands between two parts of a message: nothing first, then words that no rule asks for.
_JOINTS = (" ", " zz ")
# A message for a rule that asks for no words.
_NOTHING_ASKED = ("hello", "zz")
# So much of a message is quoted.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Witness:
    """A message that was run, and what came of it."""

    event: Event
    # Whether its conversation has an open incident.
    follow_up: bool
    decision: Decision
    # Every rule whose condition holds, even behind one that ends the search.
    met: frozenset[str]

    @property
    def matched(self) -> frozenset[str]:
        """Every rule that was asked and matched, those on trial included."""
        return frozenset((*self.decision.matched, *(shadow.rule for shadow in self.decision.shadow)))

    @property
    def shown(self) -> str:
        """The message in quotes, with what is unusual about it."""
        text = clean_line(self.event.message.text, _SHOWN)
        told = [f'"{text}"' if text else "a message without text", *_unusual(self)]
        return " ".join(told)


def witness(rule: Rule, document: Document, ruleset: Ruleset) -> Witness | None:
    """A message that the rule matches; None when none was found, which does not mean that there is none."""
    known = cases.vocabulary(document)
    tried = witnesses(rule, cases.cases(rule.when, known) or (), document, ruleset, known)
    return next((one for one in tried if rule.id.value in one.matched), None)


def witnesses(
    rule: Rule, ways: Iterable[Case], document: Document, ruleset: Ruleset, known: Vocabulary
) -> Iterator[Witness]:
    """Messages for which the condition of a rule holds: its examples, then some for each of the cases given."""
    around = circumstances.favourable(rule, document)
    written = [example.value for example in rule.examples.match]
    for text in (*written, *(text for case in ways for text in texts(case, known))):
        found = run(around, text, ruleset)
        if rule.id.value in found.met:
            yield found


def first(found: Iterable[Witness], wanted: Callable[[Witness], bool]) -> Witness | None:
    """The first witness that shows what it should."""
    return next((one for one in found if wanted(one)), None)


def run(around: Circumstances, text: str, ruleset: Ruleset) -> Witness:
    """What the rules make of a text under some circumstances."""
    event = around.event(text)
    decision = ruleset.evaluate(event, follow_up=around.follow_up)
    return Witness(event, around.follow_up, decision, met(event, around.follow_up, ruleset))


def met(event: Event, follow_up: bool, ruleset: Ruleset) -> frozenset[str]:  # noqa: FBT001 - the state of a conversation
    """The rules whose condition holds for an event, those that a `stop` keeps from being asked included."""
    reading = ruleset.atoms.read(event, follow_up=follow_up)
    found: list[str] = []
    for position in ruleset.candidates(reading):
        rule = ruleset.rules[position]
        reading.ask(ruleset.trials[position].patterns)
        if conditions.holds(rule.condition, reading.hits(rule.atoms)):
            found.append(rule.id)
    return frozenset(found)


def without(case: Case, absent: Clause, known: Vocabulary) -> Case:
    """The case with more that must not be there."""
    forbidden = cases.clause((*case.forbidden.options, *absent.options), known)
    return replace(case, forbidden=forbidden)


def texts(case: Case, known: Vocabulary) -> Iterator[str]:
    """Texts that may have what a case requires and lack what it forbids, simplest first, none twice."""
    clauses = [_possible(clause, case.forbidden, known) for clause in case.required if asks_for_text(clause)]
    made = (
        joint.join(filter(None, (_written(options[attempt % len(options)], known, attempt) for options in clauses)))
        for attempt in range(_ATTEMPTS)
        for joint in _JOINTS
        if all(clauses)
    )
    yield from dict.fromkeys(made if clauses else _NOTHING_ASKED)


def is_of_text(clause: Clause) -> bool:
    """Whether only words can satisfy a clause."""
    return all(isinstance(option, Said | Found | Fits) for option in clause.options)


def asks_for_text(clause: Clause) -> bool:
    """Whether words can satisfy a clause; facts are the circumstances' part."""
    return any(isinstance(option, Said | Found | Fits) for option in clause.options)


def _possible(clause: Clause, forbidden: Clause, known: Vocabulary) -> Sequence[Alternative]:
    return [option for option in clause.options if not leads_to(option, forbidden, known)]


def _written(option: Alternative, known: Vocabulary, attempt: int) -> str:
    """How a client would write what an alternative asks for."""
    match option:
        case Said(steps=steps):
            return " ".join(map(_word, steps))
        case Found(category=category, name=name):
            ways = known.written.get((category, name), ())
            return " ".join(ways[attempt // 2 % len(ways)]) if ways else ""
        case Fits(regex=regex):
            return samples.sample(regex, attempt)
        case _:
            return ""


def _word(step: Step) -> str:
    """The plainest form of a word."""
    return step.prefix or min(step.forms, key=lambda form: (len(form), form))


def _unusual(found: Witness) -> Iterator[str]:
    event, usual = found.event, circumstances.USUAL
    if event.message.attachments:
        kinds = dict.fromkeys(attachment.kind for attachment in event.message.attachments)
        yield f"with {' and '.join(kinds)} attached"
    if event.message.kind != usual.kind:
        yield f"(kind: {event.message.kind})"
    if event.source != usual.source:
        yield f"from {event.source}"
    if event.client != usual.client:
        yield f"by {event.client.display_name}"
    if event.received_at != usual.received_at:
        yield f"on {event.received_at:%A at %H:%M} UTC"
    if found.follow_up:
        yield "while an incident is open"
