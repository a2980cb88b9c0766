"""The pipeline on a real journal: accepted messages become recorded plans, whatever goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standins.parts import START, FixedRules, SetClock, inbound, until

from engine.core.answers import PAUSED_NOTE
from engine.core.decisions import Decision, FollowUpPolicy, Priority
from engine.core.deliveries import Acknowledgement, DeliveryKind, Escalation
from engine.core.errors import JournalUnavailable
from engine.core.events import Event
from engine.core.practices import Practice
from engine.core.records import Backlog
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.oncall.static import StaticOnCall
from engine.pipeline import Pipeline, Routing, Rules

LEASE = timedelta(seconds=60)


class Running:
    """A pipeline under test with everything around it."""

    def __init__(self, journal: StoredJournal, rules: Rules, patience: timedelta) -> None:
        self.journal = journal
        self.clock = SetClock()
        self.paused = False
        self.rules = rules
        self.woken = 0
        routing = Routing(lambda: Practice(StaticOnCall("@oncall"), "mattermost", "test", paused=self.paused))
        self.pipeline = Pipeline(
            journal, lambda: self.rules, routing, self.clock, Metrics(), self._wake, patience=patience
        )

    def _wake(self) -> None:
        self.woken += 1

    async def settled(self) -> Backlog:
        """Wait until every accepted message has its decision."""
        while (backlog := await self.journal.backlog()).unrouted:
            await asyncio.sleep(0.001)
        return backlog


@asynccontextmanager
async def running(
    tmp_path: Path, rules: Rules | None = None, patience: timedelta = timedelta(0)
) -> AsyncIterator[Running]:
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    parts = Running(journal, rules or FixedRules(), patience)
    await journal.open("main", parts.clock.now())
    task = asyncio.create_task(parts.pipeline.run())
    try:
        yield parts
    finally:
        parts.pipeline.stop()
        await task
        await journal.close()


async def test_an_accepted_message_becomes_an_incident_with_both_deliveries(tmp_path: Path) -> None:
    """One message yields one ticket, one acknowledgement and one post."""
    async with running(tmp_path) as parts:
        (accepted,) = await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        (incident,) = await parts.journal.incidents(None, 10)
        (ack,) = await parts.journal.claim("wa", list(DeliveryKind), 9, LEASE, parts.clock.now())
        (post,) = await parts.journal.claim("mattermost", list(DeliveryKind), 9, LEASE, parts.clock.now())
    assert not accepted.duplicate
    assert incident.ticket_id == "OC-2026-0001"
    assert isinstance(ack.body, Acknowledgement)
    assert isinstance(post.body, Escalation)
    assert parts.woken >= 1


async def test_a_duplicate_changes_nothing(tmp_path: Path) -> None:
    """The same message again is answered as accepted and leads to nothing."""
    async with running(tmp_path) as parts:
        await parts.pipeline.accept([inbound(1)])
        (again,) = await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        deliveries = await parts.journal.deliveries(None, 10)
    assert again.duplicate
    assert len(deliveries) == 2


async def test_messages_of_one_conversation_join_one_incident_in_order(tmp_path: Path) -> None:
    """Five messages at once: one ticket, one acknowledgement, one post and four replies in its thread, in order."""
    async with running(tmp_path) as parts:
        await parts.pipeline.accept([inbound(number, text=f"message {number}") for number in range(5)])
        await parts.settled()
        deliveries = await parts.journal.deliveries(None, 20)
        incidents = await parts.journal.incidents(None, 10)
    kinds = [delivery.kind for delivery in deliveries]
    assert len(incidents) == 1
    assert kinds.count(DeliveryKind.ACKNOWLEDGEMENT) == 1
    assert kinds.count(DeliveryKind.ESCALATION) == 1
    assert kinds.count(DeliveryKind.FOLLOW_UP) == 4


async def test_a_fault_in_the_rules_still_yields_the_default_escalation(tmp_path: Path) -> None:
    """A rule that fails on a message must not silence the client; the decision log says what failed, without text."""
    async with running(tmp_path, FixedRules(failure=RuntimeError("+254700000001 said a secret"))) as parts:
        await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        (incident,) = await parts.journal.incidents(None, 10)
        view = await parts.journal.incident(incident.ticket_id)
        (post,) = await parts.journal.claim("mattermost", list(DeliveryKind), 9, LEASE, parts.clock.now())
    assert view is not None
    assert view.decisions[0]["error"] == "RuntimeError"
    assert isinstance(post.body, Escalation)
    assert post.body.body.endswith("Action: @oncall please check WhatsApp and respond to the client now.")


async def test_one_poisonous_message_does_not_hold_the_others(tmp_path: Path) -> None:
    """Messages of other conversations are decided although one of them makes the rules fail."""

    class Picky(FixedRules):
        def evaluate(self, event: Event, *, follow_up: bool = False) -> Decision:
            if event.message.id == "m1":
                raise ValueError("poison")
            return self.decision(event)

    async with running(tmp_path, Picky()) as parts:
        await parts.pipeline.accept([inbound(n, conversation=f"wa-{n}") for n in range(3)])
        await parts.settled()
        incidents = await parts.journal.incidents(None, 10)
    assert sorted(incident.rule_id for incident in incidents) == ["any", "any", "engine-fallback"]


async def test_rules_learn_whether_an_incident_is_open(tmp_path: Path) -> None:
    """The first message of a conversation is none that follows up; the second is, and a late one is none again."""

    asked: list[bool] = []

    class Listening(FixedRules):
        def evaluate(self, event: Event, *, follow_up: bool = False) -> Decision:
            asked.append(follow_up)
            return self.decision(event)

    async with running(tmp_path, Listening()) as parts:
        for number, hours in enumerate((0, 1, 9)):
            parts.clock.at = START + timedelta(hours=hours)
            await parts.pipeline.accept([inbound(number, at=parts.clock.at)])
            await parts.settled()
    assert asked == [False, True, False]


async def test_a_policy_is_taken_from_the_incident_not_from_the_loaded_rules(tmp_path: Path) -> None:
    """After a reload the open incident goes on as it was opened: each further message gets an incident of its own."""

    class Apart(FixedRules):
        def decision(self, event: Event) -> Decision:
            return replace(super().decision(event), follow_up=FollowUpPolicy(new=True), also=(("noc", None),))

    async with running(tmp_path, Apart()) as parts:
        await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        parts.rules = FixedRules()
        for number in (2, 3):
            await parts.pipeline.accept([inbound(number)])
            await parts.settled()
        incidents = await parts.journal.incidents(None, 10)
        kinds = [delivery.kind for delivery in await parts.journal.deliveries(None, 20)]
    assert [(one.ticket_id, one.status.value) for one in incidents] == [
        ("OC-2026-0002", "open"),
        ("OC-2026-0001", "lapsed"),
    ]
    assert (kinds.count(DeliveryKind.COPY), kinds.count(DeliveryKind.FOLLOW_UP)) == (1, 1)


async def test_while_paused_posts_go_on_and_say_so(tmp_path: Path) -> None:
    """The kill switch changes the plan: no acknowledgement, and the post asks for an answer by hand."""
    async with running(tmp_path) as parts:
        parts.paused = True
        await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        acks = await parts.journal.claim("wa", list(DeliveryKind), 9, LEASE, parts.clock.now())
        (post,) = await parts.journal.claim("mattermost", list(DeliveryKind), 9, LEASE, parts.clock.now())
    assert acks == ()
    assert isinstance(post.body, Escalation)
    assert post.body.body.endswith(PAUSED_NOTE)


async def test_a_raised_priority_is_decided_by_the_rules_of_that_moment(tmp_path: Path) -> None:
    """One message sees exactly one rule-set; the next one sees the newer set."""
    async with running(tmp_path) as parts:
        await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        parts.rules = FixedRules(Priority.URGENT)
        await parts.pipeline.accept([inbound(2, text="everything is down")])
        await parts.settled()
        (incident,) = await parts.journal.incidents(None, 10)
        deliveries = await parts.journal.deliveries(None, 10)
    assert incident.priority is Priority.URGENT
    assert {delivery.kind for delivery in deliveries} == {
        DeliveryKind.ACKNOWLEDGEMENT,
        DeliveryKind.ESCALATION,
        DeliveryKind.FOLLOW_UP,
        DeliveryKind.REVISION,
    }


async def test_undecided_messages_are_decided_after_a_restart(tmp_path: Path) -> None:
    """What was accepted before a crash is decided by the next life, in order."""
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    clock = SetClock()
    await journal.open("main", clock.now())
    await journal.accept([inbound(1), inbound(2)], clock.now())
    await journal.close()
    async with running(tmp_path) as parts:
        await parts.settled()
        deliveries = await parts.journal.deliveries(None, 10)
        (post,) = await parts.journal.claim("mattermost", list(DeliveryKind), 9, LEASE, parts.clock.now())
    assert len(deliveries) == 3
    assert isinstance(post.body, Escalation)


async def test_a_journal_that_cannot_write_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When recording fails, nothing is lost: the message is decided once the journal writes again."""
    monkeypatch.setattr("engine.pipeline._RETRY_S", 0.001)
    async with running(tmp_path) as parts:
        record, refusals = parts.journal.record, iter([JournalUnavailable("disk full")])

        async def failing_once(*arguments: Any) -> Any:
            for refusal in refusals:
                raise refusal
            return await record(*arguments)

        monkeypatch.setattr(parts.journal, "record", failing_once)
        await parts.pipeline.accept([inbound(1)])
        await parts.settled()
        incidents = await parts.journal.incidents(None, 10)
    assert len(incidents) == 1


async def test_stop_returns_at_once_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    """An idle pipeline does not delay the daemon's stop."""
    async with running(tmp_path) as parts:
        await until(lambda: parts.pipeline is not None)


async def test_a_message_is_left_to_the_node_that_accepted_it_for_a_while(tmp_path: Path) -> None:
    """Among several nodes each decides what it accepted itself, and what another one has left lying for too long."""
    async with running(tmp_path, patience=timedelta(seconds=2)) as parts:
        await parts.journal.accept([inbound(1, conversation="wa-elsewhere")], parts.clock.now())
        await parts.pipeline.accept([inbound(2, conversation="wa-here")])
        while (await parts.journal.backlog()).unrouted > 1:
            await asyncio.sleep(0.001)
        (waiting,) = await parts.journal.unrouted(10)
        parts.clock.advance(seconds=2)
        await parts.pipeline.accept([inbound(3, conversation="wa-here")])
        await parts.settled()
    assert waiting.inbound.event.conversation_id == "wa-elsewhere"


async def test_a_message_from_before_the_clock_was_set_back_is_decided_at_once(tmp_path: Path) -> None:
    """Its time lies in the future: neither the decision waits for that nor what is said then."""
    async with running(tmp_path, patience=timedelta(seconds=2)) as parts:
        await parts.journal.accept([inbound(1)], parts.clock.now() + timedelta(hours=1))
        await parts.settled()
        (post,) = await parts.journal.claim("mattermost", list(DeliveryKind), 9, LEASE, parts.clock.now())
    assert isinstance(post.body, Escalation)


async def test_what_others_decided_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node does not remember without end what it accepted and another one decided."""
    monkeypatch.setattr("engine.pipeline._OWN_LIMIT", 2)
    async with running(tmp_path, patience=timedelta(hours=1)) as parts:
        parts.pipeline._own |= {101, 102, 103}
        await parts.pipeline.accept([inbound(1)])
        await parts.settled()
    assert parts.pipeline._own == set()
