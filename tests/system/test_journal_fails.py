"""The journal fails: on a full disk everything waits without a half done thing, and a fault of ours ends the daemon."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw
import httpx
import pytest
from standins.clients import Meta, Writer, plant, settled
from standins.processes import Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
MOUNT, UMOUNT = (shutil.which(name) or "" for name in ("mount", "umount"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [MOUNT, "-t", "tmpfs", "-o", "size=16m,mode=0700", "engine-test", str(disk)]
    if os.geteuid() != 0 or not MOUNT or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of its own needs the right to mount")
    yield disk
    subprocess.run([UMOUNT, "--lazy", str(disk)], check=True)


async def test_a_full_disk_sends_webhooks_away_and_recovers(small_disk: Path, build: Callable[..., Site]) -> None:
    """What cannot be written is answered 503 with Retry-After and leaves nothing; every repeated message comes out
    once when the disk has room again."""
    site = build(state=small_disk / "state")
    site.start()
    writers = [Writer(number) for number in range(60)]
    ballast = small_disk / "ballast"
    async with Meta(site) as meta:
        await meta.converse(writers[:4], 2, 100)
        assert settled(site, writers[:4], 2).faults == ()
        with ballast.open("wb") as file:
            fill(file.fileno())
        # Into what the log has left, some may still fit; then no more.
        refused = await first_refused(meta, writers[4:])
        before = (len(site.sent()), len(site.posts()))
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json() == {"error": "nothing can be accepted now, try again later"}
        assert site.get("/livez").status_code == 200
        assert (len(site.sent()), len(site.posts())) == before
        ballast.unlink()
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


def fill(descriptor: int) -> None:
    """Write until nothing more fits."""
    for size in (65_536, 4_096, 1):
        try:
            while True:
                os.write(descriptor, b"\0" * size)
        except OSError:
            continue


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
