"""The nodes below `when:` into a tree of conditions. Called by `schema` for each rule; it resolves no names.

A part that cannot be read is reported and left out, so the tree of a file with errors is only good for finding more
of them, never for evaluating a message.
"""

import re
from typing import assert_never

from engine.core.events import ATTACHMENT_KINDS, MESSAGE_KINDS
from engine.ruleset import guesses, shapes
from engine.ruleset.places import within
from engine.ruleset.reader import Mapping, Node, Scalar, Sequence
from engine.ruleset.syntax import (
    Always,
    AttachmentIs,
    ClientIs,
    Condition,
    Fault,
    FollowUpIs,
    Group,
    HoursIs,
    KeywordIs,
    KindIs,
    Pattern,
    Place,
    SourceIs,
    Text,
    Words,
)

GROUPS = ("all", "any", "none")
ATOMS = (
    "words",
    "exact",
    "keywords",
    "pattern",
    "client",
    "source",
    "attachment",
    "kind",
    "hours",
    "follow_up",
)
KNOWN = (*ATOMS, *GROUPS)
CLIENT_FIELDS = ("tier", "tags", "name", "phone", "known")
# How deep all, any and none may stand one inside the other.
DEPTH_LIMIT = 5

# What people who know other rule languages write first.
_OTHER_NAMES = {
    "and": "all",
    "or": "any",
    "not": "none",
    "regex": "pattern",
    "text": "words",
    "contains": "words",
    "phrases": "words",
    "time": "hours",
    "attachments": "attachment",
    "media": "attachment",
}
# What people call them.
_OTHER_ATTACHMENTS = {
    "contact": "contacts",
    "file": "document",
    "gif": "video",
    "pdf": "document",
    "photo": "image",
    "picture": "image",
    "recording": "audio",
    "sound": "audio",
    "voicenote": "voice",
}
PHONE_PATTERN = re.compile(r"\+?[0-9*]+")
_SHOWN = ", ".join(KNOWN)
# The signs of a phrase that mean something: the end of a word left open, and a category of keywords.
_OPEN_END = re.compile(r"[^\W_]\*\Z")
CATEGORY = re.compile(r"\$(?P<category>[a-z][a-z0-9_]*)")


def read_when(node: Node, faults: list[Fault]) -> Condition | None:
    """The condition of one rule; None when there is nothing in it that can be read."""
    match node:
        case Scalar(value="always"):
            return Always(node.at)
        case Scalar(value=""):
            faults.append(shapes.empty(node, "when"))
            return None
        case Scalar() if guesses.switch(node, "when", faults):
            return None
        case Scalar(value=value):
            hint = shapes.suggest(value, ["always"]) or f"conditions are: {_SHOWN}"
            faults.append(Fault(node.at, "E134", f'"{value}" is no condition', hint))
            return None
        case Sequence():
            return _group("all", node, node.at, 1, faults)
        case Mapping():
            return _item(node, 0, faults)
        case _:
            assert_never(node)


def _item(node: Mapping, depth: int, faults: list[Fault]) -> Condition | None:
    """One item: an atom, a group, or several keys that must all hold."""
    parts: list[Condition] = []
    atoms: list[Scalar] = []
    for key, value in node.entries:
        name = key.value if key.value in KNOWN else _meant(key, faults)
        part: Condition | None = None
        if name in GROUPS:
            part = _group(name, value, key.at, depth + 1, faults)
        elif name in ATOMS:
            part = _atom(name, value, key.at, faults)
            atoms.append(key)
        if part is not None:
            parts.append(part)
    if not node.entries:
        faults.append(_nothing(node.at))
    if len(atoms) > 1:
        message = f'"{atoms[0].value}" and "{atoms[1].value}" stand in one item'
        also = ((atoms[0].at, f'"{atoms[0].value}" stands here'),)
        hint = "give each a line of its own with a dash, under all or any"
        faults.append(Fault(atoms[1].at, "E146", message, hint, also))
    return _joined(parts, node.at)


def _joined(parts: list[Condition], at: Place) -> Condition | None:
    """All of the parts as one condition."""
    if len(parts) == 1:
        return parts[0]
    return Group("all", tuple(parts), at) if parts else None


def _meant(key: Scalar, faults: list[Fault]) -> str:
    """The condition that an unknown word was probably meant to be, so that what stands below it is looked at too."""
    if key.value == "always":
        faults.append(_not_alone(key.at))
        return ""
    meant = _OTHER_NAMES.get(key.value.casefold()) or shapes.closest(key.value, KNOWN)
    hint = f'did you mean "{meant}"?' if meant else f"conditions are: {_SHOWN}"
    faults.append(Fault(key.at, "E134", f'there is no condition "{key.value}"', hint))
    return meant or ""


def _not_alone(at: Place) -> Fault:
    return Fault(at, "E134", '"always" stands alone', 'write "when: always", only in the last rule')


def _group(kind: str, node: Node, at: Place, depth: int, faults: list[Fault]) -> Condition | None:
    if depth > DEPTH_LIMIT:
        message = f"conditions stand one inside the other more than {DEPTH_LIMIT} deep"
        faults.append(Fault(at, "E135", message, "cut the rule into two"))
        return None
    parts: list[Condition] = []
    for item in shapes.sequence(node, kind, "a list of conditions", faults):
        if isinstance(item, Mapping):
            part = _item(item, depth, faults)
            if part is not None:
                parts.append(part)
        else:
            faults.append(_no_condition(item))
    return Group(kind, tuple(parts), at)


def _nothing(at: Place) -> Fault:
    return Fault(at, "E145", "no condition stands here", "write one, or delete the line")


def _no_condition(item: Scalar | Sequence) -> Fault:
    if isinstance(item, Sequence):
        return Fault(item.at, "E132", "a condition is wanted here, not a list", "leave out the second dash")
    if item.value == "always":
        return _not_alone(item.at)
    if not item.value:
        return _nothing(item.at)
    return Fault(item.at, "E132", "a condition is wanted here, not a single text", f'write "words: [{item.value}]"')


def _atom(name: str, node: Node, at: Place, faults: list[Fault]) -> Condition | None:
    match name:
        case "words" | "exact":
            phrases = shapes.lines(node, name, faults)
            for phrase in phrases:
                _check_phrase(phrase, faults)
            return Words(phrases, name == "exact", at) if phrases else None
        case "keywords" | "client":
            return _fields(name, node, at, faults)
        case "pattern":
            regex = shapes.line(node, name, faults)
            return Pattern(regex, at) if regex else None
        case "source":
            sources = shapes.lines(node, name, faults)
            return SourceIs(sources, at) if sources else None
        case _:
            return _fact(name, node, at, faults)


def _fact(name: str, node: Node, at: Place, faults: list[Fault]) -> Condition | None:
    """An atom over what is known about the event besides its words."""
    match name:
        case "attachment":
            written = shapes.one_or_more(node, name, faults)
            kinds = tuple(kind for kind in written if _is_attachment(kind, faults))
            chosen = () if any(kind.value == "any" for kind in kinds) else kinds
            return AttachmentIs(chosen, at) if kinds else None
        case "kind":
            written = shapes.one_or_more(node, name, faults)
            kinds = tuple(kind for kind in written if shapes.known_word(kind, name, MESSAGE_KINDS, "E153", faults))
            return KindIs(kinds, at) if kinds else None
        case "hours":
            return _hours(node, at, faults)
        case _:
            value = shapes.flag(node, name, faults)
            return None if value is None else FollowUpIs(value, at)


def _is_attachment(kind: Text, faults: list[Fault]) -> bool:
    meant = _OTHER_ATTACHMENTS.get(re.sub(r"[\s_-]", "", kind.value.casefold()).removesuffix("s"))
    if meant:
        faults.append(Fault(kind.at, "E152", f'"attachment" cannot be "{kind.value}"', f'did you mean "{meant}"?'))
        return False
    return shapes.known_word(kind, "attachment", (*ATTACHMENT_KINDS, "any"), "E152", faults)


def _hours(node: Node, at: Place, faults: list[Fault]) -> Condition | None:
    """`hours: NAME` or `hours: {not: NAME}`."""
    if not isinstance(node, Mapping):
        name = shapes.line(node, "hours", faults)
        return HoursIs(name, inside=True, at=at) if name else None
    values = shapes.fields(node, '"hours"', ("not",), faults)
    shapes.required(values, '"hours"', ("not",), node.at, faults)
    name = shapes.line(values["not"], "not", faults) if "not" in values else None
    return HoursIs(name, inside=False, at=at) if name else None


def _check_phrase(phrase: Text, faults: list[Fault]) -> None:
    """Signs that mean nothing where they stand, and phrases without a word."""
    before, at = len(faults), 0
    special = "*" in phrase.value or "$" in phrase.value
    for part in re.split(r"(\s+)", phrase.value) if special else ():
        if "*" in (part[:-1] if _OPEN_END.search(part) else part):
            star = at + part.index("*")
            message = '* stands only at the end of a word, for "begins with"'
            faults.append(Fault(within(phrase, star, star + 1), "E151", message, "leave it out, or use pattern"))
        elif part.startswith("$") and not CATEGORY.fullmatch(part):
            message = f'"{part}" is no category of keywords'
            faults.append(Fault(within(phrase, at, at + len(part)), "E150", message, "write e.g. $product"))
        at += len(part)
    if len(faults) == before and not re.search(r"[^\W_]", phrase.value):
        faults.append(_wordless(phrase))


def spellings_of(node: Node, name: str, faults: list[Fault]) -> tuple[Text, ...]:
    """The ways of writing a keyword, each written out."""
    spellings = shapes.lines(node, name, faults, may_be_empty=True)
    for spelling in spellings:
        if _OPEN_END.search(spelling.value) or CATEGORY.search(spelling.value):
            message = "a spelling of a keyword is written out; * and $ have no meaning here"
            faults.append(Fault(spelling.at, "E150", message, "list each spelling, or use words in the rule"))
        elif not re.search(r"[^\W_]", spelling.value):
            faults.append(_wordless(spelling))
    return spellings


def _wordless(phrase: Text) -> Fault:
    message = f'"{phrase.value}" holds neither a letter nor a digit, so no message can match it'
    return Fault(phrase.at, "E147", message, "write a word, or use pattern")


def _fields(name: str, node: Node, at: Place, faults: list[Fault]) -> Condition | None:
    wanted = "categories with keywords" if name == "keywords" else "fields of the client directory"
    found = shapes.mapping(node, name, wanted, faults)
    if found is None:
        return None
    if not found.entries:
        faults.append(shapes.empty(found, name))
    read = _keyword if name == "keywords" else _client
    parts = [part for key, value in found.entries if (part := read(key, value, faults)) is not None]
    return _joined(parts, at)


def _keyword(key: Scalar, node: Node, faults: list[Fault]) -> Condition | None:
    names = shapes.one_or_more(node, key.value, faults)
    if not names:
        return None
    if isinstance(node, Scalar) and node.value == "any":
        names = ()
    return KeywordIs(Text(key.value, key.at), names, key.at)


def _client(key: Scalar, node: Node, faults: list[Fault]) -> Condition | None:
    field = Text(key.value, key.at)
    if key.value not in CLIENT_FIELDS:
        hint = shapes.suggest(key.value, CLIENT_FIELDS) or f"known are: {', '.join(CLIENT_FIELDS)}"
        faults.append(Fault(key.at, "E131", f'a client has no "{key.value}"', hint))
        return None
    if key.value == "known":
        known = shapes.flag(node, "known", faults)
        return None if known is None else ClientIs(field, (Text("true" if known else "false", node.at),), key.at)
    values = shapes.one_or_more(node, key.value, faults)
    if key.value == "phone":
        faults.extend(
            Fault(phone.at, "E144", "this is no phone number", 'write it as "+254…", with * for the rest')
            for phone in values
            if not PHONE_PATTERN.fullmatch(phone.value)
        )
    return ClientIs(field, values, key.at) if values else None
