"""Linking without a camera: the client shows eight characters, which somebody types on the phone.

Each side wraps a key of the moment in what the characters stretch to; from the keys follows the secret that a QR code
would have shown.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from standins.whatsapp.answers import SERVER
from standins.whatsapp.binary import Attribute, Node
from standins.whatsapp.connections import Connection
from standins.whatsapp.curves import KEY_SIZE, KeyPair, derive
from standins.whatsapp.moments import now_s

TAG = "link_code_companion_reg"
_REFERENCE = Node("link_code_pairing_ref", {}, "reference")
_ROUNDS = 1 << 17
_SALT_SIZE, _COUNTER_SIZE, _NONCE_SIZE = 32, 16, 12


class CodeLink:
    """One attempt, from the client's hello on."""

    def __init__(self, connection: Connection, hello: Node) -> None:
        self.connection = connection
        wrapped = hello.child("link_code_pairing_wrapped_companion_ephemeral_pub")
        assert wrapped is not None, "the client wrapped no key"
        self._wrapped = wrapped.data
        self._identity = KeyPair.random()
        self._ephemeral = KeyPair.random()
        self._shared = b""

    def reference(self) -> tuple[Node, ...]:
        """The content of the answer to the client's hello."""
        return (Node(TAG, {}, (_REFERENCE,)),)

    async def enter(self, code: str) -> None:
        """Type the characters on the phone: the client gets the phone's keys."""
        letters = code.replace("-", "")
        salt, rest = self._wrapped[:_SALT_SIZE], self._wrapped[_SALT_SIZE:]
        theirs = _crypted(letters, salt, rest[:_COUNTER_SIZE], rest[_COUNTER_SIZE:])
        self._shared = self._ephemeral.agree(theirs)
        salt, counter = os.urandom(_SALT_SIZE), os.urandom(_COUNTER_SIZE)
        wrapped = salt + counter + _crypted(letters, salt, counter, self._ephemeral.public)
        parts = (
            Node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, wrapped),
            Node("primary_identity_pub", {}, self._identity.public),
            _REFERENCE,
        )
        head: dict[str, Attribute] = {"id": "code-1", "from": SERVER, "type": TAG, "t": now_s()}
        await self.connection.send(Node("notification", head, (Node(TAG, {"stage": "primary_hello"}, parts),)))

    def finish(self, finish: Node) -> tuple[bytes, bytes] | None:
        """The client's identity, and the secret that a QR code would have shown; None after wrong characters."""
        bundle = finish.child("link_code_pairing_wrapped_key_bundle")
        assert bundle is not None, "the client wrapped no keys"
        salt, rest = bundle.data[:_SALT_SIZE], bundle.data[_SALT_SIZE:]
        key = derive(self._shared, b"link_code_pairing_key_bundle_encryption_key", KEY_SIZE, salt)
        try:
            plain = AESGCM(key).decrypt(rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], None)
        except InvalidTag:
            return None
        identity, ours, random = (plain[at : at + KEY_SIZE] for at in range(0, 3 * KEY_SIZE, KEY_SIZE))
        assert ours == self._identity.public, "the client means another phone"
        return identity, derive(self._shared + self._identity.agree(identity) + random, b"adv_secret", KEY_SIZE)


def _crypted(letters: str, salt: bytes, counter: bytes, data: bytes) -> bytes:
    key = hashlib.pbkdf2_hmac("sha256", letters.encode(), salt, _ROUNDS, KEY_SIZE)
    cipher = Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor()
    return cipher.update(data) + cipher.finalize()
