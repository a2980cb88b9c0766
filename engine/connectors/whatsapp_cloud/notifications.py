"""What Meta posts to a webhook becomes inbound messages and receipts.

Called by `connector` after the signature was verified. Pure. Meta batches: every entry, change, message and status is
read on its own, so that one that cannot be read costs none of the others. Fields that nobody asked for are ignored,
because Meta adds some with each release. Source: Meta, "Webhooks payload examples" and "Messages object".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.connectors.whatsapp_cloud.contents import SILENT, content_of
from engine.connectors.whatsapp_cloud.fields import Json, listed, record, text, word
from engine.core.events import Address, Client, Event, Inbound, Message, Receipt, Signal
from engine.ports import Refused

_OBJECT = "whatsapp_business_account"
_STATUSES = frozenset({"sent", "delivered", "read", "failed"})
# How many digits a time in seconds may have: until the year 5138.
_LONGEST_TIME = 11


@dataclass(frozen=True, slots=True)
class Notifications:
    """What one request brought, in its order."""

    inbounds: tuple[Inbound, ...]
    receipts: tuple[Receipt, ...]
    signals: tuple[Signal, ...]
    # How many parts could neither be read nor kept as a message of kind `unsupported`.
    skipped: int


def read(connector: str, phone_number_id: str, body: bytes, received_at: datetime) -> Notifications | Refused:
    """The notifications in a body that concern our number; Refused names the field that is no notification at all."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return Refused(400, "the body is not JSON")
    if not isinstance(envelope, dict):
        return Refused(400, "the body must be an object")
    if envelope.get("object") != _OBJECT:
        return Refused(400, f"must be {_OBJECT}", "object")
    if not isinstance(envelope.get("entry"), list):
        return Refused(400, "must be a list", "entry")
    values, faults = _values(envelope["entry"])
    if faults and not values:
        return Refused(400, "must be as in Meta's notifications", faults[0])
    inbounds: list[Inbound] = []
    receipts: list[Receipt] = []
    skipped = len(faults)
    for value in values:
        if word(record(value, "metadata"), "phone_number_id") != phone_number_id:
            continue  # a webhook belongs to an app, which may serve several numbers
        contacts = listed(value, "contacts")
        messages, unreadable = _records(listed(value, "messages"))
        skipped += unreadable
        for message in messages:
            if word(message, "type") in SILENT:
                continue
            inbound = _inbound(connector, message, contacts, received_at)
            inbounds.extend([inbound] if inbound else [])
            skipped += inbound is None
        statuses, unreadable = _records(listed(value, "statuses"))
        skipped += unreadable
        receipts.extend(filter(None, (_receipt(connector, status, received_at) for status in statuses)))
    return Notifications(tuple(inbounds), tuple(receipts), (), skipped)


def _records(items: list[object]) -> tuple[list[Json], int]:
    """The objects among the items, and how many others there are."""
    records: list[Json] = [item for item in items if isinstance(item, dict)]
    return records, len(items) - len(records)


def _values(entries: list[object]) -> tuple[list[Json], list[str]]:
    """The `value` of each change about messages, and the paths of what is not shaped like a notification."""
    values: list[Json] = []
    faults: list[str] = []
    for path, change in _changes(entries):
        if not isinstance(change, dict):
            faults.append(path)
        elif change.get("field", "messages") != "messages":
            continue  # echoes of our own replies, template and account news
        elif isinstance(change.get("value"), dict):
            values.append(change["value"])
        else:
            faults.append(f"{path}.value")
    return values, faults


def _changes(entries: list[object]) -> Iterator[tuple[str, object]]:
    for number, entry in enumerate(entries):
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield f"entry[{number}]" + (".changes" if isinstance(entry, dict) else ""), None
            continue
        for place, change in enumerate(changes):
            yield f"entry[{number}].changes[{place}]", change


def _inbound(connector: str, message: Json, contacts: list[object], received_at: datetime) -> Inbound | None:
    """One message, or None when it has not even an id."""
    message_id = word(message, "id")
    if not message_id:
        return None
    content = content_of(message)
    client, sender, peer = _sender(message, contacts)
    event = Event(
        source="whatsapp",
        received_at=_time(message) or received_at,
        # Without a sender there is no conversation to join, and strangers must not share one.
        conversation_id=f"wa-{sender or 'unknown-' + message_id}",
        client=client,
        message=Message(message_id, content.text, content.kind, content.attachments),
    )
    return Inbound(connector, event, Address(connector, peer) if peer else None)


def _sender(message: Json, contacts: list[object]) -> tuple[Client, str, str]:
    """Who wrote, the identity that names the conversation, and the peer that `WhatsAppCloud.send` understands.

    Since 2026 a client may hide the number; then only the business-scoped user id says who it is.
    """
    wa_id, user_id = word(message, "from"), word(message, "from_user_id")
    contact = _contact(contacts, wa_id, user_id)
    wa_id = wa_id or word(contact, "wa_id")
    user_id = user_id or word(contact, "user_id")
    name = text(record(contact, "profile"), "name")
    phone = f"+{wa_id}" if wa_id.isascii() and wa_id.isdigit() else None
    peer = f"to:{wa_id}" if wa_id else f"recipient:{user_id}" if user_id else ""
    return Client(phone, name or None), wa_id or user_id, peer


def _contact(contacts: list[object], wa_id: str, user_id: str) -> Json:
    """The contact card of the sender: by number, by user id, else the only one there is unless it is another's."""
    cards, _ = _records(contacts)
    for card in cards:
        if (wa_id and word(card, "wa_id") == wa_id) or (user_id and word(card, "user_id") == user_id):
            return card
    if len(cards) != 1:
        return {}
    others = (wa_id and word(cards[0], "wa_id")) or (user_id and word(cards[0], "user_id"))
    return {} if others else cards[0]


def _receipt(connector: str, status: Json, received_at: datetime) -> Receipt | None:
    """A status of a message that we sent with our key; None for any other."""
    key, what = word(status, "biz_opaque_callback_data"), word(status, "status")
    if not key or what not in _STATUSES:
        return None
    errors = listed(status, "errors")
    code = errors[0].get("code") if errors and isinstance(errors[0], dict) else None
    return Receipt(
        connector=connector,
        key=key,
        provider_id=word(status, "id"),
        status=what,
        at=_time(status) or received_at,
        code=str(code) if what == "failed" and isinstance(code, int | str) else None,
    )


def _time(item: Json) -> datetime | None:
    """`timestamp`, which Meta writes as text with whole seconds."""
    seconds = word(item, "timestamp")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= _LONGEST_TIME):
        return None
    return datetime.fromtimestamp(int(seconds), tz=UTC)
