"""What becomes of a delivery after its network was asked. Pure.

Called by the relay, and by the journal for the networks' later words. `settle` and `settle_reconciled` are the only
places that decide what an outcome means.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Claimed,
    DeliveryState,
    Fault,
    FollowUp,
    Found,
    NewDelivery,
    Outcome,
    Reconciled,
    Rejected,
    Relayed,
    Sent,
    Unknown,
)
from engine.core.quotes import quote


class InDoubt(StrEnum):
    """What to do when nobody can tell whether a message arrived."""

    RESEND = "resend"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one destination is retried."""

    # The first pause; doubled with each attempt.
    base: timedelta = timedelta(seconds=1)
    # The longest pause between attempts.
    cap: timedelta = timedelta(minutes=1)
    # The pause while the fault is the administrator's.
    slow: timedelta = timedelta(seconds=60)
    # An older delivery is dead instead of retried; None: never.
    give_up_after: timedelta | None = None
    in_doubt: InDoubt = InDoubt.RESEND
    # How long a look-up or a receipt may take to settle a doubtful delivery before `in_doubt` decides; a restart
    # begins that time anew.
    in_doubt_wait: timedelta = timedelta(seconds=60)
    # The pause between look-ups.
    in_doubt_poll: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the journal writes after an attempt."""

    state: DeliveryState
    # Only for `queued`.
    due_at: datetime | None = None
    receipt: str | None = None
    error: str | None = None
    # The next claim must reconcile first.
    doubtful: bool = False


def backoff(attempt: int, chance: float, policy: Policy) -> timedelta:
    """Full jitter: uniform between nothing and the doubled base, capped. `chance` lies in [0, 1).

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(policy.cap, policy.base * (2 ** min(attempt - 1, 20)))
    return timedelta(seconds=ceiling.total_seconds() * chance)


def settle(claimed: Claimed, outcome: Outcome, now: datetime, chance: float, policy: Policy) -> Settlement:
    """What becomes of a delivery after the network was asked."""
    match outcome:
        case Sent(receipt=receipt):
            return Settlement(DeliveryState.SENT, receipt=receipt)
        case Unknown(reason=reason):
            due_at = now + max(policy.in_doubt_poll, backoff(claimed.attempt, chance, policy))
            return Settlement(DeliveryState.QUEUED, due_at=due_at, error=reason, doubtful=True)
        case Rejected(fault=Fault.PERMANENT):
            return Settlement(DeliveryState.DEAD, error=f"{outcome.code}: {outcome.reason}")
        case Rejected():
            error = f"{outcome.code}: {outcome.reason}"
            slow = policy.slow if outcome.fault is Fault.MISCONFIGURED else timedelta(0)
            due_at = now + max(outcome.retry_after, slow, backoff(claimed.attempt, chance, policy))
            if _is_too_old(claimed, due_at, policy):
                return Settlement(DeliveryState.DEAD, error=f"gave up: {error}")
            return Settlement(DeliveryState.QUEUED, due_at=due_at, error=error)
        case _:
            assert_never(outcome)


def settle_reconciled(
    claimed: Claimed, found: Reconciled, now: datetime, policy: Policy, listening_since: datetime
) -> Settlement | None:
    """What becomes of a doubtful delivery after the look-up; None: send it again now.

    `listening_since` is when this process began to take receipts. What a network had to tell before, it repeats only
    now, so the time in doubt does not run while nobody listened.
    """
    if isinstance(found, Sent):
        return Settlement(DeliveryState.SENT, receipt=found.receipt)
    too_old = _is_too_old(claimed, now, policy)
    if found is Found.NOT_SENT:
        return Settlement(DeliveryState.DEAD, error="gave up: it was never sent") if too_old else None
    if now < max(claimed.first_attempt_at, listening_since) + policy.in_doubt_wait:
        due_at = now + policy.in_doubt_poll
        return Settlement(
            DeliveryState.QUEUED, due_at=due_at, error="waiting to learn whether it arrived", doubtful=True
        )
    if policy.in_doubt is InDoubt.HOLD:
        return Settlement(DeliveryState.HELD, error="nobody can tell whether it arrived; policy: hold")
    if too_old:
        return Settlement(DeliveryState.HELD, error="nobody can tell whether it arrived; too old to say again")
    return None


def _is_too_old(claimed: Claimed, at: datetime, policy: Policy) -> bool:
    return policy.give_up_after is not None and at > claimed.accepted_at + policy.give_up_after


def note_of_end(
    delivery_id: str,
    lane: str,
    ticket_id: str | None,
    body: Body,
    settlement: Settlement,
    *,
    destination: str,
    now: datetime,
) -> NewDelivery | None:
    """The word to the engineers that a client was not acknowledged after all, or what became of their own words; None
    for every other end.
    """
    if settlement.state is DeliveryState.QUEUED or not isinstance(body, Acknowledgement | Relayed):
        return None
    if settlement.state is DeliveryState.SENT:
        note = f"Sent to the client: what {quote(body.by)} wrote." if isinstance(body, Relayed) else ""
    else:
        what = f"what {quote(body.by)} wrote" if isinstance(body, Relayed) else "the acknowledgement"
        doubt = "may not have arrived" if settlement.state is DeliveryState.HELD else "could not be delivered"
        note = f"Note: {what} {doubt} ({settlement.error}): answer by hand."
    if not note:
        return None
    reply = FollowUp(body.channel, body.team, note, ticket_id or "")
    return NewDelivery(f"{delivery_id}-note", lane.replace("acknowledge:", "escalate:", 1), destination, reply, now)


def as_template(body: Body) -> Acknowledgement | None:
    """What is said after a network has refused a text that it took: the same, as the approved template. None where that
    has been tried, or is no way to say it.
    """
    if not isinstance(body, Acknowledgement) or body.template_only:
        return None
    return replace(body, template_only=True)
