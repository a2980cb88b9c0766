"""The daemon's side of a linked number, with real processes that speak the gateway's frames."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from loguru import logger
from standins.claims import ACKNOWLEDGEMENT, claim, escalation, relayed
from standins.gateway import ONLINE, heard, launch, message, state
from standins.parts import SetClock

from engine.connectors.whatsapp_web import Launch, WhatsAppWeb
from engine.connectors.whatsapp_web.sessions import MARK, session_file
from engine.connectors.whatsapp_web.states import State
from engine.connectors.whatsapp_web.supervision import Patience
from engine.core.deliveries import Acknowledgement, Claimed, Fault, Found, Rejected, Sent, Unknown
from engine.core.errors import JournalUnavailable, UsageError
from engine.ports import Received

_PEER = "254712345678@s.whatsapp.net"
# What must not be waited for in a test is short; what must not end early is long.
_PATIENCE = Patience(late_s=30, verdict_s=30, turn_s=30, drain_s=20, close_s=20, logout_s=20)
_SENT: dict[str, Any] = {"answer": {"is": "sent", "message_id": "M1"}}


def _refused(words: str) -> dict[str, Any]:
    return {"answer": {"is": "refused", "error": words}}


def _ack(number: int = 1, peer: str = _PEER, *, doubtful: bool = False) -> Claimed:
    return claim(Acknowledgement(peer, "Hello Jackson, I am sorry.", "A1"), number=number, doubtful=doubtful)


class _Journal:
    """Accepts what comes, or refuses as often as it is told."""

    def __init__(self, refusals: int = 0) -> None:
        self.accepted: list[Received] = []
        self.refusals = refusals
        self.gate = asyncio.Event()
        self.gate.set()

    async def accept(self, received: Received) -> None:
        await self.gate.wait()
        if self.refusals:
            self.refusals -= 1
            raise JournalUnavailable("the disk is full", timedelta(0))
        self.accepted.append(received)

    @property
    def texts(self) -> list[str]:
        return [inbound.event.message.text for received in self.accepted for inbound in received.inbounds]


class _Line:
    def __init__(self, connector: WhatsAppWeb, folder: Path, journal: _Journal) -> None:
        self.connector = connector
        self.folder = folder
        self.journal = journal
        self.listening: asyncio.Task[None] | None = None

    async def reaches(self, *states: State) -> None:
        await _until(lambda: self.connector.health().state in states)

    async def stop_listening(self) -> None:
        assert self.listening is not None
        self.listening.cancel()
        with suppress(asyncio.CancelledError):
            await self.listening


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[_Line]]]:
    """Starts a connector whose gateway lives these lives, and listens."""
    lines: list[_Line] = []

    async def start(
        *lives: list[dict[str, Any]],
        patience: Patience = _PATIENCE,
        journal: _Journal | None = None,
        per_client_gap: timedelta = timedelta(0),
        started: Launch | None = None,
        read_receipts: bool = False,
    ) -> _Line:
        folder = tmp_path / "session"
        connector = WhatsAppWeb(
            "main",
            launch=started or launch(folder, *lives),
            per_second=10_000,
            per_client_gap=per_client_gap,
            read_receipts=read_receipts,
            clock=_RealClock(),
            chance=lambda: 0.0,
            patience=patience,
        )
        made = _Line(connector, folder, journal or _Journal())
        lines.append(made)
        await connector.start()
        made.listening = asyncio.create_task(connector.listen(made.journal.accept))
        return made

    yield start
    for made in lines:
        if made.listening is not None:
            await made.stop_listening()
        await made.connector.close()


class _RealClock(SetClock):
    def elapsed(self) -> timedelta:
        return timedelta(seconds=monotonic())


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that was logged."""
    found: list[str] = []
    sink = logger.add(found.append, level="TRACE", format="{message} {extra} {exception}", diagnose=False)
    yield found
    logger.remove(sink)


Start = Callable[..., Awaitable[_Line]]


async def test_a_message_is_answered_once_it_is_durable(line: Start) -> None:
    """The gateway, and behind it WhatsApp, waits until the journal has the message."""
    journal = _Journal()
    journal.gate.clear()
    here = await line([ONLINE, message("no dial tone"), message("still none", "A2")], journal=journal)
    await here.reaches(State.ONLINE)
    assert heard(here.folder, "taken") == []
    journal.gate.set()
    await _until(lambda: len(heard(here.folder, "taken")) == 2)
    assert journal.texts == ["no dial tone", "still none"]
    assert [one["id"] for one in heard(here.folder, "taken")] == [1, 2]


async def test_what_the_journal_refuses_is_offered_again(line: Start) -> None:
    """While the journal cannot write, the same message is tried until it can, and nothing overtakes it."""
    here = await line([ONLINE, message("one"), message("two", "A2")], journal=_Journal(refusals=3))
    await _until(lambda: len(heard(here.folder, "taken")) == 2)
    assert here.journal.texts == ["one", "two"]


async def test_what_a_dead_gateway_brought_is_accepted(line: Start) -> None:
    """A message that was handed over counts, although its gateway ends before it hears so."""
    journal = _Journal()
    journal.gate.clear()
    here = await line([ONLINE, {"offer": message("one")["hand"]}, {"exit": 3}], [ONLINE], journal=journal)
    await _until(lambda: len(heard(here.folder, "connect")) == 2)
    journal.gate.set()
    await _until(lambda: journal.texts == ["one"])
    await here.reaches(State.ONLINE)


async def test_what_is_nobodys_is_taken_without_the_journal(line: Start) -> None:
    """Groups, control messages and receipts for others keep neither WhatsApp nor the journal waiting."""
    group = message("hi all", group=True)
    receipt = {"hand": {"is": "receipt", "source": {"chat": {}}, "ids": ["M9"], "status": "read"}}
    here = await line([ONLINE, group, receipt])
    await _until(lambda: len(heard(here.folder, "taken")) == 2)
    assert here.journal.accepted == []


async def test_an_acknowledgement_goes_out(line: Start) -> None:
    """It goes to the conversation's own address, as it was written, and its receipt is told."""
    source = {"chat": {"user": "254712345678", "server": "s.whatsapp.net"}, "from_me": False, "group": False}
    receipt = {"hand": {"is": "receipt", "source": source, "ids": ["M1"], "status": "read"}}
    here = await line([ONLINE, _SENT, receipt])
    await here.reaches(State.ONLINE)
    assert await here.connector.send(_ack()) == Sent("M1")
    (order,) = heard(here.folder, "send")
    assert (order["user"], order["server"]) == ("254712345678", "s.whatsapp.net")
    assert order["text"] == "Hello Jackson, I am sorry."
    await _until(lambda: bool(here.journal.accepted))
    (found,) = here.journal.accepted[0].receipts
    assert (found.key, found.provider_id, found.status) == ("", "M1", "read")
    assert found.aliases == ("wa-254712345678",)
    assert here.connector.health().ready


async def test_a_colleagues_words_go_out_as_they_are(line: Start) -> None:
    """What was written in the thread for the client."""
    here = await line([ONLINE, _SENT])
    await here.reaches(State.ONLINE)
    words = replace(relayed("Try it now, please."), peer=_PEER)
    assert await here.connector.send(claim(words)) == Sent("M1")
    (asked,) = heard(here.folder, "send")
    assert asked["text"] == "Try it now, please."


async def test_an_own_message_is_told_as_a_signal(line: Start) -> None:
    """What a person of ours writes on the phone is no message of the client's."""
    own = message("I take this")
    own["hand"]["info"]["source"]["from_me"] = own["hand"]["info"]["device_sent"] = True
    here = await line([ONLINE, own])
    await _until(lambda: len(heard(here.folder, "taken")) == 1)
    assert [signal.kind for received in here.journal.accepted for signal in received.signals] == ["human_reply"]
    assert here.journal.texts == []


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (_refused("server returned error 463"), (Fault.PERMANENT, "463")),
        (_refused("websocket not connected"), (Fault.TRANSIENT, "offline")),
        (_refused("the store doesn't contain a device JID"), (Fault.MISCONFIGURED, "unlinked")),
    ],
    ids=["463", "offline", "unlinked"],
)
async def test_refusals_are_told_apart(line: Start, step: dict[str, Any], outcome: tuple[Fault, str]) -> None:
    """What the library's words mean decides whether the message is tried again."""
    here = await line([ONLINE, step])
    await here.reaches(State.ONLINE)
    found = await here.connector.send(_ack())
    assert isinstance(found, Rejected)
    assert (found.fault, found.code) == outcome


async def test_only_acknowledgements_to_people_are_carried(line: Start) -> None:
    """A post, and a peer that is no number, are refused for good."""
    here = await line([ONLINE])
    await here.reaches(State.ONLINE)
    for body in (escalation(), replace(ACKNOWLEDGEMENT, peer="1203630@g.us")):
        found = await here.connector.send(claim(body))
        assert isinstance(found, Rejected)
        assert found.fault is Fault.PERMANENT
    assert await here.connector.reconcile(claim(escalation())) is Found.UNDECIDED


async def test_a_lost_answer_is_in_doubt(line: Start) -> None:
    """Whether a message went out of which the library does not know it, only the journal can find out."""
    here = await line([ONLINE, _refused("timed out waiting for message send response")])
    await here.reaches(State.ONLINE)
    assert isinstance(await here.connector.send(_ack()), Unknown)
    assert await here.connector.reconcile(_ack(doubtful=True)) is Found.UNDECIDED


async def test_a_gateway_that_dies_leaves_a_doubt(line: Start) -> None:
    """A send that dies with the gateway is in doubt, and the next gateway carries on."""
    here = await line(
        [ONLINE, {"wait": "send"}, {"print": "panic: at 254712345678\n"}, {"die": signal.SIGABRT}], [ONLINE]
    )
    await here.reaches(State.ONLINE)
    assert isinstance(await here.connector.send(_ack()), Unknown)
    await _until(lambda: len((here.folder / "births").read_text()) == 2)
    await here.reaches(State.ONLINE)
    assert isinstance(await here.connector.send(_ack(2)), Sent)


async def test_a_gateway_that_is_killed_did_not_stop(line: Start, lines: list[str]) -> None:
    """Even when the kill cuts off what it was being told: that its message was taken."""
    here = await line([ONLINE, {"offer": message("one")["hand"]}, {"hang": 1}], [ONLINE])
    await _until(lambda: here.journal.texts == ["one"])
    child = here.connector._gateway.child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    await _until(lambda: len(heard(here.folder, "connect")) == 2)
    await here.reaches(State.ONLINE)
    assert "the gateway ended with -9" in "\n".join(lines)
    assert [one["after_loss"] for one in heard(here.folder, "connect")] == [False, True]
    assert here.connector.health().lost_at is not None


async def test_a_gateway_that_was_never_online_loses_nothing(line: Start) -> None:
    """Its end is no reason to look at the phone."""
    here = await line([{"die": signal.SIGKILL}], [ONLINE])
    await here.reaches(State.ONLINE)
    assert here.connector.health().lost_at is None


async def test_a_session_that_cannot_be_read_is_survived(line: Start, lines: list[str]) -> None:
    """Then nobody can tell what was lost, and the gateway is started all the same."""
    here = await line([ONLINE, {"wait": "send"}, {"die": signal.SIGKILL}], [ONLINE])
    await here.reaches(State.ONLINE)
    session_file(here.folder).write_bytes(b"damaged" * 1000)
    assert isinstance(await here.connector.send(_ack()), Unknown)
    await _until(lambda: len(heard(here.folder, "connect")) == 2)
    assert heard(here.folder, "connect")[1]["after_loss"]
    assert "its session cannot be read" in "\n".join(lines)


async def test_a_mark_that_cannot_be_written_is_survived(line: Start, lines: list[str]) -> None:
    """A full disk takes nobody off the line."""
    here = await line([])
    await _until(lambda: bool(heard(here.folder, "connect")))
    (here.folder / f"{MARK}.new").mkdir()
    here.connector._gateway._hear_state(None, {"is": "state", "happening": "connected"})  # type: ignore[arg-type]
    assert "cannot be written" in "\n".join(lines)


async def test_a_gateway_that_does_not_answer_is_killed(line: Start) -> None:
    """When even the library's own deadline has passed, the process is ended; the message is in doubt."""
    here = await line([ONLINE, {"wait": "send"}, {"hang": 1}], [ONLINE], patience=replace(_PATIENCE, verdict_s=0.2))
    await here.reaches(State.ONLINE)
    assert await here.connector.send(_ack()) == Unknown("the gateway did not answer")
    await _until(lambda: len((here.folder / "births").read_text()) == 2)
    await here.reaches(State.ONLINE)


async def test_a_late_answer_is_told_and_awaited(line: Start) -> None:
    """A message that waits for longer than usual shows in the health, until its answer comes."""
    here = await line(
        [ONLINE, {"wait": "send"}, message("?"), {"tell": {"is": "sent", "id": 1, "message_id": "M1"}}],
        patience=replace(_PATIENCE, late_s=0.0),
    )
    here.journal.gate.clear()
    await here.reaches(State.ONLINE)
    sending = asyncio.create_task(here.connector.send(_ack()))
    await _until(lambda: "longer than usual" in here.connector.health().problem)
    here.journal.gate.set()
    assert await sending == Sent("M1")
    assert here.connector.health().problem == ""


@pytest.mark.parametrize(
    "frame", [{"is": "sent", "id": 1}, {"is": "dream"}, {"is": "state", "happening": "dream"}], ids=str
)
async def test_words_of_another_version_are_survived(line: Start, frame: dict[str, Any]) -> None:
    """A gateway that says something unknown ends nothing; a sent message without an id is in doubt."""
    here = await line([ONLINE, {"wait": "send"}, {"tell": frame}, {"tell": {"is": "sent", "id": 1}}])
    await here.reaches(State.ONLINE)
    assert await here.connector.send(_ack()) == Unknown("the gateway named no message")


async def test_bytes_that_are_no_frame_end_the_gateway(line: Start) -> None:
    """A process that speaks something else is killed and started anew."""
    here = await line([ONLINE, {"write": "ffffffff"}, {"hang": 1}], [ONLINE])
    await _until(lambda: len(heard(here.folder, "connect")) == 2)
    await here.reaches(State.ONLINE)


_ENDS = {
    "unlinked": (state("no_device"), State.UNLINKED, Fault.MISCONFIGURED),
    "replaced": (state("replaced"), State.REPLACED, Fault.MISCONFIGURED),
    "banned": (state("banned", expires_in_s=3600), State.BANNED, Fault.TRANSIENT),
    "outdated": (state("outdated"), State.OUTDATED, Fault.MISCONFIGURED),
    "logged out": (state("logged_out"), State.LOGGED_OUT, Fault.MISCONFIGURED),
}


@pytest.mark.parametrize(("step", "found", "fault"), _ENDS.values(), ids=_ENDS)
async def test_an_end_for_good_ends_the_gateway(line: Start, step: dict[str, Any], found: State, fault: Fault) -> None:
    """Where only a person or time can help, the gateway is ended, none is started, and sending says why."""
    here = await line([step])
    await here.reaches(found)
    await _until(lambda: bool(heard(here.folder, "stop")))
    outcome = await here.connector.send(_ack())
    assert isinstance(outcome, Rejected)
    assert (outcome.fault, outcome.code) == (fault, found.value)
    assert outcome.reason == here.connector.health().problem
    assert not here.connector.health().ready
    await here.stop_listening()
    assert len(heard(here.folder, "connect")) == 1


async def test_unreachable_is_tried_again(line: Start) -> None:
    """Where the first connection cannot be made, the library does not try again: the supervision does."""
    here = await line([state("unreachable")], [state("unreachable")], [ONLINE])
    await here.reaches(State.ONLINE)
    assert len(heard(here.folder, "connect")) == 3


async def test_a_dropped_connection_is_the_librarys(line: Start) -> None:
    """A drop, silence and their ends change the state and start no new process."""
    steps = [
        ONLINE,
        state("silent"),
        message("1"),
        state("restored"),
        state("disconnected"),
        message("2", "A2"),
        ONLINE,
    ]
    here = await line(steps)
    await _until(lambda: len(heard(here.folder, "taken")) == 2)
    await here.reaches(State.ONLINE)
    assert len(heard(here.folder, "connect")) == 1


@pytest.mark.parametrize(("code", "words"), [(78, "neonize cannot be loaded"), (75, "another process uses")], ids=str)
async def test_a_gateway_that_cannot_run_says_why(line: Start, code: int, words: str) -> None:
    """What keeps the gateway from starting is told until it is mended."""
    here = await line([{"exit": code}], [{"wait": "send"}])
    await _until(lambda: words in here.connector.health().problem)
    outcome = await here.connector.send(_ack())
    assert isinstance(outcome, Rejected)
    assert words in outcome.reason
    assert not here.connector.health().ready


async def test_a_gateway_that_cannot_be_started_says_why(line: Start, tmp_path: Path) -> None:
    """The system's refusal is told, and it is tried again."""
    here = await line(started=Launch(tmp_path, (str(tmp_path / "absent"),)))
    await _until(lambda: "cannot be started: no such file" in here.connector.health().problem)


async def test_messages_to_one_client_keep_their_gap(line: Start) -> None:
    """A second message to a client waits; where its turn does not come in time, the relay is told when to ask again."""
    here = await line([ONLINE], per_client_gap=timedelta(hours=1), patience=replace(_PATIENCE, turn_s=0.05))
    await here.reaches(State.ONLINE)
    assert isinstance(await here.connector.send(_ack()), Sent)
    found = await here.connector.send(_ack(2))
    assert isinstance(found, Rejected)
    assert (found.fault, found.code) == (Fault.TRANSIENT, "pace")
    assert timedelta(minutes=59) < found.retry_after <= timedelta(hours=1)
    assert isinstance(await here.connector.send(_ack(3, "254799999999@s.whatsapp.net")), Sent)


async def test_the_client_sees_that_somebody_is_there(line: Start) -> None:
    """Before its answer a message is shown as read, once; the order for it goes ahead and nothing waits for it."""
    here = await line([ONLINE], read_receipts=True)
    await here.reaches(State.ONLINE)
    assert isinstance(await here.connector.send(_ack()), Sent)
    assert isinstance(await here.connector.send(replace(_ack(2), attempt=2)), Sent)
    orders = [frame for frame in heard(here.folder) if frame["do"] in {"attend", "send"}]
    assert [frame["do"] for frame in orders] == ["attend", "send", "send"]
    assert {key: orders[0][key] for key in ("user", "server", "message_id")} == {
        "user": "254712345678",
        "server": "s.whatsapp.net",
        "message_id": "A1",
    }


@pytest.mark.parametrize(("read_receipts", "message_id"), [(False, "A1"), (True, "wamid.A=="), (True, "SM 1")])
async def test_nothing_is_shown_as_read_otherwise(line: Start, *, read_receipts: bool, message_id: str) -> None:
    """Not where it is off, and not for a message that came by another way."""
    here = await line([ONLINE], read_receipts=read_receipts)
    await here.reaches(State.ONLINE)
    claimed = claim(Acknowledgement(_PEER, "Hello", message_id))
    assert isinstance(await here.connector.send(claimed), Sent)
    assert heard(here.folder, "attend") == []


async def test_the_gateway_is_told_how_patient_its_probe_is(line: Start) -> None:
    """The spans of the probe come from the daemon."""
    here = await line([ONLINE], patience=replace(_PATIENCE, probe_after_s=7, probe_within_s=3))
    await here.reaches(State.ONLINE)
    (order,) = heard(here.folder, "connect")
    assert (order["probe_after_s"], order["probe_within_s"]) == (7, 3)


async def test_messages_leave_one_by_one(line: Start) -> None:
    """However many the relay has under way, the gateway gets the next when the one before has its answer."""
    here = await line([ONLINE, {"wait": "send"}, message("?"), {"tell": {"is": "sent", "id": 1, "message_id": "M1"}}])
    here.journal.gate.clear()
    await here.reaches(State.ONLINE)
    sending = [asyncio.create_task(here.connector.send(_ack(number))) for number in (1, 2, 3)]
    await _until(lambda: len(heard(here.folder, "send")) == 1)
    here.journal.gate.set()
    assert all(isinstance(outcome, Sent) for outcome in await asyncio.gather(*sending))
    assert len(heard(here.folder, "send")) == 3


async def test_what_the_gateway_holds_is_taken_in_before_the_end(line: Start) -> None:
    """When listening ends, the gateway is told to stop and what it still hands over is accepted."""
    here = await line([ONLINE, {"wait": "stop"}, message("one"), message("two", "A2")])
    await here.reaches(State.ONLINE)
    await here.stop_listening()
    assert here.journal.texts == ["one", "two"]
    assert here.connector.health().state == "online"
    assert len(heard(here.folder, "connect")) == 1


async def test_what_was_being_accepted_is_accepted_before_the_end(line: Start) -> None:
    """A message whose acceptance was interrupted is accepted again: the journal knows it if it had been."""
    here = await line([ONLINE, message("one")])
    here.journal.gate.clear()
    await here.reaches(State.ONLINE)
    assert here.listening is not None
    here.listening.cancel()
    await _until(lambda: bool(heard(here.folder, "stop")))
    here.journal.gate.set()
    with suppress(asyncio.CancelledError):
        await here.listening
    assert here.journal.texts == ["one"]


async def test_the_end_does_not_wait_for_a_journal_that_is_away(line: Start) -> None:
    """What cannot be accepted in time is left, and the gateway is ended by force."""
    patience = replace(_PATIENCE, drain_s=0.3, close_s=0.3)
    here = await line([ONLINE, message("one"), {"hang": 1}], patience=patience)
    here.journal.gate.clear()
    await here.reaches(State.ONLINE)
    await here.stop_listening()
    await here.connector.close()
    assert here.journal.texts == []


_STATES: dict[str, list[dict[str, Any]]] = {
    "never online": [{"hang": 1}],
    "online": [ONLINE],
    "online and deaf": [ONLINE, {"hang": 1}],
    "silent": [ONLINE, state("silent"), {"hang": 1}],
    "dropped": [ONLINE, state("disconnected"), {"hang": 1}],
    "replaced": [ONLINE, state("replaced"), {"hang": 1}],
    "banned": [state("banned"), {"hang": 1}],
    "unlinked": [state("no_device")],
    "handing over": [ONLINE, message("one"), {"hang": 1}],
    "ended": [{"exit": 3}],
}


@pytest.mark.parametrize("orderly", [True, False], ids=["orderly", "at once"])
@pytest.mark.parametrize("steps", _STATES.values(), ids=_STATES.keys())
async def test_closes_in_every_state(line: Start, steps: list[dict[str, Any]], orderly: bool) -> None:  # noqa: FBT001
    """Whatever the gateway does, it has ended a moment after the deadlines, and closing again is no error."""
    here = await line(steps, patience=replace(_PATIENCE, drain_s=0.5, close_s=0.5))
    await _until(lambda: bool(heard(here.folder, "connect")))
    async with asyncio.timeout(10):
        if orderly:
            await here.stop_listening()
        await here.connector.close()
        await here.connector.close()
    assert here.connector._gateway.child is None


async def test_a_connection_that_was_given_up_is_made_again(line: Start) -> None:
    """Another node had it meanwhile, or the journal was away for long: whoever listens again has it again."""
    brief = replace(_PATIENCE, drain_s=0.5, close_s=0.5)
    here = await line([ONLINE, message("one"), {"hang": 1}], [ONLINE, message("two"), {"hang": 1}], patience=brief)
    await _until(lambda: len(here.journal.accepted) == 1)
    await here.stop_listening()
    here.listening = asyncio.create_task(here.connector.listen(here.journal.accept))
    await _until(lambda: len(here.journal.accepted) == 2)
    assert here.connector.health().ready
    assert here.connector.is_of_use()


async def test_closes_before_it_was_started(line: Start, tmp_path: Path) -> None:
    """Without a start there is nothing to end, and nothing can be sent."""
    connector = WhatsAppWeb(
        "main", launch=launch(tmp_path), per_second=1, per_client_gap=timedelta(0), clock=SetClock(), chance=lambda: 0.0
    )
    outcome = await connector.send(_ack())
    assert isinstance(outcome, Rejected)
    assert outcome.fault is Fault.TRANSIENT
    await connector.close()


async def test_the_device_can_be_unlinked(line: Start) -> None:
    """Logging out is done over the connection, ends the gateway and leaves the number unlinked."""
    here = await line([ONLINE])
    await here.reaches(State.ONLINE)
    await here.connector.log_out()
    await here.reaches(State.LOGGED_OUT)
    with pytest.raises(UsageError, match="unlink the device on the phone"):
        await here.connector.log_out()


@pytest.mark.parametrize(
    "step",
    [{"tell": {"is": "logged_out", "done": False}}, {"exit": 1}, {"hang": 1}],
    ids=["refused", "ended", "stuck"],
)
async def test_unlinking_may_fail(line: Start, step: dict[str, Any]) -> None:
    """Where WhatsApp is not told, the operator learns what to do on the phone."""
    patience = replace(_PATIENCE, logout_s=0.5, drain_s=0.5, close_s=0.5)
    here = await line([ONLINE, {"wait": "logout"}, step], patience=patience)
    await here.reaches(State.ONLINE)
    with pytest.raises(UsageError, match="did not take the request"):
        await here.connector.log_out()


async def test_the_gateway_does_not_learn_our_secrets(tmp_path: Path, line: Start) -> None:
    """The environment of the process lacks the engine's secrets and has what the library must know at its start."""
    script = "import os, pathlib; pathlib.Path('ENVIRON').write_text(repr(dict(os.environ)))"
    script = script.replace("ENVIRON", str(tmp_path / "environ"))
    environ = {**os.environ, "ENGINE_MATTERMOST_TOKEN": "s3cret", "NOTIFY_SOCKET": "/x", "KEPT": "yes"}
    started = Launch(tmp_path, ("python3", "-c", script), environ)
    await line(started=started)
    await _until(lambda: (tmp_path / "environ").exists() and "KEPT" in (tmp_path / "environ").read_text())
    written = (tmp_path / "environ").read_text()
    assert "s3cret" not in written
    assert "NOTIFY_SOCKET" not in written
    assert "'NEONIZE_BOT_TAG': 'off'" in written


async def test_nothing_of_a_client_is_logged(line: Start, lines: list[str]) -> None:
    """Neither numbers nor names nor words nor what the library prints reach the log, whatever happens."""
    steps = [
        ONLINE,
        {"print": "panic: 254712345678 Jackson dial\n"},
        message("no dial tone"),
        {"tell": {"is": "dream"}},
        _refused("no LID found for 254712345678 from server"),
        {"wait": "send"},
        {"die": signal.SIGABRT},
    ]
    here = await line(steps, [ONLINE])
    await here.reaches(State.ONLINE)
    await here.connector.send(_ack())
    await here.connector.send(_ack(2))
    await _until(lambda: len(heard(here.folder, "connect")) == 2)
    told = "\n".join(lines)
    assert "its library gave up" in told
    assert [planted for planted in ("2547123", "Jackson", "dial tone", "M1") if planted in told] == []


async def test_a_fault_of_ours_ends_the_daemon(line: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervision that fails is not survived in silence: listening raises, and the daemon is started anew."""
    here = await line([ONLINE, {"wait": "send"}, {"tell": {"is": "dream"}}])
    await here.reaches(State.ONLINE)

    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(here.connector._gateway, "_hear", fail)
    assert here.listening is not None
    sending = asyncio.create_task(here.connector.send(_ack()))
    with pytest.raises(RuntimeError, match="a fault"):
        await here.listening
    here.listening = None
    assert isinstance(await sending, Unknown)
