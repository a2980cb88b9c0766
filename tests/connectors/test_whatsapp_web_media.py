"""Files from WhatsApp Web: what is kept of a message, what the gateway does with it, and what its answers mean."""

import asyncio
import base64
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standins.gateway import ONLINE, heard, launch, message, piece, state
from standins.parts import SetClock

from engine.connectors.whatsapp_web import WhatsAppWeb, references
from engine.connectors.whatsapp_web.contents import Content, content_of
from engine.connectors.whatsapp_web.fetches import Fetches, Unfetched
from engine.connectors.whatsapp_web.frames import Decoder, Frame
from engine.connectors.whatsapp_web.handovers import Wire
from engine.connectors.whatsapp_web.references import Reference
from engine.connectors.whatsapp_web.refusals import TOO_LONG, TOO_MANY, unfetched
from engine.connectors.whatsapp_web.states import State
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.media import Fetched
from engine.ports import Received

_VOICE = b"OggS\x00\x02" + bytes(range(256)) * 4000
_LIMIT = 2_000_000
_KEY, _ENCRYPTED, _PLAIN = b"k" * 32, b"e" * 32, b"p" * 32
_PATH = "/v/t62.7118-24/1.enc?ccb=11-4&oh=01_Q5&oe=6A"
_FIELDS: dict[str, Any] = {
    "directPath": _PATH,
    "mediaKey": base64.b64encode(_KEY).decode(),
    "fileEncSHA256": base64.b64encode(_ENCRYPTED).decode(),
    "fileSHA256": base64.b64encode(_PLAIN).decode(),
    "fileLength": 9,
}
_REFERENCE = references.write("audio", _FIELDS) or ""
_TOO_LARGE = Rejected(Fault.PERMANENT, "too-large", "the file is larger than allowed")


# What is kept of a message.


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("imageMessage", "image"),
        ("videoMessage", "video"),
        ("ptvMessage", "video"),
        ("documentMessage", "document"),
        ("audioMessage", "audio"),
        ("stickerMessage", "image"),
    ],
)
def test_keeps_what_has_to_be_known_to_read_a_file(field: str, kind: str) -> None:
    """The path, the key, the hashes and the length, and nothing else."""
    found = content_of({field: {**_FIELDS, "mimetype": "x/y", "URL": "https://mmg.whatsapp.net", "caption": "look"}})
    assert isinstance(found, Content)
    written = found.attachments[0].reference or ""
    assert references.read(written) == Reference(kind, _PATH, _KEY, _ENCRYPTED, _PLAIN, 9)
    assert set(json.loads(written)) == {"kind", "path", "mediaKey", "fileEncSHA256", "fileSHA256", "length"}


@pytest.mark.parametrize(
    "odd",
    [
        {"directPath": ""},
        {"directPath": "v/1.enc"},
        {"directPath": "/v/1 .enc"},
        {"directPath": "/v/\n"},
        {"directPath": "/" + "v" * 2001},
        {"mediaKey": ""},
        {"mediaKey": "####"},
        {"mediaKey": base64.b64encode(b"short").decode()},
        {"fileSHA256": None},
        {"fileEncSHA256": 5},
    ],
    ids=str,
)
def test_keeps_nothing_of_a_file_that_cannot_be_read(odd: dict[str, Any]) -> None:
    """Without its key a file is of no use, and an odd path is not tried."""
    assert references.write("audio", {**_FIELDS, **odd}) is None


@pytest.mark.parametrize("written", ["", "[1]", "{", '{"kind":"history"}', "[" * 100_000], ids=repr)
def test_reads_no_reference_in_anything_else(written: str) -> None:
    """A reference of another connector, or of another version."""
    assert references.read(written[:100_001]) is None


def test_a_file_may_tell_no_length() -> None:
    """Then it is as long as it is."""
    written = references.write("audio", {**_FIELDS, "fileLength": -1}) or ""
    found = references.read(written)
    assert found is not None
    assert found.length is None


# What the library's words mean.


@pytest.mark.parametrize(
    ("error", "fault", "code"),
    [
        ("download failed with status code 403", Fault.PERMANENT, "gone"),
        ("download failed with status code 404", Fault.PERMANENT, "gone"),
        ("failed to download media from last host: download failed with status code 410", Fault.PERMANENT, "gone"),
        ("failed to download media from last host: download failed with status code 503", Fault.TRANSIENT, "503"),
        ("download failed with status code 429", Fault.TRANSIENT, "429"),
        ("hash of media ciphertext doesn't match", Fault.PERMANENT, "damaged"),
        ("hash of media plaintext doesn't match", Fault.PERMANENT, "damaged"),
        ("invalid media hmac", Fault.PERMANENT, "damaged"),
        ("file too short", Fault.PERMANENT, "damaged"),
        ("failed to decrypt file: ciphertext is not a multiple", Fault.PERMANENT, "damaged"),
        ("websocket not connected", Fault.TRANSIENT, "offline"),
        ("client is nil", Fault.TRANSIENT, "offline"),
        ("failed to refresh media connections: info query timed out", Fault.TRANSIENT, "offline"),
        ("Get https://mmg: dial tcp: lookup mmg.whatsapp.net: no such host", Fault.TRANSIENT, "offline"),
        ("failed to download media from last host: unexpected EOF", Fault.TRANSIENT, "cut"),
        (TOO_LONG, Fault.PERMANENT, "too-large"),
        (TOO_MANY, Fault.TRANSIENT, "busy"),
    ],
)
def test_tells_the_librarys_errors_apart(error: str, fault: Fault, code: str) -> None:
    """Gone, damaged, or to be asked for again."""
    found = unfetched(error)
    assert isinstance(found, Rejected)
    assert (found.fault, found.code) == (fault, code)


def test_an_error_of_another_version_is_in_doubt() -> None:
    """Asking again does no harm."""
    assert isinstance(unfetched("moon phase wrong at 254712345678"), Unknown)


# The gateway's side.


class _Daemon:
    """The other end of the gateway's socket."""

    def __init__(self, download: Callable[[Reference], bytes]) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(20)
        self._theirs = theirs
        self._decoder = Decoder()
        self._heard: list[Frame] = []
        self.wire = Wire(theirs)
        self.fetches = Fetches(self.wire, download)

    def order(self, number: int = 1, reference: str = _REFERENCE, limit: int = _LIMIT) -> None:
        self.fetches.begin({"do": "fetch", "id": number, "reference": reference, "limit": limit})

    def hear(self) -> Frame:
        while not self._heard:
            self._heard += self._decoder.feed(self._ours.recv(65536))
        return self._heard.pop(0)

    def hear_all(self) -> list[Frame]:
        """Until what was ordered has an end."""
        frames = [self.hear()]
        while frames[-1]["is"] == "piece":
            frames.append(self.hear())
        return frames

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


@pytest.fixture
def daemon() -> Callable[[Callable[[Reference], bytes]], _Daemon]:
    return _Daemon


Made = Callable[[Callable[[Reference], bytes]], _Daemon]


def test_gives_a_file_in_pieces(daemon: Made) -> None:
    """Each small enough that what comes in meanwhile does not wait; together they are the file."""
    asked: list[Reference] = []

    def download(wanted: Reference) -> bytes:
        asked.append(wanted)
        return _VOICE

    here = daemon(download)
    here.order()
    *pieces, last = here.hear_all()
    here.close()
    assert asked == [references.read(_REFERENCE)]
    assert (last, {one["id"] for one in pieces}) == ({"is": "fetched", "id": 1}, {1})
    contents = [base64.b64decode(str(one["data"])) for one in pieces]
    assert (b"".join(contents), max(map(len, contents))) == (_VOICE, 128 * 1024)


def test_does_not_begin_what_says_to_be_too_long(daemon: Made) -> None:
    """The length that the client told is enough to refuse it."""
    here = daemon(lambda _: pytest.fail("nothing is to be downloaded"))
    here.order(limit=8)
    assert here.hear() == {"is": "unfetched", "id": 1, "error": TOO_LONG}
    here.close()


def _raise(error: Exception) -> bytes:
    raise error


@pytest.mark.parametrize(
    ("download", "reference", "error"),
    [
        pytest.param(lambda _: _VOICE, _REFERENCE, TOO_LONG, id="longer than it says"),
        pytest.param(lambda _: b"", "4711", "no reference", id="no reference"),
        pytest.param(lambda _: _raise(Unfetched("file too short")), _REFERENCE, "file too short", id="the library's"),
        pytest.param(lambda _: _raise(MemoryError()), _REFERENCE, "MemoryError", id="another"),
    ],
)
def test_always_answers(daemon: Made, download: Callable[[Reference], bytes], reference: str, error: str) -> None:
    """Whatever becomes of a file, the daemon does not wait in vain, and its place is free again."""
    here = daemon(download)
    for number in range(1, 8):
        here.order(number, reference, limit=1000)
        found = here.hear()
        assert (found["is"], found["id"]) == ("unfetched", number)
        assert found["error"] in {error, TOO_MANY}
    here.close()


def test_neither_waits_for_a_file_nor_begins_too_many(daemon: Made) -> None:
    """Orders return at once; of those that WhatsApp lets hang a few may, and the next is refused."""
    gate = threading.Event()

    def download(_: Reference) -> bytes:
        gate.wait(20)
        return b"x"

    here = daemon(download)
    for number in range(1, 6):
        here.order(number)
    assert here.hear() == {"is": "unfetched", "id": 5, "error": TOO_MANY}
    here.wire.send({"is": "state", "happening": "silent"})
    assert here.hear()["is"] == "state"
    gate.set()
    assert {here.hear_all()[-1]["is"] for _ in range(4)} == {"fetched"}
    here.close()


# The daemon's side, with real processes that speak the gateway's frames.


Start = Callable[..., Awaitable[WhatsAppWeb]]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def _accept(_: Received) -> None:
    """Nothing is kept."""


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a connector whose gateway lives these lives, and waits until it is online, or what the test says."""
    made: list[tuple[WhatsAppWeb, asyncio.Task[None]]] = []

    async def starting(*lives: list[dict[str, Any]], reaches: State = State.ONLINE) -> WhatsAppWeb:
        connector = WhatsAppWeb(
            "main",
            launch=launch(tmp_path / "session", *lives),
            per_second=10_000,
            per_client_gap=timedelta(0),
            clock=SetClock(),
            chance=lambda: 0.0,
        )
        await connector.start()
        made.append((connector, asyncio.create_task(connector.listen(_accept))))
        await _until(lambda: connector.health().state == reaches)
        return connector

    yield starting
    for connector, listening in made:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await connector.media.close()
        await connector.close()


_DONE = {"is": "fetched"}


async def test_a_file_comes_in_pieces_among_messages(start: Start, tmp_path: Path) -> None:
    """The order names the reference and the limit; the file is what its pieces are together."""
    here = await start([ONLINE, {"give": [piece(_PLAIN[:7]), piece(b""), piece(_PLAIN[7:])]}, message("hi"), _end(1)])
    assert await here.media.fetch(_REFERENCE, _LIMIT) == Fetched(_PLAIN, "")
    (order,) = heard(tmp_path / "session", "fetch")
    assert (order["reference"], order["limit"]) == (_REFERENCE, _LIMIT)


def _end(number: int) -> dict[str, Any]:
    return {"tell": {**_DONE, "id": number}}


async def test_never_keeps_more_than_allowed(start: Start) -> None:
    """A gateway that gives more is not believed; what it says afterwards is dropped."""
    here = await start([ONLINE, {"give": [piece(b"12345"), piece(b"6"), piece(b"7"), _DONE]}, {"give": [_DONE]}])
    assert await here.media.fetch(_REFERENCE, 5) == _TOO_LARGE
    assert await here.media.fetch(_REFERENCE, 5) == Fetched(b"", "")


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        pytest.param([{"is": "unfetched", "error": TOO_LONG}], _TOO_LARGE, id="refused"),
        pytest.param(
            [piece(b"half"), {"is": "unfetched", "error": "download failed with status code 404"}],
            Rejected(Fault.PERMANENT, "gone", "WhatsApp no longer has the file"),
            id="gone",
        ),
        pytest.param(
            [{"is": "piece", "data": "####"}, _DONE], Unknown("a piece of the file cannot be read"), id="unreadable"
        ),
        pytest.param([{"is": "piece"}, _DONE], Fetched(b"", ""), id="an empty piece"),
    ],
)
async def test_says_what_became_of_a_file(
    start: Start, frames: list[dict[str, Any]], found: Fetched | Rejected | Unknown
) -> None:
    """What the gateway answers is what comes of it; what comes of no order is dropped."""
    here = await start([ONLINE, {"tell": {**_DONE, "id": 99}}, {"give": frames}])
    assert await here.media.fetch(_REFERENCE, _LIMIT) == found


async def test_a_file_waits_for_the_connection(start: Start, tmp_path: Path) -> None:
    """Without it, a file is asked for later, and the files of other connectors need not wait for that."""
    here = await start([{"wait": "stop"}], reaches=State.CONNECTING)
    await _until(lambda: bool(heard(tmp_path / "session", "connect")))
    found = await here.media.fetch(_REFERENCE, _LIMIT)
    assert isinstance(found, Rejected)
    assert (found.fault, found.code, found.lane_only) == (Fault.TRANSIENT, "connecting", True)


async def test_a_number_without_a_phone_has_no_files_yet(tmp_path: Path) -> None:
    """Also where only a person can help, e.g. because another node has the phone, it is asked for again."""
    connector = WhatsAppWeb(
        "main", launch=launch(tmp_path), per_second=1, per_client_gap=timedelta(0), clock=SetClock(), chance=lambda: 0.0
    )
    found = await connector.media.fetch(_REFERENCE, _LIMIT)
    assert isinstance(found, Rejected)
    assert found.fault is Fault.TRANSIENT


async def test_a_file_that_ends_the_gateway_again_is_left_alone(start: Start) -> None:
    """One that is larger than its message says may take all memory; the next gateway tries it once more."""
    dying: list[dict[str, Any]] = [ONLINE, {"wait": "fetch"}, {"exit": 3}]
    here = await start(dying, dying, [ONLINE, {"give": [_DONE]}])
    for _ in range(2):
        await _until(lambda: here.health().state == State.ONLINE)
        found = await here.media.fetch(_REFERENCE, _LIMIT)
        assert found == Unknown("the gateway ended while it fetched the file")
    await _until(lambda: here.health().state == State.ONLINE)
    found = await here.media.fetch(_REFERENCE, _LIMIT)
    assert isinstance(found, Rejected)
    assert found.fault is Fault.PERMANENT
    other = references.write("image", _FIELDS) or ""
    assert await here.media.fetch(other, _LIMIT) == Fetched(b"", "")


async def test_a_gateway_that_was_told_to_end_blames_no_file(start: Start) -> None:
    """Without the network, gateways are replaced again and again; the file comes when it is back."""
    leaving: list[dict[str, Any]] = [ONLINE, {"wait": "fetch"}, state("unreachable"), {"wait": "stop"}]
    here = await start(leaving, leaving, leaving, [ONLINE, {"give": [_DONE]}])
    for _ in range(3):
        await _until(lambda: here.health().state == State.ONLINE)
        found = await here.media.fetch(_REFERENCE, _LIMIT)
        assert found == Unknown("the gateway ended while it fetched the file")
    await _until(lambda: here.health().state == State.ONLINE)
    assert await here.media.fetch(_REFERENCE, _LIMIT) == Fetched(b"", "")


async def test_a_gateway_that_hangs_gives_no_file(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, and not forever."""
    monkeypatch.setattr("engine.connectors.whatsapp_web.downloads._LONGEST_S", 0.1)
    here = await start([ONLINE, {"wait": "fetch"}, {"wait": "stop"}])
    assert await here.media.fetch(_REFERENCE, _LIMIT) == Unknown("the gateway gave no file in time")
