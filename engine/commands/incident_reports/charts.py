"""A report as one picture, an SVG that reads on light and on dark pages: without scripts, fonts or anything to fetch.

Colours are told apart without colour vision (Okabe and Ito, 2008), and what they say is written beside them; lines
differ by their strokes, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape

from engine.commands.incident_reports import scales, words
from engine.core.decisions import Priority
from engine.core.reports import Dimension, Figures, Report, Step

_WIDTH, _MARGIN = 1120, 32
_INNER = _WIDTH - 2 * _MARGIN
# From the top: the numbers, the days, two rows of times, the week.
_TILES_Y, _DAYS_Y, _TIMES_Y, _WEEK_Y, _HEIGHT = 92, 190, 470, 980, 1246
_TIMES_GAP, _TIMES_ROW = 56, 250
_AXIS = 52
_DAYS_HEIGHT, _TIMES_HEIGHT, _CELL = 190, 150, (40, 26)
_LABELS = 9
_STEPS: Mapping[Step, str] = {
    Step.ACKNOWLEDGED: "Until acknowledged",
    Step.CLAIMED: "Until claimed",
    Step.ANSWERED: "Until a person answered",
    Step.RESOLVED: "Until resolved",
}
_LINES = (("p99", "99 %"), ("p90", "90 %"), ("median", "median"))
_STYLE = """\
svg{background:#fff}
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#3a3f47}
.title{font-size:22px;font-weight:650;fill:#16181d}.head{font-size:15px;font-weight:650;fill:#16181d}
.big{font-size:23px;font-weight:650;fill:#16181d}.small{font-size:12px;fill:#565c66}.end{text-anchor:end}
.middle{text-anchor:middle}.page{fill:#fff}.grid{stroke:#d9dce1;fill:none}.base{stroke:#8a9099;fill:none}
.low{fill:#8fc7ea}.normal{fill:#0072b2}.high{fill:#e69f00}.urgent{fill:#c04a00}
.line{fill:none;stroke:#0072b2;stroke-linejoin:round;stroke-linecap:round}.dot{fill:#0072b2}
.median{stroke-width:3}.p90{stroke-width:1.6}.p99{stroke-width:1.6;stroke-dasharray:2 5}
.cell{fill:#0072b2}.count{font-size:11px}
@media (prefers-color-scheme:dark){
svg{background:#16181d}.page{fill:#16181d}text{fill:#c5cad3}.title,.head,.big{fill:#f2f4f7}.small{fill:#9ea5b0}
.grid{stroke:#333842}.base{stroke:#6d747f}.normal{fill:#2f8fd0}.urgent{fill:#e0651a}.high{fill:#f0b63a}
.low{fill:#b5dbf3}.line{stroke:#5fb2ea}.dot{fill:#5fb2ea}.cell{fill:#2f8fd0}}
"""


def draw(report: Report, zone: str) -> str:
    """The picture."""
    title = f"Incidents from {report.first} to {report.last}"
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title><desc>{escape(words.headline(report, zone))}</desc><style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>',
        _text(_MARGIN, 46, title, "title"),
        _text(_MARGIN, 68, f"Days and hours are those of {zone}. Outages of many clients are counted apart.", "small"),
        *_tiles(report),
        *_days(report),
    ]
    for number, step in enumerate(Step):
        left = _MARGIN + (number % 2) * (_INNER + _TIMES_GAP) / 2
        parts += _times(report, step, left, _TIMES_Y + number // 2 * _TIMES_ROW)
    return "\n".join([*parts, *_week(report), "</svg>\n"])


def _tiles(report: Report) -> Iterable[str]:
    """The numbers that matter most, each with its name."""
    taken, waiting = sum(report.claimed.values()), sum(report.open.values())
    tiles = [
        (f"{report.total.count:,}", "incidents", f"outages: {report.outages}"),
        (f"{waiting:,}", "nobody has taken", f"taken and open: {taken:,}"),
        *(
            (words.span(times.median), f"{step.value}, median", f"90 %: {words.span(times.p90)}")
            for step, times in report.total.times.items()
        ),
    ]
    for number, (value, name, more) in enumerate(tiles):
        x = _MARGIN + number * _INNER / len(tiles)
        yield _text(x, _TILES_Y + 24, value, "big")
        yield _text(x, _TILES_Y + 44, name)
        yield _text(x, _TILES_Y + 62, more, "small")


def _days(report: Report) -> Iterable[str]:
    """How many incidents each day brought, by priority."""
    groups = report.by[Dimension.DAY]
    top = _DAYS_Y + 34
    bottom = top + _DAYS_HEIGHT
    left = _MARGIN + _AXIS
    each = (_WIDTH - _MARGIN - left) / len(groups)
    yield _text(_MARGIN, _DAYS_Y + 12, f"Incidents per {_unit(report)}, by priority", "head")
    yield from _legend(_DAYS_Y + 12)
    ticks = scales.counts(max(figures.count for _, figures in groups))
    for tick in ticks:
        y = bottom - tick / ticks[-1] * _DAYS_HEIGHT
        yield f'<path class="{"grid" if tick else "base"}" d="M{left} {y:.1f}H{_WIDTH - _MARGIN}"/>'
        yield _text(left - 8, y + 4, f"{tick:,}", "small end")
    for number, (day, figures) in enumerate(groups):
        yield from _bar(day, figures, (left + number * each, bottom, each), _DAYS_HEIGHT / ticks[-1])
    yield from _dates(report, left, each, bottom + 20)


def _bar(day: str, figures: Figures, place: tuple[float, float, float], unit: float) -> Iterable[str]:
    left, bottom, each = place
    gap = min(3.0, each * 0.2)
    for priority in Priority:
        count = figures.priorities[priority]
        if not count:
            continue
        height = count * unit
        bottom -= height
        yield (
            f'<rect class="{priority.word}" x="{left + gap / 2:.1f}" y="{bottom:.1f}" width="{each - gap:.1f}" '
            f'height="{height:.1f}"><title>{day}: {count:,} {priority.word}</title></rect>'
        )


def _legend(y: float) -> Iterable[str]:
    x = _WIDTH - _MARGIN - 4 * 84
    for priority in reversed(Priority):
        yield f'<rect class="{priority.word}" x="{x}" y="{y - 10}" width="12" height="12" rx="2"/>'
        yield _text(x + 18, y, priority.word)
        x += 84


def _times(report: Report, step: Step, left: float, y: float) -> Iterable[str]:
    """How long one step took, day by day, on a logarithmic axis."""
    groups = report.by[Dimension.DAY]
    width = (_INNER - _TIMES_GAP) / 2
    first, top, bottom = left + _AXIS, y + 34, y + 34 + _TIMES_HEIGHT
    each = (width - _AXIS) / len(groups)
    yield _text(left, y + 12, _STEPS[step], "head")
    spans = [span for _, one in groups for name, _ in _LINES if (span := getattr(one.times[step], name)) is not None]
    if not spans:
        yield f'<path class="base" d="M{first:.1f} {bottom}H{left + width:.1f}"/>'
        yield _text(first + (width - _AXIS) / 2, (top + bottom) / 2, "none in this period", "small middle")
        return
    yield from _strokes(left + width, y + 12)
    ticks = scales.spans(spans)
    for tick in ticks:
        down = bottom - scales.share(tick, ticks) * _TIMES_HEIGHT
        yield f'<path class="{"base" if tick == ticks[0] else "grid"}" d="M{first:.1f} {down:.1f}H{left + width:.1f}"/>'
        yield _text(first - 8, down + 4, words.span(tick), "small end")
    for name, told in _LINES:
        points = [
            None
            if (span := getattr(figures.times[step], name)) is None
            else (first + (number + 0.5) * each, bottom - scales.share(span, ticks) * _TIMES_HEIGHT, day, span)
            for number, (day, figures) in enumerate(groups)
        ]
        yield from _line(points, name, told)
    yield from _dates(report, first, each, bottom + 20, _LABELS // 2 + 1)


def _line(points: Sequence[tuple[float, float, str, timedelta] | None], name: str, told: str) -> Iterable[str]:
    """One line; where a day brought nothing it has a gap, and a day between two gaps is a dot."""
    runs: list[list[tuple[float, float, str, timedelta]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    for run in filter(None, runs):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in run)
        if len(run) > 1:
            yield f'<path class="line {name}" d="M{path}"/>'
        elif name != "p99":
            yield f'<circle class="dot" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="{3 if name == "median" else 2}"/>'
        for x, y, day, span in run:
            yield (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill-opacity="0">'
                f"<title>{day}: {told} {escape(words.span(span))}</title></circle>"
            )


def _strokes(right: float, y: float) -> Iterable[str]:
    """Which line is which."""
    x = right - 3 * 78
    for name, told in reversed(_LINES):
        yield f'<path class="line {name}" d="M{x:.1f} {y - 4}h20"/>'
        yield _text(x + 26, y, told, "small")
        x += 84


def _dates(report: Report, left: float, each: float, y: float, most: int = _LABELS) -> Iterable[str]:
    """The dates below an axis, as many as there is room for."""
    groups = report.by[Dimension.DAY]
    step = -(-len(groups) // most)
    for number in range(0, len(groups), step):
        day = date.fromisoformat(groups[number][0])
        yield _text(left + (number + 0.5) * each, y, f"{day.day} {day:%b}", "small middle")


def _week(report: Report) -> Iterable[str]:
    """When incidents begin: the hours of the week."""
    # One or two incidents are no peak.
    most = max(4, *(max(hours) for hours in report.week))
    wide, high = _CELL
    left, top = _MARGIN + _AXIS + 44, _WEEK_Y + 30
    yield _text(_MARGIN, _WEEK_Y + 12, "Incidents by hour of the week", "head")
    for day, hours in enumerate(report.week):
        y = top + day * high
        yield _text(left - 12, y + high / 2 + 4, words.DAYS[day], "end")
        for hour, count in enumerate(hours):
            x = left + hour * wide
            strength = 0.06 + 0.69 * count / most
            yield (
                f'<rect class="cell" fill-opacity="{strength:.2f}" x="{x}" y="{y}" width="{wide - 2}" '
                f'height="{high - 2}" rx="2"/>'
            )
            if count:
                yield _text(x + wide / 2 - 1, y + high / 2 + 3, f"{count:,}", "count middle")
    for hour in range(0, 24, 2):
        yield _text(left + hour * wide, top + 7 * high + 16, f"{hour:02}:00", "small")


def _unit(report: Report) -> str:
    return "day" if report.days == 1 else "week"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
