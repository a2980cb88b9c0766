"""`engine validate PATH`: every finding of every rules and templates file in one pass.

Loads exactly as the daemon does. Findings go to the standard output, each with its place, the quoted line and what to
do; the last line counts them. Exit code: 0 without errors (with `--strict` also without warnings), 1 with findings.
"""

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.core.diagnostics import Diagnostic, Severity, render
from engine.core.errors import UsageError
from engine.ruleset.loader import Loaded, load
from engine.starter import starter_folder

_BOLD, _RED, _YELLOW, _CYAN, _GREEN, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[32m", "\x1b[0m"


def run(options: argparse.Namespace) -> int:
    """Print all findings of the folder. UsageError when there is no such folder."""
    path: Path = options.path
    if not path.is_dir():
        problem = "is a file: name the folder that it stands in" if path.exists() else "does not exist"
        raise UsageError(f"{path} {problem}")
    loaded = load(path, options.templates or templates_beside(path))
    if options.format == "json":
        sys.stdout.write(_json(loaded))
    else:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        sys.stdout.write(_text(loaded, coloured=coloured))
    worst = {found.severity for found in loaded.diagnostics}
    return 1 if Severity.ERROR in worst or (options.strict and worst) else 0


def templates_beside(rules: Path) -> Path:
    """The folder `templates` next to a rules folder; the starter templates where there is none."""
    # Of "." and ".." only the resolved path has a parent that is the folder around it.
    around = rules.parent if rules.name not in {"", ".."} else rules.resolve().parent
    beside = around / "templates"
    return beside if beside.is_dir() else starter_folder("templates")


def _json(loaded: Loaded) -> str:
    errors, warnings, _ = _counts(loaded.diagnostics)
    content = {
        "findings": [dataclasses.asdict(found) for found in loaded.diagnostics],
        "errors": errors,
        "warnings": warnings,
        "rules": loaded.rules,
        "examples": loaded.examples,
        "rulesetSha": loaded.sha,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _text(loaded: Loaded, *, coloured: bool) -> str:
    shown = [render(found) for found in loaded.diagnostics]
    if coloured:
        shown = [_colour(text, found) for text, found in zip(shown, loaded.diagnostics, strict=True)]
    last = _summary(loaded)
    if coloured:
        last = f"{_RED if loaded.ruleset is None else _YELLOW if shown else _GREEN}{last}{_OFF}"
    return "".join(f"{text}\n" for text in (*shown, *([""] if shown else []), last))


def _summary(loaded: Loaded) -> str:
    errors, warnings, files = _counts(loaded.diagnostics)
    if not loaded.diagnostics:
        return f"{_count(loaded.rules, 'rule')}, {_count(loaded.examples, 'example')} checked: no findings"
    parts = [_count(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    place = _count(files, "file")
    untried = "; the examples are tried once there are no other errors" if errors and loaded.examples else ""
    tried = any(found.code in {"E205", "E206", "E220"} for found in loaded.diagnostics)
    return f"{', '.join(parts)} in {place}{'' if tried else untried}"


def _counts(diagnostics: Sequence[Diagnostic]) -> tuple[int, int, int]:
    """How many errors and warnings there are, and in how many files."""
    errors = sum(found.severity is Severity.ERROR for found in diagnostics)
    return errors, len(diagnostics) - errors, len({found.path for found in diagnostics})


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _colour(text: str, found: Diagnostic) -> str:
    tint = _RED if found.severity is Severity.ERROR else _YELLOW
    head, *rest = text.split("\n")
    place, _, sentence = head.partition(f"  {found.severity}  {found.code}  ")
    lines = [f"{_BOLD}{place}{_OFF}  {tint}{found.severity}  {found.code}{_OFF}  {_BOLD}{sentence}{_OFF}"]
    for number, line in enumerate(rest):
        caret = re.match(r"( +\| +)(\^+)(.*)", line) if found.source and number == 1 else None
        lines.append(f"{caret[1]}{tint}{caret[2]}{_OFF}{_CYAN}{caret[3]}{_OFF}" if caret else line)
    return "\n".join(lines)
