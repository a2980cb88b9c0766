"""How fast a number may write, and how messages take turns within that."""

import asyncio
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from standins.parts import SetClock

from engine.connectors.pacing import Pace, pace_of
from engine.connectors.turns import Turns
from engine.core.deliveries import Fault, Rejected, Sent, Unknown

_START = timedelta(seconds=100)
_NOTHING = timedelta(0)


def _web(per_second: float = 2.0) -> Pace:
    return pace_of(per_second, timedelta(seconds=10), jitter=0.5)


def test_messages_keep_their_distance() -> None:
    """A message waits for the gap after any other, and for the longer one after its own client's last."""
    pace = _web()
    assert pace.wait("a", _START) == _NOTHING
    pace.spend("a", _START)
    assert pace.wait("b", _START) == timedelta(seconds=0.5)
    assert pace.wait("a", _START) == timedelta(seconds=10)
    assert pace.wait("a", _START + timedelta(seconds=10)) == _NOTHING


def test_chance_makes_gaps_longer() -> None:
    """By up to half of each, so that no clock shows."""
    pace = _web()
    pace.spend("b", _START, 1.0)
    assert pace.wait("a", _START) == timedelta(seconds=0.75)
    assert pace.wait("b", _START) == timedelta(seconds=15)


def test_past_gaps_are_forgotten() -> None:
    """Clients whose gap is over cost no memory, and without a gap nobody is remembered."""
    pace, none = _web(1000.0), pace_of(1000.0, _NOTHING)
    for number in range(30):
        for one in (pace, none):
            one.spend(f"client {number}", timedelta(seconds=number))
    assert (len(pace._clients), len(none._clients)) == (10, 0)


def test_what_was_not_taken_holds_its_client_up_no_longer() -> None:
    """A network that was away for a moment is asked again as soon as the relay wants."""
    pace = _web()
    pace.spend("a", _START)
    pace.forgive("a")
    pace.forgive("nobody")
    assert pace.wait("a", _START + timedelta(seconds=0.5)) == _NOTHING


@given(
    per_second=st.integers(1, 100),
    burst=st.integers(1, 100),
    pauses=st.lists(st.integers(0, 400_000), min_size=1, max_size=60),
)
def test_no_more_leave_than_the_rate_and_one_burst(per_second: int, burst: int, pauses: list[int]) -> None:
    """Whoever waits as long as told never exceeds the rate by more than what a pause has saved."""
    pace, at, left = pace_of(per_second, _NOTHING, burst=burst), _START, list[timedelta]()
    for number, pause in enumerate(pauses):
        at += timedelta(microseconds=pause)
        at += pace.wait(str(number), at)
        pace.spend(str(number), at)
        left.append(at)
    for first, begin in enumerate(left):
        for last, end in enumerate(left[first:], start=first):
            span = (end - begin).total_seconds() + 0.001
            assert last - first + 1 <= burst + span * per_second + 1e-6


async def test_nothing_waits_where_nothing_presses() -> None:
    """As many as a second may have leave at once, to as many clients."""
    turns = Turns(50, timedelta(seconds=6), SetClock())
    assert [await turns.take(str(number)) for number in range(50)] == [None] * 50
    assert turns._pace.wait("another", _NOTHING) == timedelta(seconds=0.02)


async def test_a_moment_is_waited_for_here() -> None:
    """What exceeds the rate by a little leaves a little later, each at a place of its own."""
    turns = Turns(4, _NOTHING, SetClock())
    for number in range(4):
        assert await turns.take(str(number)) is None
    async with asyncio.TaskGroup() as group:
        later = [group.create_task(turns.take(str(number))) for number in range(4, 6)]
        await asyncio.sleep(0)
        assert [one.done() for one in later] == [False, False]
        assert turns._pace.wait("another", _NOTHING) == timedelta(seconds=0.75)
        for one in later:
            one.cancel()


async def test_one_client_is_left_alone_for_the_gap() -> None:
    """A second message to the client comes again when its time is there; nobody else waits, and the network is well."""
    clock = SetClock()
    turns = Turns(80, timedelta(seconds=6), clock)
    assert await turns.take("a") is None
    turns.settle("a", Sent("m1"))
    clock.advance(seconds=2)
    found = await turns.take("a")
    assert isinstance(found, Rejected)
    assert (found.fault, found.code, found.retry_after) == (Fault.TRANSIENT, "pace", timedelta(seconds=4))
    assert found.lane_only
    assert await turns.take("b") is None
    clock.advance(seconds=4)
    assert await turns.take("a") is None


async def test_only_what_was_taken_begins_the_gap() -> None:
    """A refused message may be said again at once, one in doubt may have arrived."""
    turns = Turns(80, timedelta(seconds=6), SetClock())
    assert await turns.take("a") is None
    turns.settle("a", Rejected(Fault.TRANSIENT, "503", "busy"))
    assert await turns.take("a") is None
    turns.settle("a", Unknown("cut"))
    assert await turns.take("a") is not None
