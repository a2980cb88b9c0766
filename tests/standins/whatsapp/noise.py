"""The service's side of the handshake that encrypts everything: Noise_XX_25519_AESGCM_SHA256.

https://noiseprotocol.org/noise.html, read 2026-11-25. The client says hello with a key of the moment; the service
answers with its own, its lasting key and the chain of certificates for that; the client ends with its lasting key and
what it wants. Then each direction has a key of its own.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from standins.whatsapp import protobuf
from standins.whatsapp.curves import KeyPair, derive
from standins.whatsapp.moments import now_s
from standins.whatsapp.xeddsa import sign

_NAME = b"Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
_DAY_S = 86_400
# Numbers of fields in a handshake message.
_CLIENT_HELLO, _SERVER_HELLO, _CLIENT_FINISH = 2, 3, 4
_EPHEMERAL, _STATIC, _PAYLOAD = 1, 2, 3


class Cipher:
    """One direction's key; each use counts."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._uses = 0

    def encrypt(self, data: bytes, bound: bytes | None = None) -> bytes:
        return self._cipher.encrypt(self._nonce(), data, bound)

    def decrypt(self, data: bytes, bound: bytes | None = None) -> bytes:
        return self._cipher.decrypt(self._nonce(), data, bound)

    def _nonce(self) -> bytes:
        nonce = self._uses.to_bytes(12, "big")
        self._uses += 1
        return nonce


@dataclass(frozen=True, slots=True)
class Greeted:
    """What a finished handshake leaves."""

    # What the client wants: the bytes of a ClientPayload.
    payload: bytes
    incoming: Cipher
    outgoing: Cipher


class Handshake:
    """A conversation up to the two keys: `hello` for the first frame, `finish` for the second."""

    def __init__(self, prologue: bytes, root: KeyPair) -> None:
        self._root = root
        self._hash = self._salt = _NAME
        self._cipher = Cipher(_NAME)
        self._ephemeral = KeyPair.random()
        self._bind(prologue)

    def hello(self, frame: bytes) -> bytes:
        """The answer to the client's hello."""
        theirs = protobuf.nested(protobuf.decode(frame), _CLIENT_HELLO, _EPHEMERAL)
        self._bind(theirs)
        static = KeyPair.random()
        self._bind(self._ephemeral.public)
        self._mix(self._ephemeral.agree(theirs))
        encrypted_static = self._encrypt(static.public)
        self._mix(static.agree(theirs))
        encrypted_chain = self._encrypt(_certificates(static.public, self._root))
        hello = protobuf.encode(
            (_EPHEMERAL, self._ephemeral.public), (_STATIC, encrypted_static), (_PAYLOAD, encrypted_chain)
        )
        return protobuf.encode((_SERVER_HELLO, hello))

    def finish(self, frame: bytes) -> Greeted:
        """The end of it."""
        finish = protobuf.decode(protobuf.nested(protobuf.decode(frame), _CLIENT_FINISH))
        self._mix(self._ephemeral.agree(self._decrypt(protobuf.nested(finish, 1))))
        payload = self._decrypt(protobuf.nested(finish, 2))
        keys = derive(b"", b"", 64, self._salt)
        return Greeted(payload, Cipher(keys[:32]), Cipher(keys[32:]))

    def _bind(self, data: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + data).digest()

    def _mix(self, secret: bytes) -> None:
        keys = derive(secret, b"", 64, self._salt)
        self._salt, self._cipher = keys[:32], Cipher(keys[32:])

    def _encrypt(self, data: bytes) -> bytes:
        encrypted = self._cipher.encrypt(data, self._hash)
        self._bind(encrypted)
        return encrypted

    def _decrypt(self, data: bytes) -> bytes:
        decrypted = self._cipher.decrypt(data, self._hash)
        self._bind(data)
        return decrypted


def _certificates(static: bytes, root: KeyPair) -> bytes:
    """The service's key, signed by a key in between, which the root signed."""
    between = KeyPair.random()
    leaf = _details(serial=2, issuer=1, key=static)
    intermediate = _details(serial=1, issuer=0, key=between.public)
    return protobuf.encode(
        (1, protobuf.encode((1, leaf), (2, sign(between, leaf)))),
        (2, protobuf.encode((1, intermediate), (2, sign(root, intermediate)))),
    )


def _details(serial: int, issuer: int, key: bytes) -> bytes:
    now = now_s()
    return protobuf.encode((1, serial), (2, issuer), (3, key), (4, now - _DAY_S), (5, now + _DAY_S))
