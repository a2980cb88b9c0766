"""The store on SQLite: one file on one machine, one process.

`app` hands it to `journals`. Here stand the driver, its settings and its errors. A commit is on disk when it returns:
write-ahead log, `synchronous=FULL`.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from threading import Event
from typing import TypeVar

import apsw
from loguru import logger

from engine.core.chains import AuditValues
from engine.core.errors import ConfigurationError, JournalUnavailable, NotFound, PermissionRefused
from engine.core.objects import Json
from engine.journal import checks, locks
from engine.journal.statements import MIGRATIONS, TEXTS, Database, Row, Value

T = TypeVar("T")

# How long to wait for another process that holds the file, e.g. a backup.
_BUSY_MS = 2000
# How often to wait that long for a reader, e.g. a backup, until the log can be emptied.
_FORGET_TRIES = 10
# Pages of a copy's step, which are flushed each: an unbounded heap would be flushed with the next message, which waits.
_COPY_PAGES = 256
# Steps of the virtual machine until somebody who looks at a journal looks up.
_LOOK_UP = 20_000

# What the operating system or the disk can do to us at any time, as an administrator would say it. Any other error of
# the driver is a fault of this package and stays one.
_REFUSALS: Mapping[type[apsw.Error], str] = {
    apsw.FullError: "the disk is full",
    apsw.ReadOnlyError: "the file or its folder is read-only",
    apsw.IOError: "the disk reports an error",
    apsw.BusyError: "another process holds it",
    apsw.LockedError: "another process holds it",
    apsw.CantOpenError: "the file cannot be opened",
    apsw.NoMemError: "there is no memory left",
    apsw.ProtocolError: "another process holds it",
    apsw.CorruptError: "the file is damaged",
    apsw.NotADBError: "the file is damaged",
    apsw.InterruptError: "the daemon is stopping",
}
_Refusal = tuple(_REFUSALS)


def _unavailable(error: apsw.Error) -> JournalUnavailable:
    return JournalUnavailable(f"the journal cannot be used: {_REFUSALS[type(error)]}")


class _Connection:
    """One connection as the operations and the writer see it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.raw = connection
        self.pending: list[AuditValues] = []

    def rows(self, statement: str, *values: Value) -> list[Row]:
        try:
            return self.raw.execute(TEXTS[statement], values).fetchall()
        except _Refusal as error:
            raise _unavailable(error) from error

    def begin(self) -> None:
        self.abandon()
        self._run("BEGIN IMMEDIATE")

    def keep(self) -> None:
        self._run("SAVEPOINT operation")

    def release(self) -> None:
        self._run("RELEASE operation")

    def undo(self) -> None:
        # SQLite itself rolls everything back on some errors of the disk.
        if not self.raw.in_transaction:
            raise JournalUnavailable("the journal cannot be used: the disk refused in the middle of a transaction")
        self._run("ROLLBACK TO operation")
        self._run("RELEASE operation")

    def commit(self) -> None:
        self._run("COMMIT")

    def abandon(self) -> None:
        if self.raw.in_transaction:
            self._run("ROLLBACK")

    def snapshot(self, operation: Callable[[Database], T]) -> T:
        """The result of an operation that reads, all of it from the same moment."""
        self._run("BEGIN")
        try:
            return operation(self)
        finally:
            self.abandon()

    def schema(self) -> int:
        """See `checks.Inspected.schema`."""
        known = self._ask("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'inbox')")
        return int(self._ask("PRAGMA user_version")[0][0]) if known == [(2,)] else 0

    def damage(self, limit: int) -> list[str]:
        """See `checks.Inspected.damage`."""
        try:
            found = [str(text) for (text,) in self.raw.execute(f"PRAGMA integrity_check({limit})") if text != "ok"]
            if found:
                return [f"the file is damaged: {' '.join(text.split())}" for text in found]
            lost = list(islice(self.raw.execute("PRAGMA foreign_key_check"), limit))
        except apsw.CorruptError:
            return ["the file is damaged"]
        except _Refusal as error:
            raise _unavailable(error) from error
        return [f"row {row} of {table} names a row of {parent} that does not exist" for table, row, parent, _ in lost]

    def tables(self) -> list[tuple[str, tuple[str, ...]]]:
        """The tables with their columns, each after those that it refers to."""
        named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
        columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid"
        return [
            (table, tuple(column for (column,) in self._ask(columns, table)))
            for (table,) in self._ask(f"{named} ORDER BY rowid")
        ]

    def every(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """All rows of a table."""
        try:
            yield from self.raw.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - names of our own schema
        except _Refusal as error:
            raise _unavailable(error) from error

    def _ask(self, sql: str, *values: Value) -> list[Row]:
        try:
            return self.raw.execute(sql, values).fetchall()
        except _Refusal as error:
            raise _unavailable(error) from error

    def _run(self, sql: str) -> None:
        self._ask(sql)


class _Opened:
    """The open file."""

    def __init__(self, writing: _Connection, reading: _Connection, resources: ExitStack) -> None:
        """`resources` closes the connections, then gives up the lock."""
        self.writing = writing
        self.reading = reading
        self._resources = resources
        self._path = Path(writing.raw.filename)
        self._stopping = Event()

    def inspect(self) -> AbstractContextManager[_Connection]:
        """See `stores.Opened.inspect`."""
        return inspect(self._path, self._stopping)

    def copy_into(self, path: Path) -> Json:
        """See `stores.Opened.copy_into`."""
        return copy(self._path, path, self._stopping)

    def forget(self) -> bool:
        """See `stores.Opened.forget`."""
        # Through a connection of its own, because this thread is not the one that writes.
        with suppress(*_REFUSALS), ExitStack() as resources:
            connection = apsw.Connection(self.writing.raw.filename, flags=apsw.SQLITE_OPEN_READWRITE)
            resources.callback(connection.close)
            connection.set_busy_timeout(_BUSY_MS)
            # A connection that has read nothing does not know of the log, and its checkpoint would do nothing.
            connection.pragma("user_version")
            for _ in range(_FORGET_TRIES):
                with suppress(apsw.BusyError):
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                    return True
        # The client is erased all the same; the command says that remains may be left.
        return False

    def close(self) -> None:
        # Whoever looks at the file or copies it lets go of it.
        self._stopping.set()
        with self._resources:
            # Truncated, so that erased text does not live on in the log.
            try:
                self.writing.raw.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except _Refusal as error:
                logger.warning("the journal's log stays for the next start: {}", _unavailable(error))


class SqliteStore:
    """One SQLite file."""

    def __init__(self, path: Path) -> None:
        """Only names the file; `open` creates it."""
        self._path = path

    def open(self, _node: str) -> _Opened:
        """See `stores.Store.open`. Raises PermissionRefused for a folder that cannot be written and
        ConfigurationError for a file that another process uses, that a newer engine wrote or that is no journal.
        """
        with ExitStack() as resources:
            resources.enter_context(locks.held(self._path))
            writing, reading = _connect(self._path, resources)
            return _Opened(writing, reading, resources.pop_all())


@contextmanager
def inspect(path: Path, stopping: Event | None = None) -> Iterator[_Connection]:
    """A journal's file, to be looked at and not to be changed; `stopping` ends the look with JournalUnavailable.

    Raises NotFound where there is none, PermissionRefused when it may not be read.
    """
    # A file that nobody has open and that has no log needs none of the files that SQLite makes beside it.
    alone = not Path(f"{path}-wal").exists()
    with ExitStack() as resources:
        try:
            # Opened by SQLite alone: whoever closes it otherwise drops the locks that this process has on it.
            if not S_ISREG(path.stat().st_mode):
                raise NotFound(f"{path} is no file")
            name = f"{path.absolute().as_uri()}?{'immutable=1' if alone else 'mode=ro'}"
            connection = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
            resources.callback(connection.close)
            connection.set_busy_timeout(_BUSY_MS)
            if stopping is not None:
                connection.set_progress_handler(stopping.is_set, _LOOK_UP)
            # The first read; before it nothing is opened.
            connection.execute("BEGIN; SELECT count(*) FROM sqlite_schema").fetchall()
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {path}") from error
        except (OSError, apsw.CantOpenError) as error:
            raise PermissionRefused(f"{path} or what is beside it cannot be read; use sudo, or its owner") from error
        except apsw.NotADBError as error:
            raise NotFound(f"{path} is no journal") from error
        except apsw.CorruptError as error:
            raise NotFound(f"{path} is damaged: it cannot be read at all") from error
        except _Refusal as error:
            raise _unavailable(error) from error
        yield _Connection(connection)


def copy(source: Path, target: Path, stopping: Event | None = None) -> Json:
    """Fill the empty file `target` with the journal in `source` as it is at this moment, while others write to it; what
    `checks.verify` finds in the copy.

    Blocks nobody: a reader of a write-ahead log holds up no writer, and only keeps the log from being shortened.
    """
    with inspect(source, stopping) as journal, ExitStack() as resources:
        try:
            connection = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
            resources.callback(connection.close)
            # Until it is whole nobody believes it.
            connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
            descriptor = os.open(target, os.O_RDWR | os.O_CLOEXEC)
            resources.callback(os.close, descriptor)
            # The transaction that reads is open already: all steps copy the same moment, whatever is written meanwhile.
            with connection.backup("main", journal.raw, "main") as steps:
                while not steps.done:
                    if stopping is not None and stopping.is_set():
                        raise JournalUnavailable("the journal is not copied: the daemon is stopping")
                    steps.step(_COPY_PAGES)
                    os.fdatasync(descriptor)
            # One file, without a log beside it.
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except _Refusal as error:
            raise JournalUnavailable(f"the journal cannot be copied: {_REFUSALS[type(error)]}") from error
    with inspect(target, stopping) as copied:
        return checks.verify(copied)


@contextmanager
def changing(path: Path) -> Iterator[_Connection]:
    """A copy of a journal with the newest schema, in one transaction that changes it."""
    with ExitStack() as resources:
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            resources.callback(connection.close)
            connection.execute("PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON").fetchall()
            migrate(connection, MIGRATIONS, path)
            changed = _Connection(connection)
            changed.begin()
            yield changed
            changed.commit()
        except _Refusal as error:
            raise _unavailable(error) from error


def fold(path: Path) -> None:
    """Bring the log of a journal that nobody uses into its file; JournalUnavailable where that cannot be done."""
    with ExitStack() as resources:
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            resources.callback(connection.close)
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except _Refusal as error:
            raise _unavailable(error) from error


def _connect(path: Path, resources: ExitStack) -> tuple[_Connection, _Connection]:
    """The connection that writes, with the newest schema, and the one that reads."""
    try:
        writing = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        resources.callback(writing.close)
        writing.set_busy_timeout(_BUSY_MS)
        # Plans that do not depend on bound values: without it SQLite prepares a statement anew for each execution
        # wherever a partial index could match a value (a third of all time, measured 2026-11).
        writing.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        writing.execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
            "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
            "PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864"
        ).fetchall()
        migrate(writing, MIGRATIONS, path)
        reading = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        resources.callback(reading.close)
        reading.set_busy_timeout(_BUSY_MS)
    except apsw.NotADBError as error:
        raise ConfigurationError(f"{path} is not a journal; move it away or name another state folder") from error
    except (apsw.ReadOnlyError, apsw.CantOpenError) as error:
        raise PermissionRefused(f"the journal {path} cannot be written; let the engine's user write it") from error
    except _Refusal as error:
        raise _unavailable(error) from error
    return _Connection(writing), _Connection(reading)


def migrate(connection: apsw.Connection, steps: Sequence[str], path: Path) -> None:
    """Bring the schema to `len(steps)`, each step in a transaction of its own."""
    present = int(str(connection.pragma("user_version")))
    if present > len(steps):
        raise ConfigurationError(
            f"the journal {path} has schema {present} and this engine knows schemas up to {len(steps)}; "
            "install the engine that wrote it, or name another state folder to begin with an empty journal"
        )
    for number, step in enumerate(steps[present:], start=present + 1):
        # The driver's own context undoes by a savepoint, which is gone where SQLite itself has rolled back.
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(step)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
