"""A Report as workflow commands, which GitHub shows beside the lines of a pull request.

Form and escapes: "Workflow commands for GitHub Actions", and `command.ts` of the actions toolkit (read 2026-11-25).
"""

from engine.commands.findings import Report, advice, summary
from engine.core.diagnostics import Diagnostic, Severity


def show(report: Report) -> str:
    """One command for each finding, then the count as a plain line of the log."""
    return "".join(
        f"{line}\n" for line in (*(_command(found, report) for found in report.diagnostics), summary(report))
    )


def _command(found: Diagnostic, report: Report) -> str:
    properties = {"file": report.placed[found.path]}
    if found.line:
        last = found.column + found.length
        properties |= {"line": str(found.line), "col": str(found.column), "endColumn": str(last)}
    properties["title"] = found.code
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    also = "".join(f"\n{report.placed[other.path]}:{other.line}: {other.message}" for other in found.related)
    return f"::{_level(found.severity)} {written}::{_message(advice(found) + also)}"


def _level(severity: Severity) -> str:
    return "error" if severity is Severity.ERROR else "warning"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
