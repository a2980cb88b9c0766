"""Acknowledgements through the Graph API, and what each of its answers means for them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from standins import graph
from standins.claims import ACKNOWLEDGEMENT, claim, escalation
from standins.graph import Graph, graph_error
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock

from engine.connectors.whatsapp_cloud import Number, Template, WhatsAppCloud
from engine.core.deliveries import Acknowledgement, Claimed, Fault, Found, Outcome, Rejected, Sent, Unknown
from engine.ports import Health, Received, WebhookRequest

_BUSY = "WhatsApp has trouble or is asked too often"
_TOKEN = "Meta refuses the access token: make a new one for the system user, set access_token and restart"
_NOT_PERMITTED = (
    "Meta does not permit this to the access token: give the system user the WhatsApp account and the token the "
    "permission whatsapp_business_messaging"
)
_BLOCKED = "Meta has blocked the account for a policy violation for now: read and answer it in WhatsApp Manager"
_LIMITED = "WhatsApp limits this number because clients blocked or reported it: look into WhatsApp Manager"
_MAINTENANCE = "the WhatsApp account is in maintenance mode, which Meta ends by itself: look into WhatsApp Manager"
_LOCKED = "Meta has locked the WhatsApp account: look into WhatsApp Manager and appeal there"
_UNNAMED = "the number's display name is not approved yet: look into WhatsApp Manager > Phone numbers"
_UNPAID = "the WhatsApp account has a billing problem: mend its payment method in WhatsApp Manager"
_NOT_THERE = "WhatsApp cannot deliver to this client: no WhatsApp there, or its terms not accepted"
_NOT_LISTED = "the client's number is not on the list of this test account: add it in the Meta app's API Setup"
_HASTY = "WhatsApp takes no more messages to this client for some seconds"
_TOO_LATE = (
    "the client last wrote more than 24 hours ago, so WhatsApp takes only a template, and this connector has none in "
    "engine.yaml"
)
_LOOK = "look at it in WhatsApp Manager > Message templates and at the connector's template in engine.yaml"
_TEMPLATE = Template("answer_later", "en", ("{{client_name}}", "Ticket {{ ticket_id }}"))
_DAY = timedelta(days=1)


@dataclass
class _Setting:
    network: Graph
    loopback: Loopback
    cloud: WhatsAppCloud
    clock: SetClock

    async def send(self, text: str = "Hello", peer: str = "to:254712345678") -> Outcome:
        return await self.cloud.send(claim(Acknowledgement(peer, text, "wamid.A")))

    def receive(self, notification: Any) -> Received:
        body = json.dumps(notification).encode()
        headers = {"x-hub-signature-256": graph.signature(body)}
        received = self.cloud.receive(WebhookRequest("POST", {}, headers, body, self.clock.now()))
        assert isinstance(received, Received)
        return received


@asynccontextmanager
async def _setting(
    timeout_s: float = 2, *, template: Template | None = None, read_receipts: bool = False
) -> AsyncIterator[_Setting]:
    network, clock = Graph(), SetClock()
    async with serving(network) as loopback:
        number = Number(
            phone_number_id=graph.PHONE_NUMBER_ID,
            api_url=loopback.url,
            api_version=graph.API_VERSION,
            access_token=graph.TOKEN,
            app_secret=graph.APP_SECRET,
            verify_token=graph.VERIFY_TOKEN,
            template=template,
            read_receipts=read_receipts,
            timeout_s=timeout_s,
        )
        cloud = WhatsAppCloud("cloud", number, clock)
        await cloud.start()
        try:
            yield _Setting(network, loopback, cloud, clock)
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
    *((code, 400, Fault.TRANSIENT, _BUSY) for code in (1, 2, 4, 80007, 130429, 131000, 131016)),
    *((code, 400, Fault.MISCONFIGURED, _TOKEN) for code in (0, 190)),
    *((code, 400, Fault.MISCONFIGURED, _NOT_PERMITTED) for code in (3, 10, 200, 299, 131005)),
    (131031, 403, Fault.MISCONFIGURED, _LOCKED),
    (131037, 400, Fault.MISCONFIGURED, _UNNAMED),
    (131042, 400, Fault.MISCONFIGURED, _UNPAID),
    (131045, 500, Fault.TRANSIENT, _BUSY),
    (131045, 400, Fault.MISCONFIGURED, "the number is not registered for the Cloud API: register it again"),
    (100, 400, Fault.PERMANENT, "WhatsApp finds a parameter of the message invalid"),
    (130472, 400, Fault.PERMANENT, "WhatsApp holds messages back from this client for an experiment of its own"),
    (130497, 403, Fault.PERMANENT, "WhatsApp does not let this account write to the client's country"),
    (131008, 400, Fault.PERMANENT, "WhatsApp misses a parameter of the message"),
    (131009, 400, Fault.PERMANENT, "WhatsApp finds a value in the message invalid"),
    (131021, 400, Fault.PERMANENT, "the client's number is our own"),
    (131026, 400, Fault.PERMANENT, _NOT_THERE),
    (131030, 400, Fault.PERMANENT, _NOT_LISTED),
    (131047, 400, Fault.PERMANENT, _TOO_LATE),
    (131049, 400, Fault.PERMANENT, "WhatsApp did not deliver, to keep the client from too many messages"),
    (131050, 400, Fault.PERMANENT, "the client has opted out of messages from this account"),
    (131051, 400, Fault.PERMANENT, "WhatsApp does not know this type of message"),
    (131062, 400, Fault.PERMANENT, "WhatsApp cannot reach this client by user id, and the number is not known"),
    (132000, 400, Fault.PERMANENT, f"the template has another number of variables: {_LOOK}"),
    (132001, 404, Fault.PERMANENT, f"WhatsApp has no approved template of this name in this language: {_LOOK}"),
    (132007, 400, Fault.PERMANENT, f"the template breaks a policy of WhatsApp: {_LOOK}"),
    (132015, 400, Fault.PERMANENT, f"WhatsApp has paused the template because clients disliked it: {_LOOK}"),
    (
        132016,
        400,
        Fault.PERMANENT,
        f"WhatsApp has disabled the template for good: write another one and {_LOOK}",
    ),
    (132999, 400, Fault.PERMANENT, f"WhatsApp refuses the template: {_LOOK}"),
    (137000, 400, Fault.PERMANENT, "WhatsApp does not let this account use the product"),
    (999999, 400, Fault.MISCONFIGURED, "WhatsApp refused with a code unknown here: see Meta's list of error codes"),
    (999999, 401, Fault.MISCONFIGURED, _TOKEN),
    (999999, 403, Fault.MISCONFIGURED, _NOT_PERMITTED),
    (999999, 429, Fault.TRANSIENT, _BUSY),
    (999999, 503, Fault.TRANSIENT, _BUSY),
]
_HELD_BACK: list[tuple[int, int, str]] = [
    (368, 403, _BLOCKED),
    (131048, 429, _LIMITED),
    (131057, 400, _MAINTENANCE),
    (131064, 400, "WhatsApp limits this number for now: look into WhatsApp Manager"),
]


async def test_sorts_every_error_code() -> None:
    """Each code of Meta's list leads to asking again, to a person, or to the end, with one sentence that says why."""
    async with _setting() as setting:
        for code, status, fault, reason in _CODES:
            setting.clock.advance(minutes=10)
            setting.loopback.fail("POST", **graph_error(code, status))
            assert await setting.send() == Rejected(fault, str(code), reason), code


@pytest.mark.parametrize(("code", "status", "reason"), _HELD_BACK)
async def test_waits_while_meta_holds_the_number_back(code: int, status: int, reason: str) -> None:
    """More messages would make it worse: for five minutes nothing is sent, and an administrator is told."""
    async with _setting() as setting:
        setting.loopback.fail("POST", **graph_error(code, status))
        refused = Rejected(Fault.MISCONFIGURED, str(code), reason, timedelta(minutes=5))
        assert await setting.send() == refused
        assert setting.cloud.health() == Health(ready=False, problem=reason)
        setting.clock.advance(minutes=4)
        assert await setting.send() == replace(refused, retry_after=timedelta(minutes=1))
        assert len(setting.loopback.seen) == 1
        setting.clock.advance(minutes=1)
        assert isinstance(await setting.send(), Sent)
        assert setting.cloud.health() == Health(ready=True)


@pytest.mark.parametrize("code", [190, 10, 131031, 131042])
async def test_asks_nobody_else_while_an_administrator_is_needed(code: int) -> None:
    """A refused token or a locked account is the same for every client: one message tries again, the others wait."""
    async with _setting(timeout_s=2) as setting:
        setting.loopback.fail("POST", **graph_error(code), times=2)
        first = await setting.send()
        assert isinstance(first, Rejected)
        assert await setting.send(peer="to:254700000002") == replace(first, retry_after=timedelta(seconds=30))
        setting.clock.advance(seconds=31)
        assert await setting.send() == first
        assert await setting.send() == replace(first, retry_after=timedelta(seconds=30))
        assert len(setting.loopback.seen) == 2
        setting.clock.advance(seconds=30)
        setting.loopback.fail("POST", "cut_before")
        assert isinstance(await setting.send(), Unknown)
        assert await setting.send() == replace(first, retry_after=timedelta(seconds=2))
        setting.clock.advance(seconds=2)
        assert isinstance(await setting.send(), Sent)
        assert isinstance(await setting.send(), Sent)


async def test_makes_only_the_hasty_client_wait() -> None:
    """WhatsApp takes a message to one client every six seconds; that pause is no pause for anybody else."""
    async with _setting() as setting:
        setting.network.moods.hasty = {"254712345678"}
        pause = Rejected(Fault.TRANSIENT, "131056", _HASTY, timedelta(seconds=6), lane_only=True)
        assert await setting.send() == pause
        assert isinstance(await setting.send(peer="to:254700000002"), Sent)
        assert setting.cloud.health() == Health(ready=True)
        setting.loopback.fail("POST", **graph_error(131056, 429, **{"retry-after": "20"}))
        assert await setting.send() == replace(pause, retry_after=timedelta(seconds=20))


def _late(**more: Any) -> Claimed:
    """An acknowledgement of a message that was accepted a day ago."""
    body = Acknowledgement("to:254712345678", "Hello", "wamid.A", client_name="Jackson", ticket_id="OC-2026-0001")
    return claim(replace(body, **more), age=_DAY)


def _said(name: str, ticket: str) -> dict[str, Any]:
    parameters = [{"type": "text", "text": name}, {"type": "text", "text": f"Ticket {ticket}"}]
    language = {"code": "en"}
    return {
        "name": "answer_later",
        "language": language,
        "components": [{"type": "body", "parameters": parameters}],
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({}, _said("Jackson", "OC-2026-0001"), id="all known"),
        pytest.param({"client_name": None}, _said("Client", "OC-2026-0001"), id="no name"),
        pytest.param({"client_name": "", "ticket_id": ""}, _said("Client", "-"), id="nothing known"),
        pytest.param({"client_name": "A\n B\t     C"}, _said("A B C", "OC-2026-0001"), id="name of several lines"),
        pytest.param({"client_name": " \n"}, _said("-", "OC-2026-0001"), id="name of nothing"),
        pytest.param(
            {"client_name": "{{ticket_id}}"}, _said("{{ticket_id}}", "OC-2026-0001"), id="name that looks like a gap"
        ),
        pytest.param({"client_name": "x" * 2000}, _said("x" * 1024, "OC-2026-0001"), id="long name"),
    ],
)
async def test_says_the_template_when_the_client_was_silent_for_a_day(
    more: dict[str, Any], said: dict[str, Any]
) -> None:
    """A day after the message WhatsApp takes no text: the template goes at once, under the same key."""
    async with _setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        outcome = await setting.cloud.send(_late(**more))
        (sent,) = setting.network.sent
        assert outcome == Sent(sent["id"])
        assert (sent["template"], sent["text"], sent["key"]) == (said, None, f"{1:032x}")


async def test_says_a_template_without_variables() -> None:
    """A template that is the same for everybody has no parameters at all, or WhatsApp would refuse it."""
    async with _setting(template=Template("plain", "sw")) as setting:
        setting.network.moods.templates = {"plain/sw": 0}
        assert isinstance(await setting.cloud.send(_late()), Sent)
        assert setting.network.sent[0]["template"] == {"name": "plain", "language": {"code": "sw"}}


async def test_says_the_template_when_whatsapp_refuses_the_text() -> None:
    """What WhatsApp knows better counts: the refused text is followed by the template, and by nothing twice."""
    async with _setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.network.moods.silent = {"254712345678"}
        outcome = await setting.send()
        (sent,) = setting.network.sent
        assert (outcome, sent["template"]["name"], sent["key"]) == (Sent(sent["id"]), "answer_later", f"{1:032x}")
        assert len(setting.loopback.seen) == 2


@pytest.mark.parametrize("do", ["cut_after", "hang_after", "cut_before"])
async def test_never_follows_a_doubtful_text_with_the_template(do: str) -> None:
    """Only a certain refusal of the text lets the template go out: a text that may have arrived is left alone."""
    async with _setting(timeout_s=0.3, template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.loopback.fail("POST", do)
        assert isinstance(await setting.send(), Unknown)
        assert len(setting.loopback.seen) == 1


async def test_tries_the_template_at_once_after_its_end_was_not_seen() -> None:
    """Once WhatsApp has refused the text of a delivery, its next attempt is the template alone, with the same key."""
    async with _setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.loopback.fail("POST", **graph_error(131047))
        setting.loopback.fail("POST", **graph_error(131000))
        assert await setting.send() == Rejected(Fault.TRANSIENT, "131000", _BUSY)
        assert isinstance(await setting.send(), Sent)
        assert len(setting.loopback.seen) == 3
        assert [sent["text"] for sent in setting.network.sent] == [None]


async def test_says_the_template_after_whatsapp_reported_that_the_text_failed() -> None:
    """WhatsApp may take a text and report later that it came too late: an operator's redrive sends the template."""
    async with _setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        assert isinstance(await setting.send(), Sent)
        sent = setting.network.sent[0]
        failed = graph.status_notification(sent["id"], sent["key"], "failed", 131047, int(START.timestamp()) + 5)
        (receipt,) = setting.receive(failed).receipts
        assert (receipt.code, receipt.reason) == (
            "131047",
            "the client last wrote more than 24 hours ago, so WhatsApp takes only a template",
        )
        await setting.send()
        assert setting.network.sent[1]["template"]["name"] == "answer_later"
        setting.clock.advance(minutes=1)
        again = graph.text_message("wamid.B", "hello?", at=int(START.timestamp()) + 60)
        setting.receive(graph.message_notification(again))
        await setting.send()
        assert setting.network.sent[2]["text"] == "Hello"


async def test_refuses_in_one_sentence_without_a_template() -> None:
    """Without a template WhatsApp is asked all the same, since it alone knows; its refusal tells what is missing."""
    async with _setting() as setting:
        setting.network.moods.silent = {"254712345678"}
        assert await setting.cloud.send(_late()) == Rejected(Fault.PERMANENT, "131047", _TOO_LATE)
        setting.network.moods.silent.clear()
        assert isinstance(await setting.cloud.send(_late()), Sent)


@pytest.mark.parametrize(
    ("variables", "code"),
    [pytest.param(("{{client_name}}",), "132000", id="too few"), pytest.param((), "132001", id="not approved")],
)
async def test_says_what_is_wrong_with_the_template(variables: tuple[str, ...], code: str) -> None:
    """A template that WhatsApp does not take ends the delivery with the sentence for the administrator."""
    name = "answer_later" if variables else "answer_never"
    async with _setting(template=Template(name, "en", variables)) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        outcome = await setting.cloud.send(_late())
        assert isinstance(outcome, Rejected)
        assert (outcome.fault, outcome.code) == (Fault.PERMANENT, code)
        assert outcome.reason.endswith(_LOOK)
        assert setting.network.sent == []


@pytest.mark.parametrize(
    ("written_h", "accepted_h", "again_h", "kind"),
    [
        pytest.param(None, 23.9, None, "text", id="accepted within the day"),
        pytest.param(None, 24, None, "template", id="accepted a day ago"),
        pytest.param(30, 0, None, "template", id="written long before it was accepted"),
        pytest.param(23, 23, None, "text", id="written and accepted within the day"),
        pytest.param(None, 30, 2, "text", id="the client has written since"),
        pytest.param(30, 29, 26, "template", id="the client has written since, a day ago"),
        pytest.param(None, 2, 40, "text", id="an older message came late"),
    ],
)
async def test_knows_the_window(written_h: float | None, accepted_h: float, again_h: float | None, kind: str) -> None:
    """The day begins with the client's newest message: when it was written counts, and not when it was accepted."""
    async with _setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        for message_id, hours in (("wamid.A", written_h), ("wamid.B", again_h)):
            if hours is not None:
                at = int((START - timedelta(hours=hours)).timestamp())
                setting.receive(graph.message_notification(graph.text_message(message_id, "hi", at=at)))
        body = Acknowledgement("to:254712345678", "Hello", "wamid.A", client_name="Jackson", ticket_id="OC-1")
        await setting.cloud.send(claim(body, age=timedelta(hours=accepted_h)))
        assert ("text" if setting.network.sent[0]["text"] else "template") == kind


def _hidden(number: str = "") -> dict[str, Any]:
    """A message of a client with a user id, and the number where WhatsApp still tells it."""
    message = graph.text_message("wamid.H", "hi", at=int(START.timestamp())) | {"from_user_id": "KE.1349"}
    message["from"] = number
    return graph.envelope({"contacts": [{"user_id": "KE.1349"}], "messages": [message]})


async def test_reaches_a_client_by_number_where_the_user_id_will_not_do() -> None:
    """A number that an earlier message told is tried, as text and as template, before the client is given up."""
    async with _setting(template=_TEMPLATE) as setting:
        setting.network.moods.number_only = {"KE.1349"}
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.receive(_hidden())
        refused = await setting.send(peer="recipient:KE.1349")
        reason = "WhatsApp cannot reach this client by user id, and the number is not known"
        assert refused == Rejected(Fault.PERMANENT, "131062", reason)
        setting.receive(_hidden("254712345678"))
        assert isinstance(await setting.send(peer="recipient:KE.1349"), Sent)
        setting.network.moods.silent = {"254712345678"}
        assert isinstance(await setting.send(peer="recipient:KE.1349"), Sent)
        assert [(sent["peer"], sent["template"] is None) for sent in setting.network.sent] == [
            ("254712345678", True),
            ("254712345678", False),
        ]


async def test_shows_the_client_that_somebody_is_there() -> None:
    """With read receipts the message is marked as read and "typing…" shown before its acknowledgement, once."""
    async with _setting(read_receipts=True) as setting:
        assert isinstance(await setting.send(), Sent)
        assert setting.network.read == [("wamid.A", True)]
        assert len(setting.loopback.seen) == 2
        await setting.cloud.send(claim(ACKNOWLEDGEMENT, attempt=2))
        await setting.cloud.send(claim(replace(ACKNOWLEDGEMENT, message_id="trial-1")))
        assert len(setting.network.read) == 1
        assert len(setting.network.sent) == 3


async def test_marks_nothing_as_read_unless_asked() -> None:
    """Blue ticks promise a reader, so they are off by default."""
    async with _setting() as setting:
        await setting.send()
        assert (setting.network.read, len(setting.loopback.seen)) == ([], 1)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(graph_error(190, 401), id="refused"),
        pytest.param({"status": 500, "body": "<html>"}, id="trouble"),
        pytest.param({"do": "cut_before"}, id="cut"),
        pytest.param({"do": "hang_before"}, id="hangs"),
        pytest.param({"do": "hang_after"}, id="hangs after it took effect"),
    ],
)
async def test_acknowledges_whatever_becomes_of_the_read_receipt(fault: dict[str, Any]) -> None:
    """The courtesy is given up after a moment, and what it meets is no word about the connector."""
    async with _setting(timeout_s=1, read_receipts=True) as setting:
        setting.loopback.fail("POST", **fault)
        assert isinstance(await setting.send(), Sent)
        assert setting.cloud.health() == Health(ready=True)


async def test_logs_what_meta_says_is_wrong_with_the_account() -> None:
    """Errors that belong to no message reach the administrator's log, with what to do and without Meta's own words."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    try:
        async with _setting() as setting:
            errors = [{"code": 131042, "title": "x"}, {"code": 7, "title": "call 254712345678"}, {}, {"code": "٣"}]
            assert setting.receive(graph.envelope({"errors": errors})) == Received()
    finally:
        logger.remove(sink)
    unknown = "Meta reports: an error that is unknown here: look into WhatsApp Manager\n"
    assert lines == [f"Meta reports: {_UNPAID}\n", unknown, unknown]


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
        (receipt,) = setting.receive(graph.status_notification(sent["id"], sent["key"], "delivered")).receipts
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
        setting.clock.advance(minutes=1)
        setting.loopback.fail("POST", **graph_error(130429, 429))
        await setting.send()
        assert setting.cloud.health() == Health(ready=False, problem=_TOKEN)
        setting.clock.advance(minutes=1)
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
            Number(
                phone_number_id=graph.PHONE_NUMBER_ID,
                api_url=setting.loopback.url,
                api_version=graph.API_VERSION,
                access_token="revoked",
                app_secret="s",
                verify_token="v",
            ),
            SetClock(),
        )
        outcome = await wrong.send(claim(ACKNOWLEDGEMENT))
        await wrong.close()
        assert outcome == Rejected(Fault.MISCONFIGURED, "190", _TOKEN)
