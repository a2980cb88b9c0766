"""Who wrote, and what the conversation is called: WhatsApp's addresses (JIDs) into ours. Pure; called by `arrivals`.

A client has a phone number (`…@s.whatsapp.net`) and a number that hides it (`…@lid`). WhatsApp addresses a message by
either and names the other beside it where it wants to; what was told once the journal remembers.
"""

import re
from dataclasses import dataclass

from engine.connectors.whatsapp_web.fields import Record, record, text, true

PHONE, HIDDEN = "s.whatsapp.net", "lid"
_DIGITS = re.compile(r"[0-9]{5,20}", re.ASCII)
# What a peer can be: the address of a conversation, or how other connectors and conversation ids write a number.
_PEER = re.compile(r"([0-9]{5,20})@(s\.whatsapp\.net|lid)", re.ASCII)
_NUMBER = re.compile(r"(?:to:|\+|wa-)?([0-9]{5,20})", re.ASCII)
_HIDDEN_NUMBER = re.compile(r"wa-lid-([0-9]{5,20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """A person's address at WhatsApp, without the device."""

    user: str
    # PHONE or HIDDEN
    server: str

    @property
    def peer(self) -> str:
        """As `events.Address.peer` has it."""
        return f"{self.user}@{self.server}"

    @property
    def conversation_id(self) -> str:
        """What the conversation of a client is called of whom no other address is known."""
        return f"wa-{self.user}" if self.server == PHONE else f"wa-lid-{self.user}"


@dataclass(frozen=True, slots=True)
class Person:
    """The client of a conversation."""

    # To which an answer goes: exactly that of the conversation.
    address: Address
    # E.164; None while WhatsApp hides it.
    phone: str | None
    conversation_id: str
    # As `events.Inbound.aliases` has them.
    aliases: tuple[str, ...]


def address_of(jid: Record) -> Address | None:
    """The address of a person; None for groups, channels, broadcasts and whatever else WhatsApp has."""
    user, server = text(jid, "user"), text(jid, "server")
    return Address(user, server) if server in {PHONE, HIDDEN} and _DIGITS.fullmatch(user) else None


def address_of_peer(peer: str) -> Address | None:
    """The address that a peer stands for: a JID, a phone number or a conversation id."""
    if found := _PEER.fullmatch(peer):
        return Address(found[1], found[2])
    if found := _HIDDEN_NUMBER.fullmatch(peer):
        return Address(found[1], HIDDEN)
    found = _NUMBER.fullmatch(peer)
    return Address(found[1], PHONE) if found else None


def person_of(source: Record) -> Person | None:
    """The client of the conversation that something happened in, whoever of the two did it; None where the
    conversation is none with one person.
    """
    chat = address_of(record(source, "chat"))
    if chat is None or true(source, "group"):
        return None
    other = address_of(record(source, "recipient_alt" if true(source, "from_me") else "sender_alt"))
    both = {address.server: address for address in (other, chat) if address}
    number = both.get(PHONE)
    # The number names the conversation where it is told.
    ordered = [both[server] for server in (PHONE, HIDDEN) if server in both]
    aliases = tuple(address.conversation_id for address in ordered)
    return Person(chat, f"+{number.user}" if number else None, aliases[0], aliases)
