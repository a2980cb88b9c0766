"""The `scenarios:` section as a part of the JSON Schema for editors. Called by `editor_schema` and nobody else.

Keys and words come from `scenarios`, which reads them; only what each is for stands here.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from engine.core import durations
from engine.core.decisions import Priority
from engine.core.events import ATTACHMENT_KINDS, MESSAGE_KINDS
from engine.ruleset import scenarios

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | bool | None"
Schema: TypeAlias = dict[str, Json]

_SCENARIO = {
    "name": "What happens, in a few words.",
    "at": 'When it begins, e.g. "2026-02-12 22:15".',
    "timezone": "The zone of its times, e.g. Africa/Nairobi; UTC without one.",
    "clients": 'Who writes: {jackson: {name: Jackson, phone: "+254700000101"}}. Clients of the directory need not be.',
    "steps": "The messages, in order.",
    "expect": "What must have come of all of it, counted at the end.",
}
_STEP = {
    "from": "Who writes: one of the clients. Without it the same as before.",
    "says": "The text.",
    "after": "How long after the step before, e.g. 10m.",
    "at": 'The moment itself, e.g. "2026-02-13 08:05".',
    "wait": "Time that passes without a message, e.g. 5h.",
    "attachments": "What comes with the text.",
    "kind": "What the message is; a new one if nothing is said.",
    "source": "The network; whatsapp if nothing is said.",
    "expect": "What must come of this message.",
}
_EXPECT = {
    "rule": "The rule that decides.",
    "priority": "The priority of the message.",
    "channel": "The Mattermost channel.",
    "mention": "Whom the post calls.",
    "language": "The language of the acknowledgement, e.g. sw, or none for the usual one.",
    "summary": "The line for the engineers.",
    "ack": "What the client is told: a template's name, the text, or none.",
    "post": "The text of the post, or none.",
    "reply": "The text of the reply in the post's thread, or none.",
    "tags": "Tags that must be there; {exactly: […]} allows no others.",
    "matched": "Rules that must match, whichever decides.",
    "also": "Channels that must get a copy.",
    "follow_up": "Whether the client has an open incident already.",
    "posts": "How many posts.",
    "copies": "How many copies of posts.",
    "replies": "How many replies in threads.",
    "edits": "How many times a post is edited, because the priority rises.",
    "acknowledgements": "How many acknowledgements.",
    "incidents": "How many incidents are opened.",
}
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_SPAN: Schema = {"type": "string", "pattern": f"^(?:{durations.SPAN.pattern})$"}


def section() -> Schema:
    """A list of scenarios."""
    step = _object(_STEP, scenarios.STEP_KEYS, _step())
    expect = _object(_EXPECT, scenarios.COUNTS, _facts())
    sender: Schema = {
        "anyOf": [_TEXT, _object(dict.fromkeys(scenarios.SENDER_KEYS, ""), scenarios.SENDER_KEYS, _sender())]
    }
    values: Schema = {
        "name": _TEXT,
        "at": _TEXT,
        "timezone": _TEXT,
        "clients": {"type": "object", "additionalProperties": sender},
        "steps": {"type": "array", "minItems": 1, "items": step},
        "expect": expect,
    }
    scenario = _object(_SCENARIO, scenarios.SCENARIO_KEYS, values)
    return {"type": "array", "minItems": 1, "items": {**scenario, "required": ["name", "steps"]}}


def _step() -> Schema:
    expect = _object(_EXPECT, scenarios.STEP_FACTS, _facts())
    attachments: Schema = {"enum": list(ATTACHMENT_KINDS)}
    return {
        "from": _TEXT,
        "says": _TEXT,
        "after": _SPAN,
        "at": _TEXT,
        "wait": _SPAN,
        "attachments": {"anyOf": [attachments, {"type": "array", "minItems": 1, "items": attachments}]},
        "kind": {"enum": list(MESSAGE_KINDS)},
        "source": _TEXT,
        "expect": {**expect, "minProperties": 1},
    }


def _facts() -> Schema:
    several: Schema = {"type": "array", "items": _TEXT}
    listed: Schema = {"anyOf": [_TEXT, several]}
    text: Schema = {
        "anyOf": [_TEXT, _object({"contains": "All of these stand in it."}, ["contains"], {"contains": listed})]
    }
    names: Schema = {
        "anyOf": [*_either(), _object({"exactly": "These and no others."}, ["exactly"], {"exactly": listed})]
    }
    return {
        **dict.fromkeys(scenarios.NAMES, _TEXT),
        "priority": {"enum": [priority.word for priority in Priority]},
        **dict.fromkeys(scenarios.TEXTS, text),
        **dict.fromkeys(scenarios.LISTS, names),
        **{name: {"type": ["boolean", "string"], "pattern": "^(?:true|false)$"} for name in scenarios.FLAGS},
        **{name: {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$"} for name in scenarios.COUNTS},
    }


def _either() -> list[Json]:
    return [_TEXT, {"type": "array", "items": _TEXT}]


def _sender() -> Schema:
    return {"name": _TEXT, "phone": {"type": ["string", "integer"]}}


def _object(texts: Mapping[str, str], keys: Iterable[str], values: Schema) -> Schema:
    """Keys with values, each with its text; any other key is marked by the editor."""
    described: Schema = {}
    for key in keys:
        value = values[key]
        inner = value if isinstance(value, Mapping) else {}
        described[key] = {"description": texts[key], **inner} if texts[key] else value
    return {"type": "object", "properties": described, "additionalProperties": False}
