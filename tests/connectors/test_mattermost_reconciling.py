"""What happened while nobody listened is found by REST, before anybody says that all is known."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from standins.claims import CHANNEL
from standins.engineers import Scene, open_post, scene, until

from engine.connectors.mattermost import reconciliations
from engine.core.errors import JournalUnavailable

_MS = 1_770_891_330_000
_OTIENO = f"u{3:025d}"
_BULK = "POST /api/v4/posts/ids/reactions"


async def test_finds_at_the_start_what_was_done_before() -> None:
    """Reactions and words about open posts, in their order; nothing of other posts."""

    def before(here: Scene) -> None:
        root, other = here.post(), here.plain_post()
        here.clock.advance(seconds=1)
        here.server.react(root, "otieno", "eyes")
        here.server.react(other, "otieno", "eyes")
        here.server.react(root, "otieno", "tada")
        here.clock.advance(seconds=1)
        here.server.say(root, "amina", "priority urgent")
        here.server.say(root, "amina", "take", type="system_x")
        here.server.say(root, "amina", "take", delete_at=_MS)
        here.server.say(other, "amina", "take")
        here.clock.advance(seconds=1)
        here.server.react(root, "amina", "white_check_mark")

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.kinds() == [("claim", "otieno"), ("priority", "amina"), ("resolve", "amina")]
        assert here.ledger.accepted[0].id == f"reaction:{here.ledger.posts[0].root}:{_OTIENO}:eyes:{_MS + 1000}"


async def test_is_not_caught_up_before_everything_is_accepted() -> None:
    """Timers wait for the look, and the look for the journal."""
    waits = [JournalUnavailable("locked", timedelta(milliseconds=1)) for _ in range(3)]

    def before(here: Scene) -> None:
        here.server.react(here.post(), "otieno", "eyes")
        here.ledger.failures += waits

    async with scene(prepare=before) as here:
        assert not here.watcher.caught_up
        await until(lambda: here.watcher.caught_up)
        assert here.kinds() == [("claim", "otieno")]


async def test_tells_again_under_the_same_ids() -> None:
    """What was heard before comes again after a lost connection, for the journal to drop; a reaction that was taken
    back and set once more is a new one, although the server keeps its first time.
    """
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.react(root, "otieno", "eyes")
        here.server.say(root, "otieno", "hello")
        heard = list(await here.heard(2))
        here.server.hub.lines.clear()
        here.server.hub.cut()
        await here.greeted("hello", "hello")
        assert sorted(here.ledger.accepted[2:], key=lambda one: one.id) == sorted(heard, key=lambda one: one.id)
        here.server.hub.lines.clear()
        here.server.hub.cut()
        here.server.unreact(root, "otieno", "eyes")
        here.clock.advance(seconds=1)
        here.server.react(root, "otieno", "eyes")
        await here.greeted("hello", "hello", "hello")
        assert here.ledger.accepted[-1].id == f"reaction:{root}:{_OTIENO}:eyes:{_MS + 1000}"


async def test_releases_what_was_claimed_by_a_reaction_that_is_gone() -> None:
    """A claim that came by a reaction ends with it; one by a word, or whose reaction is there, does not. What was taken
    back comes before what others did.
    """

    def before(here: Scene) -> None:
        gone, here_still, by_word = (here.post() for _ in range(3))
        claims = {
            gone: f"reaction:{gone}:{_OTIENO}:eyes:{_MS}",
            here_still: f"reaction:{here_still}:{_OTIENO}:eyes:{_MS}",
            by_word: "post:p1",
        }
        here.ledger.posts = [replace(post, held_by="otieno", held_id=claims[post.root]) for post in here.ledger.posts]
        here.server.react(here_still, "otieno", "eyes")
        here.server.react(gone, "otieno", "eyes")
        here.server.unreact(gone, "otieno", "eyes")
        here.server.react(gone, "amina", "eyes")

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        gone = here.ledger.posts[0].root
        assert here.kinds() == [("release", "otieno"), ("claim", "amina")]
        assert here.ledger.accepted[0].id == f"gone:reaction:{gone}:{_OTIENO}:eyes:{_MS}"
        assert here.ledger.accepted[0].root == gone


async def test_opens_again_what_was_resolved_by_a_reaction_that_is_gone() -> None:
    """As whoever listens would have heard it; what was resolved by a word, or whose mark is there, stays closed."""

    def before(here: Scene) -> None:
        gone, here_still, by_word = (here.post() for _ in range(3))
        resolved = {
            gone: f"reaction:{gone}:{_OTIENO}:white_check_mark:{_MS}",
            here_still: f"reaction:{here_still}:{_OTIENO}:white_check_mark:{_MS}",
            by_word: "post:p1",
        }
        here.ledger.posts = [
            replace(post, held_by="otieno", held_id=resolved[post.root], closed=True) for post in here.ledger.posts
        ]
        here.server.react(here_still, "otieno", "white_check_mark")

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        gone = here.ledger.posts[0].root
        (action,) = here.ledger.accepted
        assert (action.root, action.kind, action.by) == (gone, "reopen", "otieno")
        assert action.id == f"gone:reaction:{gone}:{_OTIENO}:white_check_mark:{_MS}"
        assert here.ledger.closed_since == here.clock.now() - timedelta(days=1)


async def test_hears_what_was_said_about_closed_incidents() -> None:
    """Of the last day, however old their posts are."""

    def before(here: Scene) -> None:
        root = here.post()
        here.server.say(root, "otieno", "reopen")
        here.clock.advance(hours=30)
        here.server.say(root, "amina", "reopen")
        here.ledger.posts = [replace(post, closed=True) for post in here.ledger.posts]

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.kinds() == [("reopen", "amina")]


async def test_a_claims_reaction_that_was_set_once_more_is_there() -> None:
    """The claim stays, although the reaction has another time now, and is told again."""

    def before(here: Scene) -> None:
        root = here.post(held_by="otieno", held_id=f"reaction:{_root(0)}:{_OTIENO}:eyes:{_MS}")
        assert root == _root(0)
        here.clock.advance(seconds=1)
        here.server.react(root, "otieno", "eyes")

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.kinds() == [("claim", "otieno")]


async def test_others_are_passed_over() -> None:
    """Bots, ourselves, and people who are no members have done nothing here either."""

    def before(here: Scene) -> None:
        root = here.post()
        here.server.chatters.add("b" * 26, "helper-bot", is_bot=True)
        here.server.leave(CHANNEL, "amina")
        for user in ("helper-bot", "engine-bot", "amina", "otieno"):
            here.server.react(root, user, "eyes")
            here.server.say(root, user, "take", props={})

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.kinds() == [("claim", "otieno"), ("claim", "otieno")]


async def test_reads_on_where_a_channel_said_more_than_one_answer_holds() -> None:
    """More than 1,000 posts since then: page by page until everything was seen."""

    def before(here: Scene) -> None:
        root, other = here.post(), here.plain_post()
        first = here.server.say(root, "otieno", "take")
        for number in range(1_100):
            here.server.say(other, "amina", f"talk {number}")
        assert first

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.kinds() == [("claim", "otieno")]
        listed = f"GET /api/v4/channels/{here.server.channels[CHANNEL].id}/posts"
        assert here.loopback.seen.count(listed) == 1 + 6


async def test_reads_no_channel_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many pages it is enough, and the log says so."""
    monkeypatch.setattr(reconciliations, "_MOST_PAGES", 2)
    said: list[str] = []

    def before(here: Scene) -> None:
        root = here.post()
        for number in range(1_100):
            here.server.say(root, "amina", f"talk {number}")

    sink = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    try:
        async with scene(prepare=before) as here:
            await here.greeted("hello")
            assert len(here.ledger.accepted) == 400
    finally:
        logger.remove(sink)
    assert said == ["only the newest 400 posts of a channel were looked through for missed words"]


async def test_a_channel_that_closes_while_it_is_read_is_left_out() -> None:
    """Between two pages the bot may be removed."""

    def before(here: Scene) -> None:
        root = here.post()
        for number in range(1_000):
            here.server.say(root, "amina", f"talk {number}")
        listed = "GET /api/v4/channels/.*/posts"
        # The first answer is as ordered.
        here.loopback.fail(listed, "late_after", pace_s=0)
        here.loopback.fail(listed, status=403, body={"id": "api.context.permissions.app_error"})

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.ledger.accepted == []


async def test_a_thousand_open_posts_cost_less_than_a_hundred_requests() -> None:
    """So they are known at once, also where a server allows ten requests each second after the first hundred."""

    def before(here: Scene) -> None:
        channels = ["dev-support-escalations", "support-triage", "telephony", "billing", "noc"]
        here.server.add_channel("noc")
        for number in range(1_000):
            root = here.post(channels[number % 5])
            here.server.react(root, ("amina", "otieno")[number % 2], "eyes")

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert len(here.ledger.accepted) == 1_000
        assert len(here.loopback.seen) < 100


async def test_looks_back_only_as_far_as_the_look_before() -> None:
    """A later look asks for what was written since the one before it."""
    async with scene() as here:
        await here.greeted("hello")
        root = here.post()
        here.server.say(root, "amina", "old")
        await here.heard(1)
        for _ in range(2):
            here.clock.advance(minutes=5)
            here.server.hub.lines.clear()
            here.server.hub.cut()
            greeted = len(here.server.hub.greetings)
            await until(lambda: len(here.server.hub.greetings) > greeted and here.watcher.caught_up)  # noqa: B023
        assert here.kinds() == [("say", "amina"), ("say", "amina")]


@pytest.mark.parametrize("gone", ["purged", "left", "archived", "unknown"])
async def test_what_the_bot_does_not_see_keeps_nobody_waiting(gone: str) -> None:
    """A post or a channel that is gone is left out; the others are looked up, and the log names the channel."""
    said: list[str] = []

    def before(here: Scene) -> None:
        channel = here.server.add_channel("noc")
        lost, root = here.post("noc"), here.post()
        others = [here.post() for _ in range(8)]
        here.server.react(root, "otieno", "eyes")
        if gone == "purged":
            claim = {"held_by": "amina", "held_id": f"reaction:{'p' * 26}:u:eyes:1"}
            here.ledger.posts.append(open_post("p" * 26, here.clock.now(), **claim))
        elif gone == "left":
            channel.member = False
        elif gone == "archived":
            channel.archived = True
        else:
            del here.server.channels["noc"]
        assert lost
        assert others

    sink = logger.add(lambda message: said.append(message.record["message"]), level="WARNING")
    try:
        async with scene(prepare=before) as here:
            await here.greeted("hello")
            assert here.kinds() == [("claim", "otieno")]
            assert gone != "purged" or here.loopback.seen.count(_BULK) > 2
    finally:
        logger.remove(sink)
    assert gone == "purged" or any("~noc" in line for line in said)


@pytest.mark.parametrize(
    "on",
    [
        "GET .*/posts",
        _BULK,
        "POST /api/v4/users/ids",
        "GET .*/members/.*",
        "GET /api/v4/users/me",
        "GET /api/v4/teams/.*",
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        {"body": [{}]},
        {"body": "<html>"},
        {"status": 500},
        {"status": 401, "body": {"id": "x"}},
        {"status": 429, "body": "limit exceeded", "headers": {"retry-after": "0"}, "times": 25},
        {"status": 302, "headers": {"location": "https://chat.example.org/login"}},
        {"do": "cut_before"},
    ],
    ids=["other", "page", "500", "401", "429", "redirect", "cut"],
)
async def test_an_answer_that_says_nothing_is_asked_for_again(on: str, answer: dict[str, Any]) -> None:
    """Whatever a sick server or a proxy answers, nothing is lost and nothing believed; then it goes on by itself."""

    def before(here: Scene) -> None:
        here.server.react(here.post(), "otieno", "eyes")
        here.loopback.fail(on, **{"status": 200, "times": 3, **answer})

    async with scene(prepare=before) as here:
        await until(lambda: here.watcher.caught_up)
        assert here.kinds() in ([("claim", "otieno")], [("claim", "otieno")] * 2)


async def test_a_server_that_counts_requests_is_given_its_time() -> None:
    """Refused questions are put again after the pause that the server asks for, and nothing is begun anew."""

    def before(here: Scene) -> None:
        here.server.react(here.post(), "otieno", "eyes")
        refusal: dict[str, Any] = {"status": 429, "body": "limit exceeded", "headers": {"retry-after": "0"}, "times": 5}
        for on in ("GET .*/posts", _BULK, "POST /api/v4/users/ids", "GET .*/members/.*"):
            here.loopback.fail(on, **refusal)

    async with scene(prepare=before) as here:
        await here.greeted("hello")
        assert here.kinds() == [("claim", "otieno")]


def _root(number: int) -> str:
    return f"p{number + 1:025d}"
