"""Networks that are away, refuse, ask for patience or hang up: what was accepted comes out once when they are back."""

import asyncio
import time

import pytest
from standins.clients import Meta, Writer, plant, settled, tally
from standins.graph import graph_error
from standins.processes import Site, Standin, wait_until

pytestmark = pytest.mark.system
MESSAGES = 3


@pytest.mark.parametrize("outage", ["refused", "database down"])
async def test_posts_wait_for_mattermost_and_acknowledgements_do_not(site: Site, outage: str) -> None:
    """While Mattermost is away clients are acknowledged and /readyz says what is wrong; then each thread comes out once
    and in order."""
    writers = [Writer(number) for number in range(8)]
    if outage == "refused":
        await asyncio.to_thread(site.mattermost.refuse)
    else:
        site.mattermost.order(set={"database_down": True})
    async with Meta(site) as meta:
        await meta.converse(writers, MESSAGES, 100)
    await asyncio.to_thread(wait_until, lambda: len(site.sent()) == len(writers), "every client is acknowledged")
    await asyncio.to_thread(wait_until, lambda: site.get("/readyz").status_code == 503, "the daemon is not ready")
    ready, failing = site.readiness().values()
    # Long enough for several attempts.
    await asyncio.sleep(2)
    if outage == "refused":
        await asyncio.to_thread(site.mattermost.accept)
        assert site.posts() == []
    else:
        assert site.posts() == []
        site.mattermost.order(set={"database_down": False})
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)

    assert not ready
    assert [problem.split(":")[0] for problem in failing] == ["mattermost"]
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
    await asyncio.to_thread(wait_until, lambda: site.get("/readyz").status_code == 200, "the daemon is ready again")


async def test_connections_that_break_say_nothing_twice(site: Site) -> None:
    """Both networks hang up once after a message took effect and once before: each message still comes out once."""
    for network, on in ((site.graph, "POST /v23.0/.*"), (site.mattermost, "POST /api/v4/posts")):
        network.fail(on, "cut_after")
        network.fail(on, "cut_before")
    writers = [Writer(number) for number in range(4)]
    async with Meta(site) as meta:
        await meta.converse(writers, MESSAGES, 100)
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)


async def test_a_network_that_asks_for_patience_gets_it(site: Site) -> None:
    """After a 429 nothing is asked again before Retry-After has passed, and then it is said once."""
    site.graph.fail("POST /v23.0/.*", "answer", **graph_error(130429, 429, **{"retry-after": "2"}))
    site.mattermost.fail("POST /api/v4/posts", "answer", status=429, headers={"retry-after": "2"})
    writers = [Writer(0)]
    plant(site, writers)
    async with Meta(site) as meta:
        await meta.deliver(writers[0].notification(0))
    asked = {
        "graph": await asyncio.to_thread(_asked_at, site.graph, "POST /v23.0", 1),
        "mattermost": await asyncio.to_thread(_asked_at, site.mattermost, "POST /api/v4/posts", 1),
    }
    assert tally(site, writers, 1).acknowledged == tally(site, writers, 1).posted == 0
    again = {
        "graph": await asyncio.to_thread(_asked_at, site.graph, "POST /v23.0", 2),
        "mattermost": await asyncio.to_thread(_asked_at, site.mattermost, "POST /api/v4/posts", 2),
    }
    counted = await asyncio.to_thread(settled, site, writers, 1)
    # Seen a little late the first time, so a little less may seem to have passed.
    assert {network: again[network] - moment > 1.7 for network, moment in asked.items()} == dict.fromkeys(asked, True)
    assert counted.faults == ()


def _asked_at(network: Standin, what: str, times: int) -> float:
    """When the network was asked that often."""
    wait_until(lambda: sum(one.startswith(what) for one in network.seen()) == times, f"asked {times} times", 15, 0.02)
    return time.monotonic()
