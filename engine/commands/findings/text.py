"""A Report as people read it in a terminal: each finding with its quoted line, then a count and what to do next."""

from collections.abc import Mapping

from engine.commands.findings import Report, summary
from engine.core.diagnostics import Diagnostic, Severity, excerpt, render

_BOLD, _RED, _YELLOW, _CYAN, _GREEN, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[32m", "\x1b[0m"
# More codes than this are not worth reading at once.
_SHOWN_CODES = 5


def wants_colour(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether the output is coloured: NO_COLOR says no (no-color.org), FORCE_COLOR yes, else a terminal decides."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (terminal and environ.get("TERM") != "dumb")


def show(report: Report, *, coloured: bool = False) -> str:
    """All findings, an empty line, the count and the next step."""
    shown = [_coloured(found) if coloured else render(found) for found in report.diagnostics]
    last = summary(report)
    if coloured:
        worst = {found.severity for found in report.diagnostics}
        last = f"{_RED if Severity.ERROR in worst else _YELLOW if worst else _GREEN}{last}{_OFF}"
    lines = [*shown, *([""] if shown else []), last]
    if shown:
        lines.append(f"what they mean: {_next(report.diagnostics)}")
    return "".join(f"{line}\n" for line in lines)


def _next(diagnostics: tuple[Diagnostic, ...]) -> str:
    """The command that explains the codes, errors first."""
    codes = sorted({(found.severity is not Severity.ERROR, found.code) for found in diagnostics})
    named = " ".join(code for _, code in codes[:_SHOWN_CODES])
    return f"engine help {named}{' …' if len(codes) > _SHOWN_CODES else ''}"


def _coloured(found: Diagnostic) -> str:
    tint = _RED if found.severity is Severity.ERROR else _YELLOW
    head, *rest = render(found).split("\n")
    where, _, sentence = head.partition(f"  {found.severity}  {found.code}  ")
    head = f"{_BOLD}{where}{_OFF}  {tint}{found.severity}  {found.code}{_OFF}  {_BOLD}{sentence}{_OFF}"
    if found.source:
        carets = "^" * excerpt(found).carets
        before, _, after = rest[1].partition(carets)
        rest[1] = f"{before}{tint}{carets}{_OFF}{_CYAN}{after}{_OFF}" if after else f"{before}{tint}{carets}{_OFF}"
    return "\n".join([head, *rest])
