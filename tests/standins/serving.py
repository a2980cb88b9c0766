"""Any application on a real endpoint of this machine, while a block runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.types import ASGIApp

from engine.core.endpoints import Endpoint, TcpEndpoint
from engine.server import HttpServer

# Port 0: the system chooses a free one.
ANY_PORT = TcpEndpoint("127.0.0.1", 0)


@asynccontextmanager
async def serving(
    application: ASGIApp, endpoint: Endpoint = ANY_PORT, *, mode: int = 0o660, deadline_s: float = 2
) -> AsyncIterator[Endpoint]:
    server = HttpServer(application, endpoint, mode=mode)
    bound = await server.start()
    try:
        yield bound
    finally:
        await server.stop(timedelta(seconds=deadline_s))
