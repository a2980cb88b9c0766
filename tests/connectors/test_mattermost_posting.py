"""Posts, replies and edits in a Mattermost that behaves, misbehaves and forgets as the real one was seen to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from standins import mattermost as standin
from standins.claims import ACKNOWLEDGEMENT, CHANNEL, claim, copy, escalation, follow_up, revision
from standins.loopback import Loopback, serving
from standins.parts import SetClock

from engine.connectors.mattermost import Mattermost
from engine.connectors.mattermost.refusals import NO_BOT
from engine.core.decisions import Priority
from engine.core.deliveries import Body, Claimed, Fault, FollowUp, Found, Outcome, Rejected, Sent, Unknown
from engine.ports import Health

_TOKEN = (
    "Mattermost refuses the bot's token: enable the bot account if it is disabled, else make it a new token and set "
    "mattermost_token"
)
_BUSY = "Mattermost is asked too often: lower limits.mattermost_per_second, or raise RateLimitSettings on the server"
_TROUBLE = "Mattermost or its database is in trouble"
_KEY = f"{1:032x}"


@dataclass
class _Setting:
    server: standin.Mattermost
    loopback: Loopback
    clock: SetClock
    mattermost: Mattermost

    @property
    def posts(self) -> list[dict[str, Any]]:
        return list(self.server.posts.values())

    async def send(self, **changed: Any) -> Outcome:
        body = changed.pop("body", escalation())
        return await self.mattermost.send(claim(body, now=self.clock.now(), **changed))

    def posted(self) -> int:
        """How many times a post was submitted."""
        return self.loopback.seen.count("POST /api/v4/posts")


@asynccontextmanager
async def _setting(timeout_s: float = 2, **switches: Any) -> AsyncIterator[_Setting]:
    clock = SetClock()
    server = standin.Mattermost(now=clock.now, switches=standin.Switches(**switches))
    async with serving(server) as loopback:
        mattermost = _connector(loopback, clock, timeout_s)
        try:
            yield _Setting(server, loopback, clock, mattermost)
        finally:
            await mattermost.close()


def _connector(loopback: Loopback, clock: SetClock, timeout_s: float = 2) -> Mattermost:
    return Mattermost(
        "mattermost", url=loopback.url, token=standin.TOKEN, team=standin.TEAM, clock=clock, timeout_s=timeout_s
    )


async def test_posts_an_escalation() -> None:
    """One post in the right channel, found again by its delivery, calling whom we call."""
    async with _setting() as setting:
        outcome = await setting.send()
        (post,) = setting.posts
        assert outcome == Sent(post["id"])
        assert post["channel_id"] == setting.server.channels[CHANNEL].id
        assert post["message"].startswith("#### New WhatsApp Client Request\nClient: `Jackson` (`+254712345678`)\n")
        assert post["props"] == {
            "oc": {"delivery": _KEY, "ticket": "OC-2026-0001"},
            "unsafe_links": "true",
            "from_bot": "true",
        }
        assert post["metadata"] == {"priority": {"priority": "important"}}
        assert setting.server.notifications == [("amina", post["id"]), ("otieno", post["id"])]
        assert setting.mattermost.health() == Health(ready=True)


async def test_posts_a_copy_that_calls_nobody() -> None:
    """A plain post in the further channel, without a label and without notifying those whom the post itself calls."""
    async with _setting() as setting:
        setting.server.add_channel("noc")
        outcome = await setting.send(body=copy())
        (post,) = setting.posts
        assert outcome == Sent(post["id"])
        assert post["channel_id"] == setting.server.channels["noc"].id
        assert post["message"].startswith("#### New WhatsApp Client Request\nCopy of OC-2026-0001 in ~")
        assert "priority" not in post.get("metadata", {})
        assert setting.server.notifications == []


async def test_resolves_names_once() -> None:
    """Bot, team, channel and settings are asked for with the first post and not again."""
    async with _setting() as setting:
        await setting.send()
        asked = len(setting.loopback.seen)
        await setting.send(number=2)
        assert setting.loopback.seen[asked:] == ["POST /api/v4/posts"]
        assert "cookie" not in setting.loopback.headers


@pytest.mark.parametrize(
    ("priority", "metadata"),
    [
        pytest.param(Priority.URGENT, {"priority": {"priority": "urgent"}}, id="urgent"),
        pytest.param(Priority.HIGH, {"priority": {"priority": "important"}}, id="high"),
        pytest.param(Priority.NORMAL, {}, id="normal"),
        pytest.param(Priority.LOW, {}, id="low"),
    ],
)
async def test_labels_what_is_pressing(priority: Priority, metadata: object) -> None:
    """High and urgent posts carry Mattermost's label."""
    async with _setting() as setting:
        await setting.send(body=escalation(priority=priority))
        assert setting.posts[0]["metadata"] == metadata


@pytest.mark.parametrize(
    ("switches", "warnings"),
    [
        pytest.param({"labels": False}, 1, id="promised and refused"),
        pytest.param({"labels": False, "labels_promised": False}, 0, id="not offered"),
        pytest.param({"old_release": True}, 0, id="unknown to an old release"),
    ],
)
async def test_says_the_priority_in_the_title_without_labels(switches: dict[str, bool], warnings: int) -> None:
    """Where the server has no labels the title says the priority; a refusal is remembered and warned of once."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    try:
        async with _setting(**switches) as setting:
            for number in (1, 2):
                assert isinstance(await setting.send(number=number), Sent)
            assert [post["message"].split("\n")[0] for post in setting.posts] == [
                "#### HIGH · New WhatsApp Client Request"
            ] * 2
            assert setting.posted() == 2 + warnings
    finally:
        logger.remove(sink)
    warning = "Mattermost refuses priority labels: from now on the title says the priority\n"
    assert lines.count(warning) == warnings


async def test_warns_once_although_several_posts_meet_the_refusal() -> None:
    """Posts that are under way at the same time each lose their label, and one warning says so."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    try:
        async with _setting(labels=False) as setting:
            outcomes = await asyncio.gather(*(setting.send(number=number) for number in (1, 2, 3)))
            assert [isinstance(outcome, Sent) for outcome in outcomes] == [True] * 3
    finally:
        logger.remove(sink)
    assert lines.count("Mattermost refuses priority labels: from now on the title says the priority\n") == 1


async def test_degrades_without_a_licence() -> None:
    """A 501 for the label costs the label, not the post."""
    async with _setting() as setting:
        setting.loopback.fail("POST /api/v4/posts", status=501, body={"id": "license_error.feature_unavailable"})
        assert isinstance(await setting.send(), Sent)
        assert setting.posts[0]["metadata"] == {}


async def test_does_without_settings_that_cannot_be_read() -> None:
    """While the server does not tell its settings, the post goes out plain, and they are asked for again."""
    async with _setting() as setting:
        setting.loopback.fail("GET /api/v4/config", status=500)
        await setting.send()
        await setting.send(number=2)
        assert [post["metadata"] for post in setting.posts] == [{}, {"priority": {"priority": "important"}}]


async def test_obeys_the_servers_longest_message() -> None:
    """A server with an old database gets posts that it can store."""
    async with _setting() as setting:
        body = {"PostPriority": "true", "MaxPostSize": "4000"}
        setting.loopback.fail("GET /api/v4/config", status=200, body=body)
        await setting.send(body=escalation("y" * 4000))
        assert len(setting.posts[0]["message"]) <= 4000


async def test_follows_up_in_the_thread() -> None:
    """A follow-up hangs below the incident's post and carries no label."""
    async with _setting() as setting:
        root = await setting.send()
        assert isinstance(root, Sent)
        outcome = await setting.send(body=follow_up(), number=2, thread=root.receipt)
        post = setting.posts[1]
        assert outcome == Sent(post["id"])
        assert (post["root_id"], post["metadata"]) == (root.receipt, {})
        assert post["message"] == "The client wrote again:\n```text\nit is getting worse\n```"


async def test_calls_in_a_further_channel_with_a_post_of_its_own() -> None:
    """The thread is another channel's: Mattermost would refuse a reply to it here."""
    async with _setting() as setting:
        root = await setting.send()
        assert isinstance(root, Sent)
        call = FollowUp("noc", None, "**OC-2026-0001** in ~support: nobody has taken it", "", calls=True)
        setting.server.add_channel("noc")
        assert isinstance(await setting.send(body=call, number=2, thread=root.receipt), Sent)
        post = setting.posts[1]
        assert (post["root_id"], post["message"]) == ("", call.body)


async def test_follows_up_beside_a_thread_that_was_moved() -> None:
    """An administrator can move a thread to another channel; what follows stands alone and names the ticket."""
    async with _setting() as setting:
        root = await setting.send()
        assert isinstance(root, Sent)
        setting.server.add_channel("noc")
        setting.posts[0]["channel_id"] = setting.server.channels["noc"].id
        assert isinstance(await setting.send(body=follow_up(), number=2, thread=root.receipt), Sent)
        post = setting.posts[1]
        assert (post["root_id"], post["message"][:17]) == ("", "#### OC-2026-0001")


@pytest.mark.parametrize("thread", [None, f"p{99:025d}"], ids=["never posted", "deleted"])
async def test_follows_up_without_a_thread(thread: str | None) -> None:
    """Where there is no post to hang below, the follow-up stands alone and names the ticket."""
    async with _setting() as setting:
        assert isinstance(await setting.send(body=follow_up(), thread=thread), Sent)
        (post,) = setting.posts
        assert post["root_id"] == ""
        assert post["message"].startswith("#### OC-2026-0001\nThe client wrote again:\n")


async def test_edits_the_post_in_place() -> None:
    """A revision rewrites the post, says the priority in the title, keeps its props and calls nobody."""
    async with _setting() as setting:
        root = await setting.send()
        assert isinstance(root, Sent)
        called = list(setting.server.notifications)
        assert await setting.send(body=revision(), number=2, thread=root.receipt) == root
        (post,) = setting.posts
        assert post["message"].split("\n")[0] == "#### URGENT · New WhatsApp Client Request"
        assert post["props"]["oc"]["delivery"] == _KEY
        assert setting.server.notifications == called


@pytest.mark.parametrize(
    ("thread", "switches", "outcome"),
    [
        pytest.param(None, {}, Sent(""), id="no post"),
        pytest.param(
            f"p{1:025d}",
            {},
            Rejected(
                Fault.PERMANENT,
                "404 app.post.get.app_error",
                "the post can no longer be edited: deleted, too old, or the bot has left the channel",
            ),
            id="deleted",
        ),
        pytest.param(
            f"p{1:025d}",
            {"database_down": True},
            Rejected(Fault.TRANSIENT, "401 api.context.session_expired.app_error", _TROUBLE),
            id="no database",
        ),
        pytest.param(
            f"p{1:025d}",
            {"token": "another"},
            Rejected(Fault.MISCONFIGURED, "401 api.context.session_expired.app_error", _TOKEN),
            id="token revoked",
        ),
    ],
)
async def test_edits_what_it_can(thread: str | None, switches: dict[str, Any], outcome: Outcome) -> None:
    """A post that is gone ends the revision, so that what waits behind it goes on; trouble does not."""
    async with _setting(**switches) as setting:
        assert await setting.send(body=revision(), thread=thread) == outcome


async def test_carries_no_acknowledgements() -> None:
    """Words for a client never appear among engineers as if they were sent."""
    async with _setting() as setting:
        outcome = await setting.send(body=ACKNOWLEDGEMENT)
        assert outcome == Rejected(Fault.PERMANENT, "kind", "Mattermost cannot carry an acknowledgement to a client")
        assert await setting.mattermost.reconcile(claim(ACKNOWLEDGEMENT)) is Found.NOT_SENT


async def test_keeps_an_edit_that_meets_another_server() -> None:
    """A redirect says nothing about the post: the edit waits for the administrator."""
    async with _setting() as setting:
        setting.loopback.fail("PUT", status=302, headers={"location": "https://login.example.org"})
        outcome = await setting.send(body=revision(), thread="p1")
        assert outcome == Rejected(
            Fault.MISCONFIGURED, "302", "the mattermost url redirects: it must be the server's own address"
        )


async def test_does_not_know_whether_an_edit_arrived() -> None:
    """A broken exchange leaves an edit in doubt, and making it again is harmless."""
    async with _setting() as setting:
        root = await setting.send()
        assert isinstance(root, Sent)
        setting.loopback.fail("PUT", "cut_after")
        assert isinstance(await setting.send(body=revision(), number=2, thread=root.receipt), Unknown)
        assert await setting.send(body=revision(), number=2, thread=root.receipt) == root


def _change(**details: bool) -> Any:
    def change(setting: _Setting) -> None:
        for name, value in details.items():
            setattr(setting.server.channels[CHANNEL], name, value)

    return change


def _remove(setting: _Setting) -> None:
    del setting.server.channels[CHANNEL]


def _lose_database(setting: _Setting) -> None:
    setting.server.switches.database_down = True


def _revoke_token(setting: _Setting) -> None:
    setting.server.switches.token = "another"


_NO_CHANNEL = (
    f"the bot sees no ~{CHANNEL} in team support: create it, invite the bot if it is private, or write its new name "
    "into the rules if it was renamed"
)
_REFUSALS = {
    "not a member": (
        _change(member=False),
        Fault.MISCONFIGURED,
        "403 api.context.permissions.app_error",
        f"the bot may not post in ~{CHANNEL}: invite it there with /invite @engine-bot",
    ),
    "private": (
        _change(member=False, private=True),
        Fault.MISCONFIGURED,
        "404 app.channel.get_by_name.missing.app_error",
        _NO_CHANNEL,
    ),
    "no such channel": (
        _remove,
        Fault.MISCONFIGURED,
        "404 app.channel.get_by_name.missing.app_error",
        _NO_CHANNEL,
    ),
    "archived": (
        _change(archived=True),
        Fault.MISCONFIGURED,
        "archived",
        f"~{CHANNEL} is archived: unarchive it, or name another channel in the rules",
    ),
    "token revoked": (_revoke_token, Fault.MISCONFIGURED, "401 api.context.session_expired.app_error", _TOKEN),
    "database down": (_lose_database, Fault.TRANSIENT, "401 api.context.session_expired.app_error", _TROUBLE),
}


@pytest.mark.parametrize(("change", "fault", "code", "reason"), _REFUSALS.values(), ids=_REFUSALS.keys())
async def test_tells_the_administrator_what_to_do(change: Any, fault: Fault, code: str, reason: str) -> None:
    """A refusal of a healthy server names the next step; the same refusal of a sick one is only trouble."""
    async with _setting() as setting:
        change(setting)
        assert await setting.send() == Rejected(fault, code, reason)
        assert setting.mattermost.health() == Health(ready=False, problem=reason)


# A channel whose id is known is refused in other words, but for those that a second look at its name finds out.
_REFUSALS_LATER = _REFUSALS | {
    "database down": (_lose_database, Fault.TRANSIENT, "400 api.context.invalid_param.app_error", _TROUBLE),
}


@pytest.mark.parametrize(("change", "fault", "code", "reason"), _REFUSALS_LATER.values(), ids=_REFUSALS_LATER.keys())
async def test_tells_the_same_when_it_happens_later(change: Any, fault: Fault, code: str, reason: str) -> None:
    """What changes on the server after the first post is told just as well, and heals without a restart."""
    async with _setting() as setting:
        await setting.send()
        change(setting)
        assert await setting.send(number=2) == Rejected(fault, code, reason)
        setting.server.switches = standin.Switches()
        setting.server.add_channel(CHANNEL)
        assert isinstance(await setting.send(number=3), Sent)
        assert setting.mattermost.health() == Health(ready=True)


async def test_a_post_says_how_late_it_is_where_something_was_said_before() -> None:
    """Only with a second way, only when it may have been used, and only of what calls somebody."""
    async with _setting() as setting:
        url, clock = setting.loopback.url, setting.clock
        late = Mattermost(
            "mattermost", url=url, token=standin.TOKEN, team="support", clock=clock, late_after=timedelta(minutes=3)
        )
        claimed = claim(escalation(), now=clock.now())
        clock.advance(seconds=179)
        await late.send(claimed)
        clock.advance(seconds=91)
        await late.send(replace(claimed, id=f"{2:032x}"))
        await setting.mattermost.send(replace(claimed, id=f"{3:032x}"))
        await late.close()
        in_time, delayed, without = (post["message"].splitlines() for post in setting.posts)
        assert [line for line in delayed if line not in in_time] == ["Delayed by 4 min."]
        assert without == in_time


async def test_a_refusing_channel_stands_beside_those_that_take_posts() -> None:
    """Posts elsewhere do not hide that some wait; once nothing is tried there any more, all is well."""
    async with _setting() as setting:
        setting.server.add_channel("billing", archived=True)
        refused = replace(escalation(), channel="billing")
        sentence = "~billing is archived: unarchive it, or name another channel in the rules"
        await setting.send(body=refused)
        assert isinstance(await setting.send(number=2), Sent)
        assert setting.mattermost.places() == {"billing": sentence, CHANNEL: ""}
        assert setting.mattermost.health() == Health(ready=False, problem=sentence)
        setting.clock.advance(seconds=101)
        assert setting.mattermost.places() == {CHANNEL: ""}
        assert setting.mattermost.health() == Health(ready=True)
        await setting.send(body=refused, number=3)
        setting.server.add_channel("billing")
        await setting.send(body=refused, number=4)
        assert setting.mattermost.places() == {"billing": "", CHANNEL: ""}


async def test_what_is_wrong_with_the_token_is_no_channel_s() -> None:
    """It is said once, not of each channel."""
    async with _setting() as setting:
        _revoke_token(setting)
        await setting.send(body=replace(escalation(), team="sales"))
        assert setting.mattermost.places() == {}
        assert setting.mattermost.health() == Health(ready=False, problem=_TOKEN)


async def test_a_person_s_token_is_warned_of() -> None:
    """It posts as any other, and the log says what that leads to."""
    told: list[str] = []
    sink = logger.add(told.append, format="{message}", level="WARNING")
    try:
        async with _setting(is_bot=False) as setting:
            assert isinstance(await setting.send(), Sent)
            assert isinstance(await setting.send(number=2), Sent)
    finally:
        logger.remove(sink)
    assert [line.rstrip() for line in told] == [NO_BOT]


async def test_finds_a_channel_that_was_made_anew() -> None:
    """A channel with the same name and a new id gets the post with the same attempt."""
    async with _setting() as setting:
        await setting.send()
        new = setting.server.add_channel(CHANNEL)
        assert isinstance(await setting.send(number=2), Sent)
        assert setting.posts[1]["channel_id"] == new.id


async def test_asks_for_another_team_where_the_rule_names_one() -> None:
    """A channel's own team is used, and a missing one is named."""
    async with _setting() as setting:
        outcome = await setting.send(body=replace(escalation(), team="sales"))
        assert outcome == Rejected(
            Fault.MISCONFIGURED,
            "404 app.team.get_by_name.missing.app_error",
            "Mattermost has no team sales that the bot is in: add the bot to it, or correct mattermost.team",
        )


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(
            {"status": 429, "body": "limit exceeded", "headers": {"retry-after": "3"}},
            Rejected(Fault.TRANSIENT, "429", _BUSY, timedelta(seconds=3)),
            id="rate limit",
        ),
        pytest.param(
            {"status": 502, "body": "<html>Bad Gateway</html>"},
            Rejected(Fault.TRANSIENT, "502", "Mattermost is in trouble or not reachable"),
            id="proxy page",
        ),
        pytest.param(
            {"status": 403, "body": "<html>Forbidden</html>"},
            Rejected(Fault.TRANSIENT, "403", "Mattermost is in trouble or not reachable"),
            id="a proxy's 403",
        ),
        pytest.param(
            {"status": 500, "body": {"id": "", "status_code": 500}},
            Rejected(Fault.TRANSIENT, "500", "Mattermost is in trouble or not reachable"),
            id="hardened 500",
        ),
        pytest.param(
            {"status": 302, "headers": {"location": "https://login.example.org"}},
            Rejected(Fault.MISCONFIGURED, "302", "the mattermost url redirects: it must be the server's own address"),
            id="redirect",
        ),
        pytest.param(
            {"status": 400, "body": {"id": "model.post.is_valid.msg.app_error"}},
            Rejected(
                Fault.PERMANENT, "400 model.post.is_valid.msg.app_error", "Mattermost finds the post itself invalid"
            ),
            id="invalid post",
        ),
        pytest.param(
            {"status": 400, "body": {"id": "api.context.invalid_body_param.app_error"}},
            Rejected(
                Fault.PERMANENT,
                "400 api.context.invalid_body_param.app_error",
                "Mattermost finds the post itself invalid",
            ),
            id="invalid JSON",
        ),
        pytest.param(
            {"status": 413, "body": {"id": "api.context.request_body_too_large.app_error"}},
            Rejected(
                Fault.PERMANENT,
                "413 api.context.request_body_too_large.app_error",
                "Mattermost finds the post itself invalid",
            ),
            id="too large",
        ),
        pytest.param(
            {"status": 400, "body": {"id": "x y\n"}},
            Rejected(
                Fault.MISCONFIGURED,
                "400",
                f"Mattermost refuses the post in ~{CHANNEL}: look at the channel and at the server's log",
            ),
            id="another 400",
        ),
        pytest.param(
            {"status": 404, "body": {"id": "api.context.404.app_error"}},
            Rejected(
                Fault.MISCONFIGURED,
                "404 api.context.404.app_error",
                f"~{CHANNEL} is gone or hidden from the bot: create it, or invite @engine-bot if it is private",
            ),
            id="404",
        ),
        pytest.param(
            {"status": 401, "body": {"id": "api.context.session_expired.app_error"}},
            Rejected(Fault.TRANSIENT, "401 api.context.session_expired.app_error", _TROUBLE),
            id="a 401 that the probe does not confirm",
        ),
        pytest.param(
            {"status": 201, "body": "ok"},
            Unknown("Mattermost took the post and its answer cannot be read"),
            id="unreadable yes",
        ),
    ],
)
async def test_judges_every_answer(answer: dict[str, Any], outcome: Outcome) -> None:
    """Permanent, the administrator's, or only trouble: each answer leads to what helps."""
    async with _setting() as setting:
        setting.loopback.fail("POST /api/v4/posts", **answer)
        assert await setting.send(body=escalation(priority=Priority.NORMAL)) == outcome


@pytest.mark.parametrize(
    ("on", "do", "status"),
    [
        pytest.param("GET /api/v4/system/ping", "cut_before", 0, id="ping cut"),
        pytest.param("GET /api/v4/system/ping", "answer", 502, id="ping through a broken proxy"),
        pytest.param("GET /api/v4/users/me", "answer", 500, id="no users"),
        pytest.param("GET /api/v4/users/me", "cut_before", 0, id="users cut"),
    ],
)
async def test_believes_no_refusal_while_the_server_is_sick(on: str, do: str, status: int) -> None:
    """Unless the probe finds the server well, a refusal is trouble and not an administrator's business."""
    async with _setting() as setting:
        await setting.send()
        setting.loopback.fail("POST", status=400, body={"id": "api.context.invalid_param.app_error"})
        setting.loopback.fail(on, do, status=status, body="<html>")
        outcome = await setting.send(number=2)
        assert outcome == Rejected(Fault.TRANSIENT, "400 api.context.invalid_param.app_error", _TROUBLE)


async def test_takes_an_older_ping_for_well() -> None:
    """A ping that does not speak of the database is judged by its status."""
    async with _setting() as setting:
        setting.server.channels[CHANNEL].member = False
        setting.loopback.fail("GET /api/v4/system/ping", status=200, body={"status": "OK"})
        outcome = await setting.send()
        assert isinstance(outcome, Rejected)
        assert outcome.fault is Fault.MISCONFIGURED


@pytest.mark.parametrize("on", ["GET /api/v4/users/me", "GET /api/v4/teams/name", "GET /api/v4/teams/t"])
@pytest.mark.parametrize(
    ("do", "body"), [("cut_before", ""), ("hang_before", ""), ("answer", "<html>"), ("answer", {"id": ""})]
)
async def test_says_nothing_while_names_cannot_be_resolved(on: str, do: str, body: object) -> None:
    """A question that fails leaves nothing in doubt: the delivery is certain not to have been made."""
    async with _setting(timeout_s=0.1) as setting:
        setting.loopback.fail(on, do, status=200, body=body)
        outcome = await setting.send()
        assert isinstance(outcome, Rejected)
        assert outcome.fault is Fault.TRANSIENT
        assert setting.posted() == 0


async def test_is_certain_when_mattermost_cannot_be_reached() -> None:
    """A refused connection has carried nothing, and says so to the probes, until Mattermost returns."""
    async with _setting() as setting:
        await setting.send()
        await setting.loopback.close()
        reason = "Mattermost cannot be reached: no connection"
        assert await setting.send(number=2) == Rejected(Fault.TRANSIENT, "connect", reason)
        assert setting.mattermost.health() == Health(ready=False, problem=reason)
        await setting.loopback.open()
        assert isinstance(await setting.send(number=2, attempt=2), Sent)
        assert setting.mattermost.health() == Health(ready=True)


async def test_a_busy_server_is_a_working_one() -> None:
    """A rate limit does not make the engine unready."""
    async with _setting() as setting:
        setting.loopback.fail("POST", status=429, body="limit exceeded")
        await setting.send()
        assert setting.mattermost.health() == Health(ready=True)


_AGES = {"while the server knows the key": timedelta(seconds=5), "after it forgot": timedelta(seconds=40)}


@pytest.mark.parametrize("age", _AGES.values(), ids=_AGES.keys())
@pytest.mark.parametrize("do", ["cut_before", "cut_after", "hang_after"])
@pytest.mark.parametrize("body", [escalation(), follow_up(), copy()], ids=["escalation", "follow-up", "copy"])
async def test_posts_once_whatever_was_cut(do: str, age: timedelta, body: Body) -> None:
    """After a broken exchange the look-up and the key together lead to exactly one post."""
    async with _setting(timeout_s=0.2) as setting:
        root = await setting.send(number=9)
        assert isinstance(root, Sent)
        setting.server.add_channel("noc")
        thread = root.receipt if isinstance(body, FollowUp) else None
        first = claim(body, now=setting.clock.now(), thread=thread)
        setting.loopback.fail("POST /api/v4/posts", do)
        assert isinstance(await setting.mattermost.send(first), Unknown)
        setting.clock.at += age
        again = replace(first, attempt=2, doubtful=True)
        found = await setting.mattermost.reconcile(again)
        if found is Found.NOT_SENT:
            found_later = await setting.mattermost.send(again)
            assert isinstance(found_later, Sent)
        else:
            assert isinstance(found, Sent)
        ours = [post for post in setting.posts if post["props"]["oc"]["delivery"] == first.id]
        assert len(ours) == 1


async def _cut_post(setting: _Setting) -> Claimed:
    """A post that took effect and whose answer was lost."""
    first = claim(escalation(), now=setting.clock.now())
    setting.loopback.fail("POST /api/v4/posts", "cut_after")
    await setting.mattermost.send(first)
    return replace(first, attempt=2, doubtful=True)


@pytest.mark.parametrize(
    ("age", "found"),
    [
        pytest.param(timedelta(seconds=24), Found.NOT_SENT, id="the key protects"),
        pytest.param(timedelta(seconds=25), Found.UNDECIDED, id="nothing protects"),
    ],
)
@pytest.mark.parametrize("do", ["answer", "cut_before", "hang_before"])
async def test_trusts_the_key_only_while_it_lives(age: timedelta, found: Found, do: str) -> None:
    """When the look-up fails, a repeat is safe for 25 seconds; later nobody can tell."""
    async with _setting(timeout_s=0.2) as setting:
        again = await _cut_post(setting)
        setting.clock.at += age
        setting.loopback.fail("GET /api/v4/channels/", do, status=500)
        assert await setting.mattermost.reconcile(again) is found


async def test_recognises_its_own_post_by_the_key() -> None:
    """A repeat within the key's life gets the first post back, and nobody is called twice."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        called = list(setting.server.notifications)
        assert await setting.mattermost.send(again) == Sent(setting.posts[0]["id"])
        assert len(setting.posts) == 1
        assert setting.server.notifications == called


async def test_takes_nobody_elses_post_for_its_own() -> None:
    """Keys are not per user: a post that another account made with our key is not ours, and ours follows later."""
    async with _setting() as setting:
        await setting.send(number=9)
        standin.foreign_post(setting.server, f"u{1:025d}:{_KEY}", setting.server.channels[CHANNEL].id)
        outcome = await setting.send()
        reason = "another account has used our key just now"
        assert outcome == Rejected(Fault.TRANSIENT, "duplicate-key", reason, timedelta(seconds=30))
        setting.clock.advance(seconds=31)
        assert await setting.send(attempt=2, age=timedelta(seconds=31)) == Sent(setting.posts[-1]["id"])


async def test_looks_before_it_repeats_a_refused_post_late() -> None:
    """A refusal may have been a proxy's, so a repeat beyond the key's life looks first and adopts what it finds."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        setting.clock.advance(seconds=60)
        outcome = await setting.mattermost.send(replace(again, doubtful=False))
        assert outcome == Sent(setting.posts[0]["id"])
        assert setting.posted() == 1


async def test_says_nothing_late_while_it_cannot_look() -> None:
    """Beyond the key's life no post is repeated blindly."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        setting.clock.advance(seconds=60)
        setting.loopback.fail("GET /api/v4/channels/", status=503, body="<html>")
        outcome = await setting.mattermost.send(replace(again, doubtful=False))
        assert outcome == Rejected(Fault.TRANSIENT, "503", "Mattermost is in trouble or not reachable")
        assert setting.posted() == 1


async def test_finds_its_post_although_the_clocks_differ() -> None:
    """A machine whose clock is ahead of the server's looks far enough back."""
    async with _setting() as setting:
        setting.server.now = lambda: setting.clock.now() - timedelta(minutes=10)
        again = await _cut_post(setting)
        setting.clock.advance(seconds=60)
        assert await setting.mattermost.reconcile(again) == Sent(setting.posts[0]["id"])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"user_id": "somebody"}, id="of another account"),
        pytest.param({"props": {"oc": {"delivery": "other"}}}, id="of another delivery"),
        pytest.param({"props": {"oc": "x"}}, id="with strange props"),
        pytest.param({"props": None}, id="without props"),
    ],
)
async def test_adopts_only_its_own_post(change: dict[str, Any]) -> None:
    """A post that looks like ours and is not leaves the delivery unsent."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        setting.posts[0].update(change)
        assert await setting.mattermost.reconcile(again) is Found.NOT_SENT


def _crowd(setting: _Setting, count: int) -> None:
    """Colleagues write in the channel."""
    channel_id = setting.posts[0]["channel_id"]
    for number in range(count):
        at = int(setting.clock.now().timestamp() * 1000)
        post = {"id": f"x{number}", "user_id": "u-colleague", "channel_id": channel_id, "root_id": "", "props": {}}
        setting.server.posts[f"x{number}"] = post | {"create_at": at, "update_at": at, "message": "busy"}


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
async def test_finds_its_post_in_a_crowded_channel(*, taken: bool) -> None:
    """Where a look-up by time shows only the newest thousand posts, the channel is read page by page."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        setting.clock.advance(seconds=60)
        _crowd(setting, 1500)
        if not taken:
            setting.posts[0]["props"] = {}
        found = await setting.mattermost.reconcile(again)
    assert isinstance(found, Sent) if taken else found is Found.NOT_SENT


async def test_cannot_tell_among_too_many_posts() -> None:
    """There is an end to the pages that are worth reading: then nobody can tell."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        at = int(setting.clock.now().timestamp() * 1000)
        page = {"order": [], "posts": {str(number): {"create_at": at} for number in range(1000)}}
        setting.clock.advance(seconds=60)
        setting.loopback.fail("GET /api/v4/channels/", status=200, body=page, times=-1)
        assert await setting.mattermost.reconcile(again) is Found.UNDECIDED


async def test_a_page_that_cannot_be_read_decides_nothing() -> None:
    """A server that fails between two pages is asked again later."""
    async with _setting() as setting:
        again = await _cut_post(setting)
        page = {"order": [], "posts": {str(number): {} for number in range(1000)}}
        setting.clock.advance(seconds=60)
        setting.loopback.fail("GET /api/v4/channels/", status=200, body=page)
        setting.loopback.fail("GET /api/v4/channels/", status=500)
        assert await setting.mattermost.reconcile(again) is Found.UNDECIDED


@pytest.mark.parametrize(
    "on", ["GET /api/v4/users/me", "GET /api/v4/teams/name"], ids=["without an account", "without a channel"]
)
async def test_cannot_look_without_names(on: str) -> None:
    """After a restart that meets a sick server the look-up decides nothing."""
    async with _setting() as setting:
        setting.loopback.fail(on, status=500, times=-1)
        old = claim(escalation(), doubtful=True, age=timedelta(minutes=1))
        assert await setting.mattermost.reconcile(old) is Found.UNDECIDED


async def test_makes_an_edit_again() -> None:
    """An edit says the same twice, so a doubtful one needs no look-up."""
    async with _setting() as setting:
        assert await setting.mattermost.reconcile(claim(revision(), thread="p1")) is Found.NOT_SENT
        assert setting.loopback.seen == []


async def test_bounds_all_steps_of_a_post_together() -> None:
    """Slow answers to every question do not add up beyond the lease; before the post itself nothing is in doubt."""
    async with _setting(timeout_s=10) as setting:
        setting.mattermost._timeout_s = 0.05
        setting.loopback.fail("GET /api/v4/users/me", "hang_before")
        reason = "Mattermost took too long over all steps of a post"
        assert await setting.send() == Rejected(Fault.TRANSIENT, "timeout", reason)
        setting.loopback.fail("GET /api/v4/users/me", "hang_before")
        assert await setting.mattermost.reconcile(claim(escalation(), age=timedelta(minutes=1))) is Found.UNDECIDED
        setting.mattermost._timeout_s = 5
        assert isinstance(await setting.send(), Sent)
        # With all questions answered before, nothing but the post itself can take long.
        setting.mattermost._timeout_s = 0.5
        setting.loopback.fail("POST /api/v4/posts", "hang_before")
        assert await setting.send(number=2) == Unknown(reason)


@pytest.mark.parametrize(
    ("switches", "do", "problem"),
    [
        pytest.param({}, "", "", id="well"),
        pytest.param({"token": "another"}, "", _TOKEN, id="token revoked"),
        pytest.param({"database_down": True}, "", _TROUBLE, id="no database"),
        pytest.param({}, "hang_before", "Mattermost did not answer when the engine started", id="silence"),
    ],
)
async def test_learns_at_the_start_how_it_stands(switches: dict[str, Any], do: str, problem: str) -> None:
    """A bad token shows when the engine starts, and a server that is down delays nothing."""
    async with _setting(**switches) as setting:
        if do:
            setting.mattermost._timeout_s = 0.05
            setting.loopback.fail("GET /api/v4/users/me", do)
        await setting.mattermost.start()
        assert setting.mattermost.health() == Health(not problem, problem)
