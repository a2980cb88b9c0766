"""A test post on a real journal and through the real relay: what the operator hears of its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from standins.parts import ScriptedNetwork, SetClock

from engine import tryouts
from engine.core.deliveries import Claimed, DeliveryState, Fault, FollowUp, Outcome, Rejected, Sent, Unknown
from engine.core.errors import EngineError, UsageError
from engine.core.objects import Json
from engine.core.quotes import plain
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.relay import Destination, Relay
from engine.tryouts import Tryout

NOT_A_MEMBER = "the bot may not post in ~noc: invite it there with /invite @engine-bot"


class Running:
    """A daemon's journal, relay and one network."""

    def __init__(self, journal: StoredJournal, *, open_: bool = True) -> None:
        self.journal = journal
        self.clock = SetClock()
        self.mattermost = ScriptedNetwork("mattermost")
        destination = Destination(self.mattermost, per_second=1000, at_once=8, is_open=lambda: open_)
        self.relay = Relay(
            journal,
            {"mattermost": destination},
            self.clock,
            Metrics(),
            lambda: 0.5,
            paused=lambda: False,
            escalate_to="mattermost",
        )

    def tryout(self, override: str | None = None) -> Tryout:
        return Tryout(self.journal, self.clock, through="mattermost", override=override, wake=self.relay.wake)

    async def post(self, *outcomes: Outcome, channel: str = "noc", team: str | None = None) -> Json:
        self.mattermost.outcomes = list(outcomes)
        return await self.tryout().post(channel, team)


@asynccontextmanager
async def running(folder: Path, *, open_: bool = True) -> AsyncIterator[Running]:
    journal = StoredJournal(SqliteStore(folder / "journal.db"))
    made = Running(journal, open_=open_)
    await journal.open("main", made.clock.now())
    relay = asyncio.create_task(made.relay.run())
    try:
        yield made
    finally:
        made.relay.stop()
        await relay
        await journal.close()


async def test_a_test_goes_the_way_of_every_post(tmp_path: Path) -> None:
    """Its receipt is told; the post names no ticket and asks nobody for anything."""
    async with running(tmp_path) as daemon:
        answer = await daemon.post(Sent("p1"), channel="~noc", team="sales")
        assert answer == {
            "delivery": "test-2026-02-12T10:15:30+00:00",
            "channel": "noc",
            "team": "sales",
            "posted": True,
            "receipt": "p1",
            "error": None,
        }
        (claimed,) = daemon.mattermost.sent
        assert isinstance(claimed.body, FollowUp)
        assert (claimed.body.channel, claimed.body.team, claimed.body.ticket_id) == ("noc", "sales", "")
        assert plain(claimed.body.body) == (
            "This is a test of the support engine, ordered by an operator at 2026-02-12 10:15:30 UTC. Nobody needs to "
            "do anything."
        )


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        pytest.param(
            Rejected(Fault.MISCONFIGURED, "403", NOT_A_MEMBER), f"403: {NOT_A_MEMBER}", id="the administrator's"
        ),
        pytest.param(Rejected(Fault.TRANSIENT, "502", "it is in trouble"), "502: it is in trouble", id="trouble"),
        pytest.param(Rejected(Fault.PERMANENT, "400", "it is invalid"), "400: it is invalid", id="for good"),
        pytest.param(Unknown("the connection broke"), "the connection broke", id="in doubt"),
    ],
)
async def test_a_refused_test_is_told_and_given_up(tmp_path: Path, outcome: Outcome, error: str) -> None:
    """The sentence is the one of the log; nothing comes later, and nothing counts as a client's that was lost."""
    async with running(tmp_path) as daemon:
        answer = await daemon.post(outcome)
        assert (answer["posted"], answer["receipt"], answer["error"]) == (False, None, error)
        history = await daemon.journal.delivery(answer["delivery"])
        assert history is not None
        assert history.view.state is DeliveryState.DEAD
        assert history.view.error == "dropped: a test post is not repeated"
        assert (await daemon.journal.backlog()).deliveries == {}


async def test_a_refused_test_holds_up_no_other(tmp_path: Path) -> None:
    """Each has a lane of its own."""
    async with running(tmp_path) as daemon:
        await daemon.post(Rejected(Fault.MISCONFIGURED, "403", NOT_A_MEMBER))
        daemon.clock.advance(seconds=1)
        assert (await daemon.post(Sent("p2")))["posted"] is True


async def test_two_tests_of_one_moment_are_told_apart(tmp_path: Path) -> None:
    """The second one says so instead of passing the first one's end for its own."""
    async with running(tmp_path) as daemon:
        await daemon.post(Sent("p1"))
        with pytest.raises(EngineError) as raised:
            await daemon.post(Sent("p2"))
        assert str(raised.value) == "a test was ordered in this very moment: try again"


async def test_a_test_that_nothing_becomes_of_ends_too(tmp_path: Path) -> None:
    """Where deliveries may not leave, the operator is told where to look."""
    async with running(tmp_path, open_=False) as daemon:
        asked = asyncio.create_task(daemon.post())

        async def is_ordered() -> bool:
            return bool(await daemon.journal.deliveries(DeliveryState.QUEUED, 1))

        while not await is_ordered():
            await asyncio.sleep(0)
        daemon.clock.advance(minutes=1)
        answer = await asked
        assert answer["error"] == "it was not tried in time: `engine status` says what holds it up"
        assert not await is_ordered()


async def test_a_test_that_is_under_way_for_long_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can call it back, so that its end is waited for and it is given up then."""
    monkeypatch.setattr(tryouts, "_LOOK_S", 0)
    async with running(tmp_path) as daemon:
        under_way, answered = asyncio.Event(), asyncio.Event()

        async def send(_claimed: Claimed) -> Outcome:
            under_way.set()
            await answered.wait()
            return Unknown("no answer in time")

        monkeypatch.setattr(daemon.mattermost, "send", send)
        asked = asyncio.create_task(daemon.post())
        await under_way.wait()
        daemon.clock.advance(minutes=1)
        for _ in range(20):
            await daemon.journal.deliveries(None, 1)
        assert not asked.done()
        answered.set()
        answer = await asked
        assert (answer["posted"], answer["error"]) == (False, "no answer in time")
        assert [one.state for one in await daemon.journal.deliveries(None, 2)] == [DeliveryState.DEAD]


@pytest.mark.parametrize("channel", ["", "~", "a\nb", "x" * 200])
async def test_a_channel_is_one_word(tmp_path: Path, channel: str) -> None:
    """What can be no channel is refused before anything is written."""
    async with running(tmp_path) as daemon:
        with pytest.raises(UsageError) as raised:
            await daemon.post(channel=channel)
        assert str(raised.value) == "a channel is named as in its address, e.g. support-triage"


@pytest.mark.parametrize(("channel", "team"), [("noc", None), ("dev", "sales")])
async def test_an_override_keeps_tests_where_posts_go(tmp_path: Path, channel: str, team: str | None) -> None:
    """A development bot posts in one channel, tests included."""
    async with running(tmp_path) as daemon:
        with pytest.raises(UsageError) as raised:
            await daemon.tryout("dev").post(channel, team)
        assert str(raised.value) == (
            "engine.yaml sends every post to ~dev (mattermost.channel_override): name that one"
        )
        assert (await daemon.tryout("dev").post("dev", None))["posted"] is True


async def test_a_test_that_retention_overtakes_is_told(tmp_path: Path) -> None:
    """Nobody waits for what is no longer there."""
    async with running(tmp_path) as daemon:
        with pytest.raises(EngineError, match="delivery test-1 is gone from the journal"):
            await daemon.tryout()._look("test-1")
