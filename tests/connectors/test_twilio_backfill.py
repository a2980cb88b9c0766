"""Messages that no webhook brought are found in Twilio's list, and taken in as the webhook would have."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from standins import twilio
from standins.claims import claim
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock, until
from standins.twilio import CLIENT, SENDER, twilio_error

from engine.connectors.twilio import Account, Template, Timing, Twilio
from engine.connectors.twilio.notifications import read
from engine.core.deliveries import Acknowledgement, Sent
from engine.core.errors import JournalUnavailable
from engine.core.events import Attachment, Inbound, Message
from engine.ports import Health, Received

_LIST = f"GET {twilio.ROOT}/Messages.json"


@dataclass
class _Journal:
    """What was accepted; each message once, and nothing while it is `full`."""

    full: bool = False
    found: dict[str, Inbound] = field(default_factory=dict)
    refused: int = 0

    async def accept(self, received: Received) -> None:
        if self.full:
            self.refused += 1
            raise JournalUnavailable("the disk is full")
        for one in received.inbounds:
            self.found.setdefault(one.event.message.id, one)

    def ids(self) -> list[str]:
        return list(self.found)


@dataclass
class _Setting:
    network: twilio.Twilio
    loopback: Loopback
    clock: SetClock
    connector: Twilio
    journal: _Journal = field(default_factory=_Journal)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.connector.listen(self.journal.accept))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def passes(self, number: int = 1) -> None:
        """Wait until so many more passes have begun and the one before them is done."""
        wanted = self.loopback.seen.count(_LIST) + number + 1
        await until(lambda: self.loopback.seen.count(_LIST) >= wanted)


@asynccontextmanager
async def _setting(
    every: timedelta = timedelta(milliseconds=1), grace: timedelta = timedelta(0)
) -> AsyncIterator[_Setting]:
    clock = SetClock()
    network = twilio.Twilio(now=clock.now)
    async with serving(network) as loopback:
        connector = Twilio(
            "reserve",
            Account(twilio.ACCOUNT_SID, SENDER, loopback.url),
            auth_token=twilio.AUTH_TOKEN,
            webhook_url="https://support.example.org/webhooks/reserve",
            clock=clock,
            template=Template(twilio.CONTENT_SID),
            timing=Timing(timeout_s=2, grace=grace, backfill_every=every),
        )
        try:
            yield _Setting(network, loopback, clock, connector)
        finally:
            await connector.close()


async def test_takes_in_what_came_while_nobody_listened() -> None:
    """At the start everything of two days is asked for, oldest first; our own messages and other senders' are not."""
    async with _setting() as setting:
        setting.clock.at -= timedelta(hours=49)
        setting.network.arrive("SM0", "too old")
        setting.clock.advance(hours=9)
        for number in range(1, 4):
            setting.network.arrive(f"SM{number}", f"text {number}", media=())
        setting.clock.advance(hours=40)
        setting.network._add(CLIENT, SENDER, "our answer", "outbound-api", "sent")
        setting.network._add("whatsapp:+15550000000", CLIENT, "to another sender", "inbound", "received")
        setting.network._add(SENDER, SENDER, "to ourselves", "outbound-api", "sent")
        setting.network.arrive("SM4", "text 4")
        async with setting.listening():
            await setting.passes()
        assert setting.journal.ids() == ["SM1", "SM2", "SM3", "SM4"]


async def test_makes_the_same_of_a_message_as_the_webhook() -> None:
    """Connector, conversation and message id are equal, so that the journal takes either and not both."""
    async with _setting() as setting:
        form = setting.network.arrive("SM1", "Hello")
        async with setting.listening():
            await setting.passes()
        received = read("reserve", SENDER, form, "", START)
        assert isinstance(received, Received)
        (posted,) = received.inbounds
        listed = setting.journal.found["SM1"]
        assert (listed.connector, listed.reply) == (posted.connector, posted.reply)
        assert listed.event.conversation_id == posted.event.conversation_id
        assert listed.event.message == posted.event.message
        assert listed.event.received_at == START
        # The list does not tell it.
        assert listed.event.client.display_name is None


async def test_asks_again_and_again() -> None:
    """What a webhook missed later is found by a later pass, which asks only for what is new."""
    async with _setting() as setting, setting.listening():
        await setting.passes()
        setting.clock.advance(hours=1)
        setting.network.arrive("SM1", "Hello")
        await setting.passes()
        assert setting.journal.ids() == ["SM1"]
        setting.journal.found.clear()
        setting.clock.advance(hours=1)
        await setting.passes(2)
        setting.journal.found.clear()
        await setting.passes()
        assert setting.journal.ids() == []


async def test_leaves_a_young_message_to_its_webhook() -> None:
    """Twilio may still be posting it, with the client's name; it is taken once that time is over."""
    async with _setting(grace=timedelta(seconds=1), every=timedelta(milliseconds=1)) as setting:
        setting.network.arrive("SM1", "Hello")
        async with setting.listening():
            await setting.passes()
            assert setting.journal.ids() == []
            setting.clock.advance(seconds=2)
            await setting.passes()
            assert setting.journal.ids() == ["SM1"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(twilio_error(20500, 500), id="500"),
        pytest.param({"status": 503, "body": "<html>"}, id="proxy page"),
        pytest.param({"status": 200, "body": "<html>"}, id="no list"),
        pytest.param({"do": "cut_after"}, id="cut"),
    ],
)
async def test_asks_for_everything_again_after_an_outage(fault: dict[str, Any]) -> None:
    """A pass that failed counts as none: the next one reaches back two days, and the connector says what is wrong."""
    async with _setting() as setting, setting.listening():
        await setting.passes()
        assert setting.connector.health() == Health(ready=True)
        setting.loopback.fail("GET", **fault, times=-1)
        await setting.passes(2)
        assert not setting.connector.health().ready
        setting.network.arrive("SM1", "during the outage")
        setting.clock.advance(hours=30)
        await setting.passes()
        setting.loopback.faults.clear()
        await setting.passes()
        assert setting.journal.ids() == ["SM1"]
        assert setting.connector.health() == Health(ready=True)


async def test_says_at_once_what_an_administrator_must_mend() -> None:
    """A failure may be chance, and a second one is not; a wrong token never is."""
    hourly = timedelta(hours=1)
    async with _setting(every=hourly) as setting, setting.listening():
        setting.loopback.fail("GET", **twilio_error(20500, 500))
        await until(lambda: bool(setting.connector._backfill._failures))
        assert setting.connector.health() == Health(ready=True)
    async with _setting(every=hourly) as setting, setting.listening():
        setting.loopback.fail("GET", **twilio_error(20003, 401))
        await until(lambda: not setting.connector.health().ready)
        problem = "Twilio refuses the account SID or the auth token: compare both with the Twilio console"
        assert setting.connector.health().problem == problem


async def test_offers_again_what_the_journal_could_not_take() -> None:
    """Nothing is passed over because a disk was full."""
    async with _setting() as setting:
        setting.journal.full = True
        setting.network.arrive("SM1", "Hello")
        async with setting.listening():
            await until(lambda: setting.journal.refused >= 2)
            setting.clock.advance(hours=3)
            setting.journal.full = False
            await setting.passes()
            assert setting.journal.ids() == ["SM1"]


async def test_reads_every_page() -> None:
    """A list of several pages is taken in whole, in the order of writing, in batches."""
    async with _setting() as setting:
        for number in range(450):
            setting.network.arrive(f"SM{number}", f"text {number}")
        async with setting.listening():
            await until(lambda: len(setting.journal.found) == 450)
        assert setting.journal.ids() == [f"SM{number}" for number in range(450)]


async def test_bounds_the_number_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that never ends does not keep the newest messages from being taken."""
    monkeypatch.setattr("engine.connectors.twilio.backfills._MOST_PAGES", 1)
    async with _setting() as setting:
        for number in range(250):
            setting.network.arrive(f"SM{number}", "Hello")
        async with setting.listening():
            await setting.passes()
        assert len(setting.journal.found) == 200


_FILES = "Messages/SM1/Media"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(
            {},
            (
                Attachment("voice", "audio/ogg", reference=f"{twilio.ROOT}/{_FILES}/ME0"),
                Attachment("image", "image/png", reference=f"{twilio.ROOT}/{_FILES}/ME1"),
            ),
            id="files",
        ),
        pytest.param(twilio_error(20404, 404), (Attachment("document"),) * 2, id="deleted"),
        pytest.param({"status": 404, "body": "x"}, (Attachment("document"),) * 2, id="no such page"),
    ],
)
async def test_asks_for_the_files_of_a_message(fault: dict[str, Any], expected: Sequence[Attachment]) -> None:
    """The list tells only how many came; what was deleted there came all the same."""
    async with _setting() as setting:
        if fault:
            setting.loopback.fail(r".*/Media\.json", **fault, times=-1)
        setting.network.arrive("SM1", "", media=("audio/ogg", "image/png"))
        async with setting.listening():
            await setting.passes()
        message = Message("SM1", "", attachments=tuple(expected))
        assert setting.journal.found["SM1"].event.message == message


@pytest.mark.parametrize(
    "fault", [twilio_error(20500, 500), {"status": 200, "body": "[]"}], ids=["trouble", "unreadable"]
)
async def test_waits_for_files_that_cannot_be_told(fault: dict[str, Any]) -> None:
    """Trouble of Twilio's is not the end of a message's files."""
    async with _setting() as setting:
        setting.loopback.fail(r".*/Media\.json", **fault, times=1)
        setting.network.arrive("SM1", "", media=("image/png",))
        async with setting.listening():
            await until(lambda: bool(setting.journal.found))
        (attachment,) = setting.journal.found["SM1"].event.message.attachments
        assert attachment.kind == "image"


async def test_keeps_a_message_that_the_list_does_not_show() -> None:
    """A place or a contact has neither text nor files there: somebody has to look."""
    async with _setting() as setting:
        setting.network.arrive("SM1", "")
        async with setting.listening():
            await setting.passes()
        assert setting.journal.found["SM1"].event.message == Message("SM1", "", "unsupported")


async def test_answers_an_old_message_by_template() -> None:
    """A day is counted from when the client wrote, by our clock, and not from when that was found."""
    async with _setting() as setting:
        setting.network.now = lambda: setting.clock.now() - timedelta(hours=2)
        setting.network.arrive("SM1", "Hello")
        setting.clock.advance(hours=20)
        async with setting.listening():
            await setting.passes()
        written_at = setting.journal.found["SM1"].event.received_at
        assert written_at == START
        claimed = claim(Acknowledgement(CLIENT, "Hello", "SM1", written_at=written_at), now=setting.clock.now())
        assert isinstance(await setting.connector.send(claimed), Sent)
        setting.clock.advance(hours=4)
        assert isinstance(await setting.connector.send(claimed), Sent)
        assert ["ContentSid" in sent["form"] for sent in setting.network.sent] == [False, True]


async def test_never_looks_when_it_is_turned_off() -> None:
    """With a pause of nothing the list is left alone."""
    async with _setting(every=timedelta(0)) as setting:
        setting.network.arrive("SM1", "Hello")
        async with setting.listening():
            await asyncio.sleep(0)
        assert setting.loopback.seen == []
