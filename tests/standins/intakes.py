"""The ways in, each with its real connector and what stands on the other side of it, for the contract of what comes in.

A `Way` opens an `Intake`: `bring` has the network offer messages until each is taken or refused, `again` what the
network does with what was refused. What is accepted goes into a real journal, which can be `away`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
from standins import graph, twilio
from standins.parts import START, SetClock
from standins.serving import serving
from standins.whatsapp import Person, Service, Shown, running

from engine.connectors.http import HttpConnector
from engine.connectors.twilio import Account, Twilio
from engine.connectors.whatsapp_cloud import Number, WhatsAppCloud
from engine.connectors.whatsapp_web import Launch, WhatsAppWeb
from engine.connectors.whatsapp_web.sessions import session_file
from engine.core.errors import JournalUnavailable
from engine.core.records import Accepted
from engine.journal.journals import StoredJournal
from engine.metrics import Metrics
from engine.ports import Received, Webhook
from engine.server import Readiness, build

TOKEN = "the-token-of-the-desk"
PHONE = "254712345678"
WORDS = "my trunk is down zebra-crossing"
_PUBLIC = "https://support.example.org/webhooks/way"
_PATH = "/webhooks/way"
_PATIENCE_S = 20.0

Post = tuple[dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Written:
    """A client's message before a network gives it its form."""

    message_id: str
    text: str = WORDS
    phone: str | None = PHONE
    name: str | None = "Wanjiru"


@dataclass(slots=True)
class Desk:
    """What accepts: the journal, while it is not away."""

    journal: StoredJournal
    away: bool = False
    # Messages that were accepted, however often, and refusals.
    taken: int = 0
    refused: int = 0

    async def accept(self, received: Received) -> tuple[Accepted, ...]:
        if self.away:
            self.refused += 1
            raise JournalUnavailable("the journal cannot be used: the disk is full", timedelta(milliseconds=20))
        accepted = await self.journal.accept(received.inbounds, START)
        self.taken += len(accepted)
        return accepted


class Intake(Protocol):
    """A way in that is open."""

    async def bring(self, *written: Written) -> bool:
        """Have the network offer messages; whether all were taken, or else refused."""
        ...

    async def again(self, *written: Written) -> bool:
        """Have the network do what it does with refused messages; whether all were taken now."""
        ...

    async def stay_silent(self) -> None:
        """Bring whatever the network has that is no client's message; return when it was heard."""
        ...

    async def close(self) -> None:
        """End the way in, whatever it is doing."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """How a way in is opened: a desk and a folder of its own in, an intake out."""

    opened: Callable[[Desk, Path], AbstractAsyncContextManager[Intake]]
    # Whether a client's number can be hidden there.
    hides: bool = True


# By HTTP.


@dataclass(frozen=True, slots=True)
class HttpWay:
    """A connector that is posted to, and how its network posts."""

    make: Callable[[], Webhook]
    # The requests that bring messages: headers and body of each.
    requests: Callable[[tuple[Written, ...]], list[Post]]
    # The header that proves who posts.
    proof: str
    # Requests that bring nothing of a client's.
    silent: tuple[Post, ...] = ()

    @asynccontextmanager
    async def opened(self, desk: Desk, _folder: Path) -> AsyncIterator["HttpIntake"]:
        async def state() -> Readiness:
            return Readiness(started=True)

        application = build({}, {"way": self.make()}, desk.accept, state, SetClock(), Metrics(), 1 << 20)
        async with serving(application) as endpoint, httpx.AsyncClient(base_url=f"http://{endpoint}") as http:
            yield HttpIntake(self, http)


@dataclass(frozen=True, slots=True)
class HttpIntake:
    """A network that posts, and repeats what was refused."""

    way: HttpWay
    http: httpx.AsyncClient

    async def post(self, *written: Written, **headers: str) -> set[int]:
        """The statuses of the answers."""
        return {await self._send(given | headers, body) for given, body in self.way.requests(written)}

    async def bring(self, *written: Written) -> bool:
        statuses = await self.post(*written)
        assert statuses in ({200}, {503}), f"neither taken nor refused: {statuses}"
        return statuses == {200}

    async def again(self, *written: Written) -> bool:
        return await self.bring(*written)

    async def stay_silent(self) -> None:
        assert {await self._send(headers, body) for headers, body in self.way.silent} <= {200}

    async def close(self) -> None:
        await self.http.aclose()

    async def _send(self, headers: Mapping[str, str], body: bytes) -> int:
        given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return (await self.http.post(_PATH, headers=given, content=body)).status_code


def _desk_requests(written: tuple[Written, ...]) -> list[Post]:
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


def _signed(notification: Mapping[str, Any]) -> Post:
    body = json.dumps(notification).encode()
    return {"x-hub-signature-256": graph.signature(body)}, body


def _cloud_requests(written: tuple[Written, ...]) -> list[Post]:
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


def _form(fields: Mapping[str, str]) -> Post:
    signature = twilio.signature(_PUBLIC, fields)
    return {"x-twilio-signature": signature, "content-type": twilio.FORM}, urlencode(fields).encode()


def _twilio_requests(written: tuple[Written, ...]) -> list[Post]:
    """One in each request; the number is always told."""
    return [
        _form(twilio.message_form(one.message_id, one.text, f"whatsapp:+{one.phone or PHONE}", one.name))
        for one in written
    ]


_DESK = HttpWay(lambda: HttpConnector("way", TOKEN, "cloud"), _desk_requests, "authorization")
_CLOUD = HttpWay(
    _cloud,
    _cloud_requests,
    "x-hub-signature-256",
    (_signed(graph.status_notification("wamid.1", "key", "delivered")), _signed(graph.envelope({"messages": []}))),
)
_TWILIO = HttpWay(
    _twilio, _twilio_requests, "x-twilio-signature", (_form(twilio.status_form("SM" + "1" * 32, "delivered")),)
)
HTTP_WAYS = {"http": _DESK, "whatsapp-cloud": _CLOUD, "twilio": _TWILIO}


# By a linked phone: the real gateway with the real library, against the stand-in for WhatsApp Web.


@asynccontextmanager
async def _linked(desk: Desk, folder: Path) -> AsyncIterator[Intake]:
    session = folder / "session"
    session.mkdir()
    async with running(folder) as service:
        service.paired(session_file(session))
        connector = WhatsAppWeb(
            "way",
            launch=Launch(session, environ=service.environ),
            per_second=10_000,
            per_client_gap=timedelta(0),
            clock=SetClock(),
            chance=lambda: 0.0,
        )
        await connector.start()
        intake = LinkedIntake(desk, service, connector)
        try:
            await service.online()
            yield intake
        finally:
            await intake.close()


class LinkedIntake:
    """WhatsApp Web, which brings nothing again that was acknowledged: what is refused has to wait here."""

    def __init__(self, desk: Desk, service: Service, connector: WhatsAppWeb) -> None:
        self._desk = desk
        self._service = service
        self._connector = connector
        self._people: dict[tuple[str | None, str | None], Person] = {}
        self._listening = asyncio.create_task(connector.listen(self._accept))

    async def _accept(self, received: Received) -> None:
        await self._desk.accept(received)

    async def bring(self, *written: Written) -> bool:
        refused, taken = self._desk.refused, self._desk.taken
        for one in written:
            await self._person(one.phone, one.name).write(one.text, id=one.message_id)
        await self._until(lambda: self._desk.refused > refused or self._desk.taken >= taken + len(written))
        return self._desk.refused == refused

    async def again(self, *written: Written) -> bool:
        await self._until(lambda: self._desk.taken >= len(written))
        return True

    async def stay_silent(self) -> None:
        ana = self._person(PHONE, "Wanjiru")
        heard = [
            await self._service.phone.write_to(ana, "I take this"),
            await ana.write_to_group("hi all"),
            await ana.publish_status("at the beach"),
            await ana.react("m0", "👍"),
        ]
        for message_id in heard:
            await self._service.receipted(message_id)

    async def close(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        await self._connector.close()

    def _person(self, phone: str | None, name: str | None) -> Person:
        shown = Shown.PHONE if phone else Shown.LID
        known = self._people.get((phone, name))
        if known is None:
            number = phone or "254700000001"
            known = self._service.person(number, lid=f"99{number}", name=name or "", shown=shown)
            self._people[phone, name] = known
        return known

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)


WAYS = {
    **{name: Way(way.opened, hides=name != "twilio") for name, way in HTTP_WAYS.items()},
    "whatsapp-web": Way(_linked),
}
