"""The buttons below an incident's post, and what a click on one of them proves.

`connector` puts them there, `clicks` reads what comes back. Mattermost signs no click: anybody who reaches our door can
send one. So each button carries what it is for, signed with a key that only we have: which incident, which action, in
which channel, for which state of the post and until when. Who pressed it is not in there; `clicks` asks. Pure.

The key is derived from the bot's token. All nodes know that, it is in no database and in no backup of ours, and a token
that is replaced because somebody has stolen it takes the buttons with it that were made before.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from engine.connectors.credentials import same

# How long a button works. Each change of the incident replaces it.
LIFE: Final = timedelta(days=7)
# For how long nobody is called once somebody has pressed that.
PAUSE: Final = timedelta(minutes=30)
# What stands on the button of each kind of action. Nothing here and nothing of a client's is text of the attachment,
# which could call somebody.
_LABELS: Final = {
    "claim": "Take",
    "resolve": "Resolve",
    "snooze": "Pause 30 min",
    "release": "Give back",
    "reopen": "Reopen",
}
# Mattermost's own ids.
_ID: Final = re.compile(r"[a-z0-9]{26}", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_PURPOSE: Final = b"buttons of posts"


@dataclass(frozen=True, slots=True)
class Offer:
    """What one button stands for."""

    ticket_id: str
    # Of `actions.ACTION_KINDS`.
    kind: str
    # The id of the channel that the post is in.
    channel_id: str
    # The delivery that put the button there: with each change of the incident another one.
    delivery: str
    # When it ends to work, in seconds since 1970.
    until_s: int


@dataclass(frozen=True, slots=True)
class Click:
    """What a request says that somebody has done; nothing of it but a signed offer is to be believed."""

    user_id: str
    channel_id: str
    post_id: str
    # None: what came along is none of ours.
    offer: Offer | None


@dataclass(frozen=True, slots=True)
class Buttons:
    """How the buttons of one bot are made and read."""

    # Where Mattermost sends clicks.
    url: str
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, url: str, token: str) -> "Buttons":
        """The buttons of the bot with this token."""
        return cls(url, hmac.digest(token.encode(), _PURPOSE, hashlib.sha256))

    def attachments(
        self, kinds: Sequence[str], ticket_id: str, *, channel_id: str, delivery: str, now: datetime
    ) -> list[dict[str, object]]:
        """The `attachments` of a post that offers these kinds of action; empty where it offers none."""
        until_s = int((now + LIFE).timestamp())
        offers = [Offer(ticket_id, kind, channel_id, delivery, until_s) for kind in kinds if kind in _LABELS]
        return [{"actions": [self._action(offer) for offer in offers]}] if offers else []

    def read(self, body: bytes) -> Click | None:
        """The click in a request; None when it is none at all."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        user_id, channel_id, post_id = (told.get(name) for name in ("user_id", "channel_id", "post_id"))
        if not (_is_id(user_id) and _is_id(channel_id) and _is_id(post_id)):
            return None
        return Click(str(user_id), str(channel_id), str(post_id), self._offer(told.get("context")))

    def _action(self, offer: Offer) -> dict[str, object]:
        context = {
            "ticket": offer.ticket_id,
            "action": offer.kind,
            "channel": offer.channel_id,
            "delivery": offer.delivery,
            "until": str(offer.until_s),
            "signature": self._signature(offer),
        }
        integration = {"url": self.url, "context": context}
        return {"id": offer.kind, "name": _LABELS[offer.kind], "type": "button", "integration": integration}

    def _offer(self, context: object) -> Offer | None:
        """The offer in what came back, when it is as we signed it."""
        told = context if isinstance(context, dict) else {}
        kind, until = _text(told, "action"), _text(told, "until")
        if kind not in _LABELS or not _SECONDS.fullmatch(until):
            return None
        offer = Offer(_text(told, "ticket"), kind, _text(told, "channel"), _text(told, "delivery"), int(until))
        given = _text(told, "signature").encode("utf-8", "backslashreplace")
        return offer if same(given, self._signature(offer)) else None

    def _signature(self, offer: Offer) -> str:
        """HMAC-SHA256 over all of an offer; as JSON, so that no two offers are written the same."""
        fields = [offer.ticket_id, offer.kind, offer.channel_id, offer.delivery, offer.until_s]
        return hmac.new(self._key, json.dumps(fields).encode(), hashlib.sha256).hexdigest()


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _text(told: Mapping[str, object], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
