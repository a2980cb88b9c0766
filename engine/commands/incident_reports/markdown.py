"""A report as a page of Markdown, for a chat or a wiki."""

from collections.abc import Sequence

from engine.commands.incident_reports import words
from engine.core.reports import Dimension, Report


def show(report: Report, dimension: Dimension, zone: str) -> str:
    """The steps, then one dimension: median / 90 %."""
    parts = [
        f"**{words.headline(report, zone)}**",
        _table(words.STEP_COLUMNS, words.step_rows(report.total)),
        f"By {dimension.value}, median / 90 %:",
        _table(words.group_columns(report, dimension), words.group_rows(report, dimension)),
    ]
    if busiest := words.busiest(report):
        parts.append(f"Busiest: {busiest}.")
    return "\n\n".join(parts) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *("---:" for _ in columns[1:])], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
