"""Engineers in a Mattermost that only pretends, and a watcher that hears them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from standins import mattermost as standin
from standins import parts
from standins.claims import CHANNEL
from standins.loopback import Loopback, serving
from standins.parts import SetClock

from engine.connectors.exchanges import Session
from engine.connectors.mattermost.servers import Server
from engine.connectors.mattermost.streams import Door, Patience
from engine.connectors.mattermost.watcher import Incidents, Rhythm, Watcher
from engine.core.actions import Action, IncidentPost
from engine.core.errors import JournalUnavailable
from engine.ports import Received

# Short enough for a test, long enough for a busy machine.
PATIENCE = Patience(open_s=5, greet_s=5, ping_every_s=20, pong_within_s=20, close_s=0.2)


@dataclass
class Ledger:
    """What a journal would tell and take."""

    posts: list[IncidentPost] = field(default_factory=list)
    # Since when incidents had to be closed that were asked for last.
    closed_since: datetime | None = None
    # Roots of incidents, closed ones included.
    roots: set[str] = field(default_factory=set)
    # Since when a post is in doubt.
    in_doubt: datetime | None = None
    accepted: list[Action] = field(default_factory=list)
    # How often it was asked for a root, and for all posts.
    asked: int = 0
    looks: int = 0
    # Raised by the next calls instead of an answer.
    failures: list[JournalUnavailable] = field(default_factory=list)

    async def list_posts(self, since: datetime) -> Sequence[IncidentPost]:
        self._fail()
        self.looks += 1
        self.closed_since = since
        return self.posts

    async def is_root(self, post_id: str) -> bool:
        self.asked += 1
        self._fail()
        return post_id in self.roots

    async def in_doubt_since(self) -> datetime | None:
        return self.in_doubt

    async def accept(self, received: Received) -> None:
        self._fail()
        self.accepted += received.actions

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop()


@dataclass
class Scene:
    """A server, its engineers, and the watcher."""

    server: standin.Mattermost
    loopback: Loopback
    clock: SetClock
    ledger: Ledger
    watcher: Watcher

    def post(self, channel: str = CHANNEL, **details: Any) -> str:
        """An incident's post, as the journal knows it too; its id."""
        root = self.plain_post(channel)
        self.know(root, channel, **details)
        return root

    def know(self, root: str, channel: str = CHANNEL, **details: Any) -> None:
        """The journal learns of an incident's post."""
        self.ledger.roots.add(root)
        self.ledger.posts.append(open_post(root, self.clock.now(), channel, **details))

    def plain_post(self, channel: str = CHANNEL) -> str:
        """A post of ours that the journal does not know."""
        wanted = {"channel_id": self.server.channels[channel].id, "message": "Client: Jackson"}
        return str(self.server._store(wanted)["id"])

    def kinds(self) -> list[tuple[str, str]]:
        """What was accepted, as kind and person."""
        return [(action.kind, action.by) for action in self.ledger.accepted]

    async def heard(self, number: int) -> list[Action]:
        """Everything that was accepted, once it is so much."""
        await until(lambda: len(self.ledger.accepted) >= number)
        assert len(self.ledger.accepted) == number
        return self.ledger.accepted

    async def greeted(self, *greetings: str) -> None:
        """Wait until the sockets so far were greeted like that and everything is caught up."""
        await until(lambda: self.server.hub.greetings == list(greetings) and self.watcher.caught_up)


def open_post(root: str, posted_at: datetime, channel: str = CHANNEL, **details: Any) -> IncidentPost:
    known = {"ticket_id": "OC-2026-0001", "team": None} | details
    return IncidentPost(root=root, posted_at=posted_at, channel=channel, **known)


async def until(condition: Callable[[], bool]) -> None:
    """As of the other parts, with the patience that a thousand posts need on a busy machine."""
    await parts.until(condition, patience_s=60)


@asynccontextmanager
async def scene(
    *,
    token: str = standin.TOKEN,
    patience: Patience = PATIENCE,
    rhythm: Rhythm | None = None,
    prepare: Callable[[Scene], None] = lambda _scene: None,
    listening: bool = True,
    server: standin.Mattermost | None = None,
    incidents: Incidents | None = None,
    accept: Callable[[Received], Awaitable[None]] | None = None,
) -> AsyncIterator[Scene]:
    """A watcher that listens while the block runs; `prepare` sets up what was before. `incidents` and `accept` are a
    journal's, in the place of the ledger.
    """
    clock, ledger = SetClock(), Ledger()
    network = server or standin.Mattermost(now=clock.now)
    async with serving(network) as loopback:
        session = Session("Mattermost", loopback.url, token, 5)
        watcher = Watcher(
            "mattermost",
            server=Server(session, standin.TEAM, clock),
            door=Door(loopback.url, token),
            incidents=incidents or Incidents(ledger.list_posts, ledger.is_root, ledger.in_doubt_since),
            clock=clock,
            chance=lambda: 0,
            patience=patience,
            rhythm=rhythm or Rhythm(look_every_s=86_400, quiet_s=0.05),
        )
        here = Scene(network, loopback, clock, ledger, watcher)
        prepare(here)
        task = asyncio.create_task(watcher.listen(accept or ledger.accept)) if listening else None
        try:
            yield here
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await session.close()
