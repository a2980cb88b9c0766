"""What every connector owes the relay, whatever its network does."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from standins import gateway, graph, jsm, pagerduty, twilio
from standins import mattermost as chat
from standins.claims import ACKNOWLEDGEMENT, PHONE, claim, escalation, follow_up, media, page, relayed, revision
from standins.loopback import Answer, Loopback, Network, Request, serving
from standins.parts import START, SetClock

from engine.clocks import SystemClock
from engine.connectors.console import Console
from engine.connectors.jsm import jsm as jsm_service
from engine.connectors.mattermost import Files, Mattermost
from engine.connectors.pagerduty import pagerduty as pagerduty_service
from engine.connectors.twilio import Account, Timing, Twilio
from engine.connectors.whatsapp_cloud import CloudMedia, Number, Template, WhatsAppCloud
from engine.connectors.whatsapp_web import WhatsAppWeb
from engine.core.deliveries import Body, Found, Rejected, Sent, Unknown
from engine.ports import Connector, Health, Received

_BODIES: dict[str, Body] = {
    "acknowledgement": ACKNOWLEDGEMENT,
    "escalation": escalation(f"call me at {PHONE}"),
    "follow-up": follow_up(f"call me at {PHONE}"),
    "revision": revision(),
    "media": media("document", name="Jackson and the 3CX.pdf"),
    "page": page(),
    "relayed": relayed(),
}
# What must stand in no log line and no reason: the client's number, name and words, the network's id, our secrets.
_PLANTED = (
    PHONE.removeprefix("+"),
    "Jackson",
    "3CX",
    "MjU0NzEyMzQ1Njc4",
    graph.TOKEN,
    graph.APP_SECRET,
    graph.VERIFY_TOKEN,
    chat.TOKEN,
    twilio.AUTH_TOKEN,
    pagerduty.ROUTING_KEY,
    jsm.API_KEY,
)
_FAULTS: dict[str, dict[str, Any]] = {
    "well": {},
    "empty 200": {"do": "answer", "status": 200},
    "page": {"do": "answer", "status": 200, "body": "<html>login</html>"},
    "list": {"do": "answer", "status": 201, "body": [1]},
    "other object": {"do": "answer", "status": 200, "body": {"id": 5, "messages": {}, "posts": [], "error": "x"}},
    "bytes": {"do": "answer", "status": 200, "body": b"\xff\xfe\x00"},
    "deep": {"do": "answer", "status": 200, "body": "[" * 50_000},
    "bad encoding": {"do": "answer", "status": 200, "body": b"x", "headers": {"content-encoding": "gzip"}},
    "no content": {"do": "answer", "status": 204},
    "redirect": {"do": "answer", "status": 307, "headers": {"location": "http://127.0.0.1:9/"}},
    "400": {"do": "answer", "status": 400, "body": {"id": f"to {PHONE}", "error": {"code": True}, "message": PHONE}},
    "401": {"do": "answer", "status": 401, "body": {"error": {"code": 190, "message": f"token for {PHONE}"}}},
    "403": {"do": "answer", "status": 403, "body": {"id": "api.context.permissions.app_error"}},
    "404": {"do": "answer", "status": 404, "body": {"id": "app.channel.get_by_name.missing.app_error"}},
    "429": {"do": "answer", "status": 429, "body": "limit exceeded", "headers": {"retry-after": "never"}},
    "500": {"do": "answer", "status": 500, "body": {"id": "", "error": {"code": 131000}}},
    "501": {"do": "answer", "status": 501, "body": {"id": "license_error.feature_unavailable"}},
    "503": {"do": "answer", "status": 503, "body": "<html>", "headers": {"retry-after": "5"}},
    "cut": {"do": "cut_before"},
    "cut after": {"do": "cut_after"},
    "hang": {"do": "hang_before"},
    "drip": {"do": "drip_after"},
    "away": {"do": "away"},
}


@dataclass
class _Case:
    connector: Connector
    loopback: Loopback


def _number(loopback: Loopback) -> Number:
    return Number(
        phone_number_id=graph.PHONE_NUMBER_ID,
        api_url=loopback.url,
        api_version=graph.API_VERSION,
        access_token=graph.TOKEN,
        app_secret=graph.APP_SECRET,
        verify_token=graph.VERIFY_TOKEN,
        timeout_s=0.1,
    )


def _cloud(loopback: Loopback) -> Connector:
    return WhatsAppCloud("cloud", _number(loopback), SetClock())


def _cloud_with_all(loopback: Loopback) -> Connector:
    template = Template("answer_later", "en", ("{{client_name}}", "{{ticket_id}}"))
    return WhatsAppCloud("cloud", replace(_number(loopback), template=template, read_receipts=True), SetClock())


def _silent_client() -> graph.Graph:
    """A client who was silent for a day, and gets the template therefore."""
    network = graph.Graph()
    network.moods.silent = {PHONE.removeprefix("+")}
    network.moods.templates = {"answer_later/en": 2}
    return network


def _twilio(loopback: Loopback) -> Connector:
    return Twilio(
        "reserve",
        Account(twilio.ACCOUNT_SID, twilio.SENDER, loopback.url),
        auth_token=twilio.AUTH_TOKEN,
        webhook_url="https://support.example.org/webhooks/reserve",
        clock=SetClock(),
        timing=Timing(timeout_s=0.1, settling=timedelta(0)),
    )


def _mattermost(loopback: Loopback) -> Connector:
    return Mattermost("mattermost", url=loopback.url, token=chat.TOKEN, team=chat.TEAM, clock=SetClock(), timeout_s=0.1)


def _files(loopback: Loopback) -> Connector:
    clock = SetClock()
    source = CloudMedia(api_url=loopback.url, api_version=graph.API_VERSION, access_token=graph.TOKEN, timeout_s=0.1)
    posts = Mattermost("mattermost", url=loopback.url, token=chat.TOKEN, team=chat.TEAM, clock=clock, timeout_s=0.1)
    return Files(posts, {"cloud": source}, max_bytes=1000, clock=clock, timeout_s=0.1)


class _Both(chat.Mattermost):
    """Mattermost, and the client's network with one file at the same address."""

    graph = graph.Graph()
    graph.files["1234567890"] = b"%PDF", "application/pdf"

    async def answer(self, request: Request) -> Answer:
        if request.path.startswith("/api/"):
            return await super().answer(request)
        return await self.graph.answer(request)


def _web(_: Loopback) -> Connector:
    """Its network is a process; the faults of HTTP do nothing to it."""
    return WhatsAppWeb(
        "whatsapp-web",
        launch=gateway.launch(Path(tempfile.mkdtemp())),
        per_second=10_000,
        per_client_gap=timedelta(0),
        # Its pace is kept with real pauses, and a clock that stands still would have them last for ever.
        clock=SystemClock(),
        chance=lambda: 0.0,
    )


def _pagerduty(loopback: Loopback) -> Connector:
    key = pagerduty.ROUTING_KEY
    return pagerduty_service(
        "pagerduty", url=loopback.url, routing_key=key, secret_name="pagerduty_routing_key", timeout_s=0.1
    )


def _jsm(loopback: Loopback) -> Connector:
    return jsm_service("jsm", url=loopback.url, api_key=jsm.API_KEY, secret_name="jsm_api_key", timeout_s=0.1)


def _console(_: Loopback) -> Connector:
    return Console("console", lambda _claimed: None)


_CONNECTORS: dict[str, tuple[Callable[[Loopback], Connector], Callable[[], Network]]] = {
    "whatsapp-cloud": (_cloud, graph.Graph),
    "whatsapp-cloud-template": (_cloud_with_all, _silent_client),
    "twilio": (_twilio, lambda: twilio.Twilio(now=SetClock().now)),
    "mattermost": (_mattermost, lambda: chat.Mattermost(now=SetClock().now)),
    "files": (_files, lambda: _Both(now=SetClock().now)),
    "whatsapp-web": (_web, graph.Graph),
    "pagerduty": (_pagerduty, pagerduty.PagerDuty),
    "jsm": (_jsm, jsm.Jsm),
    "console": (_console, graph.Graph),
}
_CLOUDS = {name for name in _CONNECTORS if name.startswith("whatsapp-cloud")}


@asynccontextmanager
async def _case(kind: str) -> AsyncIterator[_Case]:
    make, network = _CONNECTORS[kind]
    async with serving(network()) as loopback:
        connector = make(loopback)
        await connector.start()
        # Its connection is there only while somebody listens.
        listening = asyncio.create_task(connector.listen(_heard)) if isinstance(connector, WhatsAppWeb) else None
        while not connector.health().ready and connector.health().state == "connecting":
            await asyncio.sleep(0.01)
        try:
            yield _Case(connector, loopback)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            await connector.close()


async def _heard(received: Received) -> None:
    """What comes in is not the matter here."""


@pytest.fixture(params=_CONNECTORS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that was logged, with what is bound to it and with tracebacks."""
    found: list[str] = []
    sink = logger.add(found.append, level="TRACE", format="{message} {extra} {exception}", diagnose=False)
    yield found
    logger.remove(sink)


@pytest.mark.parametrize("fault", _FAULTS.values(), ids=_FAULTS.keys())
async def test_ends_in_an_outcome_whatever_the_network_does(kind: str, fault: dict[str, Any], lines: list[str]) -> None:
    """Sending and looking up never raise, and neither the logs nor the reasons tell who wrote what or our secrets."""
    async with _case(kind) as case:
        if fault.get("do") == "away":
            await case.loopback.close()
        elif fault:
            case.loopback.fail(".", **fault, times=-1)
        for body in _BODIES.values():
            claimed = claim(body, thread="p1", doubtful=True)
            outcome = await case.connector.send(claimed)
            assert isinstance(outcome, Sent | Rejected | Unknown)
            found = await case.connector.reconcile(claimed)
            assert isinstance(found, Sent | Found)
            lines.append(f"{'' if isinstance(outcome, Sent) else outcome} {case.connector.health()}")
    told = "\n".join(lines)
    assert [planted for planted in _PLANTED if planted in told] == []


async def test_delivers_when_the_network_is_well(kind: str) -> None:
    """What a connector is for arrives, and what it cannot carry is refused for good."""
    client = {"acknowledgement", "relayed"}
    carried = dict.fromkeys((*_CLOUDS, "twilio", "whatsapp-web"), client)
    carried |= {"mattermost": set(_BODIES) - client - {"media", "page"}, "files": {"media"}}
    carried |= {"pagerduty": {"page"}, "jsm": {"page"}}
    # A client who was silent for a day gets nothing but the template.
    carried["whatsapp-cloud-template"] = {"acknowledgement"}
    async with _case(kind) as case:
        for number, (name, body) in enumerate(_BODIES.items(), start=1):
            if name == "revision":
                continue
            thread = "p1" if name == "media" else None
            outcome = await case.connector.send(claim(body, number=number, thread=thread))
            assert isinstance(outcome, Sent) == (name in carried.get(kind, set(_BODIES))), name


async def test_closes_as_often_as_asked(kind: str) -> None:
    """Closing twice, and without a start, is no error."""
    make, network = _CONNECTORS[kind]
    async with serving(network()) as loopback:
        connector = make(loopback)
        await connector.close()
        await connector.start()
        await connector.send(claim(ACKNOWLEDGEMENT))
        await connector.close()
        await connector.close()


async def test_starts_although_the_network_is_away(kind: str) -> None:
    """A network that is down keeps nothing from starting."""
    make, network = _CONNECTORS[kind]
    async with serving(network()) as loopback:
        connector = make(loopback)
    await connector.start()
    assert isinstance(connector.health(), Health)
    await connector.close()


async def test_has_the_name_of_its_configuration(kind: str) -> None:
    """Receipts, lanes and probes name the connector as engine.yaml does."""
    async with _case(kind) as case:
        named = dict.fromkeys(_CLOUDS, "cloud") | {"twilio": "reserve", "files": "mattermost.files"}
        assert case.connector.name == named.get(kind, kind)


def test_plants_something_that_would_show() -> None:
    """The search for planted words finds them where they do stand."""
    written = repr([claim(body, now=START) for body in _BODIES.values()])
    assert {word for word in _PLANTED if word in written} == {"254712345678", "Jackson", "3CX", "MjU0NzEyMzQ1Njc4"}
