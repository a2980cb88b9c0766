"""Shifts as a picture: a row for each schedule, a colour for each person, gaps in red, paler where they are allowed.

It stands alone, without script, fonts or links, and follows the light or dark mode of whoever looks at it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from xml.sax.saxutils import escape, quoteattr

from engine.commands.shift_reports import Report, Row, reason, shown
from engine.core.walltimes import instant

# White letters on each of them have a contrast of at least 4.5 (WCAG 2.2, 1.4.3); red is for gaps.
_COLOURS = (
    "#2563eb",
    "#047857",
    "#7c3aed",
    "#b45309",
    "#0e7490",
    "#a21caf",
    "#4d7c0f",
    "#475569",
    "#1e40af",
    "#78350f",
)
_GAP = "#dc2626"
_GAP_ALLOWED = "#dc26264d"
_WIDTH, _LEFT, _RIGHT = 1080, 170, 16
_TOP, _ROW, _BAR = 64, 46, 30
_LEGEND = 26
# A letter of this size takes so much room; what does not fit is left to the tooltip.
_LETTER = 7.2
_DAY = timedelta(days=1)
# As many days fit beside each other with their names.
_MOST_LABELS = 16
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2937}.name{font-weight:600}.dim{fill:#4b5563}"
    ".on{fill:#fff}.paper{fill:#fff}.line{stroke:#d1d5db}.now{stroke:#111827}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.dim{fill:#9ca3af}.on{fill:#fff}.paper{fill:#111827}"
    ".line{stroke:#374151}.now{stroke:#f9fafb}}"
)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a moment stands."""

    since: datetime
    until: datetime

    def x(self, moment: datetime) -> float:
        """From the left edge of the picture."""
        share = (moment - self.since) / (self.until - self.since)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def show(report: Report) -> str:
    """The whole picture."""
    scale = _Scale(report.at, report.until)
    colours = _colours(report)
    bottom = _TOP + _ROW * len(report.rows)
    per_line = max(1, (_WIDTH - _LEFT - _RIGHT) // 130)
    height = bottom + 20 + _LEGEND * (1 + (len(colours)) // per_line)
    title = f"On duty from {shown(report.at, report.rows[0].zone)} to {shown(report.until, report.rows[0].zone)}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        f"     aria-label={quoteattr(title)}>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        f'<text class="name" x="{_RIGHT}" y="24">{escape(title)}</text>',
        *_days(report, scale, bottom),
    ]
    for number, row in enumerate(report.rows):
        parts += _row(row, scale, colours, _TOP + _ROW * number)
    parts += _legend(colours, bottom + 20, per_line)
    return "\n".join((*parts, "</svg>\n"))


def _colours(report: Report) -> Mapping[str, str]:
    """A colour for each person who has a shift, by the order of the files, so that it stays from picture to picture."""
    there = {person for row in report.rows for stay in row.stays for person in stay.people}
    every = [person.name for person in report.people]
    return {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(every) if name in there}


def _days(report: Report, scale: _Scale, bottom: int) -> Iterator[str]:
    """A line at each midnight of the first schedule's zone, with the date where there is room."""
    zone = report.rows[0].zone
    days = max(1, (report.until - report.at) // _DAY)
    step = -(-days // _MOST_LABELS)
    day, number = report.at.astimezone(zone).date() + _DAY, 0
    while (midnight := instant(day, time(0), zone)) < report.until:
        x = scale.x(midnight)
        yield f'<line class="line" x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{bottom}"/>'
        if number % step == 0 and x < _WIDTH - 50:
            yield f'<text class="dim" x="{x + 3}" y="{_TOP - 14}">{_date(day)}</text>'
        day, number = day + _DAY, number + 1


def _date(day: date) -> str:
    """Short, and with the month where one begins."""
    return f"{day:%a} {day.day}{f' {day:%b}' if day.day == 1 else ''}"


def _row(row: Row, scale: _Scale, colours: Mapping[str, str], top: int) -> Iterator[str]:
    shown_name = row.schedule if len(row.schedule) * _LETTER < _LEFT else f"{row.schedule[: int(_LEFT / _LETTER) - 2]}…"
    yield f'<text class="name" x="{_RIGHT}" y="{top + 14}">{escape(shown_name)}</text>'
    yield f'<text class="dim" x="{_RIGHT}" y="{top + 29}">{escape(row.zone_name)}</text>'
    for stay in row.stays:
        left = scale.x(stay.since)
        # A hand-off is the pixel between two bars.
        width = max(1.0, round(scale.x(stay.until) - left - 1, 1))
        height = _BAR / max(1, len(stay.people))
        span = f"{shown(stay.since, row.zone)} to {shown(stay.until, row.zone)}"
        for number, person in enumerate(stay.people or ("nobody",)):
            y = round(top + number * height, 1)
            told = f"{person}: {span}, {reason(stay)}" if stay.people else f"nobody: {span}"
            yield "<g>"
            yield f"<title>{escape(told)}</title>"
            gap = _GAP_ALLOWED if row.may_have_gaps else _GAP
            yield _bar(left, y, width, height, colours[person] if stay.people else gap)
            fits = len(person) * _LETTER + 8 < width
            if fits and (stay.people or not row.may_have_gaps) and height >= _BAR / 2:
                middle = round(y + height / 2 + 4, 1)
                yield f'<text class="on" x="{round(left + 5, 1)}" y="{middle}">{escape(person)}</text>'
            yield "</g>"


def _bar(left: float, top: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{left}" y="{top}" width="{width}" height="{round(height - 1, 1)}" rx="3" fill="{colour}"/>'


def _legend(colours: Mapping[str, str], top: int, per_line: int) -> Iterator[str]:
    for number, (name, colour) in enumerate([*colours.items(), ("nobody", _GAP)]):
        x = _LEFT + number % per_line * 130
        y = top + number // per_line * _LEGEND
        yield _bar(x, y, 14, 15, colour)
        yield f'<text x="{x + 20}" y="{y + 12}">{escape(name[:15])}</text>'
