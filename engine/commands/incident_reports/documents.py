"""A report as JSON for programs. Spans are seconds."""

from datetime import datetime, timedelta

from engine.core.objects import Json
from engine.core.reports import Dimension, Figures, Report, Times


def show(report: Report, zone: str) -> Json:
    """Everything that the report holds, by every dimension."""
    return {
        "since": _instant(report.since),
        "until": _instant(report.until),
        "timezone": zone,
        "targets": [
            {
                "step": target.step.value,
                "priority": None if target.priority is None else target.priority.word,
                "seconds": target.within.total_seconds(),
            }
            for target in report.targets
        ],
        "incidents": report.total.count,
        "outages": report.outages,
        "statuses": {status.value: count for status, count in report.statuses.items()},
        "open": {priority.word: count for priority, count in report.open.items()},
        "claimed": {priority.word: count for priority, count in report.claimed.items()},
        "times": _times(report.total),
        **{
            f"by{dimension.value.title()}": [
                {dimension.value: name, "incidents": figures.count, "times": _times(figures)}
                for name, figures in report.by[dimension]
            ]
            for dimension in Dimension
        },
        "days": report.days,
        "week": [list(hours) for hours in report.week],
    }


def _times(figures: Figures) -> Json:
    return {step.value: _step(times) for step, times in figures.times.items()}


def _step(times: Times) -> Json:
    return {
        "count": times.count,
        "median": _seconds(times.median),
        "p90": _seconds(times.p90),
        "p99": _seconds(times.p99),
        "met": times.met,
        "judged": times.judged,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
