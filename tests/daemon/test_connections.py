"""The connections that are kept: what the operators are told of them, and what is counted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from standins.parts import START, ScriptedNetwork, SetClock, until

from engine import connections
from engine.connections import Connections
from engine.core.notices import Notice
from engine.metrics import Metrics
from engine.ports import Health

_ONLINE = Health(ready=True, state="online")


class Line(ScriptedNetwork):
    """A connection whose health is what the test says."""

    now = _ONLINE

    def health(self) -> Health:
        return self.now


@dataclass
class Watched:
    line: Line = field(default_factory=lambda: Line("main"))
    told: list[Notice] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    here: bool = True
    clock: SetClock = field(default_factory=SetClock)

    async def announce(self, notice: Notice) -> None:
        self.told.append(notice)

    def counted(self) -> str:
        return self.metrics.render()[0].decode()


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(connections, "_WATCH_S", 0)
    made = Watched()
    watching = Connections({"main": made.line}, lambda _name: made.here, made.clock, made.metrics, made.announce)
    task = asyncio.create_task(watching.watch())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_state_is_told_once(watched: Watched) -> None:
    """A state that lasts is no news, and one that passes by itself is none for people."""
    await until(lambda: len(watched.told) == 1)
    watched.line.now = Health(ready=False, state="connecting")
    await _settle()
    watched.line.now = Health(ready=False, problem="link it again", state="logged_out")
    await until(lambda: len(watched.told) == 2)
    await _settle()
    assert [notice.state for notice in watched.told] == ["online", "logged_out"]
    assert 'engine_connection_state{connector="main",state="logged_out"} 1.0' in watched.counted()
    assert 'engine_connection_state{connector="main",state="online"} 0.0' in watched.counted()


async def test_an_unclean_end_is_told_and_counted_once(watched: Watched) -> None:
    """Each of them, and before the state that follows."""
    await until(lambda: len(watched.told) == 1)
    watched.line.now = Health(ready=True, state="online", lost_at=START)
    await until(lambda: len(watched.told) == 2)
    await _settle()
    watched.line.now = Health(ready=False, problem="?", state="replaced", lost_at=START + timedelta(minutes=1))
    await until(lambda: len(watched.told) == 4)
    assert [notice.matter for notice in watched.told[1:]] == ["unclean end of main"] * 2 + ["connection main"]
    assert 'engine_connection_unclean_ends_total{connector="main"} 2.0' in watched.counted()


async def test_nothing_is_told_of_a_connection_elsewhere(watched: Watched) -> None:
    """Another node has it; this one speaks of it when it comes here."""
    await until(lambda: len(watched.told) == 1)
    watched.here = False
    watched.line.now = Health(ready=False, state="unlinked", lost_at=START)
    await _settle()
    assert len(watched.told) == 1
    watched.here = True
    await until(lambda: len(watched.told) == 3)


async def test_the_state_of_a_connection_that_went_elsewhere_ends(watched: Watched) -> None:
    """A minute later, so that an alert outlasts the seconds in which no node has it."""
    watched.line.now = Health(ready=False, problem="?", state="replaced")
    await until(lambda: len(watched.told) == 1)
    told = 'engine_connection_state{connector="main",state="replaced"}'
    watched.clock.advance(hours=1)
    await _settle()
    watched.here = False
    watched.clock.advance(seconds=59)
    await _settle()
    assert f"{told} 1.0" in watched.counted()
    watched.clock.advance(seconds=1)
    await _settle()
    assert f"{told} 0.0" in watched.counted()
    watched.here = True
    await until(lambda: f"{told} 1.0" in watched.counted())
