"""What networks must be able to do, and what passes between them and the daemon."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.core.actions import Action
from engine.core.deliveries import (
    Claimed,
    Outcome,
    Reconciled,
    Rejected,
    Unknown,
)
from engine.core.events import Inbound, Receipt, Signal
from engine.core.media import Fetched


@dataclass(frozen=True, slots=True)
class Health:
    """What a connector knows about its own way to the network."""

    ready: bool
    # One sentence for `engine status` and `/readyz`; empty when all is well.
    problem: str = ""
    # Of a connection that is kept: unlinked, linking, connecting, online, degraded, replaced, banned, outdated or
    # logged out; empty where there is none. Each change is told to the operators.
    state: str = ""
    # Of the newest end of the connection, in this life of the daemon or before it, that may have lost messages: when
    # the last of them came. Told to the operators.
    lost_at: datetime | None = None


class Healthy(Protocol):
    """Anything that can tell how its way to somewhere fares."""

    def health(self) -> Health:
        """The state after the newest exchange; does no I/O."""
        ...


class Connector(Protocol):
    """A way to say something on one network."""

    # As in engine.yaml, "mattermost" for Mattermost.
    name: str

    async def start(self) -> None:
        """Open connections; a network that is down is no error here."""
        ...

    async def close(self) -> None:
        """Close within five seconds. Idempotent."""
        ...

    async def send(self, claimed: Claimed) -> Outcome:
        """Say it once. Never raises for anything that a network can do."""
        ...

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Ask the network whether an earlier try of this delivery took effect. Never raises either."""
        ...

    def health(self) -> Health:
        """The state after the newest exchange; does no I/O."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """An HTTP request as a connector sees it."""

    # GET or POST
    method: str
    query: Mapping[str, str]
    # Names in lower case; values as latin-1 text, as ASGI delivers them.
    headers: Mapping[str, str]
    body: bytes
    # For events that carry no time of their own; aware.
    received_at: datetime
    # What stands after the question mark, as it was written, for signatures over the whole URL.
    query_string: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What a request brought: accept all of it durably, then answer 200 with `answer`."""

    inbounds: tuple[Inbound, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    signals: tuple[Signal, ...] = ()
    # What engineers did in their chat.
    actions: tuple[Action, ...] = ()
    # The body of the answer; empty: a JSON summary.
    answer: str = ""
    answer_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not taken."""

    # 400, 401, 403 or 404
    status: int
    # For the sender; never the client's text.
    reason: str
    # The dotted path of the offending field, where there is one.
    field: str = ""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that is genuine as far as it tells; before it counts the network itself must be asked."""

    # Asks, and gives what is left to accept and the answer. It never raises.
    ask: Callable[[], Awaitable[Received]]


class Webhook(Protocol):
    """A connector that is told about messages by HTTP."""

    # As in engine.yaml; the last part of its URL.
    name: str

    def receive(self, request: WebhookRequest) -> Received | Refused | Asking:
        """Verify and parse. Pure; never raises, whatever the bytes are."""
        ...


class Listener(Protocol):
    """A connector that takes messages in by itself, over a connection that it keeps or by asking for them."""

    # As in engine.yaml.
    name: str
    # Only one node may have the connection, and what goes out by it leaves from there.
    exclusive: bool

    def is_of_use(self) -> bool:
        """Whether anything can come in here as things are. Where several nodes could have the connection and only one
        may, one of no use leaves it to another.
        """
        ...

    async def listen(self, accept: Callable[[Received], Awaitable[None]]) -> None:
        """Take in what the network has until cancelled, after `Connector.start`; where the connection was lost to
        another node and came back, it is called again.

        `accept` returns once everything is durable, and only then may the network be told that it was taken. It raises
        JournalUnavailable (Overloaded included) while that cannot be done: the same is offered again after a pause, and
        nothing else is taken meanwhile.
        """
        ...


class MediaSource(Protocol):
    """Where a network keeps the files that clients sent by one connector."""

    async def fetch(self, reference: str, limit: int) -> Fetched | Rejected | Unknown:
        """The file behind an attachment's reference, read no further than `limit` bytes. Asking changes nothing there.

        What is larger is refused with the code `too-large`, what the network no longer has with `gone`. Nothing of a
        file is opened, and our token goes to the network's own hosts alone. Never raises for anything that a network
        can do.
        """
        ...

    async def close(self) -> None:
        """Close within five seconds. Idempotent."""
        ...


class Linked(Protocol):
    """A connector that speaks as a device which a person has linked."""

    # As in engine.yaml.
    name: str

    async def log_out(self) -> None:
        """Unlink the device for good. Raises UsageError where the network cannot be told."""
        ...


class Placed(Protocol):
    """A connector that says things in several places, each of which may refuse them."""

    def places(self) -> Mapping[str, str]:
        """The places that something was said in, in this life of the daemon: of each why it refuses what waits for it,
        in one sentence; empty where it takes everything.
        """
        ...
