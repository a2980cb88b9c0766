"""What other YAML programs make of a value without quotes, where the engine reads a text and that text cannot be right.

Called by `schema`, `outcomes`, `clauses`, `hours` and `checker` beside their own checks. Where the text is fine as it
stands (`NO` for Norway, `22:30` in a list of words) nothing is said: nothing was guessed.
"""

import re
from collections.abc import Iterable

from engine.ruleset.reader import Node, Scalar
from engine.ruleset.syntax import Fault, Text

# What YAML 1.1 takes for true or false, in any case of the letters.
_TRUE = frozenset({"true", "yes", "on", "y"})
_FALSE = frozenset({"false", "no", "off", "n"})
# What each key wants, and what is meant by a yes and by a no.
_WANTED = {
    "ack": ("the name of a template", "write default", "write none"),
    "channel": (
        "the name of a channel",
        "leave the line out",
        'leave the line out; for no post write "escalate: false"',
    ),
    "mention": ('a name such as "@oncall"', "leave the line out", "leave the line out"),
    "status": ("live or shadow", "write live", 'write "enabled: false", with a reason'),
    "when": ("a condition", 'write "when: always", only in the last rule', 'write "enabled: false", with a reason'),
    "follow_up": ("keys with values", "write {then: append}", "write {then: new}"),
    "holidays": ("a country", "write two capital letters, e.g. KE", 'for Norway write "NO"'),
    "country": ("a country", "write two capital letters, e.g. KE", 'for Norway write "NO"'),
    "mattermost": ("a name in Mattermost", "leave the line out", "leave the line out"),
}
# The keys where NO is Norway.
_COUNTRIES = frozenset({"holidays", "country"})
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_TIMES = re.compile(r"(?P<start>\d\d?:\d\d)(?:\s?-\s?(?P<end>\d\d?:\d\d))?", re.ASCII)
_MINUTES = re.compile(r"\d{1,4}", re.ASCII)
_PHONE_SIGNS = re.compile(r"[\s().\u2010-\u2015-]+")
_PLAIN_DIGITS = re.compile(r"[1-9]\d{6,14}", re.ASCII)
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+", re.ASCII)
# A number with a country code has at least so many digits wherever mobile phones are many.
_WITH_COUNTRY = 11


def is_guessed(value: str) -> bool:
    """Whether other programs take this text for a number, a time or a truth value when it has no quotes."""
    return value.casefold() in _TRUE | _FALSE or bool(_NUMBER.fullmatch(value) or _TIMES.fullmatch(value))


def switch(node: Node, name: str, faults: list[Fault]) -> bool:
    """Whether a yes or no stands where a key wants a word; that is reported. Between quotes it is a word."""
    if not isinstance(node, Scalar) or node.quoted or name not in _WANTED:
        return False
    folded = node.value.casefold()
    if folded not in _TRUE | _FALSE or (name in _COUNTRIES and node.value == "NO"):
        return False
    wanted, yes, no = _WANTED[name]
    message = f'"{name}" wants {wanted}, not a yes or no such as "{node.value}"'
    faults.append(Fault(node.at, "E180", message, yes if folded in _TRUE else no))
    return True


def time_without_days(line: Text) -> Fault | None:
    """The fault of hours that say no days, or that another program has made a number of minutes of."""
    found = _TIMES.fullmatch(line.value)
    if found and found["end"]:
        start, end = (f"{time:0>5}" for time in (found["start"], found["end"]))
        return Fault(line.at, "E181", f'"{line.value}" says no days', f'write "Mon-Sun {start}-{end}"')
    if found:
        hint = f'write from when to when, e.g. "Mon-Fri {found["start"]:0>5}-23:00"'
        return Fault(line.at, "E181", f'"{line.value}" is one time without days', hint)
    if _MINUTES.fullmatch(line.value):
        hour, minute = divmod(int(line.value), 60)
        message = f'"{line.value}" is a number, which is what other programs make of {hour:02}:{minute:02}'
        return Fault(line.at, "E181", message, 'write days and hours between quotes, e.g. "Mon-Fri 08:00-17:30"')
    return None


def time_of_day(written: Text) -> Fault | None:
    """The fault of a time of day that lacks its zero, or that another program has made a number of minutes of."""
    if (found := _TIMES.fullmatch(written.value)) and not found["end"] and found["start"] != written.value.zfill(5):
        return Fault(written.at, "E261", f'"{written.value}" is no time of day', f'write "{found["start"]:0>5}"')
    if _MINUTES.fullmatch(written.value):
        hour, minute = divmod(int(written.value), 60)
        message = f'"{written.value}" is a number, which is what other programs make of {hour:02}:{minute:02}'
        return Fault(written.at, "E261", message, f'write "{hour:02}:{minute:02}", between quotes')
    return None


def phone(number: Text, form: re.Pattern[str]) -> Fault:
    """The fault of a number that does not have the international form, with the text to type where it is plain."""
    if _ROUNDED.fullmatch(number.value):
        message = "another program has rounded this number, and its last digits are lost"
        return Fault(number.at, "E182", message, "look it up, and write it between quotes")
    plain = _PHONE_SIGNS.sub("", number.value)
    if _PLAIN_DIGITS.fullmatch(plain):
        hint = f'write "+{plain}"' if len(plain) >= _WITH_COUNTRY else 'write it between quotes, as in "+254700000001"'
        return Fault(number.at, "E182", "the + and perhaps the country code are missing", hint)
    plain = re.sub(r"\A00", "+", plain)
    hint = f'write "{plain}"' if form.fullmatch(plain) else "write it with + and the country code, without blanks"
    return Fault(number.at, "E144", "this is no phone number in the international form", hint)


def same_number(name: Text, known: Iterable[str]) -> Fault | None:
    """The fault of a name that is another one without the zeros at its end: 3.1 for 3.10."""
    for other in known:
        if _NUMBER.fullmatch(name.value) and _NUMBER.fullmatch(other) and float(other) == float(name.value):
            message = f'"{name.value}" and "{other}" are two names here, and one number to other programs'
            return Fault(name.at, "E183", message, f'write "{other}", between quotes')
    return None
