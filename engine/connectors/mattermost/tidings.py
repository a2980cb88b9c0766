"""What Mattermost tells becomes values (an event, a post, a reaction, a person), and those become actions.

Called by `streams`, `people`, `reconciliations` and `watcher`. The server is not ours: each value is looked at before
it is believed, and what does not look as it should is None. Pure. Shapes as server 5.37 was seen to send them in 2026;
what newer releases tell of reactions was read in their source.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.connectors.mattermost import words
from engine.core.actions import Action

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The year 3000: beyond it a number is no time.
_LATEST_MS = 32_503_680_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """One frame of the WebSocket."""

    # e.g. "hello", "posted", "reaction_added"
    name: str
    # Rises by one from event to event of one connection id.
    sequence: int
    data: Mapping[str, object]
    # Of the channel that it happened in; may be empty.
    channel_id: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post as far as it can mean anything to us."""

    id: str
    channel_id: str
    # Empty for the root of a thread.
    root_id: str
    user_id: str
    message: str
    created_ms: int
    # A person may have written it: no system message, no bot, no webhook, and not deleted.
    spoken: bool


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction that is there, or that was taken back."""

    post_id: str
    user_id: str
    emoji: str
    # When it was set or taken back. That a reaction is set once more shows only here: the server keeps its `create_at`,
    # and tells none at all of one that is taken back.
    changed_ms: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What there can only be one of."""
        return self.post_id, self.user_id, self.emoji


@dataclass(frozen=True, slots=True)
class Person:
    """An account."""

    id: str
    username: str
    # Neither a bot nor deactivated.
    human: bool


def event(frame: str | bytes) -> Event | None:
    """The event in a frame; None for an answer to something that we sent, and for what cannot be read."""
    found = _parsed(frame)
    name, sequence = found.get("event"), found.get("seq")
    if not isinstance(name, str) or not isinstance(sequence, int) or isinstance(sequence, bool):
        return None
    data, broadcast = found.get("data"), found.get("broadcast")
    channel_id = broadcast.get("channel_id") if isinstance(broadcast, dict) else None
    return Event(
        name,
        sequence,
        data if isinstance(data, dict) else {},
        channel_id if isinstance(channel_id, str) else "",
    )


def post(told: object) -> Post | None:
    """A post, as an object or as the JSON text in which events carry it."""
    found = told if isinstance(told, dict) else _parsed(told)
    props = found.get("props")
    props = props if isinstance(props, dict) else {}
    created_ms = _moment(found, "create_at")
    post_id, channel_id, user_id = (_text(found, name) for name in ("id", "channel_id", "user_id"))
    if not post_id or not channel_id or not created_ms:
        return None
    by_machine = any(str(props.get(mark)).lower() == "true" for mark in ("from_bot", "from_webhook", "from_plugin"))
    spoken = not (_text(found, "type") or by_machine or found.get("delete_at"))
    return Post(
        post_id, channel_id, _text(found, "root_id"), user_id, _text(found, "message"), created_ms, spoken=spoken
    )


def reaction(told: object) -> Reaction | None:
    """A reaction, as an object or as the JSON text in which events carry it."""
    found = told if isinstance(told, dict) else _parsed(told)
    post_id, user_id, emoji = (_text(found, name) for name in ("post_id", "user_id", "emoji_name"))
    changed_ms = max(_moment(found, name) for name in ("create_at", "update_at", "delete_at"))
    return Reaction(post_id, user_id, emoji, changed_ms) if post_id and user_id and emoji else None


def person(told: object) -> Person | None:
    """An account."""
    found = told if isinstance(told, dict) else {}
    user_id, username = _text(found, "id"), _text(found, "username")
    if not user_id or not username:
        return None
    human = found.get("is_bot") is not True and not found.get("delete_at")
    return Person(user_id, username, human=human)


def of_post(destination: str, written: Post, by: str) -> Action:
    """What a reply in a thread asks for; `by` is the username of who wrote it."""
    read = words.read(written.message)
    at, action_id = moment(written.created_ms), f"post:{written.id}"
    if isinstance(read, words.Misunderstood):
        return Action(destination, written.root_id, "misunderstood", action_id, by, at, text=read.text)
    return Action(destination, written.root_id, read.kind, action_id, by, at, read.span, read.priority, read.text)


def of_reaction(destination: str, there: Reaction, by: str) -> Action:
    """What a reaction that is there means; its emoji is one of `words.REACTIONS`."""
    kind, _ = words.REACTIONS[there.emoji]
    return Action(destination, there.post_id, kind, id_of(there), by, moment(there.changed_ms))


def of_removal(destination: str, gone: Reaction, by: str, mark: str, now: datetime) -> Action:
    """What it means that a reaction was taken back; `mark` tells the event from others where it has no time, which
    then is `now`.
    """
    _, kind = words.REACTIONS[gone.emoji]
    action_id = f"unreaction:{':'.join(gone.key)}:{gone.changed_ms or mark}"
    return Action(destination, gone.post_id, kind, action_id, by, moment(gone.changed_ms) if gone.changed_ms else now)


def id_of(there: Reaction) -> str:
    """The id of the action behind a reaction; the same whoever tells of it."""
    return f"reaction:{':'.join(there.key)}:{there.changed_ms}"


def key_of(action_id: str | None) -> tuple[str, str, str] | None:
    """Which reaction the id of an action names; None when it came another way."""
    match (action_id or "").split(":"):
        case ["reaction", post_id, user_id, emoji, _]:
            return post_id, user_id, emoji
        case _:
            return None


def moment(ms: int) -> datetime:
    """The instant that Mattermost writes as milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def _parsed(told: object) -> dict[str, object]:
    try:
        found = json.loads(told) if isinstance(told, str | bytes) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _moment(found: Mapping[str, object], name: str) -> int:
    value = found.get(name)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LATEST_MS
    return value if known and isinstance(value, int) else 0
