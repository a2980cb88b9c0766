"""kill -9 at any moment while clients write, engineers react and type, and reminders and pages fall due: everything
that was done counts once, nobody is called about what somebody has taken, and nobody is left out.
"""

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest
from standins.clients import Meta, Tally, Writer, tally
from standins.crews import Crew, reckon
from standins.processes import Site, wait_until
from standins.shifts import Shift

pytestmark = pytest.mark.system
_PER_SECOND = 2


@pytest.fixture
def shift(build: Callable[..., Site]) -> Iterator[Shift]:
    """Engineers on duty, who are waited for one second and two; nothing is started."""
    shift = Shift.begin(build(in_doubt_wait="8s"), first="1s", second="2s")
    yield shift
    shift.end()


@pytest.fixture
def times(pytestconfig: pytest.Config, kills: int) -> int:
    """How often the daemon is killed; each time costs more here than elsewhere."""
    return kills if pytestconfig.getoption("--long") or pytestconfig.getoption("--kills") is not None else 2


def is_settled(shift: Shift) -> bool:
    """Whether nobody is to be called any more and nothing is under way."""
    return not shift.rows("SELECT 1 FROM timers WHERE name = 'call' LIMIT 1") and shift.site.is_idle()


def settled(shift: Shift, writers: list[Writer]) -> Tally:
    """The count of what clients and engineers got, once every ladder has come to its end."""
    wait_until(lambda: not tally(shift.site, writers, 1).lost, "everything came out", 60, 0.5)
    # A paging service is told two things a second.
    wait_until(lambda: is_settled(shift), "every ladder has come to its end", 120 + 2 * len(writers), 0.5)
    return tally(shift.site, writers, 1)


@pytest.mark.timeout(3600)
async def test_nobody_is_called_twice_or_forgotten_by_kills(shift: Shift, times: int) -> None:
    """However often the daemon dies, the ladder of every incident goes on where it was and stops where it has to."""
    await asyncio.to_thread(shift.site.start)
    chance = random.Random(2026)  # noqa: S311 - moments, not secrets
    writers = [Writer(number) for number in range(20 + 11 * times)]
    crew = Crew(shift, seed=2026)
    looking = asyncio.create_task(crew.run())
    async with Meta(shift.site) as meta:
        load = asyncio.create_task(meta.converse(writers, 1, _PER_SECOND))
        for _ in range(times):
            await asyncio.sleep(chance.uniform(0.2, 4))
            shift.site.kill()
            await asyncio.to_thread(shift.site.start)
        await load
    counted = await asyncio.to_thread(settled, shift, writers)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await crew.finish()
    counted = await asyncio.to_thread(settled, shift, writers)
    found = await asyncio.to_thread(reckon, shift, crew.cases)
    print(f"\n{times} kills\n{counted.table()}\n{found.table()}")  # noqa: T201 - shown with -s
    assert counted.faults == ()
    assert found.faults == []
    assert found.incidents == len(writers)
    assert (await asyncio.to_thread(shift.site.command, "journal", "check")).returncode == 0
