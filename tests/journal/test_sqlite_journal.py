"""What the journal on SQLite promises beyond the contract: the disk's faults, its files, its plans, its speed."""

import asyncio
import errno
import resource
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
import pytest
from journal.samples import (
    DECISION,
    NOW,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    escalation,
    finish,
    inbound,
    joined,
    opened,
    opening,
    states,
)
from loguru import logger

from engine.core.decisions import Priority
from engine.core.deliveries import DeliveryState
from engine.core.errors import ConfigurationError, EngineError, JournalUnavailable, PermissionRefused, Superseded
from engine.journal import sqlite
from engine.journal.sqlite import SqliteJournal
from engine.journal.statements import MIGRATIONS, QUERIES, Database, named
from engine.journal.writer import Writer

FULL = "the journal cannot be used: the disk is full"
BROKEN = "the journal cannot be used: the disk reports an error"


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    opened_journal = SqliteJournal(tmp_path / "journal.db")
    await opened_journal.open("node-a", NOW)
    yield opened_journal
    await opened_journal.close()


def writing(journal: SqliteJournal) -> apsw.Connection:
    return journal._alive().writing.raw


@contextmanager
def held(journal: SqliteJournal) -> Iterator[None]:
    """Keeps the writer busy, so that whatever is submitted meanwhile becomes one batch."""
    gate = threading.Event()
    journal._alive().writer.submit(lambda _database: gate.wait())
    yield
    gate.set()


# Group commit


async def test_writes_that_wait_share_one_commit(journal: SqliteJournal) -> None:
    """However many messages were accepted while the disk was busy, one flush makes them durable."""
    commits = []
    writing(journal).set_commit_hook(lambda: bool(commits.append(1)))
    with held(journal):
        waiting = [asyncio.create_task(journal.accept([inbound(f"m{n}")], NOW)) for n in range(200)]
        await asyncio.sleep(0)
    answers = [answer for task in waiting for answer in await task]
    assert [answer.inbox_id for answer in answers] == list(range(1, 201))
    assert sum(commits) <= 2


async def test_one_bad_operation_harms_no_other(journal: SqliteJournal) -> None:
    """An operation that fails in a batch undoes only itself; its caller alone is told, with its own error."""

    def break_down(database: Database) -> None:
        database.rows("write_meta", "half", "done")
        raise ZeroDivisionError

    inbox_id = await accepted(journal, inbound("m0"))
    writer = journal._alive().writer
    with held(journal):
        before = asyncio.create_task(journal.accept([inbound("m1", "wa-2")], NOW))
        recorded = asyncio.create_task(journal.record(inbox_id, opening(inbound("m0")), DECISION, NOW))
        await asyncio.sleep(0)
        broken = writer.submit(break_down)
        late = asyncio.create_task(journal.record(1, opening(inbound("m0")), DECISION, NOW))
        wrong = asyncio.create_task(journal.record(2, opening(inbound("m1"), expected_version=7), DECISION, NOW))
        after = asyncio.create_task(journal.accept([inbound("m2", "wa-3")], NOW))
        await asyncio.sleep(0)
    assert [(await task)[0].inbox_id for task in (before, after)] == [2, 3]
    assert await recorded == await late == "OC-2026-0001"
    with pytest.raises(ZeroDivisionError):
        await broken
    with pytest.raises(Superseded):
        await wrong
    assert await journal._read(lambda database: database.rows("read_meta", "half")) == []


async def test_a_cancelled_caller_disturbs_nobody(journal: SqliteJournal) -> None:
    """Whoever stops waiting for a write leaves the others of its batch alone; what was asked for is written."""
    with held(journal):
        cancelled = asyncio.create_task(journal.accept([inbound("m1")], NOW))
        other = asyncio.create_task(journal.accept([inbound("m2")], NOW))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.sleep(0)
    assert (await other)[0].inbox_id == 2
    assert (await journal.accept([inbound("m1")], NOW))[0].duplicate


async def test_close_finishes_what_was_asked_for(tmp_path: Path) -> None:
    """Writes that were submitted before `close` are carried out."""
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open("node-a", NOW)
    waiting = [asyncio.create_task(journal.accept([inbound(f"m{n}")], NOW)) for n in range(600)]
    await asyncio.sleep(0)
    await journal.close()
    assert [(await task)[0].inbox_id for task in waiting] == list(range(1, 601))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.db", "journal.db.lock"]


def test_answers_that_nobody_awaits_are_dropped(tmp_path: Path) -> None:
    """A loop that was closed before its writes came back does not bring the writer down."""
    with ExitStack() as resources:
        connection, _ = connect(tmp_path, resources)
        loop = asyncio.new_event_loop()
        writer = Writer(connection, loop)
        writer.submit(lambda database: database.rows("write_meta", "written", "yes"))
        loop.close()
        writer.start()
        writer.stop()
        assert connection.rows("read_meta", "written") == [("yes",)]


def connect(folder: Path, resources: ExitStack) -> tuple[sqlite._Connection, sqlite._Connection]:
    path = folder / "journal.db"
    path.touch()
    return sqlite._connect(path, resources)


# A disk that refuses


async def test_a_full_disk_is_said_and_survived(journal: SqliteJournal) -> None:
    """Nothing of a refused call has happened, and the same call succeeds once there is room."""
    ticket = await opened(journal, escalation())
    claimed = await claim_one(journal)
    limit = writing(journal).execute("PRAGMA page_count").fetchall()[0][0]
    writing(journal).execute(f"PRAGMA max_page_count = {limit}").fetchall()
    many = [inbound(f"m{number}", f"wa-{number}") for number in range(100)]
    with pytest.raises(JournalUnavailable) as caught:
        await journal.accept(many, NOW)
    assert (str(caught.value), caught.value.retry_after.total_seconds()) == (FULL, 5)
    assert await journal.unrouted(1000) == ()
    # What needs no new page goes on.
    assert await finish(journal, claimed)
    writing(journal).execute("PRAGMA max_page_count = 1000000").fetchall()
    assert not any(answer.duplicate for answer in await journal.accept(many, NOW))
    assert await opened(journal, conversation="wa-x") == "OC-2026-0002"
    assert ticket == "OC-2026-0001"


async def test_a_disk_that_fails_at_the_commit_fails_the_whole_batch(journal: SqliteJournal) -> None:
    """When the commit cannot be written, everybody of the batch is told, and nothing of it has happened."""
    await journal.accept([inbound("m0")], NOW)
    log = journal._path.with_name("journal.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with held(journal):
        waiting = [asyncio.create_task(journal.accept([inbound(f"m{n}", f"wa-{n}")], NOW)) for n in (1, 2)]
        await asyncio.sleep(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log, hard))
    results = await asyncio.gather(*waiting, return_exceptions=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(type(result), str(result)) for result in results] == [(JournalUnavailable, BROKEN)] * 2
    assert results[0] is not results[1]
    assert len(await journal.unrouted(10)) == 1
    answers = await journal.accept([inbound("m1", "wa-1"), inbound("m2", "wa-2")], NOW)
    assert [answer.duplicate for answer in answers] == [False, False]


async def test_a_transaction_that_is_gone_fails_the_whole_batch(journal: SqliteJournal) -> None:
    """SQLite rolls everything back on some errors; then nobody of the batch may believe that it was written."""

    def lose(_database: Database) -> None:
        writing(journal).execute("ROLLBACK")
        raise ZeroDivisionError

    with held(journal):
        innocent = asyncio.create_task(journal.accept([inbound("m1")], NOW))
        await asyncio.sleep(0)
        lost = journal._alive().writer.submit(lose)
    for waiting in (innocent, lost):
        with pytest.raises(JournalUnavailable, match="the disk refused in the middle of a transaction"):
            await waiting
    assert not (await journal.accept([inbound("m1")], NOW))[0].duplicate


async def test_a_read_only_file_is_said_and_survived(journal: SqliteJournal) -> None:
    """A file system that turns read-only refuses writes and goes on answering reads."""
    await opened(journal, escalation())
    writing(journal).execute("PRAGMA query_only = ON").fetchall()
    with pytest.raises(JournalUnavailable, match="the file or its folder is read-only"):
        await journal.accept([inbound()], NOW)
    assert len(await journal.deliveries(None, 10)) == 1
    writing(journal).execute("PRAGMA query_only = OFF").fetchall()
    assert not (await journal.accept([inbound()], NOW))[0].duplicate


async def test_a_file_that_another_process_locks_is_said_and_survived(journal: SqliteJournal) -> None:
    """A backup that holds the file for long makes writes wait and then refuse."""
    writing(journal).set_busy_timeout(0)
    backup = apsw.Connection(str(journal._path))
    backup.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="another process holds it"):
        await journal.accept([inbound()], NOW)
    backup.execute("ROLLBACK")
    assert not (await journal.accept([inbound()], NOW))[0].duplicate
    backup.close()


async def test_a_log_that_cannot_be_folded_in_stays(tmp_path: Path) -> None:
    """When a reader keeps the log in use at the end, that is said, and the next start finds everything."""
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open("node-a", NOW)
    backup = apsw.Connection(str(tmp_path / "journal.db"))
    backup.execute("BEGIN; SELECT count(*) FROM inbox").fetchall()
    await journal.accept([inbound()], NOW)
    writing(journal).set_busy_timeout(0)
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    await journal.close()
    logger.remove(sink)
    assert lines == [
        "the journal's log stays for the next start: the journal cannot be used: another process holds it\n"
    ]
    backup.execute("ROLLBACK")
    backup.close()
    await journal.open("node-a", NOW)
    assert len(await journal.unrouted(10)) == 1
    await journal.close()


# Files


async def test_only_the_owner_can_read_the_files(journal: SqliteJournal) -> None:
    """Clients' words are kept from other users of the machine, whatever the umask and whoever made the file."""
    await journal.accept([inbound()], NOW)
    folder = journal._path.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"), 0o600)
    await journal.close()
    journal._path.chmod(0o644)
    await journal.open("node-a", NOW)
    assert stat.S_IMODE(journal._path.stat().st_mode) == 0o600


async def test_the_folder_is_made(tmp_path: Path) -> None:
    """A state folder that does not exist yet is created for its owner only."""
    journal = SqliteJournal(tmp_path / "state" / "journal.db")
    await journal.open("node-a", NOW)
    await journal.close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


async def test_the_connections_are_set_up_for_durability(journal: SqliteJournal) -> None:
    """Every commit is flushed, deleted text is overwritten, references are checked, the reader cannot write."""
    names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "user_version")
    found = {name: writing(journal).execute(f"PRAGMA {name}").fetchall()[0][0] for name in names}
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "user_version": len(MIGRATIONS),
    }
    assert journal._alive().reading.raw.readonly("main")


async def test_erased_text_leaves_the_files(journal: SqliteJournal) -> None:
    """A body that is set to nothing is nowhere on disk after a checkpoint, and views do without it."""
    ticket = await opened(journal, escalation())
    await joined(journal, "m2", priority=Priority.NORMAL)
    await accepted(journal, inbound("m3"))
    writing(journal).execute("UPDATE inbox SET body = NULL, decision = NULL WHERE ticket_id IS NOT NULL")
    writing(journal).execute("UPDATE deliveries SET body = NULL")
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.raw_text, view.decisions, len(view.deliveries)) == (None, (), 1)
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    assert waiting.post is None
    await journal.close()
    content = journal._path.read_bytes()
    assert b"text of m3" in content
    assert b"text of" not in content.replace(b"text of m3", b"")
    assert b"Ticket: OC-" not in content


async def test_a_second_process_is_refused(journal: SqliteJournal, tmp_path: Path) -> None:
    """Two engines on one file would send everything twice; the second does not start, the first goes on."""
    second = SqliteJournal(tmp_path / "journal.db")
    with pytest.raises(ConfigurationError) as caught:
        await second.open("node-b", NOW)
    assert str(caught.value) == (
        f"the journal {tmp_path}/journal.db is in use by another process; "
        "stop that one, or name another state folder"
    )
    await journal.accept([inbound()], NOW)
    await journal.close()
    await second.open("node-b", NOW)
    assert len(await second.unrouted(10)) == 1
    await second.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An engine that is rolled back does not touch what it does not understand, and the file stays usable."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    await journal.open("node-a", NOW)
    writing(journal).execute("PRAGMA user_version = 99").fetchall()
    await journal.close()
    with pytest.raises(ConfigurationError) as caught:
        await journal.open("node-a", NOW)
    assert str(caught.value) == (
        f"the journal {path} has schema 99 and this engine knows schemas up to {len(MIGRATIONS)}; "
        "install the engine that wrote it, or name another state folder to begin with an empty journal"
    )
    newer = apsw.Connection(str(path))
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS)}").fetchall()
    newer.close()
    await journal.open("node-a", NOW)
    await journal.close()


def test_migrations_run_once_and_whole(tmp_path: Path) -> None:
    """Each missing step runs in its own transaction: one that fails leaves the schema of the step before."""
    connection = apsw.Connection(":memory:")
    steps = ["CREATE TABLE a (x); CREATE TABLE b (x)", "CREATE TABLE c (x); CREATE TABLE a (x)"]
    with pytest.raises(apsw.SQLError):
        sqlite.migrate(connection, steps, tmp_path)
    tables = "SELECT name FROM sqlite_schema ORDER BY name"
    assert connection.execute(tables).fetchall() == [("a",), ("b",)]
    sqlite.migrate(connection, [steps[0], "CREATE TABLE c (x)"], tmp_path)
    assert connection.execute(tables).fetchall() == [("a",), ("b",), ("c",)]
    assert connection.execute("PRAGMA user_version").fetchall() == [(2,)]


def no_journal(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 100)


def damaged(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE a (x)")
    connection.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 3996)


def without_log(path: Path) -> None:
    path.with_name("journal.db-wal").mkdir()


def folder_instead(path: Path) -> None:
    path.mkdir()


def file_as_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.parametrize(
    ("spoil", "error", "sentence"),
    [
        (no_journal, ConfigurationError, "{path} is not a journal; move it away or name another state folder"),
        (damaged, JournalUnavailable, "the journal cannot be used: the file is damaged"),
        (without_log, PermissionRefused, "the journal {path} cannot be written; let the engine's user write it"),
        (
            folder_instead,
            ConfigurationError,
            "the journal {path} cannot be created (Is a directory); name another state folder",
        ),
        (
            file_as_folder,
            ConfigurationError,
            "the journal {path} cannot be created (File exists); name another state folder",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[EngineError], sentence: str
) -> None:
    """A start that cannot work says what is wrong and what to do, and leaves no lock behind."""
    path = tmp_path / "state" / "journal.db"
    path.parent.mkdir()
    spoil(path)
    for _ in range(2):
        with pytest.raises(error) as caught:
            await SqliteJournal(path).open("node-a", NOW)
        assert str(caught.value) == sentence.format(path=path)


@pytest.mark.parametrize(
    ("code", "error", "sentence"),
    [
        (
            errno.EACCES,
            PermissionRefused,
            "the journal x/journal.db cannot be written (Permission denied); "
            "let the engine's user write the state folder",
        ),
        (
            errno.EROFS,
            PermissionRefused,
            "the journal x/journal.db cannot be written (Read-only file system); "
            "let the engine's user write the state folder",
        ),
        (
            errno.ENOSPC,
            JournalUnavailable,
            "the journal x/journal.db cannot be created: No space left on device",
        ),
    ],
)
def test_the_operating_systems_refusals_are_translated(code: int, error: type[EngineError], sentence: str) -> None:
    """What only an administrator can mend says so; what may pass asks to come back."""
    refusal = sqlite._refusal(Path("x/journal.db"), OSError(code, "x"))
    assert (type(refusal), str(refusal)) == (error, sentence)


async def test_a_folder_that_may_not_be_written_is_refused() -> None:
    """The kernel's own folder is closed even to root, so this holds whoever runs the tests."""
    with pytest.raises(PermissionRefused):
        await SqliteJournal(Path("/sys/journal.db")).open("node-a", NOW)


# Statements


async def test_tickets_grow_beyond_four_digits(journal: SqliteJournal) -> None:
    """After 9999 a number has as many digits as it needs."""
    writing(journal).execute("INSERT INTO counters (year, last) VALUES (2026, 9998)")
    tickets = [await opened(journal, conversation=f"wa-{number}") for number in range(2)]
    assert tickets == ["OC-2026-9999", "OC-2026-10000"]


async def test_two_heads_of_a_lane_are_impossible(journal: SqliteJournal) -> None:
    """The schema itself refuses two deliveries of a lane under way together."""
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"))
    with pytest.raises(apsw.ConstraintError):
        writing(journal).execute("UPDATE deliveries SET head = 1")


def test_statements_are_found_by_name() -> None:
    """A statement begins after its name's line, without comments; what stands before the first is dropped."""
    text = "-- a preface\n\n-- name: one\n-- why\nSELECT 1\n\n-- name: two\nSELECT 2,\n    -- and\n    3\n"
    assert dict(named(text)) == {"one": "SELECT 1", "two": "SELECT 2,\n    3"}


# Tables that grow for ever; a plan that reads one of them whole gets slower with each message.
_GROWING = ("inbox", "incidents", "deliveries", "receipts", "audit", "timers")
# They stop at their limit, and nearly every row is a hit.
_NEWEST_FIRST = {"newest_incidents", "newest_deliveries", "newest_sent_deliveries"}


@pytest.mark.parametrize("statement", sorted(set(QUERIES) - _NEWEST_FIRST))
async def test_no_statement_reads_what_is_finished(journal: SqliteJournal, statement: str) -> None:
    """Every statement finds its rows by an index, so that millions of finished rows cost nothing."""
    sql = QUERIES[statement]
    plan = writing(journal).execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    details = [row[3] for row in plan]
    whole = {f"SCAN {table}" for table in _GROWING}
    assert whole.isdisjoint(details), details
    scanned = [detail for detail in details if detail.startswith("SCAN")]
    # An index that is read whole is a partial one of what is open or failed.
    small = ("inbox_heads", "inbox_unrouted", "deliveries_due", "deliveries_open", "deliveries_failed")
    assert [detail for detail in scanned if not detail.endswith(small)] == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "claimable_deliveries",
            "SEARCH deliveries USING INDEX deliveries_claimable (destination=? AND priority=? AND due_at<?)",
        ),
        ("earliest_delivery", "SEARCH deliveries USING COVERING INDEX deliveries_due"),
        ("unrouted_messages", "SCAN inbox USING INDEX inbox_heads"),
    ],
)
async def test_the_hot_statements_are_served_in_order(journal: SqliteJournal, statement: str, expected: str) -> None:
    """What the daemon asks all day comes out of its index sorted, so that a limit bounds its cost."""
    sql = QUERIES[statement]
    plan = writing(journal).execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    top = [detail for _, parent, _, detail in plan if parent == 0]
    assert top[0] == expected
    assert "USE TEMP B-TREE FOR ORDER BY" not in top


async def test_finished_work_is_not_looked_at(journal: SqliteJournal) -> None:
    """A claim among ten thousand sent and ten thousand waiting deliveries takes as few steps as among none."""
    await opened(journal, escalation(), priority=Priority.LOW)

    async def steps() -> int:
        counted: list[int] = []
        writing(journal).set_profile(None)
        connection = writing(journal)
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, lambda event: counted.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]))
        await claim(journal, "nowhere")
        connection.trace_v2(0)
        return sum(counted)

    before = await steps()
    copy = (
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000) "
        "INSERT INTO deliveries (id, lane, head, destination, kind, state, subject, priority, attempts, token, due_at,"
        " doubtful, accepted_at, created_at) "
        "SELECT ? || n, ? || n, ?, 'nowhere', 'escalation', ?, '', 2, 1, 1, ?, 0, 1, 1 FROM numbers"
    )
    writing(journal).execute(copy, ("sent", "s", 0, "sent", 1))
    writing(journal).execute(copy, ("wait", "w", 1, "queued", 2**60))
    assert await steps() <= before + 20
    assert (await states(journal))["post"] is DeliveryState.QUEUED
