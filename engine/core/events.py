"""What a client's message is once a connector has read it, whatever network it came from."""

from dataclasses import dataclass
from datetime import datetime

# What may come with a message. A voice note is told from an audio file because somebody has to listen to it.
ATTACHMENT_KINDS = ("image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "order")
# What a message can be: something new, another wording of an earlier one, what the network could not tell us, or what
# it told us and nobody can read.
MESSAGE_KINDS = ("message", "edit", "unsupported", "undecryptable")
# What can happen in a conversation besides a client's message: a person of ours answered by hand (on the linked phone
# or in the Business app), the client took a message back, put a reaction to one, or has another number now.
SIGNAL_KINDS = ("human_reply", "revoke", "reaction", "number_change")


@dataclass(frozen=True, slots=True)
class Client:
    """Who wrote. Both fields are None for a hidden number without a profile name."""

    # E.164 with a leading plus.
    phone: str | None = None
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, place or contact card that came with a message; its content stays with the network."""

    # One of ATTACHMENT_KINDS, or whatever else a network has.
    kind: str
    media_type: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    # How long it plays.
    seconds: int | None = None
    # Where the network keeps it, in the connector's own terms; opaque to everyone else and shown to nobody.
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the client sent it."""

    # The network's own id: unique within a conversation, not beyond.
    id: str
    # Exactly what was written; empty when the message is only an attachment.
    text: str
    # One of MESSAGE_KINDS.
    kind: str = "message"
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """The contract at the border: every connector turns what it receives into this."""

    # The network in lower case, e.g. "whatsapp".
    source: str
    # When the network says the message was sent; aware.
    received_at: datetime
    # Stable for one client and one account of ours.
    conversation_id: str
    client: Client
    message: Message


@dataclass(frozen=True, slots=True)
class Address:
    """Where an answer to a conversation goes."""

    # The name of a connector in engine.yaml.
    connector: str
    # The peer in that connector's own terms, opaque to everyone else.
    peer: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """An event with what the journal and the answer need to know about its way in."""

    # The name of the connector that received it: with conversation and message id it identifies the event.
    connector: str
    event: Event
    # None when the network gives no way back; then a person has to answer by hand.
    reply: Address | None
    # Every identity of the client that the message tells, each as the id of the conversation that it would name alone;
    # empty where the network knows a client by one name only. See `identities`.
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that happened in a conversation and is no message of the client's."""

    connector: str
    conversation_id: str
    # One of SIGNAL_KINDS.
    kind: str
    # The network's own id: each is taken once.
    id: str
    at: datetime
    # The message that it is about, where there is one.
    message_id: str | None = None
    # The reaction, empty when it was taken away; the new number in E.164, empty when it is hidden.
    text: str = ""
    # As those of an inbound message; after a change of the number the new one is among them.
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A network's later word about a message that we sent."""

    connector: str
    # The delivery's id, which we gave the network along with the message; empty where it takes none. Then the journal
    # finds the delivery by `provider_id` and `aliases`.
    key: str
    # The network's id of the message.
    provider_id: str
    # sent, delivered, read or failed
    status: str
    at: datetime
    # The network's error code when `status` is failed.
    code: str | None = None
    # What that means in one sentence, where the connector knows.
    reason: str = ""
    # The client's identities, as those of an inbound message; only needed without a key.
    aliases: tuple[str, ...] = ()
    # The network would take the approved template, and the connector has one.
    wants_template: bool = False
