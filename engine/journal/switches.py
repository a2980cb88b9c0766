"""Operators' switches, which outlive a restart. Plain operations on a transaction, run by a store."""

from datetime import datetime

from engine.core.plan import AuditEntry
from engine.journal import audits
from engine.journal.audits import About
from engine.journal.rows import micros
from engine.journal.statements import Database

_PAUSED = "paused"


def set_paused(database: Database, now: datetime, *, paused: bool) -> None:
    """Keep the kill switch, with its audit row."""
    database.rows("write_switch", _PAUSED, int(paused), micros(now))
    audits.add(database, AuditEntry("paused" if paused else "resumed"), About(), now)


def paused(database: Database) -> bool | None:
    """The kill switch as it was last set; None when it never was."""
    found = database.rows("read_switch", _PAUSED)
    return bool(found[0][0]) if found else None
