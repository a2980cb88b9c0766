"""The public application over real loopback connections: what a network is told, and when."""

import asyncio
import io
import json
import signal
import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvloop
from standins.parts import START, SetClock, inbound
from standins.serving import ANY_PORT, serving

from engine.core.actions import Action
from engine.core.endpoints import Endpoint, TcpEndpoint, UnixEndpoint
from engine.core.errors import ConfigurationError, EngineError, JournalUnavailable, Overloaded, PermissionRefused
from engine.core.events import Receipt, Signal
from engine.core.records import Accepted
from engine.metrics import Metrics
from engine.ports import Asking, Received, Refused, WebhookRequest
from engine.server import HttpServer, Readiness, build, listen

LIMIT = 1000
SECRET_WORDS = "my line +254712345678 is dead"


@dataclass
class Network:
    """A connector and the parts behind it, which answer what the test says."""

    name: str = "desk"
    answer: Received | Refused | Asking = field(default_factory=lambda: Received((inbound(1),)))
    requests: list[WebhookRequest] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    accepted: tuple[Accepted, ...] = (Accepted(1, duplicate=False),)
    failure: Exception | None = None
    readiness: Readiness = field(default_factory=lambda: Readiness(started=True))

    def receive(self, request: WebhookRequest) -> Received | Refused | Asking:
        self.requests.append(request)
        return self.answer

    async def accept(self, received: Received) -> tuple[Accepted, ...]:
        if self.failure is not None:
            raise self.failure
        self.taken.append(received)
        return self.accepted

    async def state(self) -> Readiness:
        return self.readiness


@dataclass
class Site:
    http: httpx.AsyncClient
    endpoint: Endpoint
    desk: Network
    cloud: Network
    metrics: Metrics

    async def talk(self, said: bytes) -> bytes:
        """Send bytes as they are and read until the server closes."""
        host, port = str(self.endpoint).split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    desk, cloud, metrics = Network(), Network("cloud"), Metrics()
    application = build(
        {"desk": desk},
        {"cloud": cloud},
        desk.accept,
        desk.state,
        SetClock(),
        metrics,
        LIMIT,
        body_timeout=timedelta(milliseconds=80),
    )
    async with serving(application) as endpoint, httpx.AsyncClient(base_url=f"http://{endpoint}") as http:
        yield Site(http, endpoint, desk, cloud, metrics)


async def test_an_event_is_accepted_before_it_is_answered(site: Site) -> None:
    """The connector sees the request as it came, `accept` what it made of it, and the answer counts."""
    site.desk.accepted = (Accepted(1, duplicate=False), Accepted(2, duplicate=True))
    answer = await site.http.post("/events/desk?a=1", content=b"{}", headers={"X-Key": "v"})
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "duplicates": 1})
    (request,) = site.desk.requests
    assert (request.method, request.query, request.body) == ("POST", {"a": "1"}, b"{}")
    assert request.headers["x-key"] == "v"
    assert request.received_at == START
    assert site.desk.taken == [site.desk.answer]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_verification_is_answered_in_plain_text(site: Site, method: str) -> None:
    """A network that checks the address gets its challenge back, and nothing is accepted."""
    site.cloud.answer = Received(answer="challenge-7")
    answer = await site.http.request(method, "/webhooks/cloud", params={"hub.challenge": "challenge-7"})
    assert answer.status_code == 200
    assert answer.text == ("challenge-7" if method == "GET" else "")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert site.cloud.requests[0].method == "GET"
    assert site.desk.taken == []


async def test_an_answer_has_the_type_that_a_network_wants(site: Site) -> None:
    """One that would send plain text on to the client gets a document; its query is handed on as it was written."""
    site.cloud.answer = Received(answer="<Response/>", answer_type="text/xml")
    answer = await site.http.post("/webhooks/cloud?delivery=a%2Bb&x", content=b"a=1")
    assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert site.cloud.requests[0].query_string == "delivery=a%2Bb&x"


async def test_signals_alone_are_accepted_too(site: Site) -> None:
    """What a person did by hand reaches the journal although no client wrote."""
    site.cloud.answer = Received(signals=(Signal("cloud", "wa-1", "human_reply", "s1", START),))
    site.desk.accepted = ()
    answer = await site.http.post("/webhooks/cloud", content=b"{}")
    assert answer.json() == {"accepted": 0, "duplicates": 0}
    assert site.desk.taken == [site.cloud.answer]


async def test_actions_alone_are_accepted_too(site: Site) -> None:
    """Nor is a client's message needed for what an engineer did."""
    action = Action("mattermost", "root", "claim", "button:1", "amina", START)
    site.cloud.answer = Received(actions=(action,))
    site.desk.accepted = ()
    answer = await site.http.post("/webhooks/cloud", content=b"{}")
    assert answer.json() == {"accepted": 0, "duplicates": 0}
    assert site.desk.taken == [site.cloud.answer]


async def test_what_has_to_be_asked_first_is_asked(site: Site) -> None:
    """What comes of it is accepted and answered as if the request itself had told."""
    told = Received((inbound(2),), answer='{"said": true}', answer_type="application/json")

    async def ask() -> Received:
        assert site.desk.taken == []
        return told

    site.cloud.answer = Asking(ask)
    answer = await site.http.post("/webhooks/cloud", content=b"{}")
    assert (answer.status_code, answer.json()) == (200, {"said": True})
    assert answer.headers["content-type"] == "application/json"
    assert site.desk.taken == [told]


async def test_receipts_alone_are_accepted_too(site: Site) -> None:
    """A network's later word reaches the journal although there is no message in it."""
    receipt = Receipt("cloud", "k1", "p1", "delivered", START)
    site.cloud.answer = Received(receipts=(receipt,))
    site.desk.accepted = ()
    answer = await site.http.post("/webhooks/cloud", content=b"{}")
    assert answer.json() == {"accepted": 0, "duplicates": 0}
    assert site.desk.taken == [site.cloud.answer]


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        pytest.param(Refused(401, "the signature is wrong"), {"error": "the signature is wrong"}, id="signature"),
        pytest.param(
            Refused(400, "is missing", "message.id"), {"error": "is missing", "field": "message.id"}, id="field"
        ),
    ],
)
async def test_a_refused_request_says_why(site: Site, refused: Refused, expected: dict[str, str]) -> None:
    """The connector's status and words go back, nothing is accepted, and the refusal is counted."""
    site.desk.answer = refused
    answer = await site.http.post("/events/desk", content=b"{}")
    assert (answer.status_code, answer.json()) == (refused.status, expected)
    assert site.desk.taken == []
    page = (await site.http.get("/metrics")).text
    assert f'engine_events_refused_total{{connector="desk",status="{refused.status}"}} 1.0' in page


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        pytest.param(JournalUnavailable("disk full", timedelta(seconds=5)), "5", id="journal"),
        pytest.param(Overloaded("too many", timedelta(milliseconds=200)), "1", id="overload"),
    ],
)
async def test_what_cannot_be_kept_is_sent_away(
    site: Site, log: io.StringIO, failure: JournalUnavailable, seconds: str
) -> None:
    """503 with Retry-After tells the network to come again; the reason is in the log, not in the answer."""
    site.desk.failure = failure
    answer = await site.http.post("/events/desk", content=b"{}")
    assert answer.status_code == 503
    assert answer.json() == {"error": "nothing can be accepted now, try again later"}
    assert answer.headers["retry-after"] == seconds
    assert json.loads(log.getvalue())["message"] == f"a request was sent away: {failure}"


async def test_a_fault_of_ours_says_nothing_about_the_client(site: Site, log: io.StringIO) -> None:
    """500 with a plain sentence; the log has the place, and neither has what the client wrote."""
    site.desk.failure = ValueError(SECRET_WORDS)
    answer = await site.http.post("/events/desk", content=b"{}")
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    (line,) = log.getvalue().splitlines()
    assert json.loads(line)["level"] == "error"
    assert "in accept" in line
    for piece in ("254712345678", "712345", "dead"):
        assert piece not in line
        assert piece not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        pytest.param("POST", "/events/other", 404, "no such connector", id="unknown connector"),
        pytest.param("POST", "/events/cloud", 404, "no such connector", id="a webhook is no events door"),
        pytest.param("POST", "/webhooks/desk", 404, "no such connector", id="nor the other way round"),
        pytest.param("GET", "/other", 404, "not found", id="unknown path"),
        pytest.param("GET", "/events/desk", 405, "method not allowed", id="reading events"),
        pytest.param("DELETE", "/webhooks/cloud", 405, "method not allowed", id="deleting a webhook"),
        pytest.param("POST", "/readyz", 405, "method not allowed", id="posting to a probe"),
    ],
)
async def test_what_does_not_exist_is_said_in_json(site: Site, method: str, path: str, status: int, error: str) -> None:
    """404 and 405 look like every other error, and no connector hears of them."""
    answer = await site.http.request(method, path)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert site.desk.requests == site.cloud.requests == []


async def test_a_body_at_the_limit_is_taken(site: Site) -> None:
    """The limit itself is allowed."""
    answer = await site.http.post("/events/desk", content=b"x" * LIMIT)
    assert answer.status_code == 200
    assert site.desk.requests[0].body == b"x" * LIMIT


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
async def test_a_body_that_is_too_large_is_refused(site: Site, *, announced: bool) -> None:
    """The sender of any amount learns why, and the connection is good for the next request."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    answer = await site.http.post("/events/desk", content=b"x" * 64 * 65536 if announced else pieces())
    assert (answer.status_code, answer.json()) == (413, {"error": "the body is larger than 1000 bytes"})
    assert site.desk.requests == []
    assert (await site.http.post("/events/desk", content=b"{}")).status_code == 200


async def test_a_body_that_is_announced_too_large_is_not_waited_for(site: Site) -> None:
    """413 comes before the first byte of the body; who asked before sending it sends none, and the connection ends."""
    head = f"POST /events/desk HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {LIMIT + 1}\r\n\r\n"
    answer = await site.talk(head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b'{"error":"the body is larger than 1000 bytes"}')
    assert site.desk.requests == []


async def test_a_body_that_trickles_is_given_up(site: Site) -> None:
    """A sender that never finishes is told 408 and does not hold a connection."""
    answer = await site.talk(b"POST /events/desk HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b'{"error":"the body took too long"}')
    page = (await site.http.get("/metrics")).text
    assert 'engine_events_refused_total{connector="desk",status="408"} 1.0' in page


async def test_a_sender_that_hangs_up_leaves_nothing_behind(site: Site, log: io.StringIO) -> None:
    """Half a body is never handed on, and nobody is bothered about it."""
    host, port = str(site.endpoint).split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /events/desk HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(2):
        while 'status="400"} 1.0' not in (await site.http.get("/metrics")).text:
            await asyncio.sleep(0)
    assert site.desk.requests == []
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("readiness", "expected"),
    [
        pytest.param(
            Readiness(started=True), {"/livez": 200, "/startupz": 200, "/readyz": 200, "failing": []}, id="all is well"
        ),
        pytest.param(
            Readiness(started=False, failing=("starting",)),
            {"/livez": 200, "/startupz": 503, "/readyz": 503, "failing": ["starting"]},
            id="starting",
        ),
        pytest.param(
            Readiness(started=True, failing=("mattermost: refused",)),
            {"/livez": 200, "/startupz": 200, "/readyz": 503, "failing": ["mattermost: refused"]},
            id="a network is down",
        ),
    ],
)
async def test_the_probes_tell_alive_started_and_ready_apart(
    site: Site, readiness: Readiness, expected: dict[str, object]
) -> None:
    """A network that is down must not get the daemon restarted, only taken out of rotation."""
    site.desk.readiness = readiness
    for path in ("/livez", "/startupz", "/readyz"):
        assert (await site.http.get(path)).status_code == expected[path]
    ready = (await site.http.get("/readyz")).json()
    assert ready == {"ready": expected["/readyz"] == 200, "failing": expected["failing"]}


async def test_answers_do_not_name_the_server(site: Site) -> None:
    """Nothing tells an attacker which software stands here."""
    answer = await site.http.get("/livez")
    assert "server" not in answer.headers
    assert "date" in answer.headers


async def test_metrics_are_served_in_prometheus_format(site: Site) -> None:
    """The page is the registry's, with its content type."""
    site.metrics.set_paused(paused=True)
    answer = await site.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "engine_paused 1.0" in answer.text


async def test_a_stop_lets_open_requests_finish() -> None:
    """What was being accepted when the door closes still gets its answer; nobody new gets in."""
    network = Network()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def accept(received: Received) -> tuple[Accepted, ...]:
        begun.set()
        await go_on.wait()
        return await network.accept(received)

    application = build({"desk": network}, {}, accept, network.state, SetClock(), Metrics(), LIMIT)
    async with httpx.AsyncClient() as http:
        async with serving(application) as endpoint:
            request = asyncio.create_task(http.post(f"http://{endpoint}/events/desk", content=b"{}"))
            await begun.wait()
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        assert (await request).json() == {"accepted": 1, "duplicates": 0}
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://{endpoint}/livez")


async def test_a_stop_ends_at_its_deadline(log: io.StringIO) -> None:
    """A request that hangs does not keep the daemon from stopping."""
    network = Network()
    begun = asyncio.Event()

    async def accept(_: Received) -> tuple[Accepted, ...]:
        begun.set()
        await asyncio.Event().wait()
        return ()

    application = build({"desk": network}, {}, accept, network.state, SetClock(), Metrics(), LIMIT)
    async with httpx.AsyncClient() as http:
        async with serving(application, deadline_s=0) as endpoint:
            request = asyncio.create_task(http.post(f"http://{endpoint}/events/desk", content=b"{}"))
            await begun.wait()
        request.cancel()
    assert "graceful shutdown exceeded" in log.getvalue()


async def alive(_scope: object, _receive: object, _send: object) -> None:
    """An application for tests that never send a request."""


async def test_signals_stay_with_the_daemon() -> None:
    """Serving changes no signal handler: SIGTERM has to drain the whole daemon, not only this door."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    async with serving(alive):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


async def test_stopping_twice_or_before_the_start_is_harmless() -> None:
    """`stop` may be called on every path out."""
    server = HttpServer(alive, ANY_PORT)
    await server.stop(timedelta(seconds=1))
    await server.start()
    await server.stop(timedelta(seconds=1))
    await server.stop(timedelta(seconds=1))


def test_it_runs_on_the_loop_of_the_daemon(tmp_path: Path) -> None:
    """uvloop takes the same sockets, TCP and Unix."""
    path = tmp_path / "http.sock"
    network = Network()
    application = build({}, {}, network.accept, network.state, SetClock(), Metrics(), LIMIT)

    async def ask() -> list[int]:
        async with (
            serving(application) as endpoint,
            serving(application, UnixEndpoint(path)),
            httpx.AsyncClient() as tcp,
            httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path))) as unix,
        ):
            answers = [await tcp.get(f"http://{endpoint}/livez"), await unix.get("http://engine/livez")]
            return [answer.status_code for answer in answers]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == [200, 200]


async def test_a_unix_socket_has_its_permissions_and_goes_with_the_daemon(tmp_path: Path) -> None:
    """Only who may, may ask; and a clean stop leaves no file."""
    path = tmp_path / "http.sock"
    async with serving(alive, UnixEndpoint(path), mode=0o600) as bound:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert bound == UnixEndpoint(path)
    assert not path.exists()


async def test_the_socket_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    """kill -9 leaves the file behind; the next start must not need a person."""
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(alive, UnixEndpoint(path)):
        assert path.is_socket()


async def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """A live socket is never taken over."""
    path = tmp_path / "control.sock"
    async with serving(alive, UnixEndpoint(path)):
        with pytest.raises(ConfigurationError) as refused:
            listen(UnixEndpoint(path), 0o600)
        assert str(refused.value) == (
            f"cannot listen on unix:{path}: another engine is running on it; stop that one first"
        )
        assert path.is_socket()


async def test_a_port_in_use_is_named() -> None:
    """The sentence says what is in the way and what to do."""
    async with serving(alive) as bound:
        with pytest.raises(ConfigurationError) as refused:
            listen(bound, 0)
    assert str(refused.value) == (
        f"cannot listen on {bound}: another program does (a second engine?); stop it or choose another port"
    )


def test_a_port_is_free_again_at_once() -> None:
    """A restart does not wait for old connections to be forgotten."""
    first = listen(ANY_PORT, 0)
    endpoint = TcpEndpoint("127.0.0.1", first.getsockname()[1])
    with first, socket.create_connection((endpoint.host, endpoint.port)):
        served, _ = first.accept()
        # The side that closes first is the one whose port lingers.
        served.close()
    listen(endpoint, 0).close()


def test_ipv6_is_bound_as_written() -> None:
    """Brackets are the notation, not the address."""
    with listen(TcpEndpoint("::1", 0), 0) as listener:
        assert listener.family is socket.AF_INET6


@pytest.mark.parametrize(
    ("endpoint", "kind", "sentence"),
    [
        pytest.param(
            TcpEndpoint("203.0.113.1", 8080),
            ConfigurationError,
            "cannot listen on 203.0.113.1:8080: Cannot assign requested address",
            id="not our address",
        ),
        pytest.param(
            UnixEndpoint(Path("/nowhere/at/all.sock")),
            ConfigurationError,
            "cannot listen on unix:/nowhere/at/all.sock: No such file or directory",
            id="no folder",
        ),
        pytest.param(
            UnixEndpoint(Path("/tmp/" + "x" * 120)),  # noqa: S108 - never created
            ConfigurationError,
            f"cannot listen on unix:/tmp/{'x' * 120}: AF_UNIX path too long",
            id="long path",
        ),
    ],
)
def test_an_endpoint_that_cannot_be_had_is_one_sentence(
    endpoint: Endpoint, kind: type[EngineError], sentence: str
) -> None:
    """Every way to fail ends as an error of ours, with the endpoint in it."""
    with pytest.raises(kind) as refused:
        listen(endpoint, 0o600)
    assert str(refused.value).startswith(sentence)


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    """Only sockets are ever removed."""
    path = tmp_path / "http.sock"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="there is a file of that name, which is no socket"):
        listen(UnixEndpoint(path), 0o600)
    assert path.read_text() == "precious"


def test_a_socket_of_someone_else_is_a_matter_of_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that the system refuses says so with exit code 77, and removes nothing."""
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        # Tests may run as root, to whom nothing is refused.
        monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 13)
        with pytest.raises(PermissionRefused) as refused:
            listen(UnixEndpoint(path), 0o600)
    assert str(refused.value) == f"cannot listen on unix:{path}: Permission denied"
    assert path.is_socket()


def test_a_host_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's words are passed on."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # A real look-up would wait for the network of whoever runs the tests.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConfigurationError) as refused:
        listen(TcpEndpoint("support.invalid", 8080), 0)
    assert str(refused.value) == "cannot listen on support.invalid:8080: Name or service not known"
