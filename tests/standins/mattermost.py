"""One node of a Mattermost server with one team, as lax and as strict as the real one was seen to be.

Reproduces: types hardly checked, own ids, errors by id, 4xx while the database is away, hardened mode, the duplicate
cache (30 s, not per user, in one node's memory), `since` by update time, archived and private channels, membership,
priority labels, threads, edits that notify nobody, whom each post would call, people and their reactions, the WebSocket
(`sockets`), buttons and clicks on them (`pressed`) and the limit on requests (`budgets`). Requests against the
published contract (`contracts`) are noted. Run it as a process with `python -m standins.mattermost --port 0`.
"""

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from standins import pressed, uploads
from standins.budgets import Budget
from standins.chatters import Chatters
from standins.contracts import violations
from standins.loopback import Answer, Network, Request, main
from standins.mentions import notified
from standins.sockets import Hub

TOKEN = "bot-token"
TEAM = "support"
# Of the incoming webhook, and where it posts.
HOOK = "/hooks/secret-of-the-hook"
HOOK_CHANNEL = "support-triage"
BOT = "engine-bot"
_LONGEST_MESSAGE = 16_383
_LARGEST_BODY = 300_000
_KEY_LIFE_S = 30
_LABELS = {"", "important", "urgent"}


@dataclass(slots=True)
class Channel:
    """A channel; public unless `private`."""

    id: str
    name: str
    member: bool = True
    private: bool = False
    archived: bool = False


@dataclass(slots=True)
class Switches:
    """How the server behaves."""

    database_down: bool = False
    hardened: bool = False
    # Whether posts may have a priority label, and whether the public configuration says so.
    labels: bool = True
    labels_promised: bool = True
    # Release 5.37 knows no labels and ignores them.
    old_release: bool = False
    # Posts that are older can no longer be edited.
    edits: bool = True
    # Whether files are taken, by the public configuration and by the channel's permissions, and up to which size.
    files: bool = True
    uploads: bool = True
    largest_file: int = 100 * 1024 * 1024
    token: str = TOKEN
    # Whether the token's account is a bot's, and whether it is disabled, which takes its sessions away.
    is_bot: bool = True
    # Whether AllowedUntrustedInternalConnections names the private addresses that buttons lead to.
    reaches_private: bool = True
    disabled: bool = False
    version: str = "11.6.0"
    # Test seconds that have passed beyond the real ones.
    offset_s: float = 0


@dataclass(slots=True)
class Mattermost(Network):
    """The server's state; `now` may be replaced by a virtual clock."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251 - a process of its own has its own clock
    switches: Switches = field(default_factory=Switches)
    channels: dict[str, Channel] = field(default_factory=dict)
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    # What was uploaded, with the post that shows it.
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Who was called, as (user, post id).
    notifications: list[tuple[str, str]] = field(default_factory=list)
    # By what people listen to.
    keywords: dict[str, frozenset[str]] = field(default_factory=dict)
    # What came of clicks on buttons.
    clicks: list[dict[str, Any]] = field(default_factory=list)
    # Requests that do not fit the published specification, buttons that no server shows, answers that none reads.
    violations: list[str] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    hub: Hub = field(init=False)
    chatters: Chatters = field(init=False)
    _keys: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hub = Hub(lambda: self.switches.token, self._seconds)
        self.chatters = Chatters(self.hub)
        self.chatters.add(_identity("u", 1), BOT, is_bot=True)
        for name in ("dev-support-escalations", "support-triage", "telephony", "billing"):
            self.add_channel(name)
        everybody = frozenset({"amina", "otieno"})
        for word in ("@channel", "@all", "@here", "outage", "@oncall"):
            self.keywords[word] = everybody
        for user in everybody:
            self.keywords[f"@{user}"] = frozenset({user})
        for number, user in enumerate(sorted(everybody), 2):
            self.chatters.add(_identity("u", number), user)

    def add_channel(self, name: str, **details: bool) -> Channel:
        """Create a channel, or one with a new id in the place of an old one."""
        self.channels[name] = Channel(
            _identity("c", len(self.channels) + 1000 * (name in self.channels)), name, **details
        )
        return self.channels[name]

    async def converse(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.hub.converse(request, reader, writer)

    async def answer(self, request: Request) -> Answer:
        self.violations += violations(request)
        counted, refusal = self.budget.spend(self._seconds())
        answer = refusal or self._answer(request)
        body = answer.body
        if answer.status >= 500 and self.switches.hardened and isinstance(body, dict):
            body = body | {"id": "", "message": "Internal Server Error"}
        headers = {
            "date": format_datetime(self.now(), usegmt=True),
            "x-request-id": _identity("r", len(self.posts)),
            "set-cookie": "MMAUTHTOKEN=never-send-this-back; path=/",
            **counted,
            **answer.headers,
        }
        return Answer(answer.status, body, headers)

    def recorded(self) -> Any:
        return {
            "posts": list(self.posts.values()),
            "files": list(self.files.values()),
            "notifications": self.notifications,
            "clicks": self.clicks,
            "violations": self.violations,
        }

    async def control(self, order: Mapping[str, Any]) -> Any:
        """`{"set": {switch: value}}`, `{"channel": {"name": …, "member": false}}`; of people
        `{"person": {name: [channel]}}`, `{"bot": name}`, `react`, `unreact` (post, user, emoji), `say` (root, user,
        message), `leave` (channel, user), `click` (post, user, action, what is forged); of the WebSocket
        `{"sockets": what}`: cut, grow_deaf, skip.
        """
        for switch, value in order.get("set", {}).items():
            setattr(self.switches, switch, value)
        if "channel" in order:
            self.add_channel(**order["channel"])
        for name, places in order.get("person", {}).items():
            self.place(name, places)
        if "bot" in order:
            self.chatters.add(_identity("b", len(self.chatters.accounts)), order["bot"], is_bot=True)
        for what in ("react", "unreact", "say", "leave"):
            if what in order:
                getattr(self, what)(**order[what])
        if "click" in order:
            await self.click(**order["click"])
        if "sockets" in order:
            getattr(self.hub, order["sockets"])()
        return {"channels": sorted(self.channels)}

    def react(self, post: str, user: str, emoji: str) -> None:
        """A person sets a reaction."""
        self.posts[post]["update_at"] = self._ms()
        self.chatters.react(self.posts[post], self.chatters.id_of(user), emoji, self._ms())

    def unreact(self, post: str, user: str, emoji: str) -> None:
        """A person takes a reaction back."""
        self.posts[post]["update_at"] = self._ms()
        self.chatters.unreact(self.posts[post], self.chatters.id_of(user), emoji, self._ms())

    async def click(self, post: str, user: str, action: str, **forged: Any) -> str:
        """A person presses a button; what that person alone then reads. `forged` replaces what the request says."""
        account = self.chatters.accounts[self.chatters.id_of(user)]
        reaches = self.switches.reaches_private
        found = await pressed.press(self.posts[post], action, account, reaches=reaches, forged=forged)
        self.violations += found.violations
        self.clicks.append({"user": user, "action": action, "status": found.status, "read": found.read})
        return found.read

    def say(self, root: str, user: str, message: str, **details: Any) -> str:
        """A person replies in a thread; the id of the reply."""
        said = {"message": message, "root_id": root, "channel_id": self.posts[root]["channel_id"], **details}
        return str(self._store(said | {"user_id_of_test": self.chatters.id_of(user)})["id"])

    def place(self, user: str, channels: Iterable[str]) -> None:
        """A person, known or not, is a member of these channels and of no other."""
        self.chatters.place(user, {one.id: one.name in set(channels) for one in self.channels.values()})

    def leave(self, channel: str, user: str) -> None:
        """A person leaves a channel."""
        self.chatters.leave(self.channels[channel].id, user)

    def _answer(self, request: Request) -> Answer:
        path = request.path.removeprefix("/api/v4/").split("/")
        if path == ["system", "ping"]:
            return self._ping(detailed=request.query.get("get_server_status") == "true")
        if path == ["config", "client"]:
            return self._config()
        if path[:2] == ["", "hooks"]:
            return self._hook(request)
        barred = self.switches.database_down or self.switches.disabled
        if barred or request.headers.get("authorization") != f"Bearer {self.switches.token}":
            return self._without_session(path)
        answer = self._tell(path, request.query) if request.method == "GET" else self._do(path, request)
        return answer or _error(404, "api.context.404.app_error")

    def _tell(self, path: list[str], query: Mapping[str, str]) -> Answer | None:
        match path:
            case ["users", "me"]:
                return Answer(body={"id": _identity("u", 1), "username": BOT, "is_bot": self.switches.is_bot})
            case ["users", "username", name]:
                return self.chatters.named(name) or _error(404, "app.user.get_by_username.app_error")
            case ["channels", channel_id, "members", user_id]:
                return self._member(channel_id, user_id)
            case ["teams", "name", name]:
                known = Answer(body={"id": _identity("t", 1), "name": name})
                return known if name == TEAM else _error(404, "app.team.get_by_name.missing.app_error")
            case ["teams", _, "channels", "name", name]:
                return self._channel(name, deleted=query.get("include_deleted") == "true")
            case ["channels", channel_id, "posts"]:
                return self._listed(channel_id, query)
            case ["posts", post_id]:
                found = self.posts.get(post_id)
                return Answer(body=pressed.shown(found)) if found else _error(404, "app.post.get.app_error")
            case ["posts", post_id, "thread"]:
                thread = {key: post for key, post in self.posts.items() if post_id in {key, post["root_id"]}}
                return Answer(body={"order": list(thread), "posts": thread})
        return None

    def _do(self, path: list[str], request: Request) -> Answer | None:
        match request.method, path:
            case "POST", ["posts"]:
                return self._create(request)
            case "POST", ["users", "ids"]:
                return self.chatters.told(request.json())
            case "POST", ["posts", "ids", "reactions"]:
                return self._reactions(request.json())
            case "POST", ["reactions"]:
                return self._react(request.json())
            case "POST", ["files"]:
                return self._upload(request)
            case "PUT", ["posts", post_id, "patch"]:
                return self._patch(post_id, request)
        return None

    def _config(self) -> Answer:
        promised = {"PostPriority": "true" if self.switches.labels_promised else "false"}
        files = {
            "EnableFileAttachments": "true" if self.switches.files else "false",
            "MaxFileSize": str(self.switches.largest_file),
        }
        told = {"MaxPostSize": str(_LONGEST_MESSAGE), "Version": self.switches.version, **files}
        return Answer(body=told | ({} if self.switches.old_release else promised))

    def _ping(self, *, detailed: bool) -> Answer:
        if not detailed:
            return Answer(body={"status": "OK"})
        down = self.switches.database_down
        health = {"status": "UNHEALTHY" if down else "OK", "database_status": "UNHEALTHY" if down else "OK"}
        return Answer(500 if down else 200, health)

    def _without_session(self, path: list[str]) -> Answer:
        """A server that has lost its database blames whoever asks."""
        if self.switches.database_down and path == ["posts"]:
            return _error(400, "api.context.invalid_param.app_error")
        if self.switches.database_down and path[0] == "channels":
            return _error(403, "api.context.permissions.app_error")
        return _error(401, "api.context.session_expired.app_error")

    def _channel(self, name: str, *, deleted: bool) -> Answer:
        found = self.channels.get(name)
        if found is None or (found.private and not found.member) or (found.archived and not deleted):
            return _error(404, "app.channel.get_by_name.missing.app_error")
        return Answer(body={"id": found.id, "name": name, "delete_at": 1 if found.archived else 0})

    def _member(self, channel_id: str, user_id: str) -> Answer:
        """Whoever is no member may not look who is one."""
        channel = next((one for one in self.channels.values() if one.id == channel_id), None)
        if channel is None or not channel.member:
            return _error(403, "api.context.permissions.app_error")
        missing = _error(404, "app.channel.get_member.missing.app_error")
        return self.chatters.membership(channel_id, user_id) or missing

    def _listed(self, channel_id: str, query: Mapping[str, str]) -> Answer:
        """By update time at most 1,000 posts; by page, newest first, at most 200."""
        if not any(channel.id == channel_id and channel.member for channel in self.channels.values()):
            return _error(403, "api.context.permissions.app_error")
        posts = [(key, post) for key, post in reversed(self.posts.items()) if post["channel_id"] == channel_id]
        if "since" in query:
            posts = [(key, post) for key, post in posts if post["update_at"] > int(query["since"])][:1000]
        else:
            size = min(int(query.get("per_page", "60")), 200)
            first = int(query.get("page", "0")) * size
            posts = posts[first : first + size]
        return Answer(body={"order": [key for key, _ in posts], "posts": dict(posts)})

    def _reactions(self, post_ids: list[str]) -> Answer:
        """All of them, or none when the bot may not see one of the posts."""
        seen = {channel.id for channel in self.channels.values() if channel.member}
        if any(post_id not in self.posts or self.posts[post_id]["channel_id"] not in seen for post_id in post_ids):
            return _error(403, "api.context.permissions.app_error")
        return Answer(body={post_id: self.chatters.on(post_id) for post_id in post_ids})

    def _react(self, wanted: Mapping[str, str]) -> Answer:
        """200, although the specification says 201."""
        post = self.posts.get(wanted["post_id"])
        if post is None or wanted["user_id"] != _identity("u", 1):
            return _error(403, "api.context.permissions.app_error")
        return Answer(200, self.chatters.react(post, wanted["user_id"], wanted["emoji_name"], self._ms()))

    def _create(self, request: Request) -> Answer:
        if len(request.body) > _LARGEST_BODY:
            return _error(413, "api.context.request_body_too_large.app_error")
        wanted = request.json()
        if not isinstance(wanted, dict):
            return _error(400, "api.context.invalid_body_param.app_error")
        key = wanted.get("pending_post_id") or ""
        known, since = self._keys.get(key, ("", 0.0))
        if known and self._seconds() - since < _KEY_LIFE_S:
            return Answer(201, self.posts[known] | {"pending_post_id": ""})
        refusal = self._refusal(wanted)
        if refusal is not None:
            return refusal
        post = self._store(wanted)
        if key:
            self._keys[key] = (post["id"], self._seconds())
        return Answer(201, post | {"pending_post_id": key})

    def _hook(self, request: Request) -> Answer:
        """An incoming webhook: no token, no id, no second look; it makes mentions out of what stands in brackets."""
        wanted = request.json()
        if (request.method, request.path) != ("POST", HOOK) or "authorization" in request.headers:
            return _error(400, "web.incoming_webhook.invalid.app_error")
        if not isinstance(wanted, dict) or set(wanted) != {"text"}:
            return _error(400, "web.incoming_webhook.parse.app_error")
        text = re.sub(r"<!(\w+)>", r"@\1", str(wanted["text"]))
        self._store({"channel_id": self.channels[HOOK_CHANNEL].id, "message": text, "props": {"from_webhook": "true"}})
        return Answer(200, "ok")

    def _upload(self, request: Request) -> Answer:
        """Keep what one form brings; a post shows it later, or nobody sees it."""
        if not self.switches.files:
            return _error(501, "api.file.attachments.disabled.app_error")
        upload = uploads.read(request)
        channel = next((c for c in self.channels.values() if c.id == upload.channel_id), None)
        if channel is None or not channel.member or not self.switches.uploads:
            return _error(403, "api.context.permissions.app_error")
        if upload.size > self.switches.largest_file:
            return _error(413, "api.file.upload_file.too_large_detailed.app_error")
        file_id = _identity("f", len(self.files) + 1)
        self.files[file_id] = {"id": file_id, **upload.details, "channel_id": upload.channel_id, "post_id": ""}
        return Answer(201, {"file_infos": [self.files[file_id]], "client_ids": []})

    def _refusal(self, wanted: Mapping[str, Any]) -> Answer | None:
        channel = next((c for c in self.channels.values() if c.id == wanted.get("channel_id")), None)
        if channel is None or not channel.member:
            return _error(403, "api.context.permissions.app_error")
        if channel.archived:
            return _error(400, "api.post.create_post.can_not_post_to_deleted.error")
        if wanted.get("id"):
            return _error(400, "app.post.save.existing.app_error")
        root = self.posts.get(wanted.get("root_id") or "")
        if wanted.get("root_id") and (root is None or root["root_id"]):
            return _error(400, "api.post.create_post.root_id.app_error")
        if root is not None and root["channel_id"] != channel.id:
            return _error(400, "api.post.create_post.channel_root_id.app_error")
        if len(str(wanted.get("message", ""))) > _LONGEST_MESSAGE:
            return _error(400, "model.post.is_valid.msg.app_error")
        return None if self.switches.old_release else self._label_refusal(wanted)

    def _label_refusal(self, wanted: Mapping[str, Any]) -> Answer | None:
        label = (wanted.get("metadata") or {}).get("priority")
        if label is None:
            return None
        if not self.switches.labels:
            return _error(403, "api.post.post_priority.priority_post_not_allowed_for_user.request_error")
        if wanted.get("root_id"):
            return _error(400, "api.post.post_priority.priority_post_only_allowed_for_root_post.request_error")
        if label.get("requested_ack") or label.get("persistent_notifications"):
            return _error(501, "license_error.feature_unavailable")
        return None if label.get("priority") in _LABELS else _error(500, "")

    def _store(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        post_id, at = _identity("p", len(self.posts) + 1), self._ms()
        message, props, user_id = wanted.get("message"), wanted.get("props"), wanted.get("user_id_of_test")
        props = props if isinstance(props, dict) else {}
        by_machine = self.chatters.accounts.get(user_id or "", {"is_bot": True})["is_bot"]
        post = {
            "id": post_id,
            "create_at": at,
            "update_at": at,
            "user_id": user_id or _identity("u", 1),
            "channel_id": wanted["channel_id"],
            "root_id": wanted.get("root_id") or "",
            "message": message if isinstance(message, str) else "",
            "props": {**props, "from_bot": "true"} if by_machine else props,
            "type": wanted.get("type", ""),
            "delete_at": wanted.get("delete_at", 0),
            "metadata": {} if self.switches.old_release else wanted.get("metadata") or {},
        }
        for file_id in wanted.get("file_ids") or ():
            file = self.files.get(file_id)
            if file and not file["post_id"] and file["channel_id"] == wanted["channel_id"]:
                file["post_id"] = post_id
                post.setdefault("file_ids", []).append(file_id)
        self.posts[post_id] = post
        self.violations += pressed.faults(post)
        said = "\n".join((post["message"], *pressed.texts(post)))
        self.notifications += [(user, post_id) for user in sorted(notified(said, self.keywords))]
        sender = self.chatters.accounts.get(post["user_id"], {"username": "somebody"})["username"]
        told = {"post": json.dumps(post), "sender_name": f"@{sender}", "channel_type": "O"}
        self.hub.publish("posted", told, post["channel_id"])
        return post

    def _patch(self, post_id: str, request: Request) -> Answer:
        post, wanted = self.posts.get(post_id), request.json()
        if post is None:
            return _error(404, "app.post.get.app_error")
        if not self.switches.edits:
            return _error(400, "api.post.update_post.permissions_time_limit.app_error")
        post |= {key: wanted[key] for key in ("message", "props") if key in wanted}
        post["update_at"] = self._ms()
        self.violations += pressed.faults(post)
        self.hub.publish("post_edited", {"post": json.dumps(pressed.shown(post))}, post["channel_id"])
        return Answer(body=pressed.shown(post))

    def _ms(self) -> int:
        return int(self.now().timestamp() * 1000)

    def _seconds(self) -> float:
        return self.now().timestamp() + self.switches.offset_s


def foreign_post(server: Mattermost, key: str, channel_id: str) -> None:
    """Another account posts with the same key."""
    wanted = {"channel_id": channel_id, "message": "not ours", "pending_post_id": key, "user_id_of_test": "somebody"}
    server._create(Request("POST", "/api/v4/posts", {}, {}, json.dumps(wanted).encode()))


def _identity(kind: str, number: int) -> str:
    """An id as Mattermost writes them: 26 letters and digits."""
    return f"{kind}{number:025d}"


def _error(status: int, identity: str) -> Answer:
    return Answer(status, {"id": identity, "message": "Refused.", "detailed_error": "", "status_code": status})


if __name__ == "__main__":
    main(Mattermost(switches=Switches(token=os.environ.get("MATTERMOST_TOKEN", TOKEN))))
