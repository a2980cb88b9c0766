r"""A pattern as a lead wrote it becomes two expressions that RE2 runs in linear time with Unicode's word boundaries.

RE2 knows only ASCII words: its `\b` stands between the letters of "звонок". So a line of another script is *boxed*
before it is searched, each letter in a pair of underscores ("_з__в_"), which RE2 takes for word characters. A normal
line holds no underscore of its own (see `core.text`), so a box cannot be mistaken, and an expression that reads boxes
only as a whole meets `\b` exactly at the edges of words. Lines of ASCII letters take the `plain` expression as it is.

The literal characters are folded as messages are: "café" finds "cafe", "can't" finds "cant", "wi-fi" finds "wi fi".
Called by `patterns`, after RE2 has accepted the syntax; knows nothing of RE2's library.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from engine.core import text
from engine.ruleset import literals
from engine.ruleset.literals import ANYTHING, NOTHING, Literals

# Ranges of other scripts up to this size are folded letter by letter; larger ones stand as they are written.
_FOLDED_RANGE = 1024
# Of a class with more members no text is made.
_FEW = 10
_BOXED_ANY = r"_[^_]_"
# Any one character of a boxed line.
ANY = f"(?s:[^_]|{_BOXED_ANY})"

_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??")
_OPTIONAL = re.compile(r"[*?]|\{0[,}]")
_NAMED = re.compile(r"\(\?P?<(?P<name>[^>]*)>")
_FLAGS = re.compile(r"\(\?[a-zA-Z-]*[:)]")
_PROPERTY = re.compile(r"\\(?P<sign>[pP])(?:\{(?P<inverse>\^?)(?P<name>[^}]*)\}|(?P<letter>.))")
_POSIX = re.compile(r"\[:(?P<inverse>\^?)(?P<name>[a-z]+):\]")
_CODE = re.compile(r"\\x\{(?P<braced>[0-9A-Fa-f]+)\}|\\x(?P<two>[0-9A-Fa-f]{2})|\\(?P<octal>[0-7]{1,3})")
_CONTROLS = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_ZERO_WIDTH_ESCAPES = frozenset("bBAz")

# What each of Perl's classes adds to a class: outside boxes, without the underscore, and inside them.
_PERL = {
    "d": ("0-9", ""),
    "D": (r"\x00-/:-^`-\x{10FFFF}", r"\x{80}-\x{10FFFF}"),
    "w": ("0-9A-Za-z", r"\x{80}-\x{10FFFF}"),
    "W": (r"\x00-/:-@\[-^`{-\x{10FFFF}", ""),
    "s": (r"\s", ""),
    "S": (r"!-^`-\x{10FFFF}", r"\x{80}-\x{10FFFF}"),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A pattern ready for RE2, which must not tell upper from lower case."""

    # For lines whose letters are all ASCII.
    plain: str
    # For boxed lines; reads whole boxes only.
    boxed: str
    # The name of each capturing group of both expressions, in order; one name may stand in several alternatives.
    groups: tuple[str, ...]
    # It can match without a single character.
    matches_empty: bool
    # Of each set at least one text stands in every normal line that matches.
    required: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that RE2 or the engine does not run."""

    # 0-based range in the pattern.
    start: int
    end: int
    # lookaround, backreference, group name, byte, or atomic
    kind: str


@dataclass(frozen=True, slots=True)
class _Piece:
    plain: str
    boxed: str
    literals: Literals = ANYTHING
    matches_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Members:
    """What one item of a character class adds."""

    # As RE2 lists it, for lines of ASCII letters.
    plain: str = ""
    # The same without the underscore, for characters outside boxes.
    bare: str = ""
    # An expression of its own where a class cannot say "but no underscore".
    alternative: str = ""
    # For letters in boxes.
    boxed: str = ""
    # The characters of normal lines that it adds, where they are few.
    few: tuple[str, ...] = ()


_REFUSED = re.compile(
    r"""(?P<skip> \\Q.*?(?:\\E|$) | \[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\] )
    | (?P<lookaround> \(\?<?[=!] )
    | (?P<atomic> \(\?> | [*+?]\+ )
    | (?P<backreference> \\[1-9](?![0-7]) | \\k[<{'] | \(\?P=[^)]*\)? )
    | (?P<byte> \\C )
    | (?P<escape> \\. )
    """,
    re.VERBOSE | re.DOTALL,
)
_GROUP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def refusals(pattern: str) -> tuple[Refusal, ...]:
    """Everything in the pattern that other dialects have and this one does not, in order."""
    found = [
        Refusal(match.start(), match.end(), match.lastgroup)
        for match in _REFUSED.finditer(pattern)
        if match.lastgroup not in {None, "skip", "escape"} and match.lastgroup
    ]
    found.extend(
        Refusal(match.start(), match.end(), "group name")
        for match in _NAMED.finditer(pattern)
        if not _GROUP_NAME.match(match["name"])
    )
    return tuple(sorted(found, key=lambda refusal: refusal.start))


# A load asks for each expression when it checks, when it compiles and when it tries the examples.
@lru_cache(maxsize=32_768)
def translate(pattern: str) -> Expression:
    """The expressions for a pattern that RE2 accepts and `refusals` finds nothing in."""
    reader = _Reader(pattern)
    body = reader.alternatives()
    boxed = rf"\A{ANY}*?({body.boxed})"
    return Expression(body.plain, boxed, tuple(reader.groups), body.matches_empty, body.literals.required())


def box(line: str) -> str:
    """A normal line with each letter beyond ASCII in its box."""
    return text.FOREIGN_LETTER.sub(r"_\g<0>_", line)


def unboxed(boxed: str, position: int) -> int:
    """The position in the line of a position between boxes."""
    return position - boxed.count("_", 0, position)


class _Reader:
    """Reads a pattern once, from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.groups: list[str] = []

    def alternatives(self) -> _Piece:
        """Up to the closing bracket or the end."""
        branches = [self._sequence()]
        while self._next("|"):
            branches.append(self._sequence())
        return _Piece(
            "|".join(branch.plain for branch in branches),
            "|".join(branch.boxed for branch in branches),
            literals.alternatives([branch.literals for branch in branches]),
            any(branch.matches_empty for branch in branches),
        )

    def _sequence(self) -> _Piece:
        pieces: list[_Piece] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            piece = self._piece()
            quantifier = self._take(_QUANTIFIER)
            if quantifier:
                sign = quantifier.group()
                optional = bool(_OPTIONAL.match(sign))
                held = literals.repeated(piece.literals, sign, optional=optional)
                piece = _Piece(piece.plain + sign, piece.boxed + sign, held, piece.matches_empty or optional)
            elif piece == _GONE or (piece == _SPACE and pieces and pieces[-1] == _SPACE):
                # A normal line never has two spaces in a row: "a - b" is one space there and must be one here.
                continue
            pieces.append(piece)
        return _Piece(
            "".join(piece.plain for piece in pieces),
            "".join(piece.boxed for piece in pieces),
            literals.sequence(piece.literals for piece in pieces),
            all(piece.matches_empty for piece in pieces),
        )

    def _piece(self) -> _Piece:
        character = self.pattern[self.at]
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        self.at += 1
        if character == ".":
            return _Piece(".", f"(?:[^_]|{_BOXED_ANY})")
        if character in "^$":
            return _Piece(character, character, NOTHING, matches_empty=True)
        return _literal(character)

    def _group(self) -> _Piece:
        if flags := self._take(_FLAGS):
            opening = flags.group()
            if opening.endswith(")"):
                return _Piece(opening, opening, NOTHING, matches_empty=True)
        elif named := self._take(_NAMED):
            opening = "("
            self.groups.append(named["name"])
        else:
            self.at += 1
            opening = "(?:"
        inside = self.alternatives()
        self.at += 1
        plain, boxed = f"{opening}{inside.plain})", f"{opening}{inside.boxed})"
        return _Piece(plain, boxed, inside.literals, inside.matches_empty)

    def _escape(self) -> _Piece:
        following = self.pattern[self.at + 1]
        if following == "Q":
            end = self.pattern.find("\\E", self.at)
            quoted = self.pattern[self.at + 2 : end if end >= 0 else None]
            self.at = end + 2 if end >= 0 else len(self.pattern)
            pieces = [_literal(character) for character in quoted]
            plain, boxed = "".join(piece.plain for piece in pieces), "".join(piece.boxed for piece in pieces)
            held = literals.sequence(piece.literals for piece in pieces)
            return _Piece(f"(?:{plain})", f"(?:{boxed})", held)
        if following in _ZERO_WIDTH_ESCAPES:
            self.at += 2
            return _Piece(f"\\{following}", f"\\{following}", NOTHING, matches_empty=True)
        if (members := self._special_members()) is not None:
            return _Piece(f"[{members.plain}]", _any_of([members]))
        return _literal(self._character())

    def _class(self) -> _Piece:
        self.at += 1
        negated = self._next("^")
        members: list[_Members] = []
        apostrophe = False
        first = True
        while first or self.pattern[self.at] != "]":
            first = False
            if (special := self._special_members()) is not None:
                members.append(special)
                continue
            lowest = self._character()
            highest = lowest
            if self.pattern[self.at] == "-" and self.pattern[self.at + 1] != "]":
                self.at += 1
                highest = self._character()
            apostrophe = apostrophe or (lowest == highest and text.is_apostrophe(lowest))
            members.append(_range(lowest, highest))
        self.at += 1
        if negated:
            return _none_of(members)
        members = [member for member in members if member.plain]
        if not members:
            return _Piece("(?:)", "(?:)", NOTHING, matches_empty=True)
        plain, boxed = f"[{''.join(member.plain for member in members)}]", _any_of(members)
        if apostrophe:
            # Messages have lost their apostrophes, so the one that the class asks for may be nothing.
            return _Piece(f"(?:{plain}|)", f"(?:{boxed}|)", ANYTHING, matches_empty=True)
        few = [character for member in members for character in member.few]
        held = literals.one_of(few) if all(member.few for member in members) else ANYTHING
        return _Piece(plain, boxed, held)

    def _special_members(self) -> _Members | None:
        """The members that an escape or a POSIX name adds, or None when a plain character comes next."""
        if posix := self._take(_POSIX):
            opposite = f"[:{'' if posix['inverse'] else '^'}{posix['name']}:]"
            return _Members(posix.group(), "", f"[^{opposite}_]", posix.group() if posix["inverse"] else "")
        if found := self._take(_PROPERTY):
            name = found["name"] or found["letter"]
            inverse = (found["sign"] == "P") != (found["inverse"] == "^")
            this, opposite = (f"\\{sign}{{{name}}}" for sign in ("Pp" if inverse else "pP"))
            return _Members(this, "", f"[^{opposite}_]", this)
        letter = self.pattern[self.at + 1 : self.at + 2]
        if self.pattern[self.at] == "\\" and letter in _PERL:
            self.at += 2
            bare, boxed = _PERL[letter]
            return _Members(f"\\{letter}", bare, "", boxed)
        return None

    def _character(self) -> str:
        """One character, written as itself or escaped."""
        if found := self._take(_CODE):
            return chr(int(found["octal"], 8) if found["octal"] else int(found["braced"] or found["two"], 16))
        if self.pattern[self.at] == "\\":
            self.at += 2
            escaped = self.pattern[self.at - 1]
            return _CONTROLS.get(escaped, escaped)
        self.at += 1
        return self.pattern[self.at - 1]

    def _next(self, character: str) -> bool:
        if self.pattern.startswith(character, self.at):
            self.at += len(character)
            return True
        return False

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        found = expression.match(self.pattern, self.at)
        if found:
            self.at = found.end()
        return found


_SPACE = _Piece(" ", " ", literals.one_of(" "))
# What an apostrophe or a zero-width character becomes.
_GONE = _Piece("(?:)", "(?:)", NOTHING, matches_empty=True)


def _literal(character: str) -> _Piece:
    folded = text.fold(character)
    if not folded:
        return _GONE
    if folded == " ":
        return _SPACE
    plain = "".join(map(_escaped, folded))
    boxed = "".join(f"_{piece}_" if text.FOREIGN_LETTER.match(piece) else _escaped(piece) for piece in folded)
    if len(folded) > 1:
        plain = f"(?:{plain})"
    return _Piece(plain, boxed if boxed == plain else f"(?:{boxed})", literals.one_of([folded]))


def _range(lowest: str, highest: str) -> _Members:
    """The members from one character to another, folded where there are not too many."""
    codes = range(ord(lowest), ord(highest) + 1)
    if lowest.isascii() and highest.isascii() and lowest != highest:
        # Both cases are in it or RE2 adds the other one; only the underscore must go.
        parts = [_written(part) for part in _without_underscore(ord(lowest), ord(highest))]
        written = f"{_code(ord(lowest))}-{_code(ord(highest))}"
        few = tuple(chr(code).lower() for code in codes) if len(codes) <= _FEW else ()
        return _Members(written, "".join(parts), "", "", few)
    if len(codes) > _FOLDED_RANGE:
        written = f"{_code(codes[0])}-{_code(codes[-1])}"
        parts = [_written(part) for part in _without_underscore(codes[0], codes[-1])]
        return _Members(written, "".join(parts), "", written)
    folded = dict.fromkeys(chain.from_iterable(text.fold(chr(code)) for code in codes))
    written = "".join(_code(ord(piece)) for piece in folded)
    return _Members(written, written, "", written, tuple(folded))


def _without_underscore(lowest: int, highest: int) -> Sequence[tuple[int, int]]:
    if not lowest <= ord("_") <= highest:
        return [(lowest, highest)]
    return [part for part in ((lowest, ord("_") - 1), (ord("_") + 1, highest)) if part[0] <= part[1]]


def _written(part: tuple[int, int]) -> str:
    return f"{_code(part[0])}-{_code(part[1])}"


def _code(code: int) -> str:
    return f"\\x{{{code:x}}}"


def _any_of(members: Sequence[_Members]) -> str:
    """One character, bare or boxed, that belongs to one of the members."""
    bare = "".join(member.bare for member in members)
    boxed = "".join(member.boxed for member in members)
    alternatives = [f"[{bare}]"] if bare else []
    alternatives.extend(member.alternative for member in members if member.alternative)
    if boxed:
        alternatives.append(f"_[{boxed}]_")
    return f"(?:{'|'.join(alternatives)})"


def _none_of(members: Sequence[_Members]) -> _Piece:
    """One character, bare or boxed, that belongs to none of the members."""
    plain = "".join(member.plain for member in members)
    # Inside a negated class the underscore is excluded anyway, so properties can stand as they are written.
    bare = "".join(member.bare or member.plain for member in members)
    boxed = "".join(member.boxed for member in members)
    return _Piece(f"[^{plain}_]", f"(?:[^{bare}_]|_[^{boxed}_]_)")


def _escaped(character: str) -> str:
    return character if character.isalnum() or not character.isascii() else f"\\{character}"
