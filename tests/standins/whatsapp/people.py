"""Who writes to the linked account: clients with WhatsApp on a phone, and the account's own phone."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Protocol

from standins.whatsapp import messages, sessions
from standins.whatsapp.binary import Attribute, Jid, Node
from standins.whatsapp.messages import Reply
from standins.whatsapp.moments import now_s
from standins.whatsapp.sessions import Device, Encrypted, OneTimeKey
from standins.whatsapp.store import Account
from standins.whatsapp.uploads import upload

_numbers = itertools.count(1)


class Carrier(Protocol):
    """What brings stanzas to the linked account: the service."""

    @property
    def linked(self) -> Account:
        """The account."""
        ...

    def one_time_key(self) -> OneTimeKey | None:
        """Use up one of the keys that the account's device has left at the service, if there is any."""
        ...

    def keep(self, path: str, content: bytes) -> None:
        """Keep a file that somebody sends."""
        ...

    async def deliver(self, message: Node) -> None:
        """Bring a message, and again after a reconnection until it is receipted."""
        ...

    async def send(self, node: Node) -> None:
        """Bring anything else, once."""
        ...

    async def next_reply(self, person: "Person") -> Reply:
        """Wait for the next message that the person has not looked at."""
        ...


class Shown(StrEnum):
    """How much the service tells the account about who writes."""

    # The address is the phone number, the hidden one comes with it.
    PHONE = "phone"
    # The address is the hidden one, the phone number comes with it.
    BOTH = "both"
    # The phone number stays hidden.
    LID = "lid"


class Person:
    """Somebody with a phone."""

    def __init__(self, carrier: Carrier, phone: str, lid: str, name: str, shown: Shown) -> None:
        self._carrier = carrier
        self.jid = Jid(f"{phone}@s.whatsapp.net")
        self.lid_jid = Jid(f"{lid}@lid")
        # What the person calls herself; may be empty.
        self.name = name
        self.shown = shown
        self.device = Device()
        # Every message of the account that could be read, oldest first, each once.
        self.replies: list[Reply] = []
        # Every ciphertext of hers, oldest first.
        self.carried: list[Encrypted] = []
        # Why others could not.
        self.unread: list[str] = []
        # How many of `replies` were handed out by `reply`.
        self.looked_at = 0

    async def write(self, text: str, **attributes: Attribute) -> str:
        """Send words; the message's id. `attributes` are put over the stanza's: `id="A1"`, `t=1700000000`."""
        return await self.post(messages.text(text), **attributes)

    async def post(self, content: bytes, **attributes: Attribute) -> str:
        """Send any content of `messages`; the message's id."""
        # What is about an earlier message has no secret of its own.
        refers = "edit" in attributes or attributes.get("type") == "reaction"
        beside = b"" if refers else messages.secret()
        return await self.carry(self.encrypt(content + beside), **attributes)

    async def send_file(self, kind: str, media_type: str, content: bytes, length: int | None = None) -> str:
        """Send a file; the message's id. `length` is what the message claims instead of its own."""
        uploaded, kept = upload(kind, content)
        self._carrier.keep(uploaded.path, kept)
        return await self.post(messages.with_file(uploaded, media_type, length), type="media")

    async def edit(self, message_id: str, text: str) -> str:
        """Change the words of an earlier message; the edit has an id of its own."""
        return await self.post(messages.edit(message_id, text), edit="1")

    async def revoke(self, message_id: str) -> str:
        """Delete an earlier message for everybody."""
        return await self.post(messages.revocation(message_id), edit="7")

    async def react(self, message_id: str, emoji: str, *, ours: bool = True) -> str:
        """Put an emoji to a message, by default to one that the account wrote."""
        return await self.post(messages.reaction(message_id, emoji, ours=ours), type="reaction")

    async def write_unreadably(self) -> str:
        """Send what the account cannot decrypt."""
        return await self.carry(sessions.unreadable())

    async def write_to_group(self, text: str, group: str = "120363000000000001@g.us") -> str:
        """Send words to a group that the account is in."""
        return await self.write(text, **_in(group, self))

    async def publish_status(self, text: str) -> str:
        """Send words to everybody who has her number."""
        return await self.write(text, **_in("status@broadcast", self))

    async def receipt(self, message_id: str, kind: str = "") -> None:
        """Tell the account that its message has arrived, or with `read` that it was read."""
        attributes: dict[str, Attribute] = {"from": self._address, "id": message_id, "t": now_s()}
        await self._carrier.send(Node("receipt", attributes | ({"type": kind} if kind else {})))

    async def reply(self) -> Reply:
        """The next message of the account, decrypted; waits for it."""
        return await self._carrier.next_reply(self)

    def encrypt(self, content: bytes) -> Encrypted:
        """Content for the account's device; the next message must carry it."""
        account = self._carrier.linked
        bundle = account.bundle
        if not self.device.knows(account.jid):
            bundle = replace(bundle, one_time=self._carrier.one_time_key())
        return self.device.encrypt(account.jid, bundle, content)

    async def carry(self, encrypted: Encrypted, **attributes: Attribute) -> str:
        """Send a ciphertext, even one that was sent before; the message's id."""
        stanza: dict[str, Attribute] = {
            "from": self._address,
            "id": f"3EB0{next(_numbers):016X}",
            "t": now_s(),
            "notify": self.name,
            "type": "text",
            **self._also_known(),
            **attributes,
        }
        self.carried.append(encrypted)
        await self._carrier.deliver(Node("message", stanza, (_enc(encrypted),)))
        return str(stanza["id"])

    def take(self, message_id: str, encrypted: Encrypted) -> None:
        """Read a message of the account; one that was sent again counts once."""
        if any(reply.message_id == message_id for reply in self.replies):
            return
        try:
            content = self.device.decrypt(self._carrier.linked.jid, encrypted)
        except sessions.Unreadable as why:
            self.unread.append(f"{message_id}: {why}")
        else:
            self.replies.append(Reply(message_id, content))

    @property
    def _address(self) -> Jid:
        return self.jid if self.shown is Shown.PHONE else self.lid_jid

    def _also_known(self) -> Mapping[str, Attribute]:
        match self.shown:
            case Shown.PHONE:
                return {"sender_lid": self.lid_jid}
            case Shown.BOTH:
                return {"addressing_mode": "lid", "sender_pn": self.jid}
            case Shown.LID:
                return {"addressing_mode": "lid"}


class OwnPhone(Person):
    """The phone that the account is on, in a colleague's hand."""

    async def write_to(self, person: Person, text: str) -> str:
        """Write to a client, past the linked device, which is told."""
        content = messages.from_own_phone(person.jid, messages.text(text)) + messages.secret()
        recipient: dict[str, Attribute] = {"recipient": person.jid, "peer_recipient_lid": person.lid_jid}
        return await self.carry(self.encrypt(content), **recipient)

    def _also_known(self) -> Mapping[str, Attribute]:
        return {}


def _in(chat: str, person: Person) -> dict[str, Attribute]:
    return {"from": Jid(chat), "participant": person.jid, "participant_lid": person.lid_jid}


def _enc(encrypted: Encrypted) -> Node:
    return Node("enc", {"v": 2, "type": encrypted.kind}, encrypted.data)
