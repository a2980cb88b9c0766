"""The journal fails: on a full disk everything waits without a half done thing, and a fault of ours ends the daemon."""

import asyncio
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import apsw
import httpx
import pytest
from standins.clients import Meta, Writer, plant, settled
from standins.processes import Site

pytestmark = pytest.mark.system
MOUNT, UMOUNT = (shutil.which(name) or "" for name in ("mount", "umount"))


class SmallDisk:
    """The state folder on 16 MiB of its own: SQLite is told that the disk is full."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self._ballast = folder / "ballast"

    def exhaust(self, _site: Site) -> None:
        """Write until nothing more fits."""
        with self._ballast.open("wb") as file:
            for size in (65_536, 4_096, 1):
                with suppress(OSError):
                    while True:
                        os.write(file.fileno(), b"\0" * size)

    def relieve(self, _site: Site) -> None:
        """Make room again."""
        self._ballast.unlink()


class NoGrowth:
    """A limit on the size of the daemon's files: SQLite is told of an error of the disk. Needs no right of root's."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"

    def exhaust(self, site: Site) -> None:
        """Let no file become larger than the journal's log is now; the daemon's own log is far smaller."""
        size = (self.state / "journal.db-wal").stat().st_size
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def relieve(self, site: Site) -> None:
        """Lift the limit."""
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture(params=["disk full", "disk error"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk | NoGrowth]:
    """A disk that can be exhausted."""
    if request.param == "disk error":
        yield NoGrowth(tmp_path)
        return
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = [MOUNT, "-t", "tmpfs", "-o", "size=16m,mode=0700", "engine-test", str(folder)]
    if os.geteuid() != 0 or not MOUNT or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of its own needs the right to mount")
    yield SmallDisk(folder)
    subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


async def test_a_full_disk_sends_webhooks_away_and_recovers(
    disk: SmallDisk | NoGrowth, build: Callable[..., Site]
) -> None:
    """What cannot be written is answered 503 with Retry-After and leaves nothing; every repeated message comes out
    once when the disk has room again."""
    site = build(state=disk.state)
    site.start()
    writers = [Writer(number) for number in range(40)]
    plant(site, writers)
    async with Meta(site) as meta:
        await meta.converse(writers[:4], 2, 100)
        assert settled(site, writers[:4], 2).faults == ()
        disk.exhaust(site)
        refused = await first_refused(meta, writers[4:])
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json() == {"error": "nothing can be accepted now, try again later"}
        assert site.get("/livez").status_code == 200
        # What was accepted into the last room may still go out; then the daemon only tries to write, again and again.
        await asyncio.sleep(1)
        before = (len(site.sent()), len(site.posts()))
        await asyncio.sleep(1.5)
        assert (len(site.sent()), len(site.posts())) == before
        disk.relieve(site)
        await meta.converse(writers[4:], 2, 100)
    counted = settled(site, writers, 2)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), 2 * len(writers))
    assert site.stop() == 0


async def first_refused(meta: Meta, writers: Sequence[Writer]) -> httpx.Response:
    """The first answer that is no 200; the journal's log may have had some room left."""
    for writer in writers:
        answer = await meta.post(writer.notification(0))
        if answer.status_code != 200:
            return answer
    raise AssertionError("everything was accepted on a full disk")


async def test_a_fault_of_ours_ends_the_daemon_and_quotes_nobody(site: Site) -> None:
    """What must not happen is logged without anybody's words and ends with 70, so that systemd starts us again."""
    connection = apsw.Connection(str(site.state / "journal.db"))
    connection.set_busy_timeout(5000)
    connection.execute("ALTER TABLE deliveries RENAME TO gone")
    connection.close()
    writers = [Writer(0)]
    plant(site, writers)
    async with Meta(site) as meta:
        answer = await meta.post(writers[0].notification(0))
    code = await asyncio.to_thread(site.wait)
    assert code == 70
    assert answer.status_code in {200, 500}
    # Every line is a record of the log's: Python itself printed nothing.
    (fatal,) = [record for record in site.records() if record["level"] == "critical"]
    assert fatal["message"] == "the daemon ends: a part failed that must not (SQLError)"
    assert "no such table" in fatal["exception"]
