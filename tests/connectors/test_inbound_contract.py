"""What every way in by HTTP owes the clients, over a real journal: kept once, in order, or not taken at all."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from journal.samples import DECISION, NOTHING
from loguru import logger
from standins import graph, twilio
from standins.parts import START, SetClock
from standins.serving import serving

from engine.connectors.http import HttpConnector
from engine.connectors.twilio import Account, Twilio
from engine.connectors.whatsapp_cloud import Number, WhatsAppCloud
from engine.core.errors import JournalUnavailable
from engine.core.events import Message
from engine.core.records import Accepted
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.ports import Received, Webhook
from engine.server import Readiness, build

TOKEN = "the-token-of-the-desk"
PHONE = "254712345678"
_PUBLIC = "https://support.example.org/webhooks/way"
WORDS = "my trunk is down zebra-crossing"


@dataclass(frozen=True, slots=True)
class Written:
    """A client's message before a network gives it its form."""

    message_id: str
    text: str = WORDS
    phone: str | None = PHONE
    name: str | None = "Wanjiru"


@dataclass(frozen=True, slots=True)
class Way:
    """A connector, and how its network posts messages."""

    make: Callable[[], Webhook]
    # The requests that bring messages: headers and body of each.
    requests: Callable[[tuple[Written, ...]], list[tuple[dict[str, str], bytes]]]
    path: str
    # The header that proves who posts.
    proof: str
    # Requests that bring nothing of a client's.
    silent: tuple[tuple[dict[str, str], bytes], ...] = field(default=())
    # Whether a client's number can be hidden there.
    hides: bool = True


def _desk_requests(written: tuple[Written, ...]) -> list[tuple[dict[str, str], bytes]]:
    return [
        (
            {"authorization": f"Bearer {TOKEN}"},
            json.dumps(
                {
                    "source": "whatsapp",
                    "receivedAt": "2026-02-12T10:15:30Z",
                    "conversationId": f"wa-{one.phone or 'hidden'}",
                    "client": {"phone": one.phone and f"+{one.phone}", "displayName": one.name},
                    "message": {"id": one.message_id, "text": one.text},
                }
            ).encode(),
        )
        for one in written
    ]


def _signed(notification: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    body = json.dumps(notification).encode()
    return {"x-hub-signature-256": graph.signature(body)}, body


def _cloud_requests(written: tuple[Written, ...]) -> list[tuple[dict[str, str], bytes]]:
    """All in one request, as Meta batches."""
    values = []
    for one in written:
        sender = {"from": one.phone} if one.phone else {"from_user_id": "US.hidden"}
        card: dict[str, Any] = {"wa_id": one.phone} if one.phone else {"user_id": "US.hidden"}
        card |= {"profile": {"name": one.name}} if one.name else {}
        message = {"id": one.message_id, "timestamp": "1770891330", "type": "text", "text": {"body": one.text}}
        values.append({"contacts": [card], "messages": [message | sender]})
    return [_signed(graph.envelope(*values))]


def _cloud() -> Webhook:
    number = Number(
        phone_number_id=graph.PHONE_NUMBER_ID,
        api_url="http://127.0.0.1:9",
        api_version=graph.API_VERSION,
        access_token=graph.TOKEN,
        app_secret=graph.APP_SECRET,
        verify_token=graph.VERIFY_TOKEN,
    )
    return WhatsAppCloud("way", number, SetClock())


def _twilio() -> Webhook:
    account = Account(twilio.ACCOUNT_SID, twilio.SENDER, "http://127.0.0.1:9")
    return Twilio("way", account, auth_token=twilio.AUTH_TOKEN, webhook_url=_PUBLIC, clock=SetClock())


def _form(fields: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    signature = twilio.signature(_PUBLIC, fields)
    return {"x-twilio-signature": signature, "content-type": twilio.FORM}, urlencode(fields).encode()


def _twilio_requests(written: tuple[Written, ...]) -> list[tuple[dict[str, str], bytes]]:
    """One in each request; the number is always told."""
    return [
        _form(twilio.message_form(one.message_id, one.text, f"whatsapp:+{one.phone or PHONE}", one.name))
        for one in written
    ]


WAYS = {
    "http": Way(lambda: HttpConnector("way", TOKEN, "cloud"), _desk_requests, "/webhooks/way", "authorization"),
    "whatsapp-cloud": Way(
        _cloud,
        _cloud_requests,
        "/webhooks/way",
        "x-hub-signature-256",
        silent=(
            _signed(graph.status_notification("wamid.1", "key", "delivered")),
            _signed(graph.envelope({"messages": []})),
        ),
    ),
    "twilio": Way(
        _twilio,
        _twilio_requests,
        "/webhooks/way",
        "x-twilio-signature",
        silent=(_form(twilio.status_form("SM" + "1" * 32, "delivered")),),
        hides=False,
    ),
}


class Daemon:
    """The intake of a daemon: the way in, the journal, and a journal that can be away."""

    def __init__(self, way: Way, journal: StoredJournal) -> None:
        self.way = way
        self.journal = journal
        self.away = False
        self.http = httpx.AsyncClient()

    async def accept(self, received: Received) -> tuple[Accepted, ...]:
        if self.away:
            raise JournalUnavailable("the journal cannot be used: the disk is full")
        return await self.journal.accept(received.inbounds, START)

    async def post(self, *written: Written, **headers: str) -> list[int]:
        """The statuses of the answers."""
        return [await self.send(given | headers, body) for given, body in self.way.requests(written)]

    async def send(self, headers: Mapping[str, str], body: bytes) -> int:
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return (await self.http.post(self.way.path, headers=given, content=body)).status_code

    async def kept(self) -> list[tuple[str, str]]:
        """Message and text of each kept message, in the order in which they are decided."""
        found: list[tuple[int, Message]] = []
        while waiting := await self.journal.unrouted(100):
            for one in waiting:
                found.append((one.inbox_id, one.inbound.event.message))
                await self.journal.record(one.inbox_id, NOTHING, DECISION, START)
        return [(message.id, message.text) for _, message in sorted(found, key=lambda pair: pair[0])]


@pytest.fixture(params=WAYS)
async def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Daemon]:
    way = WAYS[request.param]
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("a", START)
    intake = Daemon(way, journal)

    async def state() -> Readiness:
        return Readiness(started=True)

    application = build({}, {"way": way.make()}, intake.accept, state, SetClock(), Metrics(), 1 << 20)
    async with serving(application) as endpoint:
        intake.http.base_url = httpx.URL(f"http://{endpoint}")
        yield intake
    await intake.http.aclose()
    await journal.close()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    sink = logger.add(found.append, level="TRACE", format="{message} {extra} {exception}", diagnose=False)
    yield found
    logger.remove(sink)


async def test_each_message_is_kept_once_and_in_order(daemon: Daemon) -> None:
    """However often a network repeats it, alone or with others."""
    written = tuple(Written(f"m{number}", f"text {number}") for number in range(5))
    for _ in range(2):
        assert set(await daemon.post(*written)) == {200}
    assert set(await daemon.post(written[3])) == {200}
    assert await daemon.kept() == [(f"m{number}", f"text {number}") for number in range(5)]


async def test_nothing_is_taken_while_it_cannot_be_kept(daemon: Daemon) -> None:
    """The network is told to come back, and then nothing is missing."""
    daemon.away = True
    assert set(await daemon.post(Written("m1"))) == {503}
    daemon.away = False
    assert set(await daemon.post(Written("m1"))) == {200}
    assert await daemon.kept() == [("m1", WORDS)]


@pytest.mark.parametrize("proof", ["", "wrong", "sha256=wrong", "Bearer wrong", "\xe4\xff"], ids=repr)
async def test_nobody_else_can_write(daemon: Daemon, proof: str) -> None:
    """A missing, wrong or unreadable proof is refused, and nothing is kept."""
    assert set(await daemon.post(Written("m1"), **{daemon.way.proof: proof})) <= {401, 403}
    assert await daemon.kept() == []


@pytest.mark.parametrize(
    ("phone", "name"),
    [(None, "Wanjiru"), (PHONE, None), (PHONE, ""), (None, None)],
    ids=["hidden", "no name", "empty", "neither"],
)
async def test_a_client_may_have_no_name_or_number(daemon: Daemon, phone: str | None, name: str | None) -> None:
    """What the network does not tell is absent, and the client is served all the same."""
    assert set(await daemon.post(Written("m1", phone=phone, name=name))) == {200}
    (waiting,) = await daemon.journal.unrouted(10)
    client = waiting.inbound.event.client
    phone = phone if daemon.way.hides else PHONE
    assert (client.phone, client.display_name or None) == (phone and f"+{phone}", name or None)
    assert waiting.inbound.reply is not None


async def test_what_no_client_wrote_opens_nothing(daemon: Daemon) -> None:
    """Statuses, echoes of our own words and account news are no messages."""
    for headers, body in daemon.way.silent:
        assert await daemon.send(headers, body) == 200
    assert await daemon.kept() == []


async def test_no_line_of_the_log_tells_who_wrote_what(daemon: Daemon, lines: list[str]) -> None:
    """Neither when a message is taken nor when it is refused."""
    await daemon.post(Written("wamid.MjU0NzEyMzQ1Njc4"))
    daemon.away = True
    await daemon.post(Written("m2"))
    await daemon.post(Written("m3"), **{daemon.way.proof: "wrong"})
    told = "\n".join(lines)
    assert [word for word in (PHONE, "Wanjiru", "zebra", "MjU0NzEyMzQ1Njc4", TOKEN) if word in told] == []
