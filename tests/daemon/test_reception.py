"""Listeners at work: kept going whatever they do, and on one node only where only one may have the connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from standins.parts import SetClock

from engine import reception
from engine.core.errors import JournalUnavailable
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.ports import Received
from engine.reception import LEASE, Reception


class Phone:
    """A listener that takes in one thing and then stays silent, or fails as often as told."""

    name = "main"
    exclusive = True

    def __init__(self, faults: int = 0) -> None:
        self.faults = faults
        self.began = 0
        self.listening = False
        self.of_use = True
        self.heard = asyncio.Event()

    def is_of_use(self) -> bool:
        return self.of_use

    async def listen(self, accept: Callable[[Received], Awaitable[None]]) -> None:
        self.began += 1
        if self.faults:
            self.faults -= 1
            raise RuntimeError
        self.listening = True
        try:
            await accept(Received(answer=f"message {self.began}"))
            self.heard.set()
            await asyncio.Event().wait()
        finally:
            self.listening = False


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(reception, "_RENEW_S", 0.01)
    monkeypatch.setattr(reception, "_PAUSE_S", 0.01)
    monkeypatch.setattr(reception, "_LEFT_S", 0.05)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[StoredJournal]:
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("a", SetClock().now())
    yield journal
    await journal.close()


@asynccontextmanager
async def running(one: Reception) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def taken(received: Received) -> None:
    """What the daemon does with it is not the matter here."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_is_heard_is_accepted(journal: StoredJournal) -> None:
    """A node alone needs no lease."""
    phone, heard = Phone(), []

    async def accept(received: Received) -> None:
        heard.append(received.answer)

    one = Reception(phone, accept, journal, SetClock(), exclusive=False)
    async with running(one):
        await until(phone.heard.is_set)
        assert one.owns()
    assert heard == ["message 1"]
    assert not phone.listening
    assert await journal.own("main", LEASE, SetClock().now())


async def test_a_fault_of_a_listener_is_begun_again(journal: StoredJournal) -> None:
    """It harms nobody else, and the next try may do."""
    phone = Phone(faults=2)
    async with running(Reception(phone, taken, journal, SetClock(), exclusive=False)):
        await until(phone.heard.is_set)
    assert phone.began == 3


async def test_who_was_well_for_long_is_begun_again_at_once(
    journal: StoredJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses of a bad hour are not those of the next fault."""
    pauses: list[float] = []
    clock = SetClock()
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    class Failing(Phone):
        async def listen(self, accept: Callable[[Received], Awaitable[None]]) -> None:
            self.began += 1
            if self.began == 4:
                clock.advance(minutes=6)
            if self.began == 6:
                await asyncio.Event().wait()
            raise RuntimeError

    phone = Failing()
    monkeypatch.setattr("engine.reception.asyncio.sleep", sleep)
    task = asyncio.create_task(Reception(phone, taken, journal, clock, exclusive=False).run())
    while phone.began < 6:
        await real(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pauses == [0.01, 0.02, 0.04, 0.01, 0.02]


async def test_only_the_owner_listens(journal: StoredJournal) -> None:
    """While another node has the lease nothing is opened; it is given up at the end."""
    clock, phone = SetClock(), Phone()
    await journal.own("main", LEASE, clock.now())
    await journal.close()
    await journal.open("b", clock.now())
    one = Reception(phone, taken, journal, clock, exclusive=True)
    async with running(one):
        await asyncio.sleep(0.05)
        assert (phone.began, one.owns()) == (0, False)
        clock.at += LEASE
        await until(phone.heard.is_set)
        assert one.owns()
    assert not one.owns()
    await journal.close()
    await journal.open("c", clock.now())
    assert await journal.own("main", LEASE, clock.now())


async def test_a_lost_lease_ends_the_connection(journal: StoredJournal) -> None:
    """Where the journal cannot be asked nothing could be accepted, either; it is opened again later."""
    phone = Phone()
    one = Reception(phone, taken, journal, SetClock(), exclusive=True)
    away = False
    real = journal.own

    async def own(name: str, lease: timedelta, now: object) -> bool:
        if away:
            raise JournalUnavailable("away")
        return await real(name, lease, SetClock().now())

    journal.own = own  # type: ignore[method-assign]
    async with running(one):
        await until(phone.heard.is_set)
        away = True
        await until(lambda: not phone.listening)
        assert not one.owns()
        away = False
        await until(lambda: phone.began == 2)


async def test_nothing_is_sent_by_a_connection_that_another_node_has(journal: StoredJournal) -> None:
    """The destination is closed until the lease is ours."""
    await journal.own("main", LEASE, SetClock().now())
    assert not Reception(Phone(), taken, journal, SetClock(), exclusive=True).owns()
    assert Reception(Phone(), taken, journal, SetClock(), exclusive=False).owns()


async def test_a_node_of_no_use_leaves_the_connection_to_another(journal: StoredJournal) -> None:
    """Its phone is not linked, and that of the other node is; it asks again later."""
    phone = Phone()
    one = Reception(phone, taken, journal, SetClock(), exclusive=True)
    async with running(one):
        await until(phone.heard.is_set)
        phone.of_use = False
        await until(lambda: not phone.listening and not one.owns())
        phone.of_use = True
        await until(lambda: phone.began == 2 and one.owns())


async def test_a_node_alone_keeps_even_what_is_of_no_use(journal: StoredJournal) -> None:
    """Nobody else could do better."""
    phone = Phone()
    phone.of_use = False
    async with running(Reception(phone, taken, journal, SetClock(), exclusive=False)):
        await until(phone.heard.is_set)
        await asyncio.sleep(0.05)
        assert phone.listening
