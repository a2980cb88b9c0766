"""HTTP: a request becomes what a connector received, that is made durable, and only then the network has its answer.

`app` builds the application from the connectors and runs it, and that of `control` beside it, with `HttpServer` in the
daemon's own event loop. No answer and no log line of this module holds anything that a client wrote.
"""

import asyncio
import contextlib
import errno
import math
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import uvicorn
from loguru import logger
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from engine.core.endpoints import Endpoint, TcpEndpoint, UnixEndpoint
from engine.core.errors import ConfigurationError, JournalUnavailable, PermissionRefused
from engine.core.records import Accepted
from engine.metrics import Metrics
from engine.ports import Asking, Clock, Received, Refused, Webhook, WebhookRequest

# A proxy keeps its connections to us for a minute; the one who closes an idle connection should be the proxy, or a
# request could meet a closed one.
_KEEP_ALIVE_S = 75
_BODY_TIMEOUT = timedelta(seconds=30)

Accept = Callable[[Received], Awaitable[tuple[Accepted, ...]]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the daemon can do its work now."""

    # The journal is open and the rules are loaded: from then on messages are accepted.
    started: bool
    # One sentence for each part that cannot work now, and before all of them that it is starting or stopping.
    failing: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Started, and nothing fails."""
        return self.started and not self.failing


@dataclass(frozen=True, slots=True)
class _Unread:
    """Why a body was not taken, as it is answered."""

    status: int
    error: str
    headers: Mapping[str, str] = field(default_factory=dict)


def build(  # noqa: PLR0917 - wired in one place, `app`, from values of seven different types
    events: Mapping[str, Webhook],
    webhooks: Mapping[str, Webhook],
    accept: Accept,
    readiness: Callable[[], Awaitable[Readiness]],
    clock: Clock,
    metrics: Metrics,
    body_limit: int,
    *,
    body_timeout: timedelta = _BODY_TIMEOUT,
) -> Starlette:
    """The public application: `events` under /events, `webhooks` under /webhooks, the probes and the metrics.

    `accept` returns once everything received is durable, in the order of its inbounds; JournalUnavailable becomes 503
    with Retry-After. Bodies beyond `body_limit` bytes get 413 unread, those that take longer than `body_timeout` 408.
    """

    def intake(connectors: Mapping[str, Webhook]) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            connector = connectors.get(request.path_params["connector"])
            if connector is None:
                return _error(404, "no such connector")
            body = await _read(request, body_limit, body_timeout)
            answer = (
                _error(body.status, body.error, headers=body.headers)
                if isinstance(body, _Unread)
                else await _receive(connector, _request(request, body, clock), accept)
            )
            if answer.status_code >= 400:  # noqa: PLR2004 - RFC 9110, section 15: errors begin here
                metrics.count_refused(connector.name, answer.status_code)
            return answer

        return take

    async def live(_: Request) -> Response:
        return PlainTextResponse("live\n")

    async def started(_: Request) -> Response:
        state = await readiness()
        return PlainTextResponse("started\n") if state.started else PlainTextResponse("starting\n", 503)

    async def ready(_: Request) -> Response:
        state = await readiness()
        return JSONResponse({"ready": state.ready, "failing": list(state.failing)}, 200 if state.ready else 503)

    async def page(_: Request) -> Response:
        # What is open is counted when somebody asks.
        await readiness()
        content, content_type = metrics.render()
        return Response(content, headers={"content-type": content_type})

    return Starlette(
        routes=[
            Route("/events/{connector}", intake(events), methods=["POST"]),
            Route("/webhooks/{connector}", intake(webhooks), methods=["GET", "POST"]),
            Route("/livez", live),
            Route("/startupz", started),
            Route("/readyz", ready),
            Route("/metrics", page),
        ],
        exception_handlers={HTTPException: _unroutable, Exception: _fault},
    )


async def _receive(connector: Webhook, request: WebhookRequest, accept: Accept) -> Response:
    received = connector.receive(request)
    if isinstance(received, Refused):
        return _error(received.status, received.reason, received.field)
    if isinstance(received, Asking):
        received = await received.ask()
    accepted: tuple[Accepted, ...] = ()
    if received.inbounds or received.receipts or received.signals or received.actions:
        try:
            accepted = await accept(received)
        except JournalUnavailable as unavailable:
            logger.bind(connector=connector.name).warning("a request was sent away: {}", unavailable)
            seconds = max(1, math.ceil(unavailable.retry_after.total_seconds()))
            return _error(503, "nothing can be accepted now, try again later", headers={"retry-after": str(seconds)})
    if received.answer:
        return Response(received.answer, media_type=received.answer_type)
    duplicates = sum(one.duplicate for one in accepted)
    return JSONResponse({"accepted": len(accepted) - duplicates, "duplicates": duplicates})


def _request(request: Request, body: bytes, clock: Clock) -> WebhookRequest:
    return WebhookRequest(
        # HEAD is GET without the body of the answer (RFC 9110, section 9.3.2).
        method="GET" if request.method == "HEAD" else request.method,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=body,
        received_at=clock.now(),
        query_string=request.url.query,
    )


async def _read(request: Request, limit: int, patience: timedelta) -> bytes | _Unread:
    """The body, as long as it stays within `limit` bytes and arrives within `patience`."""
    # The rest of a body that is too large is thrown away as it comes: closing at once would reset the connection, and
    # the sender would never read why. One that waits for `100 Continue` sends none, and must not be waited for.
    last = {"connection": "close"}
    too_large = _Unread(413, f"the body is larger than {limit} bytes", last if "expect" in request.headers else {})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        return too_large
    body = bytearray()
    try:
        async with asyncio.timeout(patience.total_seconds()):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    return too_large
    except TimeoutError:
        return _Unread(408, "the body took too long", last)
    except ClientDisconnect:
        # Nobody reads this answer; it only ends the request.
        return _Unread(400, "the body is incomplete")
    return bytes(body)


def _error(status: int, error: str, field_path: str = "", headers: Mapping[str, str] | None = None) -> Response:
    content = {"error": error, "field": field_path} if field_path else {"error": error}
    return JSONResponse(content, status, headers)


async def _unroutable(_: Request, error: Exception) -> Response:
    """404 and 405 of the router."""
    if not isinstance(error, HTTPException):  # pragma: no cover - registered for HTTPException alone
        raise error
    return JSONResponse({"error": error.detail.lower()}, error.status_code, error.headers)


async def _fault(_: Request, __: Exception) -> Response:
    """The answer to a fault of ours; Starlette raises the exception again and uvicorn logs it."""
    return _error(500, "internal error")


class HttpServer:
    """One application on one endpoint, from `start` to `stop`."""

    def __init__(self, application: ASGIApp, endpoint: Endpoint, *, mode: int = 0o660) -> None:
        """`mode` is the permission of a Unix socket. Nothing is opened yet."""
        self._application = application
        self._endpoint = endpoint
        self._mode = mode
        self._running: _Running | None = None

    async def start(self) -> Endpoint:
        """Take requests in the running loop; the endpoint, with the port that was bound where it was 0.

        Raises ConfigurationError or PermissionRefused when the endpoint cannot be had.
        """
        listener = listen(self._endpoint, self._mode)
        bound = self._endpoint
        if isinstance(bound, TcpEndpoint):
            bound = TcpEndpoint(bound.host, int(listener.getsockname()[1]))
        config = uvicorn.Config(
            self._application,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        config.load()
        http = uvicorn.Server(config)
        http.lifespan = config.lifespan_class(config)
        # The parts of `Server.serve` one by one: as a whole it would take SIGTERM and SIGINT away from the daemon.
        await http.startup([listener])
        self._running = _Running(http, listener, asyncio.create_task(http.main_loop(), name=f"http {bound}"))
        return bound

    async def stop(self, deadline: timedelta) -> None:
        """Take no more requests, finish the ones under way until the deadline, then cut them. Idempotent."""
        if self._running is None:
            return
        running, self._running = self._running, None
        running.http.config.timeout_graceful_shutdown = math.ceil(deadline.total_seconds())
        running.ticking.cancel()
        await asyncio.wait({running.ticking})
        await running.http.shutdown([running.listener])
        if isinstance(self._endpoint, UnixEndpoint):
            self._endpoint.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Running:
    """What `start` opened and `stop` closes."""

    http: uvicorn.Server
    listener: socket.socket
    # Keeps the Date header right.
    ticking: asyncio.Task[None]


def listen(endpoint: Endpoint, mode: int) -> socket.socket:
    """A listening socket; ConfigurationError or PermissionRefused says why there is none."""
    try:
        if isinstance(endpoint, UnixEndpoint):
            return _listen_unix(endpoint.path, mode)
        return _listen_tcp(endpoint)
    except PermissionError as error:
        raise PermissionRefused(f"cannot listen on {endpoint}: {error.strerror}") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"cannot listen on {endpoint}: another program does (a second engine?); stop it or choose another port"
            ) from error
        raise ConfigurationError(f"cannot listen on {endpoint}: {error.strerror or error}") from error


def _listen_tcp(endpoint: TcpEndpoint) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    with _closed_on_error(listener):
        # A restart must not wait until the kernel has forgotten the old connections.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    return listener


def _listen_unix(path: Path, mode: int) -> socket.socket:
    _clear_way(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _closed_on_error(listener):
        listener.bind(str(path))
        # Nobody can connect before `listen`, so there is no moment with wider permissions.
        path.chmod(mode)
        listener.listen()
    return listener


def _clear_way(path: Path) -> None:
    """Remove the socket of a process that is gone; refuse when one still listens, or when it is no socket."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigurationError(f"cannot listen on unix:{path}: there is a file of that name, which is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        answer = probe.connect_ex(str(path))
    # EAGAIN: it listens and its queue is full.
    if answer in {0, errno.EAGAIN}:
        raise ConfigurationError(f"cannot listen on unix:{path}: another engine is running on it; stop that one first")
    if answer != errno.ECONNREFUSED:
        raise OSError(answer, os.strerror(answer))
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _closed_on_error(listener: socket.socket) -> Iterator[None]:
    try:
        yield
    except OSError:
        listener.close()
        raise
