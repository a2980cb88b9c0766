"""What only PostgreSQL can do to a journal: servers that lose commits, that go away, that are replaced, other nodes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from journal.samples import (
    NOW,
    accepted,
    acknowledgement,
    claim,
    escalation,
    finish,
    inbound,
    later,
    opened,
    opening,
)
from standins import postgres
from standins.postgres import Pair

from engine.clocks import SystemClock
from engine.core.errors import ConfigurationError, JournalUnavailable
from engine.journal.journals import StoredJournal
from engine.journal.postgres import PostgresStore
from engine.journal.statements import Database

Node = Callable[..., Awaitable[StoredJournal]]


@pytest.fixture
def schema(tmp_path: Path) -> str:
    name = f"p{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    postgres.shared().schema(name)
    return name


@pytest.fixture
async def node(schema: str) -> AsyncIterator[Node]:
    """Opens a journal as the node of that name."""
    lives: list[StoredJournal] = []

    async def begin(name: str = "a", address: str | None = None) -> StoredJournal:
        lives.append(StoredJournal(PostgresStore(address or postgres.shared().address(schema))))
        await lives[-1].open(name, NOW)
        return lives[-1]

    yield begin
    for life in lives:
        await life.close()


@pytest.mark.parametrize(("ahead", "refused"), [(0, False), (-19, False), (30, True), (-3600, True)])
async def test_a_clock_that_differs_from_the_databases_is_refused(schema: str, ahead: int, refused: bool) -> None:  # noqa: FBT001 - a table
    """One node would take for given up what another is sending; the sentence says by how much and what to do."""
    store = PostgresStore(postgres.shared().address(schema), now=lambda: SystemClock().now() + timedelta(seconds=ahead))
    journal = StoredJournal(store)
    if refused:
        with pytest.raises(ConfigurationError, match=rf"differ by {abs(ahead)} s; let both be kept right"):
            await journal.open("a", NOW)
        return
    await journal.open("a", NOW)
    await journal.close()


@pytest.mark.parametrize("setting", ["synchronous_commit=off", "synchronous_commit=local"])
async def test_a_server_that_may_lose_commits_is_refused(node: Node, schema: str, setting: str) -> None:
    """Accepted would be a promise that a power cut or a failover breaks; the sentence names the setting."""
    with pytest.raises(ConfigurationError, match="set synchronous_commit = on for this server"):
        await node(address=postgres.shared().address(schema, f"-c {setting}"))


async def test_a_server_that_is_not_there_is_said(node: Node) -> None:
    """The daemon cannot start, and the reason is no traceback."""
    with pytest.raises(JournalUnavailable, match="the database cannot be reached"):
        await node(address="postgresql://engine@127.0.0.1:1/engine")


async def test_a_database_that_is_not_there_is_said(node: Node) -> None:
    """The server answers and has no such database."""
    address = f"postgresql://engine@127.0.0.1:{postgres.shared().port}/elsewhere"
    with pytest.raises(JournalUnavailable, match=r'cannot be reached .*database "elsewhere" does not exist'):
        await node(address=address)


def test_an_address_that_is_none_is_said() -> None:
    """A word that libpq does not know is the administrator's to mend, with its name."""
    with pytest.raises(ConfigurationError, match=r'the address of the journal in engine.yaml is none: .*"bogus"'):
        PostgresStore("postgresql://engine@db/engine?bogus=1")


async def test_a_newer_schema_is_refused(node: Node, schema: str) -> None:
    """An older engine would misread what a newer one wrote."""
    await (await node()).close()
    postgres.shared().execute("UPDATE meta SET value = '99' WHERE name = 'schema'", schema)
    with pytest.raises(ConfigurationError, match="the database has schema 99"):
        await node()


async def test_a_user_without_a_schema_is_told_what_to_grant(node: Node) -> None:
    """Since PostgreSQL 15 nobody may create tables in "public" by default."""
    server = postgres.shared()
    server.execute("DROP ROLE IF EXISTS stranger")
    server.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(ConfigurationError, match="CREATE SCHEMA engine AUTHORIZATION engine"):
        await node(address=f"postgresql://stranger@127.0.0.1:{server.port}/postgres")


async def test_a_name_that_lives_is_refused(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two daemons of one name would break each other's leases."""
    monkeypatch.setattr("engine.journal.requirements._NAME_S", 0.2)
    await node("a")
    with pytest.raises(ConfigurationError, match='another daemon on this database calls itself "a"'):
        await node("a")
    await node("b")


async def test_a_text_with_a_nul_is_kept_without_it(node: Node) -> None:
    """PostgreSQL refuses U+0000; a client's message must not be lost for it."""
    journal = await node()
    await accepted(journal, inbound("m\0"))
    (answer,) = await journal.accept([inbound("m\0")], NOW)
    assert answer.duplicate


async def test_a_lost_connection_is_made_anew(node: Node) -> None:
    """Whoever asks at that moment may be told to come back; the next call finds the server again."""
    journal = await node()
    await accepted(journal, inbound("m1"))
    postgres.shared().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'support engine' AND pid <> pg_backend_pid()"
    )
    with suppress(JournalUnavailable):
        await accepted(journal, inbound("m2"))
    with pytest.raises(JournalUnavailable):
        await journal.unrouted(10)
    await accepted(journal, inbound("m2"))
    assert (await journal.backlog()).unrouted == 2


async def test_a_fault_that_is_heard_late_harms_no_other(node: Node) -> None:
    """Statements that answer nothing are not waited for: the one that breaks a rule of the schema still fails its own
    operation, and only that one."""
    journal = await node()

    def faulty(database: Database) -> str:
        database.rows("set_timer", "main", "wa-1", "lapse", 0, "OC-2026-9999")
        return "done"

    results = await asyncio.gather(
        accepted(journal, inbound("m1")),
        journal._write(faulty),
        accepted(journal, inbound("m2")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [int, psycopg.errors.ForeignKeyViolation, int]
    assert (await journal.backlog()).unrouted == 2
    await accepted(journal, inbound("m3"))


async def test_two_nodes_never_hold_one_lane(node: Node) -> None:
    """Forty lanes, claimed and settled by two nodes at once, are each sent once and in order; tickets have no gap."""
    nodes = [await node("a"), await node("b")]
    numbers = range(40)

    async def open_one(number: int) -> str:
        conversation = f"wa-{number}"
        deliveries = acknowledgement(f"a{number}", conversation), escalation(f"p{number}", conversation)
        return await opened(nodes[number % 2], *deliveries, conversation=conversation)

    tickets = await asyncio.gather(*(open_one(number) for number in numbers))
    assert sorted(tickets) == [f"OC-2026-{number + 1:04d}" for number in numbers]
    sent: list[str] = []

    async def work(journal: StoredJournal, destination: str) -> None:
        while batch := await claim(journal, destination, limit=3):
            sent.extend(claimed.id for claimed in batch)
            assert all([await finish(journal, claimed) for claimed in batch])

    await asyncio.gather(*(work(journal, destination) for journal in nodes for destination in ("main", "mattermost")))
    assert sorted(sent) == sorted([f"a{number}" for number in numbers] + [f"p{number}" for number in numbers])


async def test_the_same_message_at_two_nodes_is_one(node: Node) -> None:
    """A network that repeats itself may reach another node; and both may decide about one message."""
    first, second = await node("a"), await node("b")
    one, other = await asyncio.gather(first.accept([inbound()], NOW), second.accept([inbound()], NOW))
    assert sorted([one[0].duplicate, other[0].duplicate]) == [False, True]
    plan = opening(inbound(), escalation())
    tickets = await asyncio.gather(*(life.record(one[0].inbox_id, plan, {}, NOW) for life in (first, second)))
    assert tickets == ["OC-2026-0001"] * 2
    assert len(await first.deliveries(None, 10)) == 1


async def test_a_dead_nodes_work_is_taken_over(node: Node) -> None:
    """What it was sending goes to another node when the lease ends, in doubt; its own late word counts no more."""
    first, second = await node("a"), await node("b")
    await opened(first, escalation())
    (held,) = await claim(first)
    assert await claim(second, now=later(59)) == ()
    (taken,) = await claim(second, now=later(60))
    assert taken.doubtful
    assert not await finish(first, held, now=later(61))
    assert await finish(second, taken, now=later(61))


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary, and a standby that must have every commit before it counts."""
    pair = Pair.build("engine")
    yield pair
    pair.stop()


@pytest.mark.system
async def test_what_was_accepted_survives_the_loss_of_the_primary(pair: Pair) -> None:
    """The primary is killed under writes and the standby promoted: the open journal goes on there, nothing missing."""
    journal = StoredJournal(PostgresStore(pair.address("engine")))
    await journal.open("a", NOW)
    taken: list[str] = []

    async def write() -> None:
        for number in range(10_000):
            try:
                await journal.accept([inbound(f"m{number}", f"wa-{number}")], NOW)
            except JournalUnavailable:
                return
            taken.append(f"m{number}")

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.5)
    pair.primary.kill()
    await writing
    await asyncio.to_thread(pair.standby.promote)
    answers = await journal.accept([inbound(name, f"wa-{name[1:]}") for name in taken], NOW)
    assert len(taken) > 10
    assert all(answer.duplicate for answer in answers)
    await opened(journal, conversation="wa-after")
    await journal.close()
