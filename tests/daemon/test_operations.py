"""The kill switch where several daemons share a journal; which file may be named for a backup."""

from pathlib import Path

import pytest
from standins.parts import SetClock

from engine.core.errors import UsageError
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.operations import Operations, Switch


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


@pytest.mark.parametrize("file", ["", "backup.db", "/b/nul\0.db"])
async def test_a_backup_is_named_by_its_whole_path(tmp_path: Path, file: str) -> None:
    """The daemon stands in another folder than the operator."""
    journal, clock = StoredJournal(SqliteStore(tmp_path / "journal.db")), SetClock()
    operations = Operations(
        journal,
        Switch(journal, clock, Metrics()),
        {},
        clock,
        reload_rules=NotImplemented,
        describe=NotImplemented,
        practice=NotImplemented,
        wake=NotImplemented,
    )
    with pytest.raises(UsageError) as caught:
        await operations.back_up(file)
    assert str(caught.value) == "the file of a backup is named by its whole path"
