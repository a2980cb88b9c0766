"""What the gateway hands over becomes inbound messages, signals and receipts. Pure; called by `connector`.

Only what concerns a conversation with one person comes through: groups, status posts, channels and what our own phones
tell each other are nobody's message. What a person of ours writes on the linked phone is a signal; what we sent
ourselves WhatsApp does not tell us. A receipt names the message by an id that the library tells only once WhatsApp has
taken it, so the journal finds the delivery.
"""

from collections.abc import Iterable
from datetime import datetime

from engine.connectors.whatsapp_web.contents import UNDECRYPTABLE, UNSUPPORTED, Content, Happening, content_of
from engine.connectors.whatsapp_web.fields import Record, moment, record, text, true
from engine.connectors.whatsapp_web.identities import Person, person_of
from engine.core.events import Address, Client, Event, Inbound, Message, Receipt, Signal
from engine.ports import Received


def read(connector: str, frame: Record, received_at: datetime) -> Received | None:
    """What a frame of kind `message`, `undecryptable` or `receipt` brings; None for nothing."""
    wanted = _receipts if frame.get("is") == "receipt" else _message
    return wanted(connector, frame, received_at)


def _message(connector: str, frame: Record, received_at: datetime) -> Received | None:
    info = record(frame, "info")
    source = record(info, "source")
    message_id = text(info, "id").strip()
    person = person_of(source)
    if person is None or not message_id:
        return None
    at = moment(info, "timestamp_ms") or received_at
    found = _found(frame)
    if true(source, "from_me"):
        if not (true(info, "device_sent") and isinstance(found, Content)):
            return None
        return Received(signals=(_signal(connector, person, "human_reply", message_id, at),))
    match found:
        case None:
            return None
        case Happening():
            signal = _signal(connector, person, found.kind, message_id, at, found.message_id, found.text)
            return Received(signals=(signal,))
        case _:
            return Received((_inbound(connector, person, info, message_id, found, at),))


def _receipts(connector: str, frame: Record, received_at: datetime) -> Received | None:
    """What the client's phone says about messages to it; what our other devices say of the client's is nothing."""
    source, given = record(frame, "source"), frame.get("ids")
    person = person_of(source)
    if person is None or true(source, "from_me") or not isinstance(given, list):
        return None
    status = text(frame, "status")
    receipts = tuple(
        Receipt(connector, "", one, status, received_at, aliases=person.aliases)
        for one in given
        if isinstance(one, str) and one
    )
    return Received(receipts=receipts) if receipts else None


def _signal(  # noqa: PLR0917 - a signal's own fields
    connector: str,
    person: Person,
    kind: str,
    message_id: str,
    at: datetime,
    about: str | None = None,
    words: str = "",
) -> Signal:
    return Signal(connector, person.conversation_id, kind, message_id, at, about, words, person.aliases)


def read_lost(connector: str, infos: Iterable[Record], received_at: datetime) -> Received | None:
    """What `losses` found, as messages that cannot be read; None for nothing. The journal knows those that it has."""
    frames = ({"is": "undecryptable", "info": info} for info in infos)
    found = [read(connector, frame, received_at) for frame in frames]
    inbounds = tuple(inbound for received in found if received for inbound in received.inbounds)
    return Received(inbounds) if inbounds else None


def _found(frame: Record) -> Content | Happening | None:
    if frame.get("is") == "undecryptable":
        return UNDECRYPTABLE
    # What did not fit into a frame was still written by a person.
    return UNSUPPORTED if true(frame, "too_long") else content_of(record(frame, "message"))


def _inbound(connector: str, person: Person, info: Record, message_id: str, content: Content, at: datetime) -> Inbound:
    event = Event(
        source="whatsapp",
        received_at=at,
        conversation_id=person.conversation_id,
        client=Client(person.phone, text(info, "pushname").strip() or text(info, "verified_name").strip() or None),
        message=Message(message_id, content.text, content.kind, content.attachments),
    )
    return Inbound(connector, event, Address(connector, person.address.peer), person.aliases)
