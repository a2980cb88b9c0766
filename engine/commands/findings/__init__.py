"""What a check of a rules folder found, and the forms in which `engine validate` gives it to people and machines.

`validate` makes a Report and hands it to one of these modules. Each is pure and shows the same findings; which of them
fail is decided here once, so that every form and the exit code agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.core.diagnostics import Diagnostic, Severity


@dataclass(frozen=True, slots=True)
class Report:
    """One check of a folder."""

    # Sorted by place.
    diagnostics: tuple[Diagnostic, ...]
    # The files that were read, each as findings name it, with its bytes.
    files: Mapping[str, bytes]
    # Every path that occurs, as findings name it, to what it is called from the top of the repository; an absolute
    # path where it stands outside.
    placed: Mapping[str, str]
    # How many rules and examples were looked at.
    rules: int
    examples: int
    ruleset_sha: str
    # Whether warnings fail too.
    strict: bool = False

    def fails(self, found: Diagnostic) -> bool:
        """Whether this finding alone makes the check fail."""
        return self.strict or found.severity is Severity.ERROR

    @property
    def exit_code(self) -> int:
        """0 when nothing fails, else 1."""
        return int(any(map(self.fails, self.diagnostics)))


def advice(found: Diagnostic) -> str:
    """The sentence and what to type or do, on one line."""
    return f"{found.message}: {found.hint}" if found.hint else found.message


def counts(diagnostics: Sequence[Diagnostic]) -> tuple[int, int, int]:
    """How many errors and warnings there are, and in how many files."""
    errors = sum(found.severity is Severity.ERROR for found in diagnostics)
    return errors, len(diagnostics) - errors, len({found.path for found in diagnostics})


def count(number: int, word: str) -> str:
    """The number with its word: "1 rule", "2 rules"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def summary(report: Report) -> str:
    """The findings counted, on one line."""
    errors, warnings, files = counts(report.diagnostics)
    if not report.diagnostics:
        return f"{count(report.rules, 'rule')}, {count(report.examples, 'example')} checked: no findings"
    parts = [count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    untried = "; the examples are tried once there are no other errors" if errors and report.examples else ""
    tried = any(found.code in {"E205", "E206", "E220"} for found in report.diagnostics)
    return f"{', '.join(parts)} in {count(files, 'file')}{'' if tried else untried}"
