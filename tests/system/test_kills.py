"""kill -9 at any moment: nothing that was accepted is lost, nothing is said twice, no ticket number is skipped.

At random moments under load (`pytest tests/system --kills 50` for more of them, or `--long`), and exactly while a
network holds a request of the daemon's, before or after it took effect.
"""

import asyncio
import time
from collections.abc import Callable

import pytest
from standins.clients import Meta, Writer, plant, settled, show, under_kills
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
MESSAGES = 4


@pytest.mark.timeout(1800)
async def test_nothing_is_lost_or_doubled_by_kills_under_load(build: Callable[..., Site], kills: int) -> None:
    """Forty messages a second, each repeated until taken, come out once and in order however often the daemon dies."""
    site = build(in_doubt_wait="8s")
    site.start()
    writers = [Writer(number) for number in range(30 + 20 * kills)]
    async with Meta(site) as meta:
        await under_kills(meta.converse(writers, MESSAGES, 40), kills, 2026, lambda _: site.die())
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    show(f"{kills} kills; answers to notifications by status: {dict(meta.answers)}", counted)
    assert meta.answers[200] == len(writers) * MESSAGES
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
    assert (await asyncio.to_thread(site.command, "journal", "check")).returncode == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("network", "on"),
    [("graph", "POST /v23.0/.*"), ("mattermost", "POST /api/v4/posts")],
    ids=["acknowledgement", "post"],
)
async def test_a_kill_while_a_network_holds_a_request_doubles_nothing(
    build: Callable[..., Site], network: str, on: str, when: str
) -> None:
    """The daemon dies between asking a network and hearing its answer, is away for longer than it waits in doubt, and
    still says everything once."""
    site = build(in_doubt_wait="2s")
    site.start()
    standin = site.graph if network == "graph" else site.mattermost
    standin.order(kill={"on": on, "when": when, "pid": site.pid})
    writers = [Writer(0)]
    plant(site, writers)
    async with Meta(site) as meta:
        await meta.deliver(writers[0].notification(0))
        assert await asyncio.to_thread(site.wait) == -9
        assert standin.recorded()["killed"] == [when]
        await asyncio.sleep(2.5)
        await asyncio.to_thread(site.start)
        await meta.deliver(writers[0].notification(0))
        await meta.deliver(writers[0].notification(1))
    counted = await asyncio.to_thread(settled, site, writers, 2)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (1, 2)


async def test_a_restart_after_a_kill_goes_on_by_itself(build: Callable[..., Site]) -> None:
    """What waited when the daemon was killed leaves as soon as it runs again; `-s` shows after how long."""
    site = build()
    site.start()
    writers = [Writer(number) for number in range(8)]
    await asyncio.to_thread(site.mattermost.refuse)
    async with Meta(site) as meta:
        await meta.converse(writers, MESSAGES, 100)
    await asyncio.to_thread(wait_until, lambda: len(site.sent()) == len(writers), "every client is acknowledged")
    site.kill()
    await asyncio.to_thread(site.mattermost.accept)
    assert site.posts() == []
    began = time.monotonic()
    site.launch()
    await asyncio.to_thread(wait_until, lambda: len(site.posts()) > 0, "the first post is out", look_s=0.01)
    took_s = time.monotonic() - began
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    show(f"{took_s:.2f} s from the restart after kill -9 to the first delivery", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
