"""What an HTTP exchange, whole or broken, means for the thing that was said."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins.loopback import Answer, Loopback, Request, serving

from engine.connectors.exchanges import Session, broken, certainly
from engine.connectors.replies import Reply, retry_after
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.errors import ConfigurationError

_BAD_TOKEN = "the token for N is empty or holds characters that no token has"
_BAD_URL = "the URL of N must begin with https:// (or http://) and name a host"
_DATE = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)


class _Echo:
    """Answers every request with a cookie and the headers it knows."""

    async def answer(self, request: Request) -> Answer:
        headers = {
            "set-cookie": "session=1; path=/",
            "date": "Thu, 12 Feb 2026 10:15:30 GMT",
            "retry-after": "7",
            "x-request-id": "r1",
        }
        return Answer(200, {"path": request.path, "query": dict(request.query), "body": request.json()}, headers)

    def recorded(self) -> object:
        return None

    async def control(self, order: object) -> object:
        return order


def _session(loopback: Loopback, timeout_s: float = 2) -> Session:
    return Session("the network", f"{loopback.url}/base/", "token", timeout_s)


async def test_reads_an_answer_to_its_end() -> None:
    """Status, body, clock, pause and request id of an answer are all there for whoever judges it."""
    async with serving(_Echo()) as loopback:
        session = _session(loopback)
        reply = await session.exchange("POST", "/a", query={"q": "1"}, payload={"ü": 1})
        await session.close()
    assert isinstance(reply, Reply)
    assert reply.json_object() == {"path": "/base/a", "query": {"q": "1"}, "body": {"ü": 1}}
    assert (reply.status, reply.taken, reply.retry_after, reply.date, reply.request_id) == (
        200,
        True,
        timedelta(seconds=7),
        _DATE,
        "r1",
    )


async def test_keeps_no_cookies_and_shows_only_its_token() -> None:
    """A cookie that a server sets is never sent back: it could outrank the token."""
    async with serving(_Echo()) as loopback:
        session = _session(loopback)
        for _ in range(2):
            await session.exchange("GET", "a")
        await session.close()
        assert "cookie" not in loopback.headers
        assert loopback.headers["authorization"] == "Bearer token"


@pytest.mark.parametrize(
    ("shown_as", "expected"), [("GenieKey {}", "GenieKey token"), ("Token token={}", "Token token=token"), ("", None)]
)
async def test_shows_its_token_as_the_network_wants_it(shown_as: str, expected: str | None) -> None:
    """Each network has words of its own before the token, and one finds it in what is sent alone."""
    async with serving(_Echo()) as loopback:
        session = Session("the network", loopback.url, "token", 2, shown_as=shown_as, accept="application/x")
        await session.exchange("GET", "a")
        await session.close()
        assert (loopback.headers.get("authorization"), loopback.headers["accept"]) == (expected, "application/x")


async def test_shows_a_user_and_a_password() -> None:
    """A network that wants both gets them as RFC 7617 writes them, and a form as a page would send it."""
    async with serving(_Echo()) as loopback:
        session = Session("the network", loopback.url, "secret", 2, user="me")
        await session.exchange("POST", "a", form={"ü": "a b"})
        await session.close()
        assert loopback.headers["authorization"] == "Basic bWU6c2VjcmV0"
        assert loopback.headers["content-type"] == "application/x-www-form-urlencoded"
        assert loopback.headers["content-length"] == str(len("%C3%BC=a+b"))


async def test_an_upload_without_an_answer_is_unknown() -> None:
    """Whether the file is there by then nobody can tell."""
    async with serving(_Echo()) as loopback:
        loopback.fail("POST /base/files", "hang_before")
        session = _session(loopback, timeout_s=1)
        found = await session.upload("files", {"to": "c1"}, "file", ("a.ogg", b"OggS", "audio/ogg"))
        await session.close()
    assert found == Unknown("the network did not take the file within 1 s")


async def test_follows_no_redirect() -> None:
    """Another host never receives the token or the text."""
    async with serving(_Echo()) as loopback:
        loopback.fail("GET /base/a", status=302, headers={"location": "/base/b"})
        session = _session(loopback)
        reply = await session.exchange("GET", "a")
        await session.close()
        assert isinstance(reply, Reply)
        assert (reply.redirected, loopback.seen) == (True, ["GET /base/a"])


@pytest.mark.parametrize("location", ["http://xn--/", "http://[", "http://a:port/", "http://"])
async def test_a_redirect_to_nonsense_breaks_the_exchange(location: str) -> None:
    """It raises nothing, although the library reads what it is not to follow."""
    async with serving(_Echo()) as loopback:
        loopback.fail("GET", status=302, headers={"location": location}, times=2)
        session = _session(loopback)
        for found in (await session.exchange("GET", "a"), await session.download("a", 10)):
            assert isinstance(found, Reply | Unknown)
        await session.close()


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        pytest.param("cut_before", "the connection to the network broke before its answer was read", id="cut"),
        pytest.param("cut_after", "the connection to the network broke before its answer was read", id="cut after"),
        pytest.param("hang_before", "the network did not answer within 0.2 s", id="hang"),
        pytest.param("drip_after", "the network did not answer within 0.2 s", id="drip"),
    ],
)
async def test_knows_nothing_after_a_broken_exchange(do: str, reason: str) -> None:
    """Once the request has left, silence says neither yes nor no."""
    async with serving(_Echo()) as loopback:
        loopback.fail("POST", do)
        session = _session(loopback, 0.2)
        outcome = await session.exchange("POST", "a")
        await session.close()
    # Either timer may fire first; both say the same.
    reasons = {reason, "the network took the request and did not answer in time"} if "hang" in do else {reason}
    assert isinstance(outcome, Unknown)
    assert outcome.reason in reasons


async def test_is_certain_when_nobody_listens() -> None:
    """A refused connection has carried nothing."""
    async with serving(_Echo()) as loopback:
        session = _session(loopback)
    outcome = await session.exchange("POST", "a")
    await session.close()
    await session.close()
    assert outcome == Rejected(Fault.TRANSIENT, "connect", "the network cannot be reached: no connection")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(
            httpx.ConnectTimeout(""),
            Rejected(Fault.TRANSIENT, "connect-timeout", "N accepts no connection in time"),
            id="connect timeout",
        ),
        pytest.param(
            httpx.PoolTimeout(""),
            Rejected(Fault.TRANSIENT, "connect-timeout", "N accepts no connection in time"),
            id="pool timeout",
        ),
        pytest.param(
            httpx.ConnectError("[Errno -2] Name or service not known"),
            Rejected(Fault.TRANSIENT, "connect", "N cannot be reached: no connection"),
            id="no such host",
        ),
        pytest.param(
            httpx.LocalProtocolError(""),
            Rejected(Fault.MISCONFIGURED, "request", "the request to N cannot be sent as configured"),
            id="a request that HTTP cannot carry",
        ),
        pytest.param(
            httpx.ReadTimeout(""), Unknown("N took the request and did not answer in time"), id="read timeout"
        ),
        pytest.param(
            httpx.WriteTimeout(""), Unknown("N took the request and did not answer in time"), id="write timeout"
        ),
        pytest.param(
            httpx.ReadError(""), Unknown("the connection to N broke before its answer was read"), id="read error"
        ),
        pytest.param(
            httpx.RemoteProtocolError(""), Unknown("the connection to N broke before its answer was read"), id="no HTTP"
        ),
        pytest.param(
            httpx.DecodingError(""), Unknown("the connection to N broke before its answer was read"), id="bad encoding"
        ),
    ],
)
def test_sorts_every_break(error: httpx.HTTPError, outcome: object) -> None:
    """Before the request left nothing happened; afterwards nobody can tell."""
    assert broken("N", error) == outcome


def test_a_question_leaves_nothing_in_doubt() -> None:
    """An exchange that only asks is simply asked again."""
    refused = Rejected(Fault.TRANSIENT, "connect", "no")
    assert certainly(refused) is refused
    assert certainly(Unknown("silence")) == Rejected(Fault.TRANSIENT, "no-answer", "silence")


@pytest.mark.parametrize(
    ("header", "date", "pause"),
    [
        pytest.param("", _DATE, timedelta(0), id="absent"),
        pytest.param("12", None, timedelta(seconds=12), id="seconds"),
        pytest.param(" 0 ", None, timedelta(0), id="no pause"),
        pytest.param("999999999999999", None, timedelta(hours=1), id="more than an hour"),
        pytest.param("-5", _DATE, timedelta(0), id="negative"),
        pytest.param("1.5", _DATE, timedelta(0), id="fraction"),
        pytest.param("soon", _DATE, timedelta(0), id="nonsense"),
        pytest.param("٣", _DATE, timedelta(0), id="other digits"),
        pytest.param("Thu, 12 Feb 2026 10:16:30 GMT", _DATE, timedelta(minutes=1), id="date"),
        pytest.param("Thu, 12 Feb 2026 10:14:30 GMT", _DATE, timedelta(0), id="past date"),
        pytest.param("Fri, 13 Feb 2026 10:15:30 GMT", _DATE, timedelta(hours=1), id="far date"),
        pytest.param("Thu, 12 Feb 2026 10:16:30 GMT", None, timedelta(0), id="date without a clock"),
        pytest.param("Thu, 12 Feb 2026 10:16:30 -0000", _DATE, timedelta(0), id="date without a zone"),
    ],
)
def test_reads_retry_after(header: str, date: datetime | None, pause: timedelta) -> None:
    """Seconds and dates are honoured up to an hour, measured by the network's own clock."""
    assert retry_after(header, date) == pause


@given(st.text(max_size=40))
def test_survives_any_retry_after(header: str) -> None:
    """No header can raise or silence us for longer than an hour."""
    assert timedelta(0) <= retry_after(header, _DATE) <= timedelta(hours=1)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[1]", b'"x"', b"\xff", b"[" * 100_000],
    ids=["empty", "page", "list", "text", "bytes", "deep"],
)
def test_takes_only_objects_for_json(body: bytes) -> None:
    """Pages of proxies and other surprises are no JSON objects, and no exceptions either."""
    assert Reply(200, body, timedelta(0), None, "").json_object() is None


@pytest.mark.parametrize(
    ("url", "token", "sentence"),
    [
        pytest.param("https://x", "", _BAD_TOKEN, id="no token"),
        pytest.param("https://x", "a\nb", _BAD_TOKEN, id="newline"),
        pytest.param("https://x", "tökén", _BAD_TOKEN, id="umlaut"),
        pytest.param("x.org", "t", _BAD_URL, id="no scheme"),
        pytest.param("https://", "t", _BAD_URL, id="no host"),
        pytest.param("https://x:y", "t", "the URL of N cannot be read: Invalid port: 'y'", id="bad port"),
    ],
)
def test_refuses_unusable_settings(url: str, token: str, sentence: str) -> None:
    """What cannot work is said at the start, without showing the token."""
    with pytest.raises(ConfigurationError) as refused:
        Session("N", url, token, 1)
    assert str(refused.value) == sentence


async def test_trusts_the_machines_and_the_public_authorities() -> None:
    """An https URL can be opened with certificates that are checked."""
    session = Session("N", "https://chat.example.org", "t", 1)
    session.open()
    await session.close()
