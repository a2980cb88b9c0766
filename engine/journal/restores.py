"""A backup in the place of the journal: verified before and after, and nothing that was open in it is said twice.

Called by `engine journal restore` while no daemon runs. It works on a copy beside the journal, which gets the journal's
name in one step; the journal that was there keeps its bytes under a dated name.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.core.errors import EngineError, JournalUnavailable, UsageError
from engine.core.objects import Json
from engine.core.plan import AuditEntry
from engine.journal import audits, backups, checks, locks, sqlite
from engine.journal.audits import About
from engine.journal.rows import micros


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a backup."""

    # What is wrong with it; when there is anything, nothing was changed.
    findings: tuple[str, ...]
    # As `checks.verify` tells it; empty when something is wrong.
    holds: Mapping[str, object]
    # Deliveries that were open in it and are in doubt now.
    doubtful: int = 0
    # Where the journal is that stood there before.
    kept: Path | None = None


def restore(backup: Path, journal: Path, now: datetime, *, replace: bool) -> Restored:
    """Put a backup in the place of the journal, whatever its schema up to ours.

    Raises UsageError for a journal with content while `replace` is not said, ConfigurationError while somebody uses the
    journal, NotFound or PermissionRefused for a backup that is none or cannot be read.
    """
    with locks.lock(journal):
        if not replace and _has_content(journal):
            raise UsageError(
                f"{journal} holds messages already; add --replace to put it aside, under a dated name, and begin with "
                "the backup"
            )
        with sqlite.inspect(backup) as found:
            told = checks.check(found)
        if told["findings"]:
            return Restored(tuple(told["findings"]), {})
        return _put(backup, journal, now)


def _put(backup: Path, journal: Path, now: datetime) -> Restored:
    with backups.fresh(journal) as copy:
        sqlite.copy(backup, copy)
        with sqlite.changing(copy) as database:
            doubtful = len(database.rows("doubt_open_deliveries", micros(now)))
            # From here on what older messages cause is in doubt from its beginning: see `add_delivery`.
            database.rows("set_meta", "restored", str(micros(now)))
            facts = (("doubtful", str(doubtful)),)
            audits.add(database, AuditEntry("restored", facts), About(), now)
            audits.seal(database)
        with sqlite.inspect(copy) as made:
            told = checks.check(made)
        if told["findings"]:
            return Restored(tuple(told["findings"]), {})
        locks.give(copy, journal.parent)
        kept = _put_aside(journal, now)
        backups.settle(copy, journal)
    return Restored((), told["holds"], doubtful, kept)


def _has_content(journal: Path) -> bool:
    """Whether anything would be missed; what cannot be read might be."""
    if not journal.exists():
        return False
    try:
        with sqlite.inspect(journal) as present:
            holds: Json | None = checks.verify(present)["holds"]
    except EngineError:
        return journal.stat().st_size > 0
    return holds is None or any(holds[part] for part in ("messages", "incidents", "deliveries", "audit"))


def _put_aside(journal: Path, now: datetime) -> Path | None:
    """Give the journal's bytes a dated name, too; its own name stays until the next one has it."""
    if not journal.exists():
        return None
    # A log that is left behind would be taken for the next journal's.
    with suppress(JournalUnavailable):
        sqlite.fold(journal)
    kept = journal.with_name(f"{journal.stem}-{now:%Y%m%dT%H%M%SZ}{journal.suffix}")
    os.link(journal, kept)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            journal.with_name(f"{journal.name}{ending}").rename(kept.with_name(f"{kept.name}{ending}"))
    backups.flush(journal.parent)
    return kept
