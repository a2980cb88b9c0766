"""The journal on SQLite: writes share commits, and a disk that refuses is said and survived."""

import asyncio
import resource
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import apsw
import pytest
from journal.faults import connect, held, modes, path_of, size, writing
from journal.samples import (
    DECISION,
    NOW,
    accepted,
    claim_one,
    escalation,
    finish,
    inbound,
    opened,
    opening,
)
from loguru import logger

from engine.core.errors import JournalUnavailable, Superseded
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.journal.statements import Database
from engine.journal.writer import Writer

FULL = "the journal cannot be used: the disk is full"
BROKEN = "the journal cannot be used: the disk reports an error"


@pytest.fixture
def journal(sqlite_journal: StoredJournal) -> StoredJournal:
    return sqlite_journal


# Group commit


async def test_writes_that_wait_share_one_commit(journal: StoredJournal) -> None:
    """However many messages were accepted while the disk was busy, one flush makes them durable."""
    commits = count()
    # A hook that returns true would turn the commit into a rollback.
    writing(journal).set_commit_hook(lambda: next(commits) < 0)
    with held(journal):
        waiting = [asyncio.create_task(journal.accept([inbound(f"m{n}")], NOW)) for n in range(200)]
        await asyncio.sleep(0)
    answers = [answer for task in waiting for answer in await task]
    assert [answer.inbox_id for answer in answers] == list(range(1, 201))
    assert next(commits) <= 2


async def test_one_bad_operation_harms_no_other(journal: StoredJournal) -> None:
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


async def test_a_cancelled_caller_disturbs_nobody(journal: StoredJournal) -> None:
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
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("node-a", NOW)
    waiting = [asyncio.create_task(journal.accept([inbound(f"m{n}")], NOW)) for n in range(600)]
    await asyncio.sleep(0)
    await journal.close()
    assert [(await task)[0].inbox_id for task in waiting] == list(range(1, 601))
    assert modes(tmp_path) == {"journal.db": 0o600, "journal.db.lock": 0o600}


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


# A disk that refuses


async def test_a_full_disk_is_said_and_survived(journal: StoredJournal) -> None:
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


async def test_a_disk_that_fails_at_the_commit_fails_the_whole_batch(journal: StoredJournal) -> None:
    """When the commit cannot be written, everybody of the batch is told, and nothing of it has happened."""
    await journal.accept([inbound("m0")], NOW)
    log_bytes = size(path_of(journal).with_name("journal.db-wal"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with held(journal):
        waiting = [asyncio.create_task(journal.accept([inbound(f"m{n}", f"wa-{n}")], NOW)) for n in (1, 2)]
        await asyncio.sleep(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes, hard))
    results = await asyncio.gather(*waiting, return_exceptions=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(type(result), str(result)) for result in results] == [(JournalUnavailable, BROKEN)] * 2
    assert results[0] is not results[1]
    assert len(await journal.unrouted(10)) == 1
    answers = await journal.accept([inbound("m1", "wa-1"), inbound("m2", "wa-2")], NOW)
    assert [answer.duplicate for answer in answers] == [False, False]


async def test_a_transaction_that_is_gone_fails_the_whole_batch(journal: StoredJournal) -> None:
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


async def test_a_read_only_file_is_said_and_survived(journal: StoredJournal) -> None:
    """A file system that turns read-only refuses writes and goes on answering reads."""
    await opened(journal, escalation())
    writing(journal).execute("PRAGMA query_only = ON").fetchall()
    with pytest.raises(JournalUnavailable, match="the file or its folder is read-only"):
        await journal.accept([inbound()], NOW)
    assert len(await journal.deliveries(None, 10)) == 1
    writing(journal).execute("PRAGMA query_only = OFF").fetchall()
    assert not (await journal.accept([inbound()], NOW))[0].duplicate


async def test_a_file_that_another_process_locks_is_said_and_survived(journal: StoredJournal) -> None:
    """A backup that holds the file for long makes writes wait and then refuse."""
    writing(journal).set_busy_timeout(0)
    backup = apsw.Connection(str(path_of(journal)))
    backup.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="another process holds it"):
        await journal.accept([inbound()], NOW)
    backup.execute("ROLLBACK")
    assert not (await journal.accept([inbound()], NOW))[0].duplicate
    backup.close()


async def test_a_log_that_cannot_be_folded_in_stays(tmp_path: Path) -> None:
    """When a reader keeps the log in use at the end, that is said, and the next start finds everything."""
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
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


async def test_a_fault_of_our_own_does_not_end_the_writing(
    journal: StoredJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked is told, and the next one is served: without its thread the journal would be silent for ever."""
    with monkeypatch.context() as patched:
        patched.setattr(journal._alive().opened.writing, "commit", lambda: 1 / 0)
        with pytest.raises(JournalUnavailable, match="a fault of the engine"):
            await accepted(journal, inbound("m1"))
    assert await accepted(journal, inbound("m1")) == 1
