"""How fast one destination may be spoken to: a token bucket, and a pause while the destination is in trouble.

The relay keeps one value per destination and replaces it after each step. A destination that fails is asked by one
delivery at a time, so that an outage costs a few attempts and not one for every waiting message; the first success
opens it again and everything that waits leaves at the bucket's rate.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from engine.core.deliveries import Fault, Outcome, Rejected, Sent, Unknown
from engine.core.settlements import Policy, backoff

# Failures in a row after which a destination counts as in trouble.
TROUBLE = 3


@dataclass(frozen=True, slots=True)
class Throttle:
    """The state of one destination."""

    per_second: float
    # The most that may leave at once after a pause.
    burst: float
    tokens: float
    # When `tokens` was counted; never earlier than `not_before` was set.
    counted_at: datetime
    # Nothing leaves earlier: the destination asked for a pause, or it is in trouble.
    not_before: datetime
    # Failures since the last success.
    failures: int = 0

    @classmethod
    def full(cls, per_second: float, burst: float, now: datetime) -> "Throttle":
        """A destination that nothing was sent to yet."""
        return cls(per_second, burst, burst, now, now)


def allowance(throttle: Throttle, in_flight: int, at_once: int, now: datetime) -> int:
    """How many deliveries may start now, with `in_flight` under way and `at_once` allowed in parallel."""
    if now < _closed_until(throttle, now):
        return 0
    width = 1 if throttle.failures >= TROUBLE else at_once
    return max(0, min(width - in_flight, int(_tokens(throttle, now))))


def opens_at(throttle: Throttle, now: datetime) -> datetime:
    """When the next delivery may start as far as rate and pause are concerned; not before `now`."""
    missing = max(0.0, 1.0 - _tokens(throttle, now))
    return max(_closed_until(throttle, now), now + timedelta(seconds=missing / throttle.per_second))


def spend(throttle: Throttle, count: int, now: datetime) -> Throttle:
    """After `count` deliveries have started; with none, the same state as of `now`."""
    tokens, not_before = _tokens(throttle, now) - count, _closed_until(throttle, now)
    return replace(throttle, tokens=tokens, counted_at=now, not_before=not_before)


def learn(throttle: Throttle, outcome: Outcome, now: datetime, chance: float, policy: Policy) -> Throttle:
    """After an outcome. A refusal of one message, or one that concerns one conversation, says nothing about the
    destination but that it answers.
    """
    match outcome:
        case Sent() | Rejected(fault=Fault.PERMANENT) | Rejected(lane_only=True):
            return replace(throttle, failures=0)
        case Rejected(fault=Fault.MISCONFIGURED):
            # Often one archived channel: it must not slow down the others, and retries of this kind are slow already.
            return throttle
        case Rejected() | Unknown():
            failures = throttle.failures + 1
            pause = outcome.retry_after if isinstance(outcome, Rejected) else timedelta(0)
            if failures >= TROUBLE:
                pause = max(pause, backoff(failures - TROUBLE + 1, chance, policy))
            present = spend(throttle, 0, now)
            return replace(present, failures=failures, not_before=max(present.not_before, now + pause))
        case _:
            assert_never(outcome)


def _tokens(throttle: Throttle, now: datetime) -> float:
    # A clock that was set back by an hour must not stop a destination for an hour: what it jumped over counts as
    # time that passed, which costs one burst at most.
    passed = abs((now - throttle.counted_at).total_seconds())
    return min(throttle.burst, throttle.tokens + passed * throttle.per_second)


def _closed_until(throttle: Throttle, now: datetime) -> datetime:
    # For the same reason what is left of a pause moves along when the clock is set back.
    return throttle.not_before - max(timedelta(0), throttle.counted_at - now)
