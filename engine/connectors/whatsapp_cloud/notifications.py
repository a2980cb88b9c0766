"""What Meta posts to a webhook becomes inbound messages, receipts and signals.

Called by `connector` after the signature was verified. Pure. Meta batches: every entry, change, message and status is
read on its own, so that one that cannot be read costs none of the others. Fields that nobody asked for are ignored,
because Meta adds some with each release. Source: Meta, "Webhooks payload examples" and "Messages object".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.connectors.whatsapp_cloud.contents import content_of
from engine.connectors.whatsapp_cloud.fields import Json, instant, listed, listed_records, record, word
from engine.connectors.whatsapp_cloud.refusals import sentence_of
from engine.connectors.whatsapp_cloud.senders import Party, sender_of
from engine.connectors.whatsapp_cloud.signals import SILENT, aliases_of, conversation_of, echo_of, signal_of
from engine.core.events import Address, Event, Inbound, Message, Receipt, Signal
from engine.ports import Refused

_OBJECT = "whatsapp_business_account"
_STATUSES = frozenset({"sent", "delivered", "read", "failed"})
# The fields of a webhook that are read, with the lists in each: what clients write and what becomes of our answers, and
# what people of ours answer in the Business app.
_LISTS = {"messages": ("messages", "statuses", "errors"), "smb_message_echoes": ("message_echoes",)}


@dataclass(frozen=True, slots=True)
class Notifications:
    """What one request brought, in its order."""

    inbounds: tuple[Inbound, ...]
    receipts: tuple[Receipt, ...]
    signals: tuple[Signal, ...]
    # Who wrote each of the inbound messages.
    senders: tuple[Party, ...]
    # The codes of what Meta says is wrong with the account or the app.
    errors: tuple[str, ...]
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
    # A webhook belongs to an app, which may serve several numbers.
    ours = [value for value in values if word(record(value, "metadata"), "phone_number_id") == phone_number_id]
    found = [_read_value(connector, value, received_at) for value in ours]
    return Notifications(
        inbounds=tuple(inbound for one in found for inbound in one.inbounds),
        receipts=tuple(receipt for one in found for receipt in one.receipts),
        signals=tuple(signal for one in found for signal in one.signals),
        senders=tuple(sender for one in found for sender in one.senders),
        errors=tuple(code for one in found for code in one.errors),
        skipped=len(faults) + sum(one.skipped for one in found),
    )


def _read_value(connector: str, value: Json, received_at: datetime) -> Notifications:
    """What one change brought."""
    contacts = listed(value, "contacts")
    inbounds: list[Inbound] = []
    signals: list[Signal | None] = []
    senders: list[Party] = []
    skipped = 0
    for message in listed_records(listed(value, "messages")):
        if word(message, "type") in SILENT:
            signals.append(signal_of(connector, message, contacts, received_at))
            continue
        sender = sender_of(message, contacts)
        inbound = _inbound(connector, message, sender, received_at)
        if inbound is None:
            skipped += 1
            continue
        inbounds.append(inbound)
        senders.append(sender)
    signals.extend(
        echo_of(connector, echo, contacts, received_at) for echo in listed_records(listed(value, "message_echoes"))
    )
    statuses = listed_records(listed(value, "statuses"))
    for key in ("messages", "statuses", "message_echoes"):
        items = listed(value, key)
        skipped += len(items) - len(listed_records(items))
    return Notifications(
        inbounds=tuple(inbounds),
        receipts=tuple(filter(None, (_receipt(connector, status, received_at) for status in statuses))),
        signals=tuple(filter(None, signals)),
        senders=tuple(senders),
        errors=_codes(value),
        skipped=skipped,
    )


def _values(entries: list[object]) -> tuple[list[Json], list[str]]:
    """The `value` of each change about messages, and the paths of what is not shaped like a notification."""
    values: list[Json] = []
    faults: list[str] = []
    for path, change in _changes(entries):
        if not isinstance(change, dict):
            faults.append(path)
            continue
        lists = _LISTS.get(word(change, "field") or "messages")
        if lists is None:
            continue  # news about templates and the account, and the history of the Business app
        if isinstance(change.get("value"), dict):
            values.append({key: change["value"].get(key) for key in ("metadata", "contacts", *lists)})
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


def _inbound(connector: str, message: Json, sender: Party, received_at: datetime) -> Inbound | None:
    """One message, or None when it has not even an id."""
    message_id = word(message, "id")
    if not message_id:
        return None
    content = content_of(message)
    event = Event(
        source="whatsapp",
        received_at=instant(message) or received_at,
        conversation_id=conversation_of(sender.identity, message),
        client=sender.client,
        message=Message(message_id, content.text, content.kind, content.attachments),
    )
    # What is said in a group is not said to us alone: a person answers it, or nobody does.
    peer = "" if word(message, "group_id") else sender.peer
    aliases = aliases_of(message, sender)
    return Inbound(connector, event, Address(connector, peer) if peer else None, aliases)


def _receipt(connector: str, status: Json, received_at: datetime) -> Receipt | None:
    """A status of a message that we sent with our key; None for any other."""
    key, what = word(status, "biz_opaque_callback_data"), word(status, "status")
    if not key or what not in _STATUSES:
        return None
    codes = _codes(status) if what == "failed" else ()
    return Receipt(
        connector=connector,
        key=key,
        provider_id=word(status, "id"),
        status=what,
        at=instant(status) or received_at,
        code=codes[0] if codes else None,
        reason=sentence_of(codes[0]) if codes else "",
    )


def _codes(item: Json) -> tuple[str, ...]:
    """The codes of the errors that an item lists."""
    codes = (error.get("code") for error in listed_records(listed(item, "errors")))
    return tuple(str(code) for code in codes if isinstance(code, int | str))
