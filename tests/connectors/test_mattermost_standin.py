"""The stand-in for Mattermost's WebSocket is as the real one was seen to be, and what it tells fits the contract."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import contracts, mattermost
from standins.loopback import Loopback, Request, serving
from standins.parts import SetClock
from standins.processes import Standin
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

_BEARER = {"Authorization": f"Bearer {mattermost.TOKEN}"}
_BOT = f"u{1:025d}"


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[mattermost.Mattermost, Loopback]]:
    server = mattermost.Mattermost(now=SetClock().now)
    async with serving(server) as loopback:
        yield server, loopback


def _open(loopback: Loopback, query: str = "", **options: Any) -> connect:
    headers = options.pop("additional_headers", _BEARER)
    url = f"{loopback.url.replace('http', 'ws', 1)}/api/v4/websocket{query}"
    return connect(url, additional_headers=headers, compression=None, proxy=None, close_timeout=0.2, **options)


async def _event(socket: ClientConnection) -> Any:
    return json.loads(await socket.recv())


def _post(server: mattermost.Mattermost) -> str:
    wanted = {"channel_id": server.channels["telephony"].id, "message": "hello"}
    return str(server._store(wanted)["id"])


async def test_greets_and_tells_what_happens() -> None:
    """`hello` is number 0; events follow by one, our own posts and reactions too; posts are JSON within JSON."""
    async with _server() as (server, loopback), _open(loopback) as socket:
        hello = await _event(socket)
        assert (hello["event"], hello["seq"], len(hello["data"]["connection_id"])) == ("hello", 0, 26)
        root = _post(server)
        server.react(root, mattermost.BOT, "eyes")
        server.unreact(root, mattermost.BOT, "eyes")
        posted, added, removed = [await _event(socket) for _ in range(3)]
        assert [one["seq"] for one in (posted, added, removed)] == [1, 2, 3]
        assert json.loads(posted["data"]["post"])["user_id"] == _BOT
        assert posted["broadcast"]["channel_id"] == server.channels["telephony"].id
        reaction = json.loads(added["data"]["reaction"])
        assert (reaction["user_id"], reaction["emoji_name"], reaction["create_at"] > 0) == (_BOT, "eyes", True)
        assert json.loads(removed["data"]["reaction"])["create_at"] == 0


async def test_a_bad_token_is_silence_and_a_bad_challenge_the_end() -> None:
    """The header is not refused; the challenge is answered, or the socket closed."""
    async with _server() as (server, loopback):
        async with _open(loopback, additional_headers={"Authorization": "Bearer wrong"}) as socket:
            _post(server)
            await socket.ping()
            assert server.hub.greetings == ["silent"]
        challenge = {"seq": 1, "action": "authentication_challenge", "data": {"token": mattermost.TOKEN}}
        async with _open(loopback, additional_headers={}) as socket:
            await socket.send(json.dumps(challenge))
            assert await _event(socket) == {"status": "OK", "seq_reply": 1}
            assert (await _event(socket))["event"] == "hello"
        async with _open(loopback, additional_headers={}) as socket:
            await socket.send(json.dumps(challenge | {"data": {"token": "wrong"}}))
            with pytest.raises(ConnectionClosed):
                await socket.recv()


@pytest.mark.parametrize(
    ("number", "told"), [(1, [1, 2, 3, 4]), (3, [3, 4]), (4, ["hello"]), (9, ["hello"]), (0, [0, 1, 2, 3, 4])]
)
async def test_is_taken_up_at_a_number(number: int, told: list[Any]) -> None:
    """What was sent is sent again from there, then what waited; a number that never was greets anew."""
    async with _server() as (server, loopback):
        async with _open(loopback) as socket:
            connection_id = (await _event(socket))["data"]["connection_id"]
            for _ in range(2):
                _post(server)
                await _event(socket)
        for _ in range(2):
            _post(server)
        async with _open(loopback, f"?connection_id={connection_id}&sequence_number={number}") as socket:
            events = [await _event(socket) for _ in told]
            named = [one["event"] if one["event"] == "hello" and number else one["seq"] for one in events]
            assert named == told


@pytest.mark.parametrize("lost", ["forgotten", "idle", "flooded", "alive"])
async def test_some_connections_cannot_be_taken_up(lost: str) -> None:
    """After a restart, five minutes or 256 events, and while the old socket is still there: a new id."""
    async with _server() as (server, loopback), _open(loopback) as first:
        connection_id = (await _event(first))["data"]["connection_id"]
        if lost != "alive":
            await first.close()
        if lost == "forgotten":
            server.hub.lines.clear()
        elif lost == "idle":
            server.switches.offset_s += 301
        elif lost == "flooded":
            for _ in range(257):
                _post(server)
        async with _open(loopback, f"?connection_id={connection_id}&sequence_number=1") as socket:
            hello = await _event(socket)
            assert (hello["event"], hello["seq"]) == ("hello", 0)
            assert hello["data"]["connection_id"] != connection_id


async def test_is_heard_as_a_process_of_its_own(tmp_path: Path) -> None:
    """The orders of its control reach who listens."""
    process = Standin("mattermost", tmp_path)
    try:
        assert process.ready()
        channel_id = f"c{2:025d}"
        wanted = {"channel_id": channel_id, "message": "hello"}
        async with httpx.AsyncClient(base_url=process.url, headers=_BEARER, trust_env=False) as client:
            root = (await client.post("/api/v4/posts", json=wanted)).json()["id"]
        url = f"{process.url.replace('http', 'ws', 1)}/api/v4/websocket"
        async with connect(url, additional_headers=_BEARER, proxy=None) as socket:
            await socket.recv()
            process.order(react={"post": root, "user": "amina", "emoji": "eyes"})
            process.order(say={"root": root, "user": "amina", "message": "take"})
            process.order(unreact={"post": root, "user": "amina", "emoji": "eyes"})
            process.order(leave={"channel": "telephony", "user": "amina"})
            told = [(await _event(socket))["event"] for _ in range(4)]
            assert told == ["reaction_added", "posted", "reaction_removed", "user_removed"]
            process.order(sockets="cut")
            with pytest.raises(ConnectionClosed):
                await socket.recv()
    finally:
        process.close()


async def test_counts_requests() -> None:
    """A hundred at once and ten each second; every answer tells what is left, and the one too many is text."""
    async with _server() as (server, loopback), httpx.AsyncClient(base_url=loopback.url, headers=_BEARER) as client:
        server.budget.per_second = 10
        answers = [await client.get("/api/v4/users/me") for _ in range(101)]
        assert [answer.status_code for answer in answers] == [200] * 100 + [429]
        assert (answers[0].headers["x-ratelimit-limit"], answers[0].headers["x-ratelimit-remaining"]) == ("100", "99")
        assert (answers[100].text, answers[100].headers["retry-after"]) == ("limit exceeded", "1")
        assert answers[100].headers["content-type"] == "text/plain"
        server.switches.offset_s += 0.5
        assert [(await client.get("/api/v4/users/me")).status_code for _ in range(6)] == [200] * 5 + [429]


async def test_tells_only_what_fits_the_contract() -> None:
    """Each answer that the watcher reads is as the published specification describes it; a reaction's status is the
    known exception, 200 where it says 201.
    """
    async with _server() as (server, loopback), httpx.AsyncClient(base_url=loopback.url, headers=_BEARER) as client:
        root = _post(server)
        reply = server.say(root, "amina", "hello")
        channel_id = server.channels["telephony"].id
        asked: list[tuple[str, str, Any, int]] = [
            ("POST", "/reactions", {"user_id": _BOT, "post_id": root, "emoji_name": "eyes"}, 201),
            ("POST", "/posts/ids/reactions", [root, reply], 200),
            ("POST", "/users/ids", [_BOT], 200),
            ("GET", "/users/me", None, 200),
            ("GET", f"/channels/{channel_id}/members/{_BOT}", None, 200),
            ("GET", f"/channels/{channel_id}/posts?since=1", None, 200),
            ("GET", f"/posts/{root}/thread", None, 200),
            ("POST", "/posts", {"channel_id": channel_id, "message": "x"}, 201),
        ]
        for method, path, payload, status in asked:
            answer = await client.request(method, f"/api/v4{path}", json=payload)
            assert answer.status_code == (200 if path == "/reactions" else status)
            known = contracts.operation(method, f"/api/v4{path.partition('?')[0]}")
            assert known is not None
            place = ("paths", *known, "responses", str(status), "content", "application/json", "schema")
            contracts.validator(*place).validate(answer.json())


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "found"),
    [
        ("POST", "/api/v4/users/ids", {}, {"ids": []}, "$ is not as type wants it"),
        ("POST", "/api/v4/users/ids", {}, [5], "$[0] is not as items/type wants it"),
        ("POST", "/api/v4/posts", {}, {"message": "x"}, "$ is not as required wants it"),
        ("POST", "/api/v4/posts", {"quietly": "true"}, {"channel_id": "c", "message": "x"}, "quietly is not known"),
        ("GET", "/api/v4/channels/c/posts", {"since": "now"}, None, "since is no integer"),
        ("GET", "/api/v4/channels/c/posts", {}, {}, "a body where there is none"),
        ("DELETE", "/api/v4/posts/p", {}, None, "no such operation"),
    ],
)
def test_notes_what_the_contract_minds(method: str, path: str, query: dict[str, str], body: Any, found: str) -> None:
    """Wrong types, missing fields, unknown parameters and operations."""
    sent = b"" if body is None else json.dumps(body).encode()
    (sentence,) = contracts.violations(Request(method, path, query, {}, sent))
    assert sentence == f"{method} {path}: {sentence.partition(': ')[2]}"
    assert sentence.endswith(found)
