"""Operators' commands over a real Unix socket: from the client's method to the daemon's operation and back."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from standins.serving import serving

from engine.control.client import ControlClient
from engine.control.routes import build
from engine.core.endpoints import UnixEndpoint
from engine.core.errors import (
    DaemonUnreachable,
    EngineError,
    JournalUnavailable,
    NotFound,
    PermissionRefused,
    UsageError,
)
from engine.core.objects import Json

SINCE = datetime(2026, 2, 12, 10, 15, 30, 123456, tzinfo=timezone(timedelta(hours=3)))


@dataclass
class Daemon:
    """Operations that note how they were called and answer, or fail, as the test says."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    failure: Exception | None = None
    # As the connector of a linked phone.
    name: str = "main"

    def _note(self, *call: object) -> Json:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure
        return {"asked": call[0]}

    async def status(self) -> Json:
        return self._note("status")

    async def pause(self) -> Json:
        return self._note("pause")

    async def resume(self) -> Json:
        return self._note("resume")

    async def reload(self, *, wait: bool) -> Json:
        return self._note("reload" if wait else "reload soon")

    async def publish(self, packed: bytes) -> Json:
        return self._note("publish", packed)

    async def withdraw(self) -> Json:
        return self._note("withdraw")

    async def log_out(self) -> None:
        self._note("log out")

    async def incidents(self, status: str | None, limit: int) -> list[Json]:
        return [self._note("incidents", status, limit)]

    async def incident(self, ticket: str) -> Json:
        return self._note("incident", ticket)

    async def deliveries(self, state: str | None, limit: int) -> list[Json]:
        return [self._note("deliveries", state, limit)]

    async def decided(self, since: datetime, before: int | None, limit: int) -> list[Json]:
        return [self._note("decided", since, before, limit)]

    async def delivery(self, delivery_id: str) -> Json:
        return self._note("delivery", delivery_id)

    async def measured(self, since: datetime, before: int | None, limit: int) -> list[Json]:
        return [self._note("measured", since, before, limit)]

    async def audit_head(self) -> Json:
        return self._note("audit head")

    async def audited(self, start: int | None, limit: int, *, newest_first: bool) -> list[Json]:
        return [self._note("audited", start, limit, newest_first)]

    async def drop(self, delivery_id: str, reason: str) -> Json:
        return self._note("drop", delivery_id, reason)

    async def redrive(self, delivery_id: str, reason: str) -> Json:
        return self._note("redrive", delivery_id, reason)

    async def post(self, channel: str, team: str | None) -> Json:
        return self._note("test", channel, team)

    async def client(self, phone: str | None, conversation: str | None, *, whole: bool) -> Json:
        return self._note("client", phone, conversation, whole)

    async def erase(self, phone: str | None, conversation: str | None) -> Json:
        return self._note("erase", phone, conversation)

    async def check_journal(self) -> Json:
        return self._note("check the journal")

    async def back_up(self, file: str) -> Json:
        return self._note("back up", file)


@dataclass
class Office:
    daemon: Daemon
    client: ControlClient

    async def ask(self, question: Callable[[ControlClient], object]) -> object:
        """The client is synchronous, as commands are."""
        return await asyncio.to_thread(question, self.client)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    daemon, path = Daemon(), tmp_path / "control.sock"
    async with serving(build(daemon, daemon, {daemon.name: daemon}, daemon), UnixEndpoint(path), mode=0o600):
        yield Office(daemon, ControlClient(path))


@pytest.mark.parametrize(
    ("question", "call", "answer"),
    [
        pytest.param(lambda client: client.status(), ("status",), {"asked": "status"}, id="status"),
        pytest.param(lambda client: client.pause(), ("pause",), {"asked": "pause"}, id="pause"),
        pytest.param(lambda client: client.resume(), ("resume",), {"asked": "resume"}, id="resume"),
        pytest.param(lambda client: client.reload(), ("reload",), {"asked": "reload"}, id="reload"),
        pytest.param(
            lambda client: client.reload(wait=False), ("reload soon",), {"asked": "reload soon"}, id="reload-soon"
        ),
        pytest.param(
            lambda client: client.publish("{}" * 9_000_000),
            ("publish", b"{}" * 9_000_000),
            {"asked": "publish"},
            id="publish",
        ),
        pytest.param(lambda client: client.withdraw(), ("withdraw",), {"asked": "withdraw"}, id="withdraw"),
        pytest.param(
            lambda client: client.log_out("main"), ("log out",), {"connector": "main", "linked": False}, id="log out"
        ),
        pytest.param(
            lambda client: client.incidents(), ("incidents", None, 50), [{"asked": "incidents"}], id="all incidents"
        ),
        pytest.param(
            lambda client: client.incidents("open", 3),
            ("incidents", "open", 3),
            [{"asked": "incidents"}],
            id="incidents",
        ),
        pytest.param(
            lambda client: client.incident("OC-2026-0001"),
            ("incident", "OC-2026-0001"),
            {"asked": "incident"},
            id="incident",
        ),
        pytest.param(
            lambda client: client.deliveries(), ("deliveries", None, 50), [{"asked": "deliveries"}], id="all deliveries"
        ),
        pytest.param(
            lambda client: client.deliveries("dead", 1000),
            ("deliveries", "dead", 1000),
            [{"asked": "deliveries"}],
            id="deliveries",
        ),
        pytest.param(
            lambda client: client.decided(SINCE), ("decided", SINCE, None, 50), [{"asked": "decided"}], id="the past"
        ),
        pytest.param(
            lambda client: client.decided(SINCE, 7, 3), ("decided", SINCE, 7, 3), [{"asked": "decided"}], id="a page"
        ),
        pytest.param(
            lambda client: client.measured(SINCE, 7, 3), ("measured", SINCE, 7, 3), [{"asked": "measured"}], id="times"
        ),
        pytest.param(
            lambda client: client.measured(SINCE),
            ("measured", SINCE, None, 50),
            [{"asked": "measured"}],
            id="the newest times",
        ),
        pytest.param(
            lambda client: client.drop("d1", "no longer needed"),
            ("drop", "d1", "no longer needed"),
            {"asked": "drop"},
            id="drop",
        ),
        pytest.param(
            lambda client: client.send_test("noc"), ("test", "noc", None), {"asked": "test"}, id="a test post"
        ),
        pytest.param(
            lambda client: client.send_test("noc", "sales"), ("test", "noc", "sales"), {"asked": "test"}, id="of a team"
        ),
        pytest.param(lambda client: client.redrive("d1"), ("redrive", "d1", ""), {"asked": "redrive"}, id="redrive"),
        pytest.param(lambda client: client.delivery("d1"), ("delivery", "d1"), {"asked": "delivery"}, id="delivery"),
        pytest.param(lambda client: client.audit_head(), ("audit head",), {"asked": "audit head"}, id="audit head"),
        pytest.param(
            lambda client: client.check_journal(), ("check the journal",), {"asked": "check the journal"}, id="check"
        ),
        pytest.param(
            lambda client: client.back_up(Path("/b/a b.db")),
            ("back up", "/b/a b.db"),
            {"asked": "back up"},
            id="backup",
        ),
        pytest.param(
            lambda client: client.audited(None, 9, newest_first=True),
            ("audited", None, 9, True),
            [{"asked": "audited"}],
            id="the newest of the audit",
        ),
        pytest.param(
            lambda client: client.audited(7, 9, newest_first=False),
            ("audited", 7, 9, False),
            [{"asked": "audited"}],
            id="a page of the audit",
        ),
        pytest.param(
            lambda client: client.redrive("a b?c#d", "again"),
            ("redrive", "a b?c#d", "again"),
            {"asked": "redrive"},
            id="an odd id",
        ),
    ],
)
async def test_each_question_reaches_its_operation(
    office: Office, question: Callable[[ControlClient], object], call: tuple[object, ...], answer: object
) -> None:
    """The arguments arrive as they were given and the answer comes back as it was."""
    assert await office.ask(question) == answer
    assert office.daemon.calls == [call]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        pytest.param(NotFound('no incident "OC-2026-0009"'), NotFound, id="not found"),
        pytest.param(UsageError('there is no state "done"'), UsageError, id="usage"),
        pytest.param(JournalUnavailable("the disk is full"), JournalUnavailable, id="journal"),
        pytest.param(PermissionRefused("/b cannot be written"), PermissionRefused, id="permission"),
        pytest.param(EngineError("something else"), EngineError, id="anything else of ours"),
    ],
)
async def test_an_error_of_the_daemon_is_the_command_s_error(
    office: Office, failure: EngineError, kind: type[EngineError]
) -> None:
    """The same class, and so the same exit code, with the same words."""
    office.daemon.failure = failure
    with pytest.raises(kind) as raised:
        await office.ask(lambda client: client.incident("OC-2026-0009"))
    assert type(raised.value) is kind
    assert str(raised.value) == str(failure)


async def test_a_fault_of_the_daemon_is_in_its_log(office: Office, log: io.StringIO) -> None:
    """The operator learns where to look; the words of the exception, which may quote a client, stay away from both."""
    office.daemon.failure = ValueError("I am +254712345678")
    with pytest.raises(EngineError) as raised:
        await office.ask(lambda client: client.status())
    assert str(raised.value) == "the daemon failed (ValueError); its log says where"
    assert "in status" in log.getvalue()
    assert "I am" not in log.getvalue()


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_limit_has_bounds(office: Office, limit: int) -> None:
    """Nobody loads the whole journal by accident."""
    with pytest.raises(UsageError) as raised:
        await office.ask(lambda client: client.incidents(limit=limit))
    assert str(raised.value) == "the limit must be a number from 1 to 1000"
    assert office.daemon.calls == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param({}, "since must be a time with its zone", id="no time"),
        pytest.param({"since": "yesterday"}, "since must be a time with its zone", id="a word"),
        pytest.param({"since": "2026-02-12T10:15:30"}, "since must be a time with its zone", id="no zone"),
        pytest.param({"since": SINCE.isoformat(), "before": "x"}, "before must be the id of a row", id="no id"),
        pytest.param({"since": SINCE.isoformat(), "before": "9" * 19}, "before must be the id of a row", id="long"),
    ],
)
async def test_a_page_of_the_past_needs_its_bounds(office: Office, query: dict[str, str], problem: str) -> None:
    """What cannot be asked is refused with a sentence and never reaches the journal."""
    transport = httpx.AsyncHTTPTransport(uds=str(office.client.socket_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
        answer = await http.get("/decided", params=query)
    assert (answer.status_code, answer.json(), office.daemon.calls) == (400, {"error": problem}, [])


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/pause")])
async def test_a_command_of_another_version_is_told_so(office: Office, method: str, path: str) -> None:
    """What this daemon does not know is no missing ticket."""
    transport = httpx.AsyncHTTPTransport(uds=str(office.client.socket_path))
    async with httpx.AsyncClient(transport=transport) as http:
        answer = await http.request(method, f"http://engine{path}")
    assert answer.status_code == 501
    assert answer.json() == {"error": f"the daemon does not know {method} {path}"}


async def test_a_slash_in_a_ticket_asks_for_nothing_else(office: Office) -> None:
    """An argument never changes which operation is called."""
    with pytest.raises(EngineError, match="the daemon does not know GET /incidents/"):
        await office.ask(lambda client: client.incident("a/../../status"))
    assert office.daemon.calls == []


@pytest.mark.parametrize(
    "ask", [lambda client: client.incident("\udcff"), lambda client: client.drop("abc", "it is h\udce9ld")]
)
def test_what_is_no_text_is_not_asked_for(tmp_path: Path, ask: Callable[[ControlClient], object]) -> None:
    """A terminal of another encoding gives bytes that no daemon could read."""
    with pytest.raises(UsageError, match=r"\\udc.* holds bytes that are no UTF-8: type it anew"):
        ask(ControlClient(tmp_path / "control.sock"))


def test_no_daemon_is_said_in_one_sentence(tmp_path: Path) -> None:
    """Neither a socket that is not there nor one that nobody serves any more is a traceback."""
    path = tmp_path / "control.sock"
    sentence = f"the daemon does not answer at {path}: is it running? systemctl status engine"
    with pytest.raises(DaemonUnreachable) as absent:
        ControlClient(path).status()
    assert str(absent.value) == sentence
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(DaemonUnreachable) as gone:
        ControlClient(path).status()
    assert str(gone.value) == sentence


def test_a_socket_of_someone_else_is_a_matter_of_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon runs; the operator has to become its user."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, to whom nothing is refused.
    monkeypatch.setattr(socket.socket, "connect", refuse)
    path = tmp_path / "control.sock"
    with pytest.raises(PermissionRefused) as refused:
        ControlClient(path).status()
    assert str(refused.value) == f"{path} belongs to the daemon's user: use sudo, or that user"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", id="no JSON"),
        pytest.param(b"", id="cut connection"),
    ],
)
async def test_a_daemon_that_breaks_off_is_not_believed(tmp_path: Path, answer: bytes) -> None:
    """Killed in the middle of an answer, or something else on the socket: the command fails in one sentence."""
    path = tmp_path / "control.sock"

    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(other, path):
        with pytest.raises(DaemonUnreachable) as raised:
            await asyncio.to_thread(ControlClient(path).status)
    assert str(raised.value) == f"the daemon at {path} broke off; its log says why"


async def test_a_daemon_that_has_heard_enough_says_why(tmp_path: Path) -> None:
    """It may answer and close before a long question is all said."""
    path = tmp_path / "control.sock"

    async def brief(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 503 No\r\ncontent-length: 22\r\n\r\n{"error": "disk full"}')
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(brief, path):
        with pytest.raises(JournalUnavailable) as raised:
            await asyncio.to_thread(ControlClient(path).publish, "{}" * 9_000_000)
    assert str(raised.value) == "disk full"


async def test_a_question_is_one_connection(tmp_path: Path) -> None:
    """And nothing of it is left open, whatever came back."""
    path, opened, visits = tmp_path / "control.sock", [], []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        visits.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        # The end of what the client says: it has closed.
        visits.append(await reader.read())
        writer.close()

    async with await asyncio.start_unix_server(other, path):
        assert await asyncio.to_thread(ControlClient(path).status) == {}
        while len(visits) < 2:
            await asyncio.sleep(0)
    assert opened == [1]
    assert [visit.split(b"\r\n")[0] for visit in visits] == [b"GET /status HTTP/1.1", b""]
