"""The people of the stand-in for Mattermost: who they are, where they are members, and what they react.

Of reactions as the real server keeps them: one of each kind by each person and post; set once more it keeps its
`create_at`, and only `update_at` tells; the event of one that is taken back has no `create_at`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standins.loopback import Answer
from standins.sockets import Hub


@dataclass(slots=True)
class Chatters:
    """Accounts by id, the bot's included."""

    hub: Hub
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Who is not a member of a channel, as (channel id, user id).
    absent: set[tuple[str, str]] = field(default_factory=set)
    # By post, person and emoji; those that were taken back have a `delete_at`.
    reactions: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)

    def add(self, user_id: str, username: str, **details: Any) -> str:
        self.accounts[user_id] = {"id": user_id, "username": username, "delete_at": 0, "is_bot": False, **details}
        return user_id

    def id_of(self, username: str) -> str:
        return next(user_id for user_id, account in self.accounts.items() if account["username"] == username)

    def named(self, username: str) -> Answer | None:
        found = [account for account in self.accounts.values() if account["username"] == username]
        return Answer(body=found[0]) if found else None

    def place(self, username: str, channels: Mapping[str, bool]) -> None:
        """Whether somebody, who may be new, is a member of each channel by its id."""
        known = self.named(username)
        user_id = self.id_of(username) if known else self.add(f"u{len(self.accounts) + 1:025d}", username)
        places = {(channel_id, user_id) for channel_id in channels}
        self.absent = (self.absent - places) | {place for place in places if not channels[place[0]]}

    def told(self, user_ids: Iterable[str]) -> Answer:
        return Answer(body=[self.accounts[user_id] for user_id in user_ids if user_id in self.accounts])

    def membership(self, channel_id: str, user_id: str) -> Answer | None:
        if user_id not in self.accounts or (channel_id, user_id) in self.absent:
            return None
        return Answer(body={"channel_id": channel_id, "user_id": user_id, "roles": "channel_user"})

    def leave(self, channel_id: str, username: str) -> None:
        user_id = self.id_of(username)
        self.absent.add((channel_id, user_id))
        self.hub.publish("user_removed", {"user_id": user_id, "remover_id": user_id}, channel_id)

    def react(self, post: Mapping[str, Any], user_id: str, emoji: str, now_ms: int) -> dict[str, Any]:
        """Set a reaction and tell everybody."""
        key = (post["id"], user_id, emoji)
        told = _reaction(*key, created_ms=now_ms, updated_ms=now_ms)
        created_ms = self.reactions[key]["create_at"] if key in self.reactions else now_ms
        self.reactions[key] = told | {"create_at": created_ms}
        self.hub.publish("reaction_added", {"reaction": json.dumps(told)}, post["channel_id"])
        return told

    def unreact(self, post: Mapping[str, Any], user_id: str, emoji: str, now_ms: int) -> None:
        """Take one back and tell everybody, even where there was none."""
        key = (post["id"], user_id, emoji)
        if key in self.reactions:
            self.reactions[key] |= {"update_at": now_ms, "delete_at": now_ms}
        told = _reaction(*key, created_ms=0, updated_ms=now_ms)
        self.hub.publish("reaction_removed", {"reaction": json.dumps(told)}, post["channel_id"])

    def on(self, post_id: str) -> list[dict[str, Any]]:
        return [one for one in self.reactions.values() if one["post_id"] == post_id and not one["delete_at"]]


def _reaction(post_id: str, user_id: str, emoji: str, *, created_ms: int, updated_ms: int) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "post_id": post_id,
        "emoji_name": emoji,
        "create_at": created_ms,
        "update_at": updated_ms,
        "delete_at": 0,
    }
