"""Two nodes on one PostgreSQL: whichever process is killed, nothing is lost, said twice, reordered or skipped.

`pytest tests/system --kills 100` for more kills; every tenth is that of the database server.
"""

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest
from standins.clients import Meta, Writer, settled
from standins.postgres import Server
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
MESSAGES = 4


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of this test's own, which may be killed."""
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def nodes(build: Callable[..., Site], server: Server) -> Iterator[tuple[Site, Site]]:
    """Two running nodes."""
    first = build(measured=False)
    address = server.schema("engine")
    first.write_config("8s", f'journal: "{address}"\nnode: a\n')
    second = first.beside("second", "8s", f'journal: "{address}"\nnode: b\n')
    first.graph.order(callback_url=" ".join(f"{node.url}/webhooks/cloud" for node in (first, second)))
    try:
        first.start()
        second.start()
        yield first, second
    finally:
        second.close()
    assert second.leaks() == []


@pytest.mark.timeout(3600)
async def test_kills_of_nodes_and_of_the_server_lose_and_double_nothing(
    nodes: tuple[Site, Site], server: Server, request: pytest.FixtureRequest
) -> None:
    """Forty messages a second on both nodes come out once and in order, however often a process dies."""
    kills = request.config.getoption("--kills", 6)
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    writers = [Writer(number) for number in range(30 + 20 * kills)]
    async with Meta(*nodes) as meta:
        load = asyncio.create_task(meta.converse(writers, MESSAGES, 40))
        for number in range(kills):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            if number % 10 == 3:
                server.kill()
                await asyncio.to_thread(server.start)
                continue
            victim = nodes[number % 2]
            victim.kill()
            await asyncio.to_thread(victim.start)
        await load
    counted = await asyncio.to_thread(settled, nodes[0], writers, MESSAGES)
    print(f"\n{kills} kills; answers to notifications by status: {dict(meta.answers)}\n{counted.table()}")  # noqa: T201 - shown with -s
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
    assert (await asyncio.to_thread(nodes[0].command, "journal", "check")).returncode == 0


async def test_both_nodes_take_part_and_follow_the_switch(nodes: tuple[Site, Site]) -> None:
    """A client may reach either node within a conversation; what an operator pauses on one is paused on the other."""
    writers = [Writer(0), Writer(1)]
    async with Meta(*nodes) as meta:
        await meta.converse(writers, MESSAGES, 20)
    counted = await asyncio.to_thread(settled, nodes[0], writers, MESSAGES)
    assert counted.faults == ()
    assert [node.status()["node"] for node in nodes] == ["a", "b"]
    assert all(node.metric("engine_events_accepted_total") > 0 for node in nodes)
    assert nodes[0].command("pause").returncode == 0
    wait_until(lambda: bool(nodes[1].status()["paused"]), "the other node is paused, too", 10)


def test_two_daemons_cannot_have_one_name(nodes: tuple[Site, Site]) -> None:
    """They would take each other's work for that of an earlier life; the second is refused with what to do."""
    first = nodes[0]
    address = first.config.read_text().rpartition("journal: ")[2].partition("\n")[0]
    third = first.beside("third", extra=f"journal: {address}\nnode: a\n")
    try:
        third.launch()
        assert third.wait() == 78
        assert 'another daemon on this database calls itself "a"' in third.logged()
    finally:
        third.close()
