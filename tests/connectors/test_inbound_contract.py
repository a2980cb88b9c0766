"""What every way in owes the clients, over a real journal: kept once, in order, or not taken at all."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from journal.samples import DECISION, NOTHING
from loguru import logger
from standins.intakes import HTTP_WAYS, PHONE, TOKEN, WAYS, WORDS, Desk, HttpIntake, Intake, Way, Written
from standins.parts import START

from engine.core.events import Message
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Daemon:
    """The intake of a daemon."""

    way: Way
    intake: Intake
    desk: Desk

    async def kept(self) -> list[tuple[str, str]]:
        """Message and text of each kept message, in the order in which they are decided."""
        found: list[tuple[int, Message]] = []
        journal = self.desk.journal
        while waiting := await journal.unrouted(100):
            for one in waiting:
                found.append((one.inbox_id, one.inbound.event.message))
                await journal.record(one.inbox_id, NOTHING, DECISION, START)
        return [(message.id, message.text) for _, message in sorted(found, key=lambda pair: pair[0])]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("a", START)
    yield Desk(journal)
    await journal.close()


_PARAMETERS = [pytest.param(name, marks=pytest.mark.system if name == "whatsapp-web" else (), id=name) for name in WAYS]


@pytest.fixture(params=_PARAMETERS)
async def daemon(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> AsyncIterator[Daemon]:
    way = WAYS[request.param]
    async with way.opened(desk, tmp_path) as intake:
        yield Daemon(way, intake, desk)


@pytest.fixture(params=HTTP_WAYS)
async def door(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> AsyncIterator[HttpIntake]:
    """A way in that anybody can knock at."""
    async with HTTP_WAYS[request.param].opened(desk, tmp_path) as intake:
        yield intake


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    sink = logger.add(found.append, level="TRACE", format="{message} {extra} {exception}", diagnose=False)
    yield found
    logger.remove(sink)


def _leaked(lines: list[str]) -> list[str]:
    told = "\n".join(lines)
    return [word for word in (PHONE, "Wanjiru", "zebra", "MjU0NzEyMzQ1Njc4", TOKEN) if word in told]


async def test_each_message_is_kept_once_and_in_order(daemon: Daemon) -> None:
    """However often a network repeats it, alone or with others."""
    written = tuple(Written(f"m{number}", f"text {number}") for number in range(5))
    for _ in range(2):
        assert await daemon.intake.bring(*written)
    assert await daemon.intake.bring(written[3])
    assert await daemon.kept() == [(f"m{number}", f"text {number}") for number in range(5)]


async def test_nothing_is_taken_while_it_cannot_be_kept(daemon: Daemon) -> None:
    """The network is told to come back, or has to wait, and then nothing is missing and all is in order."""
    written = Written("m1"), Written("m2", "and another")
    daemon.desk.away = True
    assert not await daemon.intake.bring(*written)
    assert daemon.desk.taken == 0
    daemon.desk.away = False
    assert await daemon.intake.again(*written)
    assert await daemon.kept() == [("m1", WORDS), ("m2", "and another")]


@pytest.mark.parametrize("proof", ["", "wrong", "sha256=wrong", "Bearer wrong", "\xe4\xff"], ids=repr)
async def test_nobody_else_can_write(door: HttpIntake, desk: Desk, lines: list[str], proof: str) -> None:
    """A missing, wrong or unreadable proof is refused, and nothing is kept or told."""
    assert await door.post(Written("m1"), **{door.way.proof: proof}) <= {401, 403}
    assert desk.taken == 0
    assert _leaked(lines) == []


@pytest.mark.parametrize(
    ("phone", "name"),
    [(None, "Wanjiru"), (PHONE, None), (PHONE, ""), (None, None)],
    ids=["hidden", "no name", "empty", "neither"],
)
async def test_a_client_may_have_no_name_or_number(daemon: Daemon, phone: str | None, name: str | None) -> None:
    """What the network does not tell is absent, and the client is served all the same."""
    assert await daemon.intake.bring(Written("m1", phone=phone, name=name))
    (waiting,) = await daemon.desk.journal.unrouted(10)
    client = waiting.inbound.event.client
    phone = phone if daemon.way.hides else PHONE
    assert (client.phone, client.display_name or None) == (phone and f"+{phone}", name or None)
    assert waiting.inbound.reply is not None


async def test_what_no_client_wrote_opens_nothing(daemon: Daemon) -> None:
    """Statuses, groups, echoes of our own words and account news are no messages."""
    await daemon.intake.stay_silent()
    assert await daemon.intake.bring(Written("m1"))
    assert await daemon.kept() == [("m1", WORDS)]


async def test_no_line_of_the_log_tells_who_wrote_what(daemon: Daemon, lines: list[str]) -> None:
    """Neither when a message is taken nor when it is refused."""
    await daemon.intake.bring(Written("wamid.MjU0NzEyMzQ1Njc4"))
    daemon.desk.away = True
    await daemon.intake.bring(Written("m2"))
    daemon.desk.away = False
    await daemon.intake.again(Written("m2"))
    assert _leaked(lines) == []


@pytest.mark.parametrize("away", [False, True], ids=["well", "journal away"])
async def test_a_way_in_ends_in_time(daemon: Daemon, *, away: bool) -> None:
    """Also while what it was given cannot be kept."""
    daemon.desk.away = away
    await daemon.intake.bring(Written("m1"))
    async with asyncio.timeout(10):
        await daemon.intake.close()
