"""A finding in a file that a support lead wrote, in the shape that editors know from the language server protocol."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

# A line that takes more columns than this is cut around what a finding marks.
_WIDEST = 120
# How many characters are left before the mark in a line that is cut.
_LEAD = 30
_CUT = "…"
# Emoji and the signs that follow one: joined by U+200D they are one picture, and only there it is no riddle.
_EMOJI = "\u203c-\u3299\U0001f000-\U0001faff"
_JOINER = re.compile(f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])")


class Severity(StrEnum):
    """An error keeps the rules from being used; a warning does not, unless `--strict` is asked for."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to a finding, e.g. the first definition of a name."""

    path: str
    # 1-based.
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding at one place."""

    # As the user named the directory, with the file's path below it.
    path: str
    # 1-based; 0 when the finding is about the whole file.
    line: int
    # 1-based, in code points.
    column: int
    # How many characters the caret span covers; at least 1.
    length: int
    severity: Severity
    # Stable, e.g. "E112"; `engine help E112` explains it.
    code: str
    # A sentence in the lead's words.
    message: str
    # The line as it stands in the file, without its line end; empty for the whole file.
    source: str = ""
    # What to type or do, e.g. 'did you mean "support-voip"?'; empty when there is no good advice.
    hint: str = ""
    related: tuple[Related, ...] = ()


def order(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """The order in which findings are shown: by place, then code."""
    return (diagnostic.path, diagnostic.line, diagnostic.column, diagnostic.code, diagnostic.message)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The quoted line as a terminal shows it, and where its mark stands below it."""

    text: str
    # Columns of the terminal: blanks before the carets, and how many carets.
    indent: int
    carets: int


def excerpt(diagnostic: Diagnostic) -> Excerpt:
    """The quoted line of a finding that has one; a long line is cut around the mark."""
    source = diagnostic.source
    start = min(diagnostic.column - 1, len(source))
    end = min(start + diagnostic.length, len(source))
    first, last = _window(source, start, end)
    shown = _shown(source[first:last])
    before, after = _CUT if first else "", _CUT if last < len(source) else ""
    indent = width(before + shown[: start - first])
    marked = width(before + shown[: max(end, start) - first]) - indent
    return Excerpt(f"{before}{shown}{after}", indent, max(1, marked))


def render(diagnostic: Diagnostic) -> str:
    """The finding as plain text: place, code and sentence, then the quoted line with a caret span and the advice."""
    place = f"{diagnostic.path}:{diagnostic.line}:{diagnostic.column}" if diagnostic.line else diagnostic.path
    lines = [f"{place}  {diagnostic.severity}  {diagnostic.code}  {diagnostic.message}"]
    if diagnostic.source:
        quoted = excerpt(diagnostic)
        number = f"{diagnostic.line:>5}"
        advice = f" {diagnostic.hint}" if diagnostic.hint else ""
        lines.append(f"{number} | {quoted.text}")
        lines.append(f"{' ' * len(number)} | {' ' * quoted.indent}{'^' * quoted.carets}{advice}")
    elif diagnostic.hint:
        lines.append(f"      {diagnostic.hint}")
    lines.extend(f"      {also.path}:{also.line}: {also.message}" for also in diagnostic.related)
    # A name in a sentence may hold what a terminal would obey.
    return "\n".join(map(_shown, lines))


def _window(source: str, start: int, end: int) -> tuple[int, int]:
    """Which part of the line is shown, half-open: all of it, or as much around the mark as fits."""
    if len(source) <= _WIDEST and width(_shown(source)) <= _WIDEST:
        return 0, len(source)
    room = _WIDEST - len(_CUT) * 2
    # The beginning of the line says which key it is, so it stays where the mark is in sight of it.
    first = 0 if end <= _WIDEST and width(_shown(source[:end])) <= room else max(0, start - _LEAD)
    while 0 < first < start and not width(source[first]):
        first += 1
    last = first
    taken = 0
    while last < len(source) and taken <= room:
        taken = width(_shown(source[first : last + 1]))
        last += taken <= room
    return first, last


def _shown(source: str) -> str:
    """The line as a terminal may show it: a tab as one blank, whatever else is invisible as U+FFFD."""
    if source.isascii() and source.isprintable():
        return source
    joiners = {found.start() for found in _JOINER.finditer(source)}
    return "".join(
        " " if char == "\t" else char if char.isprintable() or at in joiners else "\ufffd"
        for at, char in enumerate(source)
    )


def width(text: str) -> int:
    """How many columns of a terminal the text takes.

    Ideographs and most emoji take two, marks that combine none; a skin tone after an emoji and what U+200D joins to it
    are a part of its picture, and of the two letters of a flag each is one half.
    """
    if text.isascii():
        return len(text)
    total = 0
    previous = ""
    for char in text:
        if char == "\ufe0f":
            # Asks for the colourful form of a sign, which is twice as wide.
            taken = int(bool(previous) and previous > "\u2000" and _alone(previous) == 1)
        elif previous == "\u200d" or ("\U0001f3fb" <= char <= "\U0001f3ff" and previous):
            taken = 0
        else:
            taken = _alone(char)
        total += taken
        previous = char
    return total


def _alone(char: str) -> int:
    """The columns of a character that nothing stands before."""
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
