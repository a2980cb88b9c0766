"""The relay on a real journal and scripted networks: what each outcome leads to, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standins.parts import FixedRules, ScriptedNetwork, SetClock, inbound, until

from engine.core import contracts
from engine.core.answers import Circumstances
from engine.core.deliveries import (
    Claimed,
    DeliveryKind,
    DeliveryState,
    Fault,
    FollowUp,
    Found,
    Outcome,
    Rejected,
    Sent,
    Unknown,
)
from engine.core.errors import JournalUnavailable
from engine.core.plan import plan
from engine.core.settlements import InDoubt, Policy
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.relay import Destination, Relay

REFUSED = Rejected(Fault.TRANSIENT, "503", "unavailable")


class Running:
    """A relay under test with its networks."""

    def __init__(self, journal: StoredJournal, policy: Policy) -> None:
        self.journal = journal
        self.clock = SetClock()
        self.wa = ScriptedNetwork("wa")
        self.mattermost = ScriptedNetwork("mattermost")
        self.paused = False
        destinations = {
            network.name: Destination(network, per_second=1000, at_once=8, default_policy=policy)
            for network in (self.wa, self.mattermost)
        }
        self.relay = Relay(
            journal,
            destinations,
            self.clock,
            Metrics(),
            lambda: 0.5,
            paused=lambda: self.paused,
            escalate_to="mattermost",
        )

    async def route(self, number: int, conversation: str = "wa-1") -> None:
        """Accept and record one message, as the pipeline would."""
        await self.journal.accept([inbound(number, conversation=conversation)], self.clock.now())
        (message,) = await self.journal.unrouted(10)
        rules = FixedRules()
        decision = rules.evaluate(message.inbound.event)
        circumstances = Circumstances(
            message.accepted_at, message.incident, message.post, self.paused, "@oncall", "mattermost"
        )
        planned = plan(message.inbound, decision, rules, circumstances)
        log = contracts.decision_json(decision)
        await self.journal.record(message.inbox_id, planned, log, self.clock.now())
        self.relay.wake()

    async def state(self, kind: DeliveryKind) -> DeliveryState:
        (found,) = [one for one in await self.journal.deliveries(None, 50) if one.kind is kind]
        return found.state

    async def reached(self, kind: DeliveryKind, state: DeliveryState) -> None:
        async with asyncio.timeout(5):
            while await self.state(kind) is not state:
                await asyncio.sleep(0.001)

    async def reached_all(self) -> None:
        """Wait until everything was sent."""
        async with asyncio.timeout(5):
            while {one.state for one in await self.journal.deliveries(None, 50)} != {DeliveryState.SENT}:
                await asyncio.sleep(0.001)

    async def later(self, **span: float) -> None:
        """Let what is in flight end, or its lease would; then let time pass."""
        async with asyncio.timeout(5):
            while any(state is DeliveryState.SENDING for _, state in (await self.journal.backlog()).deliveries):
                await asyncio.sleep(0.001)
        self.clock.advance(**span)
        self.relay.wake()


@asynccontextmanager
async def running(tmp_path: Path, policy: Policy | None = None) -> AsyncIterator[Running]:
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    parts = Running(journal, policy or Policy())
    await journal.open("main", parts.clock.now())
    task = asyncio.create_task(parts.relay.run())
    try:
        yield parts
    finally:
        parts.relay.stop()
        await task
        await journal.close()


async def test_both_deliveries_leave_at_once_and_are_settled(tmp_path: Path) -> None:
    """The acknowledgement and the post go out side by side, each once."""
    async with running(tmp_path) as parts:
        await parts.route(1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
        await parts.reached(DeliveryKind.ESCALATION, DeliveryState.SENT)
        view = await parts.journal.incident("OC-2026-0001")
    assert len(parts.wa.sent) == len(parts.mattermost.sent) == 1
    assert view is not None
    assert [row.kind for row in view.audit][:2] == ["received", "decided"]
    assert {row.kind for row in view.audit} == {"received", "decided", "acknowledged", "escalated"}


async def test_a_refused_delivery_is_sent_again_when_it_is_due(tmp_path: Path) -> None:
    """A transient refusal costs a pause, not the message."""
    async with running(tmp_path) as parts:
        parts.wa.outcomes.append(REFUSED)
        await parts.route(1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.later(seconds=1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
    assert [claimed.attempt for claimed in parts.wa.sent] == [1, 2]


async def test_one_network_down_does_not_hold_the_other(tmp_path: Path) -> None:
    """Mattermost refuses for an hour: clients are acknowledged, and every post arrives once when it is back."""
    async with running(tmp_path) as parts:
        parts.mattermost.outcomes.extend([REFUSED] * 6)
        for number in range(4):
            await parts.route(number, conversation=f"wa-{number}")
        await until(lambda: len(parts.wa.sent) == 4)
        async with asyncio.timeout(10):
            while any(one.state is not DeliveryState.SENT for one in await parts.journal.deliveries(None, 50)):
                await parts.later(minutes=2)
                await asyncio.sleep(0.005)
    posted = [claimed.id for claimed in parts.mattermost.sent]
    assert len(posted) == 4 + 6
    assert len(set(posted)) == 4


async def test_a_dead_acknowledgement_tells_the_engineers(tmp_path: Path) -> None:
    """When a client cannot be acknowledged, the thread of the post says so."""
    async with running(tmp_path) as parts:
        parts.wa.outcomes.append(Rejected(Fault.PERMANENT, "131026", "not a WhatsApp number"))
        await parts.route(1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.DEAD)
        await until(lambda: len(parts.mattermost.sent) == 2)
    note = parts.mattermost.sent[1]
    assert isinstance(note.body, FollowUp)
    assert note.body.body == (
        "Note: the acknowledgement could not be delivered (131026: not a WhatsApp number): answer by hand."
    )
    assert note.thread == "mattermost-1"


async def test_a_client_who_must_wait_keeps_no_other_waiting(tmp_path: Path) -> None:
    """A pause that the network asks for one client holds that client's lane, and everybody else is served at once."""
    async with running(tmp_path) as parts:
        pause = Rejected(Fault.TRANSIENT, "131056", "too fast", timedelta(seconds=30), lane_only=True)
        parts.wa.outcomes.extend([pause] * 5)
        await parts.route(1)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.later(seconds=20)
        parts.wa.outcomes.clear()
        await parts.route(2, conversation="wa-2")
        await until(lambda: len(parts.wa.sent) == 2)
        await parts.later(seconds=20)
        await until(lambda: len(parts.wa.sent) == 3)
    assert [claimed.lane for claimed in parts.wa.sent].count(parts.wa.sent[0].lane) == 2


async def test_a_doubtful_delivery_is_looked_up_before_it_is_said_again(tmp_path: Path) -> None:
    """An unknown outcome is reconciled first; what the network has is not sent again."""
    async with running(tmp_path) as parts:
        parts.mattermost.outcomes.append(Unknown("cut"))
        parts.mattermost.reconciled.extend([Found.UNDECIDED, Sent("found-1")])
        await parts.route(1)
        await until(lambda: len(parts.mattermost.sent) == 1)
        await parts.later(seconds=5)
        await until(lambda: len(parts.mattermost.asked) == 1)
        await parts.later(seconds=5)
        await parts.reached(DeliveryKind.ESCALATION, DeliveryState.SENT)
    assert len(parts.mattermost.sent) == 1


async def test_what_the_network_does_not_have_is_sent_again_at_once(tmp_path: Path) -> None:
    """A look-up that finds nothing ends the doubt."""
    async with running(tmp_path) as parts:
        parts.mattermost.outcomes.append(Unknown("cut"))
        parts.mattermost.reconciled.append(Found.NOT_SENT)
        await parts.route(1)
        await until(lambda: len(parts.mattermost.sent) == 1)
        await parts.later(seconds=5)
        await parts.reached(DeliveryKind.ESCALATION, DeliveryState.SENT)
    assert len(parts.mattermost.sent) == 2


async def test_the_policy_hold_never_says_a_doubtful_thing_twice(tmp_path: Path) -> None:
    """Where nobody can tell, `hold` keeps the delivery for an operator and tells the engineers."""
    policy = Policy(in_doubt=InDoubt.HOLD, in_doubt_wait=timedelta(seconds=10))
    async with running(tmp_path, policy) as parts:
        parts.wa.outcomes.append(Unknown("timeout"))
        await parts.route(1)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.later(seconds=30)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.HELD)
        await until(lambda: len(parts.mattermost.sent) == 2)
    assert len(parts.wa.sent) == 1


async def test_while_paused_queued_acknowledgements_wait_and_posts_go_on(tmp_path: Path) -> None:
    """The kill switch holds what was already queued for clients, and resuming releases it."""
    async with running(tmp_path) as parts:
        parts.wa.outcomes.append(REFUSED)
        await parts.route(1)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        parts.paused = True
        await parts.later(minutes=5)
        await parts.route(2, conversation="wa-2")
        await until(lambda: len(parts.mattermost.sent) == 2)
        assert len(parts.wa.sent) == 1
        parts.paused = False
        await parts.later(minutes=1)
        await until(lambda: len(parts.wa.sent) == 2)


async def test_a_connector_that_fails_by_itself_leaves_the_delivery_in_doubt(tmp_path: Path) -> None:
    """A fault of ours in a connector neither ends the relay nor loses the delivery."""

    class Faulty(ScriptedNetwork):
        async def send(self, claimed: Claimed) -> Outcome:
            self.sent.append(claimed)
            if len(self.sent) == 1:
                raise RuntimeError("a bug")
            return Sent("second")

        async def reconcile(self, claimed: Claimed) -> Found:
            self.asked.append(claimed)
            if len(self.asked) == 1:
                raise RuntimeError("another bug")
            return Found.NOT_SENT

    async with running(tmp_path) as parts:
        faulty = Faulty("wa")
        parts.relay._destinations["wa"] = Destination(faulty, 1000, 8)  # type: ignore[index]
        await parts.route(1)
        async with asyncio.timeout(5):
            while await parts.state(DeliveryKind.ACKNOWLEDGEMENT) is not DeliveryState.SENT:
                await parts.later(seconds=5)
                await asyncio.sleep(0.005)
    assert len(faulty.sent) == 2


async def test_an_outcome_that_cannot_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk between sending and settling does not make the delivery leave twice."""
    monkeypatch.setattr("engine.relay._RETRY_S", 0.001)
    async with running(tmp_path) as parts:
        finish, refusals = parts.journal.finish, iter([JournalUnavailable("disk full")])

        async def failing_once(*arguments: Any) -> Any:
            for refusal in refusals:
                raise refusal
            return await finish(*arguments)

        monkeypatch.setattr(parts.journal, "finish", failing_once)
        await parts.route(1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
        await parts.reached(DeliveryKind.ESCALATION, DeliveryState.SENT)
    assert len(parts.wa.sent) == len(parts.mattermost.sent) == 1


async def test_stop_lets_what_is_in_flight_finish(tmp_path: Path) -> None:
    """SIGTERM never cuts a call to a network that may already have taken effect."""
    entered, release = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedNetwork):
        async def send(self, claimed: Claimed) -> Outcome:
            entered.set()
            await release.wait()
            return Sent("late")

    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    parts = Running(journal, Policy())
    parts.relay._destinations["wa"] = Destination(Slow("wa"), 1000, 8)  # type: ignore[index]
    await journal.open("main", parts.clock.now())
    task = asyncio.create_task(parts.relay.run())
    await parts.route(1)
    await entered.wait()
    parts.relay.stop()
    await asyncio.sleep(0)
    assert not task.done()
    release.set()
    await task
    state = await parts.state(DeliveryKind.ACKNOWLEDGEMENT)
    await journal.close()
    assert state is DeliveryState.SENT


async def test_a_claim_whose_answer_was_lost_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection to the database broke while it committed a claim: nobody sends what was claimed then, so it goes
    back on its lane, in doubt, and is said."""
    monkeypatch.setattr("engine.relay._RETRY_S", 0.001)
    async with running(tmp_path) as parts:
        parts.mattermost.reconciled.append(Found.NOT_SENT)
        claim, losses = parts.journal.claim, iter([JournalUnavailable("the connection broke")])

        async def lost_once(destination: str, *arguments: Any) -> Any:
            claimed = await claim(destination, *arguments)
            if claimed and destination == "mattermost":
                for loss in losses:
                    raise loss
            return claimed

        monkeypatch.setattr(parts.journal, "claim", lost_once)
        await parts.route(1)
        await parts.reached(DeliveryKind.ESCALATION, DeliveryState.SENT)
    assert [claimed.doubtful for claimed in parts.mattermost.asked] == [True]
    assert len(parts.mattermost.sent) == 1


async def test_the_time_in_doubt_begins_anew_when_the_journal_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing could be written no receipt was kept either, so a network gets the whole time to repeat its own."""
    monkeypatch.setattr("engine.relay._RETRY_S", 0.001)
    policy = Policy(in_doubt_wait=timedelta(seconds=60))
    async with running(tmp_path, policy) as parts:
        parts.wa.outcomes.append(Unknown("cut"))
        await parts.route(1)
        async with asyncio.timeout(5):
            while not parts.wa.sent:
                await asyncio.sleep(0.001)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        claim, refusals = parts.journal.claim, [JournalUnavailable("the database is away")]

        async def away_once(destination: str, *arguments: Any) -> Any:
            if destination == "wa" and refusals:
                raise refusals.pop()
            return await claim(destination, *arguments)

        monkeypatch.setattr(parts.journal, "claim", away_once)
        parts.clock.advance(seconds=70)
        parts.relay.wake()
        async with asyncio.timeout(5):
            while not parts.wa.asked:
                await asyncio.sleep(0.001)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        assert len(parts.wa.sent) == 1
        await parts.later(seconds=61)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
    assert len(parts.wa.sent) == 2


async def test_what_is_being_sent_is_not_claimed_again_when_the_clock_jumps_ahead(tmp_path: Path) -> None:
    """Its lease seems to be over for fifty minutes, and the attempt is under way: it is not made twice."""
    entered, release = asyncio.Event(), asyncio.Event()

    class Slow(ScriptedNetwork):
        async def send(self, claimed: Claimed) -> Outcome:
            entered.set()
            await release.wait()
            return await super().send(claimed)

    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    parts = Running(journal, Policy())
    parts.wa = Slow("wa")
    parts.relay._destinations["wa"] = Destination(parts.wa, 1000, 8)  # type: ignore[index]
    await journal.open("main", parts.clock.now())
    task = asyncio.create_task(parts.relay.run())
    await parts.route(1)
    await entered.wait()
    parts.clock.jump(hours=1)
    # The next message of another client goes out, so the relay has looked since.
    await parts.route(2, "wa-2")
    async with asyncio.timeout(5):
        while len(parts.mattermost.sent) < 2:
            await asyncio.sleep(0.001)
    release.set()
    await parts.reached_all()
    parts.relay.stop()
    await task
    await journal.close()
    assert [claimed.attempt for claimed in parts.wa.sent] == [1, 1]
    assert parts.wa.asked == []


async def test_the_time_in_doubt_begins_anew_when_the_clock_jumps(tmp_path: Path) -> None:
    """An hour on the clock is no time for a network to tell what became of a message."""
    async with running(tmp_path, Policy(in_doubt_wait=timedelta(seconds=60))) as parts:
        parts.wa.outcomes.append(Unknown("cut"))
        await parts.route(1)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        parts.clock.jump(hours=1)
        parts.relay.wake()
        await until(lambda: len(parts.wa.asked) == 1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        assert len(parts.wa.sent) == 1
        await parts.later(seconds=61)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
    assert len(parts.wa.sent) == 2


async def test_an_outcome_that_could_not_be_written_follows_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal was away when the clock was set back by an hour: the pause that is written then is as long as it
    was."""
    monkeypatch.setattr("engine.relay._RETRY_S", 0.001)
    async with running(tmp_path) as parts:
        parts.clock.jump(hours=1)
        finish, followed = parts.journal.finish, asyncio.Event()
        follow, outages = parts.journal.follow_clock, iter([JournalUnavailable("the disk is full")])

        async def noted(*arguments: Any) -> None:
            await follow(*arguments)
            followed.set()

        async def away_once(claimed: Claimed, *arguments: Any) -> bool:
            if claimed.destination == "wa":
                for outage in outages:
                    followed.clear()
                    parts.clock.jump(hours=-1)
                    parts.relay.wake()
                    await followed.wait()
                    raise outage
            return await finish(claimed, *arguments)

        monkeypatch.setattr(parts.journal, "follow_clock", noted)
        monkeypatch.setattr(parts.journal, "finish", away_once)
        parts.wa.outcomes.append(REFUSED)
        await parts.route(1)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.later(seconds=1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
    assert [claimed.attempt for claimed in parts.wa.sent] == [1, 2]


async def test_a_clock_that_is_set_back_holds_no_delivery_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused while the clock was an hour ahead is sent again after its own pause, even when the journal is
    away just then."""
    monkeypatch.setattr("engine.relay._RETRY_S", 0.001)
    async with running(tmp_path) as parts:
        parts.clock.jump(hours=1)
        parts.wa.outcomes.append(REFUSED)
        await parts.route(1)
        await until(lambda: len(parts.wa.sent) == 1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)
        follow, refusals = parts.journal.follow_clock, iter([JournalUnavailable("the disk is full")])

        async def away_once(*arguments: Any) -> None:
            for refusal in refusals:
                raise refusal
            await follow(*arguments)

        monkeypatch.setattr(parts.journal, "follow_clock", away_once)
        parts.clock.jump(hours=-1)
        await parts.later(seconds=1)
        await parts.reached(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.SENT)
    assert [claimed.attempt for claimed in parts.wa.sent] == [1, 2]
