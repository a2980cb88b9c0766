"""Reactions and thread commands over the WebSocket of a Mattermost that behaves, misbehaves and forgets."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from loguru import logger
from standins import mattermost as standin
from standins.claims import CHANNEL
from standins.engineers import Scene, open_post, scene, until
from standins.mattermost import Mattermost
from standins.parts import SetClock

from engine.connectors.mattermost.people import _Memory
from engine.connectors.mattermost.streams import Patience
from engine.connectors.mattermost.watcher import Rhythm
from engine.core.errors import JournalUnavailable
from engine.ports import Health

_MS = 1_770_891_330_000
_OTIENO = f"u{3:025d}"
_ROOT = f"p{1:025d}"
# While a post is in doubt it is looked at so often, and once in a day otherwise.
_DOUBTING = Rhythm(look_every_s=86_400, look_in_doubt_every_s=0.1, quiet_s=0.05)
_TOKEN = (
    "Mattermost refuses the bot's token: enable the bot account if it is disabled, else make it a new token and set "
    "mattermost_token"
)
_SILENT = f"the WebSocket was opened and not greeted, as with a bad token. {_TOKEN}"


async def test_hears_reactions_and_their_removal() -> None:
    """Eyes claim, a check mark resolves, taken back they release and reopen; each with an id of its own."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.react(root, "otieno", "eyes")
        here.clock.advance(seconds=1)
        here.server.unreact(root, "otieno", "eyes")
        here.clock.advance(seconds=1)
        here.server.react(root, "otieno", "eyes")
        here.clock.advance(seconds=1)
        here.server.unreact(root, "otieno", "eyes")
        here.server.react(root, "amina", "white_check_mark")
        here.server.unreact(root, "amina", "white_check_mark")
        actions = await here.heard(6)
        assert here.kinds() == [
            ("claim", "otieno"),
            ("release", "otieno"),
            ("claim", "otieno"),
            ("release", "otieno"),
            ("resolve", "amina"),
            ("reopen", "amina"),
        ]
        assert [action.id for action in actions[:4]] == [
            f"reaction:{root}:{_OTIENO}:eyes:{_MS}",
            f"unreaction:{root}:{_OTIENO}:eyes:{_MS + 1000}",
            f"reaction:{root}:{_OTIENO}:eyes:{_MS + 2000}",
            f"unreaction:{root}:{_OTIENO}:eyes:{_MS + 3000}",
        ]
        assert {(action.destination, action.root) for action in actions} == {("mattermost", root)}
        assert actions[0].at == here.clock.now() - timedelta(seconds=3)


async def test_hears_words_in_the_thread() -> None:
    """Commands, what is nearly one, and talk; each by the id of its post."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        said = [here.server.say(root, "amina", text) for text in ("take", "snooze", "one moment", ">> we are on it")]
        actions = await here.heard(4)
        assert [(action.kind, action.id) for action in actions] == [
            ("claim", f"post:{said[0]}"),
            ("misunderstood", f"post:{said[1]}"),
            ("say", f"post:{said[2]}"),
            ("reply", f"post:{said[3]}"),
        ]
        assert actions[3].text == "we are on it"
        assert {action.by for action in actions} == {"amina"}


def _bot(here: Scene) -> None:
    here.server.chatters.add("b" * 26, "helper-bot", is_bot=True)
    here.server.say(here.post(), "helper-bot", "take", props={})


def _unmarked_bot(here: Scene) -> None:
    user_id = here.server.chatters.add("b" * 26, "helper-bot")
    root = here.post()
    here.server.say(root, "helper-bot", "take", props={"from_webhook": "true"})
    here.server.chatters.accounts[user_id]["is_bot"] = True
    here.server.react(root, "helper-bot", "eyes")


def _ourselves(here: Scene) -> None:
    root = here.post()
    here.server.react(root, standin.BOT, "eyes")
    here.server._store({"channel_id": here.server.channels[CHANNEL].id, "message": "take", "root_id": root})


def _deactivated(here: Scene) -> None:
    here.server.chatters.add("d" * 26, "gone", delete_at=_MS)
    here.server.react(here.post(), "gone", "eyes")


def _unknown(here: Scene) -> None:
    root = here.post()
    here.server.chatters.add("x" * 26, "nobody")
    here.server.react(root, "nobody", "eyes")
    del here.server.chatters.accounts["x" * 26]


def _no_member(here: Scene) -> None:
    root = here.post()
    here.server.leave(CHANNEL, "amina")
    here.server.react(root, "amina", "eyes")


def _system(here: Scene) -> None:
    here.server.say(here.post(), "amina", "take", type="system_add_to_channel")


def _other_emoji(here: Scene) -> None:
    here.server.react(here.post(), "amina", "+1")


def _not_ours(here: Scene) -> None:
    root = here.plain_post()
    here.server.react(root, "amina", "eyes")
    here.server.say(root, "amina", "take")


def _a_reply(here: Scene) -> None:
    root = here.post()
    reply = here.server.say(root, "helper", "hello", type="system_x")
    here.server.react(reply, "amina", "eyes")


def _a_root(here: Scene) -> None:
    here.post()
    here.server.say(here.post(), "amina", "take", root_id="")


def _nonsense(here: Scene) -> None:
    for name in ("posted", "reaction_added", "reaction_removed", "user_updated", "user_removed"):
        values: tuple[object, ...] = ("{", [1], {}, None, 5)
        for value in values:
            here.server.hub.publish(name, {"post": value, "reaction": value, "user": value, "user_id": value}, "c")
    here.server.hub.publish("post_deleted", {"post": "{}"}, "c")
    for text in ('{"status": "OK", "seq_reply": 1}', "{", ""):
        here.server.hub.sockets[0].send(text)


@pytest.mark.parametrize(
    "done",
    [
        _bot,
        _unmarked_bot,
        _ourselves,
        _deactivated,
        _unknown,
        _no_member,
        _system,
        _other_emoji,
        _not_ours,
        _a_reply,
        _a_root,
        _nonsense,
    ],
)
async def test_others_command_nothing(done: object) -> None:
    """Bots, ourselves, strangers, other emoji, other posts and nonsense; what comes after them is heard."""
    async with scene() as here:
        await here.greeted("hello")
        here.server.chatters.add("h" * 26, "helper")
        assert callable(done)
        done(here)
        here.server.react(here.post(), "otieno", "eyes")
        await until(lambda: bool(here.ledger.accepted))
        assert here.kinds() == [("claim", "otieno")]


async def test_a_foreign_post_costs_one_question_to_the_journal() -> None:
    """What happens to posts that are no incident's asks nothing of the server."""
    async with scene() as here:
        await here.greeted("hello")
        here.server.say(here.post(), "otieno", "hello")
        await here.heard(1)
        root, before = here.plain_post(), list(here.loopback.seen)
        for _ in range(5):
            here.server.react(root, "amina", "eyes")
            here.server.react(root, "amina", "tada")
            here.server.say(root, "amina", "hello")
        await until(lambda: here.ledger.asked == 11)
        assert here.loopback.seen == before


async def test_believes_what_it_learned_of_people_for_a_while() -> None:
    """One look at an account and one at a membership, until they are old or the server says that they changed."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        for number in range(1, 4):
            here.server.say(root, "amina", "hello")
            await here.heard(number)
        users, members = "POST /api/v4/users/ids", f"GET /api/v4/channels/{here.server.channels[CHANNEL].id}/members"
        asked = [one for one in here.loopback.seen if one.startswith((users, members))]
        assert len(asked) == 2
        here.clock.advance(minutes=2)
        here.server.say(root, "amina", "hello")
        await here.heard(4)
        assert len([one for one in here.loopback.seen if one.startswith(members)]) == 2
        here.server.leave(CHANNEL, "amina")
        here.server.say(root, "amina", "take")
        here.server.say(root, "otieno", "take")
        actions = await here.heard(5)
        assert actions[4].by == "otieno"
        account = here.server.chatters.accounts[_OTIENO]
        account["delete_at"] = _MS
        here.server.hub.publish("user_updated", {"user": account}, "")
        here.server.hub.publish("channel_updated", {}, "")
        here.server.say(root, "otieno", "drop")
        await until(lambda: here.loopback.seen.count(users) == 3)
        assert len(here.ledger.accepted) == 5


def test_remembers_only_so_many_people() -> None:
    """The oldest are forgotten, so that no chat can fill the memory."""
    memory = _Memory[int, str](SetClock(), timedelta(minutes=1))
    for number in range(10_001):
        memory.put(number, "x")
    assert (memory.get(0), memory.get(1), memory.get(10_000)) == (None, "x", "x")


async def test_takes_up_a_broken_stream_where_it_was() -> None:
    """What engineers did while the socket was broken comes once, in order, without a look by REST."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.say(root, "amina", "one")
        await here.heard(1)
        asked = here.loopback.seen.count("POST /api/v4/posts/ids/reactions")
        here.server.hub.cut()
        here.server.react(root, "otieno", "eyes")
        here.server.say(root, "otieno", "two")
        await here.greeted("hello", "resumed")
        await here.heard(3)
        here.server.say(root, "amina", "three")
        actions = await here.heard(4)
        assert [action.kind for action in actions] == ["say", "claim", "say", "say"]
        assert here.loopback.seen.count("POST /api/v4/posts/ids/reactions") == asked


async def test_takes_up_a_stream_that_missed_nothing() -> None:
    """The server has nothing to say then; the event that it is asked to repeat shows that it knows us."""
    async with scene() as here:
        await here.greeted("hello")
        here.server.say(here.post(), "amina", "one")
        await here.heard(1)
        here.server.hub.cut()
        await here.greeted("hello", "resumed")
        assert here.watcher.health() == Health(ready=True)
        assert here.kinds() == [("say", "amina")]


@pytest.mark.parametrize("events", [100, 200, 500], ids=["kept", "waiting", "lost"])
async def test_bursts_while_away_are_not_lost(events: int) -> None:
    """The server keeps 256 events for a broken connection; where there were more, everything is looked up."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.say(root, "amina", "one")
        await here.heard(1)
        here.loopback.fail("GET /api/v4/websocket", status=502)
        here.server.hub.cut()
        await until(lambda: not here.watcher.caught_up)
        for number in range(events):
            here.server.say(root, "otieno", f"number {number}")
        await until(lambda: here.watcher.caught_up)
        ids = {action.id for action in here.ledger.accepted}
        assert len(ids) == events + 1
        assert here.server.hub.greetings[-1] == ("resumed" if events < 256 else "hello")


async def test_a_busy_stream_is_caught_up_by_the_next_look() -> None:
    """Where a stream that was taken up is never silent, timers need not wait for ever."""
    async with scene(rhythm=Rhythm(look_every_s=60, quiet_s=3600)) as here:
        await here.greeted("hello")
        here.server.say(here.post(), "amina", "one")
        await here.heard(1)
        here.server.hub.cut()
        await until(lambda: here.server.hub.greetings == ["hello", "resumed"])
        assert not here.watcher.caught_up
        here.clock.advance(minutes=2)
        here.server.react(here.ledger.posts[0].root, "otieno", "eyes")
        await here.greeted("hello", "resumed")
        assert ("claim", "otieno") in here.kinds()


async def test_a_stream_that_goes_on_elsewhere_is_left() -> None:
    """A server that repeats another event than the one it was asked for is not believed to know where we are."""
    async with scene() as here:
        await here.greeted("hello")
        here.server.say(here.post(), "amina", "one")
        await here.heard(1)
        (line,) = here.server.hub.lines.values()
        number, text = line.sent[-1]
        line.sent[-1] = (number, text.replace(f'"seq": {number}', '"seq": 99'))
        here.server.hub.cut()
        await here.greeted("hello", "resumed", "hello")


async def test_asks_who_we_are_as_often_as_it_takes() -> None:
    """An event is not judged before we know our own account."""
    async with scene() as here:
        await here.greeted("hello")
        here.loopback.fail("GET /api/v4/users/me", status=500, times=2)
        here.server.react(here.post(), "otieno", "eyes")
        await until(lambda: bool(here.ledger.accepted))
        assert set(here.kinds()) == {("claim", "otieno")}


async def test_a_long_pause_is_told_and_waited_for_where_we_were() -> None:
    """Who was told to come again in a minute does not hear meanwhile, and nobody may be called on what is not known."""
    async with scene() as here:
        await here.greeted("hello")
        refusal: dict[str, Any] = {"status": 429, "body": "limit exceeded", "headers": {"retry-after": "60"}}
        here.loopback.fail("GET .*/members/.*", **refusal)
        here.server.say(here.post(), "amina", "take")
        await until(lambda: not here.watcher.caught_up)
        assert here.ledger.accepted == []
        assert here.watcher.health().problem == (
            "reactions and thread commands are not heard: Mattermost is asked too often: lower "
            "limits.mattermost_per_second, or raise RateLimitSettings on the server"
        )


async def test_a_forgotten_connection_is_looked_up() -> None:
    """A server that started anew greets under a new id; what happened meanwhile comes by REST."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.say(root, "amina", "one")
        await here.heard(1)
        here.clock.advance(seconds=10)
        here.server.hub.lines.clear()
        here.server.hub.cut()
        here.server.react(root, "otieno", "eyes")
        here.clock.advance(seconds=1)
        here.server.say(root, "otieno", "two")
        await here.greeted("hello", "hello")
        assert here.kinds() == [("say", "amina"), ("say", "amina"), ("claim", "otieno"), ("say", "otieno")]


async def test_a_gap_is_looked_up() -> None:
    """A number that is missing ends the stream; the next is a new one, and everything is looked up."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.hub.skip()
        here.server.react(root, "otieno", "eyes")
        await here.greeted("hello", "hello")
        assert here.kinds() == [("claim", "otieno")]


async def test_notices_a_deaf_socket() -> None:
    """A server that answers no ping is left, and what it did not hear is made up for."""
    patience = Patience(open_s=5, greet_s=5, ping_every_s=0.1, pong_within_s=0.2, close_s=0.1)
    async with scene(patience=patience) as here:
        await until(lambda: here.watcher.caught_up)
        root, greeted = here.post(), len(here.server.hub.greetings)
        here.server.hub.grow_deaf()
        here.server.react(root, "otieno", "eyes")
        await until(lambda: len(here.server.hub.greetings) > greeted and here.watcher.caught_up)
        assert ("claim", "otieno") in here.kinds()


def test_a_deaf_socket_is_noticed_within_90_seconds() -> None:
    """The pauses of a real daemon add up to less."""
    patience = Patience()
    assert patience.ping_every_s + patience.pong_within_s + patience.close_s < 90


async def test_a_silent_socket_is_a_bad_token() -> None:
    """The server opens the socket and says nothing; that is told with what to do, once the time is up."""
    patience = Patience(open_s=5, greet_s=0.1, close_s=0.1)
    said: list[str] = []
    sink = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    try:
        async with scene(token="wrong", patience=patience) as here:
            await until(lambda: here.server.hub.greetings.count("silent") >= 3)
            assert not here.watcher.caught_up
            assert here.watcher.health() == Health(
                ready=True, problem=f"reactions and thread commands are not heard: {_SILENT}"
            )
            here.clock.advance(seconds=90)
            assert not here.watcher.health().ready
    finally:
        logger.remove(sink)
    assert [line for line in said if "not heard" in line] == [f"Mattermost is not heard: {_SILENT}"]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (
            {"status": 401},
            _TOKEN,
        ),
        (
            {"status": 502, "body": "<html>"},
            "Mattermost opens no WebSocket at /api/v4/websocket: does a proxy in between pass WebSockets on?",
        ),
        (
            {"status": 307, "headers": {"location": "http://127.0.0.1:9/api/v4/websocket"}},
            "Mattermost opens no WebSocket at /api/v4/websocket: does a proxy in between pass WebSockets on?",
        ),
        ({"do": "cut_before"}, "Mattermost opens no WebSocket at /api/v4/websocket: does a proxy in between pass "),
    ],
    ids=["401", "proxy", "redirect", "cut"],
)
async def test_says_why_there_is_no_socket(fault: dict[str, object], problem: str) -> None:
    """Health tells the reason in one sentence, and once it is mended nothing."""
    do = {"do": "answer", **fault}
    async with scene(
        prepare=lambda here: here.loopback.fail("GET /api/v4/websocket", times=-1, **do)  # type: ignore[arg-type]
    ) as here:
        await until(lambda: here.loopback.seen.count("GET /api/v4/websocket") >= 3)
        assert problem in here.watcher.health().problem
        here.loopback.faults.clear()
        await here.greeted("hello")
        assert here.watcher.health() == Health(ready=True)


async def test_a_server_that_is_away_comes_back() -> None:
    """Refused connections are tried again; health turns bad after 90 seconds and good by itself."""
    async with scene() as here:
        await here.greeted("hello")
        await here.loopback.close()
        await until(lambda: not here.watcher.caught_up)
        assert here.watcher.health().ready
        here.clock.advance(seconds=91)
        await until(lambda: "cannot be reached" in here.watcher.health().problem)
        assert not here.watcher.health().ready
        here.post()
        await here.loopback.open()
        await until(lambda: here.watcher.caught_up)
        assert here.watcher.health() == Health(ready=True)


async def test_the_journals_trouble_makes_events_wait() -> None:
    """What cannot be accepted is offered again, and nothing else before it."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.ledger.failures += [JournalUnavailable("full", timedelta(milliseconds=1)) for _ in range(3)]
        here.server.say(root, "amina", "one")
        here.server.say(root, "amina", "two")
        actions = await here.heard(2)
        assert not here.ledger.failures
        assert actions[0].at <= actions[1].at


async def test_a_question_that_fails_loses_no_event() -> None:
    """When the server cannot say who somebody is, the stream is taken up again before that event."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.say(root, "amina", "one")
        await here.heard(1)
        here.loopback.fail("POST /api/v4/users/ids", status=500, times=2)
        here.loopback.fail(".*/members/.*", status=429, body="limit exceeded", headers={"retry-after": "0"}, times=3)
        here.server.say(root, "otieno", "two")
        await here.heard(2)
        assert here.kinds() == [("say", "amina"), ("say", "otieno")]
        assert here.server.hub.greetings.count("resumed") == 2


async def test_a_database_that_is_away_is_not_taken_for_an_answer() -> None:
    """A healthy server's 404 says that somebody is no member, a sick one's says nothing."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.say(root, "amina", "one")
        await here.heard(1)
        here.clock.advance(minutes=2)
        here.server.switches.database_down = True
        here.server.say(root, "amina", "two")
        await until(lambda: not here.watcher.caught_up)
        here.server.switches.database_down = False
        await here.heard(2)
        assert here.kinds() == [("say", "amina"), ("say", "amina")]


async def test_other_nodes_are_not_told_of() -> None:
    """Where nobody listens there is nothing to complain of; when listening ends, nothing is caught up any more."""
    async with scene(listening=False) as here:
        assert here.watcher.health() == Health(ready=True)
        assert not here.watcher.caught_up
        task = asyncio.create_task(here.watcher.listen(here.ledger.accept))
        await here.greeted("hello")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not here.watcher.caught_up
        assert here.watcher.health() == Health(ready=True)
        assert (here.watcher.name, here.watcher.exclusive) == ("mattermost.events", True)


async def test_looks_again_from_time_to_time() -> None:
    """What nobody told of is found all the same."""
    clock = SetClock()
    server = Mattermost(now=clock.now)
    async with scene(server=server, rhythm=Rhythm(look_every_s=0.05, quiet_s=0.05)) as here:
        await here.greeted("hello")
        root = here.plain_post()
        here.server.react(root, "otieno", "eyes")
        await until(lambda: here.ledger.asked == 1)
        here.ledger.roots.add(root)
        here.clock.advance(seconds=1)
        here.ledger.posts.append(open_post(root, here.clock.now()))
        await until(lambda: ("claim", "otieno") in here.kinds())


def _looked(here: Scene, looks: int) -> bool:
    return here.ledger.looks > looks


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "while nobody listened"])
async def test_what_is_done_about_a_post_in_doubt_is_found_once_it_is_known(*, heard: bool) -> None:
    """Its answer was lost, so engineers see a post whose id the journal does not know yet: neither a reaction nor a
    word is lost, however long that lasts.
    """
    clock = SetClock()
    server = Mattermost(now=clock.now)
    roots: list[str] = []

    def act() -> None:
        server.react(roots[0], "otieno", "eyes")
        server.say(roots[0], "otieno", "priority urgent")

    def before(here: Scene) -> None:
        here.ledger.in_doubt = here.clock.now()
        here.clock.advance(seconds=1)
        roots.append(here.plain_post())
        if not heard:
            act()
            here.clock.advance(minutes=30)

    async with scene(server=server, rhythm=_DOUBTING, prepare=before) as here:
        await here.greeted("hello")
        if heard:
            act()
            await until(lambda: here.ledger.asked == 2)
        for _ in range(3):
            looks = here.ledger.looks
            here.clock.advance(seconds=0.1)
            await until(partial(_looked, here, looks))
        here.ledger.in_doubt = None
        here.know(roots[0])
        here.clock.advance(seconds=0.1)
        await here.heard(2)
        assert sorted(here.kinds()) == [("claim", "otieno"), ("priority", "otieno")]
        looks = here.ledger.looks
        here.clock.advance(seconds=60)
        server.react(here.post(), "amina", "eyes")
        await here.heard(3)
        assert here.ledger.looks == looks


async def test_a_post_that_is_under_way_for_long_is_looked_at_soon() -> None:
    """What is heard about a post that nobody knows, while one of ours has no answer yet, may be about that one."""
    clock = SetClock()
    server = Mattermost(now=clock.now)
    async with scene(server=server, rhythm=_DOUBTING) as here:
        await here.greeted("hello")
        here.clock.advance(minutes=1)
        here.ledger.in_doubt = here.clock.now()
        root = here.plain_post()
        here.server.say(root, "otieno", "take")
        await until(lambda: here.ledger.looks == 2)
        here.ledger.in_doubt = None
        here.know(root)
        here.clock.advance(seconds=0.1)
        await here.heard(1)
        assert here.kinds() == [("claim", "otieno")]


async def test_logs_nothing_of_anybody() -> None:
    """Neither words nor names nor our token, whatever happens."""
    said: list[str] = []
    sink = logger.add(lambda message: said.append(str(message)), level=0, format="{message} {extra}")
    try:
        async with scene() as here:
            await here.greeted("hello")
            root = here.post()
            here.server.say(root, "amina", "Jackson +254712345678")
            await here.heard(1)
            here.server.hub.skip()
            here.server.say(root, "amina", "Jackson +254712345678")
            await here.greeted("hello", "hello")
    finally:
        logger.remove(sink)
    text = "".join(said)
    assert "Mattermost is not heard: events are missing in what Mattermost sends" in text
    assert not any(word in text for word in ("Jackson", "254712345678", "amina", standin.TOKEN, _ROOT))
