"""Files as a client's application leaves them at WhatsApp: encrypted, so that only who has the message can read them.

The key of a message gives an IV, a key for AES-256-CBC and one for HMAC-SHA-256, derived for the kind of file; what is
kept is the ciphertext and ten bytes of the HMAC over IV and ciphertext.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

_DERIVED_FOR = {
    "image": b"WhatsApp Image Keys",
    "sticker": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}
_MAC_SIZE = 10


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What a message says about its file."""

    # image, video, audio, document or sticker
    kind: str
    path: str
    key: bytes
    # Of the file itself.
    sha256: bytes
    length: int
    # Of what is kept.
    encrypted_sha256: bytes


def upload(kind: str, content: bytes) -> tuple[Uploaded, bytes]:
    """A file with a fresh key: what its message says, and what WhatsApp keeps at its path."""
    key = os.urandom(32)
    derived = HKDF(SHA256(), 112, None, _DERIVED_FOR[kind]).derive(key)
    iv, cipher_key, mac_key = derived[:16], derived[16:48], derived[48:80]
    padder, encryptor = PKCS7(128).padder(), Cipher(AES(cipher_key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    kept = ciphertext + hmac.new(mac_key, iv + ciphertext, hashlib.sha256).digest()[:_MAC_SIZE]
    # As WhatsApp's own: a query with a signature, to which the application adds its part.
    path = f"/v/t62.7118-24/{os.urandom(8).hex()}.enc?ccb=11-4&oh=01_Q5&oe=6A"
    sha256, encrypted_sha256 = hashlib.sha256(content).digest(), hashlib.sha256(kept).digest()
    return Uploaded(kind, path, key, sha256, len(content), encrypted_sha256), kept
