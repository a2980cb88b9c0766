"""The compiled rule-set against the rule language read literally: every rule asked in order, every atom by hand."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from standins.documents import (
    always,
    attachment,
    client,
    entry,
    event,
    exact,
    follow_up,
    group,
    hours,
    keyword,
    kind,
    pattern,
    rule,
    ruleset,
    source,
    words,
)

from engine.core.decisions import Because, Decision, Priority, Shadow
from engine.core.events import Event
from engine.core.text import Normal, normalise, origins, spans
from engine.ruleset import syntax
from engine.ruleset.inflections import forms
from engine.ruleset.syntax import Rule

KEYWORDS = {
    "product": {"3CX": ["3 cx"], "VoIP": ["sip"], "SIP trunk": ["sip trunk"]},
    "symptom": {"failing": ["can't", "not work"], "fine": ["work again"]},
}
CLIENTS = [entry("Acme", "+254700000901", tier="gold", tags=["hotels"])]

PHRASES = [
    "call",
    "can't",
    "not work",
    "calls out",
    "sip",
    "work again now",
    "out",
    "3 cx",
    "call*",
    "$product now",
    "now",
]
_ATOMS: st.SearchStrategy[syntax.Condition] = st.one_of(
    st.lists(st.sampled_from(PHRASES), min_size=1, max_size=3).map(lambda phrases: words(*phrases)),
    st.lists(st.sampled_from(PHRASES), min_size=1, max_size=2).map(lambda phrases: exact(*phrases)),
    st.sampled_from(
        [
            keyword("product"),
            keyword("symptom"),
            keyword("product", "3CX"),
            keyword("product", "VoIP", "SIP trunk"),
            keyword("symptom", "failing"),
            pattern(r"\bcall\w* out\b"),
            pattern(r"(?P<code>\d+)"),
            pattern(r"work (?P<code>now)?"),
            pattern("^sip"),
            client("tier", "gold"),
            client("known", "false"),
            client("phone", "+2547*"),
            source("whatsapp"),
            source("sms", "http"),
            attachment(),
            attachment("audio", "image"),
            kind("edit"),
            hours("day"),
            hours("day", inside=False),
            follow_up(),
            follow_up(value=False),
        ]
    ),
)
_CONDITIONS: st.SearchStrategy[syntax.Condition] = st.recursive(
    _ATOMS,
    lambda inner: st.builds(
        lambda kind, parts: group(kind, *parts), st.sampled_from(["all", "any", "none"]), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    """Up to six rules of any kind, then the required last one."""
    drawn = [
        rule(
            f"r{number}",
            draw(_CONDITIONS),
            priority=draw(st.sampled_from([None, *Priority])),
            tags=draw(st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)),
            says=draw(st.sampled_from([{}, {"channel": "voip"}, {"summary": "{{ product }} {{ code }}"}])),
            stop=draw(st.integers(0, 5)) == 0,
            shadow=draw(st.integers(0, 5)) == 0,
            enabled=draw(st.integers(0, 5)) > 0,
            line=number,
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    return [*drawn, rule("last", always(), tags=["z"], line=99)]


_MESSAGES = st.lists(
    st.sampled_from(
        ["calls", "Call", "out", "can\u2019t", "not", "works", "working", "again", "now", "sip", "trunk", "3-CX"]
    )
    | st.sampled_from(["404", "*sip*", "звонок", "now,", "…", "cafe\u0301", "'out'", "3", "cx"]),
    max_size=10,
).map(" ".join)
_EVENTS = st.builds(
    lambda written, phone, network, kind, attachments, at: event(
        written, phone=phone, network=network, kind=kind, attachments=attachments, at=at
    ),
    _MESSAGES,
    st.sampled_from(["+254700000901", "+254700000902", "+255700", None]),
    st.sampled_from(["whatsapp", "sms"]),
    st.sampled_from(["message", "edit"]),
    st.sampled_from([[], ["voice"], ["image", "sticker"], ["location"]]),
    st.sampled_from([datetime(2026, 2, 12, hour, tzinfo=UTC) for hour in (5, 6, 21, 22)]),
)


@dataclass(frozen=True)
class Hit:
    """An atom that an event satisfies, and its first place in the text."""

    atom: str
    start: int = 0
    end: int = 0


def step_takes(part: str, word: str, *, is_exact: bool) -> bool:
    return word.startswith(part[:-1]) if part.endswith("*") else word in ({part} if is_exact else forms(part))


def spellings(category: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, others in KEYWORDS[category].items():
        for spelling in (name, *others):
            yield name, normalise(spelling).words


def alternatives(phrase: str) -> Iterator[tuple[tuple[str, bool], ...]]:
    """The phrase as (word, exact) pairs, once for each way of writing it."""
    first, *rest = phrase.split()
    tail = tuple((normalise(part).line, False) for part in rest)
    if first.startswith("$"):
        for _, parts in spellings(first[1:]):
            yield (*((part, True) for part in parts), *tail)
    else:
        yield ((normalise(first).line.strip() + ("*" if first.endswith("*") else ""), False), *tail)


def naive_words(atom: syntax.Words, normal: Normal) -> Hit | None:
    for at in range(len(normal.words)):
        found: list[tuple[int, str]] = []
        for phrase in atom.phrases:
            for parts in alternatives(phrase.value):
                here = normal.words[at : at + len(parts)]
                if len(here) == len(parts) and all(
                    step_takes(part, word, is_exact=atom.exact or only)
                    for (part, only), word in zip(parts, here, strict=True)
                ):
                    found.append((len(parts), phrase.value))
        if found:
            length = max(length for length, _ in found)
            written = next(written for size, written in found if size == length)
            kind = "exact" if atom.exact else "words"
            return Hit(f"{kind}: {written}", spans(normal)[at][0], spans(normal)[at + length - 1][1])
    return None


def naive_keywords(category: str, normal: Normal) -> list[tuple[str, int, int]]:
    """(name, first word, end word): the longest spellings, then the earliest, none overlapping another."""
    everything = [
        (name, at, at + len(parts))
        for at in range(len(normal.words))
        for name, parts in spellings(category)
        if normal.words[at : at + len(parts)] == parts
    ]
    kept: list[tuple[str, int, int]] = []
    for name, start, end in sorted(everything, key=lambda each: (each[1] - each[2], each[1])):
        if all(end <= other_start or other_end <= start for _, other_start, other_end in kept):
            kept.append((name, start, end))
    return sorted(kept, key=lambda each: each[1])


def naive_client(field: str, phone: str | None) -> Hit | None:
    digits = re.sub(r"\D", "", phone or "")
    known = digits == "254700000901"
    if field == "tier":
        return Hit("client tier: gold") if known else None
    if field == "known":
        return None if known else Hit("client known: false")
    return Hit("client phone: +2547*") if digits.startswith("2547") else None


def naive_fact(atom: syntax.Atom, given_event: Event, *, is_open: bool) -> Hit | None:
    kinds = {each.kind for each in given_event.message.attachments}
    match atom:
        case syntax.SourceIs():
            asked = [name.value for name in atom.sources]
            holds, shown = given_event.source in asked, f"source: {', '.join(asked)}"
        case syntax.AttachmentIs():
            asked = [name.value for name in atom.kinds]
            heard = kinds | ({"audio"} if "voice" in kinds else set())
            holds, shown = bool(heard & set(asked) if asked else kinds), f"attachment: {' or '.join(asked) or 'any'}"
        case syntax.KindIs():
            asked = [name.value for name in atom.kinds]
            holds, shown = given_event.message.kind in asked, f"kind: {' or '.join(asked)}"
        case syntax.HoursIs():
            by_day = 6 <= given_event.received_at.hour < 22
            holds, shown = by_day is atom.inside, f"hours: {'' if atom.inside else 'not '}{atom.name.value}"
        case syntax.FollowUpIs():
            holds, shown = is_open is atom.value, f"follow_up: {str(atom.value).lower()}"
        case _:
            holds, shown = True, "always"
    return Hit(shown) if holds else None


def naive_atom(atom: syntax.Atom, given_event: Event, normal: Normal, *, is_open: bool) -> Hit | None:
    match atom:
        case syntax.Words():
            return naive_words(atom, normal)
        case syntax.KeywordIs():
            names = [name.value for name in atom.names]
            for name, start, end in naive_keywords(atom.category.value, normal):
                if not names or name in names:
                    shown = f"keywords {atom.category.value}: {name if names else 'any'}"
                    return Hit(shown, spans(normal)[start][0], spans(normal)[end - 1][1])
            return None
        case syntax.Pattern():
            found = re.search(atom.regex.value, normal.line, re.IGNORECASE)
            return Hit(f"pattern: {atom.regex.value}", *origins(normal).span(*found.span())) if found else None
        case syntax.ClientIs():
            return naive_client(atom.field.value, given_event.client.phone)
        case _:
            return naive_fact(atom, given_event, is_open=is_open)


def naive_evidence(
    condition: syntax.Condition, given_event: Event, normal: Normal, *, is_open: bool
) -> list[Hit] | None:
    """The hits that a condition rests on; None when it does not hold."""
    if not isinstance(condition, syntax.Group):
        hit = naive_atom(condition, given_event, normal, is_open=is_open)
        return None if hit is None else [hit]
    parts = [naive_evidence(part, given_event, normal, is_open=is_open) for part in condition.parts]
    met = [part for part in parts if part is not None]
    if condition.kind == "none":
        return None if met else []
    if (condition.kind == "all" and len(met) < len(parts)) or (condition.kind == "any" and not met):
        return None
    return list(dict.fromkeys(hit for part in met for hit in part))


def naive_matching(
    rules: Sequence[Rule], given_event: Event, normal: Normal, *, is_open: bool
) -> tuple[list[tuple[Rule, list[Hit]]], list[Shadow]]:
    matching: list[tuple[Rule, list[Hit]]] = []
    shadows: list[Shadow] = []
    for each in rules:
        hits = naive_evidence(each.when, given_event, normal, is_open=is_open)
        if hits is None or not each.enabled:
            continue
        if each.shadow:
            shadows.append(Shadow(each.id.value, decides=not matching))
            continue
        matching.append((each, hits))
        if each.stop:
            break
    return matching, shadows


@settings(max_examples=100, deadline=None)
@given(rule_sets(), st.lists(_EVENTS, min_size=1, max_size=5), st.booleans())
def test_the_index_changes_nothing(rules: list[Rule], events: list[Event], is_open: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the index spares, the decision equals that of asking every rule in order, evidence included."""
    made = ruleset(*rules, keywords=KEYWORDS, clients=CLIENTS)
    for given_event in events:
        decision = made.evaluate(given_event, follow_up=is_open)
        assert_as_by_hand(decision, rules, given_event, is_open=is_open)


def assert_as_by_hand(decision: Decision, rules: Sequence[Rule], given_event: Event, *, is_open: bool) -> None:
    normal = normalise(given_event.message.text)
    matching, shadows = naive_matching(rules, given_event, normal, is_open=is_open)
    assert decision.shadow == tuple(shadows)
    deciding = matching[0][0]
    assert decision.rule == deciding.id.value
    assert decision.matched == tuple(each.id.value for each, _ in matching)
    floor = Priority.NORMAL if deciding.priority is None else deciding.priority
    assert decision.priority == max([floor, *(each.priority for each, _ in matching if each.priority is not None)])
    tags = ["whatsapp", *(tag.value for each, _ in matching for tag in each.tags)]
    assert decision.tags == tuple(dict.fromkeys(tags))
    assert decision.channel == (deciding.channel.value if deciding.channel else "triage")
    assert decision.because == tuple(
        Because(each.id.value, hit.atom, given_event.message.text[hit.start : hit.end], hit.start, hit.end)
        for each, hits in matching
        for hit in sorted(hits, key=lambda hit: (hit.start, hit.end, hit.atom))
    )


@settings(max_examples=40, deadline=None)
@given(rule_sets(), _EVENTS, _EVENTS)
def test_evaluation_is_pure(rules: list[Rule], one: Event, other: Event) -> None:
    """The same event gives the same decision, whatever was evaluated before and whoever compiled the rules."""
    made = ruleset(*rules, keywords=KEYWORDS, clients=CLIENTS)
    before = made.evaluate(one)
    made.evaluate(other)
    made.explain(other)
    assert made.evaluate(one) == before == made.explain(one).decision
    assert ruleset(*rules, keywords=KEYWORDS, clients=CLIENTS).evaluate(one) == before


@settings(max_examples=40, deadline=None)
@given(rule_sets(), _EVENTS)
def test_every_rule_either_matches_or_says_why_not(rules: list[Rule], given_event: Event) -> None:
    """An explanation speaks of each rule exactly once."""
    explanation = ruleset(*rules, keywords=KEYWORDS, clients=CLIENTS).explain(given_event)
    on_trial = [shadow.rule for shadow in explanation.decision.shadow]
    spoken = [*explanation.decision.matched, *on_trial, *(missed.rule for missed in explanation.not_matched)]
    assert sorted(spoken) == sorted(each.id.value for each in rules if each.enabled)
    assert all(missed.missing for missed in explanation.not_matched)


def test_a_message_of_100_kb_is_evaluated() -> None:
    """A long message is decided like a short one, by the same rules."""
    made = ruleset(
        rule("call", group("all", words("call out"), keyword("product"), pattern(r"\d+$"))), keywords=KEYWORDS
    )
    decision = made.evaluate(event("calls outside sip звонок " * 4000 + "call out 5"))
    assert decision.rule == "call"
