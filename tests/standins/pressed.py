"""The buttons of the stand-in for Mattermost: what of them is shown, and a click, as a server of 2026 sends it on.

Buttons stand in the attachments of a post. Where a click goes, and what goes along, no client ever sees. The request is
not signed and follows no redirect; whatever is not answered 200 is an error for whoever pressed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

_FAILED = "Action integration error."
# What an answer may say.
_KEYS = {"update", "ephemeral_text", "skip_slack_parsing"}


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of a click."""

    # 0: nothing was sent.
    status: int
    # What the one who pressed reads, and nobody else.
    read: str
    # In what the answer is not as a server wants it.
    violations: tuple[str, ...] = ()


def actions(post: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The buttons of a post, by their ids."""
    attachments = post["props"].get("attachments") or []
    return {one["id"]: one for attachment in attachments for one in attachment.get("actions", ())}


def texts(post: Mapping[str, Any]) -> Iterator[str]:
    """What calls people in attachments as it does in a message."""
    for attachment in post["props"].get("attachments") or []:
        yield from (str(attachment[name]) for name in ("pretext", "text") if name in attachment)


def shown(post: Mapping[str, Any]) -> dict[str, Any]:
    """The post as clients and bots get it."""
    told: dict[str, Any] = json.loads(json.dumps(post))
    for action in actions(told).values():
        action.pop("integration", None)
    return told


def faults(post: Mapping[str, Any]) -> Iterator[str]:
    """Why buttons would not work."""
    for name, action in actions(post).items():
        integration = action.get("integration", {})
        if not (name.isascii() and name.isalnum()):
            yield f"a button's id is not alphanumeric: {name}"
        if not action.get("name") or action.get("type") != "button":
            yield f"the button {name} has no name, or is none"
        if urlsplit(integration.get("url", "")).scheme not in {"http", "https"}:
            yield f"the button {name} leads nowhere"


async def press(
    post: Mapping[str, Any], action: str, account: Mapping[str, Any], *, reaches: bool, forged: Mapping[str, Any]
) -> Pressed:
    """Send a click on; `forged` are fields of the request in the place of the true ones, in `context` one by one."""
    if action not in actions(post):
        return Pressed(0, "There is no such button.")
    if not reaches:
        return Pressed(0, _FAILED)
    integration = actions(post)[action]["integration"]
    body = {
        "user_id": account["id"],
        "user_name": account["username"],
        "channel_id": post["channel_id"],
        "channel_name": "",
        "team_id": "t" * 26,
        "team_domain": "support",
        "post_id": post["id"],
        "trigger_id": f"trigger-of-{account['id']}",
        "type": "button",
        "data_source": "",
    }
    body |= {**forged} | {"context": integration["context"] | forged.get("context", {})}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        try:
            answer = await http.post(integration["url"], json=body)
        except httpx.TransportError:
            return Pressed(0, _FAILED)
    return _read(answer)


def _read(answer: httpx.Response) -> Pressed:
    if answer.status_code != httpx.codes.OK:
        return Pressed(answer.status_code, _FAILED)
    try:
        told = answer.json()
    except ValueError:
        return Pressed(200, _FAILED, ("a click was answered with something else than JSON",))
    if not isinstance(told, dict) or not told.keys() <= _KEYS or not isinstance(told.get("ephemeral_text", ""), str):
        return Pressed(200, _FAILED, ("the answer to a click is not as a server reads it",))
    return Pressed(200, told.get("ephemeral_text", ""))
