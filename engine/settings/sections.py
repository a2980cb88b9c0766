"""One section of engine.yaml: keys of a mapping into typed values, with a fault for each that does not fit.

`document` asks for every key it knows. An answer that had to be made up because of a fault is only a place-holder: the
settings are refused as soon as one fault was found.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from engine.core import durations
from engine.ruleset.reader import Mapping, Node, Scalar
from engine.ruleset.reader import Sequence as Items
from engine.ruleset.syntax import Fault, Place

UNKNOWN_KEY = "E901"
MISSING = "E902"
SHAPE = "E903"
VALUE = "E904"
NAME = "E906"
ENDING = "W907"
CODES = frozenset({UNKNOWN_KEY, MISSING, SHAPE, VALUE, NAME, ENDING})

_SIZE = re.compile(r"([0-9]{1,12})\s?(|KiB|MiB)", re.ASCII)
_FACTORS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3})?", re.ASCII)
_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of the file, with the name under which messages speak of it; empty for the whole file."""

    name: str
    at: Place
    entries: dict[str, tuple[Scalar, Node]]
    # Shared by all sections of one file.
    faults: list[Fault] = field(repr=False)
    # Something else stands where the mapping should; nothing more is said about its keys then.
    broken: bool = False

    @classmethod
    def of(cls, name: str, node: Node, faults: list[Fault]) -> "Section":
        """The section in `node`."""
        if isinstance(node, Mapping):
            return cls(name, node.at, {key.value: (key, value) for key, value in node.entries}, faults)
        quoted = f'"{name}"' if name else "the file"
        faults.append(Fault(node.at, SHAPE, f"{quoted} must have keys with values, e.g. key: value"))
        return cls(name, node.at, {}, faults, broken=True)

    def part(self, key: str) -> "Section":
        """The section under `key`; one that is absent is empty, so that everything in it has its default."""
        entry = self.entries.get(key)
        return Section(key, self.at, {}, self.faults) if entry is None else Section.of(key, entry[1], self.faults)

    def only(self, *known: str) -> "Section":
        """The same section, after a fault for each key that is not `known`."""
        for name, (key, _) in self.entries.items():
            if name in known:
                continue
            secret = re.search("token|secret|password", name, re.IGNORECASE)
            hint = "take it out: secrets are never in this file" if secret else suggest(name, known)
            self.faults.append(Fault(key.at, UNKNOWN_KEY, f'{self._owner()} has no key "{name}"', hint))
        return self

    def expect(self, *keys: str) -> None:
        """A fault for each key that is absent."""
        for key in keys:
            if not self.broken and key not in self.entries:
                self.faults.append(Fault(self.at, MISSING, f'{self._owner()} lacks the key "{key}"'))

    def fault(self, key: str, code: str, message: str, hint: str = "") -> None:
        """Something is wrong with the value of `key`, or with the section when the key is not there."""
        entry = self.entries.get(key)
        self.faults.append(Fault(entry[1].at if entry else self.at, code, message, hint))

    def key_fault(self, key: str, code: str, message: str, hint: str = "") -> None:
        """Something is wrong with a key itself."""
        self.faults.append(Fault(self.entries[key][0].at, code, message, hint))

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.entries

    def _owner(self) -> str:
        return f'"{self.name}"' if self.name else "engine.yaml"

    def text(self, key: str) -> str | None:
        """The text of a key, None when it is absent or not a text."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        node = entry[1]
        if not isinstance(node, Scalar):
            self.faults.append(Fault(node.at, SHAPE, f'"{key}" must be one value'))
            return None
        if not node.value.strip():
            self.faults.append(Fault(node.at, SHAPE, f'"{key}" has no value', "write one, or leave the key out"))
            return None
        return node.value

    def texts(self, key: str) -> tuple[tuple[str, Place], ...]:
        """The texts of a list, each with its place; none when it is absent."""
        entry = self.entries.get(key)
        if entry is None:
            return ()
        node = entry[1]
        if not isinstance(node, Items) or not all(isinstance(item, Scalar) for item in node.items):
            self.faults.append(Fault(node.at, SHAPE, f'"{key}" must be a list of texts, e.g. [one, two]'))
            return ()
        return tuple((item.value, item.at) for item in node.items if isinstance(item, Scalar))

    def matching(self, key: str, pattern: re.Pattern[str], wanted: str) -> str | None:
        """The text of a key if it has the form that `wanted` describes."""
        text = self.text(key)
        if text is not None and pattern.fullmatch(text) is None:
            self.fault(key, VALUE, f'"{key}" must be {wanted}')
            return None
        return text

    def choice(self, key: str, words: Sequence[str], default: str) -> str:
        """One of a few words."""
        text = self.text(key)
        if text is None or text in words:
            return text or default
        self.fault(key, VALUE, f'"{key}" is one of {", ".join(words)}', suggest(text, words))
        return default

    def switch(self, key: str, *, default: bool) -> bool:
        """On or off."""
        text = self.text(key)
        if text is None:
            return default
        state = _SWITCH.get(text.lower())
        if state is None:
            self.fault(key, VALUE, f'"{key}" is on or off')
            return default
        return state

    def span(self, key: str, default: timedelta) -> timedelta:
        """A length of time."""
        text = self.text(key)
        if text is None:
            return default
        found = durations.parse(text)
        if found is None:
            hint = f'did you mean "{text}s"?' if text.isdecimal() else ""
            self.fault(key, VALUE, f'"{key}" is a length of time such as 90s, 5m, 4h or 30d', hint)
            return default
        return found

    def count(self, key: str, default: int) -> int:
        """A whole number, at least 1."""
        return int(self._number(key, re.compile(r"[0-9]{1,9}", re.ASCII), default, "a whole number, at least 1"))

    def rate(self, key: str, default: float) -> float:
        """A number above 0."""
        return self._number(key, _NUMBER, default, "a number above 0")

    def _number(self, key: str, form: re.Pattern[str], default: float, wanted: str) -> float:
        text = self.text(key)
        if text is None:
            return default
        if form.fullmatch(text) is None or float(text) <= 0:
            self.fault(key, VALUE, f'"{key}" is {wanted}')
            return default
        return float(text)

    def size(self, key: str, default: int) -> int:
        """A number of bytes."""
        text = self.text(key)
        if text is None:
            return default
        found = _SIZE.fullmatch(text)
        if found is None or int(found[1]) == 0:
            self.fault(key, VALUE, f'"{key}" is a size such as 3145728, 512 KiB or 3 MiB')
            return default
        return int(found[1]) * _FACTORS[found[2]]

    def url(self, key: str) -> str | None:
        """A web address without the slash at its end."""
        text = self.text(key)
        if text is None:
            return None
        problem = _url_problem(text)
        if problem:
            self.fault(key, VALUE, f'"{key}" {problem}')
            return None
        return text.rstrip("/")

    def folder(self, key: str, base: Path) -> Path:
        """A folder, relative to the one of engine.yaml; its own name is the default."""
        return base / Path(self.text(key) or key)


def suggest(word: str, known: Sequence[str]) -> str:
    """The hint for a word that is not known: the one that it begins or nearly is, else all of them."""
    begun = [one for one in known if word and one.startswith(word.lower())]
    near = begun if len(begun) == 1 else difflib.get_close_matches(word.lower(), known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"


def _url_problem(text: str) -> str:
    wanted = "must be a web address such as https://chat.example.org"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return wanted
    if parts.scheme not in {"http", "https"} or not host or any(sign.isspace() for sign in text):
        return wanted
    if parts.username is not None or parts.password is not None:
        return "must not hold a name or a password: secrets are never in this file"
    if parts.query or parts.fragment:
        return "must end before ? and #"
    return ""
