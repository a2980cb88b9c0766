"""The words and numbers that every form of a report shares."""

from datetime import timedelta

from engine.core.reports import Dimension, Figures, Report, Step, Times
from engine.core.standings import age

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NOTHING = "-"
# The columns of the table of steps.
STEP_COLUMNS = ("step", "incidents", "median", "90 %", "99 %", "within target")
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_BUSIEST = 3


def span(took: timedelta | None) -> str:
    """A span as a person says it: "8 ms", "1.4 s", "45 s", "12 min", "3 h 5 min"."""
    if took is None:
        return NOTHING
    if took < _SECOND:
        return f"{round(took / timedelta(milliseconds=1))} ms"
    if took < _MINUTE:
        seconds = took / _SECOND
        return f"{seconds:.1f} s".replace(".0 ", " ") if seconds < 10 else f"{int(seconds)} s"  # noqa: PLR2004 - two digits say enough
    return age(took)


def share(times: Times) -> str:
    """The part within target, e.g. "92 % of 50"."""
    return NOTHING if times.share is None else f"{times.share:.0%} of {times.judged}".replace("%", " %")


def headline(report: Report, zone: str) -> str:
    """The whole period in one sentence."""
    taken, waiting = sum(report.claimed.values()), sum(report.open.values())
    outages = f"; outages: {report.outages}" if report.outages else ""
    return (
        f"Incidents from {report.first} to {report.last} ({zone}): {report.total.count}, of which nobody has {waiting} "
        f"and somebody has {taken}{outages}."
    )


def step_rows(figures: Figures) -> list[tuple[str, ...]]:
    """The table of steps."""
    return [
        (step.value, str(times.count), span(times.median), span(times.p90), span(times.p99), share(times))
        for step, times in figures.times.items()
    ]


def group_columns(report: Report, dimension: Dimension) -> tuple[str, ...]:
    """The columns of the table of groups."""
    name = "week from" if dimension is Dimension.DAY and report.days > 1 else dimension.value
    return name, "incidents", *(step.value for step in Step)


def group_rows(report: Report, dimension: Dimension) -> list[tuple[str, ...]]:
    """The table of groups: for each step the median, and the span that nine in ten do not pass."""
    return [
        (name, str(figures.count), *(_pair(figures.times[step]) for step in Step))
        for name, figures in report.by[dimension]
    ]


def busiest(report: Report) -> str:
    """The hours of the week with the most incidents, e.g. "Monday 09:00 (12)"; empty where there are none."""
    hours = [(count, day, hour) for day, counts in enumerate(report.week) for hour, count in enumerate(counts) if count]
    most = sorted(hours, key=lambda one: (-one[0], one[1], one[2]))[:_BUSIEST]
    return ", ".join(f"{DAYS[day]} {hour:02}:00 ({count})" for count, day, hour in most)


def _pair(times: Times) -> str:
    return f"{span(times.median)} / {span(times.p90)}" if times.count else NOTHING
