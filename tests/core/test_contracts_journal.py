"""The JSON in the journal: every value comes back as it went in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.conversations import message

from engine.core.contracts import dump_body, dump_inbound, load_body, load_inbound
from engine.core.decisions import Priority
from engine.core.deliveries import Acknowledgement, Body, Copy, Escalation, FollowUp, Media, Revision, kind_of
from engine.core.events import Address, Attachment, Client, Event, Inbound, Message
from engine.core.quotes import TICKET, quote

# The marks and the ticket's place holder are part of a body; surrogates are not part of any stored text.
_STORED = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(f"{quote('x')}{TICKET}\x00"))
_ANY = st.text(st.characters(exclude_categories=()))
_INSTANTS = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=3)), timezone(-timedelta(hours=9, minutes=30))])
)
_OPTIONAL = st.none() | _STORED


def inbounds(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Inbound]:
    optional = st.none() | texts
    attachments = st.builds(Attachment, texts, optional, optional, st.none() | st.integers(0, 2**40))
    messages = st.builds(Message, texts, texts, texts, st.lists(attachments, max_size=2).map(tuple))
    events = st.builds(Event, texts, _INSTANTS, texts, st.builds(Client, optional, optional), messages)
    return st.builds(Inbound, texts, events, st.none() | st.builds(Address, texts, texts))


_ESCALATIONS = st.builds(
    Escalation,
    _STORED,
    _OPTIONAL,
    _STORED,
    _STORED,
    st.lists(_STORED, max_size=3).map(tuple),
    st.sampled_from(Priority),
    _STORED,
)
_BODIES = st.one_of(
    st.builds(Acknowledgement, _STORED, _STORED, _STORED, _STORED, _OPTIONAL),
    _ESCALATIONS,
    st.builds(FollowUp, _STORED, _OPTIONAL, _STORED, _STORED),
    st.builds(Revision, _ESCALATIONS),
    st.builds(Copy, _ESCALATIONS),
    st.builds(Media, _STORED, _OPTIONAL, *[_STORED] * 4, _OPTIONAL, _OPTIONAL, st.none() | st.integers(0, 2**40)),
)


@given(inbounds(_STORED))
def test_a_message_comes_back_from_the_journal_equal(inbound: Inbound) -> None:
    """Every field, in any script, with any time zone."""
    assert load_inbound(dump_inbound(inbound)) == inbound


@given(_BODIES)
def test_a_body_comes_back_from_the_journal_equal(body: Body) -> None:
    """Every kind, with the marks that tell our words from the client's."""
    assert load_body(kind_of(body), dump_body(body)) == body


@given(inbounds(_ANY))
def test_any_message_can_be_stored(inbound: Inbound) -> None:
    """Even with halves of surrogate pairs, which JSON brings and UTF-8 cannot hold; a second time changes nothing."""
    written = dump_inbound(inbound)
    assert written.encode().decode() == written
    loaded = load_inbound(written)
    assert load_inbound(dump_inbound(loaded)) == loaded
    assert loaded.event.received_at == inbound.event.received_at
    assert loaded.event.message.text == _repaired(inbound.event.message.text)


def _repaired(text: str) -> str:
    """Whole pairs joined, halves replaced: what any UTF-16 reader makes of it."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("a\ud83db", "a\ufffdb", id="first half"),
        pytest.param("a\ude00b", "a\ufffdb", id="second half"),
        pytest.param("a\ud83d", "a\ufffd", id="at the end"),
        pytest.param("\ud83d\ude00", "\U0001f600", id="two halves of one"),
        pytest.param("\ude00\ud83d", "\ufffd\ufffd", id="in the wrong order"),
        pytest.param("\ufeffa\ud83d", "\ufeffa\ufffd", id="behind a byte order mark"),
    ],
)
def test_half_a_character_becomes_a_replacement_and_loses_no_neighbour(text: str, kept: str) -> None:
    """Better one sign than a lost message."""
    loaded = load_inbound(dump_inbound(message(text, name="Jäckson")))
    assert loaded == message(kept, name="Jäckson")


@given(st.builds(Acknowledgement, _ANY, _ANY, _ANY, _ANY, st.none() | _ANY))
def test_any_acknowledgement_can_be_stored(body: Acknowledgement) -> None:
    """A peer's or a message's id is as wild as any text."""
    written = dump_body(body)
    assert written.encode().decode() == written
    loaded = load_body(kind_of(body), written)
    assert isinstance(loaded, Acknowledgement)
    assert loaded.text == _repaired(body.text)


def test_a_body_of_an_earlier_version_is_still_read() -> None:
    """Fields that came later have a default."""
    assert load_body(
        kind_of(Acknowledgement("", "", "")), '{"peer":"p","text":"t","message_id":"m"}'
    ) == Acknowledgement("p", "t", "m", "", None)


@pytest.mark.parametrize("text", ["t", "t\ud800"], ids=["plain", "half of a pair"])
def test_an_acknowledgement_keeps_when_the_client_wrote(text: str) -> None:
    """To the microsecond, and also beside words that have to be repaired."""
    written_at = datetime(2026, 2, 12, 13, 15, 30, 123456, tzinfo=timezone(timedelta(hours=3)))
    body = Acknowledgement("p", text, "m", written_at=written_at, template_only=True)
    loaded = load_body(kind_of(body), dump_body(body))
    assert isinstance(loaded, Acknowledgement)
    assert (loaded.written_at, loaded.template_only) == (written_at, True)


def test_a_stored_time_keeps_its_instant() -> None:
    """To the microsecond, whatever the zone."""
    at = datetime(2026, 2, 12, 13, 15, 30, 123456, tzinfo=timezone(timedelta(hours=3)))
    for name in ("J", "J\ud800"):
        assert load_inbound(dump_inbound(message(at=at, name=name))).event.received_at == at
