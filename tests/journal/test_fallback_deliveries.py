"""Every journal: what goes another way when a post is not taken in time is withdrawn with the post, and only then."""

from datetime import timedelta

from journal.samples import SENT, Restart, claim, claim_one, escalation, finish, later, opened, states

from engine.core.deliveries import Copy, DeliveryState, Escalation, NewDelivery
from engine.core.settlements import Settlement
from engine.ports import Journal

WEBHOOK = "mattermost.fallback"
REFUSED = Settlement(DeliveryState.QUEUED, due_at=later(600), error="403: not a member")


def fallback() -> NewDelivery:
    post = escalation()
    assert isinstance(post.body, Escalation)
    due_at = post.due_at + timedelta(minutes=3)
    return NewDelivery("post-fallback", "fallback:post", WEBHOOK, Copy(post.body), due_at)


async def test_a_post_that_is_taken_takes_its_fallback_with_it(journal: Journal) -> None:
    """Nothing of it is left to be counted or looked after."""
    await opened(journal, escalation(), fallback())
    await finish(journal, await claim_one(journal), SENT, later(1))
    assert await states(journal) == {"post": DeliveryState.SENT}
    assert (await journal.backlog()).deliveries == {}


async def test_a_post_that_is_refused_leaves_its_fallback_due(restart: Restart) -> None:
    """Three minutes later, after a restart too; what was said already stays said when the post is taken at last."""
    journal = await restart()
    await opened(journal, escalation(), fallback())
    await finish(journal, await claim_one(journal), REFUSED)
    journal = await restart(now=later(10))
    assert await claim(journal, WEBHOOK, now=later(179)) == ()
    claimed = await claim_one(journal, WEBHOOK, now=later(180))
    assert isinstance(claimed.body, Copy)
    assert claimed.body.escalation.ticket_id == "OC-2026-0001"
    await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt=""), later(181))
    await finish(journal, await claim_one(journal, now=later(600)), SENT, later(601))
    assert await states(journal) == {"post": DeliveryState.SENT, "post-fallback": DeliveryState.SENT}


async def test_a_post_that_is_given_up_is_given_up_on_both_ways(journal: Journal) -> None:
    """An operator who drops it wants nobody called."""
    await opened(journal, escalation(), fallback())
    await journal.drop("post", "answered by hand", later(1))
    assert await states(journal) == {"post": DeliveryState.DEAD}
