"""Shifts as tables for a terminal."""

import io

from rich.console import Console

from engine.commands.shift_reports import Report, Row, reason, shown
from engine.commands.tables import table

_NOBODY = "nobody"


def show(report: Report, *, width: int) -> str:
    """A line for each schedule, and where it was asked for a table of its shifts."""
    target = io.StringIO()
    console = Console(file=target, width=width, highlight=False)
    rows = [
        (
            row.schedule,
            ", ".join(row.now.people) or _NOBODY,
            reason(row.now) if row.now.people else "",
            shown(row.now.since, row.zone),
            shown(row.now.until, row.zone),
            row.zone_name,
        )
        for row in report.rows
    ]
    table(console, ("schedule", "on duty", "by", "since", "until", "time zone"), rows, "no schedules")
    for row in report.rows:
        for warning in row.now.warnings:
            console.print(f"note: {warning}", markup=False)
    for row in report.rows:
        if row.stays:
            console.print(f"\n{row.schedule} ({row.zone_name})", markup=False)
            table(console, ("from", "to", "on duty", "by"), _shifts(row), "")
    return target.getvalue()


def _shifts(row: Row) -> list[tuple[str, ...]]:
    return [
        (
            shown(stay.since, row.zone),
            shown(stay.until, row.zone),
            ", ".join(stay.people) or _NOBODY,
            reason(stay) if stay.people else "",
        )
        for stay in row.stays
    ]
