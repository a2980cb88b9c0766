"""A journal is copied under load, and the copy goes on in its place: in another folder, and in PostgreSQL."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from standins import postgres
from standins.clients import Meta, Writer, settled, tally
from standins.processes import Site, wait_until

pytestmark = pytest.mark.system
MESSAGES = 4


def hold(site: Site, extra: str = "") -> None:
    """Of what nobody knows whether it arrived a person decides."""
    site.write_config("1s", extra)
    site.config.write_text(site.config.read_text().replace("in_doubt: resend", "in_doubt: hold"))


def kept(backup: Path) -> set[str]:
    """The networks' ids of the messages in a backup."""
    file = apsw.Connection(str(backup), flags=apsw.SQLITE_OPEN_READONLY)
    found = {str(name) for (name,) in file.execute("SELECT message_id FROM inbox")}
    file.close()
    return found


async def test_a_backup_under_load_is_restored_and_nothing_is_lost_or_doubled(build: Callable[..., Site]) -> None:
    """Everything that was accepted before the backup is in it. The journal that is made of it elsewhere knows nothing
    of what was said since, asks the networks, and says nothing a second time.
    """
    site = build()
    hold(site)
    site.start()
    early, late = [Writer(number) for number in range(10)], [Writer(number) for number in range(10, 110)]
    backup = site.folder / "backup.db"
    async with Meta(site) as meta:
        await meta.converse(early, MESSAGES, 60)
        load = asyncio.create_task(meta.converse(late, MESSAGES, 60))
        while meta.answers[200] < 60:
            await asyncio.sleep(0.01)
        before = meta.answers[200]
        made = await asyncio.to_thread(site.command, "journal", "backup", str(backup))
        after = meta.answers[200]
        assert not load.done()
        looked = await asyncio.to_thread(site.command, "journal", "check")
        await load
    await asyncio.to_thread(settled, site, [*early, *late], MESSAGES)
    assert await asyncio.to_thread(site.stop) == 0
    assert (made.returncode, made.stderr, looked.returncode) == (0, "", 0)
    told = re.search(r"backup\.db holds (\d+) messages", made.stdout)
    assert told is not None
    # One that is on the disk already may not have been answered yet.
    assert before <= int(told[1]) <= after + len(late)
    everything_early = {f"wamid.{writer.wa_id}/{message}" for writer in early for message in range(MESSAGES)}
    assert everything_early <= kept(backup)

    site.state = site.folder / "elsewhere"
    hold(site)
    restored = await asyncio.to_thread(site.command, "journal", "restore", str(backup))
    assert (restored.returncode, restored.stderr) == (0, "")
    assert "deliveries were open and are in doubt now" in restored.stdout
    stopped = await asyncio.to_thread(site.command, "journal", "check")
    assert stopped.returncode == 0
    assert f"holds together: {told[1]} messages" in stopped.stdout
    await asyncio.to_thread(site.start)
    async with Meta(site) as meta:
        await meta.deliver(early[0].notification(0))
    await asyncio.to_thread(wait_until, site.is_idle, "nothing is under way")
    counted = tally(site, [*early, *late], MESSAGES)
    print(f"\n{made.stdout}{restored.stdout}{counted.table()}")  # noqa: T201 - shown with -s
    assert counted.faults == ()
    running = await asyncio.to_thread(site.command, "journal", "check")
    assert (running.returncode, running.stderr) == (0, "")


async def test_a_journal_moves_to_postgresql_under_load(build: Callable[..., Site]) -> None:
    """The daemon stops, its journal is copied, it starts on the copy; meanwhile the network repeats, and in the end
    everything came out once, in order, under tickets without gaps.
    """
    site = build()
    site.start()
    address = postgres.shared().schema("moved")
    writers = [Writer(number) for number in range(60)]
    async with Meta(site) as meta:
        load = asyncio.create_task(meta.converse(writers, MESSAGES, 60))
        while meta.answers[200] < 60:
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(site.stop) == 0
        copied = await asyncio.to_thread(site.command, "journal", "copy", "--to", address)
        assert (copied.returncode, copied.stderr) == (0, "")
        assert f"  journal: {address}\n" in copied.stdout
        assert not load.done()
        site.write_config("3s", f"journal: {address}\nnode: support-1\n")
        await asyncio.to_thread(site.start)
        await load
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    print(f"\n{copied.stdout}{counted.table()}")  # noqa: T201 - shown with -s
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
    status, looked = site.command("status"), site.command("journal", "check")
    assert "support-1, journal on postgresql" in status.stdout
    assert (looked.returncode, f"{len(writers) * MESSAGES} messages (0 undecided)" in looked.stdout) == (0, True)
