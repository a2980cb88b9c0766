"""What `engine test` found, and the forms in which it gives it to people and machines.

`rehearse` makes a Report and hands it to one of these modules. Each is pure and shows the same results; whether they
are good enough is decided here once, so that every form and the exit code agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.diagnostics import Diagnostic
from engine.rehearsals.cases import Kind, Result
from engine.rehearsals.coverage import Atom
from engine.rehearsals.mutants import Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the tests of a rules folder."""

    # Errors other than in examples: then nothing below is known.
    broken: tuple[Diagnostic, ...] = ()
    results: tuple[Result, ...] = ()
    rules: int = 0
    # None: not asked for.
    atoms: tuple[Atom, ...] | None = None
    mutation: Outcome | None = None
    # How many percent of the atoms must be reached.
    minimum: int = 0
    took_s: float = 0.0

    @property
    def failed(self) -> tuple[Result, ...]:
        """The tests that did not go as expected."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def too_little(self) -> bool:
        """Whether fewer atoms are reached than must be."""
        return self.atoms is not None and percent(*share(self.atoms)) < self.minimum

    @property
    def exit_code(self) -> int:
        """0 when all is well, else 1."""
        return int(bool(self.broken or self.failed or self.too_little))

    def count(self, kind: Kind) -> int:
        """How many tests of a kind were run."""
        return sum(result.kind is kind for result in self.results)


def share(atoms: Iterable[Atom]) -> tuple[int, int]:
    """How many atoms are reached, and how many there are."""
    listed = tuple(atoms)
    return sum(atom.covered for atom in listed), len(listed)


def percent(part: int, whole: int) -> float:
    """A share in percent; of nothing everything is there."""
    return 100.0 * part / whole if whole else 100.0


def shown_percent(part: int, whole: int) -> str:
    """A share as it is shown: rounded down, so that 100 % means all."""
    return f"{int(percent(part, whole))} %"


def summary(report: Report) -> str:
    """The last line: what was run and how it went."""
    parts = [
        _count(report.rules, "rule"),
        _count(report.count(Kind.EXAMPLE), "example"),
        _count(report.count(Kind.SCENARIO), "scenario"),
    ]
    failed = len(report.failed)
    went = "all pass" if not failed else f"{failed} fails" if failed == 1 else f"{failed} fail"
    low = f"; coverage is below {report.minimum} %" if report.too_little else ""
    return f"{' · '.join(parts)}: {went}{low} ({report.took_s:.1f} s)"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
