"""Twilio's stand-in is as strict as the documentation says, where the connector's own tests do not prove it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from standins import twilio
from standins.loopback import Answer, Loopback, Request, serving
from standins.parts import START, SetClock, until

_FORM = {"From": twilio.SENDER, "To": twilio.CLIENT, "Body": "Hello"}
_LIST = f"{twilio.ROOT}/Messages.json"


@asynccontextmanager
async def _client(loopback: Loopback, token: str = twilio.AUTH_TOKEN) -> AsyncIterator[httpx.AsyncClient]:
    login = httpx.BasicAuth(twilio.ACCOUNT_SID, token)
    async with httpx.AsyncClient(base_url=loopback.url, auth=login, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"From": "+14155238886"}, 63007, id="sender"),
        pytest.param({"To": "+254712345678"}, 21211, id="a number alone"),
        pytest.param({"Body": ""}, 21602, id="no text"),
        pytest.param({"Body": "x" * 1601}, 21617, id="long text"),
        pytest.param({"ContentSid": twilio.CONTENT_SID}, 20001, id="text and template"),
        pytest.param({"Body": None, "ContentSid": "HX1"}, 21655, id="unknown template"),
        pytest.param({"Key": "1"}, 20001, id="unknown field"),
        pytest.param({"StatusCallback": "support.example.org"}, 21609, id="odd callback"),
    ],
)
async def test_takes_only_what_is_documented(change: dict[str, Any], code: int) -> None:
    """A request that the real API would refuse is refused here."""
    form = {key: value for key, value in (_FORM | change).items() if value is not None}
    async with serving(twilio.Twilio()) as loopback, _client(loopback) as client:
        assert (await client.post(_LIST, data=_FORM)).status_code == 201
        refused = await client.post(_LIST, data=form)
        assert (refused.status_code, refused.json()["code"]) == (400, code)
        assert (await client.post(_LIST, json=_FORM)).json()["code"] == 20001
        assert (await client.post("/2010-04-01/Accounts/AC1/Messages.json", data=_FORM)).status_code == 404


async def test_refuses_a_wrong_token() -> None:
    """Nobody else can write or read."""
    async with serving(twilio.Twilio()) as loopback, _client(loopback, "other") as client:
        for answer in (await client.post(_LIST, data=_FORM), await client.get(_LIST)):
            assert (answer.status_code, answer.json()["code"]) == (401, 20003)


async def test_says_the_same_twice_when_it_is_asked_twice() -> None:
    """There is no idempotency."""
    network = twilio.Twilio()
    async with serving(network) as loopback, _client(loopback) as client:
        for _ in range(2):
            await client.post(_LIST, data=_FORM)
        assert [sent["text"] for sent in network.sent] == ["Hello", "Hello"]


async def test_lists_a_page_at_a_time() -> None:
    """The newest first; what still waits has no time of sending, and a page goes on where the last one ended."""
    clock = SetClock()
    network = twilio.Twilio(now=clock.now)
    for number in range(3):
        network.arrive(f"SM{number}", "Hello")
        clock.advance(minutes=1)
    network.waiting = True
    async with serving(network) as loopback, _client(loopback) as client:
        await client.post(_LIST, data=_FORM)
        first = (await client.get(_LIST, params={"To": twilio.SENDER, "PageSize": "2"})).json()
        network.arrive("SM3", "between two pages")
        second = (await client.get(first["next_page_uri"])).json()
        assert [one["sid"] for one in first["messages"] + second["messages"]] == ["SM2", "SM1", "SM0"]
        assert second["next_page_uri"] is None
        since = f"{START + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}"
        later = (await client.get(_LIST, params={"DateSent>": since})).json()
        assert [one["sid"] for one in later["messages"]] == ["SM3", "SM2", "SM1"]


class _Callback:
    """A webhook that refuses everything."""

    def __init__(self) -> None:
        self.signed: list[str] = []

    async def answer(self, request: Request) -> Answer:
        self.signed.append(request.headers["x-twilio-signature"])
        return Answer(503)

    def recorded(self) -> object:
        return None

    async def control(self, order: object) -> object:
        return order


async def test_posts_once_whatever_is_answered() -> None:
    """A message or a status that nobody took is not posted again."""
    callback = _Callback()
    async with serving(callback) as webhook, serving(twilio.Twilio(statuses=("sent",))) as loopback:
        network = loopback.network
        assert isinstance(network, twilio.Twilio)
        async with _client(loopback) as client:
            await client.post(_LIST, data=_FORM | {"StatusCallback": f"{webhook.url}/x?delivery=1"})
            arrive = {"sid": "SM9", "text": "Hello"}
            await client.post("/_control", json={"callback_url": f"{webhook.url}/x", "arrive": arrive})
            await until(lambda: len(network.notified) == 2)
            await webhook.close()
            assert await network.post(f"{webhook.url}/x", {}) == 0
        assert (len(callback.signed), sorted(network.notified)) == (2, [0, 503, 503])
        await network.close()
