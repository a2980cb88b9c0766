"""`engine journal` with a running daemon and without one: what it prints and what it exits with."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import apsw
import pytest
from standins import postgres
from standins.inprocess import CONFIG, LiveDaemon, live_daemon, write_config
from standins.serving import serving

from engine.cli import main
from engine.control.client import ControlClient
from engine.control.routes import build
from engine.core.endpoints import UnixEndpoint
from engine.core.objects import Json
from engine.journal.backups import ITS_OWN_BACKUPS
from engine.journal.statements import MIGRATIONS
from engine.operations import Operations
from engine.settings import control_socket

HOLDS = (
    r"1 messages \(0 undecided\), 1 incidents, 2 deliveries \(0 open\), \d+ audit rows, newest message "
    rf"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, schema {len(MIGRATIONS)}"
)
CLOSED = (
    "engine: /sys cannot be written (Permission denied) by the user who copies the journal, which is the daemon's own "
    "while the daemon runs; name a file in a folder of that user, such as the state folder"
)
TELLTALE = (
    'the address holds a password, which every process list shows; give it as the secret "journal_password", e.g. in '
    "the file that ENGINE_JOURNAL_PASSWORD_FILE names"
)
ON_THE_SERVER = (
    "engine: the journal is in PostgreSQL: a backup is put in its place by the means of PostgreSQL (pg_restore, or its "
    "recovery)"
)
PARTS = ("messages", "undecided", "incidents", "deliveries", "open", "audit", "newest", "schema")
Captured = pytest.CaptureFixture[str]


def write_one(live: LiveDaemon) -> None:
    """A message that is acknowledged and posted, and nothing open after it."""
    live.post("m1", "I have issues with my 3CX, I can't make outbound calls")
    client = ControlClient(control_socket(live.config.with_name("state")))
    deadline = monotonic() + 20
    while (holds := client.check_journal()["holds"])["deliveries"] != 2 or holds["open"]:
        assert monotonic() < deadline
        sleep(0.02)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine.yaml of an installation whose daemon took a message, was backed up into backup.db, and ended."""
    folder = tmp_path_factory.mktemp("stopped")
    with live_daemon(folder) as live:
        write_one(live)
        assert main(["journal", "backup", str(folder / "backup.db"), "--config", str(live.config)]) == 0
    return live.config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The engine.yaml of an installation that was never started."""
    return write_config(tmp_path)


def asked(*arguments: object, config: Path) -> int:
    return main(["journal", *(str(argument) for argument in arguments), "--config", str(config)])


def test_the_daemon_checks_and_backs_up_its_own_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """While it runs; a relative name is the operator's own; a name that is taken, or of no folder, is the operator's to
    change; what needs a stopped daemon says so.
    """
    monkeypatch.chdir(tmp_path)
    with live_daemon(tmp_path) as live:
        write_one(live)
        assert asked("backup", "backup.db", config=live.config) == 0
        told = capsys.readouterr().out
        assert re.fullmatch(rf"{tmp_path}/backup\.db holds {HOLDS}; 0\.\d MB\.\n", told)
        assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
        assert asked("check", "backup.db", config=live.config) == 0
        assert re.fullmatch(rf"backup\.db holds together: {HOLDS}\.\n", capsys.readouterr().out)
        assert asked("backup", "backup.db", config=live.config) == 2
        assert asked("backup", "nowhere/backup.db", config=live.config) == 2
        assert asked("backup", "/sys/backup.db", config=live.config) == 77
        running = "engine: the daemon runs on this journal; stop it first (`systemctl stop engine`)"
        assert capsys.readouterr().err.splitlines() == [
            f"engine: {tmp_path}/backup.db exists; name a new file",
            f"engine: there is no folder {tmp_path}/nowhere; name a file in one that exists",
            CLOSED,
        ]
        assert asked("restore", "backup.db", "--replace", config=live.config) == 2
        assert asked("copy", "--to", "postgresql://engine@127.0.0.1:1/engine", config=live.config) == 2
        assert capsys.readouterr().err.splitlines() == [running, running]


def test_a_stopped_journal_is_checked_and_backed_up(stopped: Path, tmp_path: Path, capsys: Captured) -> None:
    """The command does it itself then, and leaves the journal to the next start."""
    assert asked("check", config=stopped) == 0
    assert re.fullmatch(rf"{stopped.parent}/state/journal\.db holds together: {HOLDS}\.\n", capsys.readouterr().out)
    assert asked("backup", tmp_path / "b.db", config=stopped) == 0
    assert re.fullmatch(rf"{tmp_path}/b\.db holds {HOLDS}; 0\.\d MB\.\n", capsys.readouterr().out)


def test_a_backup_is_restored_into_a_new_installation(
    stopped: Path, config: Path, tmp_path: Path, capsys: Captured
) -> None:
    """What is open in it is said to be in doubt, and a journal with content is not replaced unasked."""
    backup = stopped.with_name("backup.db")
    place = tmp_path / "state" / "journal.db"
    doubt = "deliveries were open and are in doubt now: the networks are asked about them before they are sent again."
    since = "What was accepted after the backup is not in it: deploy/README.md, Backup, says what to do."
    assert asked("restore", backup, config=config) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{place} holds {HOLDS}\.", first)
    assert rest == [f"0 {doubt}", since]
    assert asked("check", config=config) == 0
    capsys.readouterr()
    with apsw.Connection(str(place)) as file:
        file.execute("UPDATE deliveries SET state = 'queued', head = 1")
        file.execute("UPDATE inbox SET routed_at = NULL, head = 1")
    open_ones = tmp_path / "open.db"
    assert asked("backup", open_ones, config=config) == 0
    assert asked("restore", open_ones, config=config) == 2
    assert capsys.readouterr().err == (
        f"engine: {place} holds messages already; add --replace to put it aside, under a dated name, and begin with "
        "the backup\n"
    )
    assert asked("restore", open_ones, "--replace", config=config) == 0
    told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"The journal that was there is kept as {tmp_path}/state/journal-20\d{{6}}T\d{{6}}Z\.db\.", told[1]
    )
    assert told[2:] == [
        f"2 {doubt}",
        "1 messages were undecided; what they cause is in doubt, too.",
        since,
    ]


def spoiled(stopped: Path, folder: Path) -> Path:
    """A backup with a ticket too few."""
    backup = folder / "spoiled.db"
    backup.write_bytes(stopped.with_name("backup.db").read_bytes())
    with apsw.Connection(str(backup)) as file:
        file.execute("UPDATE counters SET last = 2")
    return backup


def test_what_does_not_hold_together_exits_with_one(
    stopped: Path, config: Path, tmp_path: Path, capsys: Captured
) -> None:
    """A backup and a journal, each with its findings; nothing is restored or copied of it."""
    backup = spoiled(stopped, tmp_path)
    finding = r"  ticket OC-20\d\d-0002 is missing: the counter of its year is at 2"
    assert asked("check", backup, config=config) == 1
    assert re.fullmatch(rf"{backup} does not hold together:\n{finding}\n", capsys.readouterr().out)
    assert asked("restore", backup, config=config) == 1
    assert re.fullmatch(rf"Nothing is restored: {backup} does not hold together:\n{finding}\n", capsys.readouterr().out)
    place = tmp_path / "state" / "journal.db"
    place.write_bytes(backup.read_bytes())
    assert asked("check", config=config) == 1
    assert asked("copy", "--to", postgres.shared().schema("unused"), config=config) == 1
    told = capsys.readouterr().out
    assert f"{place} does not hold together:\n" in told
    assert f"Nothing is copied: {place} does not hold together:\n" in told


def test_a_copy_of_a_broken_file_is_no_backup(stopped: Path, config: Path, tmp_path: Path, capsys: Captured) -> None:
    """What is wrong with the journal is said instead, and no file is left."""
    place = tmp_path / "state" / "journal.db"
    place.parent.mkdir()
    place.write_bytes(stopped.with_name("backup.db").read_bytes())
    with apsw.Connection(str(place)) as file:
        file.execute("UPDATE deliveries SET ticket_id = 'OC-2026-9999' WHERE seq = 1")
    assert asked("backup", tmp_path / "b.db", config=config) == 1
    assert capsys.readouterr().out == (
        "There is no backup: the copy is broken, as the journal is:\n"
        "  row 1 of deliveries names a row of incidents that does not exist\n"
    )
    assert not (tmp_path / "b.db").exists()


def test_what_is_not_there_is_said(config: Path, tmp_path: Path, capsys: Captured) -> None:
    """No journal, no backup, no journal in the file; nothing is made."""
    (tmp_path / "empty.db").touch()
    missing = f"engine: there is no journal {tmp_path}/state/journal.db; the daemon makes it at its first start"
    assert asked("check", config=config) == 1
    assert asked("backup", tmp_path / "b.db", config=config) == 1
    assert asked("copy", "--to", "postgresql://engine@127.0.0.1:1/engine", config=config) == 1
    assert asked("check", tmp_path / "b.db", config=config) == 1
    assert asked("check", tmp_path / "empty.db", config=config) == 1
    assert capsys.readouterr().err.splitlines() == [
        *[missing] * 3,
        f"engine: there is no file {tmp_path}/b.db",
        f"engine: {tmp_path}/empty.db: there is no journal in it",
    ]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("mysql://engine@db/engine", "the address of a journal is written like postgresql://engine@db1,db2/engine"),
        ("postgresql://engine:secret@db/engine", TELLTALE),
    ],
)
def test_a_target_that_cannot_be_is_refused(config: Path, capsys: Captured, address: str, sentence: str) -> None:
    """With how to write it, and without repeating a secret."""
    assert asked("copy", "--to", address, config=config) == 2
    assert capsys.readouterr().err == f"engine: {sentence}\n"


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[str]:
    """The address of an empty schema."""
    server = postgres.shared()
    name = f"moved{abs(hash(str(tmp_path))):x}"
    yield server.schema(name)
    # The name is made of hexadecimal digits.
    server.execute(f"DROP SCHEMA {name} CASCADE")


def test_a_journal_is_moved_to_postgresql(
    stopped: Path, config: Path, tmp_path: Path, moved: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line to change is said; with it the commands mean the database, and name its own means for backups."""
    assert asked("restore", stopped.with_name("backup.db"), config=config) == 0
    capsys.readouterr()
    monkeypatch.setenv("ENGINE_JOURNAL_PASSWORD", "never asked for")
    assert asked("copy", "--to", moved, config=config) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Copied and compared: \d+ meta, .*1 incidents, 1 inbox, 2 deliveries, .*\d+ audit.*\.", first)
    left = tmp_path / "state" / "journal.db"
    assert rest == [
        f"Now change this line of {config} and start the daemon:",
        f"  journal: {moved}",
        f"{left} is as it was. Move it away once the daemon runs, so that none starts on it again.",
    ]
    write_config(tmp_path, text=f"{CONFIG}journal: {moved}\n")
    assert asked("check", config=config) == 0
    assert re.fullmatch(rf"the database holds together: {HOLDS}\.\n", capsys.readouterr().out)
    assert asked("backup", tmp_path / "b.db", config=config) == 2
    assert asked("restore", stopped.with_name("backup.db"), config=config) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"engine: {ITS_OWN_BACKUPS}",
        ON_THE_SERVER,
    ]


def test_a_database_without_a_journal_is_said(config: Path, tmp_path: Path, moved: str, capsys: Captured) -> None:
    """The check makes no tables in passing."""
    write_config(tmp_path, text=f"{CONFIG}journal: {moved}\n")
    assert asked("check", config=config) == 1
    assert capsys.readouterr().err == "engine: the database: there is no journal in it\n"


class Elsewhere(Operations):
    """A daemon whose /tmp is not ours: it says that it wrote the file."""

    def __init__(self) -> None:
        """It has no parts."""

    async def back_up(self, file: str) -> Json:
        holds = dict.fromkeys(PARTS, 0)
        return {"findings": [], "holds": holds, "bytes": 1}


async def test_a_file_that_the_daemon_wrote_elsewhere_is_said(config: Path, tmp_path: Path, capsys: Captured) -> None:
    """A service with a private /tmp writes where nobody finds it; the operator must not believe in that backup."""
    socket = tmp_path / "state" / "control.sock"
    await asyncio.to_thread(socket.parent.mkdir)
    async with serving(build(Elsewhere(), NotImplemented), UnixEndpoint(socket), mode=0o600):
        assert await asyncio.to_thread(asked, "backup", tmp_path / "b.db", config=config) == 1
    assert capsys.readouterr().err == (
        f"engine: the daemon wrote {tmp_path}/b.db, and it is not here: the service has a {tmp_path} of its own "
        "(PrivateTmp in its unit); name a file in the state folder\n"
    )
