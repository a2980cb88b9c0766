"""The sections `mentions:` and `policies:`: who is called when nobody takes care of an incident, as values.

Called by `reading`. Like all readers it resolves no names.
"""

import re
from collections.abc import Mapping as Map
from datetime import timedelta

from engine.core.decisions import Priority
from engine.core.ladders import TargetKind
from engine.ruleset import shapes
from engine.ruleset.oncall.syntax import Level, Policy, Target
from engine.ruleset.outcomes import MENTION
from engine.ruleset.reader import Mapping, Node, Scalar
from engine.ruleset.syntax import Fault, Place, Text

POLICY_KEYS = ("levels", "repeat", "nobody", "quiet")
LEVEL_KEYS = ("notify", "wait", "channel")
NOBODY_KEYS = ("notify",)
QUIET_KEYS = ("until", "priorities")
DEFAULT = "default"
PRIORITIES = {priority.word: priority for priority in Priority}
NAMES = (DEFAULT, *PRIORITIES)
# Nobody is called more often than that for one incident.
MOST_REPEATS = 99

_TARGET = re.compile(rf"(?P<kind>{'|'.join(TargetKind)}):(?P<name>\S+)")
# Any one of the mentions that a rule may write.
_MENTION = re.compile(r"@[a-z0-9][a-z0-9._-]*")
_FORMS = '"schedule:…", "person:…", "mention:@…" or "service:…"'


def read_mentions(node: Node, faults: list[Fault]) -> tuple[Text, ...]:
    """Whom policies may mention, each with its at sign."""
    found = shapes.lines(node, "mentions", faults)
    for mention in found:
        if not _MENTION.fullmatch(mention.value):
            hint = 'write it as "@name"'
            faults.append(Fault(mention.at, "E161", f'nobody can be called by "{mention.value}"', hint))
    return found


def read_policy(key: Scalar, node: Node, faults: list[Fault]) -> Policy | None:
    """One policy; None when it lacks what makes it one."""
    if key.value not in NAMES:
        hint = shapes.suggest(key.value, NAMES) or f"write one of: {', '.join(NAMES)}"
        faults.append(Fault(key.at, "E136", f'there is no priority "{key.value}"', hint))
    found = shapes.mapping(node, key.value, "levels and nobody", faults)
    if found is None:
        return None
    values = shapes.fields(found, "a policy", POLICY_KEYS, faults)
    shapes.required(values, f'the policy "{key.value}"', ("levels", "nobody"), key.at, faults)
    items = shapes.sequence(values["levels"], "levels", "a list of levels", faults) if "levels" in values else ()
    mappings = (shapes.mapping(item, "levels", "notify and wait", faults) for item in items)
    levels = tuple(_level(item, faults) for item in mappings if item is not None)
    until, priorities = _quiet(values["quiet"], key.value, faults) if "quiet" in values else (None, None)
    return Policy(
        name=Text(key.value, key.at),
        levels=tuple(level for level in levels if level is not None),
        repeat=_repeat(values["repeat"], faults) if "repeat" in values else 0,
        nobody=_nobody(values["nobody"], faults) if "nobody" in values else (),
        quiet_until=until,
        quiet_for=priorities,
    )


def _level(node: Mapping, faults: list[Fault]) -> Level | None:
    values = shapes.fields(node, "a level", LEVEL_KEYS, faults)
    shapes.required(values, "a level", ("notify", "wait"), node.at, faults)
    targets = _targets(values, faults)
    wait = shapes.span(values["wait"], "wait", faults) if "wait" in values else None
    channel = shapes.line(values["channel"], "channel", faults) if "channel" in values else None
    return Level(targets, wait or timedelta(minutes=1), channel) if targets else None


def _nobody(node: Node, faults: list[Fault]) -> tuple[Target, ...]:
    found = shapes.mapping(node, "nobody", "the key notify", faults)
    if found is None:
        return ()
    values = shapes.fields(found, '"nobody"', NOBODY_KEYS, faults)
    shapes.required(values, '"nobody"', NOBODY_KEYS, found.at, faults)
    targets = _targets(values, faults)
    if targets and all(target.kind is TargetKind.SCHEDULE for target in targets):
        hint = 'add "person:…" or "mention:@oncall"'
        message = '"nobody" is for when a schedule has nobody, so a schedule alone does not help'
        faults.append(Fault(targets[0].text.at, "E267", message, hint))
    return targets


def _repeat(node: Node, faults: list[Fault]) -> int:
    found = shapes.line(node, "repeat", faults)
    if found is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,2}", found.value, re.ASCII):
        message = f'"repeat" is counted, and "{found.value}" is no number up to {MOST_REPEATS}'
        faults.append(Fault(found.at, "E231", message, "write e.g. 0, 1, 2"))
        return 0
    return int(found.value)


def _quiet(node: Node, policy: str, faults: list[Fault]) -> tuple[Target | None, tuple[Priority, ...] | None]:
    found = shapes.mapping(node, "quiet", "the key until", faults)
    if found is None:
        return None, None
    values = shapes.fields(found, '"quiet"', QUIET_KEYS, faults)
    shapes.required(values, '"quiet"', ("until",), found.at, faults)
    line = shapes.line(values["until"], "until", faults) if "until" in values else None
    until = _target(line, faults) if line else None
    if line and until and until.kind is not TargetKind.SCHEDULE:
        faults.append(Fault(line.at, "E267", "quiet hours end with a schedule", 'write "schedule:…"'))
    return until, _held(values, policy, found.at, faults)


def _held(values: Map[str, Node], policy: str, at: Place, faults: list[Fault]) -> tuple[Priority, ...] | None:
    """The priorities that quiet hours hold, where that is said."""
    if "priorities" not in values:
        return None
    if policy != DEFAULT:
        message = f'"priorities" stands only in the policy "{DEFAULT}": this one is for "{policy}" alone'
        faults.append(Fault(at, "E267", message, "leave it out"))
    words = shapes.lines(values["priorities"], "priorities", faults)
    known = (word for word in words if shapes.known_word(word, "priorities", PRIORITIES, "E136", faults))
    return tuple(PRIORITIES[word.value] for word in known)


def _targets(values: Map[str, Node], faults: list[Fault]) -> tuple[Target, ...]:
    lines = shapes.one_or_more(values["notify"], "notify", faults) if "notify" in values else ()
    return tuple(target for line in lines if (target := _target(line, faults)))


def _target(line: Text, faults: list[Fault]) -> Target | None:
    written = _TARGET.fullmatch(line.value)
    kind = TargetKind(written["kind"]) if written else None
    if written is None or kind is None or (kind is TargetKind.MENTION and not _MENTION.fullmatch(written["name"])):
        hint = f"write {_FORMS}"
        if MENTION.fullmatch(line.value):
            hint = f'write "mention:{line.value}"'
        faults.append(Fault(line.at, "E267", f'"{line.value}" is nobody whom a policy can call', hint))
        return None
    return Target(kind, written["name"], line)
