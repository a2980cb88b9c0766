"""Networks that are away, refuse, ask for patience, hang up or answer byte by byte: what was accepted comes out once
when they are back, and nothing else waits for it.
"""

import asyncio
import time
from typing import Any

import pytest
from standins.clients import Meta, Writer, mark, plant, settled, show, tally
from standins.graph import graph_error
from standins.processes import Site, Standin, wait_until

pytestmark = pytest.mark.system
MESSAGES = 3
PAGE = "<html><body>502, 503 or 504 of a proxy</body></html>"


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


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("network", "answer"),
    [
        pytest.param("graph", graph_error(2, 500), id="graph-500"),
        pytest.param("graph", {"status": 503, "body": PAGE}, id="graph-503-page"),
        pytest.param("mattermost", {"status": 500, "body": {"id": "", "status_code": 500}}, id="mattermost-500"),
        pytest.param("mattermost", {"status": 503, "body": PAGE}, id="mattermost-503-page"),
    ],
)
async def test_a_network_in_trouble_holds_up_no_other(
    site: Site, network: str, answer: dict[str, Any], scale: int
) -> None:
    """While one answers 5xx to everything and asks for no patience, the other gets all of its messages; then this one
    gets its own, once and in order."""
    failing = site.graph if network == "graph" else site.mattermost
    failing.fail(".*", "answer", times=-1, **answer)
    writers = [Writer(number) for number in range(8 * scale)]
    async with Meta(site) as meta:
        await meta.converse(writers, MESSAGES, 100)
    if network == "graph":
        complete, silent = (lambda: len(site.posts()) == len(writers) * MESSAGES), site.sent
    else:
        complete, silent = (lambda: len(site.sent()) == len(writers)), site.posts
    await asyncio.to_thread(wait_until, complete, f"what does not go to {network} came out")
    await asyncio.to_thread(wait_until, lambda: len(failing.seen()) > 5, f"{network} is asked again and again")
    assert silent() == []
    failing.mend()
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    show(f"{network} answered {answer['status']} for a while", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)


@pytest.mark.timeout(900)
async def test_answers_that_drip_say_nothing_twice(site: Site, scale: int) -> None:
    """Each network takes a message and answers it a byte at a time, longer than an attempt may take: it comes out once
    all the same, and nobody else's messages wait for it."""
    slow, others = [Writer(0)], [Writer(number) for number in range(1, 8 * scale)]
    plant(site, slow)
    async with Meta(site) as meta:
        for network, on in ((site.graph, "POST /v23.0/.*"), (site.mattermost, "POST /api/v4/posts")):
            network.fail(on, "drip_after")
        await meta.deliver(slow[0].notification(0))
        await asyncio.to_thread(wait_until, lambda: (len(site.sent()), len(site.posts())) == (1, 1), "both took it")
        for message in range(1, MESSAGES):
            await meta.deliver(slow[0].notification(message))
        await meta.converse(others, MESSAGES, 100)
    counted = await asyncio.to_thread(settled, site, [*slow, *others], MESSAGES)
    show("answers a byte at a time", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(others) + 1, (len(others) + 1) * MESSAGES)
    _, *after = [number for number, post in enumerate(site.posts()) if mark(slow[0].number, 0)[:8] in post["message"]]
    assert after == [counted.posted - 2, counted.posted - 1]
    assert "the Graph API did not answer within 10 s" in site.logged()
    assert "Mattermost did not answer within 10 s" in site.logged()


def _asked_at(network: Standin, what: str, times: int) -> float:
    """When the network was asked that often."""
    wait_until(lambda: sum(one.startswith(what) for one in network.seen()) == times, f"asked {times} times", 15, 0.02)
    return time.monotonic()
