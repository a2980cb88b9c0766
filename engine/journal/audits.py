"""The audit: what happened, in rows that are only ever added.

Called by the other operations inside their own transaction, so that a fact and its row stand or fall together.
"""

from dataclasses import dataclass
from datetime import datetime

from engine.core.masking import pseudonym
from engine.core.plan import AuditEntry
from engine.journal.rows import details_json, instant, micros
from engine.journal.statements import Database


@dataclass(frozen=True, slots=True)
class About:
    """What an audit row is about; nothing of it for the daemon itself."""

    ticket_id: str | None = None
    # The conversation's pseudonym.
    subject: str | None = None
    # The message, while it has no ticket.
    inbox_id: int | None = None


def subject(salt: bytes, connector: str, conversation_id: str) -> str:
    """The pseudonym of a conversation."""
    return pseudonym(salt, f"{connector}:{conversation_id}")


def newest_at(database: Database) -> datetime | None:
    """When the newest row was written, by the clock of whoever wrote it; None in a new journal."""
    found = database.rows("newest_audit")
    return instant(found[0][0]) if found else None


def add(database: Database, entry: AuditEntry, about: About, now: datetime) -> None:
    """Write one row."""
    details = details_json(entry.details)
    database.rows("add_audit", micros(now), entry.kind, about.ticket_id, about.inbox_id, about.subject, details)
