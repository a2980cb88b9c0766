"""The second way to the engineers, for a post that the first one has not taken in time.

A fallback is a delivery like any other, ordered with the post and due later; it is withdrawn in the transaction that
notes that the post was taken. So it is said once, whatever is killed in between. Called by `pipeline`; the journal
knows the fallback of a delivery by its id. Pure.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from engine.core.deliveries import Copy, Escalation, NewDelivery
from engine.core.plan import Plan


@dataclass(frozen=True, slots=True)
class Fallback:
    """Where posts go that were not taken in time."""

    # The name of a connector.
    destination: str
    after: timedelta


def fallback_of(delivery_id: str) -> str:
    """The id of a delivery's fallback."""
    return f"{delivery_id}-fallback"


def with_fallbacks(planned: Plan, fallback: Fallback | None) -> Plan:
    """The plan with a fallback for each post that calls somebody; as it is where there is no second way."""
    if fallback is None:
        return planned
    ordered = tuple(
        NewDelivery(
            fallback_of(one.id), f"fallback:{one.id}", fallback.destination, Copy(one.body), one.due_at + fallback.after
        )
        for one in planned.deliveries
        if isinstance(one.body, Escalation)
    )
    return replace(planned, deliveries=(*planned.deliveries, *ordered))
