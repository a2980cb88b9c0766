"""The engineers' side: escalations become posts, follow-ups replies in their threads, revisions edits, copies
posts elsewhere.

Called by the relay. A post is said once although Mattermost takes no ids from us: each carries the delivery's id twice,
as `pending_post_id`, which the server remembers for 30 seconds, and in its props, where it can be looked up later.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, assert_never
from urllib.parse import quote

from loguru import logger

from engine.connectors.exchanges import Exchange, Session, certainly
from engine.connectors.mattermost.buttons import Buttons
from engine.connectors.mattermost.formatting import copy_message, escalation_message, follow_up_message
from engine.connectors.mattermost.refusals import (
    NO_ROOTS,
    UNREADABLE,
    Verdict,
    about_channel,
    about_label,
    code_of,
    error_id,
    is_believed,
    verdict,
)
from engine.connectors.mattermost.servers import Bot, Limits, Server, delivery_of
from engine.connectors.replies import Reply
from engine.core.decisions import Priority
from engine.core.deliveries import (
    TEST_LANE,
    Acknowledgement,
    Claimed,
    Copy,
    Escalation,
    Fault,
    FollowUp,
    Found,
    Media,
    Outcome,
    Page,
    Reconciled,
    Rejected,
    Relayed,
    Revision,
    Sent,
    Unknown,
)
from engine.ports import Clock, Health

# How long after the first attempt the same key is sure to be recognised; the server forgets it after 30 s.
_KEY_LIFE: Final = timedelta(seconds=25)
_KEY_FORGOTTEN: Final = timedelta(seconds=30)
_LABELS: Final = {Priority.HIGH: "important", Priority.URGENT: "urgent"}
# The start does not wait longer than this to learn whether the token is good.
_GREETING_S: Final = 2.0
# What waits for an administrator is tried every minute: a channel that was refused no more for so long is asked for
# nothing any more, e.g. because an operator dropped what waited.
_REFUSED_STANDS: Final = timedelta(seconds=100)
# The key of the props that holds buttons.
_BUTTONS: Final = "attachments"
# What becomes a post of its own.
_Post = Escalation | FollowUp | Copy


@dataclass(frozen=True, slots=True)
class _Draft:
    """A post before it is created."""

    channel: str
    team: str | None
    ticket_id: str
    message: str
    # The id of the thread's root; empty for a root post.
    root_id: str = ""
    # Mattermost's word for the priority; empty for none.
    label: str = ""
    # The ids of files that were uploaded before.
    files: tuple[str, ...] = ()
    # What its buttons are for.
    offers: tuple[str, ...] = ()


class Mattermost:
    """A bot account in one team."""

    def __init__(
        self,
        name: str,
        *,
        url: str,
        token: str,
        team: str,
        clock: Clock,
        timeout_s: float = 10,
        late_after: timedelta | None = None,
        buttons: Buttons | None = None,
    ) -> None:
        """`timeout_s` bounds one exchange; a send takes at most twice as long. A post that calls somebody
        `late_after` its message says by how much it is late; None: it never does. Without `buttons` posts have none.
        Raises ConfigurationError for an unusable URL or token.
        """
        self.name = name
        self._clock = clock
        self._timeout_s = timeout_s
        self._session = Session("Mattermost", url, token, timeout_s)
        self._team = team
        self._late_after = late_after
        self.buttons = buttons
        self.server = Server(self._session, team, clock)
        self._problem = ""
        # The channels that posts were for, with the last refusal, empty for none, and when that was.
        self._places: dict[str, tuple[str, timedelta]] = {}
        # Deliveries of which a request that says something is under way, or was.
        self._begun: set[str] = set()

    async def start(self) -> None:
        """Learn who we are there, so that a bad token shows before the first incident."""
        try:
            async with asyncio.timeout(min(_GREETING_S, self._timeout_s)):
                bot = await self.server.bot()
        except TimeoutError:
            self._problem = "Mattermost did not answer when the engine started"
        else:
            self._problem = bot.reason if isinstance(bot, Rejected) else ""

    async def close(self) -> None:
        """Drop the connections. Idempotent."""
        await self._session.close()

    async def send(self, claimed: Claimed) -> Outcome:
        """Post, reply or edit."""
        outcome = await self._within(2 * self._timeout_s, claimed, self._say(claimed))
        self._note(outcome, claimed)
        return outcome

    async def attach(self, claimed: Claimed, reply: FollowUp, files: tuple[str, ...]) -> Outcome:
        """Reply with a client's file, or in its stead; `files` were uploaded before. Where the thread is gone nothing
        is said, and an empty receipt says so.
        """
        return await self._within(self._timeout_s, claimed, self._post(claimed, reply, files))

    async def _within(self, limit_s: float, claimed: Claimed, saying: Coroutine[object, object, Outcome]) -> Outcome:
        """The outcome in so much time; in doubt only where a request that says something had begun."""
        try:
            async with asyncio.timeout(limit_s):
                return await saying
        except TimeoutError:
            reason = "Mattermost took too long over all steps of a post"
            begun = claimed.id in self._begun
            return Unknown(reason) if begun else Rejected(Fault.TRANSIENT, "timeout", reason)
        finally:
            self._begun.discard(claimed.id)

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        """Look for the post in its channel. An edit is simply made again; so is a post whose key the server still
        knows, even when the look-up fails, but for one with a file: to fetch that may take longer than the key lives.
        """
        body = claimed.body
        if not isinstance(body, Escalation | FollowUp | Copy | Media):
            return Found.NOT_SENT
        try:
            async with asyncio.timeout(2 * self._timeout_s):
                found = await self._find(claimed, body)
        except TimeoutError:
            found = Found.UNDECIDED
        if isinstance(found, Sent) or found is Found.NOT_SENT:
            return found
        return Found.UNDECIDED if isinstance(body, Media) or self._key_is_old(claimed) else Found.NOT_SENT

    def health(self) -> Health:
        """Not ready while Mattermost cannot be reached or an administrator is needed, until something succeeds; and not
        while posts wait for a channel that refuses them.
        """
        problem = self._problem or next((refusal for refusal in self.places().values() if refusal), "")
        return Health(not problem, problem)

    def places(self) -> Mapping[str, str]:
        """See `ports.Placed`."""
        since = self._clock.elapsed() - _REFUSED_STANDS
        return {place: refusal for place, (refusal, at) in self._places.items() if not refusal or at >= since}

    def _note(self, outcome: Outcome, claimed: Claimed) -> None:
        of_place = self._note_place(outcome, claimed)
        match outcome:
            case Sent() | Rejected(fault=Fault.PERMANENT):
                self._problem = ""
            case Rejected(fault=Fault.MISCONFIGURED):
                self._problem = "" if of_place else outcome.reason
                bound = logger.bind(connector=self.name, delivery=claimed.id, ticket=claimed.ticket_id)
                bound.error("{} ({})", outcome.reason, outcome.code)
            case Rejected() if outcome.code.startswith("429"):
                pass  # a busy server is a working one
            case Rejected() | Unknown():
                self._problem = outcome.reason
            case _:
                assert_never(outcome)

    def _note_place(self, outcome: Outcome, claimed: Claimed) -> bool:
        """Whether the outcome says something about the channel alone."""
        body = claimed.body.escalation if isinstance(claimed.body, Copy) else claimed.body
        if not isinstance(body, Escalation | FollowUp):
            return False
        if isinstance(outcome, Sent):
            refusal = ""
        elif isinstance(outcome, Rejected) and is_believed(outcome):
            refusal = outcome.reason
        else:
            return False
        if not claimed.lane.startswith(TEST_LANE):
            place = body.channel if body.team in {None, self._team} else f"{body.team}/{body.channel}"
            self._places[place] = refusal, self._clock.elapsed()
        return True

    async def _say(self, claimed: Claimed) -> Outcome:
        match claimed.body:
            case Acknowledgement():
                return Rejected(Fault.PERMANENT, "kind", "Mattermost cannot carry an acknowledgement to a client")
            case Media():
                return Rejected(Fault.PERMANENT, "kind", "files go by a destination of their own")
            case Page() | Relayed():
                return Rejected(Fault.PERMANENT, "kind", "Mattermost carries neither pages nor words to a client")
            case Revision(escalation=escalation):
                return await self._edit(claimed, escalation)
            case Escalation() as body:
                return await self._post(claimed, self._dated(claimed, body))
            case FollowUp() | Copy() as body:
                return await self._post(claimed, body)
            case _:
                assert_never(claimed.body)

    def _dated(self, claimed: Claimed, body: Escalation) -> Escalation:
        late = self._clock.now() - claimed.accepted_at
        if self._late_after is None or late < self._late_after:
            return body
        return replace(body, body=f"{body.body}\nDelayed by {max(1, round(late / timedelta(minutes=1)))} min.")

    async def _post(self, claimed: Claimed, body: _Post, files: tuple[str, ...] = ()) -> Outcome:
        bot = await self.server.bot()
        if isinstance(bot, Rejected):
            return bot
        # A refused attempt is certain not to have arrived, unless a proxy refused in the server's name. While the
        # server knows the key that does no harm; later it costs one look.
        if claimed.attempt > 1 and not claimed.doubtful and self._key_is_old(claimed):
            found = await self._find(claimed, body)
            if isinstance(found, Sent | Rejected):
                return found
        draft = replace(_draft(claimed, body, await self.server.limits()), files=files)
        outcome = await self._create(claimed, bot, draft)
        if isinstance(outcome, Reply) and draft.label and about_label(outcome):
            plain = _draft(claimed, body, replace(await self.server.limits(), labels=False))
            outcome = await self._create(claimed, bot, plain)
            if isinstance(outcome, Sent):
                self.server.refuses_labels()
        if isinstance(outcome, Reply) and draft.root_id and error_id(outcome) in NO_ROOTS:
            if isinstance(claimed.body, Media):
                return Sent("")
            rootless = _draft(replace(claimed, thread=None), body, await self.server.limits())
            outcome = await self._create(claimed, bot, rootless)
        return await self.server.judge(outcome, draft.channel) if isinstance(outcome, Reply) else outcome

    async def _create(self, claimed: Claimed, bot: Bot, draft: _Draft) -> Outcome | Reply:
        """Create the post; the server's answer when it refuses, for the caller to try less or to judge."""
        channel_id = await self.server.channel_id(draft.channel, draft.team)
        if isinstance(channel_id, Rejected):
            return channel_id
        key = f"{bot.id}:{claimed.id}"
        answer = await self._submit(claimed, draft, channel_id, key)
        if isinstance(answer, Reply) and not answer.taken and about_channel(answer):
            now = await self.server.resolve_again(draft.channel, draft.team)
            if isinstance(now, Rejected):
                return now
            answer = await self._submit(claimed, draft, now, key) if now != channel_id else answer
        if not isinstance(answer, Reply) or not answer.taken:
            return answer
        return _created(answer, claimed, key)

    async def _submit(self, claimed: Claimed, draft: _Draft, channel_id: str, key: str) -> Exchange:
        props: dict[str, object] = {
            "oc": {"delivery": claimed.id, "ticket": draft.ticket_id},
            "unsafe_links": "true",
            **self._attached(claimed, draft.offers, draft.ticket_id, channel_id),
        }
        payload: dict[str, object] = {
            "channel_id": channel_id,
            "message": draft.message,
            "props": props,
            "pending_post_id": key,
        }
        if draft.root_id:
            payload["root_id"] = draft.root_id
        if draft.files:
            payload["file_ids"] = list(draft.files)
        if draft.label:
            payload["metadata"] = {"priority": {"priority": draft.label}}
        self._begun.add(claimed.id)
        return await self.server.exchange("POST", "posts", query={"set_online": "false"}, payload=payload)

    async def _edit(self, claimed: Claimed, escalation: Escalation) -> Outcome:
        """Rewrite the root post. The label beside it cannot be edited, so the title says the priority. Without a post
        there is nothing to rewrite, and an empty receipt says so.
        """
        if claimed.thread is None:
            return Sent("")
        limits = await self.server.limits()
        message = escalation_message(escalation, labelled=False, limit=limits.message)
        answer = await self._rewrite(claimed, escalation, f"posts/{quote(claimed.thread, safe='')}", message)
        if not isinstance(answer, Reply):
            return answer
        if answer.taken:
            return Sent(claimed.thread)
        refusal = await self.server.judge(answer, escalation.channel)
        if verdict(answer) is Verdict.SUSPICIOUS and is_believed(refusal):
            # Nobody is called by an edit, and the reply in the thread that follows says the same: let that pass.
            gone = "the post can no longer be edited: deleted, too old, or the bot has left the channel"
            return Rejected(Fault.PERMANENT, code_of(answer), gone)
        return refusal

    async def _rewrite(self, claimed: Claimed, escalation: Escalation, path: str, message: str) -> Exchange:
        """Rewrite what is at a path. An edit replaces all of a post's props, so with buttons they are read first."""
        payload: dict[str, object] = {"message": message}
        if self.buttons is not None:
            there = await self.server.exchange("GET", path)
            if not isinstance(there, Reply):
                return certainly(there)
            if not there.taken:
                return there
            post = there.json_object()
            if post is None:
                return UNREADABLE
            props = post.get("props")
            kept = {name: value for name, value in props.items() if name != _BUTTONS} if isinstance(props, dict) else {}
            channel_id = str(post.get("channel_id", ""))
            attached = self._attached(claimed, escalation.offers, escalation.ticket_id, channel_id)
            payload["props"] = kept | attached
        self._begun.add(claimed.id)
        return await self.server.exchange("PUT", f"{path}/patch", payload=payload)

    def _attached(
        self, claimed: Claimed, offers: tuple[str, ...], ticket_id: str, channel_id: str
    ) -> dict[str, object]:
        """The props that are buttons."""
        if self.buttons is None:
            return {}
        now = self._clock.now()
        made = self.buttons.attachments(offers, ticket_id, channel_id=channel_id, delivery=claimed.id, now=now)
        return {_BUTTONS: made} if made else {}

    async def _find(self, claimed: Claimed, body: _Post | Media) -> Reconciled | Rejected:
        place = body.escalation if isinstance(body, Copy) else body
        channel_id = await self.server.channel_id(place.channel, place.team)
        if isinstance(channel_id, Rejected):
            return channel_id
        return await self.server.find(channel_id, claimed.id, claimed.first_attempt_at)

    def _key_is_old(self, claimed: Claimed) -> bool:
        return self._clock.now() - claimed.first_attempt_at >= _KEY_LIFE


def _draft(claimed: Claimed, body: _Post, limits: Limits) -> _Draft:
    if isinstance(body, Copy):
        copied = body.escalation
        message = copy_message(copied, limit=limits.message)
        return _Draft(copied.channel, copied.team, copied.ticket_id, message)
    if isinstance(body, FollowUp):
        root_id = (claimed.thread or "") if body.ticket_id else ""
        message = follow_up_message(body, threaded=bool(root_id), limit=limits.message)
        return _Draft(body.channel, body.team, body.ticket_id, message, root_id)
    label = _LABELS.get(body.priority, "") if limits.labels else ""
    message = escalation_message(body, labelled=bool(label), limit=limits.message)
    return _Draft(body.channel, body.team, body.ticket_id, message, label=label, offers=body.offers)


def _created(answer: Reply, claimed: Claimed, key: str) -> Outcome:
    """The post behind a 201. The first answer to a key repeats it; a later one holds the post that has the key
    already, and keys are not per user, so that post may be somebody else's.
    """
    post = answer.json_object() or {}
    post_id = post.get("id")
    if not isinstance(post_id, str) or not post_id:
        return Unknown("Mattermost took the post and its answer cannot be read")
    if post.get("pending_post_id") == key or delivery_of(post) == claimed.id:
        return Sent(post_id)
    return Rejected(Fault.TRANSIENT, "duplicate-key", "another account has used our key just now", _KEY_FORGOTTEN)
