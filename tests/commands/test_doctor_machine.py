"""What `engine doctor` finds on the machine: clock, disk, journal, the systemd unit."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from threading import Event

import apsw
import pytest
from commands.examined import SECRETS, STATUS, installation, lines
from standins import postgres
from standins.inprocess import live_daemon

from engine.commands.doctor import (
    clocks,
    disks,
    installations,
    journals,
    programs,
    units,
)
from engine.journal.statements import MIGRATIONS

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("apart", "line"),
    [
        (timedelta(seconds=5), "ok clock agrees with Mattermost's"),
        (timedelta(seconds=-5), "ok clock agrees with Mattermost's"),
        (
            timedelta(seconds=8),
            "warn clock 8 s ahead of Mattermost's: let chrony or systemd-timesyncd keep it right, on both machines",
        ),
        (
            timedelta(minutes=-2),
            "warn clock 120 s behind Mattermost's: let chrony or systemd-timesyncd keep it right, on both machines",
        ),
    ],
)
def test_clocks_that_differ_are_told(apart: timedelta, line: str) -> None:
    """A Date header has whole seconds."""
    assert lines(clocks.against(apart)) == [line]


def test_whether_somebody_keeps_the_clock_right() -> None:
    """As `timedatectl show` writes it."""
    shown = programs.properties("Timezone=Etc/UTC\nNTP=yes\nNTPSynchronized=yes\nnonsense\n")
    assert lines(clocks.judge(shown)) == ["ok clock is being kept right"]
    assert lines(clocks.judge({"NTPSynchronized": "no"})) == [
        "warn clock nobody keeps it right: let chrony or systemd-timesyncd keep it right"
    ]
    assert lines(clocks.against(None)) == ["skip clock there is no answer of Mattermost's to compare it with"]


def test_a_program_that_is_not_there_or_refuses_tells_nothing() -> None:
    """Whatever the reason."""
    assert programs.ask("sh", "-c", "printf a=b") == "a=b"
    assert programs.ask("sh", "-c", "printf a=b; exit 3") is None
    assert programs.ask("no-such-program-anywhere") is None
    assert programs.ask("sh", "-c", r"printf '\377'") is None


@pytest.mark.parametrize(
    ("free", "level"), [(99_999_999, "fail"), (100_000_000, "warn"), (999_999_999, "warn"), (1_000_000_000, "ok")]
)
def test_room_on_the_disk(free: int, level: str) -> None:
    """Below a gigabyte somebody has to look; below a tenth nothing is accepted soon."""
    (line,) = lines(disks.room(Path("/s"), free))
    assert line.split()[0] == level


def test_a_state_folder_is_written_and_flushed(tmp_path: Path) -> None:
    """And left as it was."""
    found = lines(disks.disk(tmp_path))
    assert found[1] == f"ok disk {tmp_path} can be written and flushed"
    assert list(tmp_path.iterdir()) == []
    assert lines(disks.disk(tmp_path / "state"))[0].startswith(f"skip disk the state folder {tmp_path}/state is not")
    assert lines(disks.disk(tmp_path / "no" / "state")) == [
        f"fail disk {tmp_path}/no, where the state folder goes, is not there: make it"
    ]


def test_a_folder_that_cannot_be_written_is_told() -> None:
    """/proc takes no file from anybody."""
    (line,) = [
        line for line in lines(disks.disk(Path("/proc/sys"))) if "cannot be written" in line or "not this" in line
    ]
    assert line.split()[0] in {"fail", "skip"}


def test_a_state_folder_that_may_not_be_entered_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where systemd keeps it for the daemon's user alone, nobody else can tell whether it is there."""
    here = installation(tmp_path)

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    # Tests may run as root, to whom nothing is refused.
    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "lstat", refuse)
    assert lines(disks.disk(tmp_path / "state")) == [
        f"skip disk {tmp_path}/state is not this user's to look at: use sudo, or the daemon's user"
    ]
    assert lines(journals.journal(here, 5, Event()))[0] == (
        f"skip journal {tmp_path}/state/journal.db is not this user's to look at: use sudo, or the daemon's user"
    )


def test_network_file_systems_are_told(tmp_path: Path) -> None:
    """By the mount that the folder is on: the innermost, and of two on one point the later one."""
    mounts = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
        rf"30 22 0:40 / {str(tmp_path).replace('t', chr(116))} rw shared:9 - ext4 /dev/sdb1 rw",
        f"31 22 0:41 / {tmp_path} rw - nfs4 files:/export rw",
        r"32 22 0:42 / /a\040b rw - tmpfs tmpfs rw",
        "nonsense",
    )
    assert disks.kind_of(tmp_path / "state", mounts) == "nfs4"
    assert disks.kind_of(Path("/a b/c"), mounts) == "tmpfs"
    assert disks.kind_of(Path("/etc"), mounts) == "ext4"
    assert disks.kind_of(Path("/etc"), ()) == ""
    assert lines(disks._remote(tmp_path, "nfs4")) == [
        (
            f"warn disk {tmp_path} is on a network file system (nfs4): name a folder on a disk of this machine: a "
            f"journal "
            f"in "
            "SQLite may be damaged there"
        )
    ]


def test_a_stopped_journal_is_looked_at(tmp_path: Path) -> None:
    """Not there, whole, broken, in use."""
    here = installation(tmp_path)
    copies = "skip journal when it was last copied is not known to the engine: `engine journal backup`, once a day"
    file = tmp_path / "state" / "journal.db"
    assert lines(journals.journal(here, 5, Event())) == [
        f"skip journal there is no journal {file} yet, the daemon makes it at its first start",
        copies,
    ]
    with live_daemon(tmp_path):
        pass
    whole, last = lines(journals.journal(here, 5, Event()))
    assert whole.startswith("ok journal holds together, 0.")
    assert whole.endswith(f"newest message none, schema {len(MIGRATIONS)}")
    assert last == copies
    with apsw.Connection(str(file)) as journal:
        journal.execute("INSERT INTO counters VALUES (2026, 1)")
    assert lines(journals.journal(here, 5, Event()))[0] == (
        "fail journal ticket OC-2026-0001 is missing: the counter of its year is at 1: see deploy/rollback.md, The "
        "journal is damaged"
    )
    file.write_bytes(b"no journal" * 1000)
    assert lines(journals.journal(here, 5, Event())) == [f"fail journal {file} is no journal"]


def test_a_running_daemon_looks_at_its_own_journal(tmp_path: Path) -> None:
    """Over its socket."""
    with live_daemon(tmp_path) as live:
        found = installations.find(live.config, SECRETS, None)
        assert lines(journals.journal(found, 30, Event()))[0].startswith("ok journal holds together, 0.")


async def test_a_look_that_the_daemon_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    """The command that waits for it is named."""
    (tmp_path / "state").mkdir()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    found = installation(tmp_path, status=STATUS)
    async with await asyncio.start_unix_server(mute, tmp_path / "state" / "control.sock"):
        told = lines(await asyncio.to_thread(journals.journal, found, 0.05, Event()))
    assert told[0] == (
        "skip journal the daemon did not end its look within 0.05 s: `engine journal check` waits for it"
    )


def test_a_database_is_told_by_its_version(tmp_path: Path) -> None:
    """Empty, not there, and without the password that it needs."""
    server = postgres.shared()
    address = server.schema("doctor")
    found = lines(journals.journal(installation(tmp_path, f"journal: {address}\n"), 5, Event()))
    assert found[0].startswith("ok journal PostgreSQL 1")
    assert found[0].endswith(", synchronous_commit is on")
    assert found[1:] == ["skip journal the database holds no journal yet: the daemon makes it"]
    gone = installation(tmp_path, "journal: postgresql://engine@127.0.0.1:1/engine\n")
    (line,) = lines(journals.journal(gone, 5, Event()))
    assert line.startswith("fail journal the journal cannot be used: the database cannot be reached (")
    secretive = {**SECRETS, "ENGINE_JOURNAL_PASSWORD_FILE": str(tmp_path / "nowhere")}
    locked = installation(tmp_path, f"journal: {address}\n", secretive)
    assert lines(journals.journal(locked, 5, Event())) == [
        "skip journal journal_password cannot be had here, so that it cannot be asked"
    ]


GOOD_UNIT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "TimeoutStopUSec": "30s",
    "User": "engine",
    "MainPID": "0",
    "Result": "success",
}


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        pytest.param({}, ["ok systemd engine.service is installed", "ok systemd engine.service is active"], id="well"),
        pytest.param(
            {"UnitFileState": "disabled", "ActiveState": "failed", "Result": "exit-code", "TimeoutStopUSec": "10s"},
            [
                "ok systemd engine.service is installed",
                (
                    "warn systemd engine.service is disabled, and does not come back with the machine: `systemctl "
                    "enable "
                    "engine`"
                ),
                (
                    "fail systemd engine.service is failed (exit-code): `journalctl -u engine -n 50`, then `systemctl "
                    "start "
                    "engine`"
                ),
                (
                    "warn systemd a stop is cut off after 10 s, and may take 20: TimeoutStopSec=30, as in "
                    "deploy/engine.service"
                ),
            ],
            id="failed",
        ),
        pytest.param(
            {"LoadState": "not-found"},
            ["skip systemd engine.service is not installed: see deploy/README.md, The service"],
            id="not installed",
        ),
    ],
)
def test_a_unit_is_judged_by_what_systemd_shows(tmp_path: Path, shown: dict[str, str], told: list[str]) -> None:
    """In development it need not be there."""
    assert lines(units.judge({**GOOD_UNIT, **shown}, None, installation(tmp_path))) == told


def test_the_state_folder_is_the_service_s_own(tmp_path: Path) -> None:
    """Else it cannot write its journal."""
    here = installation(tmp_path)
    (tmp_path / "state").mkdir()
    owner = (tmp_path / "state").stat().st_uid
    assert len(units.judge(GOOD_UNIT, owner, here)) == 2
    assert lines(units.judge(GOOD_UNIT, owner + 1, here))[2] == (
        f"fail systemd {tmp_path}/state belongs to user {owner}, and the service runs as user {owner + 1}: `chown -R "
        f"{owner + 1} {tmp_path}/state`, or let StateDirectory= make it"
    )
    assert units._uid({"MainPID": str(os.getpid())}) == os.getuid()
    assert units._uid({"MainPID": "999999999"}) is None
    assert units._uid({"MainPID": "0", "User": "root"}) == 0
    assert units._uid({"MainPID": "0", "User": "no-such-user-here"}) is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30.0), ("1min 30s", 90.0), ("1h", 3600.0), ("500ms", 0.5), ("infinity", None), ("", None), ("s", None)],
)
def test_spans_of_systemd(written: str, seconds: float | None) -> None:
    """As `systemctl show` writes them."""
    assert units.seconds(written) == seconds
