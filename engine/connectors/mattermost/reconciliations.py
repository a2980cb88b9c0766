"""What happened in the chat while nobody listened: every reaction to our posts, and what was written since.

Looked at are the posts of incidents that are open or were closed lately. Called by `watcher` before it hears a new
connection, and from time to time. What was heard before is told again under the same ids, for the journal to drop. A
channel that the bot cannot see any more is left out, with a line in the log: it must not keep the others waiting.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from loguru import logger

from engine.connectors.mattermost import tidings
from engine.connectors.mattermost.people import People
from engine.connectors.mattermost.questions import NotHeard, ask, unreadable
from engine.connectors.mattermost.refusals import is_believed
from engine.connectors.mattermost.servers import Server
from engine.connectors.mattermost.tidings import Post, Reaction
from engine.connectors.mattermost.words import REACTIONS
from engine.core.actions import Action, IncidentPost
from engine.core.deliveries import Rejected

# What engineers do about an incident that was closed before that, while nobody listens, is not heard.
LATELY: Final = timedelta(days=1)
# How many posts one request asks for.
_BATCH: Final = 200
# As many posts as the server tells by time; a full answer may lack some.
_MOST_POSTS: Final = 1_000
# Posts on a page, the most that Mattermost gives, and pages that are worth reading: 20,000 posts.
_PAGE: Final = 200
_MOST_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that a person did, who is to be looked at."""

    channel_id: str
    user_id: str
    # What it means, given the person's name.
    action: Callable[[str], Action]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where is looked, and for whom."""

    # Of the actions.
    destination: str
    server: Server
    people: People


async def missed(
    ground: Ground, posts: Sequence[IncidentPost], since: datetime | None, now: datetime
) -> tuple[Action, ...]:
    """All that may have happened about these posts, oldest first, what was taken back before everything else; words
    since then, or when that is None since each channel's oldest post, of a closed incident only `LATELY`. Raises
    NotHeard.
    """
    channels: dict[tuple[str | None, str], list[IncidentPost]] = {}
    for post in posts:
        channels.setdefault((post.team, post.channel), []).append(post)
    gone: list[Action] = []
    found: list[_Found] = []
    for (team, name), here in channels.items():
        channel_id = await _channel(ground.server, name, team)
        if channel_id is None:
            continue
        start = min(_begin(post, now) for post in here) if since is None else since
        written = await _written(ground.server, channel_id, ground.server.early_ms(start))
        if written is None:
            logger.warning("the bot does not see ~{} any more: what engineers do there is not heard", name)
            continue
        roots = {post.root: post for post in here}
        found += [_word(ground.destination, post) for post in written if post.spoken and post.root_id in roots]
        for root, reactions in (await _reactions(ground.server, list(roots))).items():
            found += [
                _reaction(ground.destination, channel_id, one)
                for one in reactions
                if one.emoji in REACTIONS and tidings.id_of(one) != roots[root].held_id
            ]
            gone += _taken_back(ground.destination, roots[root], reactions, now)
    return (*gone, *sorted(await _done_by_people(ground, found), key=_at))


async def _done_by_people(ground: Ground, found: Iterable[_Found]) -> list[Action]:
    bot = await ground.server.bot()
    if isinstance(bot, Rejected):
        raise NotHeard(bot)
    others = [one for one in found if one.user_id != bot.id]
    await ground.people.meet(one.user_id for one in others)
    actions = []
    for one in others:
        person = await ground.people.who_may(one.channel_id, one.user_id)
        if person is not None:
            actions.append(one.action(person.username))
    return actions


def _word(destination: str, post: Post) -> _Found:
    return _Found(post.channel_id, post.user_id, lambda by: tidings.of_post(destination, post, by))


def _reaction(destination: str, channel_id: str, one: Reaction) -> _Found:
    return _Found(channel_id, one.user_id, lambda by: tidings.of_reaction(destination, one, by))


def _begin(post: IncidentPost, now: datetime) -> datetime:
    """Since when words about it are looked for."""
    return max(post.posted_at, now - LATELY) if post.closed else post.posted_at


def _taken_back(destination: str, post: IncidentPost, reactions: Iterable[Reaction], now: datetime) -> list[Action]:
    """What follows when the reaction is gone by which the incident was claimed, or resolved."""
    key = tidings.key_of(post.held_id)
    if key is None or any(one.key == key for one in reactions):
        return []
    undoing = "reopen" if post.closed else "release"
    return [Action(destination, post.root, undoing, f"gone:{post.held_id}", post.held_by or "", now)]


def _at(action: Action) -> datetime:
    return action.at


async def _channel(server: Server, name: str, team: str | None) -> str | None:
    found = await server.channel_id(name, team)
    if not isinstance(found, Rejected):
        return found
    if not is_believed(found):
        raise NotHeard(found)
    logger.bind(code=found.code).warning("what engineers do in ~{} is not heard: {}", name, found.reason)
    return None


async def _written(server: Server, channel_id: str, since_ms: int) -> list[Post] | None:
    """What was written in a channel since then; None when the bot does not see it."""
    path = f"channels/{quote(channel_id, safe='')}/posts"
    posts = await _listed(server, path, {"since": str(since_ms)})
    if posts is None or len(posts) < _MOST_POSTS:
        return posts
    # Newest first, page by page. What arrives meanwhile pushes others onto the next page: some come twice.
    found: dict[str, Post] = {}
    for page in range(_MOST_PAGES):
        posts = await _listed(server, path, {"page": str(page), "per_page": str(_PAGE)})
        if posts is None:
            return None
        found |= {post.id: post for post in posts if post.created_ms >= since_ms}
        if len(posts) < _PAGE or min(post.created_ms for post in posts) < since_ms:
            return list(found.values())
    logger.warning("only the newest {} posts of a channel were looked through for missed words", _PAGE * _MOST_PAGES)
    return list(found.values())


async def _listed(server: Server, path: str, query: Mapping[str, str]) -> list[Post] | None:
    answer = await ask(server, "GET", path, query=query)
    if answer is None:
        return None
    listed = (answer.json_object() or {}).get("posts")
    if not isinstance(listed, dict):
        raise unreadable()
    return [post for post in map(tidings.post, listed.values()) if post is not None]


async def _reactions(server: Server, roots: Sequence[str]) -> dict[str, list[Reaction]]:
    """The reactions to each of these posts of a channel; posts that are gone are left out."""
    found: dict[str, list[Reaction]] = {}
    for start in range(0, len(roots), _BATCH):
        found |= await _batch(server, roots[start : start + _BATCH])
    return found


async def _batch(server: Server, roots: Sequence[str]) -> dict[str, list[Reaction]]:
    answer = await ask(server, "POST", "posts/ids/reactions", payload=list(roots))
    if answer is None:
        # One post that is gone has all of them refused: it is looked for by halves.
        half = len(roots) // 2
        return {**await _batch(server, roots[:half]), **await _batch(server, roots[half:])} if half else {}
    told = answer.json_object()
    if told is None:
        raise unreadable()
    return {root: _readable(told[root]) for root in roots if root in told}


def _readable(told: object) -> list[Reaction]:
    listed = told if isinstance(told, list) else []
    return [one for one in map(tidings.reaction, listed) if one is not None]
