"""Whatever happens in whatever order, a lane keeps its order and nothing is said twice without somebody's word."""

import asyncio
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from journal.samples import (
    DEAD,
    DECISION,
    HELD,
    LEASE,
    NOW,
    SENT,
    accepted,
    claim,
    finish,
    follow_up,
    inbound,
    joining,
    opening,
    receipt,
)

from engine.core.deliveries import Claimed, DeliveryState
from engine.core.settlements import Settlement
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore

LANES = ("wa-0", "wa-1", "wa-2")
SECOND = timedelta(seconds=1)
# For as long an attempt may come back after a receipt has settled its delivery.
ATTEMPT = timedelta(minutes=10)
# What an attempt may end with; an index into these is one step of a story.
ENDS = (
    SENT,
    DEAD,
    HELD,
    Settlement(DeliveryState.QUEUED, due_at=NOW, error="503: busy"),
    Settlement(DeliveryState.QUEUED, due_at=NOW, error="timeout", doubtful=True),
)

Step = tuple[str, int, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("claim"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("finish"), st.integers(0, 9), st.integers(0, len(ENDS) - 1)),
        st.tuples(st.just("receipt"), st.integers(0, 9), st.integers(0, 1)),
        st.tuples(st.just("redrive"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("expire"), st.just(0), st.just(0)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@dataclass(slots=True)
class Seen:
    """What an outsider knows of the journal's promises."""

    said: list[str] = field(default_factory=list)
    lane_of: dict[str, str] = field(default_factory=dict)
    # Every claim there was, oldest first.
    claims: list[Claimed] = field(default_factory=list)
    # The attempts that hold their lane, by delivery.
    under_way: dict[str, Claimed] = field(default_factory=dict)
    state: dict[str, DeliveryState] = field(default_factory=dict)
    in_doubt: set[str] = field(default_factory=set)
    # The attempts whose delivery a receipt settled before they came back, and when.
    overtaken: dict[str, tuple[Claimed, datetime]] = field(default_factory=dict)
    expired: bool = False

    def check_claim(self, one: Claimed) -> None:
        """A claim is new or of an attempt that ended without an answer; it is alone in its lane and in its turn."""
        assert self.state[one.id] in {DeliveryState.QUEUED, DeliveryState.SENDING}
        assert self.expired or one.id not in self.under_way
        assert one.doubtful == (one.id in self.in_doubt or one.id in self.under_way)
        beside = {other for other in self.under_way if self.lane_of[other] == one.lane} - {one.id}
        assert not beside
        earlier = [known for known in self.said[: self.said.index(one.id)] if self.lane_of[known] == one.lane]
        assert all(self.state[known] not in {DeliveryState.QUEUED, DeliveryState.SENDING} for known in earlier)
        before = [known.token for known in self.claims if known.id == one.id]
        assert one.token == len(before) + 1 == one.attempt

    def settle(self, delivery_id: str, settlement: Settlement) -> None:
        self.under_way.pop(delivery_id, None)
        self.state[delivery_id] = settlement.state
        self.in_doubt.discard(delivery_id)
        if settlement.doubtful:
            self.in_doubt.add(delivery_id)


class Story:
    """Plays steps against a real journal and compares."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = StoredJournal(SqliteStore(path))
        self.now = NOW
        self.seen = Seen()

    async def play(self, steps: list[Step]) -> None:
        await self.journal.open("node-a", self.now)
        for kind, first, second in steps:
            self.now += SECOND
            await getattr(self, kind)(first, second)
            known = {view.id: view.state for view in await self.journal.deliveries(None, 1000)}
            assert known == self.seen.state
            assert (await self.journal.check())["findings"] == []
        await self.drain()
        await self.journal.close()

    async def say(self, lane: int, _: int) -> None:
        name = LANES[lane]
        delivery_id = f"d{len(self.seen.said)}"
        message = inbound(delivery_id, name)
        inbox_id = await accepted(self.journal, message, self.now)
        (waiting,) = await self.journal.unrouted(10)
        said = follow_up(delivery_id, name)
        plan = opening(message, said) if waiting.incident is None else joining(waiting.incident, said)
        await self.journal.record(inbox_id, plan, DECISION, self.now)
        self.seen.said.append(delivery_id)
        self.seen.lane_of[delivery_id] = said.lane
        self.seen.state[delivery_id] = DeliveryState.QUEUED

    async def claim(self, limit: int, _: int) -> None:
        for one in await claim(self.journal, now=self.now, limit=limit):
            self.seen.check_claim(one)
            self.seen.claims.append(one)
            self.seen.under_way[one.id] = one
            self.seen.state[one.id] = DeliveryState.SENDING

    async def finish(self, which: int, end: int) -> None:
        if not self.seen.claims:
            return
        one = self.seen.claims[-1 - which % len(self.seen.claims)]
        current = self.seen.under_way.get(one.id) == one
        kept = await finish(self.journal, one, ENDS[end], self.now)
        if self.seen.overtaken.get(one.id, (None, NOW))[0] == one:
            del self.seen.overtaken[one.id]
        if current:
            assert kept
            self.seen.settle(one.id, ENDS[end])

    async def receipt(self, which: int, failed: int) -> None:
        """Only for what is under way; the contract's tests have the rest."""
        waiting = sorted(self.seen.under_way)
        if not waiting:
            return
        key = waiting[which % len(waiting)]
        attempt = self.seen.under_way[key]
        word = receipt(key, "failed" if failed else "sent", f"{key}-{attempt.token}", "mattermost")
        assert await self.journal.note_receipts([word], self.now, escalate_to="mattermost") == 1
        self.seen.settle(key, DEAD if failed else SENT)
        self.seen.overtaken[key] = attempt, self.now

    async def redrive(self, which: int, _: int) -> None:
        if not self.seen.said:
            return
        delivery_id = self.seen.said[which % len(self.seen.said)]
        before = await self.journal.redrive(delivery_id, self.now)
        state = self.seen.state[delivery_id]
        settled_at = self.seen.overtaken.get(delivery_id, (None, NOW - ATTEMPT))[1]
        under_way = state is DeliveryState.DEAD and self.now <= settled_at + ATTEMPT
        assert before is (DeliveryState.SENDING if under_way else state)
        if before in {DeliveryState.DEAD, DeliveryState.HELD}:
            self.seen.state[delivery_id] = DeliveryState.QUEUED

    async def expire(self, _first: int, _second: int) -> None:
        """All leases run out."""
        self.now += LEASE
        self.seen.expired = True

    async def crash(self, _first: int, _second: int) -> None:
        await self.journal.close()
        self.journal = StoredJournal(SqliteStore(self.path))
        await self.journal.open("node-a", self.now)
        for delivery_id in self.seen.under_way:
            self.seen.state[delivery_id] = DeliveryState.QUEUED
            self.seen.in_doubt.add(delivery_id)
        self.seen.under_way.clear()

    async def drain(self) -> None:
        """In the end nothing is stuck: every lane runs empty."""
        await self.expire(0, 0)
        for _ in range(len(self.seen.said) + 1):
            await self.claim(100, 0)
            for one in tuple(self.seen.under_way.values()):
                assert await finish(self.journal, one, SENT, self.now)
                self.seen.settle(one.id, SENT)
        assert {DeliveryState.QUEUED, DeliveryState.SENDING}.isdisjoint(self.seen.state.values())
        firsts: dict[str, list[int]] = defaultdict(list)
        for one in self.seen.claims:
            if one.attempt == 1:
                firsts[one.lane].append(self.seen.said.index(one.id))
        assert all(numbers == sorted(numbers) for numbers in firsts.values())


@settings(max_examples=40)
@given(STEPS)
def test_lanes_never_reorder_and_never_double(steps: list[Step]) -> None:
    """Claims, results, late results, receipts, expired leases, crashes and redrives in any order keep the lanes."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        runner.run(Story(Path(folder) / "journal.db").play(steps))
