"""Deliveries on their lanes: added, claimed under a lease, finished under a fencing token, redriven.

Plain operations on a transaction, run by a store. The first open row of a lane is its head and alone may be claimed;
when it is sent, dead or held, the next one takes its place. What an outcome means was decided before (`settle`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core import contracts
from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    Claimed,
    DeliveryKind,
    DeliveryState,
    NewDelivery,
    kind_of,
    with_ticket,
)
from engine.core.errors import UsageError
from engine.core.fallbacks import fallback_of
from engine.core.plan import AuditEntry
from engine.core.settlements import Settlement
from engine.journal import audits, rows
from engine.journal.audits import About
from engine.journal.rows import instant, micros, storable_or_none
from engine.journal.statements import Database

# What the audit calls a delivery that the network took; other kinds leave no row when all is well.
_SENT_AUDIT = {DeliveryKind.ACKNOWLEDGEMENT: "acknowledged", DeliveryKind.ESCALATION: "escalated"}


# By how much the clocks of nodes may differ.
_AGREED = timedelta(seconds=20)
_LONG_AGO = timedelta(days=1)
# No attempt takes longer; a receipt that came first leaves its row with an owner for as long.
_ATTEMPT = timedelta(minutes=10)


class Bound:
    """The bound on open deliveries.

    They are counted only when those added since the last count could reach the limit, so that accepting a message
    costs the same however many wait. A commit that fails after a count leaves it off by one batch at most.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._room = 0

    def reached(self, database: Database) -> bool:
        """Whether as many deliveries are open as may be."""
        if self._room <= 0:
            ((opened,),) = database.rows("count_open")
            self._room = self.limit - opened
        return self._room <= 0

    def spend(self) -> None:
        """Note one more delivery."""
        self._room -= 1


@dataclass(frozen=True, slots=True)
class Cause:
    """What a new delivery inherits from the message that caused it."""

    ticket_id: str | None
    # The conversation's pseudonym.
    subject: str
    priority: Priority
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery's row without its text, in the order of `read_delivery`."""

    seq: int
    state: str
    token: int
    owner: str | None
    attempts: int
    lane: str
    kind: str
    destination: str
    ticket_id: str | None
    subject: str
    priority: int
    accepted_at: int
    receipt: str | None
    doubtful: int
    due_at: int
    # Receipts that came by its destination wait for the end of an attempt.
    awaited: int

    def is_under_way(self, now: datetime) -> bool:
        """Whether an attempt may still come back: nobody can call it back. After a crash none does."""
        settled = self.state != DeliveryState.SENDING
        return self.owner is not None and not (settled and instant(self.due_at) + _ATTEMPT < now)

    @property
    def cause(self) -> Cause:
        """What a delivery that follows from this one inherits."""
        return Cause(self.ticket_id, self.subject, Priority(self.priority), instant(self.accepted_at))


def read(database: Database, delivery_id: str) -> Stored | None:
    """The delivery with this id."""
    found = database.rows("read_delivery", delivery_id)
    return Stored(*found[0]) if found else None


def add(database: Database, delivery: NewDelivery, cause: Cause, now: datetime, bound: Bound) -> None:
    """Put a delivery at the end of its lane; one whose id exists is left as it is."""
    body = delivery.body if cause.ticket_id is None else with_ticket(delivery.body, cause.ticket_id)
    accepted_at = micros(cause.accepted_at)
    bound.spend()
    database.rows(
        "add_delivery",
        delivery.id,
        delivery.lane,
        delivery.lane,
        delivery.destination,
        kind_of(body).value,
        contracts.dump_body(body),
        cause.ticket_id,
        cause.subject,
        int(cause.priority),
        micros(delivery.due_at),
        accepted_at,
        micros(now),
        *(accepted_at,) * 3,
    )


def claim(
    database: Database,
    destination: str,
    kinds: Sequence[DeliveryKind],
    limit: int,
    lease: timedelta,
    now: datetime,
    *,
    node: str,
) -> tuple[Claimed, ...]:
    """Lease the due heads for one destination and write the intent to send them; see `ports.Journal.claim`."""
    if not kinds or limit <= 0:
        return ()
    taken = []
    lease_until = micros(now + lease)
    for row in database.rows("claimable_deliveries", destination, micros(now), *_wanted(kinds), limit):
        claimed = rows.claimed(row, now)
        first_attempt_at = micros(claimed.first_attempt_at)
        database.rows("claim_delivery", node, lease_until, first_attempt_at, int(claimed.doubtful), row[0])
        taken.append(claimed)
    return tuple(taken)


def finish(
    database: Database,
    claimed: Claimed,
    settlement: Settlement,
    audit: Sequence[AuditEntry],
    then: Sequence[NewDelivery],
    now: datetime,
    *,
    stored: Stored | None,
    bound: Bound,
) -> bool:
    """Write what became of an attempt at the delivery `stored`; False, and nothing written, when it is no longer the
    newest one.

    A receipt that came first has settled the delivery already. It knows better than the attempt, so the settlement
    is dropped then, together with what would have followed from it where the two disagree.
    """
    if stored is None or stored.token != claimed.token or stored.owner is None:
        return False
    if stored.state == DeliveryState.SENDING:
        settle(database, claimed.id, stored, settlement, now)
        agreed = True
    else:
        database.rows("end_attempt", stored.seq)
        agreed = stored.state == settlement.state
    for entry in audit:
        audits.add(database, entry, About(stored.ticket_id, stored.subject), now)
    if agreed:
        for delivery in then:
            add(database, delivery, stored.cause, now, bound)
    return True


def settle(
    database: Database,
    delivery_id: str,
    stored: Stored,
    settlement: Settlement,
    now: datetime,
    *,
    under_way: bool = False,
) -> None:
    """Write a delivery's new state with its audit row, and let the next of its lane go where it no longer holds it.

    `under_way`: the attempt has not come back yet; it may still be finished.
    """
    state = settlement.state
    waits = state is DeliveryState.QUEUED
    error = storable_or_none(settlement.error)
    database.rows(
        "settle_delivery",
        state.value,
        int(waits),
        stored.owner if under_way else None,
        micros(settlement.due_at or now),
        int(settlement.doubtful),
        micros(now) if state is DeliveryState.SENT else None,
        storable_or_none(settlement.receipt) or stored.receipt,
        error,
        stored.seq,
    )
    if waits:
        return
    promote(database, stored.lane)
    if state is DeliveryState.SENT and stored.kind == DeliveryKind.ESCALATION:
        database.rows("withdraw_delivery", fallback_of(delivery_id))
    facts = (("delivery", delivery_id), ("kind", stored.kind))
    about = About(stored.ticket_id, stored.subject)
    if state is not DeliveryState.SENT:
        failed = AuditEntry("failed", (*facts, ("state", state.value), ("error", error or "")))
        audits.add(database, failed, about, now)
    elif (kind := DeliveryKind(stored.kind)) in _SENT_AUDIT:
        audits.add(database, AuditEntry(_SENT_AUDIT[kind], facts), about, now)


def promote(database: Database, lane: str) -> None:
    """Make the first open row of a lane without a head its head."""
    database.rows("promote_delivery", lane, lane)


def redrive(
    database: Database, delivery_id: str, reason: str, now: datetime, bound: Bound, *, anew: bool = True
) -> DeliveryState | None:
    """Queue a dead or held delivery again in its old place, due now; the state it had, None when there is none such.

    It is not doubtful, a held one neither: the operator's word to send it again is the answer to the doubt. Its
    attempts go on counting, its time in doubt begins anew; not `anew`, it goes on as if it had never been given up, so
    that what was refused is looked for since its first attempt, and what was in a backup is in doubt. A delivery of the
    lane that is under way goes first.
    """
    stored = read(database, delivery_id)
    if stored is None:
        return None
    state = DeliveryState(stored.state)
    if state not in {DeliveryState.DEAD, DeliveryState.HELD}:
        return state
    if stored.is_under_way(now):
        return DeliveryState.SENDING
    if database.rows("read_body", stored.seq)[0][0] is None:
        raise UsageError(f"the text of delivery {delivery_id} is erased: there is nothing left to send")
    bound.spend()
    database.rows("demote_waiting_head", stored.lane)
    database.rows("requeue_delivery" if anew else "requeue_given_up", micros(now), stored.seq)
    promote(database, stored.lane)
    facts = [("delivery", delivery_id), ("kind", stored.kind), ("state", state.value)]
    if reason:
        facts.append(("reason", reason))
    audits.add(database, AuditEntry("redriven", tuple(facts)), About(stored.ticket_id, stored.subject), now)
    return state


def redrive_as_template(
    database: Database, delivery_id: str, stored: Stored, body: Acknowledgement, settlement: Settlement, now: datetime
) -> None:
    """Queue what a network took and then refused again in its old place, due now, with the body that says how it goes
    out now; `settlement` is what would have ended it.

    An attempt that has not come back is overtaken: the network has told what became of it.
    """
    bound_to = storable_or_none(settlement.receipt) or stored.receipt
    error = storable_or_none(settlement.error)
    database.rows("demote_waiting_head", stored.lane)
    database.rows("requeue_as_template", micros(now), contracts.dump_body(body), bound_to, error, stored.seq)
    promote(database, stored.lane)
    facts = (("delivery", delivery_id), ("kind", stored.kind), ("state", stored.state))
    entry = AuditEntry("redriven", (*facts, ("reason", "the approved template follows"), ("error", error or "")))
    audits.add(database, entry, About(stored.ticket_id, stored.subject), now)


def drop(database: Database, delivery_id: str, reason: str, now: datetime) -> DeliveryState | None:
    """Give up a queued, dead or held delivery, so that its lane goes on; the state it had, None when there is none.

    Any other is left alone, and so is one whose attempt has not come back. The network's last words go to the audit.
    """
    stored = read(database, delivery_id)
    if stored is None:
        return None
    state = DeliveryState(stored.state)
    if state not in {DeliveryState.QUEUED, DeliveryState.DEAD, DeliveryState.HELD}:
        return state
    if stored.is_under_way(now):
        return DeliveryState.SENDING
    ((before,),) = database.rows("read_error", stored.seq)
    dead, error = DeliveryState.DEAD.value, dropped(reason)
    database.rows("settle_delivery", dead, 0, None, micros(now), 0, None, stored.receipt, error, stored.seq)
    promote(database, stored.lane)
    database.rows("withdraw_delivery", fallback_of(delivery_id))
    facts = (("delivery", delivery_id), ("kind", stored.kind), ("state", state.value))
    why = (("error", before or ""), ("reason", reason))
    audits.add(database, AuditEntry("dropped", (*facts, *why)), About(stored.ticket_id, stored.subject), now)
    return state


def dropped(reason: str) -> str:
    """The error of a delivery that was given up for this reason."""
    return f"dropped: {reason}"


def break_leases(database: Database, node: str, now: datetime) -> None:
    """Queue again, in doubt and due now, what an earlier life of this node was sending when it ended."""
    database.rows("break_leases", micros(now), node)


def follow_clock(database: Database, node: str, by: timedelta, now: datetime) -> None:
    """Date what the old time was written on anew; see `ports.Journal.follow_clock`."""
    step = by // timedelta(microseconds=1)
    database.rows("move_leases", step, node)
    if step < 0:
        database.rows("move_due_times", step, micros(now))
        database.rows("move_first_attempts", step, micros(now))


def follow_clock_since(database: Database, node: str, newest: datetime, now: datetime) -> bool:
    """Do that at the start of a node, where `newest` was written in an earlier life or by another; whether it was set.

    How far nobody knows: it may have gone on for long after that. A day too much makes due what waits, and makes
    look-ups begin too early, which finds more.
    """
    if newest <= now + _AGREED:
        return False
    follow_clock(database, node, min(now - newest, -_LONG_AGO), now)
    return True


def give_back(database: Database, node: str, destination: str, under_way: Sequence[str], now: datetime) -> int:
    """Queue again, in doubt and due now, what the node holds for a destination and is not `under_way`; how many."""
    held = database.rows("held_by_node", node, destination)
    lost = [seq for seq, delivery_id in held if delivery_id not in under_way]
    for seq in lost:
        database.rows("give_back_delivery", micros(now), seq)
    return len(lost)


def next_due(database: Database, destination: str, kinds: Sequence[DeliveryKind]) -> datetime | None:
    """When the next head of these kinds may be claimed for one destination; None when none is open."""
    found = database.rows("earliest_delivery", destination, *_wanted(kinds)) if kinds else []
    return instant(found[0][0]) if found else None


def _wanted(kinds: Sequence[DeliveryKind]) -> tuple[str, ...]:
    """The kinds for a statement that takes as many as there are; some may stand there twice."""
    return tuple(kinds[min(index, len(kinds) - 1)].value for index in range(len(DeliveryKind)))
