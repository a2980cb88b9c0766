"""Who is on call at a moment, as operators are told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standins.rosters import HERE, LADDER, NOC, PRIMARY, FixedDuty

from engine.core import oncall
from engine.core.decisions import Priority
from engine.core.ladders import OnDuty, Rung
from engine.core.oncall import Handover

NOW = datetime(2026, 2, 12, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        pytest.param(("alice",), ("bob",), "primary: now alice → bob", id="somebody else"),
        pytest.param(("alice",), ("alice", "bob"), "primary: now alice → alice, bob", id="one more"),
        pytest.param((), ("bob",), "primary: now nobody → bob", id="nobody before"),
        pytest.param(("alice",), (), "primary: now alice → nobody", id="nobody after"),
        pytest.param(("alice", "bob"), ("bob", "alice"), None, id="another order"),
        pytest.param(None, ("bob",), "primary: now nobody → bob", id="a new schedule"),
        pytest.param(("alice",), None, "primary: now alice → nobody", id="a schedule that is gone"),
    ],
)
def test_a_change_of_who_is_on_call_now_is_told(
    before: tuple[str, ...] | None, after: tuple[str, ...] | None, line: str | None
) -> None:
    """By schedule, in one line; who stays on call is no change."""
    old, new = (
        FixedDuty(duty={"leads": OnDuty(("lead",)), **({} if people is None else {"primary": OnDuty(people)})})
        for people in (before, after)
    )
    assert [str(found) for found in oncall.handovers(old, new, NOW)] == ([] if line is None else [line])


def test_a_handover_is_told_to_programs() -> None:
    """With the names as lists."""
    assert oncall.handover_json(Handover("primary", ("alice",), ())) == {
        "schedule": "primary",
        "before": ["alice"],
        "after": [],
    }


def test_an_overview_has_every_schedule_and_every_priority() -> None:
    """Times are in UTC; null is a priority that its post alone calls."""
    until = datetime(2026, 2, 12, 18, 0, tzinfo=timezone(timedelta(hours=3)))
    duty = FixedDuty(
        ladders={Priority.URGENT: replace(LADDER, rungs=(Rung((PRIMARY, NOC), timedelta(minutes=5)),))},
        duty={
            "primary": OnDuty(("alice",), until, "on-call from cache, 3 h old", "PagerDuty"),
            "backup": OnDuty(()),
        },
    )
    assert oncall.overview(duty, NOW) == {
        "schedules": [
            {
                "schedule": "primary",
                "people": ["alice"],
                "until": "2026-02-12T15:00:00Z",
                "source": "PagerDuty",
                "note": "on-call from cache, 3 h old",
            },
            {"schedule": "backup", "people": [], "until": None, "source": "", "note": ""},
        ],
        "first": {"urgent": ["@alice", "service noc"], "high": None, "normal": None, "low": None},
    }


def test_ladders_are_lines_and_equal_ones_are_told_once() -> None:
    """In the words of the files; the wait stands before whom it is for."""
    quiet = replace(LADDER, repeat=2, quiet_until="day")
    short = replace(LADDER, rungs=LADDER.rungs[:1], repeat=0, nobody=(HERE,))
    duty = FixedDuty(ladders={Priority.URGENT: LADDER, Priority.HIGH: LADDER, Priority.NORMAL: quiet})
    whole = "schedule:primary; after 5m schedule:primary, person:lead, service:noc and ~voip-escalation; again"
    end = "in the end person:lead, @here"
    assert oncall.ladder_lines(duty.ladder) == (
        f"urgent, high: {whole} once; {end}",
        f"normal: {whole} 2 times; {end} (while day has nobody, nobody again)",
        "low: the post alone",
    )
    assert oncall.written(short) == "schedule:primary; in the end @here"


def test_a_service_that_is_none_is_told_with_what_to_do() -> None:
    """Both ways out of it."""
    assert oncall.no_service("noc") == (
        'the on-call files call the service "noc": add it under "services" in engine.yaml, or take it out of the '
        "on-call files"
    )
