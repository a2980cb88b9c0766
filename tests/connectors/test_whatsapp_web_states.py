"""The state of a linked number, its pace, WhatsApp's refusals, the frames and the receipts: all decided without I/O."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connectors.whatsapp_web import frames
from engine.connectors.whatsapp_web.frames import BrokenFrame, Decoder, encode
from engine.connectors.whatsapp_web.refusals import refusal
from engine.connectors.whatsapp_web.states import Happening, Standing, State, follow, pause, problem
from engine.core.deliveries import Fault, Rejected, Unknown

_NOW = datetime(2026, 2, 12, 10, 20, tzinfo=UTC)
_LATER = _NOW + timedelta(minutes=5)


def _after(*happenings: Happening) -> Standing:
    standing = Standing(State.CONNECTING, _NOW)
    for happening in happenings:
        standing = follow(standing, happening, _LATER)
    return standing


_H = Happening
_WAYS: dict[str, tuple[tuple[Happening, ...], State]] = {
    "connects": ((_H.STARTED, _H.CONNECTED), State.ONLINE),
    "drops": ((_H.CONNECTED, _H.DISCONNECTED), State.CONNECTING),
    "comes back": ((_H.CONNECTED, _H.DISCONNECTED, _H.CONNECTED), State.ONLINE),
    "falls silent": ((_H.CONNECTED, _H.SILENT), State.DEGRADED),
    "answers again": ((_H.CONNECTED, _H.SILENT, _H.RESTORED), State.ONLINE),
    "is silent and drops": ((_H.CONNECTED, _H.SILENT, _H.DISCONNECTED), State.CONNECTING),
    "is silent and is made again": ((_H.CONNECTED, _H.SILENT, _H.CONNECTED), State.ONLINE),
    "ends": ((_H.CONNECTED, _H.ENDED), State.CONNECTING),
    "is silent and ends": ((_H.CONNECTED, _H.SILENT, _H.ENDED), State.CONNECTING),
    "cannot be reached": ((_H.UNREACHABLE,), State.CONNECTING),
    "is refused for the moment": ((_H.CONNECTED, _H.UNREACHABLE), State.CONNECTING),
    "is silent and refused": ((_H.CONNECTED, _H.SILENT, _H.UNREACHABLE), State.CONNECTING),
    "has no phone": ((_H.STARTED, _H.NO_DEVICE, _H.ENDED), State.UNLINKED),
    "is linked": ((_H.LINKING, _H.PAIRED, _H.CONNECTED), State.ONLINE),
    "is not linked in the end": ((_H.LINKING, _H.ENDED), State.UNLINKED),
    "cannot be reached to link": ((_H.LINKING, _H.UNREACHABLE), State.UNLINKED),
    "is replaced": ((_H.CONNECTED, _H.REPLACED, _H.DISCONNECTED, _H.ENDED), State.REPLACED),
    "is banned": ((_H.CONNECTED, _H.BANNED, _H.ENDED), State.BANNED),
    "is outdated": ((_H.STARTED, _H.OUTDATED, _H.SILENT), State.OUTDATED),
    "is logged out": ((_H.CONNECTED, _H.LOGGED_OUT, _H.RESTORED), State.LOGGED_OUT),
    "starts after a ban": ((_H.BANNED, _H.STARTED), State.CONNECTING),
}


@pytest.mark.parametrize(("happenings", "state"), _WAYS.values(), ids=_WAYS.keys())
def test_each_happening_leads_where_it_should(happenings: tuple[Happening, ...], state: State) -> None:
    """What WhatsApp ended for good stays ended until a gateway starts anew; everything else comes and goes."""
    assert _after(*happenings).state is state


def test_every_state_says_what_to_do() -> None:
    """Only a connection that is up has no problem; every problem is one line that holds no gap."""
    said = {state: problem(Standing(state, _NOW, _LATER, 2), "main") for state in State}
    assert [state for state, sentence in said.items() if not sentence] == [State.ONLINE]
    assert not [sentence for sentence in said.values() if "{" in sentence or "\n" in sentence]
    assert said[State.BANNED] == (
        "WhatsApp has banned the number until 2026-02-12 10:25 UTC: answer clients by other means; "
        "then it is tried again"
    )
    assert "engine whatsapp link --connector main" in said[State.UNLINKED]


def test_a_change_is_dated() -> None:
    """A state is known since it began; what changes nothing does not date it anew."""
    standing = Standing(State.ONLINE, _NOW)
    assert follow(standing, Happening.RESTORED, _LATER) is standing
    assert follow(standing, Happening.CONNECTED, _LATER).since == _NOW
    assert follow(standing, Happening.SILENT, _LATER).since == _LATER


def test_pauses_grow_and_end_with_success() -> None:
    """Each failure in a row doubles the pause, up to two minutes; a connection begins anew."""
    standing = Standing(State.CONNECTING, _NOW)
    found = []
    for _ in range(10):
        standing = follow(standing, Happening.ENDED, _NOW)
        found.append(pause(standing, _NOW, 0.0))
    assert found[:3] == [timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2)]
    assert found[-1] == timedelta(minutes=1)
    assert pause(standing, _NOW, 0.999) > timedelta(seconds=119)  # type: ignore[operator]
    assert follow(standing, Happening.CONNECTED, _NOW).failures == 0


def test_a_ban_is_waited_out() -> None:
    """After its end and a little more it is tried again; one without an end takes an hour."""
    banned = follow(Standing(State.ONLINE, _NOW), Happening.BANNED, _NOW, timedelta(minutes=10))
    assert banned.until == _NOW + timedelta(minutes=10)
    assert pause(banned, _NOW, 0.0) == timedelta(minutes=10, seconds=30)
    assert pause(banned, _NOW + timedelta(days=1), 0.0) == timedelta(seconds=30)
    assert follow(banned, Happening.BANNED, _NOW).until == _NOW + timedelta(hours=1)


@pytest.mark.parametrize("state", [State.UNLINKED, State.LINKING, State.REPLACED, State.OUTDATED, State.LOGGED_OUT])
def test_some_ends_need_a_person(state: State) -> None:
    """Nothing is tried again where trying makes it worse or cannot work."""
    assert pause(Standing(state, _NOW), _NOW, 0.5) is None


_TEXTS: dict[str, tuple[Fault | None, str]] = {
    "failed to send message: timed out waiting for message send response": (None, "has not said"),
    "the store doesn't contain a device JID": (Fault.MISCONFIGURED, "no phone is linked"),
    "no LID found for 254712345678@s.whatsapp.net from server": (Fault.PERMANENT, "not on WhatsApp"),
    "failed to send message node: websocket not connected": (Fault.TRANSIENT, "down"),
    "websocket disconnected before info query returned response": (None, "broke"),
    "client is nil": (Fault.TRANSIENT, "not connected"),
    "failed to get device list: context deadline exceeded": (Fault.TRANSIENT, "devices"),
    "failed to dial whatsapp web websocket: lookup web.whatsapp.com": (Fault.TRANSIENT, "reached"),
    "lookup web.whatsapp.com: no such host": (Fault.TRANSIENT, "looked up"),
    "server returned error 429": (Fault.TRANSIENT, "too often"),
    "server returned error 463": (Fault.PERMANENT, "have not written first"),
    "server returned error 479": (Fault.PERMANENT, "from this device"),
    "server returned error 400": (Fault.PERMANENT, "refuses"),
    "254712345678 something new": (None, "does not know"),
}


@pytest.mark.parametrize(("words", "meaning"), _TEXTS.items(), ids=list(_TEXTS))
def test_knows_what_the_library_says(words: str, meaning: tuple[Fault | None, str]) -> None:
    """An error text means a refusal of some kind or a doubt, and nothing of it is passed on."""
    outcome = refusal(words)
    assert isinstance(outcome, Rejected | Unknown)
    assert (outcome.fault if isinstance(outcome, Rejected) else None) is meaning[0]
    assert meaning[1] in outcome.reason
    assert "254712345678" not in repr(outcome)


_frames = st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9) | st.integers(), max_size=3), max_size=4)


@given(sent=_frames, size=st.integers(1, 7))
def test_frames_survive_any_cut(sent: list[dict[str, Any]], size: int) -> None:
    """Bytes in pieces of any size become the frames that were sent, in order."""
    raw = b"".join(map(encode, sent))
    decoder = Decoder()
    found = [frame for at in range(0, len(raw), size) for frame in decoder.feed(raw[at : at + size])]
    assert found == sent


@pytest.mark.parametrize("raw", [b"\xff\xff\xff\xff", b"\0\0\0\1{", b"\0\0\0\2[]", b"\0\1\0\0" + b"[" * 65536], ids=str)
def test_bytes_that_are_no_frame_are_refused(raw: bytes) -> None:
    """Whatever else comes over the socket, the daemon does not wait for it or fall over it."""
    with pytest.raises(BrokenFrame):
        Decoder().feed(raw)


def test_a_frame_has_a_bound() -> None:
    """What is too long is refused before it is sent."""
    with pytest.raises(BrokenFrame):
        encode({"text": "x" * frames.LONGEST})
