"""Acknowledgements through Twilio, what each of its answers means for them, and how doubt is settled: by its list."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from standins import twilio
from standins.claims import claim, escalation
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock
from standins.twilio import CLIENT, CONTENT_SID, twilio_error

from engine.connectors.twilio import Account, Template, Timing, Twilio
from engine.core.deliveries import Acknowledgement, Claimed, Fault, Found, Outcome, Rejected, Sent, Unknown
from engine.ports import Health, Received, WebhookRequest

_WEBHOOK = "https://support.example.org/webhooks/reserve"
_BUSY = "Twilio or WhatsApp has trouble or is asked too often"
_TOKEN = "Twilio refuses the account SID or the auth token: compare both with the Twilio console"
_NO_ACCOUNT = "Twilio does not know the account SID at this address: compare account_sid and api_url"
_SHUT = (
    "the client last wrote more than 24 hours ago, so WhatsApp takes only templates: configure `template` for this "
    "connector, and answer this client by hand"
)
_TEMPLATE = Template(CONTENT_SID, (("1", "{{client_name}}"), ("2", "ticket {{ ticket_id }}, {{?}}")))
_ACK = Acknowledgement(CLIENT, "Hello Jackson, I am sorry.", "SM0", client_name="Jackson", ticket_id="OC-2026-0001")


@dataclass
class _Setting:
    network: twilio.Twilio
    loopback: Loopback
    clock: SetClock
    template: Template | None = None
    timeout_s: float = 2
    per_client_gap: timedelta = timedelta(0)
    connector: Twilio = field(init=False)

    def __post_init__(self) -> None:
        self.connector = self._made()

    async def restart(self) -> None:
        """Another life of the connector, which knows nothing of this one."""
        await self.connector.close()
        self.connector = self._made()

    def _made(self) -> Twilio:
        return Twilio(
            "reserve",
            Account(twilio.ACCOUNT_SID, twilio.SENDER, self.loopback.url, per_client_gap=self.per_client_gap),
            auth_token=twilio.AUTH_TOKEN,
            webhook_url=_WEBHOOK,
            clock=self.clock,
            template=self.template,
            timing=Timing(timeout_s=self.timeout_s, settling=timedelta(0)),
        )

    def claim(self, number: int = 1, body: Acknowledgement = _ACK, **details: Any) -> Claimed:
        return claim(body, number=number, now=self.clock.now(), **details)

    async def send(self, text: str = "Hello", peer: str = CLIENT) -> Outcome:
        return await self.connector.send(self.claim(body=replace(_ACK, text=text, peer=peer)))


@asynccontextmanager
async def _setting(template: Template | None = None, timeout_s: float = 2) -> AsyncIterator[_Setting]:
    clock = SetClock()
    network = twilio.Twilio(now=clock.now)
    async with serving(network) as loopback:
        setting = _Setting(network, loopback, clock, template, timeout_s)
        try:
            yield setting
        finally:
            await setting.connector.close()


@pytest.mark.parametrize(
    "peer", [CLIENT, "to:254712345678", "+254712345678", "wa-254712345678", "254712345678@s.whatsapp.net"]
)
async def test_sends_a_text_message(peer: str) -> None:
    """One strictly formed request carries the text to the client, and where its status goes to."""
    async with _setting() as setting:
        outcome = await setting.send("Hello Jackson", peer)
        (sent,) = setting.network.sent
        assert outcome == Sent(sent["id"])
        assert sent["form"] == {
            "From": twilio.SENDER,
            "To": CLIENT,
            "Body": "Hello Jackson",
            "StatusCallback": f"{_WEBHOOK}?delivery={1:032x}",
        }


@pytest.mark.parametrize("peer", ["", "to:", "wa-US.1349", "+12", "whatsapp:", "somebody"])
async def test_refuses_a_peer_that_whatsapp_does_not_know(peer: str) -> None:
    """An address from elsewhere without a number cannot be reached, which a person learns at once."""
    async with _setting() as setting:
        assert await setting.send(peer=peer) == Rejected(
            Fault.PERMANENT, "peer", "the conversation names no WhatsApp number"
        )
        assert setting.loopback.seen == []


async def test_reaches_a_client_whose_number_is_hidden() -> None:
    """The address that Twilio told is used as it is; whether it leads anywhere Twilio decides."""
    async with _setting() as setting:
        outcome = await setting.send(peer="whatsapp:US.1349")
        assert outcome == Rejected(Fault.PERMANENT, "21211", "the client's number is not valid")


async def test_carries_only_acknowledgements() -> None:
    """A post for engineers never goes to a client, and was never sent."""
    async with _setting() as setting:
        outcome = await setting.connector.send(claim(escalation()))
        assert outcome == Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")
        assert await setting.connector.reconcile(claim(escalation())) is Found.NOT_SENT


async def test_cuts_a_text_that_is_too_long() -> None:
    """Twilio takes 1,600 characters; the cut shows."""
    async with _setting() as setting:
        await setting.send("x" * 2000)
        assert setting.network.sent[0]["text"] == "x" * 1599 + "…"


_CODES: list[tuple[int, int, Fault, str]] = [
    *((code, 400, Fault.TRANSIENT, _BUSY) for code in (14107, 20500, 20503, 30001, 63010, 63018)),
    (20429, 429, Fault.TRANSIENT, _BUSY),
    *((code, 401, Fault.MISCONFIGURED, _TOKEN) for code in (20003, 20008, 20403)),
    (
        20404,
        404,
        Fault.MISCONFIGURED,
        "Twilio does not know the account SID at this address: compare account_sid and api_url",
    ),
    (63016, 400, Fault.PERMANENT, _SHUT),
    (63003, 400, Fault.PERMANENT, "WhatsApp cannot deliver to this client: no WhatsApp there"),
    (
        63024,
        400,
        Fault.PERMANENT,
        "WhatsApp cannot deliver to this client: the recipient is not valid, e.g. no WhatsApp there",
    ),
    (63049, 400, Fault.PERMANENT, "Meta did not deliver, to keep the client from too many messages"),
    (21211, 400, Fault.PERMANENT, "the client's number is not valid"),
    (21610, 400, Fault.PERMANENT, "the client has opted out of messages from this sender"),
    (99999, 400, Fault.MISCONFIGURED, "Twilio refused with a code unknown here: see twilio.com/docs/api/errors"),
    (99999, 401, Fault.MISCONFIGURED, _TOKEN),
    (99999, 403, Fault.MISCONFIGURED, _TOKEN),
    (99999, 429, Fault.TRANSIENT, _BUSY),
    (63016, 503, Fault.TRANSIENT, _BUSY),
]


async def test_sorts_every_error_code() -> None:
    """Each code leads to asking again, to a person, or to the end, with one sentence that says why."""
    async with _setting() as setting:
        for code, status, fault, reason in _CODES:
            setting.loopback.fail("POST", **twilio_error(code, status))
            assert await setting.send() == Rejected(fault, str(code), reason), code


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(
            twilio_error(20429, 429, **{"retry-after": "17"}),
            Rejected(Fault.TRANSIENT, "20429", _BUSY, timedelta(seconds=17)),
            id="429 with a pause",
        ),
        pytest.param({"status": 429, "body": "x"}, Rejected(Fault.TRANSIENT, "429", _BUSY), id="429 of a proxy"),
        pytest.param({"status": 503, "body": "<html>"}, Unknown("an answer 503 that is not Twilio's"), id="proxy page"),
        pytest.param(
            {"status": 404, "body": "no such page"},
            Rejected(Fault.MISCONFIGURED, "404", "Twilio's API is not at this address: compare api_url"),
            id="404 without JSON",
        ),
        pytest.param(
            {"status": 400, "body": {"code": True}},
            Rejected(Fault.TRANSIENT, "400", "the answer is not Twilio's: a proxy in between?"),
            id="400 without a code",
        ),
        pytest.param(
            {"status": 301, "headers": {"location": "https://x"}},
            Rejected(Fault.MISCONFIGURED, "301", "the api_url redirects: it must be Twilio's own"),
            id="redirect",
        ),
        pytest.param(
            {"status": 200, "body": "ok"}, Unknown("an answer that says neither yes nor no"), id="unreadable yes"
        ),
        pytest.param(
            {"status": 201, "body": {"sid": 5}}, Unknown("an answer that says neither yes nor no"), id="no sid"
        ),
    ],
)
async def test_judges_other_answers(answer: dict[str, Any], outcome: Outcome) -> None:
    """Answers that are not Twilio's never count as a yes, and as a no only where nothing can have been sent."""
    async with _setting() as setting:
        setting.loopback.fail("POST", **answer)
        assert await setting.send() == outcome


async def test_says_when_an_administrator_is_needed() -> None:
    """After a refusal that is about us the connector is not ready, with one sentence, until a send succeeds."""
    async with _setting() as setting:
        assert setting.connector.health() == Health(ready=True)
        setting.loopback.fail("POST", **twilio_error(20003, 401))
        await setting.send()
        assert setting.connector.health() == Health(ready=False, problem=_TOKEN)
        setting.loopback.fail("POST", **twilio_error(20429, 429))
        await setting.send()
        assert setting.connector.health() == Health(ready=False, problem=_TOKEN)
        await setting.send()
        assert setting.connector.health() == Health(ready=True)


async def test_is_certain_when_twilio_cannot_be_reached() -> None:
    """A refused connection has carried nothing."""
    async with _setting() as setting:
        await setting.loopback.close()
        outcome = await setting.send()
        assert outcome == Rejected(Fault.TRANSIENT, "connect", "Twilio cannot be reached: no connection")
        assert setting.connector.health() == Health(ready=False, problem="Twilio cannot be reached: no connection")


@pytest.mark.parametrize("do", ["cut_after", "hang_after"])
async def test_finds_what_an_answer_that_was_lost_has_hidden(do: str) -> None:
    """Twilio took it and the answer never came: the list has it, so it is said once, in this life and in the next."""
    async with _setting(timeout_s=0.2) as setting:
        setting.loopback.fail("POST", do)
        claimed = setting.claim()
        assert isinstance(await setting.connector.send(claimed), Unknown)
        (sent,) = setting.network.sent
        assert await setting.connector.reconcile(claimed) == Sent(sent["id"])
        await setting.restart()
        assert await setting.connector.reconcile(claimed) == Sent(sent["id"])


@pytest.mark.parametrize("do", ["cut_before", "hang_before"])
async def test_knows_when_nothing_was_sent(do: str) -> None:
    """The request never took effect: the list says so, and it may be made again."""
    async with _setting(timeout_s=0.2) as setting:
        setting.loopback.fail("POST", do)
        assert isinstance(await setting.connector.send(setting.claim()), Unknown)
        assert await setting.connector.reconcile(setting.claim()) is Found.NOT_SENT


async def test_finds_a_message_that_still_waits_at_twilio() -> None:
    """It has no time of sending yet, and was taken all the same."""
    async with _setting() as setting:
        setting.network.waiting = True
        setting.loopback.fail("POST", "cut_after")
        await setting.connector.send(setting.claim())
        assert isinstance(await setting.connector.reconcile(setting.claim()), Sent)


async def test_does_not_take_an_earlier_text_for_this_one() -> None:
    """The same words of an earlier delivery count neither while it is remembered nor after a restart."""
    async with _setting() as setting:
        assert isinstance(await setting.connector.send(setting.claim(1)), Sent)
        assert await setting.connector.reconcile(setting.claim(2)) is Found.NOT_SENT
        setting.clock.advance(seconds=10)
        await setting.restart()
        setting.loopback.fail("POST", "cut_before")
        claimed = setting.claim(2)
        await setting.connector.send(claimed)
        assert await setting.connector.reconcile(claimed) is Found.NOT_SENT
        setting.loopback.fail("POST", "cut_after")
        await setting.connector.send(claimed)
        assert await setting.connector.reconcile(claimed) == Sent(setting.network.sent[1]["id"])


async def test_counts_equal_texts_against_what_is_known() -> None:
    """Of two equal texts since the first attempt one is another delivery's: the other one is this one's."""
    async with _setting() as setting:
        setting.loopback.fail("POST", "cut_after")
        first = setting.claim(1)
        await setting.connector.send(first)
        assert isinstance(await setting.connector.send(setting.claim(2)), Sent)
        mine, other = (sent["id"] for sent in setting.network.sent)
        assert await setting.connector.reconcile(first) == Sent(mine)
        assert await setting.connector.reconcile(setting.claim(2)) == Sent(other)
        assert await setting.connector.reconcile(setting.claim(3)) is Found.NOT_SENT


async def test_compares_by_twilios_clock() -> None:
    """Our clock may be wrong by an hour: what counts is what was created before by the clock that dates the list."""
    async with _setting() as setting:
        setting.network.now = lambda: setting.clock.now() + timedelta(hours=1)
        await setting.connector.send(setting.claim(1))
        setting.clock.advance(seconds=10)
        await setting.restart()
        assert await setting.connector.reconcile(setting.claim(2)) is Found.NOT_SENT
        setting.loopback.fail("POST", "cut_after")
        await setting.connector.send(setting.claim(2))
        assert isinstance(await setting.connector.reconcile(setting.claim(2)), Sent)


async def test_takes_a_failed_message_for_none() -> None:
    """What failed told the client nothing."""
    async with _setting() as setting:
        setting.loopback.fail("POST", "cut_after")
        await setting.connector.send(setting.claim())
        setting.network.messages[0]["status"] = "undelivered"
        assert await setting.connector.reconcile(setting.claim()) is Found.NOT_SENT


async def test_ignores_other_messages_of_the_client() -> None:
    """Neither what the client wrote nor other words of ours are taken for the acknowledgement."""
    async with _setting() as setting:
        setting.network.arrive("SM9", _ACK.text)
        setting.network._add(CLIENT, twilio.SENDER, "by hand", "outbound-api", "sent")
        setting.network._add("whatsapp:+254700000000", twilio.SENDER, _ACK.text, "outbound-api", "sent")
        assert await setting.connector.reconcile(setting.claim()) is Found.NOT_SENT


async def test_takes_other_ends_of_lines_for_the_same_text() -> None:
    """Twilio may keep a text with other line ends and without blanks around it."""
    async with _setting() as setting:
        setting.network._add(CLIENT, twilio.SENDER, "Hello,\r\nwe are on it.", "outbound-api", "sent")
        claimed = setting.claim(body=replace(_ACK, text="Hello, \nwe are on it.\n"))
        assert isinstance(await setting.connector.reconcile(claimed), Sent)


async def test_looks_through_pages_as_far_as_the_first_attempt() -> None:
    """The list is read on until it is older than the attempt; one that never ends is undecided."""
    async with _setting() as setting:
        for _ in range(250):
            setting.network._add(CLIENT, twilio.SENDER, "old", "outbound-api", "sent")
        setting.clock.advance(minutes=1)
        message = setting.network._add(CLIENT, twilio.SENDER, _ACK.text, "outbound-api", "sent")
        for _ in range(250):
            setting.network._add(CLIENT, twilio.SENDER, "new", "outbound-api", "sent")
        assert await setting.connector.reconcile(setting.claim()) == Sent(message["sid"])
        assert setting.loopback.seen.count(f"GET {twilio.ROOT}/Messages.json") == 2
        for _ in range(2000):
            setting.network._add(CLIENT, twilio.SENDER, "newer", "outbound-api", "sent")
        assert await setting.connector.reconcile(setting.claim()) is Found.UNDECIDED


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(twilio_error(20003, 401), id="401"),
        pytest.param({"status": 200, "body": "<html>"}, id="page"),
        pytest.param({"status": 200, "body": {"messages": {}}}, id="no list"),
        pytest.param({"do": "cut_before"}, id="cut"),
    ],
)
async def test_is_undecided_when_the_list_cannot_be_read(answer: dict[str, Any]) -> None:
    """Nothing is sent again on the word of somebody who does not know."""
    async with _setting() as setting:
        setting.loopback.fail("GET", **answer)
        assert await setting.connector.reconcile(setting.claim()) is Found.UNDECIDED


@pytest.mark.parametrize(
    "item",
    [
        5,
        {},
        {"sid": "SM1"},
        {"sid": "SM1", "date_created": "yesterday"},
        {"sid": "SM1", "date_created": "Thu, 12 Feb 2026 10:15:30 -0000"},
        {"sid": "SM1", "date_created": "Fri, 31 Dec 9999 23:59:59 -2300"},
        {"sid": "SM1", "date_created": "Thu, 12 Feb 2026 10:15:30 +0000", "body": 5, "num_media": None},
    ],
    ids=["number", "empty", "no date", "odd date", "no zone", "no such time", "odd fields"],
)
async def test_reads_a_list_with_odd_things_in_it(item: object) -> None:
    """One that cannot be read hides none of the others."""
    async with _setting() as setting:
        message = setting.network._add(CLIENT, twilio.SENDER, _ACK.text, "outbound-api", "sent")
        body = {"messages": [item, message], "next_page_uri": "http://[", "uri": "x"}
        setting.loopback.fail("GET", status=200, body=body)
        assert await setting.connector.reconcile(setting.claim()) == Sent(message["sid"])


async def test_waits_until_the_list_can_know() -> None:
    """A request that was cut may still be on its way: the look-up waits, and a second one does not wait again."""
    async with _setting() as setting:
        setting.connector._timing = Timing(settling=timedelta(milliseconds=20))
        await setting.connector.reconcile(setting.claim())
        setting.clock.advance(seconds=1)
        await setting.connector.reconcile(setting.claim())
        assert len(setting.loopback.seen) == 2


async def test_says_the_template_when_the_window_is_shut() -> None:
    """Twilio refuses the text, and takes the approved template in the same attempt."""
    async with _setting(_TEMPLATE) as setting:
        setting.network.shut.add(CLIENT)
        outcome = await setting.connector.send(setting.claim())
        (sent,) = setting.network.sent
        assert outcome == Sent(sent["id"])
        assert sent["form"]["ContentSid"] == CONTENT_SID
        assert json.loads(sent["form"]["ContentVariables"]) == {"1": "Jackson", "2": "ticket OC-2026-0001, {{?}}"}
        assert len(setting.loopback.seen) == 2


async def test_says_the_template_at_once_when_the_message_is_old() -> None:
    """After a day nobody asks whether text is still taken; a name that is not known has a word in its place."""
    async with _setting(Template(CONTENT_SID, (("1", "{{client_name}}"),))) as setting:
        claimed = setting.claim(body=replace(_ACK, client_name=None), age=timedelta(hours=23, minutes=55))
        assert isinstance(await setting.connector.send(claimed), Sent)
        assert json.loads(setting.network.sent[0]["form"]["ContentVariables"]) == {"1": "Client"}
        assert len(setting.loopback.seen) == 1


async def test_a_variable_is_a_line_whatever_stands_in_it() -> None:
    """WhatsApp refuses line ends and many blanks in one, wherever they come from."""
    async with _setting(Template(CONTENT_SID, (("1", "Dear\n\n{{client_name}},     hello"),))) as setting:
        await setting.connector.send(setting.claim(body=replace(_ACK, client_name="Ja\nne"), age=timedelta(hours=24)))
        assert json.loads(setting.network.sent[0]["form"]["ContentVariables"]) == {"1": "Dear Ja ne, hello"}


async def test_says_a_template_without_variables() -> None:
    """Then there are none in the request."""
    async with _setting(Template(CONTENT_SID)) as setting:
        await setting.connector.send(setting.claim(age=timedelta(hours=24)))
        assert "ContentVariables" not in setting.network.sent[0]["form"]


async def test_tells_that_a_template_is_needed() -> None:
    """Without one a person answers by hand."""
    async with _setting() as setting:
        setting.network.shut.add(CLIENT)
        assert await setting.send() == Rejected(Fault.PERMANENT, "63016", _SHUT)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (_TEMPLATE, "the client last wrote more than 24 hours ago, so WhatsApp takes only templates"),
        (None, _SHUT),
    ],
    ids=["with a template", "without one"],
)
async def test_tells_when_a_text_that_was_taken_came_too_late(template: Template | None, reason: str) -> None:
    """Twilio's status says that the window was shut; the receipt says whether the template can follow, and it does."""
    async with _setting(template) as setting:
        claimed = setting.claim()
        outcome = await setting.connector.send(claimed)
        assert isinstance(outcome, Sent)
        url = setting.network.sent[0]["callback"]
        form = twilio.status_form(outcome.receipt, "failed", code=63016)
        headers = {"content-type": twilio.FORM, "x-twilio-signature": twilio.signature(url, form)}
        query = urlsplit(url).query
        body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in form.items()).encode()
        found = setting.connector.receive(
            WebhookRequest("POST", {"delivery": claimed.id}, headers, body, START, query_string=query)
        )
        assert isinstance(found, Received)
        (receipt,) = found.receipts
        assert (receipt.key, receipt.status, receipt.code) == (claimed.id, "failed", "63016")
        assert (receipt.reason, receipt.wants_template) == (reason, template is not None)
        await setting.restart()
        await setting.connector.send(setting.claim(body=replace(_ACK, template_only=True)))
        assert ("ContentSid" in setting.network.sent[1]["form"]) == (template is not None)


async def test_is_undecided_about_a_template() -> None:
    """Its text is Twilio's: another text of ours may be it or not, while nothing at all is certain."""
    async with _setting(_TEMPLATE) as setting:
        setting.network.shut.add(CLIENT)
        assert await setting.connector.reconcile(setting.claim()) is Found.NOT_SENT
        setting.loopback.fail("POST", **twilio_error(63016))
        setting.loopback.fail("POST", "cut_after")
        assert isinstance(await setting.connector.send(setting.claim()), Unknown)
        assert await setting.connector.reconcile(setting.claim()) is Found.UNDECIDED


async def test_keeps_a_distance_between_messages_to_one_client() -> None:
    """Twilio takes everything and reports later what WhatsApp refused as too fast: it does not come to that."""
    async with _setting() as setting:
        setting.per_client_gap = timedelta(seconds=6)
        await setting.restart()
        assert isinstance(await setting.send(), Sent)
        found = await setting.send()
        assert isinstance(found, Rejected)
        assert (found.code, found.retry_after, found.lane_only) == ("pace", timedelta(seconds=6), True)
        assert len(setting.loopback.seen) == 1


@pytest.mark.parametrize("told", [True, False], ids=["the list names the template", "it does not"])
async def test_finds_the_template_that_follows_a_refused_text(told: bool) -> None:  # noqa: FBT001 - a parameter
    """Newer than the first attempt, this client's and no other delivery's: it is this one, also in another life."""
    async with _setting(_TEMPLATE) as setting:
        setting.network.names_templates = told
        await setting.connector.send(setting.claim())
        setting.network.messages[0]["status"] = "undelivered"
        setting.clock.advance(minutes=1)
        body = replace(_ACK, template_only=True)
        assert await setting.connector.reconcile(setting.claim(body=body)) is Found.NOT_SENT
        setting.loopback.fail("POST", "cut_after")
        assert isinstance(await setting.connector.send(setting.claim(body=body)), Unknown)
        await setting.restart()
        found = await setting.connector.reconcile(setting.claim(body=body))
        assert found == Sent(setting.network.messages[1]["sid"])


async def test_takes_no_other_template_for_the_one_that_follows() -> None:
    """Where the list names templates, another one of ours proves nothing."""
    async with _setting(_TEMPLATE) as setting:
        setting.network.names_templates = True
        setting.network.shut.add(CLIENT)
        await setting.connector.send(setting.claim(number=2))
        setting.network.messages[0]["content_sid"] = "HX" + "8" * 32
        await setting.restart()
        body = replace(_ACK, template_only=True)
        assert await setting.connector.reconcile(setting.claim(body=body)) is Found.NOT_SENT


@pytest.mark.parametrize(
    ("hours", "again_h", "is_template"),
    [
        pytest.param(23.8, None, False, id="within the day"),
        pytest.param(23.9, None, True, id="nearly a day ago"),
        pytest.param(30, 2, False, id="the client has written since"),
        pytest.param(30, 25, True, id="the client has written since, a day ago"),
    ],
)
async def test_knows_the_window_after_a_restart(hours: float, again_h: float | None, is_template: bool) -> None:  # noqa: FBT001
    """When the message was written stands in the delivery; what another message adds is learned as it comes."""
    async with _setting(_TEMPLATE) as setting:
        if again_h is not None:
            form = twilio.message_form("SM9", "hello?")
            headers = {"content-type": twilio.FORM, "x-twilio-signature": twilio.signature(_WEBHOOK, form)}
            at = START - timedelta(hours=again_h)
            setting.connector.receive(WebhookRequest("POST", {}, headers, urlencode(form).encode(), at))
        body = replace(_ACK, written_at=START - timedelta(hours=hours))
        await setting.connector.send(setting.claim(body=body))
        assert ("ContentSid" in setting.network.sent[0]["form"]) == is_template
