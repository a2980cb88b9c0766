"""How a new device is linked to the account: the codes that it shows, and what the phone does with one."""

import base64

from standins.whatsapp import protobuf
from standins.whatsapp.answers import SERVER
from standins.whatsapp.binary import Node
from standins.whatsapp.connections import Connection
from standins.whatsapp.curves import KeyPair, authenticate
from standins.whatsapp.moments import now_s
from standins.whatsapp.sessions import Bundle
from standins.whatsapp.store import Account
from standins.whatsapp.xeddsa import sign

# What stands before a code where a camera finds it.
_MARK = "#"
_IDENTITY_SIGNATURE = b"\x06\x00"
# The stream must begin anew, this time with a login.
_RESTART = 515
# The name of the order that the client answers when it has its account.
CONFIRMATION = "pair-success-1"
# Fields of the registration in a ClientPayload.
_IDENTITY, _PREKEY_ID, _PREKEY = 3, 4, 5


async def offer(connection: Connection, codes: int) -> None:
    """Give a client that wants to be linked the references that its codes show, one after the other."""
    references = tuple(Node("ref", {}, f"2@reference{number}") for number in range(codes))
    await connection.send(_order("pair-device-1", Node("pair-device", {}, references)))


async def scan(connection: Connection, code: str) -> Account:
    """Link the client that shows this code."""
    _, _, identity, secret = code.rpartition(_MARK)[2].split(",")[:4]
    return await confirm(connection, base64.b64decode(identity), base64.b64decode(secret))


async def confirm(connection: Connection, identity: bytes, secret: bytes) -> Account:
    """Tell the client that it is linked, with the phone's signature and the code's secret as the proof."""
    registration = connection.registration
    account = Account(
        Bundle(
            protobuf.nested(registration, _IDENTITY),
            protobuf.nested(registration, _PREKEY),
            int.from_bytes(protobuf.nested(registration, _PREKEY_ID), "big"),
        )
    )
    phone = KeyPair.random()
    details = protobuf.encode((1, 5), (2, now_s()), (3, 1))
    signature = sign(phone, _IDENTITY_SIGNATURE + details + identity)
    signed = protobuf.encode((1, details), (2, phone.public), (3, signature))
    proven = protobuf.encode((1, signed), (2, authenticate(secret, signed)))
    parts = (
        Node("device-identity", {}, proven),
        Node("device", {"jid": account.jid, "lid": account.lid_jid}),
        Node("platform", {"name": "android"}),
    )
    await connection.send(_order(CONFIRMATION, Node("pair-success", {}, parts)))
    return account


async def restart(connection: Connection) -> None:
    """Have the client log in."""
    await connection.end(Node("stream:error", {"code": _RESTART}))


def _order(name: str, content: Node) -> Node:
    return Node("iq", {"id": name, "from": SERVER, "type": "set", "xmlns": "md"}, (content,))
