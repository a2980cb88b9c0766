"""What happens in a conversation without a message of the client's: each is told as a signal, and none is answered."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standins import graph
from standins.clouds import receive

from engine.core.events import Signal
from engine.ports import Received

_NOW = datetime(2026, 2, 12, 10, 20, tzinfo=UTC)
_SENT_AT = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
_OLD = {"from": "254712345678", "id": "wamid.S", "timestamp": "1770891330"}
_HIDDEN = {"id": "wamid.S", "timestamp": "1770891330", "from_user_id": "KE.1349"}
_ALIASES = ("wa-254712345678",)
_CHANGED = Signal("cloud", "wa-254712345678", "number_change", "wamid.S", _SENT_AT, text="+254700000001")
_SIGNALS: dict[str, tuple[dict[str, Any], Signal]] = {
    "reaction": (
        {**_OLD, "type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "👍"}},
        Signal("cloud", "wa-254712345678", "reaction", "wamid.S", _SENT_AT, "wamid.0", "👍", aliases=_ALIASES),
    ),
    "reaction taken away": (
        {**_OLD, "type": "reaction", "reaction": {"message_id": "wamid.0"}},
        Signal("cloud", "wa-254712345678", "reaction", "wamid.S", _SENT_AT, "wamid.0", aliases=_ALIASES),
    ),
    "reaction of a hidden number": (
        {**_HIDDEN, "type": "reaction", "reaction": {"message_id": "wamid.0", "emoji": "👍"}},
        Signal("cloud", "wa-KE.1349", "reaction", "wamid.S", _SENT_AT, "wamid.0", "👍", ("wa-KE.1349",)),
    ),
    "reaction to nothing": (
        {**_OLD, "type": "reaction", "reaction": "👍"},
        Signal("cloud", "wa-254712345678", "reaction", "wamid.S", _SENT_AT, aliases=_ALIASES),
    ),
    "revoke": (
        {**_OLD, "type": "revoke", "revoke": {"original_message_id": "wamid.0"}},
        Signal("cloud", "wa-254712345678", "revoke", "wamid.S", _SENT_AT, "wamid.0", aliases=_ALIASES),
    ),
    "revoke in a group": (
        {**_OLD, "group_id": "G1", "type": "revoke", "revoke": {"original_message_id": "wamid.0"}},
        Signal("cloud", "wa-group-G1", "revoke", "wamid.S", _SENT_AT, "wamid.0"),
    ),
    "revoke without a time": (
        {**_OLD, "timestamp": None, "type": "revoke", "revoke": {}},
        Signal("cloud", "wa-254712345678", "revoke", "wamid.S", _NOW, aliases=_ALIASES),
    ),
    "new number": (
        {**_OLD, "type": "system", "system": {"type": "user_changed_number", "wa_id": "254700000001"}},
        replace(_CHANGED, aliases=("wa-254712345678", "wa-254700000001")),
    ),
    "new number of a hidden one": (
        {
            **_HIDDEN,
            "type": "system",
            "system": {"type": "user_changed_number", "wa_id": "254700000001", "previous_user_id": "KE.1"},
        },
        replace(_CHANGED, conversation_id="wa-KE.1", aliases=("wa-KE.1", "wa-254700000001", "wa-KE.1349")),
    ),
    "new user id": (
        {
            **_HIDDEN,
            "type": "system",
            "system": {"type": "user_changed_user_id", "user_id": "KE.1349", "previous_user_id": "KE.1"},
        },
        replace(_CHANGED, conversation_id="wa-KE.1", text="", aliases=("wa-KE.1", "wa-KE.1349")),
    ),
}


@pytest.mark.parametrize(("message", "signal"), _SIGNALS.values(), ids=_SIGNALS.keys())
def test_tells_what_happens_without_a_message(message: dict[str, Any], signal: Signal) -> None:
    """Reactions, deletions and changed numbers are signals in the client's conversation and never messages."""
    assert receive(graph.envelope({"messages": [message]})) == Received(signals=(signal,))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({**_OLD, "type": "system", "system": {"type": "customer_identity_changed"}}, id="another device"),
        pytest.param({**_OLD, "type": "system"}, id="system news without a type"),
        pytest.param({**_OLD, "type": "request_welcome"}, id="a chat that was opened"),
        pytest.param({"from": "254712345678", "type": "reaction", "reaction": {}}, id="no id"),
    ],
)
def test_ignores_what_concerns_nobody(message: dict[str, Any]) -> None:
    """What says nothing about a conversation is neither a message nor a signal."""
    assert receive(graph.envelope({"messages": [message]})) == Received()


_REPLIED = Signal("cloud", "wa-254712345678", "human_reply", "wamid.E", _SENT_AT.replace(second=40), aliases=_ALIASES)


@pytest.mark.parametrize(
    ("notification", "signals"),
    [
        pytest.param(graph.echo_notification("wamid.E", text={"body": "x"}), (_REPLIED,), id="text"),
        pytest.param(graph.echo_notification("wamid.E", "254712345678", "image"), (_REPLIED,), id="image"),
        pytest.param(
            graph.echo_notification("wamid.E", "", to_user_id="KE.1349"),
            (replace(_REPLIED, conversation_id="wa-KE.1349", aliases=("wa-KE.1349",)),),
            id="to a hidden number",
        ),
        pytest.param(
            graph.echo_notification("wamid.E", "", to_parent_user_id="KE.ENT.7"),
            (replace(_REPLIED, conversation_id="wa-KE.ENT.7", aliases=("wa-KE.ENT.7",)),),
            id="to a parent id",
        ),
        pytest.param(graph.echo_notification("wamid.E", kind="revoke"), (), id="deletion"),
        pytest.param(graph.echo_notification("wamid.E", kind="edit"), (), id="edit"),
        pytest.param(graph.echo_notification("wamid.E", kind="reaction"), (), id="reaction"),
        pytest.param(graph.echo_notification("wamid.E", ""), (), id="to nobody"),
        pytest.param(graph.echo_notification(""), (), id="no id"),
    ],
)
def test_tells_when_a_person_answered_in_the_business_app(notification: object, signals: tuple[Signal, ...]) -> None:
    """An echo of a reply is a signal in the conversation of the client who got it; its text is not even read."""
    assert receive(notification) == Received(signals=signals)


def test_puts_what_a_person_answers_into_the_conversation_of_the_client() -> None:
    """The echo and the client's own message name one conversation, however Meta writes the number."""
    (inbound,) = receive(graph.message_notification(graph.text_message("wamid.A", "hi"))).inbounds
    received = receive(graph.echo_notification("wamid.E", "+254712345678"))
    assert received.signals[0].conversation_id == inbound.event.conversation_id
