"""`engine incidents report`: how fast clients were helped, measured by the running daemon without a click of anybody's.

The incidents come a page at a time and hold nothing of their clients.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console

from engine.clocks import SystemClock
from engine.commands.incident_reports import charts, documents, markdown, words
from engine.commands.periods import Period, period
from engine.commands.tables import table
from engine.control.client import ControlClient
from engine.core import contracts, durations, reports
from engine.core.decisions import Priority
from engine.core.errors import PermissionRefused, UsageError
from engine.core.reports import Dimension, Measured, Report, Step, Target
from engine.settings import control_socket, state_directory

# 1,000 of them take the journal 12 ms (SQLite with 200,000 incidents, measured 2026-11).
_PAGE = 1000
_PIPE_WIDTH = 240


def run(options: argparse.Namespace) -> int:
    """Ask, count and show; with `--svg` draw, too."""
    within, targets = period(options), [_target(written) for written in options.target]
    zone, dimension = _zone(options.timezone), Dimension(options.by)
    now = SystemClock().now()
    if within.since >= now:
        raise UsageError("--since must lie before now")
    client = ControlClient(control_socket(state_directory(options.config)))
    until = min(within.until, now)
    report = reports.summarise(_rows(client, within), within.since, until, now, zone, targets)
    if options.svg:
        _write(options.svg, charts.draw(report, options.timezone))
    if options.format == "json":
        sys.stdout.write(json.dumps(documents.show(report, options.timezone), indent=2) + "\n")
    elif options.format == "markdown":
        sys.stdout.write(markdown.show(report, dimension, options.timezone))
    else:
        _show(report, dimension, options.timezone)
    return 0


def _rows(client: ControlClient, within: Period) -> Iterator[Measured]:
    before = None
    while page := client.measured(within.since, before, _PAGE):
        yield from map(contracts.load_measured, page)
        before = page[-1]["id"]


def _target(written: str) -> Target:
    """What "claimed=15m" or "claimed.urgent=5m" says."""
    name, _, span = written.partition("=")
    step, _, word = name.partition(".")
    within = durations.parse(span)
    words_of = {priority.word: priority for priority in Priority}
    if step not in set(Step) or within is None or (word and word not in words_of):
        raise UsageError(
            f'--target "{written}" is none: write STEP=SPAN or STEP.PRIORITY=SPAN, e.g. claimed.urgent=5m; the steps '
            f"are {', '.join(Step)}"
        )
    return Target(Step(step), within, words_of.get(word))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f'--timezone "{name}" is none; write it like Africa/Nairobi') from None


def _write(path: Path, drawn: str) -> None:
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise PermissionRefused(
            f"{path} cannot be written: {(error.strerror or 'the disk refuses').lower()}"
        ) from error


def _show(report: Report, dimension: Dimension, zone: str) -> None:
    # A pipe has no width, and a script must get whole words.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    console.print(words.headline(report, zone))
    console.print()
    table(console, words.STEP_COLUMNS, words.step_rows(report.total), "")
    if report.by[dimension]:
        console.print(f"\nby {dimension.value}, median / 90 %")
        table(console, words.group_columns(report, dimension), words.group_rows(report, dimension), "")
    if busiest := words.busiest(report):
        console.print(f"\nbusiest: {busiest}")
