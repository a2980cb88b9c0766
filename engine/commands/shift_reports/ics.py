"""Shifts as a calendar file (RFC 5545), for whoever wants to see them in a calendar program."""

from collections.abc import Iterator
from datetime import UTC, datetime

from engine.commands.shift_reports import Report, Row, reason
from engine.core.schedules import Stay

# RFC 5545, section 3.1: without the line break.
_LINE_BYTES = 75


def show(report: Report) -> str:
    """One event for each shift that somebody has."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//support engine//on-call//EN"]
    for row in report.rows:
        for stay in row.stays:
            if stay.people:
                lines += _event(row, stay, report.at)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _event(row: Row, stay: Stay, at: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{row.schedule}-{_instant(stay.since)}@on-call"
    yield f"DTSTAMP:{_instant(at)}"
    yield f"DTSTART:{_instant(stay.since)}"
    yield f"DTEND:{_instant(stay.until)}"
    yield f"SUMMARY:{_escaped(', '.join(stay.people))}"
    yield f"DESCRIPTION:{_escaped(f'{row.schedule}, {reason(stay)}')}"
    yield "END:VEVENT"


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """The line in parts that are short enough, those after the first beginning with a blank."""
    part = ""
    for char in line:
        if len((part + char).encode()) > _LINE_BYTES:
            yield part
            part = " "
        part += char
    yield part
