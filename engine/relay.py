"""Outbound: claim, send, settle.

One task per destination claims the heads of lanes from the journal, within the destination's rate, and hands each to
the connector. What an outcome means is decided in `core.settlements`; this module only carries it out. A delivery
whose earlier try may have taken effect is reconciled with the network before it is said again.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from loguru import logger

from engine.core import throttle
from engine.core.deliveries import (
    Claimed,
    DeliveryKind,
    DeliveryState,
    Found,
    NewDelivery,
    Outcome,
    Reconciled,
    Sent,
    Unknown,
    kind_of,
)
from engine.core.errors import JournalUnavailable
from engine.core.reports import Step
from engine.core.settlements import Policy, Settlement, note_of_end, settle, settle_reconciled
from engine.core.throttle import Throttle
from engine.metrics import Metrics
from engine.ports import Clock, Connector, Journal

# The longest that one attempt may take.
_ATTEMPT_S = 40.0
# A lease covers a look-up and an attempt with a margin for the journal: one that ends under a running attempt would let
# it be made twice. On one node it delays nothing, since a node breaks its own leases when it starts. With several nodes
# it is also how long the work of one that died waits for another, and their clocks must agree within the margin of
# twenty seconds. When a node's own clock is set, its leases follow.
LEASE = timedelta(minutes=10)
LEASE_AMONG_NODES = timedelta(seconds=100)
# A step of the clock that is followed; a smaller one is the clock being kept right.
_STEP = timedelta(seconds=1)
# Bounds on the pause between two looks at the journal.
_SHORTEST_S = 0.02
_LONGEST_S = 1.0
# What the kill switch holds.
_TO_CLIENTS = frozenset({DeliveryKind.ACKNOWLEDGEMENT, DeliveryKind.RELAYED})
# The pause after the journal refused to write.
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Destination:
    """A connector with the way it is to be treated."""

    connector: Connector
    per_second: float
    # How many deliveries may be under way in parallel.
    at_once: int
    # By kind; kinds that are absent use the default policy.
    policies: Mapping[DeliveryKind, Policy] = field(default_factory=dict)
    default_policy: Policy = field(default_factory=Policy)
    # Whether deliveries may leave from this node now.
    is_open: Callable[[], bool] = field(default=lambda: True)

    def policy(self, kind: DeliveryKind) -> Policy:
        """How deliveries of this kind are retried here."""
        return self.policies.get(kind, self.default_policy)


class Relay:
    """Carries deliveries to their destinations until it is stopped."""

    def __init__(
        self,
        journal: Journal,
        destinations: Mapping[str, Destination],
        clock: Clock,
        metrics: Metrics,
        chance: Callable[[], float],
        *,
        paused: Callable[[], bool],
        escalate_to: str,
        lease: timedelta = LEASE,
    ) -> None:
        """`chance` gives uniform numbers in [0, 1) for jitter; `paused` is the kill switch for acknowledgements."""
        self._journal = journal
        self._destinations = destinations
        self._clock = clock
        self._metrics = metrics
        self._chance = chance
        self._paused = paused
        self._escalate_to = escalate_to
        self._lease = lease
        self._wakes = {name: asyncio.Event() for name in destinations}
        self._stopping = False
        self._listening_since = clock.now()
        # What the clock told when the one that nobody can set stood at nothing; it changes when somebody sets it.
        self._origin = clock.now() - clock.elapsed()
        self._following = asyncio.Lock()

    def wake(self) -> None:
        """Something may be waiting: look at the journal now."""
        for event in self._wakes.values():
            event.set()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is in flight has been settled."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Serve every destination until `stop`."""
        self._listening_since = self._clock.now()
        async with asyncio.TaskGroup() as group:
            for name, destination in self._destinations.items():
                group.create_task(self._serve(name, destination), name=f"relay-{name}")

    async def _serve(self, name: str, destination: Destination) -> None:
        state = Throttle.full(destination.per_second, max(1.0, destination.per_second), self._clock.now())
        under_way: dict[asyncio.Task[Outcome | None], str] = {}
        # The journal's answer to a claim was lost, and perhaps deliveries with it that are ours now.
        astray = False
        wake = self._wakes[name]
        while not self._stopping:
            wake.clear()
            for task in [task for task in under_way if task.done()]:
                del under_way[task]
                state = self._learn(state, destination, task.result())
            try:
                now = await self._follow_clock()
                if astray:
                    await self._journal.give_back(name, tuple(under_way.values()), now)
                    astray = False
                claimed, pause_s = await self._claim(name, destination, state, len(under_way), now)
            except JournalUnavailable as error:
                logger.error("deliveries to {} wait: {}", name, error)
                astray = True
                # What the networks told meanwhile could not be kept; they repeat it once it can be.
                self._listening_since = self._clock.now()
                await asyncio.sleep(_RETRY_S)
                continue
            state = throttle.spend(state, len(claimed), self._clock.now())
            for delivery in claimed:
                task = asyncio.create_task(self._deliver(delivery, destination))
                task.add_done_callback(lambda _done: wake.set())
                under_way[task] = delivery.id
            await _wait(wake, pause_s)
        if under_way:
            await asyncio.wait(under_way)

    async def _follow_clock(self) -> datetime:
        """The present instant. When somebody has set the clock since the last look, the journal has followed.

        Otherwise a step ahead would end the leases of attempts under way, and after a step back everything that waits
        would wait for as much longer. What is claimed must be claimed at the instant that is given here.
        """
        async with self._following:
            now = self._clock.now()
            origin = now - self._clock.elapsed()
            by = origin - self._origin
            if abs(by) >= _STEP:
                await self._journal.follow_clock(by, now)
                logger.warning("the clock was set by {:+.1f} s; leases and due times have followed", by.total_seconds())
                # The time in doubt was measured by the old clock: it begins anew.
                self._listening_since = now
            self._origin = origin
            return now

    def _learn(self, state: Throttle, destination: Destination, outcome: Outcome | None) -> Throttle:
        if outcome is None:
            return state
        policy = destination.default_policy
        return throttle.learn(state, outcome, self._clock.now(), self._chance(), policy)

    async def _claim(
        self, name: str, destination: Destination, state: Throttle, in_flight: int, now: datetime
    ) -> tuple[tuple[Claimed, ...], float]:
        """What may be sent at `now`, and how long to wait before looking again."""
        if not destination.is_open():
            return (), _LONGEST_S
        limit = throttle.allowance(state, in_flight, destination.at_once, now)
        if not limit:
            opens_at = throttle.opens_at(state, now)
            return (), _pause(opens_at, now) if opens_at > now else _LONGEST_S
        kinds = [kind for kind in DeliveryKind if not (self._paused() and kind in _TO_CLIENTS)]
        claimed = await self._journal.claim(name, kinds, limit, self._lease, now)
        if len(claimed) == limit:
            return claimed, 0.0
        due = await self._journal.next_due(name, kinds)
        return claimed, _LONGEST_S if due is None else _pause(due, now)

    async def _deliver(self, claimed: Claimed, destination: Destination) -> Outcome | None:
        """Carry one delivery through reconciling, sending and settling; the outcome, None when nothing was sent."""
        policy = destination.policy(kind_of(claimed.body))
        if claimed.doubtful:
            found = await _guarded_reconcile(destination.connector, claimed)
            settlement = settle_reconciled(claimed, found, self._clock.now(), policy, self._listening_since)
            if settlement is not None:
                await self._finish(claimed, settlement, destination.connector.name, "reconciled")
                return found if isinstance(found, Sent) else None
        outcome = await _guarded_send(destination.connector, claimed)
        settlement = settle(claimed, outcome, self._clock.now(), self._chance(), policy)
        await self._finish(claimed, settlement, destination.connector.name, type(outcome).__name__.lower())
        return outcome

    async def _finish(self, claimed: Claimed, settlement: Settlement, name: str, outcome: str) -> None:
        now, origin = self._clock.now(), self._origin
        note = note_of_end(
            claimed.id,
            claimed.lane,
            claimed.ticket_id,
            claimed.body,
            settlement,
            destination=self._escalate_to,
            now=now,
        )
        then: tuple[NewDelivery, ...] = (note,) if note else ()
        kind = kind_of(claimed.body)
        # Until the lease ends nobody else claims this delivery, so a full disk may be waited out.
        until = self._clock.elapsed() + self._lease / 2
        while self._clock.elapsed() < until:
            try:
                # While it could not be written the journal may have followed a clock that was set.
                by = self._origin - origin
                told = settlement if settlement.due_at is None else replace(settlement, due_at=settlement.due_at + by)
                told_then = tuple(replace(delivery, due_at=delivery.due_at + by) for delivery in then)
                kept = await self._journal.finish(claimed, told, (), told_then, self._clock.now())
                break
            except JournalUnavailable as error:
                logger.bind(delivery=claimed.id).error("the outcome cannot be written: {}", error)
                await asyncio.sleep(_RETRY_S)
        else:
            return
        self._metrics.count_attempt(name, outcome)
        facts: dict[str, object] = {
            "delivery": claimed.id,
            "ticket": claimed.ticket_id,
            "kind": kind,
            "destination": name,
        }
        facts |= {"attempt": claimed.attempt, "state": settlement.state}
        if not kept:
            logger.bind(**facts).warning("a newer claim has overtaken this attempt")
            return
        self._metrics.count_delivery(name, kind, settlement.state)
        if settlement.state is DeliveryState.SENT:
            self._metrics.observe_sent(kind, now - claimed.accepted_at)
            if kind is DeliveryKind.ACKNOWLEDGEMENT:
                self._metrics.observe_step(Step.ACKNOWLEDGED, claimed.priority, now - claimed.accepted_at)
        if settlement.error:
            logger.bind(**facts).warning("{}", settlement.error)
        else:
            logger.bind(**facts).info("delivered")
        if then:
            self.wake()


async def _guarded_send(connector: Connector, claimed: Claimed) -> Outcome:
    try:
        async with asyncio.timeout(_ATTEMPT_S):
            return await connector.send(claimed)
    except TimeoutError:
        return Unknown("no answer in time")
    except Exception as error:  # noqa: BLE001 - the guard: a connector's own fault must not stop its lane
        logger.bind(delivery=claimed.id).error("{} failed to send ({})", connector.name, type(error).__name__)
        return Unknown(f"fault in the connector: {type(error).__name__}")


async def _guarded_reconcile(connector: Connector, claimed: Claimed) -> Reconciled:
    try:
        async with asyncio.timeout(_ATTEMPT_S):
            return await connector.reconcile(claimed)
    except TimeoutError:
        return Found.UNDECIDED
    except Exception as error:  # noqa: BLE001 - as above
        logger.bind(delivery=claimed.id).error("{} failed to look up ({})", connector.name, type(error).__name__)
        return Found.UNDECIDED


def _pause(until: datetime, now: datetime) -> float:
    return min(_LONGEST_S, max(_SHORTEST_S, (until - now).total_seconds()))


async def _wait(event: asyncio.Event, pause_s: float) -> None:
    try:
        async with asyncio.timeout(pause_s):
            await event.wait()
    except TimeoutError:
        return
