"""Acknowledgements through the Graph API, and what each of its answers means for them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from loguru import logger
from standins import graph
from standins.claims import ACKNOWLEDGEMENT, claim, escalation
from standins.clouds import setting as cloud_setting
from standins.graph import graph_error
from standins.parts import SetClock

from engine.connectors.whatsapp_cloud import Number, WhatsAppCloud
from engine.core.deliveries import Fault, Found, Outcome, Rejected, Sent, Unknown
from engine.ports import Health, Received

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
    async with cloud_setting() as setting:
        outcome = await setting.send("Hello Jackson", peer)
        (sent,) = setting.network.sent
        assert outcome == Sent(sent["id"])
        assert (sent["peer"], sent["text"], sent["key"]) == (receiver, "Hello Jackson", f"{1:032x}")


@pytest.mark.parametrize("peer", ["", "to:", "wa-US.1349", "+12", "wa-unknown-wamid.A", "somebody"])
async def test_refuses_a_peer_that_whatsapp_does_not_know(peer: str) -> None:
    """An address from elsewhere without a number cannot be reached, which a person learns at once."""
    async with cloud_setting() as setting:
        outcome = await setting.send(peer=peer)
        assert outcome == Rejected(
            Fault.PERMANENT, "peer", "the conversation names neither a WhatsApp number nor a user id"
        )
        assert setting.loopback.seen == []


async def test_carries_only_acknowledgements() -> None:
    """A post for engineers never goes to a client."""
    async with cloud_setting() as setting:
        outcome = await setting.cloud.send(claim(escalation()))
        assert outcome == Rejected(Fault.PERMANENT, "kind", "WhatsApp cannot carry a post for engineers")


async def test_cuts_a_text_that_is_too_long() -> None:
    """WhatsApp takes 4,096 characters; the cut shows."""
    async with cloud_setting() as setting:
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
    async with cloud_setting() as setting:
        for code, status, fault, reason in _CODES:
            setting.clock.advance(minutes=10)
            setting.loopback.fail("POST", **graph_error(code, status))
            assert await setting.send() == Rejected(fault, str(code), reason), code


@pytest.mark.parametrize(("code", "status", "reason"), _HELD_BACK)
async def test_waits_while_meta_holds_the_number_back(code: int, status: int, reason: str) -> None:
    """More messages would make it worse: for five minutes nothing is sent, and an administrator is told."""
    async with cloud_setting() as setting:
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


async def test_waits_as_long_as_meta_asks() -> None:
    """A longer pause in the answer itself holds for everybody, too."""
    async with cloud_setting() as setting:
        setting.loopback.fail("POST", **graph_error(131048, 429, **{"retry-after": "900"}))
        refused = Rejected(Fault.MISCONFIGURED, "131048", _LIMITED, timedelta(minutes=15))
        assert await setting.send() == refused
        setting.clock.advance(minutes=14)
        assert await setting.send() == replace(refused, retry_after=timedelta(minutes=1))


@pytest.mark.parametrize("code", [190, 10, 131031, 131042])
async def test_asks_nobody_else_while_an_administrator_is_needed(code: int) -> None:
    """A refused token or a locked account is the same for every client: one message tries again, the others wait."""
    async with cloud_setting(timeout_s=2) as setting:
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
    async with cloud_setting() as setting:
        setting.network.moods.hasty = {"254712345678"}
        pause = Rejected(Fault.TRANSIENT, "131056", _HASTY, timedelta(seconds=6), lane_only=True)
        assert await setting.send() == pause
        assert isinstance(await setting.send(peer="to:254700000002"), Sent)
        assert setting.cloud.health() == Health(ready=True)
        setting.loopback.fail("POST", **graph_error(131056, 429, **{"retry-after": "20"}))
        assert await setting.send() == replace(pause, retry_after=timedelta(seconds=20))


async def test_keeps_a_distance_between_messages_to_one_client() -> None:
    """Meta's pair rate is kept before Meta has to say so; what Meta did not take begins no distance."""
    async with cloud_setting(per_client_gap=timedelta(seconds=6)) as setting:
        setting.loopback.fail("POST", **graph_error(131000, 500))
        assert isinstance(await setting.send(), Rejected)
        assert isinstance(await setting.send(), Sent)
        found = await setting.send()
        assert isinstance(found, Rejected)
        assert (found.code, found.retry_after, found.lane_only) == ("pace", timedelta(seconds=6), True)
        assert isinstance(await setting.send(peer="to:254700000002"), Sent)
        setting.clock.advance(seconds=6)
        setting.network.moods.hasty = {"254712345678"}
        assert (await setting.send(), setting.cloud.health()) == (
            Rejected(Fault.TRANSIENT, "131056", _HASTY, timedelta(seconds=6), lane_only=True),
            Health(ready=True),
        )
        assert len(setting.network.sent) == 2


async def test_logs_what_meta_says_is_wrong_with_the_account() -> None:
    """Errors that belong to no message reach the administrator's log, with what to do and without Meta's own words."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    try:
        async with cloud_setting() as setting:
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
    async with cloud_setting() as setting:
        setting.loopback.fail("POST", **answer)  # type: ignore[arg-type]  # a table's column
        assert await setting.send() == outcome


@pytest.mark.parametrize("do", ["cut_before", "cut_after", "hang_before", "hang_after"])
async def test_does_not_know_after_a_broken_exchange(do: str) -> None:
    """Whether Graph acted before the line broke nobody can tell, and it cannot be asked: statuses decide."""
    async with cloud_setting(timeout_s=0.2) as setting:
        setting.loopback.fail("POST", do)
        assert isinstance(await setting.send(), Unknown)
        assert await setting.cloud.reconcile(claim(ACKNOWLEDGEMENT)) is Found.UNDECIDED
        assert len(setting.network.sent) == (1 if do.endswith("after") else 0)


async def test_learns_from_a_status_what_a_cut_has_hidden() -> None:
    """The status that follows a message carries the delivery's id, which settles the doubt."""
    async with cloud_setting() as setting:
        setting.loopback.fail("POST", "cut_after")
        await setting.send()
        sent = setting.network.sent[0]
        (receipt,) = setting.receive(graph.status_notification(sent["id"], sent["key"], "delivered")).receipts
        assert (receipt.key, receipt.provider_id, receipt.status) == (f"{1:032x}", sent["id"], "delivered")


async def test_is_certain_when_graph_cannot_be_reached() -> None:
    """A refused connection has carried nothing."""
    async with cloud_setting() as setting:
        await setting.loopback.close()
        outcome = await setting.send()
        assert outcome == Rejected(Fault.TRANSIENT, "connect", "the Graph API cannot be reached: no connection")
        assert setting.cloud.health() == Health(ready=False, problem="the Graph API cannot be reached: no connection")


async def test_says_when_an_administrator_is_needed() -> None:
    """After a refusal that is about us the connector is not ready, with one sentence, until a send succeeds."""
    async with cloud_setting() as setting:
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
    async with cloud_setting() as setting:
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
