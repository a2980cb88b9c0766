"""The audit: what happened, in rows that are only ever added, each linked to the one before it (see `core.chains`).

Called by the other operations inside their own transaction, so that a fact and its row stand or fall together. A row
waits in the transaction until its end, when `seal` writes them all: only then is it certain what stands before it.
"""

from dataclasses import dataclass
from datetime import datetime

from engine.core import chains
from engine.core.chains import AuditRow, Head
from engine.core.masking import pseudonym
from engine.core.plan import AuditEntry
from engine.journal.rows import details_json, instant, micros
from engine.journal.statements import Database

# Where `meta` keeps the end of the chain, apart from the rows, so that missing rows are missed.
_HEAD = "audit-head"
# Rows that are linked at a time where an engine without chains has written many.
_BATCH = 1000


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
    """Have one row written at the end of the transaction."""
    details = details_json(entry.details)
    database.pending.append((micros(now), entry.kind, about.ticket_id, about.inbox_id, about.subject, details))


def seal(database: Database) -> None:
    """Write what waits, at the end of the chain. Nothing else may add a row before the transaction is committed."""
    if not database.pending:
        return
    reached, older = _end(database)
    while older:
        link_older(database)
        reached, older = _end(database)
    chain = reached.chain
    for values in database.pending:
        chain = chains.link(chain, values)
        database.rows("add_audit", *values, chain)
    database.rows("set_meta", _HEAD, str(Head(reached.rows + len(database.pending), chain)))
    database.pending.clear()


def link_older(database: Database) -> bool:
    """Link the oldest rows that an engine without chains has written, a batch of them; False when there are none."""
    reached, older = _end(database)
    if not older:
        return False
    chain = reached.chain
    found = database.rows("unlinked_audit", _BATCH)
    for seq, at, kind, ticket_id, inbox_id, about, details in found:
        chain = chains.link(chain, (at, kind, ticket_id, inbox_id, about, details))
        database.rows("link_audit", chain, seq)
    database.rows("set_meta", _HEAD, str(Head(reached.rows + len(found), chain)))
    return True


def head(database: Database) -> Head:
    """Where the chain ends, as it was noted apart from the rows."""
    return _end(database)[0]


def _end(database: Database) -> tuple[Head, bool]:
    """The end of the chain, and whether rows stand behind it that are not linked."""
    ((written, older),) = database.rows("chain_end", _HEAD)
    return chains.parse_head(written or "") or Head(), bool(older)


def page(database: Database, start: int | None, limit: int, *, newest_first: bool) -> tuple[AuditRow, ...]:
    """The next rows after the row `start`, or before it when the newest come first; None begins."""
    if newest_first:
        found = database.rows("audit_before", 2**63 - 1 if start is None else start, limit)
    else:
        found = database.rows("audit_after", 0 if start is None else start, limit)
    return tuple(AuditRow(seq, instant(at), *rest) for seq, at, *rest in found)
