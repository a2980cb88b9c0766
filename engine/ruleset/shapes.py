"""Nodes into the simple things that rules are made of: one text, a list of texts, true or false, keys with values.

Called by `schema`, `clauses` and `hours`. Each function reports what is wrong in a lead's words to the list it is
given and returns what can be used all the same, or None, so that everything in a file is looked at in one pass.
"""

import difflib
import re
from collections.abc import Iterable
from collections.abc import Mapping as Map
from datetime import timedelta
from typing import assert_never

from engine.core import durations
from engine.core import text as folding
from engine.ruleset import guesses
from engine.ruleset.reader import Mapping, Node, Scalar, Sequence
from engine.ruleset.syntax import Fault, Place, Text

# What YAML 1.1 reads as true or false, and people write for it.
_MEANT_BOOLEAN = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "1": "true",
    "no": "false",
    "off": "false",
    "n": "false",
    "0": "false",
}
_SIMPLE = re.compile(r"[\w][\w .+-]*")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one, whatever the case of their letters; None when none does."""
    by_folded = {candidate.casefold(): candidate for candidate in sorted(known, reverse=True)}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """The advice "did you mean …?"; empty when no known name looks like this one."""
    close = closest(name, known)
    return _did_you_mean(close) if close else ""


def _did_you_mean(name: str) -> str:
    return f'did you mean "{name}"?'


def text(node: Node, name: str, faults: list[Fault]) -> Text | None:
    """One text that is not empty; `name` is the key it belongs to."""
    if not isinstance(node, Scalar):
        hint = "leave out the brackets and dashes, and keep one"
        if isinstance(node, Mapping):
            hint = 'put quotes around the whole text: without them ": " makes a key of it'
        faults.append(_misshapen(node, name, "one text", hint))
        return None
    if not node.value.strip():
        faults.append(empty(node, name))
        return None
    return Text(node.value, node.at)


def line(node: Node, name: str, faults: list[Fault]) -> Text | None:
    """One text on one line; blanks around it are dropped."""
    found = text(node, name, faults)
    if found is None:
        return None
    value = found.value.strip()
    if "\n" in value:
        faults.append(
            Fault(found.at, "E132", f'"{name}" wants one line, not several', 'write it on one line, or use ">-"')
        )
        return None
    return found if value == found.value else Text(value, found.at)


def lines(node: Node, name: str, faults: list[Fault], *, may_be_empty: bool = False) -> tuple[Text, ...]:
    """A list of one-line texts."""
    return tuple(
        found for item in _items(node, name, faults, may_be_empty=may_be_empty) if (found := line(item, name, faults))
    )


def texts(node: Node, name: str, faults: list[Fault]) -> tuple[Text, ...]:
    """A list of texts, each of one line or more; an empty list is fine."""
    items = _items(node, name, faults, may_be_empty=True)
    return tuple(found for item in items if (found := text(item, name, faults)))


def one_or_more(node: Node, name: str, faults: list[Fault]) -> tuple[Text, ...]:
    """One text or a list of them."""
    if isinstance(node, Scalar):
        found = line(node, name, faults)
        return (found,) if found else ()
    return lines(node, name, faults)


def flag(node: Node, name: str, faults: list[Fault]) -> bool | None:
    """True or false, written exactly so."""
    found = text(node, name, faults)
    if found is None:
        return None
    if found.value in {"true", "false"}:
        return found.value == "true"
    folded = found.value.casefold()
    meant = folded if folded in {"true", "false"} else _MEANT_BOOLEAN.get(folded)
    hint = f"write {meant}" if meant else "write true or false"
    faults.append(Fault(found.at, "E137", f'"{name}" is either true or false, not "{found.value}"', hint))
    return None


def word(node: Node, name: str, known: Iterable[str], code: str, faults: list[Fault]) -> Text | None:
    """One of a few words; any other is a fault with that code."""
    found = line(node, name, faults)
    return found if found and known_word(found, name, known, code, faults) else None


def known_word(found: Text, name: str, known: Iterable[str], code: str, faults: list[Fault]) -> bool:
    """Whether a text is one of a few words; if not, that is reported."""
    known = tuple(known)
    if found.value in known:
        return True
    hint = suggest(found.value, known) or f"write one of: {', '.join(known)}"
    faults.append(Fault(found.at, code, f'"{name}" cannot be "{found.value}"', hint))
    return False


def name(key: Scalar, form: re.Pattern[str], what: str, signs: str, faults: list[Fault], *, joint: str = "-") -> Text:
    """A name that something is defined by; one with other signs than those of its kind is reported. `joint` is what
    such names have in the place of a blank.
    """
    if not form.fullmatch(key.value):
        # Of an accented letter the plain one is left.
        plain = "".join(map(folding.fold, key.value))
        meant = re.sub(r"[^a-z0-9]+", joint, plain).strip("-_")
        hint = _did_you_mean(meant) if form.fullmatch(meant) else f"use {signs}"
        faults.append(Fault(key.at, "E139", f'{what} is made of {signs}, unlike "{key.value}"', hint))
    return Text(key.value, key.at)


def span(node: Node, name: str, faults: list[Fault]) -> timedelta | None:
    """A span of time such as 30m, longer than nothing."""
    found = line(node, name, faults)
    if found is None:
        return None
    parsed = durations.parse(found.value)
    if parsed:
        return parsed
    hint = f'did you mean "{found.value}h"?' if found.value.isdecimal() and parsed is None else "write e.g. 30m, 4h, 2d"
    faults.append(Fault(found.at, "E156", f'"{name}" wants a span of time, not "{found.value}"', hint))
    return None


def sequence(node: Node, name: str, wanted: str, faults: list[Fault]) -> tuple[Node, ...]:
    """The items of a list of whatever; `wanted` says of what."""
    if isinstance(node, Sequence) and node.items:
        return node.items
    if isinstance(node, Sequence) or (isinstance(node, Scalar) and not node.value):
        faults.append(empty(node, name))
    else:
        faults.append(_misshapen(node, name, wanted, "put a dash before each"))
    return ()


def mapping(node: Node, name: str, wanted: str, faults: list[Fault]) -> Mapping | None:
    """Keys with values; `wanted` says which."""
    if isinstance(node, Mapping):
        return node
    if isinstance(node, Scalar) and not node.value:
        faults.append(empty(node, name))
    else:
        hint = "leave out the dash" if isinstance(node, Sequence) else ""
        faults.append(_misshapen(node, name, wanted, hint))
    return None


def fields(found: Mapping, what: str, known: Iterable[str], faults: list[Fault]) -> Map[str, Node]:
    """The values of the keys that are known; any other key is a fault."""
    known = tuple(known)
    written = {key.value for key, _ in found.entries}
    values: dict[str, Node] = {}
    for key, value in found.entries:
        if key.value in known:
            values[key.value] = value
        else:
            close = closest(key.value, known)
            hint = _did_you_mean(close) if close else f"known are: {', '.join(known)}"
            faults.append(Fault(key.at, "E131", f'{what} has no "{key.value}"', hint))
            if close and close not in written:
                # What stands there is looked at as it was meant, or a misspelled section would hide all its names.
                values.setdefault(close, value)
    return values


def required(found: Map[str, Node], what: str, keys: Iterable[str], at: Place, faults: list[Fault]) -> None:
    """Reports each of the keys that is not there."""
    faults.extend(
        Fault(at, "E133", f'{what} needs "{key}"', f'add a line "{key}: …"') for key in keys if key not in found
    )


def empty(node: Node, name: str) -> Fault:
    """Nothing where something is wanted."""
    if isinstance(node, Scalar) and not node.quoted:
        return Fault(node.at, "E145", f'no value stands here for "{name}"', "write one, or delete the line")
    return Fault(node.at, "E145", f'"{name}" is empty', "write something between the signs, or delete it")


def _items(node: Node, name: str, faults: list[Fault], *, may_be_empty: bool) -> tuple[Node, ...]:
    if isinstance(node, Sequence) and (node.items or may_be_empty):
        return node.items
    if isinstance(node, Sequence) or (isinstance(node, Scalar) and not node.value):
        faults.append(empty(node, name))
        return ()
    hint = ""
    if isinstance(node, Scalar):
        hint = (
            f"write [{node.value}]"
            if _SIMPLE.fullmatch(node.value) and not guesses.is_guessed(node.value)
            else f'write ["{node.value}"]'
            if '"' not in node.value
            else "put [ ] around it"
        )
    faults.append(_misshapen(node, name, "a list of words", hint))
    return ()


def _misshapen(node: Node, name: str, wanted: str, hint: str) -> Fault:
    match node:
        case Scalar():
            found = "a single text"
        case Sequence():
            found = "a list"
        case Mapping():
            found = "keys with values"
        case _:
            assert_never(node)
    return Fault(node.at, "E132", f'"{name}" wants {wanted}, not {found}', hint)
