"""Every journal: the clock is set while deliveries wait or are being sent, or while nobody ran."""

from datetime import timedelta

import pytest
from journal.samples import (
    IN_DOUBT,
    KINDS,
    LEASE,
    NOW,
    Restart,
    acknowledgement,
    claim,
    claim_one,
    escalation,
    finish,
    later,
    opened,
)

from engine.core.deliveries import DeliveryState
from engine.core.settlements import Settlement
from engine.ports import Journal

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["ahead", "back"])
async def test_a_lease_lasts_as_long_as_before(journal: Journal, by: timedelta) -> None:
    """What this node is sending may be claimed by others neither earlier nor later because its clock was set."""
    await opened(journal, escalation())
    held = await claim_one(journal)
    await journal.follow_clock(by, NOW + by)
    assert await journal.next_due("mattermost", KINDS) == NOW + LEASE + by
    assert await claim(journal, now=NOW + by + LEASE - timedelta(seconds=1)) == ()
    assert await finish(journal, held, now=NOW + by)


async def test_another_nodes_lease_is_left_alone(restart: Restart) -> None:
    """Its clock was not set."""
    journal = await restart("node-a")
    await opened(journal, escalation())
    await claim_one(journal)
    journal = await restart("node-b")
    await journal.follow_clock(-HOUR, NOW - HOUR)
    assert await journal.next_due("mattermost", KINDS) == NOW + LEASE


async def test_what_waits_is_dated_back_with_the_clock(journal: Journal) -> None:
    """Its pause is as long as before, and its first attempt lies in the past as it did."""
    await opened(journal, escalation())
    first = await claim_one(journal)
    await finish(journal, first, IN_DOUBT)
    await journal.follow_clock(-HOUR, later(1) - HOUR)
    assert await claim(journal, now=later(1) - HOUR) == ()
    (again,) = await claim(journal, now=later(2) - HOUR)
    assert again.doubtful
    assert again.first_attempt_at == NOW - HOUR


async def test_what_waits_is_no_later_after_a_step_ahead(journal: Journal) -> None:
    """Due times stay: what waited comes due at once, as its look-up begins no later."""
    await opened(journal, escalation())
    await finish(journal, await claim_one(journal), IN_DOUBT)
    await journal.follow_clock(HOUR, later(1) + HOUR)
    (again,) = await claim(journal, now=later(1) + HOUR)
    assert again.first_attempt_at == NOW


async def test_a_clock_that_was_set_back_between_two_lives_holds_nothing_up(restart: Restart) -> None:
    """The newest entry of the audit comes from the future: what waits is due at once, a first attempt is long ago."""
    journal = await restart()
    await opened(journal, escalation(), acknowledgement())
    await finish(journal, await claim_one(journal), IN_DOUBT)
    pause = Settlement(DeliveryState.QUEUED, due_at=later(1800), error="503: asked us to wait")
    await finish(journal, await claim_one(journal, "main"), pause)
    journal = await restart(now=NOW - HOUR)
    (post,), (ack,) = await claim(journal, now=NOW - HOUR), await claim(journal, "main", now=NOW - HOUR)
    assert (post.doubtful, ack.doubtful) == (True, False)
    assert post.first_attempt_at < NOW - HOUR


async def test_clocks_that_differ_a_little_change_nothing_at_a_start(restart: Restart) -> None:
    """Another node may have written the newest entry by a clock that is some seconds ahead."""
    journal = await restart("node-a")
    await opened(journal, escalation())
    await finish(journal, await claim_one(journal), IN_DOUBT)
    journal = await restart("node-b", later(-10))
    assert await journal.next_due("mattermost", KINDS) == IN_DOUBT.due_at
