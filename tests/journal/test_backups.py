"""Backups of the journal on SQLite: of one moment, whole, the owner's alone, or not there at all."""

import asyncio
import errno
import os
from pathlib import Path

import apsw
import pytest
from journal.faults import files_of_at_most, meddle, modes, path_of, size
from journal.samples import NOW, accepted, escalation, inbound, opened

from engine.core.errors import EngineError, JournalUnavailable, NotFound, PermissionRefused, UsageError
from engine.journal import backups, checks, sqlite
from engine.journal.journals import StoredJournal


@pytest.fixture
def journal(sqlite_journal: StoredJournal) -> StoredJournal:
    return sqlite_journal


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "backup.db"


async def test_a_backup_holds_what_was_accepted_before(journal: StoredJournal, target: Path) -> None:
    """Everything that was on disk when it began, of one moment, while messages go on being taken; one file, for its
    owner only.
    """
    await opened(journal, escalation())
    going_on = True

    async def write() -> int:
        number = 0
        while going_on:
            await accepted(journal, inbound(f"m{number}", f"wa-{number % 7}"))
            number += 1
        return number

    writing = asyncio.create_task(write())
    while not await journal.unrouted(1):
        await asyncio.sleep(0)
    told = await journal.backup(target)
    going_on = False
    written = await writing
    assert told["findings"] == []
    assert 2 <= told["holds"]["messages"] <= 1 + written
    assert told["bytes"] == size(target)
    assert modes(target.parent) == {"backup.db": 0o600}
    with sqlite.inspect(target) as found:
        assert checks.check(found) == {"findings": [], "holds": told["holds"]}
    assert modes(target.parent) == {"backup.db": 0o600}


async def test_all_steps_of_a_backup_copy_one_moment(
    journal: StoredJournal, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes and whatever is written between its steps, it comes to an end."""
    monkeypatch.setattr("engine.journal.sqlite._COPY_PAGES", 1)
    flush = os.fdatasync
    loop = asyncio.get_running_loop()
    written: list[int] = []

    def write_and_flush(descriptor: int) -> None:
        message = accepted(journal, inbound(f"m{len(written)}"))
        written.append(asyncio.run_coroutine_threadsafe(message, loop).result(10))
        flush(descriptor)

    monkeypatch.setattr("os.fdatasync", write_and_flush)
    told = await journal.backup(target)
    assert told["holds"]["messages"] == 0
    assert len(written) > 10


def occupy(target: Path) -> None:
    target.write_text("the last one")
    target.with_name("link.db").symlink_to("nowhere")


def content(target: Path) -> bytes:
    return target.read_bytes()


async def test_a_file_that_exists_is_never_overwritten(journal: StoredJournal, target: Path) -> None:
    """The last good backup is not lost to the next one; a link that leads nowhere is a name, too."""
    occupy(target)
    for name in (target, target.with_name("link.db")):
        with pytest.raises(UsageError, match=f"{name} exists; name a new file"):
            await journal.backup(name)
    assert content(target) == b"the last one"


async def test_a_broken_journal_makes_no_backup(journal: StoredJournal, target: Path) -> None:
    """A copy that nobody could restore is thrown away, and what is wrong is said."""
    await opened(journal, escalation())
    meddle(journal, "UPDATE deliveries SET ticket_id = 'OC-2026-0009'")
    told = await journal.backup(target)
    assert told["findings"] == ["row 1 of deliveries names a row of incidents that does not exist"]
    assert list(target.parent.iterdir()) == []


async def test_a_disk_without_room_leaves_nothing_behind(journal: StoredJournal, target: Path) -> None:
    """A backup that does not fit is no backup; the journal goes on."""
    await opened(journal, escalation())
    with files_of_at_most(32 * 1024), pytest.raises(JournalUnavailable, match="the journal cannot be copied: the disk"):
        await journal.backup(target)
    assert list(target.parent.iterdir()) == []
    await accepted(journal, inbound())


async def test_a_backup_ends_when_the_daemon_stops(journal: StoredJournal, target: Path) -> None:
    """A copy of gigabytes does not hold up the end of the process."""
    opened_file = journal._alive().opened
    await journal.close()
    with pytest.raises(JournalUnavailable, match="the journal is not copied: the daemon is stopping"):
        backups.back_up(opened_file.copy_into, target)
    assert list(target.parent.iterdir()) == []


USERS = (
    "by the user who copies the journal, which is the daemon's own while the daemon runs; name a file in a folder of "
    "that user, such as the state folder"
)


@pytest.mark.parametrize(
    ("code", "error", "sentence"),
    [
        (errno.ENOENT, UsageError, "there is no folder /b; name a file in one that exists"),
        (errno.ENOTDIR, UsageError, "there is no folder /b; name a file in one that exists"),
        (
            errno.EROFS,
            PermissionRefused,
            f"/b cannot be written (Read-only file system) {USERS}",
        ),
        (errno.ENOSPC, JournalUnavailable, "the journal cannot be copied: No space left on device"),
    ],
)
def test_the_operating_systems_refusals_say_what_to_do(code: int, error: type[EngineError], sentence: str) -> None:
    """Whoever named the file learns what is wrong with it."""
    refusal = backups._refusal(Path("/b/backup.db"), OSError(code, "x"))
    assert (type(refusal), str(refusal)) == (error, sentence)


async def test_a_folder_that_may_not_be_written_is_said(journal: StoredJournal) -> None:
    """The kernel's own folder is closed even to root, so this holds whoever runs the tests."""
    with pytest.raises(PermissionRefused):
        await journal.backup(Path("/sys/backup.db"))
    with pytest.raises(UsageError):
        await journal.backup(Path("/sys/nowhere/backup.db"))


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A folder is no file; a file whose log is a folder cannot be read, whoever asks."""
    for folder in (tmp_path, Path("/"), Path()):
        with pytest.raises(NotFound) as caught, sqlite.inspect(folder):
            pass
        assert str(caught.value) == f"{folder} is no file"
    path = tmp_path / "journal.db"
    file = apsw.Connection(str(path))
    file.execute("PRAGMA journal_mode = WAL; CREATE TABLE meta (name)").fetchall()
    file.close()
    path.with_name("journal.db-wal").mkdir()
    with pytest.raises(PermissionRefused) as refused, sqlite.inspect(path):
        pass
    assert str(refused.value) == f"{path} or what is beside it cannot be read; use sudo, or its owner"


def locks(journal: StoredJournal) -> list[str]:
    """The kernel's locks on the journal's file."""
    inode = path_of(journal).stat().st_ino
    return [line.partition(":")[2] for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line]


async def test_a_backup_leaves_the_daemons_locks_alone(journal: StoredJournal, target: Path) -> None:
    """The kernel drops all locks of a process on a file when that closes the file anywhere; another process that
    believes itself alone would then remove the log under the daemon's feet.
    """
    await accepted(journal, inbound("m1"))
    held = locks(journal)
    await journal.backup(target)
    await journal.check()
    assert held
    assert locks(journal) == held


async def test_texts_stay_in_the_file(journal: StoredJournal, target: Path) -> None:
    """The backup is the whole journal: what a client wrote is in it, so it must be kept as the journal is."""
    await accepted(journal, inbound("m1"), NOW)
    await journal.backup(target)
    assert b"text of m1" in content(target)
