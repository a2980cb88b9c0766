"""A finding in a file that a support lead wrote, in the shape that editors know from the language server protocol."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


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


def render(diagnostic: Diagnostic) -> str:
    """The finding as plain text: place, code and sentence, then the quoted line with a caret span and the advice."""
    place = f"{diagnostic.path}:{diagnostic.line}:{diagnostic.column}" if diagnostic.line else diagnostic.path
    lines = [f"{place}  {diagnostic.severity}  {diagnostic.code}  {diagnostic.message}"]
    if diagnostic.source:
        number = f"{diagnostic.line:>5}"
        shown = _shown(diagnostic.source)
        start = diagnostic.column - 1
        indent = " " * _width(shown[:start])
        caret = "^" * max(1, _width(shown[start : start + diagnostic.length]))
        advice = f" {diagnostic.hint}" if diagnostic.hint else ""
        lines.append(f"{number} | {shown}")
        lines.append(f"{' ' * len(number)} | {indent}{caret}{advice}")
    elif diagnostic.hint:
        lines.append(f"      {diagnostic.hint}")
    lines.extend(f"      {also.path}:{also.line}: {also.message}" for also in diagnostic.related)
    return "\n".join(lines)


def _shown(source: str) -> str:
    """The line as a terminal may show it: a tab as one blank, whatever else is invisible as U+FFFD."""
    return "".join(" " if char == "\t" else char if char.isprintable() else "\ufffd" for char in source)


def _width(text: str) -> int:
    """How many columns of a terminal the text takes: ideographs and most emoji two, combining marks none."""
    return sum(
        2 if unicodedata.east_asian_width(char) in {"W", "F"} else 0 if unicodedata.combining(char) else 1
        for char in text
    )
