"""The node tree of one file about on-call into a Document, and the Documents of all such files into one.

Called by the package. It knows which keys exist and what stands in them, and resolves no names: that is the work of
`names`. A Document that came with errors must never be built into a roster.
"""

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Map
from datetime import date, time
from typing import TypeVar

from engine.core.rotations import Rotation
from engine.core.windows import Window
from engine.ruleset import guesses, shapes
from engine.ruleset.hours import COUNTRY, DAYS, check_zone
from engine.ruleset.oncall import policies, times
from engine.ruleset.oncall.syntax import Calendar, Document, Import, Layer, Members, Override, Person, Schedule
from engine.ruleset.reader import Mapping, Node, Scalar
from engine.ruleset.syntax import Fault, Place, Text

SECTIONS = ("version", "timezone", "people", "calendars", "schedules", "mentions", "policies")
PERSON_KEYS = ("mattermost", "email", "pagerduty")
CALENDAR_KEYS = ("dates", "country", "ics")
SCHEDULE_KEYS = ("timezone", "gaps", "layers", "overrides", "import")
LAYER_KEYS = ("name", "rotation", "members", "only", "when")
ROTATION_KEYS = ("every", "at", "start")
MEMBERS_KEYS = ("from", "list")
WINDOW_KEYS = ("days", "from", "to")
WHEN_KEYS = ("calendar",)
OVERRIDE_KEYS = ("from", "to", "replace", "with", "set", "reason", "force")
IMPORT_KEYS = ("ics", "user_from", "max_age")
GAPS = ("forbid", "allow")
USER_FROM = ("summary", "attendee")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
ICS = re.compile(r"[^./\\\0][^/\\\0]{0,99}\.ics")

_SIGNS = "lower-case letters, digits, - and _"
T = TypeVar("T")


def build(path_label: str, node: Node | None) -> tuple[Document, tuple[Fault, ...]]:
    """What one file says, with everything that is wrong in it."""
    faults: list[Fault] = []
    if not isinstance(node, Mapping):
        at = Place(path_label, 1, 1) if node is None else node.at
        message = "the file must hold sections such as people: and schedules:"
        return Document(), (Fault(at, "E260", message, 'begin it with "version: 1"'),)
    _check_version(node, faults)
    values = shapes.fields(node, "a file about on-call", SECTIONS, faults)
    zone = _zone(values, faults)
    return Document(
        people=_named(values, "people", _person, faults),
        calendars=_named(values, "calendars", _calendar, faults),
        schedules=_named(values, "schedules", lambda key, inner, found: _schedule(key, inner, zone, found), faults),
        mentions=policies.read_mentions(values["mentions"], faults) if "mentions" in values else (),
        policies=_named(values, "policies", policies.read_policy, faults),
    ), tuple(faults)


def merge(documents: Iterable[Document]) -> Document:
    """All files as one, in the order given."""
    merged = list(documents)
    return Document(
        people=tuple(person for document in merged for person in document.people),
        calendars=tuple(calendar for document in merged for calendar in document.calendars),
        schedules=tuple(schedule for document in merged for schedule in document.schedules),
        mentions=tuple(mention for document in merged for mention in document.mentions),
        policies=tuple(policy for document in merged for policy in document.policies),
    )


def _check_version(node: Mapping, faults: list[Fault]) -> None:
    key, value = node.entries[0] if node.entries else (Scalar("", node.at, quoted=False), node)
    if key.value == "version" and isinstance(value, Scalar) and value.value == "1":
        return
    message, hint = 'the file does not begin with "version: 1"', 'add the line "version: 1" above this one'
    if key.value == "version":
        message, hint = "this version reads files about on-call of version 1", 'write "version: 1"'
    elif any(other.value == "version" for other, _ in node.entries):
        hint = 'move the line "version: 1" to the top'
    faults.append(Fault(value.at if key.value == "version" else node.at, "E260", message, hint))


def _zone(values: Map[str, Node], faults: list[Fault]) -> Text | None:
    found = shapes.line(values["timezone"], "timezone", faults) if "timezone" in values else None
    return found if found and check_zone(found, faults) else None


def _named(
    values: Map[str, Node], section: str, read: Callable[[Scalar, Node, list[Fault]], T | None], faults: list[Fault]
) -> tuple[T, ...]:
    """Every entry of a section that maps names to something."""
    if section not in values:
        return ()
    found = shapes.mapping(values[section], section, "names with keys below them", faults)
    entries = (read(name, node, faults) for name, node in (found.entries if found else ()))
    return tuple(entry for entry in entries if entry is not None)


def _person(key: Scalar, node: Node, faults: list[Fault]) -> Person:
    name = shapes.name(key, NAME, "the name of a person", _SIGNS, faults)
    bare = isinstance(node, Scalar) and not node.value and not node.quoted
    found = None if bare else shapes.mapping(node, key.value, "mattermost and email", faults)
    values = shapes.fields(found, "a person", PERSON_KEYS, faults) if found else {}
    return Person(name, _username(values, faults), _line(values, "email", faults), _line(values, "pagerduty", faults))


def _username(values: Map[str, Node], faults: list[Fault]) -> Text | None:
    if "mattermost" in values and guesses.switch(values["mattermost"], "mattermost", faults):
        return None
    found = _line(values, "mattermost", faults)
    if found and not USERNAME.fullmatch(found.value):
        meant = found.value.removeprefix("@").casefold()
        hint = f'did you mean "{meant}"?' if USERNAME.fullmatch(meant) else "write it as Mattermost shows it, without @"
        faults.append(Fault(found.at, "E161", f'"{found.value}" is no name in Mattermost', hint))
    return found


def _calendar(key: Scalar, node: Node, faults: list[Fault]) -> Calendar | None:
    name = shapes.name(key, NAME, "the name of a calendar", _SIGNS, faults)
    found = shapes.mapping(node, key.value, "dates, country or ics", faults)
    if found is None:
        return None
    values = shapes.fields(found, "a calendar", CALENDAR_KEYS, faults)
    if not values:
        faults.append(Fault(name.at, "E133", f'"{key.value}" needs days', 'add "dates:", "country:" or "ics:"'))
    country = None
    if "country" in values and not guesses.switch(values["country"], "country", faults):
        country = _line(values, "country", faults)
    if country and not COUNTRY.fullmatch(country.value):
        message = f'"{country.value}" is no country code'
        faults.append(Fault(country.at, "E143", message, "write two capital letters, e.g. KE"))
    return Calendar(name, _dates(values, faults), country, _ics(values, faults))


def _dates(values: Map[str, Node], faults: list[Fault]) -> tuple[date, ...]:
    if "dates" not in values:
        return ()
    items = shapes.sequence(values["dates"], "dates", "a list of dates", faults)
    return tuple(found for item in items if (found := times.day(item, "dates", faults)))


def _ics(values: Map[str, Node], faults: list[Fault]) -> Text | None:
    found = _line(values, "ics", faults)
    if found and not ICS.fullmatch(found.value):
        hint = "write the name of a file beside this one that ends in .ics"
        faults.append(Fault(found.at, "E275", f'"{found.value}" is no calendar file of this folder', hint))
        return None
    return found


def _schedule(key: Scalar, node: Node, file_zone: Text | None, faults: list[Fault]) -> Schedule | None:
    name = shapes.name(key, NAME, "the name of a schedule", _SIGNS, faults)
    found = shapes.mapping(node, key.value, "layers or import", faults)
    if found is None:
        return None
    values = shapes.fields(found, "a schedule", SCHEDULE_KEYS, faults)
    if "layers" not in values and "import" not in values:
        faults.append(Fault(name.at, "E133", f'"{key.value}" needs "layers"', 'add "layers:" or "import:"'))
    zone = _zone(values, faults) if "timezone" in values else file_zone
    if zone is None and "timezone" not in values:
        hint = 'add a line "timezone: Africa/Nairobi" here or at the top of the file'
        faults.append(Fault(name.at, "E133", f'"{key.value}" needs "timezone"', hint))
    gaps = shapes.word(values["gaps"], "gaps", GAPS, "E264", faults) if "gaps" in values else None
    return Schedule(
        name=name,
        zone=zone,
        may_have_gaps=gaps is not None and gaps.value == "allow",
        layers=_each(values, "layers", "name and members", _layer, faults),
        overrides=_each(values, "overrides", "from, to and set", _override, faults),
        imported=_import(values["import"], faults) if "import" in values else None,
    )


def _each(
    values: Map[str, Node],
    section: str,
    wanted: str,
    read: Callable[[Mapping, list[Fault]], T | None],
    faults: list[Fault],
) -> tuple[T, ...]:
    """Every entry of a list of keys with values."""
    if section not in values:
        return ()
    items = shapes.sequence(values[section], section, "a list", faults)
    found = (shapes.mapping(item, section, wanted, faults) for item in items)
    entries = (read(item, faults) for item in found if item is not None)
    return tuple(entry for entry in entries if entry is not None)


def _layer(node: Mapping, faults: list[Fault]) -> Layer | None:
    values = shapes.fields(node, "a layer", LAYER_KEYS, faults)
    shapes.required(values, "a layer", ("name", "members"), node.at, faults)
    name = _line(values, "name", faults)
    lists = _each(values, "members", "from and list", _members, faults)
    rotation = _rotation(values["rotation"], faults) if "rotation" in values else None
    only = _each(values, "only", "days, from and to", _window, faults)
    when = shapes.mapping(values["when"], "when", "the key calendar", faults) if "when" in values else None
    calendars = shapes.fields(when, '"when"', WHEN_KEYS, faults) if when else {}
    if when:
        shapes.required(calendars, '"when"', WHEN_KEYS, when.at, faults)
    if name is None or not lists:
        return None
    ordered = tuple(sorted(lists, key=lambda members: members.since))
    return Layer(name, ordered, rotation, only, _line(calendars, "calendar", faults), node.at)


def _members(node: Mapping, faults: list[Fault]) -> Members | None:
    values = shapes.fields(node, "a list of members", MEMBERS_KEYS, faults)
    shapes.required(values, "a list of members", MEMBERS_KEYS, node.at, faults)
    since = times.moment(values["from"], "from", faults, or_day=True) if "from" in values else None
    people = shapes.lines(values["list"], "list", faults) if "list" in values else ()
    return Members(since, people, node.at) if since and people else None


def _rotation(node: Node, faults: list[Fault]) -> Rotation | None:
    found = shapes.mapping(node, "rotation", "every, at and start", faults)
    if found is None:
        return None
    values = shapes.fields(found, '"rotation"', ROTATION_KEYS, faults)
    shapes.required(values, '"rotation"', ROTATION_KEYS, found.at, faults)
    every = times.period(values["every"], "every", faults) if "every" in values else None
    at = times.time_of_day(values["at"], "at", faults) if "at" in values else None
    start = times.day(values["start"], "start", faults) if "start" in values else None
    return None if every is None or at is None or start is None else Rotation(every, at, start)


def _window(node: Mapping, faults: list[Fault]) -> Window | None:
    values = shapes.fields(node, "a window", WINDOW_KEYS, faults)
    if not values:
        shapes.required(values, "a window", ("days",), node.at, faults)
    if "from" in values or "to" in values:
        shapes.required(values, "a window", ("from", "to"), node.at, faults)
    days = frozenset(range(len(DAYS)))
    if "days" in values:
        days = times.weekdays(values["days"], "days", faults)
    start, end = (times.time_of_day(values[key], key, faults) if key in values else time(0) for key in ("from", "to"))
    return Window(days, start, end) if start is not None and end is not None else None


def _override(node: Mapping, faults: list[Fault]) -> Override | None:
    values = shapes.fields(node, "an override", OVERRIDE_KEYS, faults)
    shapes.required(values, "an override", ("from", "to"), node.at, faults)
    since, until = (
        times.moment(values[key], key, faults, or_day=True) if key in values else None for key in ("from", "to")
    )
    if since and until and since >= until:
        message = "this override ends before it begins"
        faults.append(Fault(values["to"].at, "E266", message, 'write a later date for "to"'))
    replaces = _line(values, "replace", faults)
    people: tuple[Text, ...] = ()
    if "set" in values and "replace" not in values and "with" not in values:
        people = shapes.lines(values["set"], "set", faults)
    elif "set" not in values and "replace" in values and "with" in values:
        people = shapes.one_or_more(values["with"], "with", faults)
    else:
        hint = 'write "replace: …" and "with: …", or "set: […]"'
        faults.append(Fault(node.at, "E265", "it is not clear whom this override changes", hint))
    reason = _line(values, "reason", faults)
    force = shapes.flag(values["force"], "force", faults) if "force" in values else None
    if since is None or until is None or not people:
        return None
    return Override(since, until, people, replaces, reason.value if reason else "", bool(force), node.at)


def _import(node: Node, faults: list[Fault]) -> Import | None:
    found = shapes.mapping(node, "import", "ics and user_from", faults)
    if found is None:
        return None
    values = shapes.fields(found, '"import"', IMPORT_KEYS, faults)
    shapes.required(values, '"import"', ("ics",), found.at, faults)
    said = shapes.one_or_more(values["user_from"], "user_from", faults) if "user_from" in values else ()
    known = tuple(each.value for each in said if shapes.known_word(each, "user_from", USER_FROM, "E264", faults))
    max_age = shapes.span(values["max_age"], "max_age", faults) if "max_age" in values else None
    ics = _ics(values, faults)
    return Import(ics, known or USER_FROM, max_age) if ics else None


def _line(values: Map[str, Node], key: str, faults: list[Fault]) -> Text | None:
    return shapes.line(values[key], key, faults) if key in values else None
