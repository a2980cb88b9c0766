"""The journal of a SQLite file in PostgreSQL: the same rows under the same numbers, or nothing at all."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from journal.faults import meddle, path_of, writing
from journal.samples import (
    DEAD,
    NOW,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    escalation,
    finish,
    follow_up,
    inbound,
    later,
    opened,
    receipt,
    states,
)
from standins import postgres

from engine.core.deliveries import DeliveryState
from engine.core.errors import ConfigurationError, JournalUnavailable, UsageError
from engine.core.objects import Json
from engine.journal import copies, sqlite
from engine.journal.journals import StoredJournal
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore
from engine.journal.statements import MIGRATIONS, Row


@pytest.fixture
def schema(tmp_path: Path) -> str:
    name = f"c{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    postgres.shared().schema(name)
    return name


@pytest.fixture
def target(schema: str) -> PostgresStore:
    return PostgresStore(postgres.shared().address(schema))


@pytest.fixture
async def source(sqlite_journal: StoredJournal) -> Path:
    """A stopped journal that has something in every table."""
    journal = sqlite_journal
    await opened(journal, escalation("post"), follow_up("reply"), acknowledgement("ack"))
    await accepted(journal, replace(inbound("m2\0"), aliases=("wa-1", "wa-lid-1000001")))
    assert await finish(journal, await claim_one(journal, "main"))
    await journal.note_receipts([receipt("ack", "sent")], NOW, escalate_to="mattermost")
    assert await finish(journal, await claim_one(journal), DEAD)
    await claim_one(journal)
    writing(journal).execute("INSERT INTO early_receipts VALUES ('main', 'M9', 'read', '[\"wa-1\"]', NULL, '', 1, 'm')")
    await journal.set_paused(paused=True, now=NOW)
    await journal.close()
    return path_of(journal)


def copied(source: Path, target: PostgresStore) -> Json:
    return copies.copy(source, target)


def tables_of(schema: str) -> set[str]:
    found = postgres.shared().execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", schema)
    return {name for (name,) in found}


async def test_every_table_is_copied(source: Path, target: PostgresStore, schema: str) -> None:
    """Those that the file itself names, with the numbers of their rows."""
    told = await asyncio.to_thread(copied, source, target)
    with sqlite.inspect(source) as found:
        wanted = {name: len(list(found.every(name, columns))) for name, columns in found.tables()}
    assert told["findings"] == []
    assert told["tables"] == wanted
    assert {name for name, rows in wanted.items() if rows} >= {"inbox", "incidents", "deliveries", "receipts", "audit"}
    assert tables_of(schema) == set(wanted)


async def test_the_copy_is_the_same_journal(source: Path, target: PostgresStore) -> None:
    """States, tickets, switches, receipts and the salt of pseudonyms are there; what was being sent is claimed again
    when its lease ends, in doubt.
    """
    await asyncio.to_thread(copied, source, target)
    before, after = StoredJournal(SqliteStore(source)), StoredJournal(target)
    await after.open("support-1", NOW)
    assert await states(after) == {
        "post": DeliveryState.DEAD,
        "reply": DeliveryState.SENDING,
        "ack": DeliveryState.SENT,
    }
    await before.open("main", NOW)
    assert before._alive().salt == after._alive().salt
    assert await before.incidents(None, 10) == await after.incidents(None, 10)
    assert await after.paused()
    assert (await after.check())["findings"] == []
    assert await claim(after) == ()
    (reply,) = await claim(after, now=NOW + timedelta(minutes=11))
    assert (reply.id, reply.doubtful) == ("reply", True)
    await before.close()
    await after.close()


async def test_the_copy_goes_on_where_the_file_ended(source: Path, target: PostgresStore) -> None:
    """Rows are numbered behind the last ones, tickets too, and a message that comes again is known, NUL and all."""
    await asyncio.to_thread(copied, source, target)
    journal = StoredJournal(target)
    await journal.open("support-1", NOW)
    (again,) = await journal.accept([inbound("m2\0")], NOW)
    (new,) = await journal.accept([inbound("m3", "wa-3")], NOW)
    assert (again.inbox_id, again.duplicate) == (2, True)
    assert (new.inbox_id, new.duplicate) == (3, False)
    assert await opened(journal, escalation("p2"), conversation="wa-2", now=later(1)) == "OC-2026-0002"
    assert (await journal.check())["findings"] == []
    await journal.close()


async def test_a_target_that_is_not_empty_is_refused(source: Path, target: PostgresStore, schema: str) -> None:
    """Two journals cannot become one."""
    postgres.shared().execute("CREATE TABLE letters (words TEXT)", schema)
    with pytest.raises(UsageError) as caught:
        copies.copy(source, target)
    assert str(caught.value) == "the schema holds tables already (letters); name an empty one"
    assert tables_of(schema) == {"letters"}


async def test_a_journal_in_use_is_refused(sqlite_journal: StoredJournal, target: PostgresStore) -> None:
    """What a running daemon wrote after the copy would be in one of the two only."""
    with pytest.raises(ConfigurationError, match="is in use by another process"):
        copies.copy(path_of(sqlite_journal), target)


async def test_an_older_journal_is_refused(tmp_path: Path, target: PostgresStore, schema: str) -> None:
    """The daemon brings it up to date; a copy does not do that in passing."""
    path = tmp_path / "old.db"
    old = apsw.Connection(str(path))
    old.execute(Path(__file__).with_name("schema-1.sql").read_text("utf-8"))
    old.close()
    with pytest.raises(UsageError) as caught:
        copies.copy(path, target)
    assert str(caught.value) == (
        f"{path} has schema 1 and this engine writes schema {len(MIGRATIONS)}; start the daemon of this version on it "
        "once, which brings it up to date, and stop it again"
    )
    assert tables_of(schema) == set()


async def test_a_broken_journal_is_not_copied(
    source: Path, sqlite_journal: StoredJournal, target: PostgresStore, schema: str
) -> None:
    """What is wrong is said instead."""
    meddle(sqlite_journal, "UPDATE counters SET last = 2")
    told = copies.copy(source, target)
    assert told["findings"] == ["ticket OC-2026-0002 is missing: the counter of its year is at 2"]
    assert (told["tables"], tables_of(schema)) == ({}, set())


async def test_a_row_that_the_database_refuses_leaves_nothing_behind(
    source: Path, sqlite_journal: StoredJournal, target: PostgresStore, schema: str
) -> None:
    """SQLite keeps any value in any column; the sentence has a code and not the value."""
    meddle(sqlite_journal, "UPDATE incidents SET version = 'wa-254700000001'")
    with pytest.raises(JournalUnavailable) as caught:
        copies.copy(source, target)
    assert str(caught.value) == "the database refuses what it is given (SQLSTATE 22P02)"
    assert tables_of(schema) == set()


async def test_a_copy_that_is_not_the_same_is_taken_back(source: Path, target: PostgresStore, schema: str) -> None:
    """Something on the server changes rows on their way in: the copy is noticed to differ, and is gone."""
    server = postgres.shared()
    server.execute(
        "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.issue_summary := 'other'; RETURN NEW; END $$"
    )
    server.execute(
        "CREATE FUNCTION public.attach() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF to_regclass('incidents') IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'spoils' "
        "AND tgrelid = to_regclass('incidents')) THEN "
        "CREATE TRIGGER spoils BEFORE INSERT ON incidents FOR EACH ROW EXECUTE FUNCTION public.spoil(); "
        "END IF; END $$"
    )
    server.execute(
        "CREATE EVENT TRIGGER attaches ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.attach()"
    )
    try:
        with pytest.raises(JournalUnavailable) as caught:
            copies.copy(source, target)
    finally:
        server.execute("DROP EVENT TRIGGER attaches")
        server.execute("DROP FUNCTION public.attach()")
        server.execute("DROP FUNCTION public.spoil()")
    assert str(caught.value) == copies.different("incidents", 1, 1)
    assert tables_of(schema) == set()


def test_what_differs_is_said() -> None:
    """By its numbers, where those tell it."""
    assert copies.different("audit", 3, 2) == (
        "nothing is copied: the table audit is not the same in the database (3 rows became 2)"
    )
    assert copies.different("audit", 3, 3) == (
        "nothing is copied: the table audit is not the same in the database (of 3 rows some became others)"
    )


def test_a_digest_knows_every_value_and_no_order() -> None:
    """Two databases sort by different rules; a value, its kind and its column count."""
    rows: list[Row] = [(1, "a", None), (2, "b", 3)]
    assert copies.digest(rows) == copies.digest(reversed(rows))
    others: list[list[Row]] = [
        [rows[0]],
        [*rows, rows[0]],
        [rows[0], (2, "b", "3")],
        [rows[0], (2, None, 3)],
    ]
    assert len({copies.digest(other) for other in (rows, *others)}) == 5
