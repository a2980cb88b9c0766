"""Clients who were silent for a day, or hide their number; and what they see before an acknowledgement comes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standins import graph
from standins.claims import ACKNOWLEDGEMENT, claim
from standins.clouds import setting as cloud_setting
from standins.graph import graph_error
from standins.parts import START

from engine.connectors.whatsapp_cloud import Template
from engine.core.deliveries import Acknowledgement, Claimed, Fault, Rejected, Sent, Unknown
from engine.ports import Health

_BUSY = "WhatsApp has trouble or is asked too often"
_TOO_LATE = (
    "the client last wrote more than 24 hours ago, so WhatsApp takes only a template, and this connector has none in "
    "engine.yaml"
)
_LOOK = "look at it in WhatsApp Manager > Message templates and at the connector's template in engine.yaml"
_TEMPLATE = Template("answer_later", "en", ("{{client_name}}", "Ticket {{ ticket_id }}"))
_DAY = timedelta(days=1)


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
        pytest.param({"client_name": " \n"}, _said("Client", "OC-2026-0001"), id="name of nothing"),
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
    async with cloud_setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        outcome = await setting.cloud.send(_late(**more))
        (sent,) = setting.network.sent
        assert outcome == Sent(sent["id"])
        assert (sent["template"], sent["text"], sent["key"]) == (said, None, f"{1:032x}")


async def test_says_a_template_without_variables() -> None:
    """A template that is the same for everybody has no parameters at all, or WhatsApp would refuse it."""
    async with cloud_setting(template=Template("plain", "sw")) as setting:
        setting.network.moods.templates = {"plain/sw": 0}
        assert isinstance(await setting.cloud.send(_late()), Sent)
        assert setting.network.sent[0]["template"] == {"name": "plain", "language": {"code": "sw"}}


async def test_says_the_template_when_whatsapp_refuses_the_text() -> None:
    """What WhatsApp knows better counts: the refused text is followed by the template, and by nothing twice."""
    async with cloud_setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.network.moods.silent = {"254712345678"}
        outcome = await setting.send()
        (sent,) = setting.network.sent
        assert (outcome, sent["template"]["name"], sent["key"]) == (Sent(sent["id"]), "answer_later", f"{1:032x}")
        assert len(setting.loopback.seen) == 2


@pytest.mark.parametrize("do", ["cut_after", "hang_after", "cut_before"])
async def test_never_follows_a_doubtful_text_with_the_template(do: str) -> None:
    """Only a certain refusal of the text lets the template go out: a text that may have arrived is left alone."""
    async with cloud_setting(timeout_s=0.3, template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.loopback.fail("POST", do)
        assert isinstance(await setting.send(), Unknown)
        assert len(setting.loopback.seen) == 1


async def test_tries_the_template_at_once_after_its_end_was_not_seen() -> None:
    """Once WhatsApp has refused the text of a delivery, its next attempt is the template alone, with the same key."""
    async with cloud_setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.loopback.fail("POST", **graph_error(131047))
        setting.loopback.fail("POST", **graph_error(131000))
        assert await setting.send() == Rejected(Fault.TRANSIENT, "131000", _BUSY)
        assert isinstance(await setting.send(), Sent)
        assert len(setting.loopback.seen) == 3
        assert [sent["text"] for sent in setting.network.sent] == [None]


async def test_says_the_template_after_whatsapp_reported_that_the_text_failed() -> None:
    """WhatsApp may take a text and report later that it came too late: the receipt says so."""
    async with cloud_setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        assert isinstance(await setting.send(), Sent)
        sent = setting.network.sent[0]
        failed = graph.status_notification(sent["id"], sent["key"], "failed", 131047, int(START.timestamp()) + 5)
        (receipt,) = setting.receive(failed).receipts
        assert (receipt.code, receipt.reason) == (
            "131047",
            "the client last wrote more than 24 hours ago, so WhatsApp takes only a template",
        )
        assert receipt.wants_template


async def test_says_nothing_but_the_template_where_only_that_is_wanted() -> None:
    """After a restart, too, and although the client may have written since."""
    async with cloud_setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        setting.receive(graph.message_notification(graph.text_message("wamid.B", "hi?", at=int(START.timestamp()))))
        body = Acknowledgement("to:254712345678", "Hello", "wamid.A", written_at=START, template_only=True)
        assert isinstance(await setting.cloud.send(claim(body, attempt=2)), Sent)
        assert setting.network.sent[0]["template"]["name"] == "answer_later"


async def test_takes_a_failed_text_for_the_end_without_a_template() -> None:
    """Nothing can follow then, and the sentence tells what is missing."""
    async with cloud_setting() as setting:
        await setting.send()
        sent = setting.network.sent[0]
        failed = graph.status_notification(sent["id"], sent["key"], "failed", 131047, int(START.timestamp()) + 5)
        (receipt,) = setting.receive(failed).receipts
        assert (receipt.reason, receipt.wants_template) == (_TOO_LATE, False)


async def test_refuses_in_one_sentence_without_a_template() -> None:
    """Without a template WhatsApp is asked all the same, since it alone knows; its refusal tells what is missing."""
    async with cloud_setting() as setting:
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
    async with cloud_setting(template=Template(name, "en", variables)) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        outcome = await setting.cloud.send(_late())
        assert isinstance(outcome, Rejected)
        assert (outcome.fault, outcome.code) == (Fault.PERMANENT, code)
        assert outcome.reason.endswith(_LOOK)
        assert setting.network.sent == []


_ACK = Acknowledgement("to:254712345678", "Hello", "wamid.A", client_name="Jackson", ticket_id="OC-1")


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
    async with cloud_setting(template=_TEMPLATE) as setting:
        setting.network.moods.templates = {"answer_later/en": 2}
        if again_h is not None:
            at = int((START - timedelta(hours=again_h)).timestamp())
            setting.receive(graph.message_notification(graph.text_message("wamid.B", "hi", at=at)))
        written_at = None if written_h is None else START - timedelta(hours=written_h)
        body = replace(_ACK, written_at=written_at)
        await setting.cloud.send(claim(body, age=timedelta(hours=accepted_h)))
        assert ("text" if setting.network.sent[0]["text"] else "template") == kind


def _hidden(number: str = "") -> dict[str, Any]:
    """A message of a client with a user id, and the number where WhatsApp still tells it."""
    message = graph.text_message("wamid.H", "hi", at=int(START.timestamp())) | {"from_user_id": "KE.1349"}
    message["from"] = number
    return graph.envelope({"contacts": [{"user_id": "KE.1349"}], "messages": [message]})


async def test_reaches_a_client_by_number_where_the_user_id_will_not_do() -> None:
    """A number that an earlier message told is tried, as text and as template, before the client is given up."""
    async with cloud_setting(template=_TEMPLATE) as setting:
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
    async with cloud_setting(read_receipts=True) as setting:
        assert isinstance(await setting.send(), Sent)
        assert setting.network.read == [("wamid.A", True)]
        assert len(setting.loopback.seen) == 2
        await setting.cloud.send(claim(ACKNOWLEDGEMENT, attempt=2))
        await setting.cloud.send(claim(replace(ACKNOWLEDGEMENT, message_id="trial-1")))
        assert len(setting.network.read) == 1
        assert len(setting.network.sent) == 3


async def test_marks_nothing_as_read_unless_asked() -> None:
    """Blue ticks promise a reader, so they are off by default."""
    async with cloud_setting() as setting:
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
    async with cloud_setting(timeout_s=1, read_receipts=True) as setting:
        setting.loopback.fail("POST", **fault)
        assert isinstance(await setting.send(), Sent)
        assert setting.cloud.health() == Health(ready=True)
