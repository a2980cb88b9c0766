"""What operators ask of the running daemon: JSON over HTTP on a Unix socket that only the daemon's user can open.

`app` serves `build(…)` on `state/control.sock`; the commands ask through `ControlClient`. Keys are camelCase.
The journal belongs to the daemon: while it runs no command opens its file.
"""

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.core.contracts import Json
from engine.core.errors import (
    DaemonUnreachable,
    EngineError,
    JournalUnavailable,
    NotFound,
    PermissionRefused,
    UsageError,
)
from engine.ports import Linked

# A reload, or what is published, compiles the rules and runs their examples; everything else answers in milliseconds.
_TIMEOUT_S = 60
_LIMIT = 50
_LIMIT_MAX = 1000
# A copy or a check of the journal reads all of it.
_LONG_S = 3600
# Of the largest number that a journal can give.
_ID_DIGITS = 18
# Which of our errors each status carries from the daemon to the command; every other one is 500.
_STATUSES: Mapping[int, type[EngineError]] = {
    400: UsageError,
    403: PermissionRefused,
    404: NotFound,
    503: JournalUnavailable,
}


class Operations(Protocol):
    """What the daemon does for an operator. Answers are ready to be written as JSON; an EngineError is carried over
    to the client with its words.
    """

    async def status(self) -> Mapping[str, object]:
        """The whole daemon on one page."""
        ...

    async def pause(self) -> Mapping[str, object]:
        """Hold acknowledgements."""
        ...

    async def resume(self) -> Mapping[str, object]:
        """Acknowledge again."""
        ...

    async def reload(self, *, wait: bool) -> Mapping[str, object]:
        """Reload the rules and wait: `ok`, the `sha` in force and the findings; without waiting `started`."""
        ...

    async def incidents(self, status: str | None, limit: int) -> Sequence[Mapping[str, object]]:
        """The newest incidents first; UsageError for a status that does not exist."""
        ...

    async def incident(self, ticket: str) -> Mapping[str, object]:
        """One incident with its history, or NotFound."""
        ...

    async def deliveries(self, state: str | None, limit: int) -> Sequence[Mapping[str, object]]:
        """The newest deliveries first; UsageError for a state that does not exist."""
        ...

    async def delivery(self, delivery_id: str) -> Mapping[str, object]:
        """One delivery with its text and history, or NotFound."""
        ...

    async def decided(self, since: datetime, before: int | None, limit: int) -> Sequence[Mapping[str, object]]:
        """A page of decided messages, the newest first and those below the id `before`; the last page is empty."""
        ...

    async def measured(self, since: datetime, before: int | None, limit: int) -> Sequence[Mapping[str, object]]:
        """A page of incidents with their times, the newest first; the last page is empty."""
        ...

    async def audit_head(self) -> Mapping[str, object]:
        """Where the chain over the audit ends."""
        ...

    async def audited(self, start: int | None, limit: int, *, newest_first: bool) -> Sequence[Mapping[str, object]]:
        """A page of the audit after the row `start`, or before it, the newest first; the last page is empty."""
        ...

    async def drop(self, delivery_id: str, reason: str) -> Mapping[str, object]:
        """Give up a queued, dead or held delivery; NotFound or UsageError otherwise."""
        ...

    async def redrive(self, delivery_id: str, reason: str) -> Mapping[str, object]:
        """Queue a dead or held delivery again; NotFound or UsageError otherwise."""
        ...

    async def client(self, phone: str | None, conversation: str | None, *, whole: bool) -> Mapping[str, object]:
        """Everything that is kept of a client, or only how much; NotFound."""
        ...

    async def erase(self, phone: str | None, conversation: str | None) -> Mapping[str, object]:
        """Erase a client and tell how much that was; NotFound, or UsageError while something is under way."""
        ...

    async def check_journal(self) -> Mapping[str, object]:
        """Whether the journal holds together: `findings`, and what it `holds`."""
        ...

    async def back_up(self, file: str) -> Mapping[str, object]:
        """Copy the journal into a new file; UsageError, or PermissionRefused where the daemon may not write."""
        ...


class Publications(Protocol):
    """How rules reach all nodes of the journal."""

    async def publish(self, packed: bytes) -> Mapping[str, object]:
        """Publish rules for all nodes: `ok` and the `number`, or the findings."""
        ...

    async def withdraw(self) -> Mapping[str, object]:
        """Return every node to its own files; NotFound when nothing is published."""
        ...


class Tryouts(Protocol):
    """How a test is posted."""

    async def post(self, channel: str, team: str | None) -> Mapping[str, object]:
        """Post a test into a channel: `posted`, and the `receipt` or the `error`; UsageError."""
        ...


_Call = Callable[[Request], Awaitable[object]]


def build(
    operations: Operations,
    publications: Publications,
    linked: Mapping[str, Linked] | None = None,
    tryouts: Tryouts | None = None,
) -> Starlette:
    """The operators' application; `linked` are the connectors of linked phones; no `tryouts`: no tests are posted."""

    async def _log_out(asked: Request) -> object:
        name = asked.query_params.get("connector", "")
        device = (linked or {}).get(name)
        if device is None:
            raise NotFound(f'no connector of type whatsapp-web is named "{name}"')
        await device.log_out()
        return {"connector": name, "linked": False}

    async def _publish(asked: Request) -> object:
        return await publications.publish(await asked.body())

    calls: tuple[tuple[str, str, _Call], ...] = (
        ("GET", "/status", lambda _: operations.status()),
        ("POST", "/pause", lambda _: operations.pause()),
        ("POST", "/resume", lambda _: operations.resume()),
        ("POST", "/reload", lambda asked: operations.reload(wait=asked.query_params.get("wait") != "no")),
        ("POST", "/rules/publish", _publish),
        ("POST", "/rules/withdraw", lambda _: publications.withdraw()),
        ("GET", "/incidents", lambda asked: operations.incidents(asked.query_params.get("status"), _limit(asked))),
        ("GET", "/incidents/{ticket}", lambda asked: operations.incident(asked.path_params["ticket"])),
        ("GET", "/deliveries", lambda asked: operations.deliveries(asked.query_params.get("state"), _limit(asked))),
        ("GET", "/deliveries/{id}", lambda asked: operations.delivery(asked.path_params["id"])),
        ("GET", "/decided", lambda asked: operations.decided(_since(asked), _id(asked, "before"), _limit(asked))),
        ("GET", "/measured", lambda asked: operations.measured(_since(asked), _id(asked, "before"), _limit(asked))),
        ("GET", "/audit/head", lambda _: operations.audit_head()),
        (
            "GET",
            "/audit",
            lambda asked: operations.audited(
                _id(asked, "start"), _limit(asked), newest_first=asked.query_params.get("newest") == "yes"
            ),
        ),
        (
            "POST",
            "/deliveries/{id}/drop",
            lambda asked: operations.drop(asked.path_params["id"], asked.query_params.get("reason", "")),
        ),
        (
            "POST",
            "/deliveries/{id}/redrive",
            lambda asked: operations.redrive(asked.path_params["id"], asked.query_params.get("reason", "")),
        ),
        ("POST", "/client/export", lambda asked: operations.client(*_client(asked), whole=True)),
        ("POST", "/client/preview", lambda asked: operations.client(*_client(asked), whole=False)),
        ("POST", "/client/erase", lambda asked: operations.erase(*_client(asked))),
        ("POST", "/whatsapp/logout", _log_out),
        ("POST", "/journal/check", lambda _: operations.check_journal()),
        ("POST", "/journal/backup", lambda asked: operations.back_up(asked.query_params.get("file", ""))),
    )
    if tryouts is not None:
        calls += (("POST", "/test", partial(_test, tryouts)),)
    return Starlette(
        routes=[Route(path, _endpoint(call), methods=[method]) for method, path, call in calls],
        exception_handlers={EngineError: _carry, HTTPException: _unroutable, Exception: _fault},
    )


def _endpoint(call: _Call) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return JSONResponse(await call(request))

    return answer


async def _test(tryouts: Tryouts, request: Request) -> object:
    return await tryouts.post(request.query_params.get("channel", ""), request.query_params.get("team"))


def _client(request: Request) -> tuple[str | None, str | None]:
    return request.query_params.get("phone"), request.query_params.get("conversation")


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LIMIT_MAX):
        raise UsageError(f"the limit must be a number from 1 to {_LIMIT_MAX}")
    return int(text)


def _since(request: Request) -> datetime:
    try:
        since = datetime.fromisoformat(request.query_params.get("since", ""))
    except ValueError:
        since = None
    if since is None or since.tzinfo is None:
        raise UsageError("since must be a time with its zone")
    return since


def _id(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS):
        raise UsageError(f"{name} must be the id of a row")
    return int(text)


async def _carry(_: Request, error: Exception) -> Response:
    status = next((status for status, kind in _STATUSES.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error)}, status)


async def _unroutable(request: Request, _: Exception) -> Response:
    """A path or method that this version does not have: the command and the daemon are of different versions."""
    return JSONResponse({"error": f"the daemon does not know {request.method} {request.url.path}"}, 501)


async def _fault(_: Request, error: Exception) -> Response:
    """The answer to a fault of ours; Starlette raises the exception again and uvicorn logs it."""
    return JSONResponse({"error": f"the daemon failed ({type(error).__name__}); its log says where"}, 500)


@dataclass(frozen=True, slots=True)
class ControlClient:
    """A command's way to the daemon on this machine. Every call raises DaemonUnreachable when nobody answers."""

    # `control.sock` in the state directory.
    socket_path: Path

    def status(self, timeout_s: float = _TIMEOUT_S) -> Json:
        """The whole daemon on one page."""
        return self._object("GET", "/status", timeout_s=timeout_s)

    def pause(self) -> Json:
        """Hold acknowledgements."""
        return self._object("POST", "/pause")

    def resume(self) -> Json:
        """Acknowledge again."""
        return self._object("POST", "/resume")

    def reload(self, *, wait: bool = True) -> Json:
        """Reload the rules and wait for the result, or only have it begun."""
        return self._object("POST", "/reload", {} if wait else {"wait": "no"})

    def publish(self, packed: str) -> Json:
        """Publish rules for all nodes: `ok` and the `number`, or the findings."""
        return self._object("POST", "/rules/publish", body=packed.encode())

    def withdraw(self) -> Json:
        """Return every node to its own files; NotFound when nothing is published."""
        return self._object("POST", "/rules/withdraw")

    def incidents(self, status: str | None = None, limit: int = _LIMIT) -> list[Json]:
        """The newest incidents first."""
        return self._list("/incidents", {"limit": str(limit), **({"status": status} if status else {})})

    def incident(self, ticket: str) -> Json:
        """One incident with its history; NotFound."""
        return self._object("GET", f"/incidents/{_segment(ticket)}")

    def deliveries(self, state: str | None = None, limit: int = _LIMIT) -> list[Json]:
        """The newest deliveries first."""
        return self._list("/deliveries", {"limit": str(limit), **({"state": state} if state else {})})

    def delivery(self, delivery_id: str) -> Json:
        """One delivery with its text and history; NotFound."""
        return self._object("GET", f"/deliveries/{_segment(delivery_id)}")

    def decided(self, since: datetime, before: int | None = None, limit: int = _LIMIT) -> list[Json]:
        """A page of decided messages, the newest first and those below the id `before`; the last page is empty."""
        query = {"since": since.isoformat(), "limit": str(limit)}
        return self._list("/decided", query if before is None else {**query, "before": str(before)})

    def measured(self, since: datetime, before: int | None = None, limit: int = _LIMIT) -> list[Json]:
        """A page of incidents with their times, the newest first; the last page is empty."""
        query = {"since": since.isoformat(), "limit": str(limit)}
        return self._list("/measured", query if before is None else {**query, "before": str(before)})

    def audit_head(self) -> Json:
        """Where the chain over the audit ends."""
        return self._object("GET", "/audit/head")

    def audited(self, start: int | None, limit: int, *, newest_first: bool) -> list[Json]:
        """A page of the audit after the row `start`, or before it, the newest first; the last page is empty."""
        query = {"limit": str(limit), "newest": "yes" if newest_first else "no"}
        return self._list("/audit", query if start is None else {**query, "start": str(start)})

    def drop(self, delivery_id: str, reason: str) -> Json:
        """Give up a queued, dead or held delivery; NotFound, or UsageError when it is neither."""
        return self._object("POST", f"/deliveries/{_segment(delivery_id)}/drop", {"reason": reason})

    def redrive(self, delivery_id: str, reason: str = "") -> Json:
        """Queue a dead or held delivery again; NotFound, or UsageError when it is neither."""
        return self._object("POST", f"/deliveries/{_segment(delivery_id)}/redrive", {"reason": reason})

    def send_test(self, channel: str, team: str | None = None) -> Json:
        """Post a test into a channel and wait for its end: `posted`, and the `receipt` or the `error`; UsageError."""
        return self._object("POST", "/test", {"channel": channel, **({"team": team} if team else {})})

    def client(self, action: str, phone: str | None, conversation: str | None) -> Json:
        """`export`, `preview` or `erase` what is kept of a client; NotFound, or UsageError while it cannot be."""
        asked = {"phone": phone, "conversation": conversation}
        return self._object("POST", f"/client/{action}", {name: text for name, text in asked.items() if text})

    def log_out(self, connector: str) -> Json:
        """Unlink the device of a linked phone; NotFound, or UsageError where WhatsApp cannot be told."""
        return self._object("POST", "/whatsapp/logout", {"connector": connector})

    def check_journal(self, timeout_s: float = _LONG_S) -> Json:
        """Whether the journal holds together."""
        return self._object("POST", "/journal/check", timeout_s=timeout_s)

    def back_up(self, file: Path) -> Json:
        """Copy the journal into a new file; UsageError, PermissionRefused."""
        return self._object("POST", "/journal/backup", {"file": str(file)}, timeout_s=_LONG_S)

    def answers(self) -> bool:
        """Whether a daemon runs. Raises PermissionRefused when it is somebody else's."""
        try:
            self._knock()
        except DaemonUnreachable:
            return False
        return True

    def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = _TIMEOUT_S,
    ) -> Json:
        answer: Json = self._ask(method, path, query or {}, body, timeout_s)
        return answer

    def _list(self, path: str, query: Mapping[str, str]) -> list[Json]:
        answer: list[Json] = self._ask("GET", path, query)
        return answer

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], body: bytes = b"", timeout_s: float = _TIMEOUT_S
    ) -> Any:
        self._knock()
        # No TLS on a Unix socket: loading the certificates of the world costs 20 ms for each call (measured 2026-11).
        transport = httpx.HTTPTransport(uds=str(self.socket_path), verify=False)
        try:
            with httpx.Client(transport=transport, base_url="http://engine", timeout=timeout_s) as http:
                response = http.request(method, path, params=query, content=body)
            answer = response.json()
        except (httpx.TransportError, ValueError) as error:
            raise DaemonUnreachable(f"the daemon at {self.socket_path} broke off; its log says why") from error
        if response.is_success:
            return answer
        raise _STATUSES.get(response.status_code, EngineError)(answer["error"])

    def _knock(self) -> None:
        """Tell no daemon and somebody else's daemon apart, which a person mends in different ways.

        A connection of its own, because httpx leaves the socket of a failed one open (httpcore 1.0.9).
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            try:
                door.connect(str(self.socket_path))
            except PermissionError as error:
                raise PermissionRefused(
                    f"{self.socket_path} belongs to the daemon's user: use sudo, or that user"
                ) from error
            except OSError as error:
                raise DaemonUnreachable(
                    f"the daemon does not answer at {self.socket_path}: is it running? systemctl status engine"
                ) from error


def _segment(name: str) -> str:
    """One segment of a path; a slash in it would ask for something else."""
    return quote(name, safe="")
