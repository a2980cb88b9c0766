"""The journal on SQLite: one file on one machine, one process.

`app` makes it. Writes go through one thread with group commit (`writer`), reads through a second connection in a thread
of their own. The operations are plain functions of this package; here stand the driver, its settings, its errors and
the lifetime. A commit is on disk when it returns: write-ahead log, `synchronous=FULL`.
"""

import asyncio
import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import apsw
from loguru import logger

from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState, NewDelivery, Settlement
from engine.core.errors import ConfigurationError, JournalUnavailable, PermissionRefused
from engine.core.events import Inbound, Receipt
from engine.core.incidents import Incident, IncidentStatus
from engine.core.notices import Notice
from engine.core.plan import AuditEntry, Plan
from engine.journal import announcements, audits, lanes, messages, receipts, reports, switches
from engine.journal.audits import About
from engine.journal.lanes import Bound
from engine.journal.statements import MIGRATIONS, QUERIES, Database, Row, Value
from engine.journal.writer import Writer
from engine.ports import Accepted, Backlog, Decided, DeliveryView, IncidentView, Unrouted

T = TypeVar("T")

# How long to wait for another process that holds the file, e.g. a backup.
_BUSY_MS = 2000
_SALT_BYTES = 16

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
}
_Refusal = tuple(_REFUSALS)


def _unavailable(error: apsw.Error) -> JournalUnavailable:
    return JournalUnavailable(f"the journal cannot be used: {_REFUSALS[type(error)]}")


class _Connection:
    """One connection as the operations and the writer see it."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.raw = connection

    def rows(self, statement: str, *values: Value) -> list[Row]:
        try:
            return self.raw.execute(QUERIES[statement], values).fetchall()
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

    def _run(self, sql: str) -> None:
        try:
            self.raw.execute(sql)
        except _Refusal as error:
            raise _unavailable(error) from error


@dataclass(frozen=True, slots=True)
class _Life:
    """What an open journal holds."""

    node: str
    salt: bytes
    writer: Writer
    reader: ThreadPoolExecutor
    writing: _Connection
    reading: _Connection
    # Closes the connections, then gives up the lock.
    resources: ExitStack


class SqliteJournal:
    """A `Journal` in one SQLite file. `open` and the methods after it belong to one event loop."""

    def __init__(self, path: Path, *, max_open_deliveries: int = 100_000) -> None:
        """Only names the file; `open` creates it."""
        self._path = path
        self._bound = Bound(max_open_deliveries)
        self._life: _Life | None = None

    async def open(self, node: str, now: datetime) -> None:
        """See `ports.Journal.open`. Raises PermissionRefused for a folder that cannot be written and
        ConfigurationError for a file that another process uses, that a newer engine wrote or that is no journal.
        """
        self._life = await asyncio.to_thread(self._begin, node, now, asyncio.get_running_loop())

    def _begin(self, node: str, now: datetime, loop: asyncio.AbstractEventLoop) -> _Life:
        with ExitStack() as resources:
            resources.callback(os.close, _lock(self._path))
            writing, reading = _connect(self._path, resources)
            writing.begin()
            salt = _salt(writing)
            lanes.break_leases(writing, node, now)
            writing.commit()
            writer = Writer(writing, loop)
            reader = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
            writer.start()
            return _Life(node, salt, writer, reader, writing, reading, resources.pop_all())

    async def close(self) -> None:
        """See `ports.Journal.close`."""
        life, self._life = self._life, None
        if life is not None:
            await asyncio.to_thread(_end, life)

    def _alive(self) -> _Life:
        if self._life is None:
            raise JournalUnavailable("the journal is closed")
        return self._life

    async def _write(self, operation: Callable[[Database], T]) -> T:
        return await self._alive().writer.submit(operation)

    async def _read(self, operation: Callable[[Database], T]) -> T:
        life = self._alive()
        return await asyncio.get_running_loop().run_in_executor(life.reader, life.reading.snapshot, operation)

    async def accept(self, inbounds: Sequence[Inbound], now: datetime) -> tuple[Accepted, ...]:
        """See `ports.Journal.accept`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(lambda database: messages.accept(database, inbounds, now, salt, bound))

    async def unrouted(self, limit: int) -> tuple[Unrouted, ...]:
        """See `ports.Journal.unrouted`."""
        return await self._read(lambda database: messages.unrouted(database, limit))

    async def record(self, inbox_id: int, plan: Plan, decision_log: Mapping[str, object], now: datetime) -> str | None:
        """See `ports.Journal.record`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(
            lambda database: messages.record(database, inbox_id, plan, decision_log, now, salt=salt, bound=bound)
        )

    async def claim(
        self, destination: str, kinds: Sequence[DeliveryKind], limit: int, lease: timedelta, now: datetime
    ) -> tuple[Claimed, ...]:
        """See `ports.Journal.claim`."""
        node = self._alive().node
        return await self._write(
            lambda database: lanes.claim(database, destination, kinds, limit, lease, now, node=node)
        )

    async def finish(
        self,
        claimed: Claimed,
        settlement: Settlement,
        audit: Sequence[AuditEntry],
        then: Sequence[NewDelivery],
        now: datetime,
    ) -> bool:
        """See `ports.Journal.finish`."""
        bound = self._bound
        return await self._write(
            lambda database: lanes.finish(database, claimed, settlement, audit, then, now, bound=bound)
        )

    async def next_due(self, destination: str, kinds: Sequence[DeliveryKind]) -> datetime | None:
        """See `ports.Journal.next_due`."""
        return await self._read(lambda database: lanes.next_due(database, destination, kinds))

    async def note_receipts(self, receipts_: Sequence[Receipt], now: datetime, *, escalate_to: str) -> int:
        """See `ports.Journal.note_receipts`."""
        bound = self._bound
        return await self._write(
            lambda database: receipts.note(database, receipts_, now, escalate_to=escalate_to, bound=bound)
        )

    async def lapse(self, limit: int, now: datetime) -> tuple[str, ...]:
        """See `ports.Journal.lapse`."""
        salt = self._alive().salt
        return await self._write(lambda database: messages.lapse(database, limit, now, salt))

    async def audit(self, entry: AuditEntry, now: datetime) -> None:
        """See `ports.Journal.audit`."""
        await self._write(lambda database: audits.add(database, entry, About(), now))

    async def announce(self, notice: Notice, delivery: NewDelivery | None, now: datetime) -> bool:
        """See `ports.Journal.announce`."""
        bound = self._bound
        return await self._write(lambda database: announcements.announce(database, notice, delivery, now, bound))

    async def set_paused(self, *, paused: bool, now: datetime) -> None:
        """See `ports.Journal.set_paused`."""
        await self._write(lambda database: switches.set_paused(database, now, paused=paused))

    async def paused(self) -> bool | None:
        """See `ports.Journal.paused`."""
        return await self._read(switches.paused)

    async def backlog(self) -> Backlog:
        """See `ports.Journal.backlog`."""
        return await self._read(reports.backlog)

    async def incidents(self, status: IncidentStatus | None, limit: int) -> tuple[Incident, ...]:
        """See `ports.Journal.incidents`."""
        return await self._read(lambda database: reports.incidents(database, status, limit))

    async def incident(self, ticket_id: str) -> IncidentView | None:
        """See `ports.Journal.incident`."""
        return await self._read(lambda database: reports.incident(database, ticket_id))

    async def deliveries(self, state: DeliveryState | None, limit: int) -> tuple[DeliveryView, ...]:
        """See `ports.Journal.deliveries`."""
        return await self._read(lambda database: reports.deliveries(database, state, limit))

    async def decided(self, since: datetime, before: int | None, limit: int) -> tuple[Decided, ...]:
        """See `ports.Journal.decided`."""
        return await self._read(lambda database: reports.decided(database, since, before, limit))

    async def redrive(self, delivery_id: str, now: datetime) -> DeliveryState | None:
        """See `ports.Journal.redrive`."""
        bound = self._bound
        return await self._write(lambda database: lanes.redrive(database, delivery_id, now, bound))


def _lock(path: Path) -> int:
    """Create the file, for its owner only, and a lock beside it; the lock's descriptor."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created here and not by SQLite, whose umask-given mode would let others read clients' words; the log and
        # the index beside it take the mode of the file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise ConfigurationError(
            f"the journal {path} is in use by another process; stop that one, or name another state folder"
        ) from error
    return lock


def _refusal(path: Path, error: OSError) -> ConfigurationError | PermissionRefused | JournalUnavailable:
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PermissionRefused(
            f"the journal {path} cannot be written ({os.strerror(error.errno)}); "
            "let the engine's user write the state folder"
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return JournalUnavailable(f"the journal {path} cannot be created: {os.strerror(error.errno)}")
    return ConfigurationError(
        f"the journal {path} cannot be created ({os.strerror(error.errno or errno.EIO)}); name another state folder"
    )


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
        with connection:
            connection.execute(step)
            connection.execute(f"PRAGMA user_version = {number}")


def _salt(writing: _Connection) -> bytes:
    found = writing.rows("read_meta", "salt")
    if found:
        return bytes.fromhex(found[0][0])
    salt = secrets.token_bytes(_SALT_BYTES)
    writing.rows("write_meta", "salt", salt.hex())
    return salt


def _end(life: _Life) -> None:
    life.writer.stop()
    life.reader.shutdown()
    with life.resources:
        # Truncated, so that erased text does not live on in the log.
        try:
            life.writing.raw.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except _Refusal as error:
            logger.warning("the journal's log stays for the next start: {}", _unavailable(error))
