"""Clicks on the buttons of a post, from the chat over real HTTP into a real journal, and what the clicker is told."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from journal.samples import NOW, claim, delivery, escalation_body, finish, opened
from loguru import logger
from standins import mattermost as standin
from standins import pressed
from standins.loopback import Loopback
from standins.loopback import serving as standing_in
from standins.parts import SetClock
from standins.processes import free_port
from standins.rosters import FixedDuty
from standins.serving import serving

from engine.connectors.mattermost import Buttons, Clicks, Mattermost
from engine.core.actions import Action
from engine.core.deliveries import DeliveryState, Sent
from engine.core.endpoints import TcpEndpoint
from engine.core.errors import JournalUnavailable
from engine.core.incidents import IncidentStatus
from engine.core.practices import Change, Practice
from engine.core.settlements import Settlement
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.ports import Received, Refused, WebhookRequest
from engine.server import Readiness, build

_PRACTICE = Practice(FixedDuty(), "mattermost", "test")
_OTHERWISE = "React to the post or type in its thread instead, e.g. `take` or `done`."
_FORGED = f"Nothing was done: this button is not one of the engine's, or its bot has another token now. {_OTHERWISE}"
_ELSEWHERE = f"Nothing was done: this button is for another channel. {_OTHERWISE}"
_PASSED = f"Nothing was done: you have pressed this before, or this is no longer its incident's post. {_OTHERWISE}"
_MEMBERS = "Nothing was done: that is for people who are members of this channel."


@dataclass
class _Desk:
    """A daemon's door, journal and posts, and the chat before them."""

    server: standin.Mattermost
    loopback: Loopback
    clock: SetClock
    journal: StoredJournal
    mattermost: Mattermost
    url: str
    # Raised by the next calls of the journal instead of what follows.
    failures: list[JournalUnavailable] = field(default_factory=list)
    # What followed, and how, as the audit says it.
    changes: list[str] = field(default_factory=list)
    how: list[str] = field(default_factory=list)

    async def act(self, actions: Sequence[Action]) -> tuple[Change, ...]:
        if self.failures:
            raise self.failures.pop()
        changes = await self.journal.act(actions, _PRACTICE, self.clock.now())
        entries = [entry for change in changes for entry in change.audit]
        self.changes += [entry.kind for entry in entries]
        self.how += [dict(entry.details)["how"] for entry in entries]
        return changes

    async def post(self, conversation: str = "wa-1") -> tuple[str, str]:
        """An incident's post with its buttons: the ticket and the post's id."""
        ticket = await opened(
            self.journal,
            delivery(f"post of {conversation}", replace(escalation_body(), offers=("claim", "resolve", "snooze"))),
            conversation=conversation,
            now=self.clock.now(),
        )
        before = set(self.server.posts)
        await self.deliver()
        (root,) = set(self.server.posts) - before
        return ticket, root

    async def deliver(self) -> None:
        """Say everything that waits."""
        while claims := await claim(self.journal, now=self.clock.now()):
            for claimed in claims:
                outcome = await self.mattermost.send(claimed)
                assert isinstance(outcome, Sent)
                await finish(self.journal, claimed, Settlement(DeliveryState.SENT, receipt=outcome.receipt))

    async def status(self, ticket: str) -> tuple[IncidentStatus, str | None]:
        view = await self.journal.incident(ticket)
        assert view is not None
        return view.incident.status, view.incident.claimed_by

    def buttons(self, root: str) -> list[str]:
        return list(pressed.actions(self.server.posts[root]))


@asynccontextmanager
async def _desk(tmp_path: Path, patience_s: float = 60) -> AsyncIterator[_Desk]:
    clock = SetClock(NOW)
    server = standin.Mattermost(now=clock.now)
    server.add_channel("support")
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("main", clock.now())
    port = free_port()
    buttons = Buttons.of(f"http://127.0.0.1:{port}/webhooks/mattermost", standin.TOKEN)
    async with standing_in(server) as loopback:
        posts = Mattermost(
            "mattermost", url=loopback.url, token=standin.TOKEN, team=standin.TEAM, clock=clock, buttons=buttons
        )
        desk = _Desk(server, loopback, clock, journal, posts, f"http://127.0.0.1:{port}/webhooks/mattermost")
        clicks = Clicks(
            "mattermost", buttons=buttons, server=posts.server, act=desk.act, clock=clock, patience_s=patience_s
        )
        async with serving(_application(clicks, clock), TcpEndpoint("127.0.0.1", port)):
            yield desk
        await posts.close()
    await journal.close()


def _application(clicks: Clicks, clock: SetClock) -> Any:
    async def accept(received: Received) -> tuple[()]:
        raise AssertionError(f"nothing is left to accept, and yet: {received}")

    async def ready() -> Readiness:
        return Readiness(started=True)

    return build({}, {clicks.name: clicks}, accept, ready, clock, Metrics(), 100_000)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[_Desk]:
    async with _desk(tmp_path) as made:
        yield made


async def test_a_life_by_buttons_alone(desk: _Desk) -> None:
    """Pause, take, resolve, open again: each is said to the clicker, done once, and the buttons follow."""
    ticket, root = await desk.post()
    assert desk.buttons(root) == ["claim", "resolve", "snooze"]
    desk.clock.advance(minutes=1)
    assert await desk.server.click(root, "amina", "snooze") == f"Nobody is called about {ticket} before 10:46 UTC."
    await desk.deliver()
    assert await desk.server.click(root, "amina", "claim") == f"You have {ticket}."
    await desk.deliver()
    assert desk.buttons(root) == ["resolve", "release"]
    assert await desk.status(ticket) == (IncidentStatus.CLAIMED, "amina")
    assert await desk.server.click(root, "otieno", "resolve") == f"{ticket} is resolved."
    await desk.deliver()
    assert desk.buttons(root) == ["reopen"]
    assert await desk.server.click(root, "otieno", "reopen") == f"{ticket} is open."
    assert await desk.status(ticket) == (IncidentStatus.CLAIMED, "amina")
    assert desk.changes == ["snoozed", "claimed", "resolved", "reopened"]
    assert desk.how == ["button"] * 4


async def test_what_was_taken_is_given_back_by_whoever_has_it(desk: _Desk) -> None:
    """Anybody else is told so, and the thread is not."""
    ticket, root = await desk.post()
    await desk.server.click(root, "amina", "claim")
    await desk.deliver()
    only = f"Somebody else has {ticket}, who alone can give it back."
    assert await desk.server.click(root, "otieno", "release") == only
    assert await desk.server.click(root, "amina", "release") == f"{ticket} is open."
    await desk.deliver()
    assert desk.buttons(root) == ["claim", "resolve", "snooze"]
    assert await desk.status(ticket) == (IncidentStatus.OPEN, None)
    assert desk.changes == ["claimed", "released"]


async def test_a_click_that_comes_twice_is_one_action(desk: _Desk) -> None:
    """Pressed again before the post is edited, or the same request sent once more, with another trigger and later."""
    ticket, root = await desk.post()
    assert (await desk.server.click(root, "amina", "snooze")).startswith("Nobody is called")
    assert await desk.server.click(root, "amina", "snooze") == _PASSED
    desk.clock.advance(hours=1)
    assert await desk.server.click(root, "amina", "snooze", trigger_id="another") == _PASSED
    assert desk.changes == ["snoozed"]
    # Somebody else's is another click, and after the edit the button is another one.
    assert (await desk.server.click(root, "otieno", "snooze")).startswith("Nobody is called")
    await desk.deliver()
    assert (await desk.server.click(root, "amina", "snooze")).startswith(f"Nobody is called about {ticket}")
    assert desk.changes == ["snoozed"] * 3


async def test_clicks_at_the_same_time_are_one_action(desk: _Desk) -> None:
    """Whichever comes first counts."""
    ticket, root = await desk.post()
    read = await asyncio.gather(*(desk.server.click(root, "amina", "claim") for _ in range(8)))
    assert sorted(read) == sorted([f"You have {ticket}.", *[_PASSED] * 7])
    assert desk.changes == ["claimed"]


async def test_who_comes_too_late_is_told(desk: _Desk) -> None:
    """With the buttons of a post that has not been edited yet."""
    ticket, root = await desk.post()
    await desk.server.click(root, "amina", "claim")
    assert await desk.server.click(root, "otieno", "claim") == f"Somebody else has {ticket} already."
    await desk.server.click(root, "amina", "resolve")
    closed = f"{ticket} is closed: `reopen` in its thread opens it again."
    assert await desk.server.click(root, "otieno", "snooze") == closed
    assert await desk.server.click(root, "otieno", "resolve") == f"{ticket} is resolved."
    assert desk.changes == ["claimed", "resolved"]


async def test_an_incident_that_has_a_successor_stays_closed(desk: _Desk) -> None:
    """The client has another one meanwhile; the thread says which."""
    ticket, root = await desk.post()
    await desk.server.click(root, "amina", "resolve")
    await desk.deliver()
    await opened(desk.journal, conversation="wa-1", now=desk.clock.now(), message_id="another")
    assert await desk.server.click(root, "amina", "reopen") == f"{ticket} stays closed: its thread says why."


async def _foreign_person(desk: _Desk, root: str) -> str:
    desk.server.leave("support", "otieno")
    return await desk.server.click(root, "otieno", "claim")


async def _bot(desk: _Desk, root: str) -> str:
    desk.server.chatters.add("b" * 26, "helper-bot", is_bot=True)
    return await desk.server.click(root, "helper-bot", "claim")


async def _deactivated(desk: _Desk, root: str) -> str:
    desk.server.chatters.add("d" * 26, "gone", delete_at=1)
    return await desk.server.click(root, "gone", "claim")


async def _ourselves(desk: _Desk, root: str) -> str:
    return await desk.server.click(root, standin.BOT, "claim")


@pytest.mark.parametrize("who", [_foreign_person, _bot, _deactivated, _ourselves])
async def test_only_people_of_the_channel_may(desk: _Desk, who: Any) -> None:
    """Whatever name the request gives: the server is asked."""
    ticket, root = await desk.post()
    assert await who(desk, root) == _MEMBERS
    assert await desk.status(ticket) == (IncidentStatus.OPEN, None)


async def test_the_name_in_a_request_is_not_believed(desk: _Desk) -> None:
    """Who acted is whoever has that id there."""
    ticket, root = await desk.post()
    await desk.server.click(root, "amina", "claim", user_name="otieno")
    assert await desk.status(ticket) == (IncidentStatus.CLAIMED, "amina")


async def test_a_stolen_button_names_no_stranger(desk: _Desk) -> None:
    """An id that nobody has there acts for nobody."""
    ticket, root = await desk.post()
    read = await desk.server.click(root, "amina", "claim", user_id="z" * 26)
    assert read == _MEMBERS
    assert await desk.status(ticket) == (IncidentStatus.OPEN, None)


@pytest.mark.parametrize(
    ("forged", "read"),
    [
        pytest.param({"context": {"signature": "0" * 64}}, _FORGED, id="not signed by us"),
        pytest.param({"context": {"action": "resolve"}}, _FORGED, id="another action"),
        pytest.param({"context": {"until": "99999999999"}}, _FORGED, id="a longer life"),
        pytest.param({"context": {"channel": f"c{1:025d}"}, "channel_id": f"c{1:025d}"}, _FORGED, id="both channels"),
        pytest.param({"channel_id": f"c{1:025d}"}, _ELSEWHERE, id="another channel"),
        pytest.param({"post_id": "x" * 26}, _PASSED, id="a post of nobody's"),
    ],
)
async def test_a_forged_click_changes_nothing(desk: _Desk, forged: dict[str, Any], read: str) -> None:
    """It is answered with what to do instead, and nothing about it is written anywhere."""
    lines = io.StringIO()
    sink = logger.add(lines, level="TRACE")
    ticket, root = await desk.post()
    noted = lines.tell()
    assert await desk.server.click(root, "amina", "claim", **forged) == read
    assert await desk.status(ticket) == (IncidentStatus.OPEN, None)
    assert desk.changes == []
    assert lines.getvalue()[noted:] == ""
    logger.remove(sink)


async def test_a_button_does_nothing_about_another_incident(desk: _Desk) -> None:
    """A genuine one with the post of another incident in the same channel: neither of the two changes."""
    first, root = await desk.post()
    second, other = await desk.post("wa-2")
    assert await desk.server.click(root, "amina", "claim", post_id=other) == _PASSED
    assert await desk.status(first) == await desk.status(second) == (IncidentStatus.OPEN, None)


async def test_a_button_works_for_a_week(desk: _Desk) -> None:
    """Until then, and no longer unless the post was edited since."""
    ticket, root = await desk.post()
    desk.clock.advance(days=7, seconds=-1)
    await desk.server.click(root, "amina", "snooze")
    desk.clock.advance(seconds=1)
    read = f"Nothing was done: this button has not been renewed for 7 days. {_OTHERWISE}"
    assert await desk.server.click(root, "amina", "claim") == read
    await desk.deliver()
    assert await desk.server.click(root, "amina", "claim") == f"You have {ticket}."


async def test_a_click_is_not_taken_while_the_journal_cannot_write(desk: _Desk) -> None:
    """Pressed again, it counts."""
    ticket, root = await desk.post()
    desk.failures.append(JournalUnavailable("disk full", timedelta(seconds=1)))
    read = f"Nothing was done: the engine cannot write now. Press again in a minute. {_OTHERWISE}"
    assert await desk.server.click(root, "amina", "claim") == read
    assert await desk.server.click(root, "amina", "claim") == f"You have {ticket}."


async def test_a_click_is_not_taken_while_nobody_tells_who_it_was(desk: _Desk) -> None:
    """Because the server is in trouble; pressed again, it counts."""
    ticket, root = await desk.post()
    desk.loopback.fail("POST /api/v4/users/ids", status=503)
    read = await desk.server.click(root, "amina", "claim")
    assert read == f"Nothing was done: Mattermost is in trouble or not reachable. {_OTHERWISE}"
    assert await desk.server.click(root, "amina", "claim") == f"You have {ticket}."


async def test_a_click_is_answered_in_time(tmp_path: Path) -> None:
    """Also where the server says nothing; then nothing is done."""
    async with _desk(tmp_path, patience_s=0.02) as desk:
        ticket, root = await desk.post()
        desk.loopback.fail("POST /api/v4/users/ids", "hang_before", times=-1)
        slow = f"Nothing was done: Mattermost did not say in time who you are. Press again. {_OTHERWISE}"
        assert await desk.server.click(root, "amina", "claim") == slow
        assert await desk.status(ticket) == (IncidentStatus.OPEN, None)


async def test_the_chat_does_not_reach_private_addresses_by_itself(desk: _Desk) -> None:
    """That is the server's own setting; nothing comes here."""
    _, root = await desk.post()
    desk.server.switches.reaches_private = False
    assert await desk.server.click(root, "amina", "claim") == "Action integration error."
    assert desk.server.clicks[-1]["status"] == 0


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("POST", b"", 400),
        ("POST", b"{}", 400),
        ("POST", b"\xff", 400),
        ("POST", json.dumps({"user_id": "x", "channel_id": "y", "post_id": "z", "context": {}}).encode(), 400),
        ("GET", b"", 404),
    ],
)
async def test_what_is_no_click_is_refused(desk: _Desk, method: str, body: bytes, status: int) -> None:
    """No server of the chat sends that."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.request(method, desk.url, content=body)
    assert answer.status_code == status


def test_the_door_decides_without_asking_anybody() -> None:
    """Whatever it can see by itself, so that a flood of forged clicks costs the chat nothing."""
    buttons = Buttons.of("http://127.0.0.1/webhooks/mattermost", "bot-token")
    posts = Mattermost("mattermost", url="http://127.0.0.1:9", token="bot-token", team="support", clock=SetClock())

    async def act(_: Sequence[Action]) -> tuple[Change, ...]:
        raise AssertionError("nothing is to be done")

    clicks = Clicks("mattermost", buttons=buttons, server=posts.server, act=act, clock=SetClock())
    told = {"user_id": "u" * 26, "channel_id": "c" * 26, "post_id": "p" * 26, "context": {}}
    found = clicks.receive(WebhookRequest("POST", {}, {}, json.dumps(told).encode(), NOW))
    assert found == Received(answer=json.dumps({"ephemeral_text": _FORGED}), answer_type="application/json")
    assert clicks.receive(WebhookRequest("GET", {}, {}, b"", NOW)) == Refused(404, "clicks are posted")
