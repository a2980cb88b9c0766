"""A Report as JSON for scripts: everything that the text says."""

import dataclasses
import json

from engine.commands.rehearsal_reports import Report, percent, share
from engine.core.diagnostics import render
from engine.rehearsals.cases import Kind, Result
from engine.rehearsals.coverage import Atom
from engine.rehearsals.mutants import Outcome
from engine.ruleset.syntax import Place


def show(report: Report) -> str:
    """One JSON object, indented."""
    content: dict[str, object] = {
        "ok": report.exit_code == 0,
        "errors": [render(finding) for finding in report.broken],
        "rules": report.rules,
        "examples": report.count(Kind.EXAMPLE),
        "scenarios": report.count(Kind.SCENARIO),
        "failed": len(report.failed),
        "tests": [_test(result) for result in report.results],
        "coverage": _coverage(report, report.atoms) if report.atoms is not None else None,
        "mutation": _mutation(report.mutation) if report.mutation is not None else None,
    }
    return json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode() + "\n"


def _test(result: Result) -> dict[str, object]:
    return {
        "kind": result.kind.value,
        "rule": result.rule or None,
        "name": result.name,
        **_place(result.at),
        "passed": result.passed,
        "failures": [
            {
                **_place(mismatch.at),
                "step": mismatch.seen.number if mismatch.seen else None,
                "fact": mismatch.fact,
                "expected": mismatch.wanted,
                "found": mismatch.found,
                "why": list(mismatch.why),
            }
            for mismatch in result.mismatches
        ],
    }


def _coverage(report: Report, atoms: tuple[Atom, ...]) -> dict[str, object]:
    reached, total = share(atoms)
    rules: dict[tuple[str, str], list[Atom]] = {}
    for atom in atoms:
        rules.setdefault((atom.at.path, atom.rule), []).append(atom)
    return {
        "covered": reached,
        "total": total,
        "percent": round(percent(reached, total), 2),
        "minimum": report.minimum,
        "rules": [
            {"path": path, "rule": rule or None, "covered": share(several)[0], "total": len(several)}
            for (path, rule), several in rules.items()
        ],
        "uncovered": [
            {
                **_place(atom.at),
                "rule": atom.rule or None,
                "atom": atom.label,
                "advice": atom.advice,
                "example": atom.example or None,
            }
            for atom in atoms
            if not atom.covered
        ],
    }


def _mutation(outcome: Outcome) -> dict[str, object]:
    return {
        "mutants": outcome.mutants,
        "noticed": outcome.noticed,
        "percent": round(percent(outcome.noticed, outcome.mutants), 2),
        "survivors": [
            {
                **_place(survivor.at),
                "rule": survivor.rule or None,
                "change": survivor.change,
                "advice": survivor.advice,
            }
            for survivor in outcome.survivors
        ],
    }


def _place(at: Place) -> dict[str, object]:
    return {key: value for key, value in dataclasses.asdict(at).items() if key != "length"}
