"""What Twilio posts to the webhook becomes one inbound message or one receipt.

Called by `connector` after the signature was verified, and by `backfills` for messages that a webhook missed. Pure.
Fields that nobody asked for are ignored, because Twilio adds some without notice. Source: Twilio, "Twilio's request to
your incoming message webhook URL" and "Track the status of outbound messages" (read 2026-11).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from engine.connectors.twilio.refusals import sentence_of
from engine.core.events import Address, Attachment, Client, Event, Inbound, Message, Receipt
from engine.core.quotes import whole
from engine.ports import Received, Refused

Fields = Mapping[str, str]

# How a client and a sender are written, e.g. whatsapp:+254712345678.
WHATSAPP = "whatsapp:"
# An answer without a message: Twilio sends a body of text/plain to the client, and reports one of another type.
ANSWER, ANSWER_TYPE = "<Response/>", "text/xml"
_PHONE = re.compile(r"\+([0-9]{5,20})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{5,20}", re.ASCII)
# What Twilio calls a message that carries what we can read; any other is kept as `unsupported`.
_READABLE = frozenset(
    {"", "text", "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "button"}
    | {"interactive", "list", "media"}
)
# Twilio has it and sends it once: to say it again would say it twice.
_TAKEN = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})
_STATUSES = {
    **dict.fromkeys(_TAKEN, "sent"),
    "delivered": "delivered",
    "read": "read",
    **dict.fromkeys(("failed", "undelivered", "canceled"), "failed"),
}
# More than WhatsApp lets anybody send at once.
_MOST_MEDIA = 30
_VOICE = "audio/ogg"
_CARDS = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
_BY_FAMILY = {"image": "image", "video": "video", "audio": "audio"}


def read(connector: str, sender: str, fields: Fields, delivery: str, received_at: datetime) -> Received | Refused:
    """The message or the status in a form. `sender` is our own address, `delivery` what the status callback's URL
    carries; Refused names the field that is missing or not ours.
    """
    message_id = _word(fields, "MessageSid") or _word(fields, "SmsMessageSid")
    if not message_id:
        return Refused(400, "is missing", "MessageSid")
    status = _word(fields, "MessageStatus").lower()
    if status and status != "received":
        # Words about messages that somebody else sent are nothing to us.
        known = bool(delivery) and status in _STATUSES
        receipts = (_receipt(connector, fields, delivery, message_id, status, received_at),) if known else ()
        return Received(receipts=receipts, answer=ANSWER, answer_type=ANSWER_TYPE)
    if _word(fields, "To") != sender:
        return Refused(404, "is another number than `from` of this connector", "To")
    client = _word(fields, "From")
    if not client.startswith(WHATSAPP):
        return Refused(400, "must be a WhatsApp address", "From")
    message = Message(message_id, _said(fields), _kind(fields), _attachments(fields))
    name = _text(fields, "ProfileName").strip() or None
    found = inbound(connector, client, message, received_at, name=name, wa_id=_word(fields, "WaId"))
    return Received((found,), answer=ANSWER, answer_type=ANSWER_TYPE)


def inbound(
    connector: str, client: str, message: Message, at: datetime, *, name: str | None = None, wa_id: str = ""
) -> Inbound:
    """A client's message; the same for a webhook and for the list, or the journal would take it twice."""
    written = client.removeprefix(WHATSAPP)
    found = _PHONE.fullmatch(written)
    phone = written if found else f"+{wa_id}" if _DIGITS.fullmatch(wa_id) else None
    event = Event(
        source="whatsapp",
        received_at=at,
        conversation_id=f"wa-{found[1] if found else written}",
        client=Client(phone, name),
        message=message,
    )
    # The connector may have been one of another way, which knew the client by further names.
    return Inbound(connector, event, Address(connector, client), (event.conversation_id,))


def media(content_type: str, address: str) -> Attachment:
    """What came with a message, by its media type. Of its address only the path is kept, so that nothing in a message
    says where our credentials go.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    family = media_type.partition("/")[0]
    if media_type == _VOICE:
        kind = "voice"
    elif media_type == "image/webp":
        kind = "sticker"
    elif media_type in _CARDS:
        kind = "contacts"
    else:
        kind = _BY_FAMILY.get(family, "document")
    return Attachment(kind, media_type or None, reference=_path(address) or None)


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


def _receipt(connector: str, fields: Fields, delivery: str, message_id: str, status: str, at: datetime) -> Receipt:
    what = _STATUSES[status]
    code = _word(fields, "ErrorCode") if what == "failed" else ""
    return Receipt(connector, delivery, message_id, what, at, code or None, sentence_of(code))


def _said(fields: Fields) -> str:
    """What the client wrote or chose."""
    for name in ("Body", "ButtonText", "ListTitle", "ButtonPayload", "ListId"):
        if text := _text(fields, name):
            return text
    return ", ".join(filter(None, (_text(fields, "Label"), _text(fields, "Address"))))


def _kind(fields: Fields) -> str:
    if _word(fields, "MessageType").lower() not in _READABLE:
        return "unsupported"
    return "message" if _said(fields) or _attachments(fields) else "unsupported"


def _attachments(fields: Fields) -> tuple[Attachment, ...]:
    count = _word(fields, "NumMedia")
    number = min(int(count[:4]), _MOST_MEDIA) if count.isascii() and count.isdigit() else 0
    found = [
        media(_word(fields, f"MediaContentType{place}"), _word(fields, f"MediaUrl{place}")) for place in range(number)
    ]
    latitude, longitude = _word(fields, "Latitude"), _word(fields, "Longitude")
    if latitude and longitude:
        # As RFC 5870 writes a place.
        found.append(Attachment("location", name=_place(fields), reference=f"geo:{latitude},{longitude}"))
    return tuple(found)


def _place(fields: Fields) -> str | None:
    return _text(fields, "Label") or _text(fields, "Address") or None


def _text(fields: Fields, name: str) -> str:
    """The text as it was written, but for halves of surrogate pairs, which no database can keep."""
    return whole(fields.get(name, ""))


def _word(fields: Fields, name: str) -> str:
    return _text(fields, name).strip()
