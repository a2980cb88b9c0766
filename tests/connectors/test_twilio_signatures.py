"""Whether a request is Twilio's, by the vendor's own vectors and whatever a header may hold."""

import hashlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import twilio
from standins.parts import START, SetClock

from engine.connectors.twilio import Account, Twilio
from engine.connectors.twilio.signatures import signature, signed_body, signed_form, spellings
from engine.core.errors import ConfigurationError
from engine.ports import Received, Refused, WebhookRequest

_VENDOR_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
_VENDOR_FIELDS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("Caller", "+14158675309"),
    ("To", "+18005551212"),
]
_REPEATED = [("A", "2"), ("A", "1"), ("A", "1"), ("B", "x")]
_URL = "https://support.example.org/webhooks/reserve"
_REFUSED = Refused(401, "X-Twilio-Signature is missing or does not fit http.public_url, the body and the token")


def connector(url: str = _URL) -> Twilio:
    account = Account(twilio.ACCOUNT_SID, twilio.SENDER, "https://api.twilio.com")
    return Twilio("reserve", account, auth_token=twilio.AUTH_TOKEN, webhook_url=url, clock=SetClock())


def posted(fields: dict[str, str], signed: str | None, query: str = "", kind: str = twilio.FORM) -> WebhookRequest:
    headers = {"content-type": kind} | ({} if signed is None else {"x-twilio-signature": signed})
    parts = dict(part.split("=") for part in query.split("&")) if query else {}
    return WebhookRequest("POST", parts, headers, urlencode(fields).encode(), START, query)


@pytest.mark.parametrize(
    ("token", "url", "fields", "expected"),
    [
        pytest.param("12345", _VENDOR_URL, _VENDOR_FIELDS, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", id="the vendor's"),
        pytest.param(
            "12345",
            _VENDOR_URL.replace(".com", ".com:443"),
            _VENDOR_FIELDS,
            "kvajT1Ptam85bY51eRf/AJRuM3w=",
            id="with the port",
        ),
        pytest.param(
            "proof-token",
            "https://bot.example.net/wa/twilio",
            _REPEATED,
            "MAGKezfizW5EyYCZHnJNacYxCaE=",
            id="a parameter more than once",
        ),
    ],
)
def test_signs_as_twilio_does(token: str, url: str, fields: list[tuple[str, str]], expected: str) -> None:
    """The vectors hold, and each is taken as genuine."""
    assert signature(token, url, fields) == expected
    assert signed_form(token, url, fields, expected)


@pytest.mark.parametrize("signed", ["RSOYDt4T1cUTdK1PDd93/VVr8B8=", "kvajT1Ptam85bY51eRf/AJRuM3w="])
@pytest.mark.parametrize("port", ["", ":443"])
def test_takes_the_url_with_and_without_its_port(port: str, signed: str) -> None:
    """Twilio signs either, whichever of the two is configured."""
    assert signed_form("12345", _VENDOR_URL.replace(".com", f".com{port}"), _VENDOR_FIELDS, signed)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://a.example/x?y=1", ("https://a.example/x?y=1", "https://a.example:443/x?y=1"), id="https"),
        pytest.param("http://a.example/x", ("http://a.example/x", "http://a.example:80/x"), id="http"),
        pytest.param("https://a.example:8443/x", ("https://a.example/x", "https://a.example:8443/x"), id="other port"),
        pytest.param("https://[::1]/x", ("https://[::1]/x", "https://[::1]:443/x"), id="address"),
        pytest.param("https://[::1]:9/x", ("https://[::1]/x", "https://[::1]:9/x"), id="address and port"),
    ],
)
def test_knows_how_a_url_can_be_spelled(url: str, expected: tuple[str, str]) -> None:
    """A port stands there or does not; nothing else changes."""
    assert spellings(url) == expected


def test_takes_a_body_that_is_no_form_by_its_hash() -> None:
    """The hash in the URL and the signature over that URL have to fit, both of them."""
    body = b'{"a": 1}'
    url = f"https://bot.example.net/wa?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signed = signature("t", url, ())
    assert signed_body("t", url, body, signed)
    assert not signed_body("t", url, body + b" ", signed)
    assert not signed_body("other", url, body, signed)
    assert not signed_body("t", "https://bot.example.net/wa", body, signature("t", "https://bot.example.net/wa", ()))


@given(st.text(), st.binary(max_size=50), st.text(max_size=50))
def test_refuses_whatever_else_stands_there(header: str, body: bytes, query: str) -> None:
    """No header, body or query raises, and none is taken for genuine."""
    for kind in (twilio.FORM, "application/json", ""):
        headers = {"x-twilio-signature": header, "content-type": kind}
        assert connector().receive(WebhookRequest("POST", {}, headers, body, START, query)) == _REFUSED


@pytest.mark.parametrize(
    "signed", [None, "", "bm9ub25vbm9ubw==", "signé", "☃"], ids=["missing", "empty", "wrong", "latin", "beyond latin"]
)
def test_refuses_a_request_that_nobody_signed(signed: str | None) -> None:
    """A missing, wrong or odd header is 401, not an exception."""
    assert connector().receive(posted(twilio.message_form("SM1", "Hello"), signed)) == _REFUSED


def test_takes_a_request_that_twilio_signed() -> None:
    """With or without a port, in plain text or with the query of a status callback."""
    form = twilio.message_form("SM1", "Habari, rafiki \N{WAVING HAND SIGN}")
    for url in (_URL, _URL.replace(".org", ".org:443")):
        assert isinstance(connector().receive(posted(form, twilio.signature(url, form))), Received)
    status = twilio.status_form("SM2", "delivered")
    signed = twilio.signature(f"{_URL}?delivery=abc", status)
    found = connector().receive(posted(status, signed, "delivery=abc"))
    assert isinstance(found, Received)
    assert [one.key for one in found.receipts] == ["abc"]
    assert connector().receive(posted(status, signed, "delivery=abd")) == _REFUSED
    assert connector().receive(posted(status, signed)) == _REFUSED


def test_takes_no_json_message() -> None:
    """A genuine body that is no form brings no message, which the sender is told."""
    body = b"{}"
    query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    signed = signature(twilio.AUTH_TOKEN, f"{_URL}?{query}", ())
    headers = {"content-type": "application/json", "x-twilio-signature": signed}
    request = WebhookRequest("POST", {}, headers, body, START, query)
    assert connector().receive(request) == Refused(400, "is missing", "MessageSid")


def test_takes_only_posts() -> None:
    """A webhook that is configured for GET is refused with what to choose instead."""
    found = connector().receive(WebhookRequest("GET", {}, {}, b"", START))
    assert found == Refused(404, "Twilio is to post: choose HTTP POST for the webhook")


def test_bounds_the_number_of_fields() -> None:
    """A form of thousands of fields is refused before anything is computed."""
    found = connector().receive(posted({f"f{number}": "" for number in range(501)}, "x"))
    assert found == Refused(400, "the form has too many fields")


def test_needs_a_token() -> None:
    """With an empty token anybody could sign."""
    account = Account(twilio.ACCOUNT_SID, twilio.SENDER, "https://api.twilio.com")
    with pytest.raises(ConfigurationError, match="connector reserve: the auth token is empty"):
        Twilio("reserve", account, auth_token="", webhook_url=_URL, clock=SetClock())
