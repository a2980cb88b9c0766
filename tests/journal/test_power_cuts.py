"""Power cuts: whatever was answered is on the disk, however much of the rest the disk forgets."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

from journal.samples import NOW, acknowledgement, claim, escalation, finish, inbound, opened
from standins import power

from engine.core.deliveries import DeliveryState
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore

CUTS = 20


async def test_what_was_answered_survives_a_power_cut(tmp_path: Path) -> None:
    """At twenty random moments of a busy journal the disk keeps only what was flushed: every message that was answered,
    every ticket that was given and every delivery that was settled is there, and nothing stands there half."""
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    lives = tmp_path / "journal.db"
    with power.disk() as disk:
        journal = StoredJournal(SqliteStore(lives))
        await journal.open("node-a", NOW)
        tickets: dict[str, str] = {}
        settled: set[str] = set()

        async def work(worker: int) -> None:
            for number in range(10_000):
                name = f"{worker}-{number}"
                parts = escalation(f"p{name}", f"wa-{name}"), acknowledgement(f"a{name}", f"wa-{name}")
                tickets[f"wa-{name}"] = await opened(journal, *parts, conversation=f"wa-{name}")
                for claimed in await claim(journal, limit=2):
                    await finish(journal, claimed)
                    settled.add(claimed.id)

        working = [asyncio.create_task(work(worker)) for worker in range(4)]
        kept = []
        for cut in range(CUTS):
            await asyncio.sleep(chance.uniform(0.005, 0.05))
            folder = tmp_path / f"cut-{cut}"
            folder.mkdir()
            known = dict(tickets), set(settled)
            await asyncio.to_thread(disk.cut, folder)
            kept.append((folder, *known))
        for task in working:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await journal.close()
    assert disk.flushes > CUTS
    for folder, known_tickets, known_settled in kept:
        await _check(folder / "journal.db", known_tickets, known_settled)


async def _check(path: Path, tickets: dict[str, str], settled: set[str]) -> None:
    journal = StoredJournal(SqliteStore(path))
    await journal.open("node-b", NOW)
    found = {incident.conversation_id: incident.ticket_id for incident in await journal.incidents(None, 100_000)}
    states = {view.id: view.state for view in await journal.deliveries(None, 100_000)}
    answers = await journal.accept([inbound(f"first of {name}", name) for name in tickets], NOW)
    await journal.close()
    assert tickets.items() <= found.items()
    assert sorted(found.values()) == [f"OC-2026-{number + 1:04d}" for number in range(len(found))]
    assert {states[name] for name in settled} <= {DeliveryState.SENT}
    assert all(answer.duplicate for answer in answers)
