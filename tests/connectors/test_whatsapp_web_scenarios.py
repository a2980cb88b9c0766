"""The real gateway, with the real library in it, against the stand-in for WhatsApp Web."""

import asyncio
import fcntl
import os
import signal
import socket
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from loguru import logger
from standins.claims import claim
from standins.parts import SetClock
from standins.whatsapp import Person, Service, Shown, failure, running
from standins.whatsapp.store import PHONE

from engine.connectors.whatsapp_web import Launch, WhatsAppWeb, linking
from engine.connectors.whatsapp_web.sessions import BACKUP, LOCK, is_linked, session_file
from engine.connectors.whatsapp_web.states import State
from engine.connectors.whatsapp_web.supervision import Patience
from engine.core.deliveries import Acknowledgement, Claimed, Fault, Rejected, Sent, Unknown
from engine.core.events import Inbound
from engine.core.media import Fetched
from engine.ports import Received

pytestmark = pytest.mark.system

_PHONE = "628123456789"
_LID = "55500055500"


class _Clock(SetClock):
    def elapsed(self) -> timedelta:
        return timedelta(seconds=monotonic())


async def _until(condition: Callable[[], bool], patience_s: float = 15.0) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.02)


class _Line:
    """A connector with its gateway, and what was accepted of it."""

    def __init__(
        self, service: Service, folder: Path, patience: Patience | None = None, *, read_receipts: bool = False
    ) -> None:
        self.connector = WhatsAppWeb(
            "main",
            launch=Launch(folder, environ=service.environ),
            per_second=10_000,
            per_client_gap=timedelta(0),
            read_receipts=read_receipts,
            clock=_Clock(),
            chance=lambda: 0.0,
            patience=patience or replace(Patience(), close_s=8),
        )
        self.folder = folder
        self.accepted: list[Received] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.connector.start()
        self.listening = asyncio.create_task(self.connector.listen(self._accept))

    async def _accept(self, received: Received) -> None:
        await self.gate.wait()
        self.accepted.append(received)

    async def reaches(self, state: State, patience_s: float = 15.0) -> None:
        await _until(lambda: self.connector.health().state == state, patience_s)

    @property
    def inbounds(self) -> list[Inbound]:
        return [inbound for received in self.accepted for inbound in received.inbounds]

    @property
    def texts(self) -> list[str]:
        return [inbound.event.message.text for inbound in self.inbounds]

    @property
    def signals(self) -> list[tuple[str, str]]:
        return [(signal.kind, signal.conversation_id) for one in self.accepted for signal in one.signals]

    async def takes(self, text: str) -> Inbound:
        await _until(lambda: text in self.texts)
        return next(inbound for inbound in self.inbounds if inbound.event.message.text == text)

    async def stop_listening(self) -> None:
        if self.listening is not None:
            self.listening.cancel()
            with suppress(asyncio.CancelledError):
                await self.listening
            self.listening = None

    async def close(self) -> None:
        await self.stop_listening()
        await self.connector.close()

    @property
    def pid(self) -> int:
        child = self.connector._gateway.child
        assert child is not None
        return child.pid


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """WhatsApp Web on ports of its own, with a session beside that is linked to it."""
    (tmp_path / "session").mkdir()
    async with running(tmp_path) as service:
        service.paired(session_file(tmp_path / "session"))
        session_file(tmp_path / "session").chmod(0o600)
        yield service


@pytest.fixture
def ana(service: Service) -> Person:
    """A client whose number is known."""
    return service.person(_PHONE, _LID)


@pytest.fixture
async def line(service: Service, tmp_path: Path) -> AsyncIterator[_Line]:
    """A connector that is online."""
    line = _Line(service, tmp_path / "session")
    await line.start()
    try:
        await line.reaches(State.ONLINE)
        yield line
    finally:
        await line.close()


def _probing(after_s: float, within_s: float) -> Patience:
    return replace(Patience(), close_s=8, drain_s=2, probe_after_s=after_s, probe_within_s=within_s)


def _ack(peer: str, text: str = "We look into it.", number: int = 1) -> Claimed:
    return claim(Acknowledgement(peer, text, "A1"), number=number)


async def test_a_message_is_taken_and_answered(service: Service, ana: Person, line: _Line) -> None:
    """A client's words arrive with name, number and time, and the answer can be read on the client's phone."""
    written = await ana.write("the line is down")
    inbound = await line.takes("the line is down")
    assert inbound.event.message.id == written
    assert inbound.event.conversation_id == f"wa-{_PHONE}"
    assert (inbound.event.client.phone, inbound.event.client.display_name) == (f"+{_PHONE}", "Ana")
    assert inbound.reply is not None
    await service.receipted(written)

    outcome = await line.connector.send(_ack(inbound.reply.peer, "Hello @254712345678, we look into it."))
    reply = await ana.reply()
    assert outcome == Sent(reply.message_id)
    assert reply.text == "Hello @254712345678, we look into it."
    # Neither a bot's mark nor a mention.
    assert "bot" not in repr(service.sent())

    await ana.receipt(reply.message_id, "read")
    await _until(lambda: any(received.receipts for received in line.accepted))
    (receipt,) = (receipt for received in line.accepted for receipt in received.receipts)
    assert (receipt.provider_id, receipt.status) == (reply.message_id, "read")
    assert f"wa-{_PHONE}" in receipt.aliases


async def test_while_the_journal_is_away_whatsapp_keeps_the_rest(service: Service, ana: Person, line: _Line) -> None:
    """A blocked acceptance blocks the library: it acknowledges what it has room for, and loses nothing."""
    line.gate.clear()
    written = [await ana.write(f"message {number}") for number in range(150)]
    await _until(lambda: len(service.unreceipted) <= len(written) - 100)
    assert line.texts == []
    line.gate.set()
    await _until(lambda: len(line.texts) == len(written))
    assert line.texts == [f"message {number}" for number in range(150)]


async def test_a_hidden_number_is_answered_where_it_wrote(service: Service, line: _Line) -> None:
    """A client whose number WhatsApp hides is answered at the hidden address."""
    bob = service.person("628111111111", lid="77700077700", name="", shown=Shown.LID)
    await bob.write("who am I?")
    inbound = await line.takes("who am I?")
    assert inbound.event.client.phone is None
    assert inbound.event.client.display_name is None
    assert inbound.event.conversation_id == "wa-lid-77700077700"
    assert inbound.reply is not None
    assert isinstance(await line.connector.send(_ack(inbound.reply.peer)), Sent)
    assert (await bob.reply()).text == "We look into it."


async def test_a_number_that_comes_along_names_the_conversation(service: Service, line: _Line) -> None:
    """Where the number comes beside the hidden one, the conversation is the number's."""
    bob = service.person("628111111111", lid="77700077700", shown=Shown.BOTH)
    await bob.write("hello")
    inbound = await line.takes("hello")
    assert inbound.event.conversation_id == "wa-628111111111"
    assert inbound.reply is not None
    assert inbound.reply.peer == "77700077700@lid"


async def test_what_happens_in_a_conversation_is_told(service: Service, ana: Person, line: _Line) -> None:
    """Edits are messages, what is taken back and reactions are signals, and what cannot be read is told."""
    first = await ana.write("the line is dwon")
    await ana.edit(first, "the line is down")
    await ana.react("ours", "👍")
    await ana.revoke(first)
    await ana.write_unreadably()
    await _until(lambda: [one.event.message.kind for one in line.inbounds][-1:] == ["undecryptable"])
    await _until(lambda: len(line.signals) == 2)
    kinds = [(one.event.message.kind, one.event.message.text) for one in line.inbounds]
    assert kinds == [("message", "the line is dwon"), ("edit", "the line is down"), ("undecryptable", "")]
    conversation = f"wa-{_PHONE}"
    assert line.signals == [("reaction", conversation), ("revoke", conversation)]


async def test_a_colleague_on_the_phone_is_a_signal(service: Service, ana: Person, line: _Line) -> None:
    """What is written on the account's own phone is no message, but a person's answer in the client's conversation."""
    await service.phone.write_to(ana, "I take this")
    await _until(lambda: bool(line.signals))
    assert line.signals == [("human_reply", f"wa-{_PHONE}")]
    assert line.texts == []


_FILE = bytes(range(256)) * 4000


async def _fetched(line: _Line, number: int, limit: int = 2_000_000) -> Fetched | Rejected | Unknown:
    """The file of the message with this number, as the incident's thread would get it."""
    await _until(lambda: len(line.inbounds) > number)
    (attachment,) = line.inbounds[number].event.message.attachments
    return await line.connector.media.fetch(attachment.reference or "", limit)


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document", "sticker"])
async def test_a_file_is_fetched_as_the_client_sent_it(service: Service, ana: Person, line: _Line, kind: str) -> None:
    """Byte by byte, whatever kind it is, and asked for once."""
    await ana.send_file(kind, "x/y", _FILE)
    assert await _fetched(line, 0) == Fetched(_FILE, "")
    assert service.asked_for == list(service.files)
    assert line.inbounds[0].event.message.attachments[0].size_bytes == len(_FILE)


async def test_a_file_that_is_too_long_is_not_begun(service: Service, ana: Person, line: _Line) -> None:
    """By the length that its message tells, or by its own when that was a lie."""
    await ana.send_file("image", "image/jpeg", _FILE)
    found = await _fetched(line, 0, limit=1000)
    assert isinstance(found, Rejected)
    assert (found.code, service.asked_for) == ("too-large", [])
    await ana.send_file("image", "image/jpeg", _FILE, length=9)
    found = await _fetched(line, 1, limit=1000)
    assert isinstance(found, Rejected)
    assert (found.code, len(service.asked_for)) == ("too-large", 1)


@pytest.mark.parametrize(
    ("fault", "code"), [(403, "gone"), (404, "gone"), (410, "gone"), ("damaged", "damaged")], ids=str
)
async def test_a_file_that_cannot_be_had_says_why(
    service: Service, ana: Person, line: _Line, fault: int | str, code: str
) -> None:
    """Too old for WhatsApp, or not what its message says; nothing else waits for it."""
    await ana.send_file("audio", "audio/ogg", _FILE)
    if isinstance(fault, int):
        service.file_faults.append(fault)
    else:
        service.files = {path: bytes(len(kept)) for path, kept in service.files.items()}
    found = await _fetched(line, 0)
    assert isinstance(found, Rejected)
    assert (found.fault, found.code) == (Fault.PERMANENT, code)


async def test_a_file_that_is_cut_comes_the_next_time(service: Service, ana: Person, line: _Line) -> None:
    """The library asks again by itself, and half of a file is none."""
    await ana.send_file("audio", "audio/ogg", _FILE)
    service.file_faults.append(None)
    found = await _fetched(line, 0)
    if isinstance(found, Rejected):
        assert (found.fault, found.code) == (Fault.TRANSIENT, "cut")
        found = await _fetched(line, 0)
    assert found == Fetched(_FILE, "")


async def test_neither_messages_nor_answers_wait_for_a_file(service: Service, ana: Person, line: _Line) -> None:
    """While WhatsApp does not even say where its files are, the conversation goes on."""
    service.silent.add("w:m")
    await ana.send_file("image", "image/jpeg", _FILE)
    fetching = asyncio.create_task(_fetched(line, 0))
    await service.until(lambda: any(one.get("xmlns") == "w:m" for one in service.stanzas), "the question for files")
    await ana.write("still here")
    await line.takes("still here")
    assert isinstance(await line.connector.send(_ack(f"{_PHONE}@s.whatsapp.net")), Sent)
    assert not fetching.done()
    os.kill(line.pid, signal.SIGKILL)
    assert await fetching == Unknown("the gateway ended while it fetched the file")
    service.silent.clear()
    await service.online(2)
    await line.reaches(State.ONLINE)
    assert await _fetched(line, 0) == Fetched(_FILE, "")


async def test_groups_and_status_are_nobodys(service: Service, ana: Person, line: _Line) -> None:
    """What is written to a group or to everybody is acknowledged to WhatsApp and goes no further."""
    for written in (await ana.write_to_group("hi all"), await ana.publish_status("at the beach")):
        await service.receipted(written)
    await ana.write("and now to you")
    await line.takes("and now to you")
    assert line.texts == ["and now to you"]


async def test_odd_characters_arrive_as_harmless_ones(ana: Person, line: _Line) -> None:
    """What databases refuse is replaced on the way."""
    await ana.write("\0 and \u2028")
    assert (await line.takes("\ufffd and \n")).event.message.kind == "message"


@pytest.mark.parametrize(
    ("code", "fault"),
    [(463, Fault.PERMANENT), (479, Fault.PERMANENT), (429, Fault.TRANSIENT), (400, Fault.PERMANENT)],
)
async def test_refusals_of_whatsapp(service: Service, ana: Person, line: _Line, code: int, fault: Fault) -> None:
    """An error in WhatsApp's acknowledgement says whether it is tried again."""
    await ana.write("hello")
    await line.takes("hello")
    service.acknowledging.error = code
    outcome = await line.connector.send(_ack(f"{_PHONE}@s.whatsapp.net"))
    assert isinstance(outcome, Rejected)
    assert (outcome.fault, outcome.code) == (fault, str(code))


async def test_the_receipt_of_a_lost_answer_arrives(service: Service, ana: Person, line: _Line) -> None:
    """A send whose acknowledgement never comes dies with its gateway; the client's receipt comes to the next one."""
    await ana.write("hello")
    await line.takes("hello")
    service.acknowledging.when = "lost"
    sending = asyncio.create_task(line.connector.send(_ack(f"{_PHONE}@s.whatsapp.net")))
    reply = await ana.reply()
    os.kill(line.pid, signal.SIGKILL)
    assert isinstance(await sending, Unknown)
    service.acknowledging.when = "at once"
    await service.online(2)
    await line.reaches(State.ONLINE)
    await ana.receipt(reply.message_id)
    await _until(lambda: any(received.receipts for received in line.accepted))
    (receipt,) = (receipt for received in line.accepted for receipt in received.receipts)
    assert (receipt.key, receipt.provider_id, receipt.status) == ("", reply.message_id, "delivered")


async def test_a_drop_is_mended_by_the_library(service: Service, ana: Person, line: _Line) -> None:
    """After a cut the same process is back at once, and what was written meanwhile arrives."""
    pid = line.pid
    await service.drop()
    await ana.write("while you were away")
    await service.online(2)
    await line.takes("while you were away")
    await line.reaches(State.ONLINE)
    assert line.pid == pid


async def test_a_dead_link_is_found_and_replaced(service: Service, ana: Person, tmp_path: Path) -> None:
    """A link that is open and carries nothing is asked, told and given up, long before the library does so."""
    line = _Line(service, tmp_path / "session", _probing(0.5, 1.0))
    await line.start()
    try:
        await service.online()
        await line.reaches(State.ONLINE)
        pid = line.pid
        service.fall_silent()
        await line.reaches(State.DEGRADED)
        assert line.connector.health().problem.startswith("WhatsApp does not answer on the open connection")
        await ana.write("is anybody there?")
        await line.takes("is anybody there?")
        await line.reaches(State.ONLINE)
        assert line.pid != pid
    finally:
        await line.close()


async def test_a_link_that_carries_something_is_kept(service: Service, ana: Person, tmp_path: Path) -> None:
    """Where WhatsApp does not answer the question but brings a message, the link is well again."""
    line = _Line(service, tmp_path / "session", _probing(0.5, 5.0))
    await line.start()
    try:
        await service.online()
        await line.reaches(State.ONLINE)
        pid = line.pid
        service.silent.add("usync")
        await line.reaches(State.DEGRADED)
        await ana.write("hello")
        await line.takes("hello")
        await line.reaches(State.ONLINE)
        assert line.pid == pid
    finally:
        await line.close()


async def test_a_quiet_link_is_asked_and_stays(service: Service, tmp_path: Path) -> None:
    """As long as WhatsApp answers, again and again, nothing changes."""
    line = _Line(service, tmp_path / "session", _probing(0.2, 5.0))
    await line.start()
    try:
        await line.reaches(State.ONLINE)

        def asked() -> int:
            return sum(f"+{PHONE}" in repr(node) for node in service.stanzas)

        await service.until(lambda: asked() >= 3, "three questions")
        assert line.connector.health().ready
    finally:
        await line.close()


async def test_the_client_sees_that_somebody_is_there(service: Service, ana: Person, tmp_path: Path) -> None:
    """With `read_receipts` the message is read and an answer typed; the answer comes whether or not WhatsApp cares."""
    line = _Line(service, tmp_path / "session", read_receipts=True)
    await line.start()
    try:
        await line.reaches(State.ONLINE)
        written = await ana.write("the line is down")
        await line.takes("the line is down")
        body = Acknowledgement(f"{_PHONE}@s.whatsapp.net", "We look into it.", written)
        assert isinstance(await line.connector.send(claim(body)), Sent)
        assert (await ana.reply()).text == "We look into it."
        await service.until(lambda: written in service.read() and service.typed(ana), "blue ticks and typing")
    finally:
        await line.close()


async def test_a_killed_gateway_is_replaced(service: Service, ana: Person, line: _Line) -> None:
    """After SIGKILL another process takes over, and what WhatsApp was not told to have arrived comes again."""
    line.gate.clear()
    await ana.write("before")
    await _until(lambda: not line.connector._arrivals.empty() or line.connector._being_taken is not None)
    os.kill(line.pid, signal.SIGKILL)
    line.gate.set()
    await line.takes("before")
    await service.online(2)
    await line.reaches(State.ONLINE)
    await ana.write("after")
    await line.takes("after")


async def test_a_kill_under_load_loses_no_more_than_the_library_holds(
    service: Service, ana: Person, line: _Line
) -> None:
    """SIGKILL in the middle of a burst: what was not acknowledged comes again, what was is known at least by its id,
    and nothing is taken out of order.
    """
    written = [await ana.write(f"message {number}") for number in range(200)]
    await _until(lambda: len(line.texts) >= 20)
    os.kill(line.pid, signal.SIGKILL)
    await _until(lambda: not service.unreceipted)
    await ana.write("the last")
    await line.takes("the last")
    ids = [inbound.event.message.id for inbound in line.inbounds]
    assert set(written) <= set(ids)
    unread = {inbound.event.message.id for inbound in line.inbounds if not inbound.event.message.text}
    assert len(unread - {inbound.event.message.id for inbound in line.inbounds if inbound.event.message.text}) <= 101
    first_seen = sorted(set(ids), key=ids.index)
    assert first_seen == sorted(first_seen)


async def test_what_a_kill_takes_with_it_is_known(service: Service, ana: Person, line: _Line) -> None:
    """Messages that WhatsApp holds for delivered and that died in the library come in without their words, once, before
    anything later, with the client's name and number; and the operators can be told when it was.
    """
    line.gate.clear()
    bob = service.person("628111111111", lid="77700077700", name="Bob", shown=Shown.BOTH)
    await service.phone.write_to(ana, "I take this")
    await ana.write_to_group("hi all")
    written = [await person.write(f"message {number}") for number in range(10) for person in (ana, bob)]
    await _until(lambda: not service.unreceipted)
    os.kill(line.pid, signal.SIGKILL)
    line.gate.set()
    await service.online(2)
    await ana.write("after")
    await line.takes("after")
    found = [inbound.event for inbound in line.inbounds]
    assert [event.message.id for event in found[:-1]] == written
    assert {(event.message.kind, event.message.text) for event in found[:-1]} == {("undecryptable", "")}
    assert {(event.conversation_id, event.client.phone, event.client.display_name) for event in found} == {
        (f"wa-{_PHONE}", f"+{_PHONE}", "Ana"),
        ("wa-628111111111", "+628111111111", "Bob"),
    }
    assert line.connector.health().lost_at is not None


async def test_a_stop_leaves_nothing_to_look_for(service: Service, ana: Person, line: _Line) -> None:
    """After an ordinary end the next gateway finds nothing that was lost."""
    await ana.write("before")
    await line.takes("before")
    await line.close()
    again = _Line(service, line.folder)
    await again.start()
    try:
        await service.online(2)
        await ana.write("after")
        await again.takes("after")
        assert again.texts == ["after"]
        assert again.connector.health().lost_at is None
    finally:
        await again.close()


async def test_a_damaged_session_says_so(service: Service, tmp_path: Path) -> None:
    """A file that cannot be opened is no phone that was never linked: a person has to put the copy in its place."""
    session_file(tmp_path / "session").write_bytes(b"damaged" * 1000)
    line = _Line(service, tmp_path / "session")
    await line.start()
    try:
        await _until(lambda: "file cannot be opened" in line.connector.health().problem)
    finally:
        await line.close()


async def test_an_unreachable_whatsapp_is_tried_again(service: Service, tmp_path: Path) -> None:
    """Where nothing answers at the start, a new gateway tries until something does."""
    await service.refuse_connections()
    line = _Line(service, tmp_path / "session")
    await line.start()
    try:
        await _until(lambda: line.connector._gateway.standing.failures >= 1)
        assert "failures so far" in line.connector.health().problem
        await service.accept_connections()
        await line.reaches(State.ONLINE)
    finally:
        await line.close()


async def test_a_device_used_elsewhere_is_left_alone(service: Service, line: _Line) -> None:
    """When another program takes the device over, this one ends and does not fight for it."""
    await service.replace()
    await line.reaches(State.REPLACED)
    await _until(lambda: line.connector._gateway.is_over)


async def test_a_device_that_was_unlinked_says_so(service: Service, line: _Line) -> None:
    """When the phone removes the device, its gateway ends, and the next start finds no phone linked."""
    await service.unlink()
    await line.reaches(State.LOGGED_OUT)
    await _until(lambda: line.connector._gateway.is_over)
    assert not is_linked(line.folder)
    again = _Line(service, line.folder)
    await again.start()
    await again.reaches(State.UNLINKED)
    await again.close()


@pytest.mark.parametrize(
    ("reason", "attributes", "state"),
    [(402, {"code": 101, "expire": 3600}, State.BANNED), (405, {}, State.OUTDATED), (403, {}, State.LOGGED_OUT)],
    ids=["banned", "outdated", "locked"],
)
async def test_refused_logins_say_why(
    service: Service, line: _Line, reason: int, attributes: dict[str, int], state: State
) -> None:
    """A ban, an old version and a locked account are told apart, and the gateway ends."""
    await service.fail(reason, **attributes)
    await line.reaches(state)
    await _until(lambda: line.connector._gateway.child is None)
    if state is State.BANNED:
        until = line.connector._gateway.standing.until
        assert until is not None
        assert until - line.connector._gateway.standing.since == timedelta(hours=1)
    await line.close()


async def test_what_whatsapp_was_told_is_here_is_taken_in_before_the_end(
    service: Service, ana: Person, line: _Line
) -> None:
    """At a stop every message whose receipt is out is accepted before the gateway ends."""
    line.gate.clear()
    written = [await ana.write(f"message {number}") for number in range(60)]
    await _until(lambda: not service.unreceipted)
    assert line.listening is not None
    line.listening.cancel()
    line.gate.set()
    with suppress(asyncio.CancelledError):
        await line.listening
    line.listening = None
    assert len(line.texts) == len(written)


def _modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_the_session_is_private_and_has_a_copy(line: _Line) -> None:
    """Whoever reads the keys can read and write as the number: the files are the daemon's alone, in WAL mode."""
    await _until((line.folder / BACKUP).exists)
    assert _modes(line.folder) == {0o600}
    with closing(sqlite3.connect(line.folder / BACKUP)) as copy:
        assert copy.execute("select count(*) from whatsmeow_device").fetchone() == (1,)
    with closing(sqlite3.connect(session_file(line.folder))) as session:
        assert session.execute("pragma journal_mode").fetchone() == ("wal",)


async def test_unlinking_from_here(line: _Line) -> None:
    """Logging out removes the device at WhatsApp and its keys here."""
    await line.connector.log_out()
    await line.reaches(State.LOGGED_OUT)
    await _until(lambda: line.connector._gateway.is_over)
    assert not is_linked(line.folder)


async def test_ends_when_the_daemon_is_gone(service: Service, ana: Person, line: _Line) -> None:
    """A gateway whose daemon was killed does not go on alone: nobody may be told that anything was taken."""
    pid = line.pid
    child = line.connector._gateway.child
    assert child is not None
    child._writer.transport.abort()
    await _until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or line.pid != pid)


async def _bring_about(situation: str, service: Service, line: _Line) -> None:
    """What befalls a connection that was up."""
    match situation:
        case "replaced":
            await service.replace()
            await line.reaches(State.REPLACED)
        case "service away":
            await service.refuse_connections()
            await line.reaches(State.CONNECTING)
        case "dialling again in vain":
            service.ignore_connections()
            await service.drop()
            await service.ignored()


@pytest.mark.parametrize(
    "situation",
    ["unlinked", "black hole", "replaced", "banned", "mid-send", "online", "service away", "dialling again in vain"],
)
async def test_stops_in_time_in_every_state(service: Service, tmp_path: Path, ana: Person, situation: str) -> None:
    """Whatever the connection is doing, listening and closing end within ten seconds."""
    folder = tmp_path / "session"
    hole = None
    if situation == "unlinked":
        session_file(folder).unlink()
    if situation == "banned":
        service.refusal = failure(402, code=101, expire=3600)
    line = _Line(service, folder, Patience())
    if situation == "black hole":
        hole = socket.create_server(("127.0.0.1", 0))
        port = hole.getsockname()[1]
        environ = {**service.environ, "HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        line.connector._gateway._launch = Launch(folder, environ=environ)
    await line.start()
    states = {"unlinked": State.UNLINKED, "banned": State.BANNED, "black hole": State.CONNECTING}
    await line.reaches(states.get(situation, State.ONLINE))
    sending = None
    if situation == "black hole":
        await asyncio.sleep(2)
    await _bring_about(situation, service, line)
    if situation == "mid-send":
        service.acknowledging.when = "lost"
        sending = asyncio.create_task(line.connector.send(_ack(f"{_PHONE}@s.whatsapp.net")))
        await ana.reply()
    async with asyncio.timeout(10):
        await line.close()
    assert line.connector._gateway.child is None
    if sending is not None:
        assert isinstance(await sending, Unknown)
    if hole is not None:
        hole.close()


def _write_config(folder: Path) -> Path:
    config = folder / "engine.yaml"
    config.write_text("connectors: {main: {type: whatsapp-web}}\n")
    return config


async def _engine(service: Service, config: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.cli", "whatsapp", *words, "--config", str(config)),
        env=service.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_phone_is_linked_by_its_qr_code(tmp_path: Path) -> None:
    """After the scan the session is linked, and a connector on it is online at once."""
    scanned: list[asyncio.Task[object]] = []
    folder = tmp_path / "session"
    async with running(tmp_path) as service:

        def show(kind: str, code: str) -> None:
            assert kind == "qr"
            if not scanned:
                scanned.append(asyncio.create_task(service.link(code)))

        found = await linking.link(Launch(folder, environ=service.environ), None, show, 20)
        assert found == (linking.Linked.DONE, "")
        await scanned[0]
        assert is_linked(folder)
        assert _modes(folder) == {0o600}
        line = _Line(service, folder)
        await line.start()
        try:
            await line.reaches(State.ONLINE)
        finally:
            await line.close()


async def test_a_phone_is_linked_by_a_code_to_type(tmp_path: Path) -> None:
    """`engine whatsapp link --phone` shows what has to be typed, and ends well; `logout` undoes it."""
    async with running(tmp_path) as service:
        config = _write_config(tmp_path)
        process = await _engine(service, config, "link", "--phone", f"+{PHONE}", "--timeout", "40")
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        await service.enter(line.rpartition("Type: ")[2].strip())
        rest, _ = await process.communicate()
        assert process.returncode == 0
        assert rest.decode().startswith("Linked.")
        assert is_linked(tmp_path / "state" / "whatsapp-main")
        process = await _engine(service, config, "logout")
        assert (await process.communicate())[0].decode().startswith("Unlinked.")
        assert not is_linked(tmp_path / "state" / "whatsapp-main")


async def test_a_code_that_nobody_scans_ends_in_time(tmp_path: Path) -> None:
    """The library never ends by itself while it shows codes; the command does."""
    async with running(tmp_path) as service:
        process = await _engine(service, _write_config(tmp_path), "link", "--timeout", "10")
        async with asyncio.timeout(30):
            shown, said = await process.communicate()
        assert process.returncode == 1
        assert "Scan the newest code" in shown.decode()
        assert "no phone was linked in time" in said.decode()


async def test_linking_that_is_broken_off_ends_in_time(tmp_path: Path) -> None:
    """The library cannot be stopped while a code shows; its process ends all the same, and lets go of the session."""
    shown = asyncio.Event()
    async with running(tmp_path) as service:
        launch = Launch(tmp_path / "session", environ=service.environ)
        linking_task = asyncio.create_task(linking.link(launch, None, lambda _kind, _code: shown.set(), 60))
        await asyncio.wait_for(shown.wait(), 20)
        linking_task.cancel()
        async with asyncio.timeout(10):
            with suppress(asyncio.CancelledError):
                await linking_task
    with (launch.folder / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_nothing_of_a_client_is_logged(ana: Person, service: Service, tmp_path: Path) -> None:
    """The library's own lines, with every stanza in them, go nowhere."""
    found: list[str] = []
    sink = logger.add(found.append, level="TRACE", format="{message} {extra} {exception}", diagnose=False)
    line = _Line(service, tmp_path / "session")
    await line.start()
    try:
        await line.reaches(State.ONLINE)
        written = await ana.write("the line is down")
        await line.takes("the line is down")
        await line.connector.send(_ack(f"{_PHONE}@s.whatsapp.net"))
        os.kill(line.pid, signal.SIGKILL)
        await service.online(2)
        await line.reaches(State.ONLINE)
    finally:
        await line.close()
        logger.remove(sink)
    told = "\n".join(found)
    assert "the gateway ended with -9" in told
    assert [planted for planted in (_PHONE, _LID, "Ana", "line is down", written) if planted in told] == []
