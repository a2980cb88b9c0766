"""What rules lean on: defaults, keywords, channels, hours, clients and templates, with the rules that each change
touches.

Called by the package. How grave a change is follows from who asks: a new spelling lets a rule match more, and one whose
exceptions name it less.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.core.decisions import Priority
from engine.core.masking import mask_phone
from engine.ruleset import syntax
from engine.ruleset.clauses import CATEGORY
from engine.ruleset.differences import clauses
from engine.ruleset.differences.grades import Change, Grade, listed
from engine.ruleset.differences.rules import ASPECTS, Aspect, effective, is_live
from engine.ruleset.syntax import ClientEntry, Document, Keyword, Place, Rule


@dataclass(frozen=True, slots=True)
class Folder:
    """One of the two sides."""

    document: Document
    # Name ("ack/default") to text.
    templates: Mapping[str, str]
    # The templates folder as places name it.
    root: str = "templates"
    # The files about on-call: name ("noc.yaml") to what places call it, and its text.
    oncall: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)


def compare(before: Folder, after: Folder) -> Iterator[Change]:
    """Every difference outside of the rules themselves, section by section."""
    asked = _index((before.document, after.document))
    yield from _defaults(before.document, after.document)
    yield from _keywords(before, after, asked)
    yield from _channels(before.document, after.document)
    yield from _hours(before.document, after.document, asked)
    yield from _clients(before.document, after.document, asked)
    yield from _templates(before, after)
    yield from _oncall(before, after)


@dataclass(frozen=True, slots=True)
class _Ask:
    """A rule that asks for something."""

    rule: str
    is_live: bool
    # Whether a match speaks for the rule.
    positive: bool
    # The canonical keywords that it asks for; none of them means any.
    names: frozenset[str] = frozenset()


# By what is asked for: ("keywords", category), ("hours", name) or ("client", field).
_Asked = Mapping[tuple[str, str], Sequence[_Ask]]


def _index(documents: Iterable[Document]) -> _Asked:
    """Who asks for what, on either side, in the order of the rules."""
    found: dict[tuple[str, str], list[_Ask]] = {}
    for document in documents:
        for rule in document.rules:
            for atom, positive in clauses.asked(rule.when) if rule.enabled else ():
                for key, names in _keys(atom):
                    found.setdefault(key, []).append(_Ask(rule.id.value, is_live(rule), positive, names))
    return found


def _keys(atom: syntax.Atom) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    match atom:
        case syntax.KeywordIs():
            yield ("keywords", atom.category.value), frozenset(name.value for name in atom.names)
        case syntax.Words():
            for phrase in atom.phrases:
                for named in CATEGORY.finditer(phrase.value):
                    yield ("keywords", named["category"]), frozenset()
        case syntax.HoursIs():
            yield ("hours", atom.name.value), frozenset()
        case syntax.ClientIs():
            yield ("client", atom.field.value), frozenset()
        case _:
            return


@dataclass(frozen=True, slots=True)
class _Uses:
    """The rules that ask for something."""

    rules: tuple[str, ...]
    # Whether a live rule lets a match speak for it, and against it.
    positive: bool
    negative: bool

    def grade(self, *, gained: bool, lost: bool, unasked: Grade = Grade.PATCH) -> Grade:
        """What it means that more, or less, counts as what they ask for."""
        if (self.positive and lost) or (self.negative and gained):
            return Grade.MAJOR
        return Grade.MINOR if self.positive or self.negative else unasked


def _uses(asks: Iterable[_Ask]) -> _Uses:
    found = list(asks)
    signs = {ask.positive for ask in found if ask.is_live}
    return _Uses(tuple(dict.fromkeys(ask.rule for ask in found)), True in signs, False in signs)


def _touched(rules: Sequence[Rule]) -> tuple[tuple[str, ...], bool]:
    """The names, and whether one of them is live."""
    return tuple(dict.fromkeys(rule.id.value for rule in rules)), any(map(is_live, rules))


def _defaults(before: Document, after: Document) -> Iterator[Change]:
    old, new = before.defaults, after.defaults
    at = (old.at, new.at)
    for aspect in ASPECTS:
        one, other = aspect.said(old) or aspect.otherwise, aspect.said(new) or aspect.otherwise
        if one != other:
            rules, matters = _touched(_leaving(after, aspect))
            grade = Grade.MAJOR if matters else Grade.PATCH
            yield Change("defaults", "changed", f"{aspect.name}: {one} → {other}", grade, *at, rules)
    priorities = [Priority.NORMAL if side.priority is None else side.priority for side in (old, new)]
    if priorities[0] != priorities[1]:
        rules, matters = _touched([rule for rule in after.rules if rule.enabled and rule.priority is None])
        what = f"priority: {priorities[0].word} → {priorities[1].word}"
        yield Change("defaults", "changed", what, Grade.MAJOR if matters else Grade.PATCH, *at, rules)
    tags = [{tag.value for tag in side.tags} for side in (old, new)]
    for found, word in ((tags[1] - tags[0], "added"), (tags[0] - tags[1], "removed")):
        if found:
            yield Change("defaults", "changed", f"tags: {listed(sorted(found))} {word}", Grade.MINOR, *at)


def _leaving(document: Document, aspect: Aspect) -> list[Rule]:
    """The rules that leave an aspect to the defaults."""
    return [rule for rule in document.rules if rule.enabled and aspect.said(rule) is None]


def _keywords(before: Folder, after: Folder, asked: _Asked) -> Iterator[Change]:
    old, new = _by_name(before.document.keywords), _by_name(after.document.keywords)
    for name in dict.fromkeys((*new, *old)):
        one, other = old.get(name), new.get(name)
        spelled = [_spellings(keyword) for keyword in (one, other)]
        added = [written for form, written in spelled[1].items() if form not in spelled[0]]
        removed = [written for form, written in spelled[0].items() if form not in spelled[1]]
        forgives = [keyword is not None and keyword.typos for keyword in (one, other)]
        gained, lost = bool(added) or forgives[1] > forgives[0], bool(removed) or forgives[0] > forgives[1]
        if not (gained or lost):
            continue
        asking = _uses(ask for ask in asked.get(("keywords", name[0]), ()) if not ask.names or name[1] in ask.names)
        unasked = Grade.MINOR if _is_shown(name[0], before) or _is_shown(name[0], after) else Grade.PATCH
        grade = asking.grade(gained=gained, lost=lost, unasked=unasked)
        parts = [f"{listed(found)} {word}" for found, word in ((added, "added"), (removed, "removed")) if found]
        if one is not None and other is not None and one.typos != other.typos:
            parts.append(f"typing errors {'count' if other.typos else 'do not count any more'}")
        yield Change(
            f"keyword {name[0]}: {name[1]}",
            "added" if one is None else "removed" if other is None else "changed",
            f"spellings {', '.join(parts)}" if added or removed else ", ".join(parts),
            grade,
            one.name.at if one else None,
            other.name.at if other else None,
            asking.rules,
        )


def _by_name(keywords: Iterable[Keyword]) -> dict[tuple[str, str], Keyword]:
    return {(keyword.category.value, keyword.name.value): keyword for keyword in keywords}


def _spellings(keyword: Keyword | None) -> dict[str, str]:
    if keyword is None:
        return {}
    return {clauses.phrase(written.value): written.value for written in (keyword.name, *keyword.spellings)}


def _is_shown(category: str, folder: Folder) -> bool:
    """Whether a text names the category, so that other words in it are seen by somebody."""
    texts = (*folder.templates.values(), *(rule.summary.value for rule in folder.document.rules if rule.summary))
    return any(re.search(rf"\b{category}\b", written) for written in texts)


def _channels(before: Document, after: Document) -> Iterator[Change]:
    old, new = ({channel.name.value: channel for channel in document.channels} for document in (before, after))
    for name in dict.fromkeys((*new, *old)):
        one, other = old.get(name), new.get(name)
        subject, at = f"channel {name}", (one.name.at if one else None, other.name.at if other else None)
        if one is None:
            yield Change(subject, "added", "added", Grade.PATCH, *at)
        elif other is None:
            yield Change(subject, "removed", "removed", Grade.PATCH, *at)
        else:
            teams = [side.team.value if side.team else "that of engine.yaml" for side in (one, other)]
            if teams[0] != teams[1]:
                rules, matters = _touched(_posting_to(after, name))
                grade = Grade.MAJOR if matters else Grade.PATCH
                yield Change(subject, "changed", f"team: {teams[0]} → {teams[1]}", grade, *at, rules)
            if (one.purpose and one.purpose.value) != (other.purpose and other.purpose.value):
                yield Change(subject, "changed", "another purpose", Grade.PATCH, *at)


def _posting_to(document: Document, channel: str) -> list[Rule]:
    of_channel = ASPECTS[0]
    return [
        rule
        for rule in document.rules
        if rule.enabled
        and (
            effective(of_channel, rule, document.defaults) == channel
            or any(copy.value == channel for copy in rule.also)
        )
    ]


def _hours(before: Document, after: Document, asked: _Asked) -> Iterator[Change]:
    old, new = ({hours.name.value: hours for hours in document.hours} for document in (before, after))
    for name in dict.fromkeys((*new, *old)):
        one, other = old.get(name), new.get(name)
        subject, at = f"hours {name}", (one.name.at if one else None, other.name.at if other else None)
        if one is None or other is None:
            word = "added" if one is None else "removed"
            yield Change(subject, word, word, Grade.PATCH, *at)
            continue
        named = [part for part, is_other in _parts_of_hours(one, other) if is_other]
        if named:
            asking = _uses(asked.get(("hours", name), ()))
            grade = asking.grade(gained=True, lost=True)
            yield Change(subject, "changed", f"another {' and '.join(named)}", grade, *at, asking.rules)


def _parts_of_hours(one: syntax.Hours, other: syntax.Hours) -> Iterator[tuple[str, bool]]:
    yield "timezone", one.timezone.value != other.timezone.value
    weeks = [{(day, w.start, w.end) for w in hours.weekly for day in w.days} for hours in (one, other)]
    yield "week", weeks[0] != weeks[1]
    yield "choice of holidays", (one.holidays and one.holidays.value) != (other.holidays and other.holidays.value)


def _clients(before: Document, after: Document, asked: _Asked) -> Iterator[Change]:
    """Entries are the same as long as they have a number in common; numbers are masked."""
    by_phone = {phone.value: index for index, entry in enumerate(before.clients) for phone in entry.phones}
    left = dict(enumerate(before.clients))
    for entry in after.clients:
        known = (by_phone[phone.value] for phone in entry.phones if phone.value in by_phone)
        earlier = left.pop(next(known, -1), None)
        if earlier is None or _facts(earlier) != _facts(entry):
            yield _client(earlier, entry, asked)
    for entry in left.values():
        yield _client(entry, None, asked)


def _facts(entry: ClientEntry) -> dict[str, frozenset[str]]:
    """What can be asked about a client, by field."""
    return {
        "name": frozenset({entry.name.value}),
        "phone": frozenset(phone.value for phone in entry.phones),
        "tier": frozenset({entry.tier.value} if entry.tier else ()),
        "tags": frozenset(tag.value for tag in entry.tags),
        "language": frozenset({entry.language.value} if entry.language else ()),
        # Of each number it can be asked whether it belongs to somebody we know.
        "known": frozenset(phone.value for phone in entry.phones),
    }


_NOTHING: Mapping[str, frozenset[str]] = {
    field: frozenset() for field in ("name", "phone", "tier", "tags", "language", "known")
}


def _client(one: ClientEntry | None, other: ClientEntry | None, asked: _Asked) -> Change:
    old, new = (_NOTHING if entry is None else _facts(entry) for entry in (one, other))
    parts: list[str] = []
    grade = Grade.PATCH
    rules: dict[str, None] = {}
    for field in _NOTHING:
        added, removed = new[field] - old[field], old[field] - new[field]
        if not (added or removed):
            continue
        asking = _uses(asked.get(("client", field), ()))
        if field == "known":
            # `known: false` asks for the opposite.
            asking = replace(asking, negative=asking.negative or asking.positive)
        rules |= dict.fromkeys(asking.rules)
        said = Grade.MINOR if field == "language" else Grade.PATCH
        grade = max(grade, asking.grade(gained=bool(added), lost=bool(removed), unasked=said))
        if field != "known":
            pairs = ((added, "added"), (removed, "removed"))
            parts += [f"{field} {_shown(field, found)} {word}" for found, word in pairs if found]
    word = "added" if one is None else "removed" if other is None else "changed"
    name = min(new["name"] or old["name"])
    at = (one.name.at if one else None, other.name.at if other else None)
    what = "; ".join(parts) if word == "changed" else word
    return Change(f"client {name}", word, what, grade, *at, tuple(rules))


def _shown(field: str, values: Iterable[str]) -> str:
    return ", ".join(sorted(mask_phone(value) if field == "phone" else f'"{value}"' for value in values))


def _templates(before: Folder, after: Folder) -> Iterator[Change]:
    for name in sorted({*before.templates, *after.templates}):
        one, other = before.templates.get(name), after.templates.get(name)
        if one is not None and other is not None and _as_rendered(one) == _as_rendered(other):
            continue
        word = "added" if one is None else "removed" if other is None else "changed"
        rules, matters = _touched(_saying(after.document, name))
        grade = Grade.MINOR if matters else Grade.PATCH
        at = (
            None if one is None else Place(f"{before.root}/{name}.j2", 1, 1),
            None if other is None else Place(f"{after.root}/{name}.j2", 1, 1),
        )
        yield Change(f"template {name}", word, "another text" if word == "changed" else word, grade, *at, rules)


def _oncall(before: Folder, after: Folder) -> Iterator[Change]:
    """Files about on-call whose text is another one; what that means for the shifts is not looked into."""
    for name in sorted({*before.oncall, *after.oncall}):
        one, other = before.oncall.get(name), after.oncall.get(name)
        if one is not None and other is not None and _as_rendered(one[1]) == _as_rendered(other[1]):
            continue
        word = "added" if one is None else "removed" if other is None else "changed"
        what = "others may be on duty or called: `engine oncall who --next 14d` shows the shifts of a folder"
        at = (None if one is None else Place(one[0], 1, 1), None if other is None else Place(other[0], 1, 1))
        yield Change(f"on-call file {name}", word, f"{word}: {what}", Grade.MAJOR, *at)


def _as_rendered(template: str) -> str:
    return template.replace("\r\n", "\n").strip()


def _saying(document: Document, template: str) -> list[Rule]:
    """The rules that use a template; a variant for a language belongs to the template beside it."""
    folder, _, rest = template.partition("/")
    base = rest.partition(".")[0]
    if folder == "escalation":
        return [rule for rule in document.rules if rule.enabled and rule.escalate is not False]
    of_ack = next(aspect for aspect in ASPECTS if aspect.name == "ack")
    return [rule for rule in document.rules if rule.enabled and effective(of_ack, rule, document.defaults) == base]
