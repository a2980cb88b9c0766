"""Whether the daemon can do all of its work: what is told of each part, and by which node."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standins.parts import ScriptedNetwork, SetClock

from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.readiness import Look


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[StoredJournal]:
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("main", SetClock().now())
    yield journal
    await journal.close()


async def test_a_part_that_went_elsewhere_is_told_no_more(journal: StoredJournal) -> None:
    """The node that has it now speaks of it; what this one said last would stand on its page for ever."""
    metrics, here = Metrics(), {"main", "spare"}
    ways = {name: ScriptedNetwork(name) for name in ("main", "spare")}
    look = Look(ways, here.__contains__, ScriptedNetwork("oncall"), journal, SetClock(), metrics)
    look.started = True

    def parts() -> list[str]:
        lines = metrics.render()[0].decode().splitlines()
        return [line.removeprefix("engine_part_ready") for line in lines if line.startswith("engine_part_ready")]

    ways["main"].problem = "it is logged out"
    assert await look.failing() == ["main: it is logged out"]
    assert parts() == ['{part="main"} 0.0', '{part="spare"} 1.0', '{part="oncall"} 1.0']
    here.remove("main")
    assert await look.failing() == []
    assert parts() == ['{part="spare"} 1.0', '{part="oncall"} 1.0']
    here.add("main")
    assert await look.failing() == ["main: it is logged out"]
    assert '{part="main"} 0.0' in parts()


async def test_a_daemon_that_starts_or_stops_says_so_first(journal: StoredJournal) -> None:
    """Once each, before what else fails."""
    metrics = Metrics()
    look = Look({}, lambda _: True, ScriptedNetwork("oncall", problem="no answer"), journal, SetClock(), metrics)
    assert await look.failing() == ["starting", "oncall: no answer"]
    look.started = look.stopping = True
    assert await look.failing() == ["stopping", "oncall: no answer"]
