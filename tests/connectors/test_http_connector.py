"""The connector for events that already follow the contract."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connectors.http import HttpConnector
from engine.core.errors import ConfigurationError
from engine.core.events import Address, Client, Event, Inbound, Message
from engine.ports import Received, Refused, WebhookRequest

_NOW = datetime(2026, 2, 12, 10, 15, 31, tzinfo=UTC)
_EVENT: dict[str, Any] = {
    "source": "whatsapp",
    "receivedAt": "2026-02-12T10:15:30Z",
    "conversationId": "wa-254712345678",
    "client": {"phone": "+254712345678", "displayName": "Jackson"},
    "message": {"id": "ABCD1234", "text": "I have issues with my 3CX, I can't make outbound calls"},
}


def _post(body: bytes, authorization: str | None = "Bearer desk-token", method: str = "POST") -> WebhookRequest:
    headers = {} if authorization is None else {"authorization": authorization}
    return WebhookRequest(method, {}, headers, body, _NOW)


def _receive(event: object, reply_connector: str | None = "cloud") -> Received | Refused:
    return HttpConnector("desk", "desk-token", reply_connector).receive(_post(json.dumps(event).encode()))


def test_takes_an_event_of_the_contract() -> None:
    """The event comes in as it was posted, with the way back to the client's number."""
    assert _receive(_EVENT) == Received(
        (
            Inbound(
                "desk",
                Event(
                    "whatsapp",
                    datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC),
                    "wa-254712345678",
                    Client("+254712345678", "Jackson"),
                    Message("ABCD1234", "I have issues with my 3CX, I can't make outbound calls"),
                ),
                Address("cloud", "+254712345678"),
            ),
        )
    )


@pytest.mark.parametrize(
    ("phone", "reply_connector", "reply"),
    [
        pytest.param("+254712345678", "cloud", Address("cloud", "+254712345678"), id="by number"),
        pytest.param(None, "cloud", Address("cloud", "wa-254712345678"), id="by conversation"),
        pytest.param("+254712345678", None, None, id="no connector answers"),
    ],
)
def test_names_the_way_back(phone: str | None, reply_connector: str | None, reply: Address | None) -> None:
    """Answers go to the number, to the conversation where the number is hidden, or nowhere."""
    received = _receive(_EVENT | {"client": {"phone": phone, "displayName": None}}, reply_connector)
    assert isinstance(received, Received)
    assert received.inbounds[0].reply == reply


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer wrong", id="wrong"),
        pytest.param("Bearer desk-token2", id="longer"),
        pytest.param("Basic desk-token", id="other scheme"),
        pytest.param("Bearer dësk-tökén", id="not ASCII"),
        pytest.param("Bearer \ud800\U0001f511", id="not even latin-1"),
    ],
)
def test_refuses_other_tokens(authorization: str | None) -> None:
    """Whatever is not the token is 401 and never an exception."""
    connector = HttpConnector("desk", "desk-token", None)
    refused = connector.receive(_post(json.dumps(_EVENT).encode(), authorization))
    assert refused == Refused(401, "the bearer token is missing or wrong")


def test_takes_a_token_beyond_ascii() -> None:
    """A token that is not ASCII arrives as its UTF-8 bytes and is compared as such."""
    header = "bearer " + "schlüssel".encode().decode("latin-1")
    assert isinstance(
        HttpConnector("desk", "schlüssel", None).receive(_post(json.dumps(_EVENT).encode(), header)), Received
    )


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        pytest.param([], Refused(400, "must be an object"), id="no object"),
        pytest.param(
            _EVENT | {"message": {"id": "1"}}, Refused(400, "message.text: is missing", "message.text"), id="no text"
        ),
        pytest.param(
            _EVENT | {"receivedAt": "2026-02-12T10:15:30"},
            Refused(400, "receivedAt: must name a time zone, e.g. 2026-02-12T10:15:30Z", "receivedAt"),
            id="no time zone",
        ),
    ],
)
def test_names_the_field_that_breaks_the_contract(event: object, refused: Refused) -> None:
    """The sender learns which field to mend."""
    assert _receive(event) == refused


def test_takes_events_by_post_only() -> None:
    """A GET with the right token is told so."""
    connector = HttpConnector("desk", "desk-token", None)
    assert connector.receive(_post(b"", method="GET")) == Refused(404, "events are posted")


def test_refuses_to_run_without_a_token() -> None:
    """An empty token would let everybody in."""
    with pytest.raises(ConfigurationError, match=r"^connector desk: the token is empty; set a long random one$"):
        HttpConnector("desk", "", None)


@given(st.binary(max_size=200), st.text(max_size=40))
def test_never_raises(body: bytes, authorization: str) -> None:
    """Any bytes and any header end in an answer."""
    connector = HttpConnector("desk", "desk-token", "cloud")
    assert isinstance(connector.receive(_post(body)), Received | Refused)
    assert isinstance(connector.receive(_post(body, authorization)), Refused)
