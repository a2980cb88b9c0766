"""What is finished and old enough loses its texts, and later its rows. Plain operations on a transaction.

A sweep goes through the incidents, and through the messages and deliveries without one, from the oldest on and in
small batches. A mark in `meta` keeps how far everything is done, so that the next sweep begins there. With the last
message of a client go the names. The audit stays.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from engine.core.incidents import IncidentStatus
from engine.core.records import Swept
from engine.journal import identities
from engine.journal.rows import micros
from engine.journal.statements import Database, Row

_LIVE = {IncidentStatus.OPEN.value, IncidentStatus.CLAIMED.value}
_OPEN = {"queued", "sending"}


def sweep_signals(database: Database, before: datetime, acted_before: datetime, now: datetime) -> None:
    """Remove what happened before, what engineers did before about incidents that are gone, and the holds that are
    over: a few rows of each hour.
    """
    database.rows("remove_signals_before", micros(before))
    database.rows("remove_early_receipts_before", micros(before))
    database.rows("remove_actions_before", micros(acted_before))
    database.rows("remove_holds_before", micros(now))


def sweep(
    database: Database, table: str, before: datetime, after: int | None, limit: int, *, remove: bool, clean: bool
) -> Swept:
    """One batch; see `ports.Journal.sweep`."""
    mark = f"retention-{'rows' if remove else 'texts'}-{table}"
    if after is None:
        found = database.rows("read_meta", mark)
        after = int(found[0][0]) if found else 0
    batch = database.rows(f"{table}_after", after, limit)
    step = _STEPS[table]
    start = reached = after
    done, ended = 0, len(batch) < limit
    for row in batch:
        if row[-1] >= micros(before):
            ended = True
            break
        took = step(database, row, remove)
        clean = clean and took is not None
        done += bool(took)
        after = row[0]
        reached = after if clean else reached
    if reached > start:
        database.rows("set_meta", mark, str(reached))
    return Swept(done, None if ended else after, clean)


def _incident(database: Database, row: Row, remove: bool) -> bool | None:  # noqa: FBT001 - one of a table of steps
    _seq, ticket, status, connector, conversation_id, _at = row
    if status in _LIVE or database.rows("open_of_incident", ticket):
        return None
    if remove:
        for statement in _REMOVALS:
            database.rows(statement, ticket)
        identities.release(database, connector, conversation_id)
    else:
        for statement in _FORGETTINGS:
            database.rows(statement, ticket)
    return True


def _message(database: Database, row: Row, remove: bool) -> bool | None:  # noqa: FBT001 - one of a table of steps
    inbox_id, ticket, routed_at, connector, conversation_id, _at = row
    if routed_at is None:
        return None
    if ticket is not None:
        return False
    database.rows("remove_message" if remove else "forget_message", inbox_id)
    if remove:
        identities.release(database, connector, conversation_id)
    return True


def _delivery(database: Database, row: Row, remove: bool) -> bool | None:  # noqa: FBT001 - one of a table of steps
    seq, delivery_id, ticket, state, _at = row
    if state in _OPEN:
        return None
    if ticket is not None:
        return False
    if remove:
        database.rows("remove_receipts", delivery_id)
    database.rows("remove_delivery" if remove else "forget_delivery", seq)
    return True


_REMOVALS = (
    "remove_receipts_of_incident",
    "remove_deliveries_of_incident",
    "remove_messages_of_incident",
    "remove_incident",
)
_FORGETTINGS = ("forget_messages_of_incident", "forget_deliveries_of_incident", "forget_incident")
_STEPS: Mapping[str, Callable[[Database, Row, bool], bool | None]] = {
    "incidents": _incident,
    "messages": _message,
    "deliveries": _delivery,
}
