"""What it costs to ask who is on duty: `python tests/bench/oncall.py`.

The schedule has every kind of layer (weekly turns, daily ones at night, a lead on holidays, overrides), as in
`tests/cases/oncall/good`. Beside each figure stands that of a loop that does nothing, from the same run.
"""

import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engine.core.schedules import Timetable, stays
from engine.ruleset.oncall import folder
from engine.ruleset.oncall.folder import Surroundings

NOW = datetime(2027, 2, 18, 10, tzinfo=UTC)
ROUNDS, TIMES = 9, 20_000


def microseconds(statement: Callable[[], object], times: int = TIMES) -> float:
    """The median over some rounds of what one call takes."""
    return median(timeit.repeat(statement, number=times, repeat=ROUNDS)) / times * 1e6


def main() -> None:
    """Print the table."""
    raw = (ROOT / "tests/cases/oncall/good/noc.yaml").read_bytes()
    roster = folder.take([("noc.yaml", raw)], {"voip.ics": "voip.ics"}, Surroundings({"support-voip": None})).roster
    if roster is None:
        raise SystemExit("the files of tests/cases/oncall/good have errors")
    timetable = roster.timetables["voip-primary"]
    schedule = timetable.schedule
    rows = [
        ("a loop that does nothing", microseconds(lambda: None)),
        ("the shift at a moment, asked before", microseconds(lambda: timetable.at(NOW))),
        ("who is on duty, with the names in the chat", microseconds(lambda: roster.on_duty("voip-primary", NOW))),
        ("the shift at a moment, nothing remembered", microseconds(lambda: Timetable(schedule).at(NOW), 20)),
        ("all shifts of 90 days", microseconds(lambda: stays(schedule, NOW, NOW + timedelta(days=90)), 20)),
        (
            "reading, checking and building the files",
            microseconds(
                lambda: folder.take(
                    [("noc.yaml", raw)], {"voip.ics": "voip.ics"}, Surroundings({"support-voip": None})
                ),
                20,
            ),
        ),
    ]
    for name, value in rows:
        print(f"{name:<46} {value:>10,.2f} µs")


if __name__ == "__main__":
    main()
