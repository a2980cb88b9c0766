"""The node tree of one rules file into a Document, and the Documents of all files into one.

Called by `loader`. It knows which keys exist and what stands in them, and resolves no names: that is the work of
`checker`. A rule with faults still comes, with what could be read of it, so that the names it defines are known to
the rest; a Document that came with errors must never be compiled.
"""

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Map
from typing import TypeVar

from engine.core import variables
from engine.core.decisions import Priority
from engine.ruleset import clauses, guesses, outcomes, scenarios, shapes
from engine.ruleset.hours import read_hours
from engine.ruleset.reader import Mapping, Node, Scalar
from engine.ruleset.syntax import (
    Channel,
    ClientEntry,
    Defaults,
    Document,
    Examples,
    Fault,
    Group,
    Keyword,
    Place,
    Rule,
    Text,
)

SECTIONS = ("schema", "owner", "defaults", "keywords", "rules", "channels", "hours", "clients", "scenarios")
# Those that a file among the tests may have: tests must not change what is decided.
TEST_SECTIONS = ("schema", "owner", "scenarios")
DEFAULT_KEYS = ("channel", "priority", "ack", "tags", "mention", "follow_up")
RULE_KEYS = (
    "id",
    "title",
    "when",
    "priority",
    "tags",
    "channel",
    "also",
    "mention",
    "summary",
    "ack",
    "escalate",
    "follow_up",
    "stop",
    "status",
    "enabled",
    "reason",
    "examples",
)
EXAMPLE_KEYS = ("match", "no_match")
CHANNEL_KEYS = ("team", "purpose")
CLIENT_KEYS = ("name", "phones", "tier", "tags", "language")
# The setting that stands among the keywords of a category.
TYPOS = "typos"

# A category is a variable of the templates, so it must not hide one of theirs or a word of their language.
RESERVED = variables.ALWAYS | variables.SOMETIMES | variables.DECIDED
TEMPLATE_WORDS = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "elif", "for", "true", "false", "none", "loop", "self", "any", "set"}
)
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
CATEGORY = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What Mattermost allows in the name of a channel, as its address shows it.
CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
LANGUAGE = re.compile(r"[a-z]{2,3}")

T = TypeVar("T")


def build(path_label: str, node: Node | None, *, tests: bool = False) -> tuple[Document, tuple[Fault, ...]]:
    """What one file says, with everything that is wrong in it; `tests` says that it stands among the tests."""
    faults: list[Fault] = []
    start = Place(path_label, 1, 1)
    if node is None:
        return Document(), (Fault(start, "E130", "the file is empty", 'begin it with "schema: 1"'),)
    if not isinstance(node, Mapping):
        message = "the file must hold sections such as rules: and channels:"
        return Document(), (Fault(node.at, "E132", message, 'begin it with "schema: 1"'),)
    _check_version(node, faults)
    values = shapes.fields(node, "a rules file", SECTIONS, faults)
    if tests:
        values = _tests_only(node, values, faults)
    if "owner" in values:
        shapes.line(values["owner"], "owner", faults)
    document = Document(
        defaults=_defaults(values["defaults"], faults) if "defaults" in values else Defaults(),
        keywords=tuple(_keywords(values["keywords"], faults)) if "keywords" in values else (),
        rules=_rules(values["rules"], faults) if "rules" in values else (),
        channels=_named(values, "channels", _channel, faults),
        hours=_named(values, "hours", read_hours, faults),
        clients=_clients(values["clients"], faults) if "clients" in values else (),
        scenarios=scenarios.read_scenarios(values["scenarios"], faults) if "scenarios" in values else (),
    )
    return document, tuple(faults)


def _tests_only(node: Mapping, values: Map[str, Node], faults: list[Fault]) -> Map[str, Node]:
    """The sections that a file among the tests may have; each of the others is a fault."""
    for key, _ in node.entries:
        if key.value in SECTIONS and key.value not in TEST_SECTIONS:
            message = f'"{key.value}" cannot stand among the tests, which decide nothing'
            hint = "move it to a file directly in the rules folder"
            faults.append(Fault(key.at, "E234", message, hint))
    return {name: value for name, value in values.items() if name in TEST_SECTIONS}


def merge(documents: Iterable[Document]) -> tuple[Document, tuple[Fault, ...]]:
    """All files as one, in the order given; a default that two files set is a fault."""
    faults: list[Fault] = []
    defaults = Defaults()
    merged = list(documents)
    for document in merged:
        defaults = _merge_defaults(defaults, document.defaults, faults)
    whole = Document(
        defaults=defaults,
        keywords=tuple(keyword for document in merged for keyword in document.keywords),
        rules=tuple(rule for document in merged for rule in document.rules),
        channels=tuple(channel for document in merged for channel in document.channels),
        hours=tuple(hours for document in merged for hours in document.hours),
        clients=tuple(client for document in merged for client in document.clients),
        scenarios=tuple(scenario for document in merged for scenario in document.scenarios),
    )
    return whole, tuple(faults)


def _merge_defaults(first: Defaults, second: Defaults, faults: list[Fault]) -> Defaults:
    if first.at is None or second.at is None:
        return second if first.at is None else first
    set_twice: list[tuple[str, Place, Place]] = []
    if first.channel and second.channel:
        set_twice.append(("channel", first.channel.at, second.channel.at))
    if first.priority is not None and second.priority is not None:
        set_twice.append(("priority", first.at, second.at))
    if first.ack and second.ack:
        set_twice.append(("ack", first.ack.at, second.ack.at))
    if first.tags and second.tags:
        set_twice.append(("tags", first.tags[0].at, second.tags[0].at))
    if first.mention and second.mention:
        set_twice.append(("mention", first.mention.at, second.mention.at))
    if first.follow_up and second.follow_up:
        set_twice.append(("follow_up", first.follow_up.at, second.follow_up.at))
    for name, earlier, later in set_twice:
        also = ((earlier, "the first one stands here"),)
        faults.append(Fault(later, "E214", f'the default for "{name}" is set a second time', "keep one of them", also))
    return Defaults(
        channel=first.channel or second.channel,
        priority=second.priority if first.priority is None else first.priority,
        ack=first.ack or second.ack,
        tags=first.tags or second.tags,
        mention=first.mention or second.mention,
        follow_up=first.follow_up or second.follow_up,
        at=first.at,
    )


def _check_version(node: Mapping, faults: list[Fault]) -> None:
    for position, (key, value) in enumerate(node.entries):
        if key.value != "schema":
            continue
        if not isinstance(value, Scalar) or value.value != "1":
            faults.append(Fault(value.at, "E130", "this version reads rules of schema 1", 'write "schema: 1"'))
        elif position:
            faults.append(Fault(key.at, "E130", '"schema: 1" must come first in the file', "move this line to the top"))
        return
    faults.append(
        Fault(node.at, "E130", 'the file does not begin with "schema: 1"', 'add the line "schema: 1" above this one')
    )


def _defaults(node: Node, faults: list[Fault]) -> Defaults:
    found = shapes.mapping(node, "defaults", "keys with values", faults)
    if found is None:
        return Defaults()
    values = shapes.fields(found, '"defaults"', DEFAULT_KEYS, faults)
    return Defaults(
        channel=_named_line(values, "channel", faults),
        priority=_priority(values, faults),
        ack=_named_line(values, "ack", faults),
        tags=shapes.lines(values["tags"], "tags", faults, may_be_empty=True) if "tags" in values else (),
        mention=outcomes.read_mention(values, faults),
        follow_up=outcomes.read_follow_up(values, faults),
        at=found.at,
    )


def _keywords(node: Node, faults: list[Fault]) -> Iterable[Keyword]:
    found = shapes.mapping(node, "keywords", "categories with keywords", faults)
    for key, names in found.entries if found else ():
        category = shapes.name(key, CATEGORY, "a category", "lower-case letters, digits and _", faults, joint="_")
        if key.value in RESERVED or key.value in TEMPLATE_WORDS:
            message = f'"{key.value}" cannot be a category, because templates use this word themselves'
            faults.append(Fault(key.at, "E140", message, "choose another word"))
        inner = shapes.mapping(names, key.value, "keywords, each with the ways people write it", faults)
        entries = inner.entries if inner else ()
        settings = {name.value: node for name, node in entries if name.value == TYPOS}
        typos = bool(settings) and shapes.flag(settings[TYPOS], TYPOS, faults) is True
        for name, spellings in entries:
            if name.value == TYPOS:
                continue
            if name.value == "any":
                message = '"any" cannot be a keyword, because in a rule it means any of them'
                faults.append(Fault(name.at, "E140", message, "choose another word"))
            phrases = clauses.spellings_of(spellings, name.value, faults)
            if name.value.strip():
                yield Keyword(category, Text(name.value, name.at), phrases, typos)
            else:
                faults.append(shapes.empty(name, key.value))


def _rules(node: Node, faults: list[Fault]) -> tuple[Rule, ...]:
    items = shapes.sequence(node, "rules", "a list of rules", faults)
    found = (shapes.mapping(item, "rules", "keys with values such as id: and when:", faults) for item in items)
    return tuple(_rule(item, faults) for item in found if item is not None)


def _rule(node: Mapping, faults: list[Fault]) -> Rule:
    values = shapes.fields(node, "a rule", RULE_KEYS, faults)
    shapes.required(values, "a rule", ("id", "when"), node.at, faults)
    when = clauses.read_when(values["when"], faults) if "when" in values else None
    stop = shapes.flag(values["stop"], "stop", faults) if "stop" in values else None
    enabled, reason = outcomes.read_enabled(values, faults)
    return Rule(
        # A rule without a usable id still counts in its place; the empty id says that nothing may refer to it.
        id=_id(values["id"], faults) if "id" in values else Text("", node.at),
        when=when or Group("all", (), node.at),
        at=node.at,
        title=_line(values, "title", faults),
        priority=_priority(values, faults),
        tags=shapes.lines(values["tags"], "tags", faults, may_be_empty=True) if "tags" in values else (),
        channel=_named_line(values, "channel", faults),
        summary=_line(values, "summary", faults),
        ack=_named_line(values, "ack", faults),
        escalate=shapes.flag(values["escalate"], "escalate", faults) if "escalate" in values else None,
        stop=bool(stop),
        also=shapes.one_or_more(values["also"], "also", faults) if "also" in values else (),
        mention=outcomes.read_mention(values, faults),
        follow_up=outcomes.read_follow_up(values, faults),
        shadow=outcomes.read_shadow(values, faults),
        enabled=enabled,
        reason=reason,
        examples=_examples(values["examples"], faults) if "examples" in values else Examples(),
    )


def _id(node: Node, faults: list[Fault]) -> Text:
    found = shapes.text(node, "id", faults)
    if found is None:
        return Text("", node.at)
    written = Scalar(found.value, found.at, quoted=False)
    return shapes.name(written, ID, "a rule's id", "lower-case letters, digits and -", faults)


def _examples(node: Node, faults: list[Fault]) -> Examples:
    found = shapes.mapping(node, "examples", "match and no_match, each with a list of messages", faults)
    if found is None:
        return Examples()
    values = shapes.fields(found, '"examples"', EXAMPLE_KEYS, faults)
    match, no_match = (shapes.texts(values[key], key, faults) if key in values else () for key in EXAMPLE_KEYS)
    return Examples(match, no_match)


def _channel(name: Scalar, node: Node, faults: list[Fault]) -> Channel | None:
    text = shapes.name(name, CHANNEL, "a channel", "lower-case letters, digits, - and _, as in its address", faults)
    if isinstance(node, Scalar) and not node.value and not node.quoted:
        return Channel(text, None, None)
    found = shapes.mapping(node, name.value, "team and purpose", faults)
    values = shapes.fields(found, "a channel", CHANNEL_KEYS, faults) if found else {}
    return Channel(text, _line(values, "team", faults), _line(values, "purpose", faults))


def _clients(node: Node, faults: list[Fault]) -> tuple[ClientEntry, ...]:
    items = shapes.sequence(node, "clients", "a list of clients", faults)
    entries = (_client(item, faults) for item in items)
    return tuple(entry for entry in entries if entry is not None)


def _client(node: Node, faults: list[Fault]) -> ClientEntry | None:
    found = shapes.mapping(node, "clients", "name and phones", faults)
    if found is None:
        return None
    values = shapes.fields(found, "a client", CLIENT_KEYS, faults)
    shapes.required(values, "a client", ("name", "phones"), found.at, faults)
    name = _line(values, "name", faults)
    phones = shapes.lines(values["phones"], "phones", faults) if "phones" in values else ()
    faults.extend(guesses.phone(phone, PHONE) for phone in phones if not PHONE.fullmatch(phone.value))
    language = _line(values, "language", faults)
    if language and not LANGUAGE.fullmatch(language.value):
        message = f'"{language.value}" is no language code'
        faults.append(Fault(language.at, "E139", message, "write two small letters, e.g. sw"))
    tags = shapes.lines(values["tags"], "tags", faults, may_be_empty=True) if "tags" in values else ()
    return ClientEntry(name, phones, _line(values, "tier", faults), tags, language) if name else None


def _line(values: Map[str, Node], key: str, faults: list[Fault]) -> Text | None:
    return shapes.line(values[key], key, faults) if key in values else None


def _named_line(values: Map[str, Node], key: str, faults: list[Fault]) -> Text | None:
    """A text that names something, which a yes or no cannot."""
    return None if key in values and guesses.switch(values[key], key, faults) else _line(values, key, faults)


def _priority(values: Map[str, Node], faults: list[Fault]) -> Priority | None:
    found = _line(values, "priority", faults)
    if found is None:
        return None
    words = {priority.word: priority for priority in Priority}
    if found.value not in words:
        hint = shapes.suggest(found.value, words) or f"write one of: {', '.join(words)}"
        faults.append(Fault(found.at, "E136", f'there is no priority "{found.value}"', hint))
    return words.get(found.value)


def _named(
    values: Map[str, Node], section: str, read: Callable[[Scalar, Node, list[Fault]], T | None], faults: list[Fault]
) -> tuple[T, ...]:
    """Every entry of a section that maps names to something."""
    found = (
        shapes.mapping(values[section], section, "names with keys below them", faults) if section in values else None
    )
    entries = (read(name, node, faults) for name, node in (found.entries if found else ()))
    return tuple(entry for entry in entries if entry is not None)
