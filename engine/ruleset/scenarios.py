"""The `scenarios:` section: stories with a clock, each step with what it should bring about, as values.

Called by `schema`. Like all readers it resolves no names; `scenario_names` does. Playing them is the work of
`engine.rehearsals`.
"""

import re
from collections.abc import Mapping as Map
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from engine.core.decisions import Priority
from engine.core.events import ATTACHMENT_KINDS, MESSAGE_KINDS
from engine.ruleset import shapes
from engine.ruleset.hours import check_zone
from engine.ruleset.reader import Mapping, Node, Scalar, Sequence
from engine.ruleset.syntax import Expectation, Fault, Place, Scenario, Sender, Step, Text

SCENARIO_KEYS = ("name", "at", "timezone", "clients", "steps", "expect")
STEP_KEYS = ("from", "says", "after", "at", "wait", "attachments", "kind", "source", "expect")
SENDER_KEYS = ("name", "phone")
# What an `expect:` may ask, by the form of the answer.
NAMES = ("rule", "priority", "channel", "mention", "language")
TEXTS = ("summary", "ack", "post", "reply")
LISTS = ("tags", "matched", "also")
FLAGS = ("follow_up",)
COUNTS = ("posts", "copies", "replies", "edits", "acknowledgements", "incidents")
STEP_FACTS = (*NAMES, *TEXTS, *LISTS, *FLAGS, *COUNTS)
NONE = "none"

# A Monday morning: a scenario must not depend on today.
_BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)? ?(?P<offset>Z|[+-]\d\d:\d\d)?", re.ASCII)
_PHONE = re.compile(r"\+[0-9]{3,15}")
_COUNT = re.compile(r"[0-9]{1,4}")
_NO_TIME = timedelta(0)


def read_scenarios(node: Node, faults: list[Fault]) -> tuple[Scenario, ...]:
    """Every scenario of a section."""
    items = shapes.sequence(node, "scenarios", "a list of scenarios", faults)
    found = (shapes.mapping(item, "scenarios", "keys with values such as name: and steps:", faults) for item in items)
    return tuple(_scenario(item, faults) for item in found if item is not None)


def _scenario(node: Mapping, faults: list[Fault]) -> Scenario:
    values = shapes.fields(node, "a scenario", SCENARIO_KEYS, faults)
    shapes.required(values, "a scenario", ("name", "steps"), node.at, faults)
    name = shapes.line(values["name"], "name", faults) if "name" in values else None
    zone = _zone(values, faults)
    begins_at = (_moment(values["at"], zone, faults) if "at" in values else None) or _BEGIN.astimezone(zone)
    clients = _senders(values["clients"], faults) if "clients" in values else ()
    return Scenario(
        name=name or Text("", node.at),
        begins_at=begins_at,
        clients=clients,
        steps=_steps(values["steps"], clients, begins_at, faults) if "steps" in values else (),
        expect=_expectations(values, COUNTS, faults),
        at=node.at,
    )


def _zone(values: Map[str, Node], faults: list[Fault]) -> tzinfo:
    found = shapes.line(values["timezone"], "timezone", faults) if "timezone" in values else None
    return ZoneInfo(found.value) if found and check_zone(found, faults) else UTC


def _moment(node: Node, zone: tzinfo, faults: list[Fault]) -> datetime | None:
    """A moment as a clock on the wall of the zone shows it, or with an offset of its own."""
    found = shapes.line(node, "at", faults)
    if found is None:
        return None
    written = _MOMENT.fullmatch(found.value)
    try:
        moment = datetime.fromisoformat(re.sub(r" (?=[Z+-])", "", found.value)) if written else None
    except ValueError:
        # A thirtieth of February.
        moment = None
    if moment is None:
        hint = 'write it as "2026-02-12 22:15"'
        faults.append(Fault(found.at, "E230", f'"{found.value}" is no day with a time', hint))
        return None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def _senders(node: Node, faults: list[Fault]) -> tuple[Sender, ...]:
    found = shapes.mapping(node, "clients", "names with keys below them", faults)
    return tuple(_sender(key, value, faults) for key, value in (found.entries if found else ()))


def _sender(key: Scalar, node: Node, faults: list[Fault]) -> Sender:
    """`jackson: {name: Jackson, phone: "+254…"}`; a text alone is the name or, with a plus, the number."""
    handle = Text(key.value, key.at)
    if isinstance(node, Scalar):
        found = shapes.line(node, key.value, faults)
        name, phone = (None, found) if found and found.value.startswith("+") else (found, None)
    else:
        inner = shapes.mapping(node, key.value, "name and phone", faults)
        values = shapes.fields(inner, "a client of a scenario", SENDER_KEYS, faults) if inner else {}
        name, phone = (shapes.line(values[part], part, faults) if part in values else None for part in SENDER_KEYS)
    if phone and not _PHONE.fullmatch(phone.value):
        hint = "write it with + and the country code, without blanks"
        faults.append(Fault(phone.at, "E144", "this is no phone number in the international form", hint))
    return Sender(handle, name, phone)


def _steps(node: Node, clients: tuple[Sender, ...], begins_at: datetime, faults: list[Fault]) -> tuple[Step, ...]:
    sender = clients[0].handle if len(clients) == 1 else None
    now = begins_at
    steps: list[Step] = []
    for item in shapes.sequence(node, "steps", "a list of messages", faults):
        found = shapes.mapping(item, "steps", "keys with values such as from: and says:", faults)
        if found is None:
            continue
        step = _step(found, sender, now, faults)
        sender = step.sender or sender
        # Times with a zone are added in UTC, or an hour would be lost where clocks change.
        now = step.moment or (now.astimezone(UTC) + step.after).astimezone(begins_at.tzinfo)
        steps.append(step)
    return tuple(steps)


def _step(node: Mapping, before: Text | None, now: datetime, faults: list[Fault]) -> Step:
    values = shapes.fields(node, "a step", STEP_KEYS, faults)
    spans = [shapes.span(values[key], key, faults) for key in ("after", "wait") if key in values]
    moment = _moment(values["at"], now.tzinfo or UTC, faults) if "at" in values else None
    if moment and moment < now:
        message = f"this is before the step above it ({now:%Y-%m-%d %H:%M})"
        faults.append(Fault(values["at"].at, "E232", message, "put the steps in the order of their times"))
    writes = any(key in values for key in ("from", "says", "attachments", "kind", "source"))
    sender = shapes.line(values["from"], "from", faults) if "from" in values else before
    _check_step(values, node.at, sender, writes=writes, faults=faults)
    said = shapes.text(values["says"], "says", faults) if "says" in values else None
    kind = shapes.word(values["kind"], "kind", MESSAGE_KINDS, "E153", faults) if "kind" in values else None
    source = shapes.line(values["source"], "source", faults) if "source" in values else None
    attachments = shapes.one_or_more(values["attachments"], "attachments", faults) if "attachments" in values else ()
    for attachment in attachments:
        shapes.known_word(attachment, "attachments", ATTACHMENT_KINDS, "E152", faults)
    return Step(
        at=node.at,
        after=sum((span for span in spans if span), _NO_TIME),
        moment=moment,
        sender=sender if writes else None,
        says=said.value if said else "",
        kind=kind.value if kind else "message",
        source=source.value if source else "whatsapp",
        attachments=tuple(attachment.value for attachment in attachments),
        expect=_expectations(values, STEP_FACTS, faults),
    )


def _check_step(values: Map[str, Node], at: Place, sender: Text | None, *, writes: bool, faults: list[Fault]) -> None:
    """A step is a message, or time that passes, and not both."""
    if writes and "wait" in values:
        hint = 'write "after:" for the time before a message'
        faults.append(Fault(values["wait"].at, "E233", 'a step with "wait" has no message', hint))
    elif writes and sender is None and "from" not in values:
        faults.append(Fault(at, "E133", 'the first message needs "from"', 'add a line "from: …"'))
    elif writes and "says" not in values and "attachments" not in values and values.get("kind") is None:
        hint = 'add a line "says: …" or "attachments: [image]"'
        faults.append(Fault(at, "E233", "nothing is said and nothing is sent in this step", hint))
    elif not writes and "wait" not in values and "expect" not in values:
        faults.append(Fault(at, "E233", "nothing happens in this step", 'add a line "says: …" or "wait: 5h"'))
    if not writes and "expect" in values:
        hint = 'move it to a step with "says:", or to the end of the scenario'
        faults.append(Fault(values["expect"].at, "E233", "only a message brings something about", hint))


def _expectations(values: Map[str, Node], known: tuple[str, ...], faults: list[Fault]) -> tuple[Expectation, ...]:
    if "expect" not in values:
        return ()
    found = shapes.mapping(values["expect"], "expect", "keys with values such as rule: and posts:", faults)
    if found is None:
        return ()
    if not found.entries:
        faults.append(shapes.empty(found, "expect"))
    places = {key.value: key.at for key, _ in found.entries}
    inner = shapes.fields(found, '"expect"', known, faults)
    read = (_expectation(Text(key, places.get(key, node.at)), node, faults) for key, node in inner.items())
    return tuple(expectation for expectation in read if expectation)


def _expectation(fact: Text, node: Node, faults: list[Fault]) -> Expectation | None:
    name = fact.value
    if name in COUNTS:
        return _count(fact, node, faults)
    if name in FLAGS:
        return _flag(fact, node, faults)
    if name in NAMES:
        found = shapes.line(node, name, faults)
        if found and name == "priority":
            shapes.known_word(found, name, [priority.word for priority in Priority], "E136", faults)
        return Expectation(fact, "is", (found,)) if found else None
    if isinstance(node, Mapping):
        return _form(fact, node, faults)
    if name in LISTS:
        listed = _listed(node, name, faults)
        return Expectation(fact, "contains" if listed else "exactly", listed)
    return _plain_text(fact, node, faults)


def _plain_text(fact: Text, node: Node, faults: list[Fault]) -> Expectation | None:
    text = shapes.text(node, fact.value, faults)
    if text is None:
        return None
    nothing = text.value == NONE and fact.value != "summary"
    return Expectation(fact, "none" if nothing else "is", (text,))


def _flag(fact: Text, node: Node, faults: list[Fault]) -> Expectation | None:
    flag = shapes.flag(node, fact.value, faults)
    return None if flag is None else Expectation(fact, "is", (Text("true" if flag else "false", node.at),))


def _form(fact: Text, node: Mapping, faults: list[Fault]) -> Expectation | None:
    """`{contains: …}` of a text, `{exactly: […]}` of a list."""
    name = fact.value
    how = "exactly" if name in LISTS else "contains"
    values = shapes.fields(node, f'"{name}"', (how,), faults)
    if how not in values:
        shapes.required(values, f'"{name}"', (how,), node.at, faults)
        return None
    found = _listed(values[how], how, faults)
    return Expectation(fact, how, found)


def _listed(node: Node, name: str, faults: list[Fault]) -> tuple[Text, ...]:
    """One text or a list, which may be empty."""
    if isinstance(node, Sequence):
        return shapes.lines(node, name, faults, may_be_empty=True)
    return shapes.one_or_more(node, name, faults)


def _count(fact: Text, node: Node, faults: list[Fault]) -> Expectation | None:
    found = shapes.line(node, fact.value, faults)
    if found is None:
        return None
    if not _COUNT.fullmatch(found.value):
        message = f'"{fact.value}" is counted, and "{found.value}" is no number'
        faults.append(Fault(found.at, "E231", message, "write e.g. 0, 1, 2"))
        return None
    return Expectation(fact, "is", (found,))
