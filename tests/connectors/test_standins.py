"""The networks that only pretend, where the connectors' own tests do not already prove them."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import graph, mattermost
from standins.loopback import Answer, Loopback, Request, serving
from standins.parts import SetClock, until

_TESTS = Path(__file__).parent.parent
_MESSAGE = {"messaging_product": "whatsapp", "to": "254712345678", "type": "text", "text": {"body": "Hello"}}


@asynccontextmanager
async def _client(loopback: Loopback, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=loopback.url, headers=headers, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"messaging_product": None}, id="product"),
        pytest.param({"recipient": "US.1"}, id="two receivers"),
        pytest.param({"to": None}, id="no receiver"),
        pytest.param({"to": 254712345678}, id="receiver that is a number"),
        pytest.param({"type": "template"}, id="another type"),
        pytest.param({"text": {"body": ""}}, id="no text"),
        pytest.param({"text": {"body": "x" * 4097}}, id="long text"),
        pytest.param({"text": {"body": "x", "preview_url": "false"}}, id="flag that is text"),
        pytest.param({"text": {"body": "x", "size": 1}}, id="unknown field of the text"),
        pytest.param({"extra": 1}, id="unknown field"),
        pytest.param({"biz_opaque_callback_data": "x" * 513}, id="long key"),
    ],
)
async def test_graph_takes_only_what_is_documented(change: dict[str, Any]) -> None:
    """A request that the real API would refuse is refused here."""
    message = {key: value for key, value in (_MESSAGE | change).items() if value is not None}
    async with serving(graph.Graph()) as loopback, _client(loopback, graph.TOKEN) as client:
        path = f"/{graph.API_VERSION}/{graph.PHONE_NUMBER_ID}/messages"
        assert (await client.post(path, json=_MESSAGE)).status_code == 200
        refused = await client.post(path, json=message)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, 100)
        assert (await client.post("/v1.0/1/messages", json=_MESSAGE)).status_code == 404


_TEMPLATE = {
    "name": "answer_later",
    "language": {"code": "en"},
    "components": [{"type": "body", "parameters": [{"type": "text", "text": "Jackson"}]}],
}


def _with_variable(text: str) -> dict[str, Any]:
    return _TEMPLATE | {"components": [{"type": "body", "parameters": [{"type": "text", "text": text}]}]}


@pytest.mark.parametrize(
    ("template", "code"),
    [
        pytest.param(_TEMPLATE, None, id="approved"),
        pytest.param(_TEMPLATE | {"name": "other"}, 132001, id="not approved"),
        pytest.param(_TEMPLATE | {"language": {"code": "en_GB"}}, 132001, id="another language"),
        pytest.param(_TEMPLATE | {"components": []}, 132000, id="too few variables"),
        pytest.param(_TEMPLATE | {"name": "Answer Later"}, 100, id="name that is none"),
        pytest.param(_TEMPLATE | {"language": "en"}, 100, id="language that is a text"),
        pytest.param(_with_variable(""), 100, id="empty variable"),
        pytest.param(_with_variable("two\nlines"), 100, id="line break"),
        pytest.param(_with_variable("wide     gap"), 100, id="five blanks"),
        pytest.param(_TEMPLATE | {"namespace": "x"}, 100, id="unknown field"),
    ],
)
async def test_graph_takes_templates_as_they_were_approved(template: dict[str, Any], code: int | None) -> None:
    """A template goes to silent clients, with the variables that it was approved with and none that breaks a line."""
    network = graph.Graph()
    network.moods.silent = {"254712345678"}
    network.moods.templates = {"answer_later/en": 1}
    async with serving(network) as loopback, _client(loopback, graph.TOKEN) as client:
        path = f"/{graph.API_VERSION}/{graph.PHONE_NUMBER_ID}/messages"
        assert (await client.post(path, json=_MESSAGE)).json()["error"]["code"] == 131047
        message = {"messaging_product": "whatsapp", "to": "254712345678", "type": "template", "template": template}
        answer = await client.post(path, json=message)
        assert answer.json().get("error", {}).get("code") == code
        assert (await client.post(path, json=message | {"text": {"body": "x"}})).json()["error"]["code"] == 100


@pytest.mark.parametrize(
    ("message", "read"),
    [
        pytest.param({"message_id": "wamid.A"}, [("wamid.A", False)], id="read"),
        pytest.param(
            {"message_id": "wamid.A", "typing_indicator": {"type": "text"}}, [("wamid.A", True)], id="read and typing"
        ),
        pytest.param({"message_id": "trial-1"}, [], id="another network's id"),
        pytest.param({"message_id": "wamid.A", "status": "delivered"}, [], id="another status"),
        pytest.param({"message_id": "wamid.A", "typing_indicator": True}, [], id="typing of another shape"),
    ],
)
async def test_graph_marks_messages_as_read(message: dict[str, Any], read: list[tuple[str, bool]]) -> None:
    """Reading and typing are one request, about a message of WhatsApp's own."""
    network = graph.Graph()
    async with serving(network) as loopback, _client(loopback, graph.TOKEN) as client:
        path = f"/{graph.API_VERSION}/{graph.PHONE_NUMBER_ID}/messages"
        answer = await client.post(path, json={"messaging_product": "whatsapp", "status": "read", **message})
        assert (network.read, answer.status_code) == (read, 200 if read else 400)


async def test_graph_has_the_moods_that_are_ordered() -> None:
    """A daemon's test orders them from another process."""
    network = graph.Graph()
    async with serving(network) as loopback, _client(loopback, graph.TOKEN) as client:
        path = f"/{graph.API_VERSION}/{graph.PHONE_NUMBER_ID}/messages"
        await client.post("/_control", json={"hasty": ["254712345678"], "number_only": ["KE.1"]})
        assert (await client.post(path, json=_MESSAGE)).json()["error"]["code"] == 131056
        hidden = {key: value for key, value in _MESSAGE.items() if key != "to"} | {"recipient": "KE.1"}
        assert (await client.post(path, json=hidden)).json()["error"]["code"] == 131062
        await client.post("/_control", json={"hasty": [], "templates": {"answer_later/en": 1}})
        assert (await client.post(path, json=_MESSAGE)).status_code == 200
        assert network.moods.templates == {"answer_later/en": 1}


class _Callback:
    """A webhook that refuses at first."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.refusals = 2

    async def answer(self, request: Request) -> Answer:
        assert request.headers["x-hub-signature-256"] == graph.signature(request.body)
        self.bodies.append(request.json())
        self.refusals -= 1
        return Answer(503 if self.refusals >= 0 else 200)

    def recorded(self) -> Any:
        return self.bodies

    async def control(self, order: Any) -> Any:
        return order


async def test_graph_notifies_until_it_is_heard() -> None:
    """Statuses follow a message by themselves, signed, and come again after a refusal and after silence."""
    webhook = _Callback()
    async with serving(webhook) as callback:
        network = graph.Graph(f"{callback.url}/webhooks/cloud", statuses=["delivered"])
        network.pauses_s = (0, 0, 0, 0)
        callback.fail("POST", "cut_before")
        async with serving(network) as loopback, _client(loopback, graph.TOKEN) as client:
            path = f"/{graph.API_VERSION}/{graph.PHONE_NUMBER_ID}/messages"
            await client.post(path, json=_MESSAGE | {"biz_opaque_callback_data": "k1"})
            await until(lambda: 200 in network.notified)
    assert network.notified == [0, 503, 503, 200]
    status = webhook.bodies[-1]["entry"][0]["changes"][0]["value"]["statuses"][0]
    assert (status["biz_opaque_callback_data"], status["status"]) == ("k1", "delivered")


async def test_graph_reports_later_that_a_text_came_too_late() -> None:
    """Some refusals come only as a status, after the message was taken."""
    webhook = _Callback()
    webhook.refusals = 0
    async with serving(webhook) as callback:
        network = graph.Graph(callback.url, statuses=["delivered"])
        network.moods.silent_later = {"254712345678"}
        async with serving(network) as loopback, _client(loopback, graph.TOKEN) as client:
            path = f"/{graph.API_VERSION}/{graph.PHONE_NUMBER_ID}/messages"
            assert (await client.post(path, json=_MESSAGE)).status_code == 200
            await until(lambda: 200 in network.notified)
    status = webhook.bodies[-1]["entry"][0]["changes"][0]["value"]["statuses"][0]
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131047)


async def test_mattermost_is_as_lax_as_the_real_one() -> None:
    """Wrong types pass, own ids and long messages do not."""
    network = mattermost.Mattermost(now=SetClock().now)
    async with serving(network) as loopback, _client(loopback, mattermost.TOKEN) as client:
        channel = {"channel_id": f"c{0:025d}"}

        async def post(**fields: Any) -> httpx.Response:
            return await client.post("/api/v4/posts", json=channel | fields)

        lax = await post(message=5, props="x", unknown=1)
        assert (lax.status_code, lax.json()["message"], lax.json()["props"]) == (201, "", {"from_bot": "true"})
        assert (await post(message="x", id="mine")).json()["id"] == "app.post.save.existing.app_error"
        assert (await post(message="x" * 16_383)).status_code == 201
        assert (await post(message="x" * 16_384)).json()["id"] == "model.post.is_valid.msg.app_error"
        assert (await post(message="x" * 300_000)).status_code == 413
        assert (await client.post("/api/v4/posts", content=b"{")).status_code == 400
        ack = {"priority": {"priority": "urgent", "requested_ack": True}}
        assert (await post(message="x", metadata=ack)).status_code == 501
        reply = await post(message="x", root_id=lax.json()["id"], metadata={"priority": {"priority": "urgent"}})
        assert reply.status_code == 400
        assert (await client.get("/api/v4/nothing")).status_code == 404
        # All the while it is noted what the published contract minds.
        assert network.violations == [
            "POST /api/v4/posts: $.message is not as properties/message/type wants it",
            "POST /api/v4/posts: $.props is not as properties/props/type wants it",
            "POST /api/v4/posts: the body is no JSON",
            "GET /api/v4/nothing: no such operation",
        ]
        network.violations.clear()


async def test_mattermost_finds_by_time_of_change_and_lists_threads() -> None:
    """`since` counts edits, and a thread holds its root and replies."""
    clock = SetClock()
    network = mattermost.Mattermost(now=clock.now)
    async with serving(network) as loopback, _client(loopback, mattermost.TOKEN) as client:
        channel_id = f"c{0:025d}"
        root = (await client.post("/api/v4/posts", json={"channel_id": channel_id, "message": "a"})).json()
        reply = {"channel_id": channel_id, "message": "b", "root_id": root["id"]}
        await client.post("/api/v4/posts", json=reply)
        clock.advance(minutes=1)
        since = f"/api/v4/channels/{channel_id}/posts?since={int(clock.now().timestamp() * 1000) - 1}"
        assert (await client.get(since)).json()["posts"] == {}
        await client.put(f"/api/v4/posts/{root['id']}/patch", json={"message": "c"})
        assert list((await client.get(since)).json()["posts"]) == [root["id"]]
        thread = (await client.get(f"/api/v4/posts/{root['id']}/thread")).json()
        assert len(thread["order"]) == 2


async def test_mattermost_hides_what_went_wrong_when_hardened() -> None:
    """A hardened server blanks the id of every 5xx, and a plain ping knows of no trouble."""
    network = mattermost.Mattermost(now=SetClock().now, switches=mattermost.Switches(hardened=True))
    async with serving(network) as loopback, _client(loopback, mattermost.TOKEN) as client:
        bad = {"channel_id": f"c{0:025d}", "message": "x", "metadata": {"priority": {}}}
        assert (await client.post("/api/v4/posts", json=bad)).json()["id"] == ""
        network.switches.database_down = True
        assert (await client.get("/api/v4/system/ping")).status_code == 200
        assert (await client.get("/api/v4/system/ping?get_server_status=true")).status_code == 500
        assert (await client.get("/api/v4/channels/c/posts")).status_code == 403


@pytest.mark.parametrize("module", ["graph", "mattermost"])
async def test_runs_as_a_process_of_its_own(module: str) -> None:
    """A stand-in outlives whatever it is tested with; it is looked into and made to fail over HTTP."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"standins.{module}",
        stdout=asyncio.subprocess.PIPE,
        cwd=_TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS.parent), str(_TESTS)])},
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            fault = {"on": "GET /x", "do": "answer", "status": 418, "times": 1}
            assert (await client.post("/_faults", json=fault)).json() == {"faults": 1}
            assert (await client.get("/x")).status_code == 418
            assert (await client.get("/x")).status_code in {401, 404}
            assert (await client.request("DELETE", "/_faults")).json() == {"faults": 0}
            recorded = (await client.get("/_recorded")).json()
            assert recorded["seen"] == ["GET /x", "GET /x"]
            order = {"set": {"database_down": True}, "channel": {"name": "new"}, "callback_url": "http://127.0.0.1:9"}
            assert json.dumps((await client.post("/_control", json=order)).json())
            assert (await client.get("/_nothing")).status_code == 404
    finally:
        process.kill()
        await process.wait()
