"""Key pairs on Curve25519, and what is derived from a shared secret; Noise and Signal stand on these."""

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

KEY_SIZE = 32
# Signal writes this byte before a public key of Curve25519.
_KIND = b"\x05"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A secret number and the point that everybody may know, 32 bytes each."""

    private: bytes
    public: bytes

    @classmethod
    def random(cls) -> Self:
        """A new one."""
        secret = bytearray(os.urandom(KEY_SIZE))
        secret[0] &= 248
        secret[31] = secret[31] & 127 | 64
        private = bytes(secret)
        return cls(private, X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())

    def agree(self, public: bytes) -> bytes:
        """The secret that this pair and the other side's share."""
        own = X25519PrivateKey.from_private_bytes(self.private)
        return own.exchange(X25519PublicKey.from_public_bytes(public))


def prefixed(public: bytes) -> bytes:
    """A public key as Signal's messages and signatures have it."""
    return _KIND + public


def unprefixed(public: bytes) -> bytes:
    """The 32 bytes of a public key in one of Signal's messages."""
    assert public[:1] == _KIND, "no key of Curve25519"
    assert len(public) == 1 + KEY_SIZE, "no key of Curve25519"
    return public[1:]


def authenticate(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.digest(key, data, "sha256")


def derive(secret: bytes, info: bytes, size: int, salt: bytes = bytes(KEY_SIZE)) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    key = authenticate(salt, secret)
    block, derived = b"", b""
    for count in range(1, -(-size // hashlib.sha256().digest_size) + 1):
        block = authenticate(key, block + info + bytes([count]))
        derived += block
    return derived[:size]
