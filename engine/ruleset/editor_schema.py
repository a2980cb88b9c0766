"""The rule language as a JSON Schema, with which editors complete, explain and check a rules file while it is typed.

`engine schema` prints it and `rules/schema.json` is a copy; a test holds the two together. Keys, words and patterns
come from the modules that read them, so an editor and `engine validate` cannot disagree about those; only what each
is for stands here. Draft 07, because that is what YAML language servers support best.

An editor guesses types where the engine reads text (`3.10` is a number to it), so every text may also be a number or a
truth value. What needs more than the line itself (names, examples, order) stays with `engine validate`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from engine.core import durations
from engine.core.decisions import Priority
from engine.core.events import ATTACHMENT_KINDS, MESSAGE_KINDS
from engine.ruleset import clauses, editor_scenarios, hours, outcomes, schema

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | bool | None"
Schema: TypeAlias = dict[str, Json]

# Texts for the hover of each key, in a lead's words.
_SECTIONS = {
    "schema": "The version of the rule language. Always 1, always the first line.",
    "owner": "Whom to ask when a rule of this file misbehaves.",
    "defaults": "What holds when a rule says nothing.",
    "keywords": "The words clients use, grouped by meaning: category, then the name, then every way people write it.",
    "rules": "The rules, the most urgent and narrow first. The first one that matches decides.",
    "channels": "The only Mattermost channels that a rule may name.",
    "hours": "Named windows of the week, for the condition `hours`.",
    "clients": "The client directory, for the condition `client`.",
    "scenarios": "Longer tests: several messages, a clock, and what must come of them.",
}
_RULE = {
    "id": "The name of the rule in reports, logs and posts. Small letters, digits and dashes; it never changes.",
    "title": "What the rule is for, in your words.",
    "when": "When the rule holds. A list means that all of it must hold. `always` is for the last rule only.",
    "priority": "How urgent it is. Of all rules that match, the highest counts.",
    "tags": "Added to the tags in `defaults` and to those of the other rules that match.",
    "channel": "The Mattermost channel of the post; one of those under `channels`.",
    "also": "More channels, which get a copy of the post.",
    "mention": 'Whom the post calls instead of whoever is on call, e.g. "@network-team".',
    "summary": "One line for the engineers; {{ product }} puts in what was found. Else it is the first sentence.",
    "ack": "What the client is told at once: a file in templates/ack, without .j2. `none` stays silent.",
    "escalate": "false: no post to the engineers.",
    "follow_up": "What happens to further messages while the incident is open.",
    "stop": "true: when this rule matches, no further rule is looked at.",
    "status": "shadow: try the rule without any effect; `engine rules stats` shows what it would have done.",
    "enabled": "false switches the rule off; say why under `reason`.",
    "reason": "Why the rule is switched off.",
    "examples": "Messages you have really seen. They are tried each time the rules are loaded.",
}
_CONDITIONS = {
    "words": "Any of these words or phrases stands in the message; English words also in their other forms. "
    "`word*` is a beginning, `$product` every keyword of that category.",
    "exact": "The same, only as written.",
    "keywords": "These keywords were found: {product: 3CX}. A list means any of them, `any` the whole category.",
    "pattern": "A regular expression (RE2), between single quotes: '\\berror (?P<code>4\\d\\d)\\b'. What a named group "
    "caught can be used in the summary.",
    "client": "Who wrote, as the client directory says.",
    "source": "How the message came in, e.g. [whatsapp].",
    "attachment": "What came with the message.",
    "kind": "What the message is: new, a changed one, or one that WhatsApp cannot pass on.",
    "hours": "The message was received in this window of hours; {not: business} means outside of it.",
    "follow_up": "true: the client has an open incident already.",
    "all": "Every one of these must hold.",
    "any": "At least one of these must hold.",
    "none": "None of these may hold.",
}
_FOLLOW_UP = {
    "within": "For how long after the last message the incident takes further ones, e.g. 4h.",
    "then": "append: further messages join the thread of the first post. new: each is an incident of its own.",
    "ack_again_after": "After how long the client is told again that we have the message, e.g. 12h.",
}
_EXAMPLES = {
    "match": "Messages that this rule must match.",
    "no_match": "Messages that it must not match, although they look alike.",
}
_CHANNELS = {"team": "The Mattermost team of the channel.", "purpose": "What the channel is for."}
_HOURS = {
    "timezone": "As the IANA writes it, e.g. Africa/Nairobi.",
    "weekly": 'Days and hours, e.g. "Mon-Fri 08:00-17:30". A window may go past midnight.',
    "holidays": "The country whose public holidays are outside, e.g. KE.",
}
_CLIENTS = {
    "name": "The client's name.",
    "phones": 'Numbers with + and the country code, between quotes: "+254700000001".',
    "tier": "The contract, e.g. gold.",
    "tags": "Words to find the client by.",
    "language": "The language for the acknowledgement, e.g. sw.",
    "phone": 'A number, with * for the rest: "+2547*".',
    "known": "false: somebody who is not in the directory.",
}
_PRIORITIES = ("Can wait.", "An ordinary request.", "Soon, please.", "Now: work stands still.")
_TYPOS = "true: long words of this category also match with one typing error."

_GUESSED: list[Json] = ["string", "number", "boolean"]
_ONE_LINE = r"^\s*\S(?:[^\n]*\S)?\s*$"


def build() -> Schema:
    """The whole schema, as values that JSON knows."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rules of the WhatsApp support router",
        "description": "One file of a rules folder.",
        **_object(_SECTIONS, schema.SECTIONS, _section_values(), required=["schema"]),
        "definitions": _definitions(),
    }


def show() -> str:
    """The schema as the file `rules/schema.json`."""
    return json.dumps(build(), ensure_ascii=False, indent=2) + "\n"


def _section_values() -> Schema:
    return {
        "schema": {"type": ["integer", "string"], "minimum": 1, "maximum": 1, "pattern": "^1$", "default": 1},
        "owner": _line(),
        "defaults": _object(_RULE, schema.DEFAULT_KEYS, _outcomes()),
        "keywords": _keywords(),
        "rules": _list(_ref("rule"), least=1),
        "channels": _channels(),
        "hours": _windows(),
        "clients": _list(_ref("client"), least=1),
        "scenarios": editor_scenarios.section(),
    }


def _definitions() -> Schema:
    switched_off: Schema = {"properties": {"enabled": {"enum": [False, "false"]}}, "required": ["enabled"]}
    return {
        "rule": {
            **_object(_RULE, schema.RULE_KEYS, _outcomes(), required=["id", "when"]),
            "if": switched_off,
            "then": {"required": ["reason"]},
            "defaultSnippets": [_snippet_rule()],
        },
        "when": {
            "anyOf": [
                {"const": "always"},
                _list(_ref("condition"), least=1),
                _ref("condition"),
            ],
            "defaultSnippets": _snippets_when(),
        },
        "condition": {
            **_object(_CONDITIONS, clauses.KNOWN, _conditions()),
            "minProperties": 1,
            "defaultSnippets": _snippets_condition(),
        },
        "follow_up": {**_object(_FOLLOW_UP, outcomes.FOLLOW_UP_KEYS, _follow_up()), "minProperties": 1},
        "examples": {
            **_object(_EXAMPLES, schema.EXAMPLE_KEYS, {key: _list(_text()) for key in schema.EXAMPLE_KEYS}),
            "defaultSnippets": [_snippet_examples()],
        },
        "client": {
            **_object(_CLIENTS, schema.CLIENT_KEYS, _client(), required=["name", "phones"]),
            "defaultSnippets": [_snippet_client()],
        },
    }


def _outcomes() -> Schema:
    return {
        "id": {"type": ["string", "integer"], "minimum": 0, **_form(schema.ID.pattern, "small letters, digits and -")},
        "title": _line(),
        "when": _ref("when"),
        "priority": {
            "enum": [priority.word for priority in Priority],
            "enumDescriptions": [text for _, text in zip(Priority, _PRIORITIES, strict=True)],
        },
        "tags": _list(_line()),
        "channel": _word(),
        "also": _one_or_more(_line()),
        "mention": {"type": "string", **_form(outcomes.MENTION.pattern, 'write it as "@name"')},
        "summary": _line(examples=["{{ product }} calls failing"]),
        "ack": _word(examples=["default", "none"]),
        "escalate": _flag(),
        "follow_up": _ref("follow_up"),
        "stop": _flag(),
        "status": {"enum": list(outcomes.STATUSES)},
        "enabled": _flag(),
        "reason": _line(),
        "examples": _ref("examples"),
    }


def _conditions() -> Schema:
    fields: Schema = {name: _one_or_more(_line()) for name in clauses.CLIENT_FIELDS}
    phone: Schema = {"type": ["string", "integer"], **_form(clauses.PHONE_PATTERN.pattern, 'write it as "+254…"')}
    fields |= {"known": _flag(), "phone": _one_or_more(phone)}
    names: Schema = {"anyOf": [{"const": "any", "description": "Any keyword of the category."}, *_either(_line())]}
    named: Schema = {"not": _line()}
    groups: Schema = {group: _list(_ref("condition"), least=1) for group in clauses.GROUPS}
    return {
        **groups,
        "words": _list(_line(), least=1),
        "exact": _list(_line(), least=1),
        "keywords": {"type": "object", "minProperties": 1, "additionalProperties": names},
        "pattern": _line(),
        "client": {**_object(_CLIENTS, clauses.CLIENT_FIELDS, fields), "minProperties": 1},
        "source": _list(_line(), least=1),
        "attachment": _one_or_more({"enum": [*ATTACHMENT_KINDS, "any"]}),
        "kind": _one_or_more({"enum": list(MESSAGE_KINDS)}),
        "hours": {"anyOf": [_line(), _object({"not": "Outside of this window."}, ["not"], named, required=["not"])]},
        "follow_up": _flag(),
    }


def _follow_up() -> Schema:
    span: Schema = {"type": "string", **_form(durations.SPAN.pattern, "write a span of time, e.g. 30m, 4h, 2d")}
    return {"within": span, "then": {"enum": list(outcomes.THEN)}, "ack_again_after": span}


def _keywords() -> Schema:
    taken: list[Json] = [*sorted(schema.RESERVED | schema.TEMPLATE_WORDS)]
    category: Schema = {
        "type": "object",
        "title": "category",
        "description": "Each name with the ways people write it.",
        "properties": {schema.TYPOS: {**_flag(), "description": _TYPOS}},
        "propertyNames": {"not": {"const": "any"}},
        "additionalProperties": _list(_line()),
        "defaultSnippets": [_snippet_keyword()],
    }
    name = _form(schema.CATEGORY.pattern, "small letters, digits and _")
    return {
        "type": "object",
        "propertyNames": {**name, "not": {"enum": taken}},
        "additionalProperties": category,
    }


def _channels() -> Schema:
    channel = _object(_CHANNELS, schema.CHANNEL_KEYS, {key: _line() for key in schema.CHANNEL_KEYS})
    return {
        "type": "object",
        "propertyNames": _form(schema.CHANNEL.pattern, "small letters, digits, - and _, as in its address"),
        "additionalProperties": {"title": "channel", **channel, "type": ["object", "null"]},
    }


def _windows() -> Schema:
    week = hours.WINDOW.pattern.replace(r"\w+", f"(?:{'|'.join(hours.DAYS)})")
    values: Schema = {
        "timezone": _line(examples=["Africa/Nairobi"]),
        "weekly": _list({"type": "string", **_form(week, 'write it as "Mon-Fri 08:00-17:30"')}, least=1),
        "holidays": {"type": "string", **_form(hours.COUNTRY.pattern, "write two capital letters, e.g. KE")},
    }
    window = _object(_HOURS, hours.HOURS_KEYS, values, required=["timezone", "weekly"])
    return {
        "type": "object",
        "additionalProperties": {"title": "window of hours", **window, "defaultSnippets": [_snippet_hours()]},
    }


def _client() -> Schema:
    phone: Schema = {
        # Without quotes an editor takes a number for one.
        "type": ["string", "integer"],
        "minimum": 1_000_000,
        **_form(schema.PHONE.pattern, "write it with + and the country code, without blanks"),
    }
    return {
        "name": _line(),
        "phones": _list(phone, least=1),
        "tier": _line(),
        "tags": _list(_line()),
        "language": {"type": "string", **_form(schema.LANGUAGE.pattern, "two small letters, e.g. sw")},
    }


def _object(texts: Mapping[str, str], keys: Iterable[str], values: Schema, required: Iterable[str] = ()) -> Schema:
    """Keys with values, each with its text; any other key is marked by the editor."""
    described: Schema = {key: _described(values[key], texts[key]) for key in keys}
    needed: list[Json] = list(required)
    whole: Schema = {"type": "object", "properties": described, "additionalProperties": False}
    return {**whole, "required": needed} if needed else whole


def _described(value: Json, text: str) -> Schema:
    # Beside a reference draft 07 reads nothing else, so the reference stands in a list of one.
    inner: Schema = {"allOf": [value]} if isinstance(value, dict) and "$ref" in value else dict(_as_schema(value))
    # Marks show in the one and not in the other.
    marked: Schema = {"markdownDescription": text} if "`" in text else {}
    return {
        "description": text.replace("`", ""),
        **marked,
        **{key: part for key, part in inner.items() if key != "description"},
    }


def _as_schema(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _text() -> Schema:
    """A text of one line or more."""
    return {"type": [*_GUESSED, "null"]}


def _line(**more: Json) -> Schema:
    """A text on one line."""
    return {"type": [*_GUESSED, "null"], "pattern": _ONE_LINE, **more}


def _word(**more: Json) -> Schema:
    """A text on one line that names something, which true or false without quotes cannot."""
    return _line(**more) | {"type": ["string", "number"]}


def _flag() -> Schema:
    return {"type": ["boolean", "string"], **_form("true|false", "write true or false")}


def _form(pattern: str, wanted: str) -> Schema:
    """A pattern of the engine's as editors know it, and what they say when it does not fit."""
    plain = re.sub(r"\(\?P<\w+>", "(?:", pattern)
    return {"pattern": f"^(?:{plain})$", "patternErrorMessage": wanted}


def _list(item: Json, *, least: int = 0, **more: Json) -> Schema:
    return {"type": "array", "items": item, **({"minItems": least} if least else {}), **more}


def _either(item: Json) -> list[Json]:
    return [item, _list(item, least=1)]


def _one_or_more(item: Json) -> Schema:
    return {"anyOf": _either(item)}


def _snippet(label: str, description: str, body: Json) -> Schema:
    return {"label": label, "description": description, "body": body}


def _snippet_rule() -> Schema:
    return _snippet(
        "a new rule",
        "A rule with a condition, a channel and examples",
        {
            "id": "${1:new-rule}",
            "title": "${2:What it is for}",
            "when": [{"words": ["${3:word}"]}],
            "priority": "${4|" + ",".join(priority.word for priority in Priority) + "|}",
            "channel": "${5:support-triage}",
            "examples": {"match": ["${6:a message that you have seen}"], "no_match": ["${7:one that looks alike}"]},
        },
    )


def _snippet_examples() -> Schema:
    body: Json = {"match": ["${1:a message that you have seen}"], "no_match": ["${2:one that looks alike}"]}
    return _snippet("examples", "A message that must match and one that must not", body)


def _snippet_keyword() -> Schema:
    return _snippet("a keyword", "A name and the ways people write it", {"${1:Name}": ["${2:spelling}"]})


def _snippet_hours() -> Schema:
    body: Json = {"timezone": "${1:Africa/Nairobi}", "weekly": ["${2:Mon-Fri 08:00-17:30}"], "holidays": "${3:KE}"}
    return _snippet("a window of hours", "Days and hours in a time zone", body)


def _snippet_client() -> Schema:
    return _snippet("a client", "Name and numbers", {"name": "${1:Acme Ltd}", "phones": ['"${2:+254700000001}"']})


def _snippets_when() -> list[Json]:
    body: Json = {"any": [{"words": ["${1:word}"]}], "none": [{"words": ["${2:resolved}"]}]}
    return [_snippet("any of these, but none of those", "Two groups of conditions", body)]


def _snippets_condition() -> list[Json]:
    return [
        _snippet("any of these words", "Words or phrases of the message", {"words": ["${1:word}"]}),
        _snippet("a keyword was found", "One name of a category, or any", {"keywords": {"${1:product}": "${2:any}"}}),
        _snippet("a regular expression", "For what words cannot say", {"pattern": "'${1:error [0-9]+}'"}),
    ]
