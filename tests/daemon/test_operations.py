"""The kill switch where several daemons share a journal."""

from pathlib import Path

from standins.parts import SetClock

from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.operations import Switch


async def test_the_switch_follows_what_another_node_was_told(tmp_path: Path) -> None:
    """Whoever turned it last is right, and a switch that nobody ever turned stays as the configuration says."""
    journal, clock = StoredJournal(SqliteStore(tmp_path / "journal.db")), SetClock()
    await journal.open("main", clock.now())
    here, there = Switch(journal, clock, Metrics()), Switch(journal, clock, Metrics())
    await here.restore(acknowledge=False)
    assert not await here.follow()
    assert here.paused()
    await there.turn(paused=False)
    assert await here.follow()
    assert not here.paused()
    assert not await here.follow()
    await journal.close()
