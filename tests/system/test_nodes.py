"""Two nodes on one PostgreSQL: whichever process is killed, nothing is lost, said twice, reordered or skipped.

`pytest tests/system --kills 100` for more kills; every tenth is that of the database server.
"""

import asyncio
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from standins.clients import TOPICS, Meta, Writer, plant, settled, show, under_kills
from standins.postgres import Server
from standins.processes import Site, wait_until

from engine.relay import LEASE_AMONG_NODES

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
def nodes(build_nodes: Callable[..., tuple[Site, Site]], server: Server) -> tuple[Site, Site]:
    """Two running nodes."""
    nodes = build_nodes(server.schema("engine"))
    for node in nodes:
        node.start()
    return nodes


@pytest.mark.timeout(3600)
async def test_kills_of_nodes_and_of_the_server_lose_and_double_nothing(
    nodes: tuple[Site, Site], server: Server, kills: int
) -> None:
    """Forty messages a second on both nodes come out once and in order, however often a process dies."""
    writers = [Writer(number) for number in range(30 + 20 * kills)]

    def kill(number: int) -> None:
        if number % 10 == 3:
            server.kill()
            server.start()
        else:
            nodes[number % 2].die()

    async with Meta(*nodes) as meta:
        await under_kills(meta.converse(writers, MESSAGES, 40), kills, 2026, kill)
    counted = await asyncio.to_thread(settled, nodes[0], writers, MESSAGES)
    show(f"{kills} kills; answers to notifications by status: {dict(meta.answers)}", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
    assert (await asyncio.to_thread(nodes[0].command, "journal", "check")).returncode == 0


@pytest.mark.timeout(3600)
async def test_kills_of_everything_at_once_lose_and_double_nothing(
    nodes: tuple[Site, Site], server: Server, kills: int
) -> None:
    """Both daemons and the database server die in the same moment under forty messages a second, again and again."""
    times = 1 + kills // 4
    writers = [Writer(number) for number in range(20 + 20 * times)]

    def kill(_: int) -> None:
        for node in nodes:
            node.signal(signal.SIGKILL)
        server.kill()
        assert [node.wait() for node in nodes] == [-9, -9]
        server.start()
        with ThreadPoolExecutor() as together:
            list(together.map(Site.start, nodes))

    async with Meta(*nodes) as meta:
        await under_kills(meta.converse(writers, MESSAGES, 40), times, 2026, kill)
    counted = await asyncio.to_thread(settled, nodes[0], writers, MESSAGES)
    show(f"{times} kills of both daemons and the database server together", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("network", "on"),
    [("graph", "POST /v23.0/.*"), ("mattermost", "POST /api/v4/posts")],
    ids=["acknowledgement", "post"],
)
async def test_what_a_dead_node_was_sending_is_taken_over(
    build_nodes: Callable[..., tuple[Site, Site]], server: Server, network: str, on: str, pytestconfig: pytest.Config
) -> None:
    """A node dies while a network holds its request, and stays away: the other says it when the lease is over. The
    lease is shortened to 6 s; `--long` waits for the real one."""
    victim, heir = nodes = build_nodes(server.schema("engine"), "2s")
    lease_s = LEASE_AMONG_NODES.total_seconds() if pytestconfig.getoption("--long") else 6.0
    for node in nodes:
        node.program = "standins.altered"
        node.start(LEASE_S=str(lease_s))
    standin = victim.graph if network == "graph" else victim.mattermost
    standin.order(kill={"on": on, "when": "before", "pid": victim.pid})
    writers = [Writer(0)]
    plant(victim, writers)
    # So that it is the victim who sends.
    heir.signal(signal.SIGSTOP)
    async with Meta(victim) as meta:
        await meta.deliver(writers[0].notification(0))
        assert await asyncio.to_thread(victim.wait) == -9
    began = time.monotonic()
    heir.signal(signal.SIGCONT)
    async with Meta(heir) as meta:
        await meta.deliver(writers[0].notification(0))
        await meta.deliver(writers[0].notification(1))
    counted = await asyncio.to_thread(settled, heir, writers, 2, lease_s + 30)
    assert standin.recorded()["killed"] == ["before"]
    show(f"taken over after {time.monotonic() - began:.1f} s; the lease is {lease_s:g} s", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (1, 2)


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


async def test_what_is_published_on_one_node_decides_on_both_until_it_is_withdrawn(nodes: tuple[Site, Site]) -> None:
    """Broken rules change nothing, a restart keeps what is published, and then each node has its own files again."""
    first, second = nodes
    own = first.status()["rulesetSha"]
    folder = first.folder / "proposal"
    shutil.copytree(first.folder / "rules", folder / "rules")
    shutil.copytree(first.folder / "templates", folder / "templates")
    telephony = folder / "rules" / "10-telephony.yaml"
    good = telephony.read_text("utf-8")

    telephony.write_text(good.replace("priority: high", "priority: hihg", 1), "utf-8")
    broken = first.command("rules", "publish", str(folder / "rules"))
    assert (broken.returncode, broken.stdout) == (1, "")
    assert 'did you mean "high"?' in broken.stderr
    assert [node.status()["rulesetSha"] for node in nodes] == [own, own]

    telephony.write_text(good.replace("calls failing{% if code", "calls broken{% if code"), "utf-8")
    done = first.command("rules", "publish", str(folder / "rules"))
    assert (done.returncode, done.stderr) == (0, "")
    sha = re.findall(r"Published: ([0-9a-f]{64})\.\n", done.stdout)[0]
    assert done.stdout == f"Published: {sha}.\n  a  runs {sha[:12]}\n  b  runs {sha[:12]}\n"
    second.kill()
    second.start()
    assert [(node.status()["rulesetSha"], node.status()["published"]["node"]) for node in nodes] == [(sha, "a")] * 2
    # Each node is told about one of them. Both write about the same.
    writers = [Writer(0), Writer(len(TOPICS))]
    for node, writer in zip(nodes, writers, strict=True):
        async with Meta(node) as meta:
            await meta.converse([writer], MESSAGES, 20)
    assert (await asyncio.to_thread(settled, first, writers, MESSAGES)).faults == ()
    summaries = [found for post in first.posts() for found in re.findall(r"3CX outbound calls \w+", post["message"])]
    assert summaries == ["3CX outbound calls broken"] * len(writers)
    shown = second.command("status").stdout
    assert re.search(rf"rules +\d+ rules, {sha}, published at \S+Z by node a\n", shown)
    assert re.search(rf"\na +{sha[:12]} .*\nb +{sha[:12]} ", shown)
    reloaded = second.command("reload")
    assert (reloaded.returncode, reloaded.stdout.splitlines()[0]) == (0, f"Reloaded: {sha} is in force.")
    assert "by node a; the files of this node do not count until" in reloaded.stdout

    withdrawn = second.command("rules", "publish", "--withdraw")
    assert (withdrawn.returncode, withdrawn.stderr) == (0, "")
    line = f"runs {own[:12]} from its files"
    assert withdrawn.stdout == f"Withdrawn: every node returns to its own files.\n  a  {line}\n  b  {line}\n"
    assert [node.status()["published"] for node in nodes] == [None, None]
    assert second.stop() == 0
    assert [node["node"] for node in first.status()["nodes"]] == ["a"]
    second.start()


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


def test_a_connection_that_one_node_has_is_no_fault_of_the_other(
    build_nodes: Callable[..., tuple[Site, Site]], server: Server
) -> None:
    """Only the node that holds the linked phone says what is wrong with it, and the other stays in service; when that
    one ends, the other takes the connection over.
    """
    nodes = build_nodes(server.schema("engine"))
    for node in nodes:
        text = node.config.read_text()
        node.config.write_text(text.replace("connectors:\n", "connectors:\n  phone: {type: whatsapp-web}\n"))
    first, second = nodes
    first.start()
    wait_until(lambda: first.get("/readyz").status_code == 503, "the first has the connection, and no phone is linked")
    second.start()
    assert second.get("/readyz").status_code == 200
    assert [problem.split(":")[0] for problem in first.readiness()["failing"]] == ["phone"]
    first.stop()
    wait_until(lambda: second.get("/readyz").status_code == 503, "the second has it", 30)
