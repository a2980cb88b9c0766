"""What a connector received is in the journal, whatever it is, before its network hears that it was taken."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from journal.samples import claim_one, escalation, finish, opened
from standins.conversations import OPEN, THE_POST
from standins.parts import SetClock, inbound
from standins.rosters import FixedDuty

from engine.core import workflow
from engine.core.actions import Action
from engine.core.deliveries import DeliveryKind, DeliveryState
from engine.core.events import Inbound, Receipt, Signal
from engine.core.incidents import IncidentStatus
from engine.core.practices import Practice, Standing
from engine.core.records import Accepted
from engine.core.settlements import Settlement
from engine.intake import Intake
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.ports import Received


async def test_everything_that_was_received_is_kept(tmp_path: Path) -> None:
    """Messages, the networks' later words, what happened in conversations and what engineers did."""
    journal, clock = StoredJournal(SqliteStore(tmp_path / "journal.db")), SetClock()
    await journal.open("main", clock.now())
    clock.advance(seconds=1)
    metrics = Metrics()
    woken: list[bool] = []

    async def messages(inbounds: Sequence[Inbound]) -> tuple[Accepted, ...]:
        return await journal.accept(inbounds, clock.now())

    intake = Intake(
        journal,
        messages,
        clock,
        metrics,
        lambda: Practice(FixedDuty(), "mattermost", "test"),
        hold=timedelta(hours=2),
        wake=lambda: woken.append(True),
    )
    ticket = await opened(journal, escalation(), now=clock.now())
    (claimed,) = await journal.claim("mattermost", tuple(DeliveryKind), 10, timedelta(minutes=1), clock.now())
    await journal.finish(claimed, Settlement(DeliveryState.SENT, receipt="root"), (), (), clock.now())
    assert await intake.accept(Received()) == ()
    action = Action("mattermost", "root", "claim", "post:1", "amina", clock.now())
    (accepted,) = await intake.accept(Received(inbounds=(inbound(7),), actions=(action,)))
    assert not accepted.duplicate
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.incident.status, view.incident.claimed_by) == (IncidentStatus.CLAIMED, "amina")
    clock.advance(minutes=1)
    signal = Signal("main", "wa-1", "human_reply", "own-1", clock.now())
    receipt = Receipt("main", "nothing of ours", "p", "sent", clock.now())
    await intake.accept(Received(signals=(signal,), receipts=(receipt,)))
    view = await journal.incident(ticket)
    assert view is not None
    assert view.incident.answered_at == clock.now()
    assert len(woken) == 3
    page = metrics.render()[0].decode()
    assert 'engine_incident_changes_total{kind="claimed",way="command"} 1.0' in page
    assert 'engine_incident_changes_total{kind="answered",way="whatsapp"} 1.0' in page
    assert 'engine_claim_seconds_count{priority="normal"} 1.0' in page
    assert 'engine_first_answer_seconds_count{priority="normal"} 1.0' in page
    await journal.close()


async def test_an_answer_by_hand_to_a_nobody_s_incident_is_its_claim(tmp_path: Path) -> None:
    """One word on WhatsApp is measured as both, and the way is told; a called engineer and a page are counted."""
    journal, clock = StoredJournal(SqliteStore(tmp_path / "journal.db")), SetClock()
    await journal.open("main", clock.now())
    metrics = Metrics()
    intake = Intake(
        journal,
        NotImplemented,
        clock,
        metrics,
        lambda: Practice(FixedDuty(), "mattermost", "test"),
        hold=timedelta(hours=2),
        wake=lambda: None,
    )
    await opened(journal, escalation(), now=clock.now())
    clock.advance(minutes=5)
    await intake.accept(Received(signals=(Signal("main", "wa-1", "human_reply", "own-1", clock.now()),)))
    page = metrics.render()[0].decode()
    for kind in ("answered", "claimed"):
        assert f'engine_incident_changes_total{{kind="{kind}",way="whatsapp"}} 1.0' in page
    for name in ("claim", "first_answer"):
        assert f'engine_{name}_seconds_count{{priority="normal"}} 1.0' in page
    await journal.close()


async def test_an_answer_by_hand_claims_what_was_given_back(tmp_path: Path) -> None:
    """That claim is counted as the first one was; the client had an answer before, so that no wait is measured anew."""
    journal, clock = StoredJournal(SqliteStore(tmp_path / "journal.db")), SetClock()
    await journal.open("main", clock.now())
    metrics = Metrics()
    intake = Intake(
        journal,
        NotImplemented,
        clock,
        metrics,
        lambda: Practice(FixedDuty(), "mattermost", "test"),
        hold=timedelta(hours=2),
        wake=lambda: None,
    )
    await opened(journal, escalation(), now=clock.now())
    await finish(journal, await claim_one(journal), Settlement(DeliveryState.SENT, receipt="root"))
    for kind in ("claim", "answer", "release", "answer again"):
        clock.advance(minutes=1)
        if kind in {"claim", "release"}:
            await intake.act((Action("mattermost", "root", kind, f"post:{kind}", "amina", clock.now()),))
        else:
            await intake.accept(Received(signals=(Signal("main", "wa-1", "human_reply", kind, clock.now()),)))
    page = metrics.render()[0].decode()
    for kind, way, count in (("claimed", "command", 1), ("claimed", "whatsapp", 1), ("answered", "whatsapp", 2)):
        assert f'engine_incident_changes_total{{kind="{kind}",way="{way}"}} {count}.0' in page
    assert 'engine_claim_seconds_count{priority="normal"} 2.0' in page
    assert 'engine_first_answer_seconds_count{priority="normal"} 1.0' in page
    await journal.close()


def test_calls_are_counted(tmp_path: Path) -> None:
    """A rung that nobody has answered is one reminder, and one page for each service."""
    metrics = Metrics()
    intake = Intake(
        NotImplemented,
        NotImplemented,
        SetClock(),
        metrics,
        NotImplemented,
        hold=timedelta(hours=2),
        wake=NotImplemented,
    )
    practice = Practice(FixedDuty(), "mattermost", "test")
    change = workflow.climb(Standing(OPEN, THE_POST), practice, OPEN.created_at + timedelta(minutes=5))
    intake.note(change)
    page = metrics.render()[0].decode()
    assert 'engine_calls_total{kind="reminder"} 1.0' in page
    assert 'engine_calls_total{kind="page"} 1.0' in page
    assert 'engine_incident_changes_total{kind="called",way="timer"} 1.0' in page
