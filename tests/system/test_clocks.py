"""The machine's clock jumps an hour ahead and back: nothing is lost, doubled or reordered, nothing waits an hour."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from standins.clients import Meta, Writer, plant, settled, show
from standins.clocks import Clock
from standins.graph import status_notification
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
MESSAGES = 3
HOUR_S = 3600


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that is right."""
    clock = Clock(tmp_path / "ahead")
    clock.set(0)
    return clock


@pytest.fixture
def site(build: Callable[..., Site], clock: Clock) -> Site:
    """An installation on that clock, not started yet. A message in doubt is not said again before eight seconds."""
    site = build(in_doubt_wait="8s")
    site.program = "standins.altered"
    site.environ["CLOCK_AHEAD"] = str(clock.file)
    return site


@pytest.mark.timeout(1800)
async def test_jumps_under_load_lose_and_double_nothing(site: Site, clock: Clock, scale: int) -> None:
    """Forty messages a second come out once and in order while the clock jumps both ways and networks hang up."""
    site.start()
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    writers = [Writer(number) for number in range(60 * scale)]
    async with Meta(site) as meta:
        load = asyncio.create_task(meta.converse(writers, MESSAGES, 40))
        for _ in range(2 * scale):
            for ahead_s in (HOUR_S, 0):
                site.mattermost.fail("POST /api/v4/posts", "answer", times=3, status=503)
                site.mattermost.fail("POST /api/v4/posts", "cut_after")
                site.graph.fail("POST /v23.0/.*", "cut_after")
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                clock.set(ahead_s)
        await load
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    show(f"{4 * scale} jumps of the clock by an hour", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
async def test_what_is_being_sent_at_a_jump_is_not_sent_again(site: Site, clock: Clock, jump_s: int) -> None:
    """The answers take three seconds, and the lease seems to be over long before: each message is said once."""
    site.start()
    site.graph.order(statuses=[])
    for network, on in ((site.graph, "POST /v23.0/.*"), (site.mattermost, "POST /api/v4/posts")):
        network.fail(on, "late_after", pace_s=3)
    writers = [Writer(0)]
    plant(site, writers)
    async with Meta(site) as meta:
        await meta.deliver(writers[0].notification(0))
        await asyncio.to_thread(_both_took, site)
        clock.set(jump_s)
        site.mattermost.order(set={"offset_s": 60})
        await meta.deliver(writers[0].notification(1))
    counted = await asyncio.to_thread(settled, site, writers, 2)
    assert "did not answer" not in site.logged()
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (1, 2)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
async def test_what_is_in_doubt_at_a_jump_is_not_said_again(site: Site, clock: Clock, jump_s: int) -> None:
    """Both networks hang up after a message took effect. The clock jumps, Mattermost forgets the key of the post, and
    WhatsApp tells two seconds later that it has the message: neither is said again."""
    site.start()
    site.graph.order(statuses=[])
    for network, on in ((site.graph, "POST /v23.0/.*"), (site.mattermost, "POST /api/v4/posts")):
        network.fail(on, "cut_after")
    writers = [Writer(0)]
    plant(site, writers)
    async with Meta(site) as meta:
        await meta.deliver(writers[0].notification(0))
        await asyncio.to_thread(_both_took, site)
        await asyncio.to_thread(wait_until, lambda: _in_doubt(site) == 2, "both are in doubt")
        clock.set(jump_s)
        site.mattermost.order(set={"offset_s": 60})
        await asyncio.sleep(2)
        (sent,) = site.sent()
        site.graph.order(notify=status_notification(sent["id"], sent["key"], "sent"))
        await meta.deliver(writers[0].notification(1))
    counted = await asyncio.to_thread(settled, site, writers, 2)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (1, 2)


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
async def test_a_clock_that_is_set_back_holds_nothing_up(site: Site, clock: Clock, *, restart: bool) -> None:
    """Messages that were accepted, tried and left waiting while the clock was an hour ahead leave at once when it is
    right again, whether the daemon saw it change or was down."""
    clock.set(HOUR_S)
    site.start()
    writers = [Writer(number) for number in range(8)]
    await asyncio.to_thread(site.mattermost.refuse)
    await asyncio.to_thread(site.graph.refuse)
    async with Meta(site) as meta:
        await meta.converse(writers, MESSAGES, 100)
        # Long enough for several attempts.
        await asyncio.sleep(1)
        if restart:
            site.kill()
        clock.set(0)
        if restart:
            await asyncio.to_thread(site.start)
    await asyncio.to_thread(site.mattermost.accept)
    await asyncio.to_thread(site.graph.accept)
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    show("the clock was set back by an hour", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)


def _both_took(site: Site) -> None:
    wait_until(lambda: (len(site.sent()), len(site.posts())) == (1, 1), "both networks took their message")


def _in_doubt(site: Site) -> int:
    """How many attempts ended without anybody knowing how."""
    return site.logged().count("broke before its answer was read")
