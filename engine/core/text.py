"""What a client or a lead typed becomes words and one line that compare equal however they were typed.

Rules and messages go through the same `normalise`, so "Can't", "can`t" and "CANT" are one word on both sides. Called by
the rule-set for every message and every phrase, keyword and pattern; it knows nothing of rules.

Folded: case, accents, compatibility forms (full-width, ligatures), digits of any script to 0-9, apostrophes and
zero-width characters to nothing; white space, controls, dashes, underscores and WhatsApp's marks to one space. Kept in
the line, for patterns: every other character (`+`, `.`, `@`, `?`, emoji). A word is a run of letters and digits.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from engine.core.quotes import clean, clean_line

# What the summary of a message shows at most, in code points.
SENTENCE_LIMIT = 80
# A first sentence is looked for in this many code points, so that 100 kB cost no more than a line.
_SENTENCE_SEARCH = 1000

_APOSTROPHES = frozenset("'\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u00b4\u2032\u2035\u055a\ua78c\uff07")
# WhatsApp's marks for bold, italic, struck and monospaced text, and what joins words without being a letter.
_SEPARATORS = frozenset("*_~`-\u2212")
# Typed for an apostrophe on keyboards that have none nearby: can`t
_BACKTICK = re.compile(r"(?<=[^\W_])`(?=[^\W_])")

# Signs that spell a vowel, which a word cannot lose; every other mark is an accent or a style. They stand in the blocks
# of South and South-East Asian scripts and are told from accents by their combining class (Unicode 16, section 4.3).
_VOWEL_SIGNS = frozenset(
    chr(code)
    for code in chain(range(0x0900, 0x1D00), range(0xA800, 0xAC00), range(0x11000, 0x12000))
    if unicodedata.category(chr(code)) in {"Mn", "Mc"} and not unicodedata.combining(chr(code))
)
_WORD = re.compile(f"(?:[^\\W_]|[{''.join(sorted(_VOWEL_SIGNS))}])+")
# The same where no vowel sign can stand, without and with apostrophes.
_LETTERS = re.compile(r"[^\W_]+")
_TYPED_WORD = re.compile(r"[^\W_]+(?:'+[^\W_]+)*")
# A character of a word that is not ASCII.
FOREIGN_LETTER = re.compile(f"[^\\W_\x00-\x7f]|[{''.join(sorted(_VOWEL_SIGNS))}]")
_SENTENCE_END = re.compile(r"[.!?\u2026\u061f\u0964][\"'\u201d\u2019)]*(?=\s)|\u3002|(?=\n)")


def is_apostrophe(character: str) -> bool:
    """Whether a character stands for an apostrophe, which `normalise` takes out of words."""
    return character in _APOSTROPHES


# Bounded: a hostile client could otherwise fill the memory with every character there is.
@lru_cache(maxsize=4096)
def fold(character: str) -> str:
    """What one character becomes in a line: itself or its plain form, one space, or nothing."""
    if character in _APOSTROPHES:
        return ""
    folded = character
    while (again := unicodedata.normalize("NFKD", folded).casefold()) != folded:
        folded = again
    return "".join(map(_fold_piece, folded))


def _fold_piece(piece: str) -> str:
    category = unicodedata.category(piece)
    if piece in _APOSTROPHES or category == "Cf" or (category.startswith("M") and piece not in _VOWEL_SIGNS):
        return ""
    if piece in _SEPARATORS or category in {"Zs", "Zl", "Zp", "Cc", "Cs", "Cn", "Pc", "Pd"}:
        return " "
    return str(unicodedata.decimal(piece)) if category == "Nd" else piece


# The characters of most messages: ASCII, Latin and Cyrillic letters, typographic quotes, emoji. Those of them that fold
# to one character (apostrophes: to one that is taken out later) keep every offset, and need no loop.
_COMMON = {
    code: "'" if is_apostrophe(chr(code)) else folded
    for code in chain(
        range(0x180), range(0x400, 0x460), range(0x2010, 0x2040), range(0x1F300, 0x1F700), range(0x1F900, 0x1FA00)
    )
    if len(folded := fold(chr(code))) == 1 or is_apostrophe(chr(code))
}
_ONLY_COMMON = re.compile(f"[{re.escape(''.join(map(chr, _COMMON)))}]*")

# ASCII as bytes, which fold ten times as fast as characters: the bytes of a line, then what of them is no word. Bytes
# of other characters stay in a line and end a word, which is right for signs that fold to themselves, such as emoji.
_ASCII = bytes(ord(fold(chr(code)) or "'") for code in range(128)) + bytes(range(128, 256))
_ASCII_WORDS = bytes(code if bytes([code]).isalnum() else ord(" ") for code in range(256))
# The bytes of words with apostrophes left in, so that every word keeps its place.
_ASCII_TYPED = bytes(code if bytes([code]).isalnum() or code == ord("'") else ord(" ") for code in range(256))
_SIGNS = "".join(sign for sign in map(chr, _COMMON) if not sign.isascii() and not sign.isalnum() and fold(sign) == sign)
_ONLY_SIGNS = re.compile(f"[\x00-\x7f{re.escape(_SIGNS)}]*")
# What phones write for an apostrophe, and what makes an emoji colourful: they need no loop either.
_TYPOGRAPHY = (("\u2019", "'"), ("\u2018", "'"), ("\ufe0f", ""))


class Normal(NamedTuple):
    """A text in the form in which texts are compared."""

    original: str
    # In order; letters and digits only.
    words: tuple[str, ...]
    # One line for patterns: words, kept characters and single spaces, none at either end.
    line: str


@dataclass(frozen=True, slots=True)
class Origins:
    """For each character of a normal line the range in the original that it stands for."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original half-open range of a range of the line; an empty range is where its next character begins."""
        if start < end:
            return self.starts[start], self.ends[end - 1]
        at = self.starts[start] if start < len(self.starts) else max(self.ends, default=0)
        return at, at


def normalise(original: str) -> Normal:
    """The normal form. Linear; common characters take paths without a loop over them, with the same result."""
    plain = _forgive_backticks(original)
    if not plain.isascii():
        for typed, simple in _TYPOGRAPHY:
            plain = plain.replace(typed, simple)
    if plain.isascii() or _ONLY_SIGNS.fullmatch(plain):
        folded = plain.encode().translate(_ASCII, b"'")
        found = folded.translate(_ASCII_WORDS).decode().split()
        return Normal(original, tuple(found), " ".join(folded.decode().split()))
    if not _ONLY_COMMON.fullmatch(original):
        return _normalise_any(original)
    letters = _forgive_backticks(original).translate(_COMMON).replace("'", "")
    return Normal(original, tuple(_LETTERS.findall(letters)), " ".join(letters.split()))


def spans(normal: Normal) -> tuple[tuple[int, int], ...]:
    """For each word its half-open range in the original, in code points; made only when a word is shown. Linear."""
    original = normal.original
    if original.isascii():
        return tuple(_spans_ascii(original))
    if _ONLY_COMMON.fullmatch(original):
        folded = _forgive_backticks(original).translate(_COMMON)
        return tuple([match.span() for match in _TYPED_WORD.finditer(folded)])
    return _spans_any(original)


def origins(normal: Normal) -> Origins:
    """Where each character of the line comes from; made only when a pattern's match is shown. Linear."""
    _, starts, ends = _fold_text(normal.original)
    return Origins(tuple(starts), tuple(ends))


def words(text: str) -> tuple[str, ...]:
    """The words of a phrase, as `normalise` cuts them."""
    return normalise(text).words


def first_sentence(text: str) -> str:
    """The first sentence on one line, cut with an ellipsis when it is long; empty when nothing is written."""
    shown = clean(text.lstrip()[:_SENTENCE_SEARCH]).strip()
    end = _SENTENCE_END.search(shown)
    return clean_line(shown[: end.end()] if end else shown, SENTENCE_LIMIT)


def _normalise_any(original: str) -> Normal:
    line = "".join(_fold_text(original)[0])
    return Normal(original, tuple(_WORD.findall(line)), line)


def _spans_ascii(original: str) -> list[tuple[int, int]]:
    # What ends a word is one byte, so the pieces between tell their own places: half the time of an expression.
    found: list[tuple[int, int]] = []
    start = 0
    for piece in _forgive_backticks(original).encode().translate(_ASCII_TYPED).split(b" "):
        typed = piece.lstrip(b"'")
        if bare := typed.rstrip(b"'"):
            begin = start + len(piece) - len(typed)
            found.append((begin, begin + len(bare)))
        start += len(piece) + 1
    return found


def _spans_any(original: str) -> tuple[tuple[int, int], ...]:
    characters, starts, ends = _fold_text(original)
    found = [match.span() for match in _WORD.finditer("".join(characters))]
    return tuple([(starts[start], ends[end - 1]) for start, end in found])


def _fold_text(original: str) -> tuple[Sequence[str], Sequence[int], Sequence[int]]:
    """The characters of the line, and the half-open original range of each."""
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(_forgive_backticks(original)):
        folded = fold(character)
        for piece in folded:
            if piece != " " or (characters and characters[-1] != " "):
                characters.append(piece)
                starts.append(index)
                ends.append(index + 1)
        if not folded and ends and ends[-1] == index and unicodedata.category(character).startswith("M"):
            # An accent belongs to the letter it stands on, so that the letter is quoted with it.
            ends[-1] = index + 1
    if characters and characters[-1] == " ":
        del characters[-1], starts[-1], ends[-1]
    return characters, starts, ends


def _forgive_backticks(original: str) -> str:
    return _BACKTICK.sub("'", original) if "`" in original else original
