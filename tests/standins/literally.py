"""The rule language read literally: every rule asked in order, every atom by hand, with no index and no memory.

What the compiled rules decide is held against this. It shares with the engine only the normal form of texts and the
forms of English words; patterns are Python's `re`, over expressions that mean the same there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from standins.documents import entry

from engine.core.decisions import Because, Shadow
from engine.core.events import Event
from engine.core.text import Normal, normalise, origins, spans
from engine.ruleset import syntax
from engine.ruleset.inflections import forms
from engine.ruleset.syntax import Rule

KEYWORDS = {
    "product": {"3CX": ["3 cx"], "VoIP": ["sip"], "SIP trunk": ["sip trunk"], "Yealink": ["yealink phone", "handsets"]},
    "symptom": {
        "failing": ["can't", "not work"],
        "fine": ["work again"],
        "cut": ["disconnect"],
        "join": ["disconnert"],
    },
}
# The categories with `typos: true`.
FORGIVING = ("product", "symptom")
CLIENTS = [entry("Acme", "+254700000901", tier="gold", tags=["hotels"])]
_LONG = 6
_SHOWN_PARTS = 3


@dataclass(frozen=True)
class Hit:
    """An atom that an event satisfies, and its first place in the text."""

    atom: str
    start: int = 0
    end: int = 0


def step_takes(part: str, word: str, *, is_exact: bool) -> bool:
    return word.startswith(part[:-1]) if part.endswith("*") else word in ({part} if is_exact else forms(part))


@cache
def spellings(category: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (name, normalise(spelling).words) for name, others in KEYWORDS[category].items() for spelling in (name, *others)
    )


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


@dataclass(frozen=True)
class Named:
    """A keyword of a category, half-open among the words."""

    name: str
    start: int
    end: int
    mistyped: bool = False


@cache
def distance(one: str, other: str) -> int:
    """Edits between two words, swaps of neighbours among them (optimal string alignment), by the book."""
    rows = [list(range(len(other) + 1))]
    for i in range(1, len(one) + 1):
        row = [i]
        for j in range(1, len(other) + 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (one[i - 1] != other[j - 1]))
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def naive_keywords(category: str, normal: Normal) -> list[Named]:
    """The longest spellings, then the earliest, none overlapping another; a long word may be mistyped."""
    known = {word for _, parts in spellings(category) for word in parts}
    everything: dict[tuple[int, int, bool], set[str]] = {}
    for at in range(len(normal.words)):
        for name, parts in spellings(category):
            pairs = list(zip(normal.words[at:], parts, strict=False))
            if len(pairs) == len(parts) and all(
                word == part or (word not in known and min(len(word), len(part)) >= _LONG and distance(word, part) == 1)
                for word, part in pairs
            ):
                mistyped = any(word != part for word, part in pairs)
                everything.setdefault((at, at + len(parts), mistyped), set()).add(name)
    candidates = [
        Named(name, start, end, mistyped)
        for (start, end, mistyped), names in everything.items()
        for name in names
        if not mistyped or len(names) == 1
    ]
    kept: list[Named] = []
    for each in sorted(candidates, key=lambda each: (each.start - each.end, each.start)):
        if all(each.end <= other.start or other.end <= each.start for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda each: each.start)


def all_keywords(normal: Normal) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(category, names), both in order of appearance."""
    found = sorted(
        (each.start, category, each.name) for category in KEYWORDS for each in naive_keywords(category, normal)
    )
    names: dict[str, dict[str, None]] = {}
    for _, category, name in found:
        names.setdefault(category, {})[name] = None
    return tuple((category, tuple(several)) for category, several in names.items())


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
            for each in naive_keywords(atom.category.value, normal):
                if not names or each.name in names:
                    start, end = spans(normal)[each.start][0], spans(normal)[each.end - 1][1]
                    shown = f"keywords {atom.category.value}: {each.name if names else 'any'}"
                    typed = f' (typed "{normal.original[start:end]}", one letter off)' if each.mistyped else ""
                    return Hit(shown + typed, start, end)
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


def naive_because(matching: Sequence[tuple[Rule, list[Hit]]], written: str) -> tuple[Because, ...]:
    return tuple(
        Because(each.id.value, hit.atom, written[hit.start : hit.end], hit.start, hit.end)
        for each, hits in matching
        for hit in sorted(hits, key=lambda hit: (hit.start, hit.end, hit.atom))
    )


def naive_captures(condition: syntax.Condition, given_event: Event, normal: Normal, *, is_open: bool) -> dict[str, str]:
    """The named groups of the patterns that a met condition rests on, the first of each name."""
    found: dict[str, str] = {}
    if isinstance(condition, syntax.Pattern):
        match = re.search(condition.regex.value, normal.line, re.IGNORECASE)
        for name in match.groupdict() if match else ():
            if match and match.start(name) < match.end(name):
                start, end = origins(normal).span(*match.span(name))
                found[name] = normal.original[start:end]
    elif isinstance(condition, syntax.Group) and condition.kind != "none":
        for part in condition.parts:
            if naive_evidence(part, given_event, normal, is_open=is_open) is not None:
                found = {**naive_captures(part, given_event, normal, is_open=is_open), **found}
    return found


def simplified(condition: syntax.Condition) -> syntax.Condition:
    """Without groups that change nothing: of one part, and of a kind inside the same kind."""
    if not isinstance(condition, syntax.Group):
        return condition
    parts: list[syntax.Condition] = []
    for part in map(simplified, condition.parts):
        same = isinstance(part, syntax.Group) and part.kind == condition.kind != "none"
        parts += part.parts if isinstance(part, syntax.Group) and same else (part,)
    if len(parts) == 1 and condition.kind != "none":
        return parts[0]
    return syntax.Group(condition.kind, tuple(parts), condition.at)


def naive_missing(condition: syntax.Condition, given_event: Event, normal: Normal, *, is_open: bool) -> str:
    """The first thing that a simplified, unmet condition misses."""

    def holds(part: syntax.Condition) -> list[Hit] | None:
        return naive_evidence(part, given_event, normal, is_open=is_open)

    if not isinstance(condition, syntax.Group) or condition.kind == "any":
        return written(condition)
    if condition.kind == "all":
        missed = next(part for part in condition.parts if holds(part) is None)
        return naive_missing(missed, given_event, normal, is_open=is_open)
    hits = [hits for part in condition.parts if (hits := holds(part)) is not None]
    hit = next((hit for each in hits for hit in each), Hit("always"))
    if hit.start < hit.end:
        return f'none of: "{normal.original[hit.start : hit.end]}" stands in the message'
    return f"none of: {hit.atom} is the case"


def written(condition: syntax.Condition) -> str:
    """A simplified condition in one line."""
    match condition:
        case syntax.Group():
            shown = [written(part) for part in condition.parts[:_SHOWN_PARTS]]
            more = "; …" if len(condition.parts) > _SHOWN_PARTS else ""
            return (
                " and ".join(shown) + more
                if condition.kind == "all"
                else f"{condition.kind} of: {'; '.join(shown)}{more}"
            )
        case syntax.Words():
            phrases = [f'"{each.value}"' if " " in each.value else each.value for each in condition.phrases]
            return f"{'exact' if condition.exact else 'words'}: {', '.join(phrases)}"
        case syntax.KeywordIs():
            return (
                f"keywords {condition.category.value}: {' or '.join(name.value for name in condition.names) or 'any'}"
            )
        case syntax.Pattern():
            return f"pattern: {condition.regex.value}"
        case syntax.ClientIs():
            return f"client {condition.field.value}: {' or '.join(value.value for value in condition.values)}"
        case syntax.SourceIs():
            return f"source: {', '.join(name.value for name in condition.sources)}"
        case syntax.AttachmentIs() | syntax.KindIs():
            kind = "attachment" if isinstance(condition, syntax.AttachmentIs) else "kind"
            return f"{kind}: {' or '.join(name.value for name in condition.kinds) or 'any'}"
        case syntax.HoursIs():
            return f"hours: {'' if condition.inside else 'not '}{condition.name.value}"
        case syntax.FollowUpIs():
            return f"follow_up: {str(condition.value).lower()}"
        case _:
            return "always"
