"""The networks' later words about what was sent: sent, delivered, read or failed, in any order and more than once.

Plain operations on a transaction, run by a store. A receipt settles what nobody knew the end of, and overturns an end
that it contradicts. A text that the network refuses later, and would take as the approved template, is queued as that,
once.
"""

from collections.abc import Sequence
from datetime import datetime

from engine.core import contracts
from engine.core.deliveries import Body, DeliveryKind, DeliveryState, Settlement, as_template, undelivered_note
from engine.core.events import Receipt
from engine.journal import erasures, lanes
from engine.journal.lanes import Bound, Stored
from engine.journal.rows import micros, storable, storable_or_none
from engine.journal.statements import Database

_ARRIVED = frozenset({"delivered", "read"})
_TAKEN = _ARRIVED | {"sent"}
_FAILED = "failed"


def note(database: Database, receipts: Sequence[Receipt], now: datetime, *, escalate_to: str, bound: Bound) -> int:
    """Keep each receipt once and write what follows from it; how many deliveries changed their state."""
    return sum(_note_one(database, receipt, now, escalate_to, bound) for receipt in receipts)


def _note_one(database: Database, receipt: Receipt, now: datetime, escalate_to: str, bound: Bound) -> bool:
    key, provider_id = storable(receipt.key), storable(receipt.provider_id)
    stored = lanes.read(database, key)
    # The network's id of a message encodes the number of who got it, so none is kept of an erased client.
    if stored is None or stored.destination != receipt.connector or erasures.lane_is_erased(stored.lane):
        return False
    code = storable_or_none(receipt.code)
    if not database.rows("add_receipt", key, provider_id, receipt.status, code, micros(receipt.at), micros(now)):
        return False
    statuses = frozenset(status for (status,) in database.rows("receipts_of_message", key, provider_id))
    state = verdict(stored, provider_id, statuses)
    if state is None:
        return False
    reason = receipt.reason or "the network reported that it failed"
    error = f"{code or 'no code'}: {reason}" if state is DeliveryState.DEAD else None
    settlement = Settlement(state, receipt=provider_id, error=error)
    body = _body(database, stored)
    as_said = as_template(body) if body is not None and error is not None and receipt.wants_template else None
    if as_said is not None:
        bound.spend()
        lanes.redrive_as_template(database, key, stored, as_said, settlement, now)
        return True
    lanes.settle(database, key, stored, settlement, now, under_way=stored.owner is not None)
    if body is not None:
        # The word that a client was not acknowledged after all, as the relay gives it when a network refuses at once.
        note = undelivered_note(key, stored.lane, stored.ticket_id, body, settlement, destination=escalate_to, now=now)
        if note is not None:
            lanes.add(database, note, stored.cause, now, bound)
    return True


def _body(database: Database, stored: Stored) -> Body | None:
    """What is said; None once it is erased."""
    ((written,),) = database.rows("read_body", stored.seq)
    return None if written is None else contracts.load_body(DeliveryKind(stored.kind), written)


def verdict(stored: Stored, provider_id: str, statuses: frozenset[str]) -> DeliveryState | None:
    """What the words about one message of a delivery make of it; None: nothing new.

    Words come in any order, so they are weighed together: what arrived has not failed, and what failed has not been
    taken. `failed` counts only for the newest message of a delivery: one that waits to be sent again is not
    condemned for its earlier try.
    """
    state = DeliveryState(stored.state)
    in_doubt = state in {DeliveryState.SENDING, DeliveryState.HELD} or (
        state is DeliveryState.QUEUED and bool(stored.doubtful)
    )
    if _FAILED in statuses and not statuses & _ARRIVED:
        told_sent = state is DeliveryState.SENT and stored.receipt in {None, "", provider_id}
        # What is under way again after the network has refused this message is another one.
        in_doubt = in_doubt and stored.receipt != provider_id
        return DeliveryState.DEAD if in_doubt or told_sent else None
    if not statuses & _TAKEN or state is DeliveryState.SENT:
        return None
    # A dead or waiting one, too: the network took it after all, and a person or a retry would say it twice.
    return DeliveryState.SENT
