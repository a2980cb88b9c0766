"""The journals that the tests are about. A further store is one more line in `STORES`: its contract is written."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from journal.samples import NOW, Restart
from standins import postgres

from engine.journal.journals import StoredJournal
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore
from engine.ports import Journal


@dataclass(frozen=True, slots=True)
class Store:
    """A kind of journal; the same folder gives the same memory again."""

    name: str
    make: Callable[[Path, int], Journal]


def _sqlite(folder: Path, bound: int) -> Journal:
    return StoredJournal(SqliteStore(folder / "journal.db"), max_open_deliveries=bound)


def _postgres(folder: Path, bound: int) -> Journal:
    name = f"s{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    server = postgres.shared()
    return StoredJournal(PostgresStore(server.schema(name)), max_open_deliveries=bound)


STORES = (Store("sqlite", _sqlite), Store("postgresql", _postgres))


@pytest.fixture(params=STORES, ids=lambda store: store.name)
async def restart(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Restart]:
    """Ends the journal's present life, if there is one, and begins another on the same memory."""
    lives: list[Journal] = []

    async def begin(node: str = "node-a", now: datetime = NOW, bound: int = 1000) -> Journal:
        if lives:
            await lives[-1].close()
        lives.append(request.param.make(tmp_path, bound))
        await lives[-1].open(node, now)
        return lives[-1]

    yield begin
    for life in lives:
        await life.close()


@pytest.fixture
async def journal(restart: Restart) -> Journal:
    return await restart()


@pytest.fixture
async def sqlite_journal(tmp_path: Path) -> AsyncIterator[StoredJournal]:
    """The journal on SQLite for tests that reach inside."""
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("node-a", NOW)
    yield journal
    await journal.close()
