"""The files about on-call as a JSON Schema, with which editors complete, explain and check them while they are typed.

`engine schema --oncall` prints it and `rules/schema-oncall.json` is a copy; a test holds the two together. Keys, words
and patterns come from the modules that read them; only what each is for stands here. Draft 07, as for the rules. Times
and countries must be texts: what an editor takes for a number, another program does too.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from engine.core import durations
from engine.ruleset import hours
from engine.ruleset.oncall import policies, reading, times

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | bool | None"
Schema: TypeAlias = dict[str, Json]

_SECTIONS = {
    "version": "The version of these files. Always 1, always the first line.",
    "timezone": "The zone of all times in this file, as the IANA writes it, e.g. Africa/Nairobi.",
    "people": "Who may be on call, each by a short name.",
    "calendars": "Named days, such as holidays, for the layers of schedules.",
    "schedules": "Who is on duty and when.",
    "mentions": 'Whom policies may mention, e.g. ["@oncall", "@here"].',
    "policies": "Who is called when nobody takes care of an incident: default, and by priority.",
}
_PERSON = {
    "mattermost": "The name in Mattermost, without @.",
    "email": "The e-mail address, by which calendars may name this person.",
    "pagerduty": "The id of this user at PagerDuty.",
}
_CALENDAR = {
    "dates": "Days such as 2027-02-22.",
    "country": "The country whose public holidays are meant, e.g. KE.",
    "ics": "A calendar file beside this one; the days of its events are meant.",
}
_SCHEDULE = {
    "timezone": "The zone of its times, where that is another one than the file's.",
    "gaps": "forbid (as without this line): a time without anybody is an error. allow: it may be.",
    "layers": "Who takes turns. A later layer wins where it has somebody.",
    "overrides": "Somebody else for a while.",
    "import": "A calendar file that says who is on duty.",
}
_LAYER = {
    "name": "What the layer is, e.g. nights.",
    "rotation": "When one hands over to the next. Without it everybody of the list is there at once.",
    "members": "Lists of people, each as of a date. To change the people, add a list.",
    "only": "The hours in which the layer counts.",
    "when": "The days on which it counts: {calendar: holidays}.",
}
_ROTATION = {
    "every": "How long a turn is: 1d, 1w, 2w.",
    "at": 'When one hands over, e.g. "09:00".',
    "start": "The day of the first turn.",
}
_MEMBERS = {
    "from": "Since when this list holds: it begins at the next hand-off, with its first name.",
    "list": "Names from `people`, in the order of their turns.",
}
_WINDOW = {
    "days": "The days on which it begins, e.g. [mon-fri].",
    "from": 'When it begins, e.g. "18:00".',
    "to": "When it ends; on the next day where that is not later.",
}
_WHEN = {"calendar": "A name from `calendars`."}
_OVERRIDE = {
    "from": 'Since when, e.g. "2027-03-07T09:00".',
    "to": "Until when.",
    "replace": "Whose place is taken, where this person is on duty.",
    "with": "Who takes it.",
    "set": "Who is on duty, whoever else would be.",
    "reason": "Why.",
    "force": "true: this one wins over an earlier one at the same time.",
}
_IMPORT = {
    "ics": "The calendar file, beside this one.",
    "user_from": "Where an event names people: summary, attendee, or both in this order.",
    "max_age": "How old the file may become before that is told, e.g. 26h.",
}
_POLICY = {
    "levels": "Who is called one after the other, as long as nobody claims the incident.",
    "repeat": "How often all levels are gone through again.",
    "nobody": "Who is called where a level reaches nobody, and after the last one.",
    "quiet": "When nobody is called again.",
}
_LEVEL = {
    "notify": 'Whom: "schedule:…", "person:…", "mention:@…" or "service:…".',
    "wait": "How long to wait for a claim before the next level, e.g. 5m.",
    "channel": "A further Mattermost channel that is told; one of those under `channels` in the rules.",
}
_QUIET = {
    "until": 'Until this schedule has somebody, e.g. "schedule:business-hours".',
    "priorities": "Only for these; in the policy `default`.",
}
_LINE: Schema = {"type": ["string", "number"]}
_NAMED: Schema = {"type": "array", "items": _LINE, "minItems": 1}
_SPAN: Schema = {"type": "string", "pattern": f"^(?:{durations.SPAN.pattern})$"}
_TARGETS: Schema = {"type": "string", "pattern": "^(?:schedule|person|mention|service):\\S+$"}


def build() -> Schema:
    """The whole schema, as values that JSON knows."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "On-call of the WhatsApp support router",
        "description": "One file of the folder oncall in a rules folder.",
        **_object(_SECTIONS, reading.SECTIONS, _sections(), required=["version"]),
    }


def show() -> str:
    """The schema as the file `rules/schema-oncall.json`."""
    return json.dumps(build(), ensure_ascii=False, indent=2) + "\n"


def _sections() -> Schema:
    person: Schema = dict.fromkeys(reading.PERSON_KEYS, _LINE)
    person["mattermost"] = _form(reading.USERNAME)
    calendar: Schema = {"dates": _list(_form(times.DAY)), "country": _form(hours.COUNTRY), "ics": _form(reading.ICS)}
    mentions = _list({"type": "string", "pattern": "^@[a-z0-9][a-z0-9._-]*$"})
    return {
        "version": {"enum": [1, "1"]},
        "timezone": {"type": "string"},
        "people": _map({**_object(_PERSON, reading.PERSON_KEYS, person), "type": ["object", "null"]}),
        "calendars": _map({**_object(_CALENDAR, reading.CALENDAR_KEYS, calendar), "minProperties": 1}),
        "schedules": _map(_schedule()),
        "mentions": mentions,
        "policies": {**_map(_policy()), "propertyNames": {"enum": list(policies.NAMES)}},
    }


def _schedule() -> Schema:
    override: Schema = {
        "from": _form(times.MOMENT, times.DAY),
        "to": _form(times.MOMENT, times.DAY),
        "replace": _LINE,
        "with": {"anyOf": [_LINE, _NAMED]},
        "set": _NAMED,
        "reason": _LINE,
        "force": {"type": "boolean"},
    }
    imported: Schema = {
        "ics": _form(reading.ICS),
        "user_from": {"anyOf": [{"enum": list(reading.USER_FROM)}, _list({"enum": list(reading.USER_FROM)})]},
        "max_age": _SPAN,
    }
    values: Schema = {
        "timezone": {"type": "string"},
        "gaps": {"enum": list(reading.GAPS)},
        "layers": _list(_layer()),
        "overrides": _list(_object(_OVERRIDE, reading.OVERRIDE_KEYS, override, required=["from", "to"])),
        "import": _object(_IMPORT, reading.IMPORT_KEYS, imported, required=["ics"]),
    }
    return _object(_SCHEDULE, reading.SCHEDULE_KEYS, values)


def _layer() -> Schema:
    time_of_day = _form(hours.TIME, re.compile(hours.MIDNIGHT))
    days = _form(times.DAY_RANGE)
    window: Schema = {"days": {"anyOf": [days, _list(days)]}, "from": time_of_day, "to": time_of_day}
    rotation: Schema = {"every": _form(times.PERIOD), "at": time_of_day, "start": _form(times.DAY)}
    members: Schema = {"from": _form(times.DAY, times.MOMENT), "list": _NAMED}
    values: Schema = {
        "name": _LINE,
        "rotation": _object(_ROTATION, reading.ROTATION_KEYS, rotation, required=reading.ROTATION_KEYS),
        "members": _list(_object(_MEMBERS, reading.MEMBERS_KEYS, members, required=reading.MEMBERS_KEYS)),
        "only": _list({**_object(_WINDOW, reading.WINDOW_KEYS, window), "minProperties": 1}),
        "when": _object(_WHEN, reading.WHEN_KEYS, {"calendar": _LINE}, required=reading.WHEN_KEYS),
    }
    return _object(_LAYER, reading.LAYER_KEYS, values, required=["name", "members"])


def _policy() -> Schema:
    notify: Schema = {"anyOf": [_TARGETS, _list(_TARGETS)]}
    level: Schema = {"notify": notify, "wait": _SPAN, "channel": _LINE}
    words = _list({"enum": list(policies.PRIORITIES)})
    quiet: Schema = {"until": {"type": "string", "pattern": "^schedule:\\S+$"}, "priorities": words}
    values: Schema = {
        "levels": _list(_object(_LEVEL, policies.LEVEL_KEYS, level, required=["notify", "wait"])),
        "repeat": {"type": "integer", "minimum": 0, "maximum": policies.MOST_REPEATS},
        "nobody": _object(_LEVEL, policies.NOBODY_KEYS, {"notify": notify}, required=["notify"]),
        "quiet": _object(_QUIET, policies.QUIET_KEYS, quiet, required=["until"]),
    }
    return _object(_POLICY, policies.POLICY_KEYS, values, required=["levels", "nobody"])


def _object(texts: Mapping[str, str], keys: Iterable[str], values: Schema, required: Iterable[str] = ()) -> Schema:
    """Keys with values, each with its text; any other key is marked by the editor."""
    described: Schema = {key: {"description": texts[key].replace("`", ""), **_whole(values[key])} for key in keys}
    needed: list[Json] = list(required)
    whole: Schema = {"type": "object", "properties": described, "additionalProperties": False}
    return {**whole, "required": needed} if needed else whole


def _whole(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _map(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def _list(item: Json) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _form(*patterns: re.Pattern[str]) -> Schema:
    """One of some patterns of the engine's as editors know them."""
    plain = (re.sub(r"\?P<\w+>", "", pattern.pattern) for pattern in patterns)
    return {"type": "string", "pattern": f"^(?:{'|'.join(plain)})$"}
