"""What the gateway hands over becomes inbound messages, signals and receipts. Pure; called by `connector`.

Only what concerns a conversation with one person comes through: groups, status posts, channels and what our own phones
tell each other are nobody's message. What a person of ours writes on the linked phone is a signal; what we sent
ourselves WhatsApp does not tell us.
"""

from collections.abc import Container, Iterable
from datetime import datetime

from engine.connectors.whatsapp_web.contents import UNDECRYPTABLE, UNSUPPORTED, Content, Happening, content_of
from engine.connectors.whatsapp_web.fields import Record, moment, record, text, true
from engine.connectors.whatsapp_web.identities import Aliases, Person, person_of
from engine.core.events import Address, Client, Event, Inbound, Message, Signal
from engine.ports import Received


def read(
    connector: str, frame: Record, aliases: Aliases, ours: Container[str], received_at: datetime
) -> Received | None:
    """What a frame of kind `message` or `undecryptable` brings; None for nothing. `ours` are ids of what we sent."""
    info = record(frame, "info")
    source = record(info, "source")
    message_id = text(info, "id").strip()
    person = person_of(source, aliases)
    if person is None or not message_id:
        return None
    at = moment(info, "timestamp_ms") or received_at
    found = _found(frame)
    if true(source, "from_me"):
        if message_id in ours or not (true(info, "device_sent") and isinstance(found, Content)):
            return None
        return Received(signals=(Signal(connector, person.conversation_id, "human_reply", message_id, at),))
    match found:
        case None:
            return None
        case Happening():
            signal = Signal(connector, person.conversation_id, found.kind, message_id, at, found.message_id, found.text)
            return Received(signals=(signal,))
        case _:
            return Received((_inbound(connector, person, info, message_id, found, at),))


def read_lost(
    connector: str, infos: Iterable[Record], aliases: Aliases, ours: Container[str], received_at: datetime
) -> Received | None:
    """What `losses` found, as messages that cannot be read; None for nothing. The journal knows those that it has."""
    frames = ({"is": "undecryptable", "info": info} for info in infos)
    found = [read(connector, frame, aliases, ours, received_at) for frame in frames]
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
    return Inbound(connector, event, Address(connector, person.address.peer))
