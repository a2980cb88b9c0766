"""What a bot finds when it looks at its server before there is anything to post: values in and out, nothing is changed.

Called by `engine doctor`. The words of refusals are those with which a post would be refused.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from engine.connectors.exchanges import Session, certainly
from engine.connectors.mattermost.refusals import no_member
from engine.connectors.mattermost.servers import Bot, Server
from engine.connectors.replies import Reply
from engine.core.deliveries import Fault, Rejected
from engine.ports import Clock

# A server that counts requests allows a hundred at once.
_AT_ONCE = 4
_NOT_MATTERMOST = "something answers at the mattermost url, and it is not Mattermost: correct mattermost.url"


@dataclass(frozen=True, slots=True)
class Place:
    """A channel that posts may go to."""

    channel: str
    # None: the team of engine.yaml.
    team: str | None = None

    def __str__(self) -> str:
        return f"~{self.channel}" + (f" of team {self.team}" if self.team else "")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom posts call by name."""

    username: str
    # Whether there is such an account; None where nobody can tell.
    exists: bool | None
    # Of the places that take posts, those that the person is not in: a post there does not reach them.
    absent: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Examination:
    """What there is to see."""

    # "11.6.0"; empty where the server does not tell.
    version: str
    # Whether posts may carry a priority label.
    labels: bool
    # By how much this machine's clock was ahead of the server's as that answered; None where it does not tell.
    ahead: timedelta | None
    # The account behind the token, or why there is none; then nothing below is known.
    bot: Bot | Rejected
    # Each place with why it takes no post; empty for one that does.
    places: tuple[tuple[Place, str], ...] = ()
    people: tuple[Person, ...] = ()


async def examine(
    session: Session, team: str, places: Sequence[Place], usernames: Iterable[str], clock: Clock
) -> Examination | Rejected:
    """Look at the server, the bot, the places, and the people whom posts call; a refusal where no server answers."""
    server = Server(session, team, clock)
    told = await server.exchange("GET", "config/client", query={"format": "old"})
    # Now: people times places of exchanges take their time.
    now = clock.now()
    if not isinstance(told, Reply):
        return certainly(told)
    if not told.taken:
        return await server.judge(told, "")
    config = told.json_object()
    if config is None:
        return Rejected(Fault.MISCONFIGURED, "answer", _NOT_MATTERMOST)
    bot = await server.bot()
    labels = config.get("PostPriority") == "true"
    ahead = None if told.date is None else now - told.date
    seen = Examination(str(config.get("Version", "")), labels, ahead, bot)
    if isinstance(bot, Rejected):
        return seen
    limit = asyncio.Semaphore(_AT_ONCE)
    found = await asyncio.gather(*(_place(server, bot, place, limit) for place in places))
    open_places = {place: channel_id for place, (refusal, channel_id) in zip(places, found, strict=True) if not refusal}
    people = await asyncio.gather(*(_person(server, username, open_places, limit) for username in usernames))
    refusals = tuple((place, refusal) for place, (refusal, _) in zip(places, found, strict=True))
    return replace(seen, places=refusals, people=tuple(people))


async def _place(server: Server, bot: Bot, place: Place, limit: asyncio.Semaphore) -> tuple[str, str]:
    """Why a place takes no post, empty for one that does, and its id."""
    async with limit:
        channel_id = await server.channel_id(place.channel, place.team)
        if isinstance(channel_id, Rejected):
            return channel_id.reason, ""
        member = await server.is_member(channel_id, bot.id)
    if isinstance(member, Rejected):
        return member.reason, ""
    return ("" if member else no_member(place.channel, bot.username)), channel_id


async def _person(server: Server, username: str, places: Mapping[Place, str], limit: asyncio.Semaphore) -> Person:
    async with limit:
        user_id = await server.user(username)
        if not isinstance(user_id, str):
            return Person(username, None if isinstance(user_id, Rejected) else False)
        absent = [place for place, channel_id in places.items() if await server.is_member(channel_id, user_id) is False]
    return Person(username, exists=True, absent=tuple(absent))
