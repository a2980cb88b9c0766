"""The networks' later words about what was sent: sent, delivered, read or failed, in any order and more than once.

Plain operations on a transaction, run by a store. A receipt settles what nobody knew the end of, and overturns an end
that it contradicts. A text that the network refuses later, and would take as the approved template, is queued as that,
once.

A network that takes no key of ours names only its own id of the message, and the client. The delivery is then that
which went out as this message; else, unless a person of ours wrote the message by hand, the client's phone proves the
oldest of ours that may have gone out without an answer. While one is being sent there, nobody can tell which of
them the message is: the receipt waits for the end of that attempt, which names its own.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from engine.core import contracts
from engine.core.deliveries import Acknowledgement, Body, Claimed, DeliveryKind, DeliveryState, NewDelivery, Relayed
from engine.core.events import Receipt
from engine.core.identities import answers
from engine.core.plan import AuditEntry
from engine.core.settlements import Settlement, as_template, note_of_end
from engine.journal import identities, lanes, withdrawals
from engine.journal.lanes import Bound, Stored
from engine.journal.pseudonyms import lane_is_erased
from engine.journal.rows import instant, micros, storable, storable_or_none
from engine.journal.statements import Database

_ARRIVED = frozenset({"delivered", "read"})
_TAKEN = _ARRIVED | {"sent"}
_FAILED = "failed"


def note(database: Database, receipts: Sequence[Receipt], now: datetime, *, escalate_to: str, bound: Bound) -> int:
    """Keep each receipt once and write what follows from it; how many deliveries changed their state."""
    return sum(_note_one(database, receipt, now, escalate_to, bound) for receipt in receipts)


def finish(
    database: Database,
    claimed: Claimed,
    settlement: Settlement,
    audit: Sequence[AuditEntry],
    then: Sequence[NewDelivery],
    now: datetime,
    *,
    bound: Bound,
) -> bool:
    """Write what became of an attempt, and decide about the receipts that waited for it; see `lanes.finish`."""
    stored = lanes.read(database, claimed.id)
    finished = lanes.finish(database, claimed, settlement, audit, then, now, stored=stored, bound=bound)
    if finished and stored is not None and stored.awaited:
        early = database.rows("early_receipts", stored.destination)
        database.rows("forget_early_receipts", stored.destination)
        for provider_id, status, aliases, code, reason, at, escalate_to in early:
            names = tuple(json.loads(aliases))
            receipt = Receipt(stored.destination, "", provider_id, status, instant(at), code, reason, names)
            _note_one(database, receipt, now, escalate_to, bound)
    if finished:
        withdrawals.withdraw_refused(database, claimed, settlement, now)
    return finished


def delivery_of(database: Database, connector: str, provider_id: str) -> str | None:
    """The words for a client that went out as this message."""
    found = database.rows("delivery_of_message", provider_id, connector, provider_id, connector)
    return found[0][0] if found else None


def forget_early(database: Database, connector: str, names: Sequence[str]) -> None:
    """Remove the receipts of a client that still wait."""
    for provider_id, _, aliases, *_ in database.rows("early_receipts", connector):
        if not set(names).isdisjoint(json.loads(aliases)):
            database.rows("forget_early_receipts_of_message", connector, provider_id)


def _find(database: Database, receipt: Receipt, provider_id: str, escalate_to: str) -> str | None:
    """The delivery that a receipt without a key is about; None: there is none, or not yet."""
    connector = receipt.connector
    if found := delivery_of(database, connector, provider_id):
        return found
    if not receipt.aliases:
        return None
    told = tuple(map(storable, receipt.aliases))
    names = identities.names_of(database, connector, told)
    if any(database.rows("find_signal", connector, name, "human_reply", provider_id) for name in names):
        return None
    unproven = _unproven(database, connector, names, receipt.at)
    if any(state == DeliveryState.SENDING for _, _, state in unproven):
        code, reason = storable_or_none(receipt.code), storable(receipt.reason)
        what = (connector, provider_id, receipt.status, json.dumps(told))
        database.rows("keep_early_receipt", *what, code, reason, micros(receipt.at), escalate_to)
        return None
    return unproven[0][1] if unproven else None


def _unproven(
    database: Database, destination: str, names: Sequence[str], at: datetime
) -> list[tuple[int, str, DeliveryState]]:
    """The words for a client that may have gone out before then as a message that nobody named, the oldest first."""
    found = []
    for seq, key, state, kind, lane, body in database.rows("unproven_deliveries", *(destination, micros(at)) * 2):
        said = contracts.load_body(DeliveryKind(kind), body) if body is not None else None
        if isinstance(said, Acknowledgement | Relayed) and answers(lane, said.peer, names):
            found.append((seq, key, DeliveryState(state)))
    return sorted(found)


def _note_one(database: Database, receipt: Receipt, now: datetime, escalate_to: str, bound: Bound) -> bool:
    provider_id = storable(receipt.provider_id)
    key = storable(receipt.key) or _find(database, receipt, provider_id, escalate_to)
    if key is None:
        return False
    stored = lanes.read(database, key)
    # The network's id of a message encodes the number of who got it, so none is kept of an erased client.
    if stored is None or stored.destination != receipt.connector or lane_is_erased(stored.lane):
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
        note = note_of_end(key, stored.lane, stored.ticket_id, body, settlement, destination=escalate_to, now=now)
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
