"""Acknowledgements through the Graph API, and what each of its answers means for them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from standins import graph
from standins.claims import ACKNOWLEDGEMENT, claim, escalation
from standins.graph import Graph, graph_error
from standins.loopback import Loopback, serving
from standins.parts import START

from engine.connectors.whatsapp_cloud import WhatsAppCloud
from engine.core.deliveries import Acknowledgement, Fault, Found, Outcome, Rejected, Sent, Unknown
from engine.ports import Health, Received, WebhookRequest

_BUSY = "WhatsApp has trouble or is asked too often"
_TOKEN = "Meta refuses the access token or its permissions: make a new one with whatsapp_business_messaging"

_BLOCKED = "Meta has blocked the account for a policy violation for now: look into WhatsApp Manager"
_LIMITED = "WhatsApp limits this number because clients blocked or reported it: look into WhatsApp Manager"
_NOT_THERE = "WhatsApp cannot deliver to this client: no WhatsApp there, or its terms not accepted"
_TOO_LATE = "the client last wrote more than 24 hours ago, so WhatsApp takes only templates: answer by hand"


@dataclass
class _Setting:
    network: Graph
    loopback: Loopback
    cloud: WhatsAppCloud

    async def send(self, text: str = "Hello", peer: str = "to:254712345678") -> Outcome:
        return await self.cloud.send(claim(Acknowledgement(peer, text, "wamid.A")))


@asynccontextmanager
async def _setting(timeout_s: float = 2) -> AsyncIterator[_Setting]:
    network = Graph()
    async with serving(network) as loopback:
        cloud = WhatsAppCloud(
            "cloud",
            phone_number_id=graph.PHONE_NUMBER_ID,
            api_url=loopback.url,
            api_version=graph.API_VERSION,
            access_token=graph.TOKEN,
            app_secret=graph.APP_SECRET,
            verify_token=graph.VERIFY_TOKEN,
            timeout_s=timeout_s,
        )
        await cloud.start()
        try:
            yield _Setting(network, loopback, cloud)
        finally:
            await cloud.close()


@pytest.mark.parametrize(
    ("peer", "receiver"),
    [
        pytest.param("to:254712345678", "254712345678", id="number"),
        pytest.param("recipient:US.1349", "US.1349", id="hidden number"),
        pytest.param("+254712345678", "254712345678", id="number from another connector"),
        pytest.param("wa-254712345678", "254712345678", id="conversation from another connector"),
    ],
)
async def test_sends_a_text_message(peer: str, receiver: str) -> None:
    """One strictly formed request carries the text to the client and our key along with it."""
    async with _setting() as setting:
        outcome = await setting.send("Hello Jackson", peer)
        (sent,) = setting.network.sent
        assert outcome == Sent(sent["id"])
        assert (sent["peer"], sent["text"], sent["key"]) == (receiver, "Hello Jackson", f"{1:032x}")


@pytest.mark.parametrize("peer", ["", "to:", "wa-US.1349", "+12", "wa-unknown-wamid.A", "somebody"])
async def test_refuses_a_peer_that_whatsapp_does_not_know(peer: str) -> None:
    """An address from elsewhere without a number cannot be reached, which a person learns at once."""
    async with _setting() as setting:
        outcome = await setting.send(peer=peer)
        assert outcome == Rejected(
            Fault.PERMANENT, "peer", "the conversation names neither a WhatsApp number nor a user id"
        )
        assert setting.loopback.seen == []


async def test_carries_only_acknowledgements() -> None:
    """A post for engineers never goes to a client."""
    async with _setting() as setting:
        outcome = await setting.cloud.send(claim(escalation()))
        assert outcome == Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")


async def test_cuts_a_text_that_is_too_long() -> None:
    """WhatsApp takes 4,096 characters; the cut shows."""
    async with _setting() as setting:
        await setting.send("x" * 5000)
        assert setting.network.sent[0]["text"] == "x" * 4095 + "…"


_CODES: list[tuple[int, int, Fault, str]] = [
    *((code, 400, Fault.TRANSIENT, _BUSY) for code in (1, 2, 4, 80007, 130429, 131000, 131016, 131056)),
    *((code, 400, Fault.MISCONFIGURED, _TOKEN) for code in (0, 3, 10, 190, 200, 299, 131005)),
    (368, 403, Fault.MISCONFIGURED, _BLOCKED),
    (131048, 429, Fault.MISCONFIGURED, _LIMITED),
    (131057, 400, Fault.MISCONFIGURED, "the WhatsApp account is in maintenance mode: look into WhatsApp Manager"),
    (131064, 400, Fault.MISCONFIGURED, "WhatsApp limits this number for now: look into WhatsApp Manager"),
    (131031, 403, Fault.MISCONFIGURED, "Meta has locked the WhatsApp account: look into WhatsApp Manager"),
    (131037, 400, Fault.MISCONFIGURED, "the number's display name is not approved yet: look into WhatsApp Manager"),
    (131042, 400, Fault.MISCONFIGURED, "the WhatsApp account has a billing problem: look into WhatsApp Manager"),
    (131045, 500, Fault.TRANSIENT, _BUSY),
    (131045, 400, Fault.MISCONFIGURED, "the number is not registered for the Cloud API: register it again"),
    (100, 400, Fault.PERMANENT, "WhatsApp finds a parameter of the message invalid"),
    (130472, 400, Fault.PERMANENT, "WhatsApp holds messages back from this client for an experiment of its own"),
    (130497, 403, Fault.PERMANENT, "WhatsApp does not let this account write to the client's country"),
    (131008, 400, Fault.PERMANENT, "WhatsApp misses a parameter of the message"),
    (131009, 400, Fault.PERMANENT, "WhatsApp finds a value in the message invalid"),
    (131021, 400, Fault.PERMANENT, "the client's number is our own"),
    (131026, 400, Fault.PERMANENT, _NOT_THERE),
    (131030, 400, Fault.PERMANENT, "the client's number is not on the list of this test account"),
    (131047, 400, Fault.PERMANENT, _TOO_LATE),
    (131049, 400, Fault.PERMANENT, "WhatsApp did not deliver, to keep the client from too many messages"),
    (131050, 400, Fault.PERMANENT, "the client has opted out of messages from this account"),
    (131051, 400, Fault.PERMANENT, "WhatsApp does not know this type of message"),
    (131062, 400, Fault.PERMANENT, "WhatsApp cannot reach this client by user id yet"),
    (132001, 404, Fault.PERMANENT, "WhatsApp refuses the template"),
    (137000, 400, Fault.PERMANENT, "WhatsApp does not let this account use the product"),
    (999999, 400, Fault.MISCONFIGURED, "WhatsApp refused with a code unknown here: see Meta's list of error codes"),
    (999999, 401, Fault.MISCONFIGURED, _TOKEN),
    (999999, 403, Fault.MISCONFIGURED, _TOKEN),
    (999999, 429, Fault.TRANSIENT, _BUSY),
    (999999, 503, Fault.TRANSIENT, _BUSY),
]


async def test_sorts_every_error_code() -> None:
    """Each code of Meta's list leads to asking again, to a person, or to the end, with one sentence that says why."""
    async with _setting() as setting:
        for code, status, fault, reason in _CODES:
            setting.loopback.fail("POST", **graph_error(code, status))
            assert await setting.send() == Rejected(fault, str(code), reason), code


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(
            graph_error(130429, 429, **{"retry-after": "17"}),
            Rejected(Fault.TRANSIENT, "130429", _BUSY, timedelta(seconds=17)),
            id="429 with a pause",
        ),
        pytest.param(
            {
                "status": 429,
                "headers": {"retry-after": "Thu, 12 Feb 2026 10:15:40 GMT", "date": "Thu, 12 Feb 2026 10:15:30 GMT"},
            },
            Rejected(Fault.TRANSIENT, "429", _BUSY, timedelta(seconds=10)),
            id="429 with a date, no JSON",
        ),
        pytest.param({"status": 503, "body": "<html>"}, Unknown("an answer 503 that is not Graph's"), id="proxy page"),
        pytest.param(
            {"status": 500, "body": {"error": "x"}}, Unknown("an answer 500 that is not Graph's"), id="other JSON"
        ),
        pytest.param(
            {"status": 404, "body": "no such page"},
            Rejected(Fault.TRANSIENT, "404", "the answer is not Graph's: a proxy in between?"),
            id="404 without JSON",
        ),
        pytest.param(
            {"status": 301, "headers": {"location": "https://x"}},
            Rejected(Fault.MISCONFIGURED, "301", "the api_url redirects: it must be the Graph API's own"),
            id="redirect",
        ),
        pytest.param(
            {"status": 200, "body": "ok"}, Unknown("an answer that says neither yes nor no"), id="unreadable yes"
        ),
        pytest.param(
            {"status": 200, "body": {"messages": [5]}}, Unknown("an answer that says neither yes nor no"), id="no id"
        ),
    ],
)
async def test_judges_other_answers(answer: dict[str, object], outcome: Outcome) -> None:
    """Answers that are not Graph's never count as a yes, and as a no only where nothing can have been sent."""
    async with _setting() as setting:
        setting.loopback.fail("POST", **answer)  # type: ignore[arg-type]  # a table's column
        assert await setting.send() == outcome


@pytest.mark.parametrize("do", ["cut_before", "cut_after", "hang_before", "hang_after"])
async def test_does_not_know_after_a_broken_exchange(do: str) -> None:
    """Whether Graph acted before the line broke nobody can tell, and it cannot be asked: statuses decide."""
    async with _setting(timeout_s=0.2) as setting:
        setting.loopback.fail("POST", do)
        assert isinstance(await setting.send(), Unknown)
        assert await setting.cloud.reconcile(claim(ACKNOWLEDGEMENT)) is Found.UNDECIDED
        assert len(setting.network.sent) == (1 if do.endswith("after") else 0)


async def test_learns_from_a_status_what_a_cut_has_hidden() -> None:
    """The status that follows a message carries the delivery's id, which settles the doubt."""
    async with _setting() as setting:
        setting.loopback.fail("POST", "cut_after")
        await setting.send()
        sent = setting.network.sent[0]
        body = json.dumps(graph.status_notification(sent["id"], sent["key"], "delivered")).encode()
        headers = {"x-hub-signature-256": graph.signature(body)}
        received = setting.cloud.receive(WebhookRequest("POST", {}, headers, body, START))
        assert isinstance(received, Received)
        (receipt,) = received.receipts
        assert (receipt.key, receipt.provider_id, receipt.status) == (f"{1:032x}", sent["id"], "delivered")


async def test_is_certain_when_graph_cannot_be_reached() -> None:
    """A refused connection has carried nothing."""
    async with _setting() as setting:
        await setting.loopback.close()
        outcome = await setting.send()
        assert outcome == Rejected(Fault.TRANSIENT, "connect", "the Graph API cannot be reached: no connection")
        assert setting.cloud.health() == Health(ready=False, problem="the Graph API cannot be reached: no connection")


async def test_says_when_an_administrator_is_needed() -> None:
    """After a refusal that is about us the connector is not ready, with one sentence, until a send succeeds."""
    async with _setting() as setting:
        assert setting.cloud.health() == Health(ready=True)
        setting.loopback.fail("POST", **graph_error(190, 401))
        await setting.send()
        assert setting.cloud.health() == Health(ready=False, problem=_TOKEN)
        setting.loopback.fail("POST", **graph_error(130429, 429))
        await setting.send()
        assert setting.cloud.health() == Health(ready=False, problem=_TOKEN)
        await setting.send()
        assert setting.cloud.health() == Health(ready=True)
        setting.loopback.fail("POST", **graph_error(130429, 429))
        await setting.send()
        assert setting.cloud.health() == Health(ready=True)


async def test_refuses_a_wrong_token_as_graph_does() -> None:
    """The stand-in checks the bearer token, so a send with it proves that we show it."""
    async with _setting() as setting:
        wrong = WhatsAppCloud(
            "cloud",
            phone_number_id=graph.PHONE_NUMBER_ID,
            api_url=setting.loopback.url,
            api_version=graph.API_VERSION,
            access_token="revoked",
            app_secret="s",
            verify_token="v",
        )
        outcome = await wrong.send(claim(ACKNOWLEDGEMENT))
        await wrong.close()
        assert outcome == Rejected(Fault.MISCONFIGURED, "190", _TOKEN)
