"""What has to be known of a Mattermost server before and after a post: the bot, channels, limits, whether it is well.

Called by `connector`, `files` and `examinations`, and through `questions` by whoever listens. Questions only, so a
failed exchange never leaves anything in doubt: every answer is a value or the `Rejected` with which the delivery ends
for now. Names are resolved once and kept until the server contradicts them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from loguru import logger

from engine.connectors.exchanges import Exchange, Session, certainly
from engine.connectors.mattermost.formatting import MESSAGE_LIMIT
from engine.connectors.mattermost.refusals import (
    NO_BOT,
    TOKEN_REFUSED,
    UNREADABLE,
    Verdict,
    about_token,
    archived,
    code_of,
    is_believed,
    misconfigured,
    no_channel,
    no_team,
    permanent,
    transient,
    verdict,
)
from engine.connectors.replies import Reply
from engine.core.deliveries import Fault, Found, Reconciled, Rejected, Sent
from engine.ports import Clock

_API = "api/v4"
# How much earlier than the first attempt a post is looked for.
_MARGIN = timedelta(seconds=5)
# As many posts as a look-up by time returns; a full answer may lack ours.
_MOST_POSTS = 1_000
# Posts on a page, the most that Mattermost gives, and pages that are worth reading: 20,000 posts.
_PAGE = 200
_MOST_PAGES = 100
_NOT_FOUND = 404
_NO_USER = "no such user"
# Files are bounded by what engine.yaml allows where the server does not tell.
MOST_BYTES = 2**31


@dataclass(frozen=True, slots=True)
class Bot:
    """Who we are there."""

    id: str
    username: str
    # False for the account of a person, whose token works as well.
    is_bot: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What this server takes."""

    # Whether posts may carry a priority label.
    labels: bool
    # The longest message in code points.
    message: int
    # The largest file in bytes, 0 where there are none.
    file: int = MOST_BYTES


class Server:
    """One team's Mattermost as the bot sees it."""

    def __init__(self, session: Session, team: str, clock: Clock) -> None:
        self._session = session
        self._team = team
        self._clock = clock
        self._bot: Bot | None = None
        self._limits: Limits | None = None
        # By team and channel name.
        self._channels: dict[tuple[str, str], str] = {}
        # How far our clock is known to be ahead of the server's.
        self._ahead = timedelta(0)

    async def exchange(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, payload: object = None
    ) -> Exchange:
        """One exchange with the API, e.g. `GET users/me`."""
        return self._noted(method, await self._session.exchange(method, f"{_API}/{path}", query=query, payload=payload))

    async def upload(self, channel_id: str, file: tuple[str, bytes, str]) -> Exchange:
        """Give a file (name, content, type) to a channel, for a post to come; without one nobody sees it."""
        answer = await self._session.upload(f"{_API}/files", {"channel_id": channel_id}, "files", file)
        return self._noted("POST", answer)

    def _noted(self, method: str, answer: Exchange) -> Exchange:
        if isinstance(answer, Reply) and answer.date is not None:
            self._ahead = max(timedelta(0), self._clock.now() - answer.date)
        if isinstance(answer, Reply) and not answer.taken:
            # Mattermost's administrator finds the exchange in the server's log by this id.
            bound = logger.bind(code=code_of(answer), request_id=answer.request_id)
            bound.warning("Mattermost answered {} to {}", answer.status, method)
        return answer

    async def bot(self) -> Bot | Rejected:
        """The account behind the token."""
        if self._bot is None:
            me = await self._ask("users/me")
            if isinstance(me, Rejected):
                return me
            self._bot = Bot(str(me["id"]), str(me.get("username", "")), me.get("is_bot") is True)
            if not self._bot.is_bot:
                logger.warning("{}", NO_BOT)
        return self._bot

    async def limits(self) -> Limits:
        """What the server takes; as little as any server while it does not tell."""
        if self._limits is None:
            answer = await self.exchange("GET", "config/client", query={"format": "old"})
            config = answer.json_object() if isinstance(answer, Reply) and answer.taken else None
            if config is None:
                return Limits(labels=False, message=MESSAGE_LIMIT)
            longest = min(_number(config.get("MaxPostSize")) or MESSAGE_LIMIT, MESSAGE_LIMIT)
            files = config.get("EnableFileAttachments") != "false"
            largest = min(_number(config.get("MaxFileSize")) or MOST_BYTES, MOST_BYTES) if files else 0
            self._limits = Limits(config.get("PostPriority") == "true", longest, largest)
        return self._limits

    def refuses_labels(self) -> None:
        """Remember that the server's settings promise labels and its answers refuse them."""
        if self._limits is not None and self._limits.labels:  # of several posts under way the first one says so
            self._limits = replace(self._limits, labels=False)
            logger.warning("Mattermost refuses priority labels: from now on the title says the priority")

    async def channel_id(self, channel: str, team: str | None) -> str | Rejected:
        """The id of a channel by name; `team` None is the configured one."""
        key = (team or self._team, channel)
        if key not in self._channels:
            found = await self._resolve(*key)
            if isinstance(found, Rejected):
                return found
            self._channels[key] = found
        return self._channels[key]

    def forget_channels(self) -> None:
        """Resolve every name anew: one of them may mean another channel now."""
        self._channels.clear()

    def early_ms(self, at: datetime) -> int:
        """A moment of our clock by the server's, in milliseconds; a little early, so that nothing is passed over."""
        return int((at - _MARGIN - self._ahead).timestamp() * 1000)

    async def resolve_again(self, channel: str, team: str | None) -> str | Rejected:
        """The channel's id as of now; the one that was known is forgotten."""
        self._channels.pop((team or self._team, channel), None)
        return await self.channel_id(channel, team)

    async def is_member(self, channel_id: str, user_id: str) -> bool | Rejected:
        """Whether a user is in a channel; of one that the bot may not look into, the bot at least is no member."""
        found = await self._ask(
            f"channels/{quote(channel_id, safe='')}/members/{quote(user_id, safe='')}", key="user_id"
        )
        if isinstance(found, Rejected) and is_believed(found):
            return False
        return found if isinstance(found, Rejected) else True

    async def user(self, username: str) -> str | Rejected | None:
        """The id of an account that is not deactivated; None where there is none of this name."""
        found = await self._ask(f"users/username/{quote(username, safe='')}", _NO_USER)
        if isinstance(found, Rejected):
            return None if found.reason == _NO_USER else found
        return None if found.get("delete_at") else str(found["id"])

    async def _resolve(self, team: str, channel: str) -> str | Rejected:
        there = await self._ask(
            f"teams/name/{quote(team, safe='')}",
            no_team(team),
        )
        if isinstance(there, Rejected):
            return there
        path = f"teams/{quote(str(there['id']), safe='')}/channels/name/{quote(channel, safe='')}"
        found = await self._ask(
            f"{path}?include_deleted=true",
            no_channel(channel, team),
        )
        if isinstance(found, Rejected):
            return found
        if found.get("delete_at"):
            return Rejected(Fault.MISCONFIGURED, "archived", archived(channel))
        return str(found["id"])

    async def _ask(self, path: str, absent: str = "", key: str = "id") -> dict[str, object] | Rejected:
        """The object at a path, which has this key; `absent` is the sentence for a 404 of a healthy server."""
        answer = await self.exchange("GET", path)
        if not isinstance(answer, Reply):
            return certainly(answer)
        found = answer.json_object()
        if answer.taken:
            return found if found is not None and found.get(key) else UNREADABLE
        refusal = await self.judge(answer, "")
        if absent and answer.status == _NOT_FOUND and refusal.fault is Fault.MISCONFIGURED:
            return replace(refusal, reason=absent)
        return refusal

    async def judge(self, reply: Reply, channel: str) -> Rejected:
        """What an answer outside 2xx means, after asking the server how it is where the answer alone does not tell."""
        found = verdict(reply)
        if found is Verdict.PERMANENT:
            return permanent(reply)
        if found is Verdict.SUSPICIOUS:
            username = self._bot.username if self._bot else "the-bot"
            return await self._probed(reply, misconfigured(reply, username, channel))
        return transient(reply)

    async def _probed(self, reply: Reply, refusal: Rejected) -> Rejected:
        trouble = Rejected(Fault.TRANSIENT, refusal.code, "Mattermost or its database is in trouble", reply.retry_after)
        ping = await self.exchange("GET", "system/ping", query={"get_server_status": "true"})
        if not isinstance(ping, Reply) or not _well(ping):
            return trouble
        me = await self.exchange("GET", "users/me")
        if isinstance(me, Reply) and about_token(me):
            return replace(refusal, fault=Fault.MISCONFIGURED, reason=TOKEN_REFUSED)
        believed = isinstance(me, Reply) and me.taken and not about_token(reply)
        return refusal if believed else trouble

    async def find(self, channel_id: str, delivery: str, first_attempt_at: datetime) -> Reconciled | Rejected:
        """The post that carries a delivery's id, looked for in its channel since a little before the first attempt."""
        bot = await self.bot()
        if isinstance(bot, Rejected):
            return bot
        since_ms = self.early_ms(first_attempt_at)
        posts = await self._posts(channel_id, {"since": str(since_ms)})
        if not isinstance(posts, dict):
            return posts
        found = _carrying(posts, bot.id, delivery)
        if found is None and len(posts) >= _MOST_POSTS:
            return await self._find_by_pages(channel_id, bot.id, delivery, since_ms)
        return found or Found.NOT_SENT

    async def _find_by_pages(self, channel_id: str, bot_id: str, delivery: str, since_ms: int) -> Reconciled | Rejected:
        """The same in a channel that got more posts since than one look-up returns: newest first, page by page.

        Posts that arrive meanwhile push others onto the next page, so one may be seen twice and none is passed over.
        """
        for page in range(_MOST_PAGES):
            posts = await self._posts(channel_id, {"page": str(page), "per_page": str(_PAGE)})
            if not isinstance(posts, dict):
                return posts
            found = _carrying(posts, bot_id, delivery)
            if found is not None:
                return found
            if len(posts) < _PAGE or min(map(_created_ms, posts.values())) < since_ms:
                return Found.NOT_SENT
        return Found.UNDECIDED

    async def _posts(self, channel_id: str, query: Mapping[str, str]) -> dict[str, object] | Reconciled | Rejected:
        answer = await self.exchange("GET", f"channels/{quote(channel_id, safe='')}/posts", query=query)
        if not isinstance(answer, Reply):
            return certainly(answer)
        listed = answer.json_object()
        posts = listed.get("posts") if listed is not None and answer.taken else None
        return posts if isinstance(posts, dict) else await self.judge(answer, "")


def _number(told: object) -> int:
    """A number that the server tells as text; 0 for anything else."""
    text = str(told)
    return int(text[:18]) if text.isascii() and text.isdigit() else 0


def _carrying(posts: Mapping[str, object], bot_id: str, delivery: str) -> Sent | None:
    """The bot's own post that carries a delivery's id."""
    for post_id, post in posts.items():
        if isinstance(post, dict) and post.get("user_id") == bot_id and delivery_of(post) == delivery:
            return Sent(str(post_id))
    return None


def _created_ms(post: object) -> int:
    created = post.get("create_at") if isinstance(post, dict) else None
    return created if isinstance(created, int) else 0


def delivery_of(post: Mapping[str, object]) -> str:
    """The id of the delivery that a post of ours carries; empty for any other post."""
    props = post.get("props")
    ours = props.get("oc") if isinstance(props, dict) else None
    delivery = ours.get("delivery") if isinstance(ours, dict) else None
    return delivery if isinstance(delivery, str) else ""


def _well(ping: Reply) -> bool:
    """Whether the server reaches its database; the body decides, because the status differs between releases."""
    status = ping.json_object()
    if status is None:
        return False
    database = status.get("database_status")
    return database == "OK" if database is not None else ping.taken
