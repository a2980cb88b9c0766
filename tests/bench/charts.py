"""Lines over two logarithmic axes as an SVG that reads on light and dark pages, each line named at its end."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 860, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 210, 56, 52
# Distinct without colour vision and on either background (Okabe and Ito, 2008).
_COLOURS = ("#1f83c8", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7f7f7f")
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#767676}.grid{stroke:#8888;stroke-width:.5}.title{font-size:16px;"
    "font-weight:600}.line{fill:none;stroke-width:2}.first{stroke-width:3.5}.name{font-weight:600}"
)


def log_log(title: str, x_name: str, y_name: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """The picture; the first line is drawn thicker. Every value is above zero."""
    points = [point for line in lines.values() for point in line]
    x_ends = _decades([x for x, _ in points])
    y_ends = _decades([y for _, y in points])

    def across(x: float) -> float:
        return _LEFT + _share(x, x_ends) * (_WIDTH - _LEFT - _RIGHT)

    def down(y: float) -> float:
        return _HEIGHT - _BOTTOM - _share(y, y_ends) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT}" y="26">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="46">{escape(y_name)}</text>',
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(x_name)}</text>',
    ]
    for power in range(x_ends[0], x_ends[1] + 1):
        x = across(10**power)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{10**power:,}</text>')
    for power in range(y_ends[0], y_ends[1] + 1):
        y = down(10**power)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_time(10.0**power)}</text>')
    names: list[tuple[float, str, str]] = []
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in line)
        parts.append(f'<path class="line{"" if number else " first"}" stroke="{colour}" d="M{path}"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        names.append((down(line[-1][1]), f"{name}, {_time(line[-1][1])}", colour))
    below = 0.0
    for y, name, colour in sorted(names):
        # Names of lines that end close together stand one below the other.
        below = max(y + 4, below + 17)
        parts.append(
            f'<text class="name" style="fill:{colour}" x="{_WIDTH - _RIGHT + 10}" y="{below:.1f}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def _decades(values: Sequence[float]) -> tuple[int, int]:
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def _share(value: float, ends: tuple[int, int]) -> float:
    return (math.log10(value) - ends[0]) / (ends[1] - ends[0])


def _time(us: float) -> str:
    if us >= 1e6:
        return f"{us / 1e6:.3g} s"
    return f"{us / 1e3:.3g} ms" if us >= 1e3 else f"{us:.3g} µs"
