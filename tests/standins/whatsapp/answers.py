"""What the service answers to the client's questions: which devices somebody has, with which keys, and the rest."""

from collections.abc import Mapping
from typing import Protocol

from standins.whatsapp.binary import Attribute, Jid, Node
from standins.whatsapp.certificates import MEDIA_HOST
from standins.whatsapp.sessions import Device, OneTimeKey
from standins.whatsapp.store import DEVICE, Account

SERVER = Jid("s.whatsapp.net")
_KIND_OF_KEY = b"\x05"


class Known(Protocol):
    """Somebody who has WhatsApp."""

    @property
    def jid(self) -> Jid:
        """By phone number."""
        ...

    @property
    def lid_jid(self) -> Jid:
        """By the number that hides it."""
        ...

    @property
    def device(self) -> Device:
        """The keys of their phone."""
        ...


def answer(
    question: Node, people: Mapping[str, Known], account: Account | None, keys_left: int
) -> tuple[Node, ...] | None:
    """The content of the answer to an `iq`; None when it is empty. `people` by either address.

    `keys_left` is how many one-time keys of the client's are still here: with few of them it leaves more.
    """
    first = question.children[0] if question.children else Node("")
    match question.get("xmlns"), first.tag:
        case "encrypt", "count":
            return (Node("count", {"value": keys_left}),)
        case "encrypt", "key":
            return (Node("list", {}, tuple(_keys(user.jid("jid"), people) for user in first.children)),)
        case "w:m", "media_conn":
            head: dict[str, Attribute] = {"auth": "x", "ttl": 300, "auth_ttl": 21600, "max_buckets": 12}
            return (Node("media_conn", head, (Node("host", {"hostname": MEDIA_HOST}),)),)
        case "usync", _:
            return (Node("usync", {}, (Node("list", {}, _users(first, people, account)),)),)
    return None


def one_time_keys(left: Node) -> list[OneTimeKey]:
    """The keys in the list that a client leaves at the service."""
    pairs = [(key.child("id"), key.child("value")) for key in left.children]
    return [OneTimeKey(int.from_bytes(name.data, "big"), value.data) for name, value in pairs if name and value]


def _keys(jid: Jid, people: Mapping[str, Known]) -> Node:
    known = people.get(jid.bare())
    if known is None:
        return Node("user", {"jid": jid}, (Node("error", {"code": 404, "text": "item-not-found"}),))
    keys = known.device.keys
    prekey = (
        Node("id", {}, keys.bundle.signed_prekey_id.to_bytes(3, "big")),
        Node("value", {}, keys.signed_prekey.public),
        Node("signature", {}, keys.signature),
    )
    parts = (
        Node("registration", {}, keys.registration_id.to_bytes(4, "big")),
        Node("type", {}, _KIND_OF_KEY),
        Node("identity", {}, keys.identity.public),
        Node("skey", {}, prekey),
    )
    return Node("user", {"jid": jid}, parts)


def _users(usync: Node, people: Mapping[str, Known], account: Account | None) -> tuple[Node, ...]:
    query = usync.child("query")
    asked = {part.tag for part in query.children} if query else set()
    listed = usync.child("list")
    return tuple(_user(user, asked, people, account) for user in (listed.children if listed else ()))


def _user(user: Node, asked: set[str], people: Mapping[str, Known], account: Account | None) -> Node:
    number = user.child("contact")
    jid = user.jid("jid") if number is None else _by_number(number.data.decode())
    known = people.get(jid.bare())
    parts = []
    if "contact" in asked:
        asked_for = None if number is None else number.data
        parts.append(Node("contact", {"type": "in" if known else "out"}, asked_for))
    if "devices" in asked and known:
        own = account is not None and jid.user in (account.phone, account.lid)
        devices = tuple(Node("device", {"id": number}) for number in ((0, DEVICE) if own else (0,)))
        parts.append(Node("devices", {}, (Node("device-list", {}, devices),)))
    if "lid" in asked and known:
        parts.append(Node("lid", {"val": known.lid_jid}))
    return Node("user", {"jid": jid}, tuple(parts))


def _by_number(text: str) -> Jid:
    """The address for a number as the client asks for it: with a plus, or at an old server."""
    return Jid(f"{text.lstrip('+').partition('@')[0]}@{SERVER}")
