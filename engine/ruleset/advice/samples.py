r"""A pattern into a text that it probably finds: `\berror (?:4\d\d)\b` into "error 455".

Called by `witnesses`, which runs every text before it is shown, so a wrong guess costs a finding its example and
nothing else. It reads patterns that RE2 has accepted. Pure.
"""

import re

# Characters tried for what is only told by what it is not.
_COMMON = "xa1 e5!zk."
_OF_CLASS = {"d": "5", "w": "k", "s": " ", "D": "k", "W": ".", "S": "k"}
_OF_NAME = {"digit": "5", "space": " ", "punct": ".", "N": "5", "Nd": "5", "P": ".", "Z": " ", "L": "k"}
_ZERO_WIDTH = frozenset("bBAzQE")
_FLAGS = re.compile(r"\(\?[a-zA-Z-]*\)")
_OPENING = re.compile(r"\((?:\?P?<[^>]*>|\?[a-zA-Z-]*:)?")
_QUANTIFIER = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<least>\d+)(?:,\d*)?\})\??")
_PROPERTY = re.compile(r"\\(?P<sign>[pP])(?:\{(?P<inverse>\^?)(?P<name>[^}]*)\}|(?P<letter>.))")
_POSIX = re.compile(r"\[:\^?(?P<name>[a-z]+):\]")
_CODE = re.compile(r"\\x\{(?P<braced>[0-9A-Fa-f]+)\}|\\x(?P<two>[0-9A-Fa-f]{2})")
_CONTROLS = {"t": " ", "n": " ", "r": " ", "f": " ", "v": " "}


def sample(pattern: str, attempt: int) -> str:
    """A text for a pattern; each attempt chooses other alternatives, the first one the first of each."""
    return _Writer(pattern, attempt).alternatives()


class _Writer:
    """Reads a pattern once, from left to right, and writes what it reads."""

    def __init__(self, pattern: str, attempt: int) -> None:
        self.pattern = pattern
        self.attempt = attempt
        self.at = 0

    def alternatives(self) -> str:
        """Up to the closing bracket or the end; one of the branches."""
        branches = [self._sequence()]
        while self.pattern[self.at : self.at + 1] == "|":
            self.at += 1
            branches.append(self._sequence())
        return branches[self.attempt % len(branches)]

    def _sequence(self) -> str:
        written: list[str] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            piece = self._piece()
            if quantifier := self._take(_QUANTIFIER):
                least = quantifier["least"]
                times = int(least) if least else 1 if quantifier["sign"] == "+" else self.attempt % 2
                piece *= times
            written.append(piece)
        return "".join(written)

    def _piece(self) -> str:
        character = self.pattern[self.at]
        if self._take(_FLAGS):
            return ""
        if self._take(_OPENING):
            inside = self.alternatives()
            self.at += 1
            return inside
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        self.at += 1
        if character in "^$":
            return ""
        return _COMMON[self.attempt % len(_COMMON)] if character == "." else character

    def _class(self) -> str:
        self.at += 1
        negated = self.pattern[self.at] == "^"
        self.at += negated
        members: list[str] = []
        while not members or self.pattern[self.at] != "]":
            members.append(self._member())
            if self.pattern[self.at] == "-" and self.pattern[self.at + 1] != "]":
                self.at += 1
                last = self._member()
                # The middle of a range is more of a letter or a digit than its edges.
                members.append(chr((ord(members.pop()[:1] or last) + ord(last)) // 2))
        self.at += 1
        if negated:
            others = [character for character in _COMMON if character not in members]
            return others[self.attempt % len(others)] if others else ""
        return members[self.attempt % len(members)]

    def _member(self) -> str:
        if found := self._take(_POSIX):
            return _OF_NAME.get(found["name"], "k")
        if self.pattern[self.at] == "\\":
            return self._escape()
        self.at += 1
        return self.pattern[self.at - 1]

    def _escape(self) -> str:
        if found := self._take(_PROPERTY):
            named = _OF_NAME.get(found["name"] or found["letter"], "k")
            inverse = (found["sign"] == "P") != (found["inverse"] == "^")
            return named if not inverse else "5" if named == "k" else "k"
        if code := self._take(_CODE):
            return chr(int(code["braced"] or code["two"], 16))
        letter = self.pattern[self.at + 1]
        self.at += 2
        if letter in _ZERO_WIDTH:
            return ""
        return _OF_CLASS.get(letter) or _CONTROLS.get(letter, letter)

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        found = expression.match(self.pattern, self.at)
        if found:
            self.at = found.end()
        return found
