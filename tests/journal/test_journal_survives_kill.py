"""A journal that is killed at any moment keeps every promise that it gave."""

import asyncio
import os
import signal
import sys
from itertools import count
from pathlib import Path

import pytest
from journal.samples import NOW, claim, inbound, later

from engine.core.deliveries import DeliveryState
from engine.core.errors import ConfigurationError
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore

CHILD = Path(__file__).with_name("writing_child.py")
ROOT = CHILD.parents[2]


async def run_and_kill(path: Path, first: int, after: int) -> list[tuple[str, str]]:
    """Let the child give `after` promises, kill it, and return all that it gave."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(path), str(first), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(after)]
    if first == 0:
        with pytest.raises(ConfigurationError, match="is in use by another process"):
            await StoredJournal(SqliteStore(path)).open("node-a", NOW)
    child.send_signal(signal.SIGKILL)
    rest, _ = await child.communicate()
    # The last line may be torn.
    lines += rest.splitlines(keepends=True)
    promises = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return [(kind, value) for kind, value in promises]


@pytest.mark.system
async def test_kill_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """After kill -9 every accepted message is there, tickets have no gap, what was sent stays sent, what was claimed
    is in doubt, and another process cannot join in while the first lives.
    """
    path = tmp_path / "journal.db"
    promised: list[tuple[str, str]] = []
    for round_number, after in enumerate((3, 100, 701)):
        promised += await run_and_kill(path, round_number * 100_000, after)
    of_kind = {
        kind: [value for found, value in promised if found == kind]
        for kind in ("accepted", "ticket", "claimed", "sent")
    }
    journal = StoredJournal(SqliteStore(path))
    await journal.open("node-a", later(1))
    for accepted in of_kind["accepted"]:
        number, inbox_id = accepted.split(":")
        (answer,) = await journal.accept([inbound(f"m-{number}", f"wa-{number}")], NOW)
        assert (answer.duplicate, answer.inbox_id) == (True, int(inbox_id))
    tickets = [incident.ticket_id for incident in await journal.incidents(None, 1_000_000)]
    assert tickets[::-1] == [f"OC-2026-{number:04d}" for number, _ in zip(count(1), tickets, strict=False)]
    assert set(of_kind["ticket"]) <= set(tickets)
    assert len(of_kind["ticket"]) == len(set(of_kind["ticket"]))
    found = {view.id: view for view in await journal.deliveries(None, 1_000_000)}
    assert {found[sent].state for sent in of_kind["sent"]} == {DeliveryState.SENT}
    assert DeliveryState.SENDING not in {view.state for view in found.values()}
    again = {
        one.id: one.doubtful for place in ("main", "mattermost") for one in await claim(journal, place, later(1), 9999)
    }
    cut = {claimed for claimed in of_kind["claimed"] if found[claimed].state is DeliveryState.QUEUED}
    assert all(again[claimed] for claimed in cut)
    assert not set(again) & set(of_kind["sent"])
    assert len(of_kind["sent"]) == len(set(of_kind["sent"]))
    await journal.close()
