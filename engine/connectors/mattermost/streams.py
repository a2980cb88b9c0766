"""One life of a WebSocket to Mattermost: from its first event to whatever ends it.

The only module that knows the library `websockets`; `watcher` opens one stream after the other. A socket that is opened
with a bad token stays open and silent, and one whose server is gone may do so too: here both end with `NotHeard`. Seen
on server 5.37 in 2026: events carry numbers that rise by one; a connection that broke can be taken up again at a number
for some minutes, and the server then sends everything from there. When nothing was missed that is nothing at all, so
the last event is asked for once more, as the sign that the server knows us; where it does not, it greets us under a new
id, and what happened meanwhile has to be looked up.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from engine.connectors.exchanges import trust
from engine.connectors.mattermost import tidings
from engine.connectors.mattermost.questions import NotHeard
from engine.connectors.mattermost.refusals import TOKEN_REFUSED
from engine.connectors.mattermost.tidings import Event
from engine.core.deliveries import Fault, Rejected

# The library writes request headers, our token included, into its log when that is told to be thorough.
_LOG: Final = logging.getLogger(f"{__name__}.library")
_LOG.setLevel(logging.WARNING)
# The largest event: a post with all the properties that the server stores, as JSON within JSON.
_LARGEST_BYTES: Final = 16 * 1024 * 1024
# How many events wait here before the server is made to wait.
_QUEUE: Final = 256
_PATH: Final = "api/v4/websocket"
_UNAUTHORISED: Final = (401, 403)

_SILENT = Rejected(
    Fault.MISCONFIGURED, "silent", f"the WebSocket was opened and not greeted, as with a bad token. {TOKEN_REFUSED}"
)
_BROKEN = Rejected(Fault.TRANSIENT, "socket", "the WebSocket to Mattermost has ended")
_GAP = Rejected(Fault.TRANSIENT, "gap", "events are missing in what Mattermost sends")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    open_s: float = 10.0
    # For the first event after that.
    greet_s: float = 10.0
    # A server that does not hear us any more is noticed after both together.
    ping_every_s: float = 30.0
    pong_within_s: float = 40.0
    close_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """How far a connection was heard."""

    connection_id: str
    # The number of the last event that was dealt with.
    sequence: int


@dataclass(frozen=True, slots=True)
class Door:
    """Where Mattermost lets us listen."""

    # The server's, as for its REST API.
    url: str
    token: str = field(repr=False)


class Stream:
    """A socket that the server has greeted."""

    def __init__(self, connection: ClientConnection, place: Place, *, fresh: bool) -> None:
        self._connection = connection
        self._next = place.sequence + 1
        # Where it begins: everything after it is told.
        self.begins = place
        # The server knew nothing of an earlier connection: what happened before has to be looked up.
        self.fresh = fresh

    async def next(self, within_s: float) -> Event | None:
        """The next event; None when none comes in time. Raises NotHeard when none will come any more."""
        try:
            async with asyncio.timeout(within_s):
                event = await _event(self._connection)
        except TimeoutError:
            return None
        if event.sequence != self._next:
            raise NotHeard(_GAP, gap=True)
        self._next += 1
        return event


@asynccontextmanager
async def opened(door: Door, place: Place | None, patience: Patience) -> AsyncIterator[Stream]:
    """A stream from `place` on, or from now on when that is None or the server no longer knows it. Raises NotHeard."""
    # Number 0 is the greeting, which is not repeated.
    place = place if place is not None and place.sequence else None
    connection = await _connect(door, place, patience)
    try:
        yield await _greeted(connection, place, patience)
    finally:
        await connection.close()


async def _connect(door: Door, place: Place | None, patience: Patience) -> ClientConnection:
    url = urlsplit(f"{door.url.rstrip('/')}/{_PATH}")
    secure = url.scheme == "https"
    wanted = {} if place is None else {"connection_id": place.connection_id, "sequence_number": str(place.sequence)}
    try:
        return await connect(
            url._replace(scheme="wss" if secure else "ws", query=urlencode(wanted)).geturl(),
            additional_headers={"Authorization": f"Bearer {door.token}"},
            user_agent_header=None,
            compression=None,
            proxy=None,
            logger=_LOG,
            open_timeout=patience.open_s,
            ping_interval=patience.ping_every_s,
            ping_timeout=patience.pong_within_s,
            close_timeout=patience.close_s,
            max_size=_LARGEST_BYTES,
            max_queue=_QUEUE,
            ssl=trust() if secure else None,
            # Named here, so that no redirection leads elsewhere.
            host=url.hostname,
            port=url.port or (443 if secure else 80),
        )
    except InvalidStatus as error:
        raise NotHeard(_status(error.response.status_code)) from error
    except (OSError, TimeoutError) as error:
        reason = "Mattermost cannot be reached: no WebSocket"
        raise NotHeard(Rejected(Fault.TRANSIENT, "connect", reason)) from error
    except (WebSocketException, ValueError) as error:
        raise NotHeard(_status(0)) from error


def _status(status: int) -> Rejected:
    """What an answer other than a WebSocket means."""
    if status in _UNAUTHORISED:
        return Rejected(Fault.MISCONFIGURED, str(status), TOKEN_REFUSED)
    reason = f"Mattermost opens no WebSocket at /{_PATH}: does a proxy in between pass WebSockets on?"
    return Rejected(Fault.TRANSIENT, str(status or "handshake"), reason)


async def _greeted(connection: ClientConnection, place: Place | None, patience: Patience) -> Stream:
    """The stream after its first event, which says where it is."""
    try:
        async with asyncio.timeout(patience.greet_s):
            first = await _event(connection)
    except TimeoutError as error:
        raise NotHeard(_SILENT, gap=True) from error
    connection_id = first.data.get("connection_id")
    if first.name == "hello" and isinstance(connection_id, str) and connection_id:
        return Stream(connection, Place(connection_id, first.sequence), fresh=True)
    if place is not None and first.sequence == place.sequence:
        return Stream(connection, place, fresh=False)
    raise NotHeard(_GAP, gap=True)


async def _event(connection: ClientConnection) -> Event:
    """The next event; frames that are none are passed over."""
    while True:
        try:
            frame = await connection.recv()
        except ConnectionClosed as error:
            raise NotHeard(_BROKEN) from error
        event = tidings.event(frame)
        if event is not None:
            return event
