"""Meta's Graph API for one WhatsApp number, as far as the engine can see it.

Takes text messages, templates and "read" strictly as documented, answers errors by Meta's codes, and posts signed
notifications to a callback URL, again and again until it gets a 2xx. Tests order its moods (see `Moods`). Run it as a
process with `python -m standins.graph --port 0`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import httpx
from standins.loopback import Answer, Network, Request, main

TOKEN = "graph-token"
APP_SECRET = "graph-app-secret"
VERIFY_TOKEN = "graph-verify-token"
PHONE_NUMBER_ID = "106540352242922"
API_VERSION = "v23.0"
# The fields of a message, and those that may be left out.
_FIELDS = {"messaging_product", "to", "recipient", "type", "text", "template", "context", "biz_opaque_callback_data"}
_LONGEST_TEXT = 4096
_LONGEST_KEY = 512
_FILES = "/whatsapp_business/attachments/"


def graph_error(code: int, status: int = 400, **headers: str) -> dict[str, Any]:
    """The details of a fault that answers with a Graph error."""
    body = {"error": {"message": f"(#{code}) Refused", "type": "OAuthException", "code": code, "fbtrace_id": "Ax1"}}
    return {"status": status, "body": body, "headers": headers}


@dataclass
class Moods:
    """What makes Graph refuse a well-formed message. Peers are numbers and user ids."""

    # Peers who were silent for a day: they get templates only.
    silent: set[str] = field(default_factory=set)
    # The same, but Graph takes the text and reports later that it failed.
    silent_later: set[str] = field(default_factory=set)
    # Peers who got a message within the last six seconds.
    hasty: set[str] = field(default_factory=set)
    # User ids that can only be reached by number.
    number_only: set[str] = field(default_factory=set)
    # How many variables the approved templates have, by "name/language".
    templates: dict[str, int] = field(default_factory=dict)
    # How clients take the messages of the number: GREEN, YELLOW, RED or NA.
    quality: str = "GREEN"


class Graph(Network):
    """Records what was sent; `callback_url` is where notifications go."""

    def __init__(self, callback_url: str = "", statuses: Sequence[str] = ()) -> None:
        self.callback_url = callback_url
        # The statuses that follow each message by themselves.
        self.statuses = tuple(statuses)
        self.sent: list[dict[str, Any]] = []
        self.moods = Moods()
        # The ids of the messages that were marked as read, each with whether "typing…" was shown.
        self.read: list[tuple[str, bool]] = []
        # What clients sent, by media id: content and type.
        self.files: dict[str, tuple[bytes, str]] = {}
        # Where the files are said to be; empty: here.
        self.files_at = ""
        # The HTTP status of each attempt to notify; 0 for no answer.
        self.notified: list[int] = []
        # Pauses between attempts to notify; Meta's are longer and reach seven days.
        self.pauses_s: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(190, 401)
        if (request.method, request.path) == ("GET", f"/{API_VERSION}/{PHONE_NUMBER_ID}"):
            return Answer(body={"id": PHONE_NUMBER_ID, "quality_rating": self.moods.quality})
        if request.method == "GET":
            return self._file(request)
        if (request.method, request.path) != ("POST", f"/{API_VERSION}/{PHONE_NUMBER_ID}/messages"):
            return _refused(100, 404)
        message = request.json()
        if isinstance(message, dict) and "status" in message:
            return self._mark(message)
        return self._take(message) if _well_formed(message) else _refused(100)

    def _take(self, message: Mapping[str, Any]) -> Answer:
        peer = message.get("to") or message["recipient"]
        if (code := self._refusal(peer, message)) is not None:
            return _refused(code)
        # Real ids encode the number, too: none may reach a log.
        encoded = base64.b64encode(f"{peer}:{len(self.sent)}".encode()).decode()
        sent = {
            "id": f"wamid.{encoded}",
            "peer": peer,
            "text": message.get("text", {}).get("body"),
            "template": message.get("template"),
            "key": message.get("biz_opaque_callback_data"),
        }
        self.sent.append(sent)
        if peer in self.moods.silent_later and message["type"] == "text":
            now = int(time.time())  # noqa: TID251 - a network has the machine's clock
            self._start(status_notification(sent["id"], sent["key"], "failed", 131047, now))
        else:
            for status in self.statuses:
                self._start(status_notification(sent["id"], sent["key"], status))
        contacts = [{"input": peer, "wa_id": peer}]
        return Answer(
            body={"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": sent["id"]}]},
            headers={"set-cookie": "datr=never-send-this-back; path=/"},
        )

    def _mark(self, message: Mapping[str, Any]) -> Answer:
        known = {"messaging_product", "status", "message_id", "typing_indicator"}
        typing = message.get("typing_indicator")
        if (
            not set(message) <= known
            or (message.get("messaging_product"), message["status"]) != ("whatsapp", "read")
            or not str(message.get("message_id")).startswith("wamid.")
            or typing not in (None, {"type": "text"})
        ):
            return _refused(100)
        self.read.append((message["message_id"], typing is not None))
        return Answer(body={"success": True})

    def _refusal(self, peer: str, message: Mapping[str, Any]) -> int | None:
        """The code by which a message is refused that is written as it should be."""
        if peer in self.moods.hasty:
            return 131056
        if "recipient" in message and peer in self.moods.number_only:
            return 131062
        if message["type"] == "text":
            return 131047 if peer in self.moods.silent else None
        template = message["template"]
        wanted = self.moods.templates.get(f"{template['name']}/{template['language']['code']}")
        given = [one for part in template.get("components", []) for one in part["parameters"]]
        if wanted is None:
            return 132001
        return None if wanted == len(given) else 132000

    def _file(self, request: Request) -> Answer:
        """Where a file is, or the file itself."""
        place = request.path.removeprefix(f"/{API_VERSION}/")
        found = self.files.get(request.query.get("mid", "") if request.path == _FILES else place)
        if found is None:
            return _refused(100) if request.path != _FILES else Answer(404, "Not Found")
        content, media_type = found
        if request.path == _FILES:
            return Answer(body=content, headers={"content-type": media_type})
        url = f"{self.files_at or 'http://' + request.headers['host']}{_FILES}?mid={place}&ext=1&hash=x"
        details = {"mime_type": media_type, "sha256": hashlib.sha256(content).hexdigest(), "file_size": len(content)}
        return Answer(body={"messaging_product": "whatsapp", "url": url, "id": place, **details})

    def recorded(self) -> Any:
        return {"sent": self.sent, "notified": self.notified, "read": self.read}

    async def control(self, order: Mapping[str, Any]) -> Any:
        """`{"callback_url": …}`, `{"statuses": […]}`, `{"notify": {envelope}}` (in the background), `{"file": {"id": …,
        "content": base64, "type": …}}`, and the moods: `{"silent": [peers]}`, `{"templates": {"name/language": 2}}`, …
        """
        for name in {one.name for one in fields(Moods)} & set(order):
            setattr(self.moods, name, order[name] if name in {"templates", "quality"} else set(order[name]))
        if "file" in order:
            file = order["file"]
            self.files[file["id"]] = base64.b64decode(file["content"]), file["type"]
        self.callback_url = order.get("callback_url", self.callback_url)
        self.statuses = tuple(order.get("statuses", self.statuses))
        if "notify" in order:
            self._start(order["notify"])
        return {"callback_url": self.callback_url}

    def _start(self, notification: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self.notify(notification))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def notify(self, notification: Mapping[str, Any]) -> None:
        """Post a notification until a 2xx, as Meta does."""
        body = json.dumps(notification).encode()
        headers = {"content-type": "application/json", "x-hub-signature-256": signature(body)}
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            for pause_s in (*self.pauses_s, 0):
                try:
                    answer = await client.post(self.callback_url, content=body, headers=headers)
                    self.notified.append(answer.status_code)
                except httpx.TransportError:
                    self.notified.append(0)
                if self.notified[-1] // 100 == 2:
                    return
                await asyncio.sleep(pause_s)


def signature(body: bytes, secret: str = APP_SECRET) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def envelope(
    *values: Mapping[str, Any], phone_number_id: str = PHONE_NUMBER_ID, about: str = "messages"
) -> dict[str, Any]:
    """A notification with one change per value."""
    metadata = {"display_phone_number": "15550001111", "phone_number_id": phone_number_id}
    changes = [
        {"field": about, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}} for value in values
    ]
    return {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": changes}]}


def text_message(message_id: str, text: str, wa_id: str = "254712345678", at: int = 1770891330) -> dict[str, Any]:
    """A text message as `messages[]` holds it."""
    return {"from": wa_id, "id": message_id, "timestamp": str(at), "type": "text", "text": {"body": text}}


def media_message(message_id: str, kind: str, part: Mapping[str, Any], wa_id: str = "254712345678") -> dict[str, Any]:
    """A message with a file as `messages[]` holds it."""
    return {"from": wa_id, "id": message_id, "timestamp": "1770891330", "type": kind, kind: dict(part)}


def message_notification(message: Mapping[str, Any], name: str | None = "Jackson") -> dict[str, Any]:
    """A notification with one message and its sender's card."""
    card: dict[str, Any] = {"wa_id": message.get("from")}
    return envelope({"contacts": [card | ({"profile": {"name": name}} if name else {})], "messages": [message]})


def echo_notification(echo_id: str, to: str = "+254712345678", kind: str = "text", **more: Any) -> dict[str, Any]:
    """A notification that a person of ours answered in the Business app, whose numbers may carry a plus."""
    echo = {"from": "15550001111", "to": to, "id": echo_id, "timestamp": "1770891340", "type": kind, **more}
    return envelope({"message_echoes": [echo]}, about="smb_message_echoes")


def status_notification(
    message_id: str, key: str | None, status: str, code: int | None = None, at: int = 1770891335
) -> dict[str, Any]:
    """A notification with one status."""
    written: dict[str, Any] = {"id": message_id, "status": status, "timestamp": str(at), "recipient_id": "1"}
    if key is not None:
        written["biz_opaque_callback_data"] = key
    if code is not None:
        written["errors"] = [{"code": code, "title": "Refused"}]
    return envelope({"statuses": [written]})


def _well_formed(message: Any) -> bool:
    if not isinstance(message, dict) or not set(message) <= _FIELDS or ("to" in message) == ("recipient" in message):
        return False
    peer, key = message.get("to") or message.get("recipient"), message.get("biz_opaque_callback_data", "")
    content = {"text": _is_text, "template": _is_template}.get(str(message.get("type")))
    return (
        message.get("messaging_product") == "whatsapp"
        and isinstance(peer, str)
        and bool(peer)
        and content is not None
        and ("text" in message) != ("template" in message)
        and content(message.get(message["type"]))
        and isinstance(key, str)
        and len(key) <= _LONGEST_KEY
    )


def _is_text(text: Any) -> bool:
    return (
        isinstance(text, dict)
        and set(text) <= {"body", "preview_url"}
        and isinstance(text.get("body"), str)
        and 0 < len(text["body"]) <= _LONGEST_TEXT
        and isinstance(text.get("preview_url", False), bool)
    )


def _is_template(template: Any) -> bool:
    if not isinstance(template, dict) or not set(template) <= {"name", "language", "components"}:
        return False
    components = template.get("components", [])
    parameters = [one for part in components for one in part.get("parameters", ())]
    return (
        re.fullmatch("[a-z0-9_]{1,512}", str(template.get("name"))) is not None
        and set(template.get("language") or ()) == {"code"}
        and all(set(part) == {"type", "parameters"} and part["type"] == "body" for part in components)
        and len(components) <= 1
        and all(set(one) == {"type", "text"} and one["type"] == "text" and one["text"].strip() for one in parameters)
        # Meta refuses a variable with any of these.
        and not any(re.search(r"[\n\t]| {5}", one["text"]) for one in parameters)
    )


def _refused(code: int, status: int = 400) -> Answer:
    return Answer(**graph_error(code, status))


if __name__ == "__main__":
    main(Graph(os.environ.get("GRAPH_CALLBACK_URL", "")))
