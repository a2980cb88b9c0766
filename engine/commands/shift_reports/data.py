"""Shifts as JSON, in UTC."""

import json
from datetime import UTC, datetime

from engine.commands.shift_reports import Report
from engine.core.schedules import Shift, Stay


def show(report: Report) -> str:
    """One object with all schedules."""
    content = {
        "at": _instant(report.at),
        "schedules": [
            {
                "schedule": row.schedule,
                "timezone": row.zone_name,
                **_shift(row.now),
                "warnings": list(row.now.warnings),
                "shifts": [_shift(stay) for stay in row.stays],
            }
            for row in report.rows
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _shift(found: Shift | Stay) -> dict[str, object]:
    return {
        "people": list(found.people),
        "since": _instant(found.since),
        "until": _instant(found.until),
        "source": found.source,
        "layer": found.layer,
    }


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment is not None else None
