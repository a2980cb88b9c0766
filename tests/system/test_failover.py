"""The database's primary is lost and its standby takes over: the daemons find it by themselves, nothing is missing."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
from standins.clients import Meta, Writer, settled, show
from standins.postgres import Pair
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
MESSAGES = 4


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary with its synchronous standby."""
    pair = Pair.build("engine")
    yield pair
    pair.stop()


@pytest.mark.timeout(1800)
async def test_the_loss_of_the_primary_loses_and_doubles_nothing(
    build_nodes: Callable[..., tuple[Site, Site]], pair: Pair, scale: int
) -> None:
    """Two nodes take forty messages a second while the primary is killed and the standby promoted; with `--long` ten
    times, each with a new standby. No daemon is restarted."""
    nodes = build_nodes(pair.address("engine"))
    for node in nodes:
        await asyncio.to_thread(node.start)
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    writers = [Writer(number) for number in range(60 * scale)]
    async with Meta(*nodes) as meta:
        load = asyncio.create_task(meta.converse(writers, MESSAGES, 40))
        for failover in range(scale):
            if failover:
                await asyncio.to_thread(pair.replace_lost)
            await asyncio.sleep(chance.uniform(1, 3))
            await asyncio.to_thread(pair.fail_over)
            await asyncio.to_thread(wait_until, lambda: _ready(nodes), "both nodes are ready again")
        await load
    counted = await asyncio.to_thread(settled, nodes[0], writers, MESSAGES)
    show(f"{scale} failovers; answers to notifications by status: {dict(meta.answers)}", counted)
    assert set(meta.answers) > {200}
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)


def _ready(nodes: Sequence[Site]) -> bool:
    return all(node.get("/readyz").status_code == 200 for node in nodes)
