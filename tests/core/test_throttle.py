"""The throttle: how fast a destination is spoken to, and what trouble does to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.deliveries import Fault, Outcome, Rejected, Sent, Unknown
from engine.core.settlements import Policy
from engine.core.throttle import TROUBLE, Throttle, allowance, learn, opens_at, spend

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
POLICY = Policy()
REFUSED = Rejected(Fault.TRANSIENT, "503", "unavailable")
MANY = 1000


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def in_trouble(failures: int = TROUBLE, chance: float = 0.0) -> Throttle:
    throttle = Throttle.full(10, 10, NOW)
    for _ in range(failures):
        throttle = learn(throttle, REFUSED, NOW, chance, POLICY)
    return throttle


def test_a_new_destination_takes_one_burst_and_then_its_rate() -> None:
    """The bucket is full at first, empty after the burst, and refills with time."""
    throttle = Throttle.full(5, 10, NOW)
    assert allowance(throttle, 0, MANY, NOW) == 10
    empty = spend(throttle, 10, NOW)
    assert allowance(empty, 0, MANY, NOW) == 0
    assert opens_at(empty, NOW) == after(0.2)
    assert allowance(empty, 0, MANY, after(0.2)) == 1
    assert allowance(empty, 0, MANY, after(1)) == 5
    assert allowance(empty, 0, MANY, after(3600)) == 10


def test_what_is_under_way_counts_against_the_width() -> None:
    """No more deliveries run in parallel than allowed, however full the bucket is."""
    throttle = Throttle.full(100, 100, NOW)
    assert [allowance(throttle, in_flight, 8, NOW) for in_flight in (0, 5, 8, 9)] == [8, 3, 0, 0]
    assert opens_at(throttle, NOW) == NOW


@given(
    st.floats(0.1, 50),
    st.floats(1, 50),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 20)), min_size=1, max_size=50),
)
def test_the_rate_is_never_exceeded(per_second: float, burst: float, looks: list[tuple[int, int]]) -> None:
    """Over any simulated time at most rate times time plus one burst leaves."""
    throttle = Throttle.full(per_second, burst, NOW)
    now, left = NOW, 0
    for pause_ms, wanted in looks:
        now += timedelta(milliseconds=pause_ms)
        started = min(wanted, allowance(throttle, 0, MANY, now))
        throttle = spend(throttle, started, now)
        left += started
        assert left <= per_second * (now - NOW).total_seconds() + burst + 1e-6


@given(st.floats(0.1, 50), st.floats(1, 50), st.integers(0, 60), st.integers(0, 5000))
def test_it_opens_when_it_says(per_second: float, burst: float, spent: int, passed_ms: int) -> None:
    """A millisecond after `opens_at` one delivery may start, and a millisecond before it none, unless it is now."""
    throttle = spend(Throttle.full(per_second, burst, NOW), spent, NOW)
    now = NOW + timedelta(milliseconds=passed_ms)
    opens = opens_at(throttle, now)
    millisecond = timedelta(milliseconds=1)
    assert opens >= now
    assert allowance(throttle, 0, MANY, opens + millisecond) >= 1
    if opens > now + millisecond:
        assert allowance(throttle, 0, MANY, opens - millisecond) == 0


def test_trouble_narrows_a_destination_to_one_at_a_time() -> None:
    """After three failures in a row an outage costs single attempts and not one for every waiting message."""
    assert allowance(in_trouble(TROUBLE - 1), 0, 8, NOW) == 8
    assert allowance(in_trouble(), 0, 8, NOW) == 1
    assert allowance(in_trouble(), 1, 8, NOW) == 0


@pytest.mark.parametrize(("failures", "longest"), [(3, 1), (4, 2), (5, 4), (8, 32), (9, 60), (50, 60)], ids=str)
def test_trouble_pauses_with_backoff(failures: int, longest: float) -> None:
    """The pause starts at the base with the third failure, doubles with each further one, and is capped."""
    throttle = replace(in_trouble(failures - 1), not_before=NOW)
    paused = learn(throttle, REFUSED, NOW, 0.5, POLICY)
    assert paused.failures == failures
    assert opens_at(paused, NOW) == after(longest / 2)
    assert allowance(paused, 0, 8, after(longest / 2 - 0.001)) == 0
    assert allowance(paused, 0, 8, after(longest / 2)) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        Sent("r"),
        Rejected(Fault.PERMANENT, "131026", "not on WhatsApp"),
        Rejected(Fault.TRANSIENT, "131056", "too fast for this client", timedelta(minutes=1), lane_only=True),
    ],
    ids=["success", "refusal of one message", "pause of one conversation"],
)
def test_an_answer_in_order_opens_the_destination(outcome: Outcome) -> None:
    """The first success ends the trouble; so does a refusal of one message or client, which a healthy network gives."""
    opened = learn(in_trouble(), outcome, NOW, 0.5, POLICY)
    assert opened.failures == 0
    assert allowance(opened, 0, 8, NOW) == 8


@pytest.mark.parametrize(
    "outcome",
    [REFUSED, Unknown("cut")],
    ids=["transient", "unknown"],
)
def test_a_network_in_trouble_counts_as_a_failure(outcome: Outcome) -> None:
    """Refusals and silence alike; the first two cost no pause of their own."""
    once = learn(Throttle.full(5, 5, NOW), outcome, NOW, 0.9, POLICY)
    assert (once.failures, once.not_before) == (1, NOW)


def test_a_fault_of_the_administrators_does_not_slow_down_the_others() -> None:
    """An archived channel is one channel: deliveries to the others go on at full width."""
    refused = Rejected(Fault.MISCONFIGURED, "403", "the bot is not in the channel")
    throttle = Throttle.full(5, 5, NOW)
    for _ in range(10):
        throttle = learn(throttle, refused, NOW, 0.9, POLICY)
    assert allowance(throttle, 0, 5, NOW) == 5


def test_retry_after_closes_the_destination_for_that_long() -> None:
    """One asked-for pause holds for every waiting message, and a shorter one later does not cut it."""
    asked = learn(Throttle.full(5, 5, NOW), replace(REFUSED, retry_after=timedelta(seconds=30)), NOW, 0.0, POLICY)
    again = learn(asked, replace(REFUSED, retry_after=timedelta(seconds=1)), after(2), 0.0, POLICY)
    for throttle in (asked, again, learn(again, Sent("r"), after(3), 0.0, POLICY)):
        assert allowance(throttle, 0, 8, after(29.999)) == 0
        assert opens_at(throttle, after(3)) == after(30)
        assert allowance(throttle, 0, 8, after(30)) > 0


@given(st.lists(st.tuples(st.integers(0, 120_000), st.integers(0, 5000)), min_size=1, max_size=20))
def test_nothing_ever_leaves_before_any_retry_after(refusals: list[tuple[int, int]]) -> None:
    """Whatever order refusals come in, the latest of all that a destination asked for is kept."""
    throttle = Throttle.full(5, 5, NOW)
    now, latest = NOW, NOW
    for retry_after_ms, passed_ms in refusals:
        now += timedelta(milliseconds=passed_ms)
        pause = timedelta(milliseconds=retry_after_ms)
        latest = max(latest, now + pause)
        throttle = learn(throttle, replace(REFUSED, retry_after=pause), now, 0.0, POLICY)
        assert opens_at(throttle, now) >= latest
        assert allowance(throttle, 0, 8, now) == 0 or now >= latest
        assert allowance(throttle, 0, 8, max(now, latest - timedelta(microseconds=1))) == 0 or now >= latest


def test_a_clock_that_was_set_back_does_not_stop_a_destination() -> None:
    """An empty bucket fills again although its last count lies in the future, at the price of one burst."""
    empty = spend(Throttle.full(5, 5, NOW), 5, NOW)
    back = NOW - timedelta(hours=1)
    assert allowance(empty, 0, MANY, back) == 5
    spent = spend(empty, 5, back)
    assert allowance(spent, 0, MANY, back) == 0
    assert allowance(spent, 0, MANY, back + timedelta(seconds=1)) == 5


def test_a_clock_that_was_set_back_does_not_lengthen_a_pause() -> None:
    """What is left of a pause moves along with the clock."""
    back = NOW - timedelta(hours=1)
    paused = learn(Throttle.full(5, 5, NOW), replace(REFUSED, retry_after=timedelta(seconds=30)), NOW, 0.0, POLICY)
    assert allowance(paused, 0, 8, back) == 0
    assert opens_at(paused, back) == back + timedelta(seconds=30)
    moved = spend(paused, 0, back)
    assert allowance(moved, 0, 8, back + timedelta(seconds=29)) == 0
    assert allowance(moved, 0, 8, back + timedelta(seconds=30)) == 5
