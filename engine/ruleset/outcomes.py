"""The keys of a rule that say what follows from it beyond channel, summary and acknowledgement, as values.

Called by `schema` for each rule and for `defaults`. Like all readers it resolves no names.
"""

import re
from collections.abc import Mapping as Map

from engine.ruleset import guesses, shapes
from engine.ruleset.reader import Node
from engine.ruleset.syntax import Fault, FollowUp, Text

STATUSES = ("live", "shadow")
THEN = ("append", "new")
FOLLOW_UP_KEYS = ("within", "then", "ack_again_after")
# One or several of "@name".
MENTION = re.compile(r"@[a-z0-9][a-z0-9._-]*(?: @[a-z0-9][a-z0-9._-]*)*")


def read_mention(values: Map[str, Node], faults: list[Fault]) -> Text | None:
    """`mention: "@network-team"`."""
    if "mention" not in values or guesses.switch(values["mention"], "mention", faults):
        return None
    found = shapes.line(values["mention"], "mention", faults)
    if found and not MENTION.fullmatch(found.value):
        meant = "@" + re.sub(r"[^a-z0-9._-]+", "", found.value.casefold())
        hint = f"did you mean '{meant}'?" if MENTION.fullmatch(meant) else 'write it as "@name"'
        faults.append(Fault(found.at, "E161", f'nobody can be called by "{found.value}"', hint))
    return found


def read_follow_up(values: Map[str, Node], faults: list[Fault]) -> FollowUp | None:
    """`follow_up: {within: 4h, then: append, ack_again_after: 12h}`."""
    if "follow_up" not in values or guesses.switch(values["follow_up"], "follow_up", faults):
        return None
    found = shapes.mapping(values["follow_up"], "follow_up", "within, then and ack_again_after", faults)
    if found is None:
        return None
    if not found.entries:
        faults.append(shapes.empty(found, "follow_up"))
    inner = shapes.fields(found, '"follow_up"', FOLLOW_UP_KEYS, faults)
    return FollowUp(
        within=shapes.span(inner["within"], "within", faults) if "within" in inner else None,
        then=shapes.word(inner["then"], "then", THEN, "E157", faults) if "then" in inner else None,
        ack_again_after=shapes.span(inner["ack_again_after"], "ack_again_after", faults)
        if "ack_again_after" in inner
        else None,
        at=found.at,
    )


def read_shadow(values: Map[str, Node], faults: list[Fault]) -> bool:
    """`status: shadow`; live when nothing is said."""
    if "status" not in values or guesses.switch(values["status"], "status", faults):
        return False
    found = shapes.word(values["status"], "status", STATUSES, "E158", faults)
    return found is not None and found.value == "shadow"


def read_enabled(values: Map[str, Node], faults: list[Fault]) -> tuple[bool, Text | None]:
    """`enabled: false` with its `reason`, without which nobody would know later whether the rule may come back."""
    enabled = shapes.flag(values["enabled"], "enabled", faults) if "enabled" in values else None
    reason = shapes.line(values["reason"], "reason", faults) if "reason" in values else None
    if enabled is False and "reason" not in values:
        hint = 'add a line such as "reason: until the new trunk works"'
        faults.append(Fault(values["enabled"].at, "E159", "a rule that is switched off needs a reason", hint))
    return enabled is not False, reason
