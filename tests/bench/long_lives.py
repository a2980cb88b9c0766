"""The journal after a long life, by hand: `python tests/bench/long_lives.py` (about six minutes, 3 GB of disk).

A journal is filled with the rows of a million finished events, ten rows each, and does the same work as an empty one in
the same run: what it costs must be the same. The queue after an outage is here, too.
"""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import apsw
import uvloop

ROOT = Path(__file__).parents[2]
# Instead of this folder, whose `journal` is another.
sys.path[:1] = [str(ROOT), str(ROOT / "tests")]

from bench.main_job import CLOCK, inbound
from journal.samples import DECISION, acknowledgement, escalation, opening

from engine import logs
from engine.core.deliveries import DeliveryKind, DeliveryState
from engine.core.settlements import Settlement
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.ports import Journal

_LEASE = timedelta(minutes=10)
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
# A message, an incident, two sent deliveries, a receipt and five rows of the audit for each number.
_FINISHED = """\
INSERT INTO incidents (
    seq, ticket_id, version, connector, conversation_id, source, client_name, client_phone, issue_summary, priority,
    tags, rule_id, ruleset_sha, mattermost_channel, status, acknowledged, escalated, created_at, last_message_at
) SELECT n, 'OC-2020-' || n, 1, 'old', 'wa-' || n, 'whatsapp', 'Jackson', '+2547' || n, '3CX outbound calls failing', 2,
    '["3cx"]', 'voip-outbound', 'abc', 'support', 'lapsed', 1, 1, n, n FROM numbers;
INSERT INTO inbox (id, connector, conversation_id, message_id, body, accepted_at, head, routed_at, ticket_id)
SELECT n, 'old', 'wa-' || n, 'm' || n, NULL, n, 0, n, 'OC-2020-' || n FROM numbers;
INSERT INTO deliveries (
    id, lane, head, destination, kind, state, ticket_id, subject, priority, attempts, token, due_at, doubtful,
    accepted_at, created_at
) SELECT 'a' || n, 'ack' || n, 0, 'main', 'acknowledgement', 'sent', 'OC-2020-' || n, 's', 2, 1, 1, n, 0, n, n
FROM numbers;
INSERT INTO deliveries (
    id, lane, head, destination, kind, state, ticket_id, subject, priority, attempts, token, due_at, doubtful,
    accepted_at, created_at
) SELECT 'p' || n, 'post' || n, 0, 'mattermost', 'escalation', 'sent', 'OC-2020-' || n, 's', 2, 1, 1, n, 0, n, n
FROM numbers;
INSERT INTO receipts SELECT 'a' || n, 'provider' || n, 'read', NULL, n, n FROM numbers"""
_AUDITED = """\
INSERT INTO audit (at, kind, ticket_id, inbox_id, subject, details, chain)
SELECT n, 'decided', 'OC-2020-' || n, NULL, 's', '{}', 'x' FROM numbers"""


def fill(path: Path, events: int) -> None:
    """Write what that many finished events leave behind."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -400000")
    for statement in (*_FINISHED.split(";\n"), *[_AUDITED] * 5):
        with connection:
            connection.execute(_NUMBERS + statement, (events,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    # What the system still has to write would slow down every flush that is measured.
    os.sync()


async def _opened(path: Path) -> tuple[StoredJournal, float]:
    """A journal, and the milliseconds that opening it took."""
    journal = StoredJournal(SqliteStore(path))
    started = time.perf_counter()
    await journal.open("main", CLOCK.now())
    return journal, (time.perf_counter() - started) * 1000


async def _median_ms(work: Callable[[int], Awaitable[object]], rounds: range) -> float:
    spent = []
    for number in rounds:
        started = time.perf_counter()
        await work(number)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent) * 1000


async def steps(journal: Journal, first: int) -> dict[str, float]:
    """Median milliseconds of each step of an event's life, one at a time, with the flush of the disk."""
    ids: dict[int, int] = {}
    rounds = range(first, first + 300)

    async def accept(number: int) -> None:
        (accepted,) = await journal.accept([inbound(number)], CLOCK.now())
        ids[number] = accepted.inbox_id

    async def decide(number: int) -> None:
        message = inbound(number)
        name = message.event.conversation_id
        post = escalation(f"post{number}", name, CLOCK.now())
        plan = opening(message, acknowledgement(f"ack{number}", name, CLOCK.now()), post)
        await journal.record(ids[number], plan, DECISION, CLOCK.now())

    async def send(_number: int) -> None:
        (claimed,) = await journal.claim("mattermost", list(DeliveryKind), 1, _LEASE, CLOCK.now())
        await journal.finish(claimed, Settlement(DeliveryState.SENT, receipt="r"), (), (), CLOCK.now())

    return {
        "accept": await _median_ms(accept, rounds),
        "what waits for its decision": await _median_ms(lambda _: journal.unrouted(256), range(20)),
        "record": await _median_ms(decide, rounds),
        "claim and finish": await _median_ms(send, rounds),
        "backlog": await _median_ms(lambda _: journal.backlog(), range(20)),
        "status of the newest incidents": await _median_ms(lambda _: journal.incidents(None, 20), range(20)),
    }


async def accept_latency(journal: Journal, seconds: int) -> tuple[float, float]:
    """p50 and p99 milliseconds of accepting twenty messages a second."""
    spent = []
    for number in range(seconds * 20):
        started = time.perf_counter()
        await journal.accept([inbound(10**6 + number)], CLOCK.now())
        spent.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(max(0.0, 0.05 - (time.perf_counter() - started)))
    spent.sort()
    return spent[len(spent) // 2], spent[int(len(spent) * 0.99)]


async def retention(journal: Journal) -> tuple[float, float]:
    """p50 and the longest milliseconds for which one batch of the sweep keeps writers waiting."""
    spent: list[float] = []
    after: int | None = 0
    while after is not None and len(spent) < 400:
        started = time.perf_counter()
        swept = await journal.sweep("incidents", CLOCK.now(), after, 25, remove=len(spent) >= 200, clean=True)
        spent.append((time.perf_counter() - started) * 1000)
        after = swept.after
    return statistics.median(spent), max(spent)


async def queue(path: Path, waiting: int) -> tuple[float, float, bool]:
    """Milliseconds of claiming and finishing sixteen of many and of a few waiting deliveries; whether all came."""
    journal, _ = await _opened(path)
    for start in range(0, waiting, 500):
        messages = [inbound(number) for number in range(start, start + 500)]
        accepted = await journal.accept(messages, CLOCK.now())
        await asyncio.gather(
            *(
                journal.record(
                    one.inbox_id,
                    opening(message, escalation(f"p{one.inbox_id}", message.event.conversation_id, CLOCK.now())),
                    DECISION,
                    CLOCK.now(),
                )
                for one, message in zip(accepted, messages, strict=True)
            )
        )
    spent: list[float] = []
    sent = 0
    while claimed := await _timed(journal, spent):
        sent += claimed
    await journal.close()
    return statistics.median(spent[:100]), statistics.median(spent[-100:]), sent == waiting


async def _timed(journal: Journal, spent: list[float]) -> int:
    started = time.perf_counter()
    claimed = await journal.claim("mattermost", list(DeliveryKind), 16, _LEASE, CLOCK.now())
    sent = Settlement(DeliveryState.SENT, receipt="r")
    await asyncio.gather(*(journal.finish(one, sent, (), (), CLOCK.now()) for one in claimed))
    spent.append((time.perf_counter() - started) * 1000)
    return len(claimed)


async def main_async(folder: Path, events: int, waiting: int) -> None:
    young, young_ms = await _opened(folder / "young.db")
    before = await steps(young, 0)
    p50, p99 = await accept_latency(young, 20)
    await young.close()
    old, _ = await _opened(folder / "old.db")
    await old.close()
    started = time.perf_counter()
    await asyncio.to_thread(fill, folder / "old.db", events)
    size = (folder / "old.db").stat().st_size
    print(f"filled in {time.perf_counter() - started:.0f} s, {size / 1e9:.1f} GB", file=sys.stderr)
    old, old_ms = await _opened(folder / "old.db")
    after = await steps(old, 0)
    old_p50, old_p99 = await accept_latency(old, 20)
    sweep, longest = await retention(old)
    await old.close()
    many, few, whole = await queue(folder / "queue.db", waiting)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print(f"| figure | empty | after {events * 10:,} rows |\n| --- | --- | --- |")
    print(f"| open | {young_ms:.0f} ms | {old_ms:.0f} ms |")
    for name, spent in before.items():
        print(f"| {name} | {spent:.2f} ms | {after[name]:.2f} ms |")
    print(
        f"| accept at 20/s, p50 and p99 (asked ≤ 15 ms) | {p50:.1f}, {p99:.1f} ms | {old_p50:.1f}, {old_p99:.1f} ms |"
    )
    print(f"| bytes of the file for each finished event | | {size / events:.0f} |")
    print(f"| a batch of retention, p50 and longest (asked ≤ 50 ms) | | {sweep:.1f}, {longest:.1f} ms |")
    print(f"\n16 deliveries of {waiting} that wait: {many:.2f} ms; of the last: {few:.2f} ms; all came: {whole}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="finished events, ten rows each")
    parser.add_argument("--waiting", type=int, default=10_000, help="deliveries that an outage has left")
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: a temporary folder)")
    options = parser.parse_args()
    logs.configure("text", "ERROR", sys.stderr)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        uvloop.run(main_async(Path(name), options.events, options.waiting))


if __name__ == "__main__":
    main()
