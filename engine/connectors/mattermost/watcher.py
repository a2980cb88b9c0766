"""The engineers' reactions and words, heard over Mattermost's WebSocket and offered as actions.

`listen` is called by the daemon, on one node at a time. A broken stream is taken up where the last event was accepted;
where that is impossible, at the start and every two minutes, everything about the incidents that are open or were
closed lately is looked up first (`reconciliations`), and only then are we caught up, so that nobody is called for what
was done meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from loguru import logger

from engine.connectors.mattermost import tidings
from engine.connectors.mattermost.people import People
from engine.connectors.mattermost.questions import NotHeard
from engine.connectors.mattermost.reconciliations import LATELY, Ground, missed
from engine.connectors.mattermost.servers import Server
from engine.connectors.mattermost.streams import Door, Patience, Place, Stream, opened
from engine.connectors.mattermost.tidings import Event
from engine.connectors.mattermost.words import REACTIONS
from engine.core.actions import Action, IncidentPost
from engine.core.deliveries import Fault, Rejected
from engine.core.errors import JournalUnavailable
from engine.core.settlements import Policy, backoff
from engine.ports import Clock, Health, Received

Accept = Callable[[Received], Awaitable[None]]

# Who is away for less is about to come back.
_AWAY: Final = timedelta(seconds=90)
_PAUSES: Final = Policy(base=timedelta(seconds=1), cap=timedelta(seconds=30))
# How many actions are made durable together.
_BATCH: Final = 100
_NOT_YET: Final = Rejected(Fault.TRANSIENT, "start", "the WebSocket to Mattermost is not open yet")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Incidents:
    """What the journal tells about our posts; all raise JournalUnavailable."""

    # Those of the incidents that are not closed, and of newer ones that were closed since a moment.
    posts: Callable[[datetime], Awaitable[Sequence[IncidentPost]]]
    # Whether a post is the root of an incident, closed ones included.
    is_root: Callable[[str], Awaitable[bool]]
    # Since when the oldest post may stand in the chat whose id is not known yet; None: there is none.
    in_doubt_since: Callable[[], Awaitable[datetime | None]]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often things are done, in seconds."""

    look_every_s: float = 120.0
    # While a post is in doubt: what engineers do about it is found so late.
    look_in_doubt_every_s: float = 5.0
    # A stream that was taken up has told what was missed once it is silent for so long.
    quiet_s: float = 1.0


class Watcher:
    """Listens in all channels that the bot is a member of."""

    # Two that listen would both ask, and only one is needed.
    exclusive = True

    def __init__(
        self,
        destination: str,
        *,
        server: Server,
        door: Door,
        incidents: Incidents,
        clock: Clock,
        chance: Callable[[], float],
        patience: Patience | None = None,
        rhythm: Rhythm | None = None,
    ) -> None:
        """`destination` is the name under which the posts are delivered; `chance` gives numbers in [0, 1)."""
        self.name = f"{destination}.events"
        self._door = door
        self._incidents = incidents
        self._clock = clock
        self._chance = chance
        self._patience = patience or Patience()
        self._rhythm = rhythm or Rhythm()
        self._log = logger.bind(connector=self.name)
        self._ground = Ground(destination, server, People(server, clock))
        # How far the newest connection was heard; None: it cannot be taken up.
        self._place: Place | None = None
        # When the last look began that went well, by our clock and by the one that only runs.
        self._looked_at: datetime | None = None
        self._looked = timedelta(0)
        # A post may stand in the chat whose id the journal does not know yet.
        self._in_doubt = False
        # Since when we do not hear, and why; None while we do, and where another node listens.
        self._away: tuple[timedelta, Rejected] | None = None
        self._failures = 0
        # Whether everything that engineers did is accepted, so that timers may be believed.
        self.caught_up = False

    def health(self) -> Health:
        """Not ready once nothing was heard for 90 seconds."""
        if self._away is None:
            return Health(ready=True)
        since, why = self._away
        ready = self._clock.elapsed() - since < _AWAY
        return Health(ready, f"reactions and thread commands are not heard: {why.reason}")

    @staticmethod
    def is_of_use() -> bool:
        """Whatever keeps us from hearing passes, or is the same on every node."""
        return True

    async def listen(self, accept: Accept) -> None:
        """Hear until cancelled."""
        self._place = None
        self._away = self._clock.elapsed(), _NOT_YET
        try:
            while True:
                try:
                    async with opened(self._door, self._place, self._patience) as stream:
                        await self._hear(stream, accept)
                except NotHeard as error:
                    self._lose(error)
                    pause = backoff(self._failures, self._chance(), _PAUSES)
                    await asyncio.sleep(max(pause, error.refusal.retry_after).total_seconds())
        finally:
            self.caught_up = False
            self._away = None

    def _lose(self, error: NotHeard) -> None:
        self.caught_up = False
        self._failures += 1
        if error.gap:
            self._place = None
        if self._away is None or self._away[1] != error.refusal:
            self._log.bind(code=error.refusal.code).warning("Mattermost is not heard: {}", error)
        self._away = self._away[0] if self._away else self._clock.elapsed(), error.refusal

    async def _hear(self, stream: Stream, accept: Accept) -> None:
        """Hear one stream to its end, which is NotHeard."""
        if stream.fresh:
            # What the stream tells meanwhile waits in it.
            self._place = None
            await self._look(accept)
            self._place = stream.begins
            self._catch_up()
        while True:
            within_s = self._look_in_s() if self.caught_up else self._rhythm.quiet_s
            event = await stream.next(within_s)
            if event is not None:
                await self._take(event, accept)
                self._place = Place(stream.begins.connection_id, event.sequence)
                self._failures = 0
            elif not self.caught_up:
                self._catch_up()
            if self._look_in_s() <= 0:
                await self._look(accept)
                self._catch_up()

    def _catch_up(self) -> None:
        self.caught_up = True
        self._failures = 0
        if self._away is not None:
            self._log.info("engineers are heard")
        self._away = None

    def _look_in_s(self) -> float:
        since = self._clock.elapsed() - self._looked
        every_s = self._rhythm.look_in_doubt_every_s if self._in_doubt else self._rhythm.look_every_s
        return max(0.0, every_s - since.total_seconds())

    async def _look(self, accept: Accept) -> None:
        """Tell everything that may have been missed."""
        began, looked = self._clock.now(), self._clock.elapsed()
        # Asked first: a post that is settled in between is among the others, and looked at once more.
        doubt = await self._patiently(self._incidents.in_doubt_since)
        posts = await self._patiently(lambda: self._incidents.posts(began - LATELY))
        actions = await missed(self._ground, posts, self._looked_at, began)
        for start in range(0, len(actions), _BATCH):
            await self._offer(actions[start : start + _BATCH], accept)
        # The look after this one begins where it began, or with the oldest post in doubt, so that what the journal
        # could not place gets another chance.
        self._looked_at, self._looked = began, looked
        self._doubt(doubt)

    def _doubt(self, since: datetime | None) -> None:
        self._in_doubt = since is not None
        if since is not None and self._looked_at is not None:
            self._looked_at = min(self._looked_at, since)

    async def _take(self, event: Event, accept: Accept) -> None:
        action = await self._action(event)
        if action is not None:
            await self._offer((action,), accept)

    async def _action(self, event: Event) -> Action | None:
        """What an event means for an incident of ours."""
        match event.name:
            case "posted":
                return await self._spoken(event)
            case "reaction_added" | "reaction_removed":
                return await self._reacted(event)
            case "user_removed":
                self._ground.people.forget_member(event.channel_id, _name(event, "user_id"))
                self._ground.people.forget_member(_name(event, "channel_id"), _name(event, "user_id"))
            case "user_updated":
                person = tidings.person(event.data.get("user"))
                if person is not None:
                    self._ground.people.forget_person(person.id)
            case "channel_updated":
                self._ground.server.forget_channels()
        return None

    async def _spoken(self, event: Event) -> Action | None:
        post = tidings.post(event.data.get("post"))
        if post is None or not post.spoken or not post.root_id or not await self._is_ours(post.root_id, post.user_id):
            return None
        person = await self._ground.people.who_may(post.channel_id, post.user_id)
        return tidings.of_post(self._ground.destination, post, person.username) if person else None

    async def _reacted(self, event: Event) -> Action | None:
        reaction = tidings.reaction(event.data.get("reaction"))
        if reaction is None or reaction.emoji not in REACTIONS:
            return None
        if not await self._is_ours(reaction.post_id, reaction.user_id):
            return None
        person = await self._ground.people.who_may(event.channel_id, reaction.user_id)
        if person is None:
            return None
        if event.name == "reaction_added":
            return tidings.of_reaction(self._ground.destination, reaction, person.username)
        mark = f"{self._place.connection_id}-{event.sequence}" if self._place else ""
        return tidings.of_removal(self._ground.destination, reaction, person.username, mark, self._clock.now())

    async def _is_ours(self, root: str, user_id: str) -> bool:
        """Whether somebody other than ourselves did something about an incident."""
        bot = await self._ground.server.bot()
        if isinstance(bot, Rejected):
            raise NotHeard(bot)
        if user_id == bot.id:
            return False
        if await self._patiently(lambda: self._incidents.is_root(root)):
            return True
        if not self._in_doubt:
            self._doubt(await self._patiently(self._incidents.in_doubt_since))
        return False

    async def _offer(self, actions: Sequence[Action], accept: Accept) -> None:
        await self._patiently(lambda: accept(Received(actions=tuple(actions))))

    async def _patiently(self, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """What the journal answers, however long that takes; the events wait meanwhile."""
        while True:
            try:
                return await call()
            except JournalUnavailable as error:
                self._log.warning("what engineers do has to wait: {}", error)
                await asyncio.sleep(error.retry_after.total_seconds())


def _name(event: Event, key: str) -> str:
    value = event.data.get(key)
    return value if isinstance(value, str) else ""
