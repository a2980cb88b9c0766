"""Pages of Twilio's list of messages, read into values.

Called by `connector`, which asks whether a message of ours is there, and by `backfills`, which looks for messages of
clients. Pure. Source: Twilio, "Messages resource" (read 2026-11): the newest come first, times are RFC 2822 in whole
seconds, and `date_sent` is empty as long as a message waits at Twilio.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

from engine.connectors.replies import Reply
from engine.core.quotes import whole

Json = dict[str, object]

_FAILED = frozenset({"failed", "undelivered", "canceled"})
# How many of a page; Twilio gives at most 1,000.
PAGE_SIZE = "200"


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as the list has it."""

    sid: str
    # whatsapp:+…, as `receiver`.
    sender: str
    receiver: str
    body: str
    # From a client, not from us.
    inbound: bool
    # It will never reach anybody.
    failed: bool
    # Of whole seconds.
    created_at: datetime
    # How many files came with it.
    media: int
    # The template that it is; empty where the list does not say.
    content_sid: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list, the newest first."""

    messages: tuple[Listed, ...]
    # The query of the next page; empty when this is the last one.
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class Media:
    """A file that came with a message."""

    content_type: str
    # Of its address, as a webhook tells it; may be empty.
    path: str


def page(reply: Reply) -> Page | None:
    """The page in an answer; None when it is no list. A message that cannot be read is left out."""
    found = _items(reply, "messages")
    if found is None:
        return None
    following = _word(reply.json_object() or {}, "next_page_uri")
    try:
        query = dict(parse_qsl(urlsplit(following).query, keep_blank_values=True))
    except ValueError:
        query = {}
    return Page(tuple(filter(None, map(_listed, found))), query)


def media(reply: Reply) -> tuple[Media, ...] | None:
    """The files in an answer; None when it is no list."""
    found = _items(reply, "media_list")
    if found is None:
        return None
    return tuple(Media(_word(item, "content_type"), _path(item)) for item in found)


def same_text(listed: str, text: str) -> bool:
    """Whether Twilio keeps this text; it may end lines in another way and drop blanks around."""
    return _plain(listed) == _plain(text)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _items(reply: Reply, key: str) -> list[Json] | None:
    items = (reply.json_object() or {}).get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else None


def _listed(item: Json) -> Listed | None:
    sid = _word(item, "sid")
    created_at = _time(item, "date_created") or _time(item, "date_sent")
    if not sid or created_at is None:
        return None
    body, count = item.get("body"), str(item.get("num_media", ""))
    return Listed(
        sid=sid,
        sender=_word(item, "from"),
        receiver=_word(item, "to"),
        body=whole(body) if isinstance(body, str) else "",
        inbound=_word(item, "direction") == "inbound",
        failed=_word(item, "status") in _FAILED,
        created_at=created_at,
        media=int(count[:3]) if count.isascii() and count.isdigit() else 0,
        content_sid=_word(item, "content_sid"),
    )


def _path(item: Json) -> str:
    return _word(item, "uri").removesuffix(".json")


def _time(item: Json, key: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(_word(item, key))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def _word(item: Json, key: str) -> str:
    value = item.get(key)
    return whole(value).strip() if isinstance(value, str) else ""
