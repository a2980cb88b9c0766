"""What an engineer reacts or writes becomes an action, or the sentence that says what would have been one.

Called by `tidings` for each reply in a thread. A command is the whole message: its words stand at the very beginning,
in plain ASCII letters, however they are capitalised. What is quoted, fenced or torn by something invisible, or spelled
in letters that only look alike, is talk. Talk is an action too (`say`), because it shows that somebody cares. Pure.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine.core import durations
from engine.core.decisions import Priority

# What a reaction to the post of an incident means when it is set, and when it is taken back.
REACTIONS: Final = {"eyes": ("claim", "release"), "white_check_mark": ("resolve", "reopen")}

_SHORTEST = timedelta(minutes=1)
# `workflow` leaves nothing alone for longer.
_LONGEST = timedelta(days=7)
_PRIORITIES: Final = {priority.word: priority for priority in Priority}
# White space of ASCII alone: others can hide.
_BLANKS = " \t\r\n"
_FIRST = re.compile(r"([A-Za-z]+|>>)(?![^ \t\r\n])(.*)", re.DOTALL)
_QUOTATION = re.compile(r"\n[ \t]*>")


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants; the fields are those of an `Action`."""

    kind: str
    span: timedelta | None = None
    priority: Priority | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """It begins like a command and is none."""

    # What would be one, for the thread; nothing in it is the engineer's.
    text: str


def read(message: str) -> Command | Misunderstood:
    """What a reply in an incident's thread asks for; `say` for anything that is no command."""
    found = _FIRST.fullmatch(message.rstrip(_BLANKS))
    command = _COMMANDS.get(found[1].lower()) if found else None
    return command(found[2]) if found and command else Command("say")


def _alone(kind: str) -> Callable[[str], Command]:
    """A word that is a command on its own and a word like any other at the beginning of a sentence."""
    return lambda rest: Command("say" if rest else kind)


def _done(rest: str) -> Command:
    return Command("resolve", text=rest.strip(_BLANKS))


def _snooze(rest: str) -> Command | Misunderstood:
    return _for_a_while("snooze", rest, "snooze 30m")


def _mute(rest: str) -> Command | Misunderstood:
    of_whom, _, span = rest.strip(_BLANKS).partition(" ")
    return _for_a_while("mute", span if of_whom.lower() == "client" else "", "mute client 2h")


def _for_a_while(kind: str, written: str, example: str) -> Command | Misunderstood:
    span = durations.parse(written.strip(_BLANKS).lower())
    if span is None:
        return Misunderstood(f"Nothing was done: for how long? Write e.g. `{example}` and nothing after it.")
    if not _SHORTEST <= span <= _LONGEST:
        shortest, longest = durations.written(_SHORTEST), "7d"
        return Misunderstood(f"Nothing was done: from {shortest} to {longest} can be asked for, e.g. `{example}`.")
    return Command(kind, span=span)


def _priority(rest: str) -> Command | Misunderstood:
    priority = _PRIORITIES.get(rest.strip(_BLANKS).lower())
    if priority is None:
        known = ", ".join(f"`priority {word}`" for word in _PRIORITIES)
        return Misunderstood(f"Nothing was done: which priority? Write one of {known} and nothing after it.")
    return Command("priority", priority=priority)


def _reply(rest: str) -> Command | Misunderstood:
    text = rest.strip(_BLANKS)
    if not text or not rest.startswith(" "):
        return Misunderstood("Nothing was sent: write the words for the client after `>> `, on the same line.")
    if text.startswith(">") or _QUOTATION.search(text):
        # A quotation in a quotation looks the same, and what colleagues said is not for the client.
        return Misunderstood("Nothing was sent: that looks like a quotation. Write `>> ` once, before all of the text.")
    return Command("reply", text=text)


_COMMANDS: Final[dict[str, Callable[[str], Command | Misunderstood]]] = {
    "take": _alone("claim"),
    "drop": _alone("release"),
    "reopen": _alone("reopen"),
    "done": _done,
    "snooze": _snooze,
    "mute": _mute,
    "priority": _priority,
    ">>": _reply,
}
