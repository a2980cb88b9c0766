"""The store on PostgreSQL: one database, any number of nodes.

`app` hands it to `journals`. Here stand the driver, its settings and its errors. A commit is on the server's disk (and
on that of a synchronous standby, where there is one) when it returns.

Transactions that write are serial over all nodes: each takes one advisory lock of the schema. So the operations may
reason as on SQLite: rows are numbered in the order of commits, ticket numbers have no gaps, and no two nodes ever
decide about the same lane at once. Group commit makes up for it, since a node writes all that waits in one transaction.

A connection that is lost, or that ends at a server which is no longer the primary, is made anew by the next call.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import LiteralString, TypeVar

import psycopg
from loguru import logger
from psycopg import conninfo

from engine.core.chains import AuditValues
from engine.core.errors import ConfigurationError, EngineError, JournalUnavailable, UsageError
from engine.core.objects import Json
from engine.journal import requirements
from engine.journal.backups import ITS_OWN_BACKUPS
from engine.journal.dialects import ANSWERS, REFUSALS, STATEMENTS, STEPS, storable
from engine.journal.statements import Database, Row, Value

T = TypeVar("T")

# Of the driver; the address may set them, too. Without an answer of one host the next one is tried.
_CONNECT: Mapping[str, str] = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "target_session_attrs": "read-write",
    "application_name": "support engine",
}
# Of each session: a node that stands still in the middle of a transaction, or whose machine is gone, holds up the
# others for ten seconds at most.
_SESSION = (
    "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '15s'; SET statement_timeout = '30s';"
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;"
    "SET client_min_messages = warning; SET default_transaction_isolation = 'read committed'"
)
# An index over many rows takes its time, and so do a copy and a check.
_PATIENT = ("SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0")
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Two keys in the space of advisory locks, made of the schema's name, so that engines in two schemas of one database
# do not wait for each other.
_WRITE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('support-engine-write:' || current_schema(), 0))"
# What stands in the schema; of other schemas in the search path the engine makes no use.
_TABLES = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema() ORDER BY tablename"


def _refusal(error: psycopg.Error) -> JournalUnavailable | None:
    """What the error means for the engine; None for a fault of this package."""
    if isinstance(error, psycopg.errors.PipelineAborted):
        # An earlier statement failed, and what that means was told for it.
        return None
    state = error.sqlstate or ""
    for beginning, words in REFUSALS.items():
        if state.startswith(beginning):
            return JournalUnavailable(f"the journal cannot be used: {words}")
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return JournalUnavailable("the journal cannot be used: the database cannot be reached")
    return None


def _words(error: psycopg.Error) -> str:
    """What libpq says about an address or a server, on one line. It never repeats a password."""
    return " ".join(str(error).split())


class _Session:
    """One connection, made when it is needed and made anew after it was lost."""

    def __init__(self, address: str, node: str | None, now: Callable[[], datetime] | None = None) -> None:
        """`node`: the name to hold on the server as long as the connection lasts. Such a connection writes, and sends
        its statements without waiting for those that answer nothing: a third of the round trips are left (2026-11).
        """
        self._now = now
        self.pending: list[AuditValues] = []
        self._address = address
        self._node = node
        self._pipeline: psycopg.Pipeline | None = None
        self._resources = ExitStack()
        # A transaction may be open. The driver's word for it cannot be trusted in a pipeline that failed.
        self._begun = False
        self._connection: psycopg.Connection[Row] | None = None

    @property
    def raw(self) -> psycopg.Connection[Row]:
        """The connection. Raises JournalUnavailable when it was lost; only `begin` and `snapshot` make a new one."""
        if self._connection is None or self._connection.closed:
            raise JournalUnavailable("the journal cannot be used: the connection broke")
        return self._connection

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """See `statements.Database.rows`."""
        try:
            cursor = self.raw.execute(STATEMENTS[statement], [storable(value) for value in values])
            return cursor.fetchall() if statement in ANSWERS else []
        except psycopg.Error as error:
            raise self._translated(error) from error

    def connect(self) -> None:
        """Connect unless that is done. Raises JournalUnavailable, or ConfigurationError for a server that must not be
        trusted or a name that another daemon holds.
        """
        if self._connection is not None and not self._connection.closed:
            return
        try:
            connection = psycopg.connect(self._address, autocommit=True, prepare_threshold=0)
            try:
                connection.execute(_SESSION, prepare=False)
                requirements.check_durability(connection)
                if self._now is not None:
                    requirements.check_clock(connection, self._now)
                if self._node is not None:
                    requirements.take_name(connection, self._node)
            except BaseException:
                connection.close()
                raise
        except psycopg.OperationalError as error:
            # Without a code while there is no connection: only the words tell a wrong password from a lost network.
            words = f"the database cannot be reached ({_words(error)})"
            raise JournalUnavailable(f"the journal cannot be used: {words}") from error
        self._connection = connection
        self._begun = False
        self._send_ahead()

    def _send_ahead(self) -> None:
        """From here on a connection that writes does not wait for statements that answer nothing."""
        if self._node is not None:
            self._pipeline = self._resources.enter_context(self.raw.pipeline())

    def _wait(self) -> None:
        """Hear the end of what was sent, and wait for each statement from here on. What failed was told already, or
        belongs to what is taken back now.
        """
        # At every ROLLBACK the driver gives up its prepared statements; in a pipeline it uses them once more and fails
        # (psycopg 3.3.9).
        self._pipeline = None
        with suppress(psycopg.Error):
            self._resources.close()

    def begin(self) -> None:
        """See `writer.Session.begin`."""
        self.abandon()
        try:
            self.connect()
        except ConfigurationError as error:
            # At start this ends the daemon; later the administrator may mend it while the messages wait outside.
            raise JournalUnavailable(f"the journal cannot be used: {error}") from error
        self._begun = True
        self.run("BEGIN", _WRITE_LOCK)

    def keep(self) -> None:
        """See `writer.Session.keep`."""
        self.run("SAVEPOINT operation")

    def release(self) -> None:
        """See `writer.Session.release`."""
        self._hear()
        self.run("RELEASE operation")

    def undo(self) -> None:
        """See `writer.Session.undo`."""
        self._wait()
        self.run("ROLLBACK TO operation", "RELEASE operation")
        self._send_ahead()

    def commit(self) -> None:
        """See `writer.Session.commit`. When the connection breaks here, nobody knows whether the server committed:
        the caller is told that it did not, and every operation may be asked for again.
        """
        # In one round trip: the server carries out no statement after one that failed.
        self._hear("COMMIT")
        self._begun = False

    def abandon(self) -> None:
        """See `writer.Session.abandon`."""
        if self._connection is None or self._connection.closed:
            return
        if not self._begun:
            return
        self._wait()
        if self.raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.run("ROLLBACK")
        self._begun = False
        self._send_ahead()

    def snapshot(self, operation: Callable[[Database], T]) -> T:
        """See `stores.Connection.snapshot`."""
        self.connect()
        self._begun = True
        self.run(_SNAPSHOT)
        try:
            return operation(self)
        finally:
            with suppress(JournalUnavailable):
                self.abandon()

    def schema(self) -> int:
        """See `checks.Inspected.schema`."""
        with self.guarded():
            known = self.raw.execute("SELECT to_regclass('meta') IS NOT NULL").fetchall()[0][0]
        found = self.rows("read_meta", "schema") if known else []
        return int(found[0][0]) if found else 0

    @staticmethod
    def damage(_limit: int) -> list[str]:
        """See `checks.Inspected.damage`: the server looks after its files, and holds references and checks itself."""
        return []

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Translate what the driver raises in the block, without the words, which may hold a row's content."""
        try:
            yield
        except psycopg.Error as error:
            unheard = JournalUnavailable(f"the database refuses what it is given (SQLSTATE {error.sqlstate})")
            translated = self._translated(error)
            raise translated if isinstance(translated, EngineError) else unheard from None

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._wait()

    def _hear(self, *texts: LiteralString) -> None:
        """Hear the end of everything that was sent. Raises the fault of a statement of the operations, too."""
        try:
            for text in texts:
                self.raw.execute(text)
            if self._pipeline is not None:
                self._pipeline.sync()
        except psycopg.Error as error:
            raise self._translated(error) from error

    def run(self, *texts: LiteralString) -> None:
        """Run statements that answer nothing. Raises JournalUnavailable."""
        try:
            for text in texts:
                self.raw.execute(text)
        except psycopg.Error as error:
            translated = self._translated(error)
            if isinstance(translated, EngineError):
                raise translated from error
            # Nothing of ours can be wrong with these few texts: the two ends no longer agree about the transaction.
            self.close()
            raise JournalUnavailable("the journal cannot be used: a transaction went astray") from error

    def _translated(self, error: psycopg.Error) -> EngineError | psycopg.Error:
        """What to raise instead. After a refusal the connection is given up: the next one may find a better server."""
        refusal = _refusal(error)
        if refusal is None:
            return error
        self.close()
        return refusal


@dataclass(frozen=True, slots=True)
class _Opened:
    """The open database."""

    # A further connection that reads: see `stores.Opened.inspect`.
    inspect: Callable[[], AbstractContextManager[_Session]]
    writing: _Session
    reading: _Session

    @staticmethod
    def copy_into(_path: Path) -> Json:
        """See `stores.Opened.copy_into`."""
        raise UsageError(ITS_OWN_BACKUPS)

    @staticmethod
    def forget() -> bool:
        """See `stores.Opened.forget`. The server's vacuum removes what is dead; its log runs out by itself."""
        return False

    def close(self) -> None:
        self.writing.close()
        self.reading.close()


class PostgresStore:
    """One schema of a PostgreSQL database, shared by all nodes."""

    def __init__(self, address: str, password: str = "", now: Callable[[], datetime] | None = None) -> None:
        """`address` as libpq takes it, several hosts included. Raises ConfigurationError for one that it does not.
        With `now` this machine's clock is held against the server's whenever a node connects.
        """
        self._now = now
        given = {"password": password} if password else {}
        try:
            self._address = conninfo.make_conninfo("", **{**_CONNECT, **conninfo.conninfo_to_dict(address), **given})
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(f"the address of the journal in engine.yaml is none: {_words(error)}") from error

    def open(self, node: str) -> _Opened:
        """See `stores.Store.open`. Raises ConfigurationError for a server whose settings may lose a commit, for a
        newer schema and for a node name that is taken, JournalUnavailable when there is no server.
        """
        opened = _Opened(self.inspect, _Session(self._address, node, self._now), _Session(self._address, None))
        try:
            opened.reading.connect()
            _migrate(opened.reading)
            opened.writing.connect()
        except BaseException:
            opened.close()
            raise
        return opened

    @contextmanager
    def inspect(self) -> Iterator[_Session]:
        """A connection that reads one moment and changes nothing, not even the schema."""
        session = _Session(self._address, None)
        try:
            session.connect()
            session.run(_SNAPSHOT, *_PATIENT)
            yield session
        finally:
            session.close()

    @contextmanager
    def filling(self) -> Iterator[_Session]:
        """A transaction in an empty schema that gets the newest tables, without the mark that says so: nobody sees
        anything of it before it ends well. Raises UsageError for a schema that is not empty.
        """
        session = _Session(self._address, None)
        try:
            session.connect()
            session.begin()
            with session.guarded():
                tables = session.raw.execute(_TABLES).fetchall()
            if tables:
                raise UsageError(
                    f"the schema holds tables already ({', '.join(name for (name,) in tables)}); name an empty one"
                )
            _make_tables(session, 0)
            yield session
            session.rows("set_meta", "schema", str(len(STEPS)))
            session.commit()
        finally:
            session.close()


def _migrate(session: _Session) -> None:
    """Bring the schema to the newest step, whichever node comes first."""
    session.begin()
    present = session.schema()
    if present > len(STEPS):
        raise ConfigurationError(
            f"the database has schema {present} and this engine knows schemas up to {len(STEPS)}; "
            "install the engine that wrote it"
        )
    _make_tables(session, present)
    if present < len(STEPS):
        session.rows("set_meta", "schema", str(len(STEPS)))
        logger.info("the database has schema {} now (it had {})", len(STEPS), present)
    session.commit()


def _make_tables(session: _Session, present: int) -> None:
    # Whoever comes second waits for it.
    session.run(*_PATIENT)
    try:
        for step in STEPS[present:]:
            session.raw.execute(step.encode(), prepare=False)
    except psycopg.errors.InsufficientPrivilege as error:
        session.abandon()
        raise ConfigurationError(
            "the database user may not create tables; let it own its schema: CREATE SCHEMA engine AUTHORIZATION engine"
        ) from error
