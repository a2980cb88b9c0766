"""Ways to reach inside the journal, for tests that need a fault."""

import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
import psycopg

from engine.journal import sqlite
from engine.journal.journals import StoredJournal
from engine.journal.postgres import PostgresStore


def writing(journal: StoredJournal) -> apsw.Connection:
    connection = journal._alive().opened.writing
    assert isinstance(connection, sqlite._Connection)
    return connection.raw


def path_of(journal: StoredJournal) -> Path:
    store = journal._store
    assert isinstance(store, sqlite.SqliteStore)
    return store._path


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def size(path: Path) -> int:
    return path.stat().st_size


@contextmanager
def held(journal: StoredJournal) -> Iterator[None]:
    """Keeps the writer busy, so that whatever is submitted meanwhile becomes one batch."""
    gate = threading.Event()
    journal._alive().writer.submit(lambda _database: gate.wait())
    yield
    gate.set()


def connect(folder: Path, resources: ExitStack) -> tuple[sqlite._Connection, sqlite._Connection]:
    path = folder / "journal.db"
    path.touch()
    return sqlite._connect(path, resources)


def meddle(journal: StoredJournal, *statements: str) -> None:
    """Run statements behind the journal's back, whichever store it is in; on SQLite references are not looked at."""
    store = journal._store
    if isinstance(store, PostgresStore):
        with psycopg.connect(store._address, autocommit=True) as server:
            for statement in statements:
                server.execute(statement.encode())
        return
    with apsw.Connection(str(path_of(journal))) as file:
        for statement in statements:
            file.execute(statement)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond that, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
