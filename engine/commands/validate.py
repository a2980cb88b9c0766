"""`engine validate PATH`: every finding of every rules and templates file in one pass.

Loads exactly as the daemon does, and shows what `findings` makes of it in the form asked for, on the standard output or
in a file. Exit code: 0 without errors (with `--strict` also without warnings), 1 with findings, in every form. With
`--watch` it goes on until Ctrl-C, and the exit code is that of the last check.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from engine.clocks import SystemClock
from engine.commands.findings import Report, summary, text
from engine.core.errors import PermissionRefused, UsageError
from engine.ruleset.loader import load
from engine.ruleset.snapshots import label
from engine.starter import starter_folder

# Each form and its module below `findings`, imported only when it was asked for.
_MODULES = {"text": "text", "json": "data", "github": "github", "sarif": "sarif", "junit": "junit"}
FORMATS = tuple(_MODULES)


def run(options: argparse.Namespace) -> int:
    """Print all findings of the folder. UsageError when there is no such folder."""
    path: Path = options.path
    if not path.is_dir():
        problem = "is a file: name the folder that it stands in" if path.exists() else "does not exist"
        raise UsageError(f"{path} {problem}")
    templates = options.templates or templates_beside(path)
    coloured = text.wants_colour(os.environ, terminal=sys.stdout.isatty())
    if options.watch:
        if options.format != "text" or options.output:
            raise UsageError("--watch writes text to the terminal: leave out --format and --output")
        from engine.commands import watching  # noqa: PLC0415 - no other check pays for it

        return watching.run(path, templates, lambda: check(path, templates, strict=options.strict), coloured=coloured)
    report = check(path, templates, strict=options.strict)
    if options.output:
        _write(options.output, _form(options.format)(report))
        sys.stdout.write(f"{summary(report)}; written to {options.output}\n")
    elif options.format == "text":
        sys.stdout.write(text.show(report, coloured=coloured))
    else:
        sys.stdout.write(_form(options.format)(report))
    return report.exit_code


def check(rules: Path, templates: Path, *, strict: bool) -> Report:
    """Everything that a load finds, with all paths told from the top of the repository."""
    loaded = load(rules, templates, tests=True, now=SystemClock().now())
    files = {label(name, str(rules), str(templates)): raw for name, raw in loaded.files.items()}
    paths = {*files, *(found.path for found in loaded.diagnostics)}
    paths |= {other.path for found in loaded.diagnostics for other in found.related}
    top = _top(rules)
    return Report(
        diagnostics=loaded.diagnostics,
        files=files,
        placed={path: _placed(path, top) for path in paths},
        rules=loaded.rules,
        examples=loaded.examples,
        ruleset_sha=loaded.sha,
        strict=strict,
    )


def templates_beside(rules: Path) -> Path:
    """The folder `templates` next to a rules folder; the starter templates where there is none."""
    # Of "." and ".." only the resolved path has a parent that is the folder around it.
    around = rules.parent if rules.name not in {"", ".."} else rules.resolve().parent
    beside = around / "templates"
    return beside if beside.is_dir() else starter_folder("templates")


def _form(name: str) -> Callable[[Report], str]:
    show: Callable[[Report], str] = importlib.import_module(f"engine.commands.findings.{_MODULES[name]}").show
    return show


def _top(rules: Path) -> Path:
    """The top of the git repository that holds the rules; the current folder where there is none."""
    absolute = Path(os.path.abspath(rules))  # noqa: PTH100 - without following links, as git names its files
    return next((folder for folder in absolute.parents if (folder / ".git").exists()), Path.cwd())


def _placed(path: str, top: Path) -> str:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - see above
    return absolute.relative_to(top).as_posix() if absolute.is_relative_to(top) else absolute.as_posix()


def _write(target: Path, content: str) -> None:
    try:
        target.write_text(content, encoding="utf-8")
    except OSError as error:
        raise PermissionRefused(f"cannot write {target}: {error.strerror}") from error
