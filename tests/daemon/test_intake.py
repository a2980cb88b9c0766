"""What a connector received is in the journal, whatever it is, before its network hears that it was taken."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from journal.samples import escalation, opened
from standins.parts import SetClock, inbound
from standins.rosters import FixedDuty

from engine.core.actions import Action
from engine.core.deliveries import DeliveryKind, DeliveryState, Settlement
from engine.core.events import Inbound, Receipt, Signal
from engine.core.incidents import IncidentStatus
from engine.core.practices import Practice
from engine.core.records import Accepted
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
    woken: list[bool] = []

    async def messages(inbounds: Sequence[Inbound]) -> tuple[Accepted, ...]:
        return await journal.accept(inbounds, clock.now())

    intake = Intake(
        journal,
        messages,
        clock,
        Metrics(),
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
    await journal.close()
