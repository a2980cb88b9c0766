"""Signal's end-to-end encryption between two devices: X3DH, then the double ratchet.

https://signal.org/docs/specifications/x3dh and …/doubleratchet, read 2026-11-25, in the form that WhatsApp uses, with
1 to 16 bytes of padding, each of which is their number. Whoever writes first may use a one-time key of the other side;
our own devices have none.
"""

import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from standins.whatsapp import protobuf
from standins.whatsapp.curves import KeyPair, authenticate, derive, prefixed, unprefixed
from standins.whatsapp.xeddsa import sign

# Version 3, of which 3 is also the oldest that is understood.
_VERSION = b"\x33"
_MAC_SIZE = 8
_BLOCK = 16
_START = b"\xff" * 32
# How many messages of one chain may be missing before the next one that can be read.
_MAX_SKIPPED = 2000


class Unreadable(Exception):
    """The message cannot be decrypted."""


@dataclass(frozen=True, slots=True)
class OneTimeKey:
    """A public key with which one conversation begins."""

    id: int
    public: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """The public keys with which anybody can begin to write to a device."""

    identity: bytes
    signed_prekey: bytes
    signed_prekey_id: int = 1
    one_time: OneTimeKey | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a device of ours."""

    identity: KeyPair = field(default_factory=KeyPair.random)
    signed_prekey: KeyPair = field(default_factory=KeyPair.random)
    registration_id: int = 1234

    @property
    def bundle(self) -> Bundle:
        return Bundle(self.identity.public, self.signed_prekey.public)

    @property
    def signature(self) -> bytes:
        """What proves that the prekey is the device's."""
        return sign(self.identity, prefixed(self.signed_prekey.public))


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A ciphertext and its kind: `pkmsg` until the other side answered, then `msg`."""

    kind: str
    data: bytes


class _Chain:
    """Keys for one message after the other, none of which tells an earlier one."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.count = 0

    def step(self) -> bytes:
        """The next message's 32 bytes for the cipher, 32 for the MAC and 16 to start with."""
        seed, self._key = authenticate(self._key, b"\x01"), authenticate(self._key, b"\x02")
        self.count += 1
        return derive(seed, b"WhisperMessageKeys", 80)


class Session:
    """What one of our devices knows about its conversation with one other device."""

    def __init__(self, keys: Keys, theirs: bytes, root: bytes, ratchet: KeyPair) -> None:
        self._keys = keys
        # The other side's identity.
        self._theirs = theirs
        self._root = root
        self._ratchet = ratchet
        self._sending: _Chain | None = None
        self._previous = 0
        self._receiving: dict[bytes, _Chain] = {}
        self._skipped: dict[tuple[bytes, int], bytes] = {}
        # What the first messages must carry, until an answer shows that the other side has it.
        self._introduction: tuple[tuple[int, protobuf.Value], ...] = ()

    @classmethod
    def begin(cls, keys: Keys, theirs: Bundle) -> "Session":
        """We write first."""
        base = KeyPair.random()
        secret = (
            _START
            + keys.identity.agree(theirs.signed_prekey)
            + base.agree(theirs.identity)
            + base.agree(theirs.signed_prekey)
            + (base.agree(theirs.one_time.public) if theirs.one_time else b"")
        )
        session = cls(keys, theirs.identity, derive(secret, b"WhisperText", 64)[:32], KeyPair.random())
        session._sending = session._turn(theirs.signed_prekey)
        session._introduction = (
            *(((1, theirs.one_time.id),) if theirs.one_time else ()),
            (2, prefixed(base.public)),
            (3, prefixed(keys.identity.public)),
            (5, keys.registration_id),
            (6, theirs.signed_prekey_id),
        )
        return session

    @classmethod
    def answer(cls, keys: Keys, introduced: dict[int, int | bytes]) -> "Session":
        """They wrote first: `introduced` are the fields of their `pkmsg`."""
        base, identity = (unprefixed(protobuf.nested(introduced, which)) for which in (2, 3))
        secret = (
            _START + keys.signed_prekey.agree(identity) + keys.identity.agree(base) + keys.signed_prekey.agree(base)
        )
        return cls(keys, identity, derive(secret, b"WhisperText", 64)[:32], keys.signed_prekey)

    def encrypt(self, plain: bytes) -> Encrypted:
        """One message."""
        assert self._sending is not None, "nothing was received yet, so there is no key to write with"
        count = self._sending.count
        material = self._sending.step()
        cipher = Cipher(algorithms.AES(material[:32]), modes.CBC(material[64:])).encryptor()
        body = _VERSION + protobuf.encode(
            (1, prefixed(self._ratchet.public)),
            (2, count),
            (3, self._previous),
            (4, cipher.update(_filled(_padded(plain))) + cipher.finalize()),
        )
        data = body + self._mac(material, self._keys.identity.public, self._theirs, body)
        if not self._introduction:
            return Encrypted("msg", data)
        return Encrypted("pkmsg", _VERSION + protobuf.encode(*self._introduction, (4, data)))

    def decrypt(self, data: bytes) -> bytes:
        """The text of a `msg`, or of what a `pkmsg` carries.

        Raises:
            Unreadable: it was altered, read before, or meant for another session.
        """
        fields = protobuf.decode(data[1:-_MAC_SIZE])
        material = self._material(unprefixed(protobuf.nested(fields, 1)), protobuf.number(fields, 2))
        if self._mac(material, self._theirs, self._keys.identity.public, data[:-_MAC_SIZE]) != data[-_MAC_SIZE:]:
            raise Unreadable("the message's code of authentication is wrong")
        cipher = Cipher(algorithms.AES(material[:32]), modes.CBC(material[64:])).decryptor()
        unfiller = PKCS7(_BLOCK * 8).unpadder()
        filled = cipher.update(protobuf.nested(fields, 4)) + cipher.finalize()
        self._introduction = ()
        padded = unfiller.update(filled) + unfiller.finalize()
        return padded[: -padded[-1]]

    def _material(self, ratchet: bytes, count: int) -> bytes:
        if (found := self._skipped.pop((ratchet, count), None)) is not None:
            return found
        if ratchet not in self._receiving:
            self._receiving[ratchet] = self._turn(ratchet)
            self._previous = self._sending.count if self._sending else 0
            self._ratchet = KeyPair.random()
            self._sending = self._turn(ratchet)
        chain = self._receiving[ratchet]
        if not chain.count <= count <= chain.count + _MAX_SKIPPED:
            raise Unreadable(f"message {count} of a chain was read before, or is too far ahead of {chain.count}")
        while chain.count < count:
            missing = chain.count
            self._skipped[ratchet, missing] = chain.step()
        return chain.step()

    def _turn(self, theirs: bytes) -> _Chain:
        """A new chain, from our key of the moment and theirs."""
        keys = derive(self._ratchet.agree(theirs), b"WhisperRatchet", 64, self._root)
        self._root = keys[:32]
        return _Chain(keys[32:])

    def _mac(self, material: bytes, sender: bytes, receiver: bytes, body: bytes) -> bytes:
        return authenticate(material[32:64], prefixed(sender) + prefixed(receiver) + body)[:_MAC_SIZE]


class Device:
    """One device of somebody's: its keys, and a session with each device that it talks to."""

    def __init__(self) -> None:
        self.keys = Keys()
        self._sessions: dict[str, Session] = {}
        # The first key of each session that somebody else began, by which it is known again.
        self._begun: dict[str, bytes] = {}

    def encrypt(self, name: str, theirs: Bundle, plain: bytes) -> Encrypted:
        """A message for the device of that name; begins the conversation when there is none."""
        if name not in self._sessions:
            self._sessions[name] = Session.begin(self.keys, theirs)
        return self._sessions[name].encrypt(plain)

    def decrypt(self, name: str, encrypted: Encrypted) -> bytes:
        """A message from the device of that name."""
        data = encrypted.data
        if encrypted.kind == "pkmsg":
            introduced = protobuf.decode(data[1:])
            base = protobuf.nested(introduced, 2)
            if self._begun.get(name) != base:
                self._sessions[name] = Session.answer(self.keys, introduced)
                self._begun[name] = base
            data = protobuf.nested(introduced, 4)
        if name not in self._sessions:
            raise Unreadable(f"there is no session with {name}")
        return self._sessions[name].decrypt(data)

    def knows(self, name: str) -> bool:
        """Whether there is a session with the device of that name."""
        return name in self._sessions

    def forget(self) -> None:
        """Lose every session, as an application does that was installed anew; the keys stay."""
        self._sessions.clear()
        self._begun.clear()


def unreadable() -> Encrypted:
    """A `msg` that no session can decrypt."""
    return Encrypted("msg", _VERSION + os.urandom(60))


def _padded(plain: bytes) -> bytes:
    """WhatsApp's padding, which hides how long a message is."""
    size = 1 + os.urandom(1)[0] % _BLOCK
    return plain + bytes([size]) * size


def _filled(padded: bytes) -> bytes:
    """Filled to whole blocks."""
    filler = PKCS7(_BLOCK * 8).padder()
    return filler.update(padded) + filler.finalize()
