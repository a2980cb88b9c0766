"""What the watcher hears, in a real journal: each thing that an engineer did counts once, whoever told of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from journal.samples import NOW, claim, escalation, finish, later, opened
from standins.engineers import Scene, scene, until
from standins.rosters import FixedDuty

from engine.connectors.mattermost.watcher import Incidents
from engine.core.deliveries import DeliveryState
from engine.core.incidents import IncidentStatus
from engine.core.practices import Practice
from engine.core.settlements import Settlement
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.ports import Received

_PRACTICE = Practice(FixedDuty(), "mattermost", "test")


@dataclass
class _Kept:
    """A journal with one incident, and what followed in it from actions."""

    journal: StoredJournal
    scene: Scene
    ticket: str
    root: str
    changes: list[str] = field(default_factory=list)
    offered: int = 0

    async def accept(self, received: Received) -> None:
        self.offered += len(received.actions)
        changes = await self.journal.act(received.actions, _PRACTICE, later(60))
        self.changes += [entry.kind for change in changes for entry in change.audit]

    async def state(self) -> tuple[IncidentStatus, str | None]:
        view = await self.journal.incident(self.ticket)
        assert view is not None
        return view.incident.status, view.incident.claimed_by


@asynccontextmanager
async def _kept(tmp_path: Path) -> AsyncIterator[_Kept]:
    journal = StoredJournal(SqliteStore(tmp_path / "journal.db"))
    await journal.open("main", NOW)
    kept: list[_Kept] = []

    async def accept(received: Received) -> None:
        await kept[0].accept(received)

    incidents = Incidents(
        lambda since: journal.posts("mattermost", since),
        lambda root: journal.is_root("mattermost", root),
        lambda: journal.in_doubt_since("mattermost", NOW),
    )
    async with scene(incidents=incidents, accept=accept) as here:
        here.server.add_channel("support")
        await here.greeted("hello")
        ticket = await opened(journal, escalation())
        root = here.plain_post("support")
        (claimed,) = await claim(journal)
        await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt=root))
        kept.append(_Kept(journal, here, ticket, root))
        yield kept[0]
    await journal.close()


async def test_claims_and_resolves_an_incident(tmp_path: Path) -> None:
    """From the reaction to the incident's state; what is about a resolved incident is heard, too."""
    async with _kept(tmp_path) as kept:
        server = kept.scene.server
        server.react(kept.root, "otieno", "eyes")
        await until(lambda: kept.changes == ["claimed"])
        assert await kept.state() == (IncidentStatus.CLAIMED, "otieno")
        server.say(kept.root, "amina", "done the trunk was down")
        await until(lambda: kept.changes == ["claimed", "resolved"])
        (post,) = await kept.journal.posts("mattermost", NOW)
        assert (post.closed, post.held_by) == (True, "amina")
        server.say(kept.root, "amina", "reopen")
        await until(lambda: len(kept.changes) == 3)
        assert (await kept.state())[0] is IncidentStatus.CLAIMED


async def test_what_is_told_twice_counts_once(tmp_path: Path) -> None:
    """A look by REST after a lost connection tells everything again, and nothing changes."""
    async with _kept(tmp_path) as kept:
        server = kept.scene.server
        server.react(kept.root, "otieno", "eyes")
        server.say(kept.root, "otieno", "priority urgent")
        await until(lambda: len(kept.changes) == 2)
        server.react(kept.root, "amina", "eyes")
        await until(lambda: kept.offered == 3)
        before = list(kept.changes)
        server.hub.lines.clear()
        server.hub.cut()
        await kept.scene.greeted("hello", "hello")
        # The claim that the journal names is not even offered, the rest is.
        assert kept.offered == 5
        assert kept.changes == before
        assert await kept.state() == (IncidentStatus.CLAIMED, "otieno")


async def test_a_claim_whose_reaction_went_while_nobody_listened_ends(tmp_path: Path) -> None:
    """It is released, once, and somebody else's reaction claims."""
    async with _kept(tmp_path) as kept:
        server = kept.scene.server
        server.react(kept.root, "otieno", "eyes")
        await until(lambda: kept.changes == ["claimed"])
        server.hub.lines.clear()
        server.hub.cut()
        kept.scene.clock.advance(seconds=1)
        server.unreact(kept.root, "otieno", "eyes")
        server.react(kept.root, "amina", "eyes")
        await kept.scene.greeted("hello", "hello")
        assert await kept.state() == (IncidentStatus.CLAIMED, "amina")
        assert kept.changes == ["claimed", "released", "claimed"]


async def test_a_check_mark_that_was_taken_back_while_nobody_listened_opens_again(tmp_path: Path) -> None:
    """Once, however often it is looked for; whoever resolved it has it still."""
    async with _kept(tmp_path) as kept:
        server = kept.scene.server
        server.react(kept.root, "otieno", "white_check_mark")
        await until(lambda: kept.changes == ["resolved"])
        for number in (2, 3):
            server.hub.lines.clear()
            server.hub.cut()
            server.unreact(kept.root, "otieno", "white_check_mark")
            await kept.scene.greeted(*["hello"] * number)
        assert kept.changes == ["resolved", "reopened"]
        assert await kept.state() == (IncidentStatus.OPEN, None)
