"""Clients' files in the threads of a Mattermost: attached once, or a reply that says why not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from standins import mattermost as standin
from standins.claims import CHANNEL, claim, escalation, media
from standins.loopback import Loopback, serving
from standins.parts import SetClock

from engine.connectors.mattermost import Files, Mattermost
from engine.core.deliveries import Fault, Found, Outcome, Rejected, Sent, Unknown
from engine.core.media import Fetched
from engine.ports import Health

_VOICE = b"OggS\x00\x02\r\n--not-a-boundary\r\n" + bytes(range(256))
_UPLOAD = "POST /api/v4/files"
_POST = "POST /api/v4/posts"


@dataclass
class _Source:
    """Where the files of a connector are, as the test says."""

    found: Fetched | Rejected | Unknown = field(default=Fetched(_VOICE, "audio/ogg"))
    hangs: bool = False
    # What was asked for, with the limit.
    asked: list[tuple[str, int]] = field(default_factory=list)
    closed: int = 0

    async def fetch(self, reference: str, limit: int) -> Fetched | Rejected | Unknown:
        self.asked.append((reference, limit))
        if self.hangs:
            await _never()
        return self.found

    async def close(self) -> None:
        self.closed += 1


async def _never() -> None:
    await asyncio.Event().wait()


@dataclass
class _Setting:
    server: standin.Mattermost
    loopback: Loopback
    clock: SetClock
    source: _Source
    posts: Mattermost
    files: Files
    root: str = ""

    async def send(self, number: int = 2, **details: Any) -> Outcome:
        claimed = {"thread": self.root, "now": self.clock.now(), **details.pop("claimed", {})}
        return await self.files.send(claim(media(**details), number=number, **claimed))

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [post for post in self.server.posts.values() if post["root_id"]]

    def said(self) -> list[str]:
        return [post["message"] for post in self.replies]


@asynccontextmanager
async def _setting(max_bytes: int = 5000, timeout_s: float = 5, **switches: Any) -> AsyncIterator[_Setting]:
    clock, source = SetClock(), _Source()
    server = standin.Mattermost(now=clock.now, switches=standin.Switches(**switches))
    async with serving(server) as loopback:
        posts = Mattermost(
            "mattermost", url=loopback.url, token=standin.TOKEN, team=standin.TEAM, clock=clock, timeout_s=timeout_s
        )
        files = Files(posts, {"cloud": source}, max_bytes=max_bytes, clock=clock, timeout_s=timeout_s)
        await files.start()
        setting = _Setting(server, loopback, clock, source, posts, files)
        root = await posts.send(claim(escalation(), now=clock.now()))
        assert isinstance(root, Sent)
        setting.root = root.receipt
        try:
            yield setting
        finally:
            await files.close()


def _instead(why: str, told: str = "") -> str:
    return f"The client's voice note{told} is not attached: {why}. Look at it on the phone."


async def test_attaches_a_file_to_the_thread() -> None:
    """One reply below the post, with the file as it came, found again by its delivery; nobody is called by it."""
    async with _setting() as setting:
        called = list(setting.server.notifications)
        outcome = await setting.send()
        (reply,), (file,) = setting.replies, setting.server.files.values()
        assert outcome == Sent(reply["id"])
        assert (reply["root_id"], reply["message"]) == (setting.root, "From the client: voice note")
        assert reply["file_ids"] == [file["id"]]
        assert reply["props"]["oc"] == {"delivery": f"{2:032x}", "ticket": "OC-2026-0001"}
        assert (file["name"], file["mime_type"], file["size"]) == ("voice.ogg", "audio/ogg", len(_VOICE))
        assert file["channel_id"] == setting.server.channels[CHANNEL].id
        assert setting.server.notifications == called
        assert setting.source.asked == [("1234567890", 5000)]
        assert setting.files.health() == setting.posts.health() == Health(ready=True)


async def test_waits_for_the_post() -> None:
    """Nothing is fetched before, and nothing said anywhere else."""
    async with _setting() as setting:
        outcome = await setting.send(claimed={"thread": None})
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.retry_after) == ("no-post", timedelta(seconds=2))
        assert (setting.source.asked, setting.replies) == ([], [])


@pytest.mark.parametrize(
    ("switches", "details", "why"),
    [
        pytest.param({}, {"size_bytes": 6000}, _instead("it is larger than 5 kB", " (6 kB)"), id="too large for us"),
        pytest.param(
            {"largest_file": 2000},
            {"size_bytes": 3000},
            _instead("it is larger than 2 kB", " (3 kB)"),
            id="for the server",
        ),
        pytest.param({"files": False}, {}, _instead("Mattermost takes no files"), id="no files there"),
        pytest.param({}, {"connector": "other"}, _instead("it could not be fetched"), id="no source"),
    ],
)
async def test_says_why_without_asking(switches: dict[str, Any], details: dict[str, Any], why: str) -> None:
    """What is known before is not fetched."""
    async with _setting(**switches) as setting:
        assert isinstance(await setting.send(**details), Sent)
        assert (setting.said(), setting.source.asked, setting.server.files) == ([why], [], {})


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param(Rejected(Fault.PERMANENT, "too-large", "r"), "it is larger than 5 kB", id="too large"),
        pytest.param(Rejected(Fault.PERMANENT, "gone", "r"), "the network no longer has it", id="gone"),
        pytest.param(Rejected(Fault.PERMANENT, "host", "r"), "it could not be fetched", id="wrong host"),
    ],
)
async def test_says_why_a_file_cannot_be_had(found: Rejected, why: str) -> None:
    """A reply in the file's stead, once, and no dead delivery."""
    async with _setting() as setting:
        setting.source.found = found
        for _ in range(2):
            assert isinstance(await setting.send(), Sent)
        assert setting.said() == [_instead(why)]


async def test_asks_again_for_what_may_yet_come_and_not_forever() -> None:
    """An outage of the client's network is waited out for an hour."""
    async with _setting() as setting:
        setting.source.found = Unknown("cut")
        assert await setting.send() == Rejected(Fault.TRANSIENT, "no-answer", "cut")
        assert setting.replies == []
        setting.source.found = Fetched(_VOICE, "audio/ogg")
        assert isinstance(await setting.send(claimed={"attempt": 2}), Sent)
        setting.source.found = Unknown("cut")
        late = {"age": timedelta(hours=1), "attempt": 9}
        assert isinstance(await setting.send(number=3, claimed=late), Sent)
        assert setting.said() == ["From the client: voice note", _instead("it could not be fetched")]


async def test_a_source_that_does_not_come_back_is_left() -> None:
    """The attempt ends before its lease does."""
    async with _setting(timeout_s=1) as setting:
        setting.source.hangs = True
        assert await setting.send() == Rejected(Fault.TRANSIENT, "no-answer", "the file did not come in time")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(
            {"status": 413, "body": {"id": "api.file.upload_file.too_large_detailed.app_error"}},
            _instead("Mattermost does not take it"),
            id="too large after all",
        ),
        pytest.param(
            {"status": 501, "body": {"id": "api.file.attachments.disabled.app_error"}},
            _instead("Mattermost does not take it"),
            id="disabled",
        ),
        pytest.param({"status": 400, "body": {"id": "x"}}, _instead("Mattermost does not take it"), id="refused"),
        pytest.param({"status": 503, "body": "<html>"}, None, id="busy"),
        pytest.param({"status": 201, "body": {"file_infos": []}}, None, id="nothing told"),
        pytest.param({"status": 201, "body": {"file_infos": [{"id": 5}]}}, None, id="no id"),
        pytest.param({"status": 201, "body": {"file_infos": ["x"]}}, None, id="no object"),
        pytest.param({"do": "cut_after"}, None, id="cut"),
        pytest.param({"do": "hang_after"}, None, id="hang"),
    ],
)
async def test_a_server_that_does_not_take_the_file(fault: dict[str, Any], said: str | None) -> None:
    """Refused for good: the reply says so. In trouble: again later; an upload without a post is shown to nobody."""
    async with _setting(timeout_s=1 if fault.get("do") == "hang_after" else 5) as setting:
        setting.loopback.fail(_UPLOAD, **fault)
        outcome = await setting.send()
        if said is None:
            assert isinstance(outcome, Rejected)
            assert outcome.fault is Fault.TRANSIENT
            assert setting.replies == []
            outcome = await setting.send(claimed={"attempt": 2})
        assert isinstance(outcome, Sent)
        assert setting.said() == [said or "From the client: voice note"]


async def test_a_bot_that_may_post_and_not_upload_says_so() -> None:
    """Permissions differ."""
    async with _setting(uploads=False) as setting:
        assert isinstance(await setting.send(), Sent)
        assert setting.said() == [_instead("Mattermost does not take it")]


async def test_a_channel_in_the_place_of_another_gets_the_file() -> None:
    """Its id is asked for again; the thread went with the old one, so nothing is posted outside it."""
    async with _setting() as setting:
        setting.server.add_channel(CHANNEL)
        setting.server.posts.clear()
        lines: list[str] = []
        sink = logger.add(lines.append, format="{message}", level="WARNING")
        assert await setting.send() == Sent("")
        logger.remove(sink)
        (file,) = setting.server.files.values()
        assert file["channel_id"] == setting.server.channels[CHANNEL].id
        assert setting.server.posts == {}
        assert "the thread of a file is gone\n" in lines


async def test_a_channel_that_is_gone_is_an_administrators_matter() -> None:
    """As for any post: told, tried slowly, never dropped."""
    async with _setting() as setting:
        del setting.server.channels[CHANNEL]
        outcome = await setting.send()
        assert isinstance(outcome, Rejected)
        assert outcome.fault is Fault.MISCONFIGURED
        again = await setting.send()
        assert isinstance(again, Rejected)
        assert again.fault is Fault.MISCONFIGURED


@pytest.mark.parametrize("do", ["cut_after", "hang_after"])
async def test_says_it_once_when_the_answer_is_lost(do: str) -> None:
    """The reply is found by its delivery, however long ago it was; without one it is said again."""
    async with _setting(timeout_s=1 if do == "hang_after" else 5) as setting:
        setting.loopback.fail(_POST, do)
        assert isinstance(await setting.send(), Unknown)
        setting.clock.advance(minutes=5)
        claimed = claim(media(), number=2, now=setting.clock.now(), age=timedelta(minutes=5), thread=setting.root)
        assert await setting.files.reconcile(claimed) == Sent(setting.replies[0]["id"])
        other = claim(media(), number=7, now=setting.clock.now(), thread=setting.root)
        assert await setting.files.reconcile(other) is Found.NOT_SENT
        assert len(setting.replies) == 1


async def test_does_not_trust_in_the_servers_memory_of_keys() -> None:
    """To fetch a file may take longer than the server remembers: without a look-up nothing is said again."""
    async with _setting() as setting:
        setting.loopback.fail("GET /api/v4/channels/.*", status=500, times=-1)
        claimed = claim(media(), number=2, now=setting.clock.now(), thread=setting.root)
        assert await setting.files.reconcile(claimed) is Found.UNDECIDED


async def test_a_server_that_is_slow_with_the_first_question_ends_the_attempt() -> None:
    """Before anything was said that is certain."""
    async with _setting(timeout_s=1) as setting:
        setting.posts.server._bot = None
        setting.loopback.fail("GET /api/v4/users/me", "hang_before")
        outcome = await setting.send()
        assert isinstance(outcome, Rejected)
        assert outcome.fault is Fault.TRANSIENT
        assert setting.replies == []


async def test_carries_nothing_else() -> None:
    """Posts go another way, and files not by that of the posts."""
    async with _setting() as setting:
        outcome = await setting.files.send(claim(escalation(), number=3, thread=setting.root))
        assert outcome == Rejected(Fault.PERMANENT, "kind", "nothing but files goes this way")
        outcome = await setting.posts.send(claim(media(), number=3, thread=setting.root))
        assert outcome == Rejected(Fault.PERMANENT, "kind", "files go by a destination of their own")


async def test_closes_its_sources() -> None:
    """As often as it is closed."""
    async with _setting() as setting:
        await setting.files.close()
        assert setting.source.closed == 1


async def test_logs_no_names_and_no_references() -> None:
    """Not of the client, not of the file, not where it is."""
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE", format="{message} {extra} {exception}", diagnose=False)
    async with _setting() as setting:
        ends: list[Fetched | Rejected | Unknown] = [Fetched(_VOICE, ""), Rejected(Fault.PERMANENT, "gone", "r")]
        for number, found in enumerate([*ends, Unknown("x")], 2):
            setting.source.found = found
            await setting.send(number=number, name="Jackson's invoice.pdf", reference="secret-reference")
    logger.remove(sink)
    assert lines
    assert not [line for line in lines if "Jackson" in line or "secret-reference" in line or "invoice" in line]
