"""`engine test [RULES]`: every example and every scenario, what they reach and what they would not notice.

Loads as `engine validate` does, plays everything through the compiled rules and the daemon's own plan, and shows what
`rehearsal_reports` makes of it. Exit code: 0 when all pass (and enough atoms are reached), 1 when not, 2 for usage.
"""

import argparse
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from engine.commands.findings.text import wants_colour
from engine.commands.rehearsal_reports import Report, data, junit, text
from engine.commands.validate import templates_beside
from engine.core.diagnostics import Severity
from engine.core.errors import UsageError
from engine.rehearsals import cases, coverage, mutants, trials, units
from engine.ruleset import compiler
from engine.ruleset.loader import Loaded, load
from engine.ruleset.templates import Templates

# Errors in examples, which are what is tested here.
_TESTED = frozenset({"E205", "E206"})
_PERCENT = 100


def run(options: argparse.Namespace) -> int:
    """Test and report. UsageError when there is no such folder, or no test that is asked for."""
    began = perf_counter()
    rules: Path = options.rules
    if not rules.is_dir():
        problem = "is a file: name the folder that it stands in" if rules.exists() else "does not exist"
        raise UsageError(f"{rules} {problem}")
    minimum: int = options.min or 0
    if not 0 <= minimum <= _PERCENT:
        raise UsageError(f"--min {minimum} is no share in percent: write 0 to 100")
    loaded = load(rules, options.templates or templates_beside(rules), tests=True)
    report = _report(loaded, options, minimum, began)
    if options.format == "json":
        sys.stdout.write(data.show(report))
    elif options.format == "junit":
        sys.stdout.write(junit.show(report))
    else:
        coloured = wants_colour(os.environ, terminal=sys.stdout.isatty())
        console = Console(
            soft_wrap=True, highlight=False, markup=False, emoji=False, force_terminal=coloured, no_color=not coloured
        )
        for line in text.show(report, coloured=coloured, verbose=options.verbose):
            console.print(line)
    return report.exit_code


def _report(loaded: Loaded, options: argparse.Namespace, minimum: int, began: float) -> Report:
    broken = tuple(
        found for found in loaded.diagnostics if found.severity is Severity.ERROR and found.code not in _TESTED
    )
    if broken or loaded.templates is None:
        return Report(broken=broken)
    document, templates = loaded.document, loaded.templates
    ruleset = loaded.ruleset or compiler.compile_rules(document, templates, loaded.sha)
    results = cases.run(document, ruleset, options.filter or "")
    if options.filter and not results:
        raise UsageError(f'no test has "{options.filter}" in its rule, its name or its file')
    atoms = None
    mutation = None
    if options.coverage or options.min is not None or options.mutate:
        cuts = units.cut_all(document)
        table = trials.table(document, ruleset, cuts, templates)
        if options.coverage or options.min is not None:
            atoms = coverage.measure(table)
        if options.mutate:
            mutation = _mutate(table, templates)
    return Report(
        results=results,
        rules=len(document.rules),
        atoms=atoms,
        mutation=mutation,
        minimum=minimum,
        took_s=perf_counter() - began,
    )


def _mutate(table: trials.Table, templates: Templates) -> mutants.Outcome:
    """All mutants; on a terminal a bar says how many are done."""
    shown = Progress(
        TextColumn("changing the rules, one atom at a time"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        console=Console(stderr=True),
        transient=True,
    )
    watched = sys.stderr.isatty()
    task = shown.add_task("", total=None)

    def progress(done: int, total: int) -> None:
        if watched:
            shown.update(task, completed=done, total=total)

    with shown if watched else nullcontext():
        return mutants.mutate(table, templates, progress)
