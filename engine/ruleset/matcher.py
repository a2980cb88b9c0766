"""An event and the compiled rules in, a decision with its reasons out.

Called by the pipeline for every message and by `engine explain`. The semantics are one sentence: every rule that
matches adds its tags and can only raise the priority; the first one in order decides what is said and where it goes.
Pure: no clock, no input or output, and the same event always gives the same decision. The index over atoms only spares
work; the decision is the one that asking every rule in order would give.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from engine.core import variables
from engine.core.decisions import Because, Decision, Explanation, FollowUpPolicy, NotMatched, Priority, Shadow
from engine.core.events import Event, Message
from engine.core.quotes import quote
from engine.core.rosters import Roster
from engine.core.text import first_sentence
from engine.ruleset import conditions, languages
from engine.ruleset.atoms import Atoms, Reading
from engine.ruleset.conditions import Branch, Condition, Kind, Leaf
from engine.ruleset.templates import Summary, Templates

# The rule that a decision names when evaluation failed.
FALLBACK = "engine-fallback"

_ATTACHMENTS = {
    "image": "an image",
    "video": "a video",
    "audio": "an audio file",
    "voice": "a voice message",
    "document": "a document",
    "sticker": "a sticker",
    "location": "a location",
    "contacts": "a contact card",
    "order": "an order",
}
# How many parts of a group are named before an ellipsis.
_NAMED_PARTS = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. What it does not say itself is None, except for what a deciding rule takes from the defaults."""

    id: str
    title: str
    # Where it stands: the file and, after a colon, the line.
    location: str
    condition: Condition
    # What the rule itself says; the defaults' priority is for the deciding rule only.
    priority: Priority | None
    tags: tuple[str, ...]
    channel: str
    # None: the client's first sentence.
    summary: Summary | None
    # None: no acknowledgement.
    ack: str | None
    escalate: bool
    stop: bool
    # Channels that get a copy of the post.
    also: tuple[str, ...]
    # None: whoever is on call.
    mention: str | None
    follow_up: FollowUpPolicy
    # Evaluated and recorded, nothing else.
    shadow: bool
    # Every atom of the condition.
    atoms: frozenset[int] = field(repr=False)


class Trial(NamedTuple):
    """What of a rule is tried on the terms of a message; see `conditions.Outline`."""

    # The rarest first; without the one that the rule is filed under, unless that may be a pattern yet to be asked.
    needed: tuple[frozenset[int], ...]
    barred: frozenset[int]
    # The patterns of the condition.
    patterns: tuple[int, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a rule says nothing."""

    channel: str
    priority: Priority
    ack: str | None
    tags: tuple[str, ...]
    mention: str | None
    follow_up: FollowUpPolicy


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What a rules directory and its templates say, ready to run; immutable. It is a `core.answers.Wording`."""

    # Hash of every file that it was made from.
    sha: str
    rules: tuple[Rule, ...]
    defaults: Defaults
    # The Mattermost channels that a decision can name, with their teams; None: the team of engine.yaml.
    channels: Mapping[str, str | None]
    atoms: Atoms = field(repr=False)
    # For each rule what is tried of it.
    trials: tuple[Trial, ...] = field(repr=False)
    # The positions of the rules that are filed under a term: they match only if one of theirs is there.
    filed: Mapping[int, tuple[int, ...]] = field(repr=False)
    templates: Templates = field(repr=False)
    # Who is called when nobody takes care of an incident; None: the folder says nothing about it.
    roster: Roster | None = field(default=None, repr=False)

    def match(self, event: Event, *, follow_up: bool = False) -> tuple[Rule, ...]:
        """The rules that match an event, in order, up to one that ends the search."""
        return tuple(self._matching(self.atoms.read(event, follow_up=follow_up))[0])

    def evaluate(self, event: Event, *, follow_up: bool = False) -> Decision:
        """What the rules decide about one event; `follow_up` says that its conversation has an open incident."""
        reading = self.atoms.read(event, follow_up=follow_up)
        return self._decide(event, reading, *self._matching(reading))

    def matches(self, rule: str, event: Event, *, follow_up: bool = False) -> bool:
        """Whether a rule, one on trial included, is among those that match the event."""
        matching, shadows = self._matching(self.atoms.read(event, follow_up=follow_up))
        return any(found.id == rule for found in matching) or any(found.rule == rule for found in shadows)

    def explain(self, event: Event, *, follow_up: bool = False) -> Explanation:
        """The decision, and for every rule that did not match the first thing it missed, nearest rules first."""
        reading = self.atoms.read(event, follow_up=follow_up)
        reading.ask(self.atoms.patterns.expressions)
        hits = reading.hits(range(len(self.atoms.terms)))
        matching, shadows = self._matching(reading)
        on_trial = {shadow.rule for shadow in shadows}
        last = matching[-1] if matching else None
        ends = last if last and last.stop else None
        # Rules that a `stop` kept from being asked come after all that were asked and missed something.
        missed: list[tuple[float, NotMatched]] = []
        after = False
        for rule in self.rules:
            if after and ends is not None:
                missed.append((-1.0, NotMatched(rule.id, f"not asked: {ends.id} ends the search")))
            elif rule not in matching and rule.id not in on_trial:
                nearness = conditions.nearness(rule.condition, hits)
                missed.append((nearness, NotMatched(rule.id, _missing(rule.condition, hits, reading))))
            after = after or rule is ends
        missed.sort(key=lambda each: -each[0])
        decision = self._decide(event, reading, matching, shadows)
        return Explanation(decision, tuple(not_matched for _, not_matched in missed))

    def fallback(self, event: Event, error: str) -> Decision:
        """The decision for an event whose evaluation failed: somebody must look, and the client must not wait."""
        return Decision(
            rule=FALLBACK,
            location="",
            matched=(),
            priority=Priority.NORMAL,
            tags=self.defaults.tags,
            channel=self.defaults.channel,
            team=self.channels.get(self.defaults.channel),
            summary=_first_words(event.message),
            keywords=(),
            captures=(),
            ack=self.defaults.ack,
            escalate=True,
            because=(),
            ruleset_sha=self.sha,
            mention=self.defaults.mention,
            follow_up=self.defaults.follow_up,
            error=error,
        )

    def offers(self, template: str) -> bool:
        """Whether there is an acknowledgement of this name; see `core.answers.Wording`."""
        return f"ack/{template}" in self.templates.compiled

    def acknowledgement(self, template: str, given: Mapping[str, object]) -> str:
        """The text for the client; see `core.answers.Wording`."""
        return self.templates.acknowledgement(template, given)

    def escalation(self, given: Mapping[str, object]) -> tuple[str, str]:
        """Title and body of the engineers' post; see `core.answers.Wording`."""
        return self.templates.escalation(given)

    def prepare(self) -> None:
        """Load whatever the first message would otherwise wait for."""
        for offered in self.templates.variants.values():
            languages.prepare(offered)

    def language(self, event: Event, template: str) -> str | None:
        """The variant of an acknowledgement: what the client directory says, else what the message is written in; see
        `core.answers.Wording`.
        """
        offered = self.templates.variants.get(template)
        if not offered:
            return None
        known = self.atoms.directory.language(event.client.phone)
        if known is not None:
            return known if known in offered else None
        return languages.detect(event.message.text, offered)

    def candidates(self, reading: Reading) -> list[int]:
        """The positions of the rules that can still match, in order; all others cannot."""
        filed = self.filed
        reached: list[int] = []
        for term in reading.plausible:
            if (positions := filed.get(term)) is not None:
                reached += positions
        # A rule comes once for each of its terms that is there.
        return sorted(set(reached))

    def _matching(self, reading: Reading) -> tuple[list[Rule], list[Shadow]]:
        """The rules that match, in order, up to one that ends the search; and those on trial among them, apart."""
        terms, plausible = reading.terms, reading.plausible
        found: list[Rule] = []
        shadows: list[Shadow] = []
        for position in self.candidates(reading):
            needed, barred, patterns, whole = self.trials[position]
            for each in needed:
                if each.isdisjoint(plausible):
                    break
            else:
                if not barred.isdisjoint(terms):
                    continue
                if patterns:
                    reading.ask(patterns)
                    if any(map(terms.isdisjoint, needed)) or not barred.isdisjoint(terms):
                        continue
                rule = self.rules[position]
                if not whole and not conditions.holds(rule.condition, reading.hits(rule.atoms)):
                    continue
                if rule.shadow:
                    shadows.append(Shadow(rule.id, decides=not found))
                    continue
                found.append(rule)
                if rule.stop:
                    break
        return found, shadows

    def _decide(self, event: Event, reading: Reading, matching: Sequence[Rule], shadows: Sequence[Shadow]) -> Decision:
        if not matching:
            return self.fallback(event, "no rule matched")
        deciding = matching[0]
        matched = tuple([rule.id for rule in matching])
        said = [rule.priority for rule in matching[1:] if rule.priority is not None]
        priority = max([self.defaults.priority if deciding.priority is None else deciding.priority, *said])
        tags = tuple(dict.fromkeys(chain(self.defaults.tags, *[rule.tags for rule in matching])))
        keywords = reading.keywords()
        captures = _captures(deciding, reading)
        summary = ""
        if deciding.summary is not None:
            given = variables.of_match(keywords, captures, priority, tags, matched)
            if deciding.summary.asks_message:
                given = {**variables.of_message(event), **given}
            summary = deciding.summary.render(given)
        return Decision(
            rule=deciding.id,
            location=deciding.location,
            matched=matched,
            priority=priority,
            tags=tags,
            channel=deciding.channel,
            team=self.channels.get(deciding.channel),
            summary=summary or _first_words(event.message),
            keywords=keywords,
            captures=captures,
            ack=deciding.ack,
            escalate=deciding.escalate,
            because=_because(matching, reading),
            ruleset_sha=self.sha,
            also=tuple([(channel, self.channels.get(channel)) for channel in deciding.also]),
            mention=deciding.mention,
            follow_up=deciding.follow_up,
            shadow=tuple(shadows),
        )


def _because(matching: Iterable[Rule], reading: Reading) -> tuple[Because, ...]:
    """The evidence of each rule in order of the text, one entry for each atom."""
    original = reading.normal.original
    found: list[Because] = []
    for rule in matching:
        shown = [reading.show(atom) for atom in _evidence(rule, reading)]
        for start, end, atom in sorted(set(shown)) if len(shown) > 1 else shown:
            found.append(Because(rule.id, atom, original[start:end], start, end))
    return tuple(found)


def _evidence(rule: Rule, reading: Reading) -> Sequence[int]:
    """The atoms that a matching rule rests on, in its order."""
    # Most rules are one atom, of which nothing has to be asked.
    if isinstance(rule.condition, Leaf):
        return (rule.condition.atom,)
    return conditions.evidence(rule.condition, reading.hits(rule.atoms))


def _captures(rule: Rule, reading: Reading) -> tuple[tuple[str, str], ...]:
    # Few messages meet a pattern with a group, and for the others no evidence has to be gathered.
    if not any(located and located.groups and atom in rule.atoms for atom, located in reading.located.items()):
        return ()
    found: dict[str, str] = {}
    for atom in _evidence(rule, reading):
        for name, written in reading.captures(atom):
            found.setdefault(name, written)
    return tuple(found.items())


def _first_words(message: Message) -> str:
    """The summary of a message that no rule words: the client's first sentence, or what came instead of text."""
    sentence = quote(first_sentence(message.text))
    if sentence:
        return sentence
    kinds = (_ATTACHMENTS[each.kind] for each in message.attachments if each.kind in _ATTACHMENTS)
    return f"({next(kinds, 'a message')} without text)"


def _missing(condition: Condition, hits: AbstractSet[int], reading: Reading) -> str:
    """The first thing that an unmet condition misses, in words."""
    part = conditions.missing(condition, hits)
    if isinstance(part, Branch) and part.kind is Kind.NONE:
        start, end, atom = reading.show(conditions.obstacle(part, hits))
        if start < end:
            return f'none of: "{reading.quote(start, end)}" stands in the message'
        return f"none of: {atom} is the case"
    return _written(part, reading.atoms)


def _written(condition: Condition, atoms: Atoms) -> str:
    if isinstance(condition, Leaf):
        return atoms.described[condition.atom]
    parts = [_written(part, atoms) for part in condition.parts[:_NAMED_PARTS]]
    more = "; …" if len(condition.parts) > _NAMED_PARTS else ""
    if condition.kind is Kind.ALL:
        return " and ".join(parts) + more
    return f"{condition.kind} of: {'; '.join(parts)}{more}"
