"""Who is called when: rungs, repeats, those for whom nobody is there, quiet hours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standins.rosters import HERE, LADDER, LEAD, NOC, PRIMARY, FixedDuty

from engine.core import ladders
from engine.core.ladders import Called, OnDuty, Step, Target, TargetKind

NOW = datetime(2026, 2, 12, 10, 15, tzinfo=UTC)


def test_targets_come_to_mentions_and_services_each_once() -> None:
    """Whoever is named twice is called once; somebody who is not in the chat is not called there."""
    duty = FixedDuty(duty={"primary": OnDuty(("alice", "noc-lead"), note="from cache, 3 h old")})
    stranger = Target(TargetKind.PERSON, "stranger")
    assert ladders.call((PRIMARY, LEAD, HERE, NOC, NOC, stranger), duty, NOW) == Called(
        ("@alice", "@noc-lead", "@here"), ("noc",), ("from cache, 3 h old",)
    )
    assert not ladders.call((stranger,), duty, NOW)
    assert ladders.call((NOC,), duty, NOW)


@pytest.mark.parametrize(
    ("number", "called"),
    [
        pytest.param(0, ("@alice",), id="the post"),
        pytest.param(1, ("@alice", "@noc-lead"), id="second rung"),
        pytest.param(2, ("@alice",), id="again"),
        pytest.param(4, ("@noc-lead", "@here"), id="after the last"),
    ],
)
def test_a_ladder_is_climbed_rung_by_rung(number: int, called: tuple[str, ...]) -> None:
    """After its repeats those are called for whom nobody else is there."""
    assert ladders.call_rung(LADDER, number, FixedDuty(), NOW).mentions == called


def test_a_rung_that_reaches_nobody_calls_those_for_nobody() -> None:
    """Never silence."""
    assert ladders.call_rung(LADDER, 0, FixedDuty(duty={}), NOW).mentions == ("@noc-lead", "@here")


def test_the_next_call_waits_for_its_rung_and_for_a_pause() -> None:
    """Whichever is later; after the last rung there is none."""
    later = NOW + timedelta(hours=1)
    assert ladders.next_call(LADDER, 1, NOW, None) == NOW + timedelta(minutes=10)
    assert ladders.next_call(LADDER, 0, NOW, later) == later
    assert ladders.next_call(LADDER, 4, NOW, None) is None


def test_quiet_hours_last_until_their_schedule_has_somebody() -> None:
    """Where nobody knows until when, it is asked again soon."""
    ladder = replace(LADDER, quiet_until="office")
    morning = NOW + timedelta(hours=9)
    assert ladders.quiet_until(LADDER, FixedDuty(duty={}), NOW) is None
    assert ladders.quiet_until(ladder, FixedDuty(duty={"office": OnDuty(("alice",))}), NOW) is None
    assert ladders.quiet_until(ladder, FixedDuty(duty={"office": OnDuty((), morning)}), NOW) == morning
    assert ladders.quiet_until(ladder, FixedDuty(duty={}), NOW) == NOW + timedelta(minutes=15)


def test_one_climb_tells_whom_each_rung_calls_at_its_time() -> None:
    """As of the moment when it is due; quiet hours put off all but the first."""
    duty = FixedDuty()
    steps = ladders.climb(LADDER, duty, NOW)
    assert steps == (
        Step(timedelta(0), Called(("@alice",))),
        Step(timedelta(minutes=5), Called(("@alice", "@noc-lead"), ("noc",)), ("voip-escalation", None)),
    )
    assert duty.asked == [NOW, NOW + timedelta(minutes=5)]
    quiet = FixedDuty(duty={"primary": OnDuty(("alice",)), "day": OnDuty((), NOW + timedelta(hours=8))})
    later = ladders.climb(replace(LADDER, quiet_until="day"), quiet, NOW)
    assert [step.after for step in later] == [timedelta(0), timedelta(hours=8)]
