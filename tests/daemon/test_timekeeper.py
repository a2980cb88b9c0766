"""Timers at work: what is due counts once, and nobody is called while it is unknown what engineers did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from journal.samples import claim, escalation, finish, opened
from standins.parts import SetClock
from standins.rosters import LADDER, FixedDuty

from engine.core.actions import Action
from engine.core.decisions import Priority
from engine.core.errors import JournalUnavailable
from engine.core.incidents import IncidentStatus
from engine.core.ladders import Ladder
from engine.core.plan import CALL, Timer
from engine.core.practices import Change, Practice
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.timekeeper import Timekeeper


@dataclass
class Parts:
    """A timekeeper with what it works on."""

    journal: StoredJournal
    clock: SetClock = field(default_factory=SetClock)
    known: bool = True
    ladders: dict[Priority, Ladder] = field(default_factory=dict)
    changed: list[Change] = field(default_factory=list)

    def keeper(self) -> Timekeeper:
        return Timekeeper(
            self.journal,
            self.clock,
            lambda: Practice(FixedDuty(ladders=self.ladders), "mattermost", "test"),
            known=lambda: self.known,
            changed=self.changed.append,
        )


@asynccontextmanager
async def keeping(tmp_path: Path) -> AsyncIterator[Parts]:
    parts = Parts(StoredJournal(SqliteStore(tmp_path / "journal.db")))
    await parts.journal.open("main", parts.clock.now())
    yield parts
    await parts.journal.close()


async def test_a_silent_incident_closes(tmp_path: Path) -> None:
    """Four hours after the last message, and the audit says so."""
    async with keeping(tmp_path) as parts:
        ticket = await opened(parts.journal)
        parts.clock.advance(hours=3, minutes=59)
        await parts.keeper().look()
        assert parts.changed == []
        parts.clock.advance(minutes=2)
        await parts.keeper().look()
        view = await parts.journal.incident(ticket)
    assert view is not None
    assert (view.incident.status, view.audit[-1].kind) == (IncidentStatus.LAPSED, "lapsed")
    assert [change.incident.ticket_id for change in parts.changed] == [ticket]


async def test_a_silent_incident_stays_open_while_somebody_is_to_be_called(tmp_path: Path) -> None:
    """A client who waits in silence is still a client who waits: it closes four hours after the ladder's end."""
    async with keeping(tmp_path) as parts:
        parts.ladders = dict.fromkeys(Priority, LADDER)
        ticket = await opened(parts.journal, timers=(Timer(CALL, parts.clock.now() + timedelta(hours=5)),))
        seen = []
        for hours in (4, 1, 1, 2, 1, 4):
            parts.clock.advance(hours=hours)
            for _ in range(6):
                await parts.keeper().look()
            view = await parts.journal.incident(ticket)
            assert view is not None
            seen.append((view.incident.status.value, view.incident.rung))
    open_at = [("open", rung) for rung in (0, 1, 2, 3, 4)]
    assert seen == [*open_at, ("lapsed", 4)]


async def test_after_a_long_absence_an_overdue_call_counts_once(tmp_path: Path) -> None:
    """Not once for every time that it would have been due; and not before it is known who has claimed what."""
    async with keeping(tmp_path) as parts:
        parts.ladders = dict.fromkeys(Priority, LADDER)
        await opened(parts.journal, timers=(Timer(CALL, parts.clock.now() + timedelta(minutes=5)),))
        parts.clock.advance(hours=2)
        parts.known = False
        await parts.keeper().look()
        assert parts.changed == []
        parts.known = True
        keeper = parts.keeper()
        for _ in range(3):
            await keeper.look()
    assert [change.incident.rung for change in parts.changed] == [1]


async def test_nothing_closes_before_it_is_known_what_engineers_did(tmp_path: Path) -> None:
    """The daemon was away for longer than the client was silent: words that were typed meanwhile go to the client."""
    async with keeping(tmp_path) as parts:
        ticket = await opened(parts.journal, escalation(due_at=parts.clock.now()), now=parts.clock.now())
        (post,) = await claim(parts.journal, now=parts.clock.now())
        await finish(parts.journal, post, now=parts.clock.now())
        parts.clock.advance(hours=1)
        typed = Action("mattermost", "provider-1", "reply", "post:w1", "amina", parts.clock.now(), text="we are on it")
        parts.clock.advance(hours=4)
        parts.known = False
        keeper = parts.keeper()
        await keeper.look()
        assert parts.changed == []
        practice = Practice(FixedDuty(ladders={}), "mattermost", "test", relays=True)
        (change,) = await parts.journal.act((typed,), practice, parts.clock.now())
        assert [entry.kind for entry in change.audit] == ["replied"]
        parts.known = True
        await keeper.look()
        view = await parts.journal.incident(ticket)
    assert view is not None
    assert (view.incident.status, view.incident.claimed_by) == (IncidentStatus.LAPSED, "amina")


async def test_the_journals_refusals_are_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk ends nothing."""
    monkeypatch.setattr("engine.timekeeper._LOOK_S", 0.001)
    async with keeping(tmp_path) as parts:
        ticket = await opened(parts.journal)
        parts.clock.advance(hours=5)
        real, refusals = parts.journal.fire, iter((JournalUnavailable("full"),))

        async def fire(*given: object) -> tuple[Change, ...]:
            for refusal in refusals:
                raise refusal
            return await real(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(parts.journal, "fire", fire)
        task = asyncio.create_task(parts.keeper().run())
        async with asyncio.timeout(10):
            while not parts.changed:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert parts.changed[0].incident.ticket_id == ticket
