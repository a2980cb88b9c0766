"""The second way of a post: ordered with it, due later, for posts that call somebody alone."""

from datetime import UTC, datetime, timedelta

from standins.claims import ACKNOWLEDGEMENT, copy, escalation, follow_up, revision

from engine.core.deliveries import Body, Copy, NewDelivery
from engine.core.fallbacks import Fallback, fallback_of, with_fallbacks
from engine.core.plan import Plan

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
THREE = Fallback("mattermost.fallback", timedelta(minutes=3))


def planned(*bodies: Body) -> Plan:
    deliveries = tuple(NewDelivery(f"d{n}", f"lane{n}", "mattermost", body, NOW) for n, body in enumerate(bodies))
    return Plan(None, 0, None, deliveries, (), ())


def test_a_post_gets_a_second_way() -> None:
    """The same words, in a lane of their own, three minutes later; what calls nobody gets none."""
    plan = planned(escalation(), ACKNOWLEDGEMENT, follow_up(), revision(), copy())
    found = with_fallbacks(plan, THREE)
    assert found.deliveries[:-1] == plan.deliveries
    assert found.deliveries[-1] == NewDelivery(
        "d0-fallback", "fallback:d0", "mattermost.fallback", Copy(escalation()), NOW + timedelta(minutes=3)
    )
    assert fallback_of("d0") == "d0-fallback"


def test_without_a_second_way_nothing_changes() -> None:
    """The very same plan."""
    plan = planned(escalation())
    assert with_fallbacks(plan, None) is plan
