"""The journal over any store: writes through one thread with group commit, reads in a thread of their own.

`app` makes it with a store (`sqlite`, `postgres`), which knows its driver; the operations are plain functions of this
package. This module only carries them to the right thread and hands in what they all need.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from loguru import logger

from engine.core.actions import Action, IncidentPost
from engine.core.chains import AuditRow, Head
from engine.core.deliveries import Claimed, DeliveryKind, DeliveryState, NewDelivery
from engine.core.errors import JournalUnavailable
from engine.core.events import Inbound, Receipt, Signal
from engine.core.incidents import Incident, IncidentStatus
from engine.core.notices import Notice
from engine.core.objects import Json
from engine.core.plan import AuditEntry, Plan
from engine.core.practices import Change, Practice
from engine.core.publications import NodeReport, Publication, Published
from engine.core.records import (
    Accepted,
    Backlog,
    Decided,
    DeliveryHistory,
    DeliveryView,
    IncidentView,
    OpenCount,
    Swept,
    Unrouted,
)
from engine.core.reports import Measured
from engine.core.settlements import Settlement
from engine.core.signals import Answered
from engine.journal import (
    announcements,
    audits,
    backups,
    changes,
    checks,
    erasures,
    lanes,
    messages,
    owners,
    publications,
    receipts,
    reports,
    retention,
    signals,
    switches,
)
from engine.journal.audits import About
from engine.journal.lanes import Bound
from engine.journal.statements import Database
from engine.journal.stopwatch import Stopwatch
from engine.journal.stores import Opened, Store
from engine.journal.writer import Writer

T = TypeVar("T")

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Life:
    """What an open journal holds."""

    node: str
    salt: bytes
    writer: Writer
    reader: ThreadPoolExecutor
    opened: Opened


class StoredJournal:
    """A `Journal` in a store. `open` and the methods after it belong to one event loop."""

    def __init__(self, store: Store, *, max_open_deliveries: int = 100_000, stopwatch: Stopwatch | None = None) -> None:
        """Only names the store; `open` opens it. Without a `stopwatch` nothing is measured."""
        self._store = store
        self._bound = Bound(max_open_deliveries)
        self._stopwatch = stopwatch
        self._life: _Life | None = None

    async def open(self, node: str, now: datetime) -> None:
        """See `ports.Journal.open`; raises what the store raises when it cannot be opened."""
        self._life = await asyncio.to_thread(self._begin, node, now, asyncio.get_running_loop())

    def _begin(self, node: str, now: datetime, loop: asyncio.AbstractEventLoop) -> _Life:
        opened = self._store.open(node)
        try:
            opened.writing.begin()
            salt = _salt(opened.writing)
            lanes.break_leases(opened.writing, node, now)
            newest_at = audits.newest_at(opened.writing)
            if newest_at is not None and lanes.follow_clock_since(opened.writing, node, newest_at, now):
                logger.warning("the clock was set back since the journal was last written: what waits is due now")
            while audits.link_older(opened.writing):
                # A transaction for each batch: among nodes the others need not wait for all.
                opened.writing.commit()
                opened.writing.begin()
            opened.writing.commit()
        except BaseException:
            opened.close()
            raise
        writer = Writer(opened.writing, loop)
        reader = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")
        writer.start()
        return _Life(node, salt, writer, reader, opened)

    async def close(self) -> None:
        """See `ports.Journal.close`."""
        life, self._life = self._life, None
        if life is not None:
            await asyncio.to_thread(_end, life)

    def _alive(self) -> _Life:
        if self._life is None:
            raise JournalUnavailable("the journal is closed")
        return self._life

    async def _write(self, operation: Callable[[Database], T]) -> T:
        with self._measured("write"):
            return await self._alive().writer.submit(operation)

    async def _read(self, operation: Callable[[Database], T]) -> T:
        with self._measured("read"):
            life = self._alive()
            snapshot = life.opened.reading.snapshot
            return await asyncio.get_running_loop().run_in_executor(life.reader, snapshot, operation)

    def _measured(self, operation: str) -> AbstractContextManager[None]:
        return nullcontext() if self._stopwatch is None else self._stopwatch.measure(operation)

    async def accept(self, inbounds: Sequence[Inbound], now: datetime) -> tuple[Accepted, ...]:
        """See `ports.Journal.accept`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(lambda database: messages.accept(database, inbounds, now, salt, bound))

    async def unrouted(self, limit: int) -> tuple[Unrouted, ...]:
        """See `ports.Journal.unrouted`."""
        return await self._read(lambda database: messages.unrouted(database, limit))

    async def record(
        self,
        inbox_id: int,
        plan: Plan,
        decision_log: Mapping[str, object],
        now: datetime,
        practice: Practice | None = None,
    ) -> str | None:
        """See `ports.Journal.record`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(
            lambda database: messages.record(
                database, inbox_id, plan, decision_log, now, practice=practice, salt=salt, bound=bound
            )
        )

    async def claim(
        self, destination: str, kinds: Sequence[DeliveryKind], limit: int, lease: timedelta, now: datetime
    ) -> tuple[Claimed, ...]:
        """See `ports.Journal.claim`."""
        node = self._alive().node
        return await self._write(
            lambda database: lanes.claim(database, destination, kinds, limit, lease, now, node=node)
        )

    async def give_back(self, destination: str, under_way: Sequence[str], now: datetime) -> int:
        """See `ports.Journal.give_back`."""
        node = self._alive().node
        return await self._write(lambda database: lanes.give_back(database, node, destination, under_way, now))

    async def follow_clock(self, by: timedelta, now: datetime) -> None:
        """See `ports.Journal.follow_clock`."""
        node = self._alive().node
        await self._write(lambda database: lanes.follow_clock(database, node, by, now))

    async def finish(
        self,
        claimed: Claimed,
        settlement: Settlement,
        audit: Sequence[AuditEntry],
        then: Sequence[NewDelivery],
        now: datetime,
    ) -> bool:
        """See `ports.Journal.finish`."""
        bound = self._bound
        return await self._write(
            lambda database: receipts.finish(database, claimed, settlement, audit, then, now, bound=bound)
        )

    async def next_due(self, destination: str, kinds: Sequence[DeliveryKind]) -> datetime | None:
        """See `ports.Journal.next_due`."""
        return await self._read(lambda database: lanes.next_due(database, destination, kinds))

    async def note_receipts(self, receipts_: Sequence[Receipt], now: datetime, *, escalate_to: str) -> int:
        """See `ports.Journal.note_receipts`."""
        bound = self._bound
        return await self._write(
            lambda database: receipts.note(database, receipts_, now, escalate_to=escalate_to, bound=bound)
        )

    async def note_signals(
        self, signals_: Sequence[Signal], practice: Practice, now: datetime, *, hold: timedelta
    ) -> tuple[Answered, ...]:
        """See `ports.Journal.note_signals`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(lambda database: signals.note(database, signals_, practice, now, hold, bound, salt))

    async def own(self, name: str, lease: timedelta, now: datetime) -> bool:
        """See `ports.Journal.own`."""
        node = self._alive().node
        return await self._write(lambda database: owners.own(database, name, node, lease, now))

    async def disown(self, name: str) -> None:
        """See `ports.Journal.disown`."""
        node = self._alive().node
        await self._write(lambda database: owners.disown(database, name, node))

    async def act(self, actions: Sequence[Action], practice: Practice, now: datetime) -> tuple[Change, ...]:
        """See `ports.Journal.act`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(lambda database: changes.act(database, actions, practice, now, salt=salt, bound=bound))

    async def fire(self, name: str, limit: int, practice: Practice, now: datetime) -> tuple[Change, ...]:
        """See `ports.Journal.fire`."""
        salt, bound = self._alive().salt, self._bound
        return await self._write(
            lambda database: changes.fire(database, name, limit, practice, now, salt=salt, bound=bound)
        )

    async def posts(self, destination: str, since: datetime) -> tuple[IncidentPost, ...]:
        """See `ports.Journal.posts`."""
        return await self._read(lambda database: changes.posts(database, destination, since))

    async def in_doubt_since(self, destination: str, now: datetime) -> datetime | None:
        """See `ports.Journal.in_doubt_since`."""
        return await self._read(lambda database: changes.in_doubt_since(database, destination, now))

    async def is_root(self, destination: str, receipt: str) -> bool:
        """See `ports.Journal.is_root`."""
        return await self._read(lambda database: changes.is_root(database, destination, receipt))

    async def audit(self, entry: AuditEntry, now: datetime) -> None:
        """See `ports.Journal.audit`."""
        await self._write(lambda database: audits.add(database, entry, About(), now))

    async def audit_head(self) -> Head:
        """See `ports.Journal.audit_head`."""
        return await self._read(audits.head)

    async def audited(self, start: int | None, limit: int, *, newest_first: bool) -> tuple[AuditRow, ...]:
        """See `ports.Journal.audited`."""
        return await self._read(lambda database: audits.page(database, start, limit, newest_first=newest_first))

    async def announce(self, notice: Notice, delivery: NewDelivery | None, now: datetime) -> bool:
        """See `ports.Journal.announce`."""
        bound = self._bound
        return await self._write(lambda database: announcements.announce(database, notice, delivery, now, bound))

    async def set_paused(self, *, paused: bool, now: datetime) -> None:
        """See `ports.Journal.set_paused`."""
        await self._write(lambda database: switches.set_paused(database, now, paused=paused))

    async def paused(self) -> bool | None:
        """See `ports.Journal.paused`."""
        return await self._read(switches.paused)

    async def publish(self, sha: str, files: str, now: datetime) -> Publication:
        """See `ports.Journal.publish`."""
        node = self._alive().node
        return await self._write(lambda database: publications.publish(database, sha, files, node, now))

    async def withdraw(self, now: datetime) -> Publication | None:
        """See `ports.Journal.withdraw`."""
        node = self._alive().node
        return await self._write(lambda database: publications.withdraw(database, node, now))

    async def publication(self) -> Publication | None:
        """See `ports.Journal.publication`."""
        return await self._read(publications.publication)

    async def published(self) -> Published | None:
        """See `ports.Journal.published`."""
        return await self._read(publications.published)

    async def report(self, report: NodeReport) -> None:
        """See `ports.Journal.report`."""
        await self._write(lambda database: publications.report(database, report))

    async def forget_node(self, node: str) -> None:
        """See `ports.Journal.forget_node`."""
        await self._write(lambda database: publications.forget_node(database, node))

    async def nodes(self, since: datetime) -> tuple[NodeReport, ...]:
        """See `ports.Journal.nodes`."""
        return await self._read(lambda database: publications.nodes(database, since))

    async def backlog(self) -> Backlog:
        """See `ports.Journal.backlog`."""
        return await self._read(reports.backlog)

    async def incidents(self, status: IncidentStatus | None, limit: int) -> tuple[Incident, ...]:
        """See `ports.Journal.incidents`."""
        return await self._read(lambda database: reports.incidents(database, status, limit))

    async def incident(self, ticket_id: str) -> IncidentView | None:
        """See `ports.Journal.incident`."""
        return await self._read(lambda database: reports.incident(database, ticket_id))

    async def deliveries(self, state: DeliveryState | None, limit: int) -> tuple[DeliveryView, ...]:
        """See `ports.Journal.deliveries`."""
        return await self._read(lambda database: reports.deliveries(database, state, limit))

    async def delivery(self, delivery_id: str) -> DeliveryHistory | None:
        """See `ports.Journal.delivery`."""
        return await self._read(lambda database: reports.delivery(database, delivery_id))

    async def decided(self, since: datetime, before: int | None, limit: int) -> tuple[Decided, ...]:
        """See `ports.Journal.decided`."""
        return await self._read(lambda database: reports.decided(database, since, before, limit))

    async def measured(self, since: datetime, before: int | None, limit: int) -> tuple[Measured, ...]:
        """See `ports.Journal.measured`."""
        return await self._read(lambda database: reports.measured(database, since, before, limit))

    async def open_incidents(self) -> tuple[OpenCount, ...]:
        """See `ports.Journal.open_incidents`."""
        return await self._read(reports.open_incidents)

    async def drop(self, delivery_id: str, reason: str, now: datetime) -> DeliveryState | None:
        """See `ports.Journal.drop`."""
        return await self._write(lambda database: lanes.drop(database, delivery_id, reason, now))

    async def redrive(self, delivery_id: str, now: datetime, reason: str = "") -> DeliveryState | None:
        """See `ports.Journal.redrive`."""
        bound = self._bound
        return await self._write(lambda database: lanes.redrive(database, delivery_id, reason, now, bound))

    async def client(self, phone: str | None, conversation: tuple[str, str] | None, *, whole: bool) -> Json:
        """See `ports.Journal.client`."""
        tell = erasures.export if whole else erasures.preview
        return await self._read(lambda database: tell(database, phone, conversation))

    async def erase(
        self, phone: str | None, conversation: tuple[str, str] | None, practice: Practice, now: datetime
    ) -> Json:
        """See `ports.Journal.erase`."""
        life, bound = self._alive(), self._bound
        told = await self._write(
            lambda database: erasures.erase(database, phone, conversation, practice, now, salt=life.salt, bound=bound)
        )
        return {**told, "gone": await asyncio.to_thread(life.opened.forget)}

    async def check(self) -> Json:
        """See `ports.Journal.check`."""
        return await asyncio.to_thread(_check, self._alive().opened)

    async def backup(self, path: Path) -> Json:
        """See `ports.Journal.backup`."""
        return await asyncio.to_thread(backups.back_up, self._alive().opened.copy_into, path)

    async def sweep_signals(self, before: datetime, acted_before: datetime, now: datetime) -> None:
        """See `ports.Journal.sweep_signals`."""
        await self._write(lambda database: retention.sweep_signals(database, before, acted_before, now))

    async def sweep(
        self, table: str, before: datetime, after: int | None, limit: int, *, remove: bool, clean: bool
    ) -> Swept:
        """See `ports.Journal.sweep`."""
        return await self._write(
            lambda database: retention.sweep(database, table, before, after, limit, remove=remove, clean=clean)
        )


def _salt(database: Database) -> bytes:
    found = database.rows("read_meta", "salt")
    if found:
        return bytes.fromhex(found[0][0])
    salt = secrets.token_bytes(_SALT_BYTES)
    database.rows("write_meta", "salt", salt.hex())
    return salt


def _check(opened: Opened) -> Json:
    with opened.inspect() as journal:
        return checks.check(journal)


def _end(life: _Life) -> None:
    life.writer.stop()
    life.reader.shutdown()
    life.opened.close()
