"""A backup in the place of the journal: whole or not at all, and nothing that was open in it is said blindly."""

import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from journal.faults import files_of_at_most, meddle, modes, size
from journal.samples import (
    DECISION,
    NOW,
    PRACTICE,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    copy,
    escalation,
    finish,
    follow_up,
    inbound,
    joining,
    later,
    opened,
    states,
)
from standins import postgres

from engine.core.actions import Action
from engine.core.decisions import Priority
from engine.core.deliveries import FollowUp, Page
from engine.core.errors import ConfigurationError, JournalUnavailable, NotFound, UsageError
from engine.core.plan import CALL, Timer
from engine.journal import checks, restores, sqlite
from engine.journal.journals import StoredJournal
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore
from engine.journal.statements import MIGRATIONS

LATER = later(3600)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the journal is to be; its folder is not there yet."""
    return tmp_path / "state" / "journal.db"


@pytest.fixture
async def backup(tmp_path: Path, sqlite_journal: StoredJournal) -> Path:
    """Of a journal with a post that is sent, one being sent and one that waits behind it, an acknowledgement, and an
    undecided message.
    """
    file = tmp_path / "backup.db"
    await opened(sqlite_journal, escalation("done"), escalation("post"), follow_up("reply"), acknowledgement("ack"))
    assert await finish(sqlite_journal, await claim_one(sqlite_journal))
    await claim_one(sqlite_journal)
    await accepted(sqlite_journal, inbound("m2"))
    assert (await sqlite_journal.backup(file))["findings"] == []
    return file


@pytest.fixture
async def restored(place: Path, backup: Path) -> AsyncIterator[StoredJournal]:
    """The journal after its restoration, of another node than the one that wrote it."""
    restores.restore(backup, place, LATER, replace=False)
    journal = StoredJournal(SqliteStore(place))
    await journal.open("another", LATER)
    yield journal
    await journal.close()


def test_a_backup_becomes_the_journal(backup: Path, place: Path) -> None:
    """What it holds is said, the file is the owner's alone, and the folder is made."""
    done = restores.restore(backup, place, LATER, replace=False)
    assert (done.findings, done.doubtful, done.kept) == ((), 3, None)
    assert dict(done.holds) == {
        "messages": 2,
        "undecided": 1,
        "incidents": 1,
        "deliveries": 4,
        "open": 3,
        "audit": 5,
        "newest": "2026-02-12T10:15:30Z",
        "schema": len(MIGRATIONS),
    }
    assert modes(place.parent) == {"journal.db": 0o600, "journal.db.lock": 0o600}


async def test_what_was_open_is_in_doubt(restored: StoredJournal) -> None:
    """Each may have been sent after the backup, from the moment on in which it was ordered: the network is asked first,
    and about all of that time. What was being sent is nobody's any more.
    """
    (post,) = await claim(restored, now=LATER)
    (ack,) = await claim(restored, "main", now=LATER)
    assert [(each.id, each.doubtful, each.first_attempt_at) for each in (post, ack)] == [
        ("post", True, NOW),
        ("ack", True, NOW),
    ]
    assert await finish(restored, post, now=LATER)
    (reply,) = await claim(restored, now=LATER)
    assert (reply.id, reply.doubtful) == ("reply", True)
    assert "done" in await states(restored)


async def test_what_an_undecided_message_causes_is_in_doubt(restored: StoredJournal) -> None:
    """It was decided once already, after the backup, and what it caused may be there, under the same ids; what messages
    cause that come from now on is not in doubt.
    """
    (waiting,) = await restored.unrouted(10)
    assert waiting.incident is not None
    plan = joining(waiting.incident, copy("again", channel="noc"))
    await restored.record(waiting.inbox_id, plan, DECISION, LATER)
    await opened(restored, copy("new", "wa-2"), conversation="wa-2", now=LATER)
    claimed = {each.id: each for each in await claim(restored, now=LATER)}
    assert (claimed["again"].doubtful, claimed["again"].first_attempt_at) == (True, NOW)
    assert (claimed["new"].doubtful, claimed["new"].first_attempt_at) == (False, LATER)


async def test_a_call_that_is_made_after_all_is_in_doubt(
    sqlite_journal: StoredJournal, tmp_path: Path, place: Path
) -> None:
    """It was given up before the backup, for a claim; that was taken back after it, maybe, and the call made then."""
    file = tmp_path / "backup.db"
    calls = (Timer(CALL, later(60)),)
    await opened(sqlite_journal, escalation(), priority=Priority.HIGH, timers=calls)
    assert await finish(sqlite_journal, await claim_one(sqlite_journal))
    await sqlite_journal.fire(CALL, 10, PRACTICE, later(60))
    claims = Action("mattermost", "provider-1", "claim", "post:w1", "amina", later(61))
    await sqlite_journal.act((claims,), PRACTICE, later(61))
    assert (await sqlite_journal.backup(file))["findings"] == []
    restores.restore(file, place, LATER, replace=False)
    journal = StoredJournal(SqliteStore(place))
    await journal.open("node-a", LATER)
    await journal.act((replace(claims, kind="release", id="post:w2"),), PRACTICE, LATER)
    found = [*await claim(journal, now=LATER), *await claim(journal, "noc", now=LATER)]
    made = [one for one in found if isinstance(one.body, Page) or (isinstance(one.body, FollowUp) and one.body.calls)]
    assert {(one.doubtful, one.first_attempt_at) for one in made} == {(True, later(60))}
    assert len(made) == 3
    await journal.close()


async def test_a_restored_journal_goes_on(restored: StoredJournal) -> None:
    """Messages are known that were known, tickets go on behind the last one, and the audit says what was done."""
    (answer,) = await restored.accept([inbound("m2")], LATER)
    assert answer.duplicate
    assert await opened(restored, conversation="wa-9", now=LATER) == "OC-2026-0002"
    audit = restored._alive().opened.reading.snapshot(lambda database: database.rows("tickets"))
    assert audit == [("OC-2026-0001",), ("OC-2026-0002",)]


def test_the_audit_says_that_it_was_restored(backup: Path, place: Path) -> None:
    """With the number of deliveries in doubt; the backup itself is as it was."""
    before = backup.read_bytes()
    restores.restore(backup, place, LATER, replace=False)
    with sqlite.inspect(place) as found:
        rows = list(found.every("audit", ("at", "kind", "details")))
    assert rows[-1] == (int(LATER.timestamp() * 1_000_000), "restored", '{"doubtful":"3"}')
    assert backup.read_bytes() == before


def test_a_journal_with_content_is_not_replaced_unasked(backup: Path, place: Path) -> None:
    """Somebody's incidents would be gone; asked for, the old one is kept beside it with all that it held."""
    restores.restore(backup, place, LATER, replace=False)
    before = place.read_bytes()
    with pytest.raises(UsageError) as caught:
        restores.restore(backup, place, LATER, replace=False)
    assert str(caught.value) == (
        f"{place} holds messages already; add --replace to put it aside, under a dated name, and begin with the backup"
    )
    assert place.read_bytes() == before
    done = restores.restore(backup, place, LATER + timedelta(seconds=1), replace=True)
    assert done.kept == place.with_name("journal-20260212T111531Z.db")
    assert done.kept.read_bytes() == before
    assert modes(place.parent) == dict.fromkeys(("journal.db", "journal.db.lock", done.kept.name), 0o600)


async def test_an_empty_journal_is_replaced_unasked(backup: Path, place: Path) -> None:
    """That of a first start by mistake is in nobody's way."""
    journal = StoredJournal(SqliteStore(place))
    await journal.open("main", NOW)
    await journal.close()
    assert restores.restore(backup, place, LATER, replace=False).findings == ()


async def test_what_a_killed_daemon_left_is_kept_whole(
    backup: Path, place: Path, sqlite_journal: StoredJournal
) -> None:
    """The log beside the old journal belongs to it: it is folded in, and the new journal never reads it."""
    place.parent.mkdir(parents=True)
    await accepted(sqlite_journal, inbound("only in the log"))
    shutil.copy(backup.with_name("journal.db"), place)
    shutil.copy(backup.with_name("journal.db-wal"), place.with_name("journal.db-wal"))
    done = restores.restore(backup, place, LATER, replace=True)
    assert done.kept is not None
    with sqlite.inspect(done.kept) as found:
        assert checks.check(found)["holds"]["messages"] == 3
    with sqlite.inspect(place) as found:
        assert checks.check(found)["holds"]["messages"] == 2
    assert set(modes(place.parent)) == {"journal.db", "journal.db.lock", done.kept.name}


def test_a_damaged_journal_is_replaced_and_kept(backup: Path, place: Path) -> None:
    """The case that backups are for; whatever is left of the old one, its log too, stays for who may read it."""
    place.parent.mkdir(parents=True)
    place.write_bytes(b"\xff" * 8192)
    place.with_name("journal.db-wal").write_bytes(b"\xff" * 100)
    with pytest.raises(UsageError, match="add --replace"):
        restores.restore(backup, place, LATER, replace=False)
    done = restores.restore(backup, place, LATER, replace=True)
    assert done.kept is not None
    assert done.kept.read_bytes() == b"\xff" * 8192
    with sqlite.inspect(place) as found:
        assert checks.check(found)["findings"] == []
    assert not place.with_name("journal.db-wal").exists()


async def test_a_journal_in_use_is_left_alone(backup: Path, tmp_path: Path) -> None:
    """The fixture's journal is still open; two engines on one file would send everything twice."""
    with pytest.raises(ConfigurationError, match="is in use by another process"):
        restores.restore(backup, tmp_path / "journal.db", LATER, replace=True)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE deliveries SET ticket_id = 'OC-2026-0009'", "UPDATE counters SET last = 4"],
    ids=["a reference", "an invariant"],
)
def test_a_broken_backup_changes_nothing(backup: Path, place: Path, statement: str) -> None:
    """What is wrong with it is said, and the journal stays."""
    with apsw.Connection(str(backup)) as file:
        file.execute(statement)
    done = restores.restore(backup, place, LATER, replace=True)
    assert done.findings
    assert set(modes(place.parent)) == {"journal.db.lock"}


def test_a_backup_that_is_missing_is_said(place: Path) -> None:
    """With its name; nothing is made but the folder."""
    with pytest.raises(NotFound, match="there is no file"):
        restores.restore(place.with_name("backup.db"), place, LATER, replace=True)


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path, place: Path) -> None:
    """So what was open in it can be marked, and the daemon finds nothing left to do."""
    old = tmp_path / "old.db"
    file = apsw.Connection(str(old))
    file.execute(Path(__file__).with_name("schema-1.sql").read_text("utf-8"))
    file.close()
    done = restores.restore(old, place, LATER, replace=False)
    assert (done.findings, done.holds["schema"]) == ((), len(MIGRATIONS))
    assert done.doubtful > 0


def test_the_copy_is_looked_at_again(backup: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong between the backup and its place keeps it from becoming the journal."""
    whole = sqlite.copy

    def spoil(source: Path, target: Path) -> object:
        told = whole(source, target)
        with apsw.Connection(str(target)) as file:
            file.execute("UPDATE counters SET last = 4")
        return told

    monkeypatch.setattr("engine.journal.sqlite.copy", spoil)
    done = restores.restore(backup, place, LATER, replace=False)
    assert len(done.findings) == 3
    assert set(modes(place.parent)) == {"journal.db.lock"}


def test_a_disk_that_refuses_while_the_copy_is_made_is_said(backup: Path, place: Path) -> None:
    """The journal stays as it was, and nothing is left beside it."""
    place.parent.mkdir(parents=True)
    with files_of_at_most(32 * 1024), pytest.raises(JournalUnavailable, match="the journal cannot be copied"):
        restores.restore(backup, place, LATER, replace=False)
    assert set(modes(place.parent)) == {"journal.db.lock"}


def test_a_disk_that_refuses_while_the_copy_is_changed_is_said(backup: Path) -> None:
    """Marking what was open writes, too."""

    def grow() -> None:
        with sqlite.changing(backup) as copied:
            copied.raw.execute("INSERT INTO meta VALUES ('large', hex(zeroblob(999999)))")

    with files_of_at_most(size(backup)), pytest.raises(JournalUnavailable, match="the journal cannot be used"):
        grow()


async def test_a_database_that_was_put_back_is_put_in_doubt(tmp_path: Path) -> None:
    """The statements of deploy/nodes.md do for PostgreSQL what a restoration does for a file."""
    guide = (Path(__file__).parents[2] / "deploy" / "nodes.md").read_text("utf-8")
    (told,) = re.findall(r"```sql\n(UPDATE deliveries .*?)```", guide, re.DOTALL)
    name = f"r{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    journal = StoredJournal(PostgresStore(postgres.shared().schema(name)))
    await journal.open("a", NOW)
    await opened(journal, escalation("post"), acknowledgement("ack"))
    await claim_one(journal)
    await accepted(journal, inbound("m2"))
    meddle(journal, *(statement for statement in told.split(";") if statement.strip()))
    (waiting,) = await journal.unrouted(10)
    assert waiting.incident is not None
    plan = joining(waiting.incident, copy("again", channel="noc"))
    await journal.record(waiting.inbox_id, plan, DECISION, LATER)
    claimed = [*await claim(journal, now=LATER), *await claim(journal, "main", now=LATER)]
    assert {each.id: (each.doubtful, each.first_attempt_at) for each in claimed} == dict.fromkeys(
        ("post", "ack", "again"), (True, NOW)
    )
    await journal.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_the_daemon(backup: Path, place: Path) -> None:
    """The service's user owns the state folder, and must own what is put there, or the daemon could not open it."""
    place.parent.mkdir(parents=True)
    os.chown(place.parent, 65534, 65534)
    restores.restore(backup, place, LATER, replace=False)
    assert {(found.stat().st_uid, found.stat().st_gid) for found in place.parent.iterdir()} == {(65534, 65534)}


def test_nobody_but_root_gives_files_away(backup: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever restores as the daemon's own user owns what is made, as it should be."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    place.parent.mkdir(parents=True)
    os.chown(place.parent, os.getuid(), os.getgid())
    restores.restore(backup, place, LATER, replace=False)
    assert {found.stat().st_uid for found in place.parent.iterdir()} == {os.getuid()}
