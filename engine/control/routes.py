"""The daemon's end of the operators' socket: each question to the part of the daemon that answers it.

`app` serves `build(…)`; answers are camelCase JSON.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.control.statuses import LIMIT, STATUSES
from engine.core.errors import EngineError, NotFound, UsageError
from engine.ports import Linked

_LIMIT_MAX = 1000
# Of the largest number that a journal can give.
_ID_DIGITS = 18


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
    text = request.query_params.get("limit", str(LIMIT))
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
    status = next((status for status, kind in STATUSES.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error)}, status)


async def _unroutable(request: Request, _: Exception) -> Response:
    """A path or method that this version does not have: the command and the daemon are of different versions."""
    return JSONResponse({"error": f"the daemon does not know {request.method} {request.url.path}"}, 501)


async def _fault(_: Request, error: Exception) -> Response:
    """The answer to a fault of ours; Starlette raises the exception again and uvicorn logs it."""
    return JSONResponse({"error": f"the daemon failed ({type(error).__name__}); its log says where"}, 500)
