"""The journal on SQLite: its files, who may read them, and which it refuses."""

import errno
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from journal.faults import modes, path_of, writing
from journal.samples import (
    DECISION,
    NOW,
    accepted,
    claim,
    copy,
    escalation,
    follow_up,
    inbound,
    joined,
    joining,
    lapse,
    opened,
)

from engine.core import chains
from engine.core.chains import Verdict
from engine.core.decisions import FollowUpPolicy, Priority
from engine.core.errors import ConfigurationError, EngineError, JournalUnavailable, PermissionRefused
from engine.journal import locks, sqlite
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.journal.statements import MIGRATIONS

MEND = "let the engine's user write the state folder"


@pytest.fixture
def journal(sqlite_journal: StoredJournal) -> StoredJournal:
    return sqlite_journal


async def test_only_the_owner_can_read_the_files(journal: StoredJournal) -> None:
    """Clients' words are kept from other users of the machine, whatever the umask and whoever made the file."""
    await journal.accept([inbound()], NOW)
    assert modes(path_of(journal).parent) == dict.fromkeys(
        ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"), 0o600
    )
    await journal.close()
    path_of(journal).chmod(0o644)
    await journal.open("node-a", NOW)
    assert stat.S_IMODE(path_of(journal).stat().st_mode) == 0o600


async def test_the_folder_is_made(tmp_path: Path) -> None:
    """A state folder that does not exist yet is created for its owner only."""
    journal = StoredJournal(SqliteStore(tmp_path / "state" / "journal.db"))
    await journal.open("node-a", NOW)
    await journal.close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


async def test_the_connections_are_set_up_for_durability(journal: StoredJournal) -> None:
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
    reading = journal._alive().opened.reading
    assert isinstance(reading, sqlite._Connection)
    assert reading.raw.readonly("main")


async def test_erased_text_leaves_the_files(journal: StoredJournal) -> None:
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
    content = path_of(journal).read_bytes()
    assert b"text of m3" in content
    assert b"text of" not in content.replace(b"text of m3", b"")
    assert b"Ticket: OC-" not in content


async def test_a_second_process_is_refused(journal: StoredJournal, tmp_path: Path) -> None:
    """Two engines on one file would send everything twice; the second does not start, the first goes on."""
    second = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    with pytest.raises(ConfigurationError) as caught:
        await second.open("node-b", NOW)
    assert str(caught.value) == (
        f"the journal {tmp_path}/journal.db is in use by another process; stop that one, or name another state folder"
    )
    await journal.accept([inbound()], NOW)
    await journal.close()
    await second.open("node-b", NOW)
    assert len(await second.unrouted(10)) == 1
    await second.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An engine that is rolled back does not touch what it does not understand, and the file stays usable."""
    path = tmp_path / "journal.db"
    journal = StoredJournal(SqliteStore(path))
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


async def test_a_journal_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    """What an earlier engine left, open incident, waiting message and queued deliveries, is carried on by this one."""
    old = apsw.Connection(str(tmp_path / "journal.db"))
    old.execute(Path(__file__).with_name("schema-1.sql").read_text("utf-8"))
    old.close()
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("main", NOW)
    (incident,) = await journal.incidents(None, 10)
    assert (incident.ticket_id, incident.acknowledged, incident.acknowledged_at) == ("OC-2026-0001", True, None)
    assert incident.follow_up == FollowUpPolicy()
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident == incident
    assert waiting.post is not None
    plan = joining(incident, follow_up("third"), copy(), priority=Priority.URGENT)
    assert await journal.record(waiting.inbox_id, plan, DECISION, NOW) == incident.ticket_id
    assert {claimed.id for claimed in await claim(journal)} == {"reply", "copy"}
    assert await lapse(journal, 10, NOW + timedelta(days=1)) == (incident.ticket_id,)
    audit = await journal.audited(None, 100, newest_first=False)
    head = await journal.audit_head()
    assert len(audit) == head.rows > 6
    assert chains.follow(chains.begin(head.chain), audit) == Verdict(head, head.chain)
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


def test_a_full_disk_ends_a_migration(tmp_path: Path) -> None:
    """SQLite has rolled back by itself then; what is reported is the disk, and the step can be tried again."""
    path = tmp_path / "journal.db"
    connection = apsw.Connection(str(path))
    step = "CREATE TABLE a (x); INSERT INTO a VALUES (zeroblob(100000))"
    connection.execute("PRAGMA cache_size = 5; PRAGMA max_page_count = 10").fetchall()
    with pytest.raises(apsw.FullError):
        sqlite.migrate(connection, [step], path)
    assert not connection.in_transaction
    connection.execute("PRAGMA max_page_count = 1000").fetchall()
    sqlite.migrate(connection, [step], path)
    assert connection.execute("PRAGMA user_version").fetchall() == [(1,)]


def no_journal(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database. " * 100)


def damaged(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE a (x)")
    connection.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 3996)


def without_index(path: Path) -> None:
    path.with_name("journal.db-shm").mkdir()


def folder_instead(path: Path) -> None:
    path.mkdir()


def folder_as_lock(path: Path) -> None:
    path.with_name("journal.db.lock").mkdir()


def file_as_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.parametrize(
    ("spoil", "error", "sentence"),
    [
        (no_journal, ConfigurationError, "{path} is not a journal; move it away or name another state folder"),
        (damaged, JournalUnavailable, "the journal cannot be used: the file is damaged"),
        (without_index, PermissionRefused, "the journal {path} cannot be written; let the engine's user write it"),
        (
            folder_instead,
            ConfigurationError,
            "the journal {path} cannot be created (Is a directory); name another state folder",
        ),
        (
            folder_as_lock,
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
            await StoredJournal(SqliteStore(path)).open("node-a", NOW)
        assert str(caught.value) == sentence.format(path=path)


@pytest.mark.parametrize(
    ("code", "error", "sentence"),
    [
        (
            errno.EACCES,
            PermissionRefused,
            f"the journal x/journal.db cannot be written (Permission denied); {MEND}",
        ),
        (
            errno.EROFS,
            PermissionRefused,
            f"the journal x/journal.db cannot be written (Read-only file system); {MEND}",
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
    refusal = locks._refusal(Path("x/journal.db"), OSError(code, "x"))
    assert (type(refusal), str(refusal)) == (error, sentence)


async def test_a_folder_that_may_not_be_written_is_refused() -> None:
    """The kernel's own folder is closed even to root, so this holds whoever runs the tests."""
    with pytest.raises(PermissionRefused):
        await StoredJournal(SqliteStore(Path("/sys/journal.db"))).open("node-a", NOW)
