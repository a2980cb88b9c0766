"""What a client's application puts into a message: the bytes of WhatsApp's `Message`, by the numbers of its fields.

The numbers are those of waE2E/WAWebProtobufsE2E.proto in neonize 0.5.2.
"""

import os
from dataclasses import dataclass

from standins.whatsapp import protobuf
from standins.whatsapp.protobuf import encode
from standins.whatsapp.uploads import Uploaded

_REVOKE, _TIMER, _EDIT = 0, 3, 14
# Of a kind of message with a file: its number, and those of type, hash, length, key, hash of what is kept, and path.
_FILES = {
    "image": (3, (2, 4, 5, 8, 9, 11)),
    "video": (9, (2, 3, 4, 6, 11, 13)),
    "audio": (8, (2, 3, 4, 7, 8, 9)),
    "document": (7, (2, 4, 5, 7, 9, 10)),
    "sticker": (26, (5, 2, 9, 4, 3, 8)),
}


def text(words: str) -> bytes:
    """Plain words."""
    return encode((1, words))


def quotation(words: str, quoted_id: str, quoted: str, author: str) -> bytes:
    """Words that answer an earlier message."""
    context = encode((1, quoted_id), (2, author), (3, text(quoted)))
    return encode((6, encode((1, words), (17, context))))


def image(caption: str) -> bytes:
    """A picture, which nobody can fetch."""
    return encode((3, encode((2, "image/jpeg"), (3, caption))))


def with_file(uploaded: Uploaded, media_type: str, length: int | None = None) -> bytes:
    """A message with a file that can be fetched; `length` is what it claims to have instead of its own."""
    kind, fields = _FILES[uploaded.kind]
    mimetype, sha256, size, key, encrypted_sha256, path = fields
    parts = (
        (mimetype, media_type),
        (sha256, uploaded.sha256),
        (size, uploaded.length if length is None else length),
        (key, uploaded.key),
        (encrypted_sha256, uploaded.encrypted_sha256),
        (path, uploaded.path),
    )
    return encode((kind, encode(*parts)))


def document(caption: str, name: str) -> bytes:
    """A file with a caption, as applications send it today."""
    file = encode((2, "text/plain"), (8, name), (20, caption))
    return encode((53, encode((1, encode((7, file))))))


def voice(seconds: int) -> bytes:
    """A voice message."""
    return encode((8, encode((2, "audio/ogg; codecs=opus"), (5, seconds), (6, 1))))


def location(latitude: float, longitude: float, name: str) -> bytes:
    """A place on the map."""
    return encode((5, encode((1, latitude), (2, longitude), (3, name))))


def contact(name: str) -> bytes:
    """Somebody's card."""
    return encode((4, encode((1, name), (16, "BEGIN:VCARD\nEND:VCARD"))))


def sticker() -> bytes:
    """A sticker."""
    return encode((26, encode((5, "image/webp"))))


def disappearing(content: bytes) -> bytes:
    """Something in a chat whose messages disappear."""
    return encode((40, encode((1, content))))


def once(content: bytes) -> bytes:
    """Something that can be looked at once."""
    return encode((55, encode((1, content))))


def edit(message_id: str, words: str) -> bytes:
    """New words for an earlier message."""
    protocol = encode((1, _key(message_id)), (2, _EDIT), (14, text(words)))
    return encode((58, encode((1, encode((12, protocol))))))


def revocation(message_id: str) -> bytes:
    """An earlier message is deleted for everybody."""
    return encode((12, encode((1, _key(message_id)), (2, _REVOKE))))


def timer(seconds: int) -> bytes:
    """From now on the chat's messages disappear after a while: nothing that anybody said."""
    return encode((12, encode((2, _TIMER), (4, seconds))))


def reaction(message_id: str, emoji: str, *, ours: bool) -> bytes:
    """A reaction to an earlier message, which is `ours` when the linked account wrote it."""
    return encode((46, encode((1, _key(message_id, ours=ours)), (2, emoji))))


def from_own_phone(destination: str, content: bytes) -> bytes:
    """What the account's phone tells its linked devices that it wrote to somebody."""
    return encode((31, encode((1, destination), (2, content))))


def secret() -> bytes:
    """What applications put beside everything that a person writes, so that later votes or edits can refer to it."""
    return encode((35, encode((3, os.urandom(32)))))


def _key(message_id: str, *, ours: bool = False) -> bytes:
    return encode((2, int(ours)), (3, message_id))


@dataclass(frozen=True, slots=True)
class Reply:
    """A message of ours as a client's application reads it."""

    message_id: str
    # The decrypted bytes of the `Message`.
    content: bytes

    @property
    def text(self) -> str:
        """The words, also those that an edit brings; empty when it is another kind of message."""
        fields = protobuf.decode(self.content)
        edited = protobuf.decode(self._protocol(14))
        return (_words(fields) or _words(edited)).decode()

    @property
    def quoted_id(self) -> str:
        """The id of the message that it answers, or an empty text."""
        return protobuf.nested(protobuf.decode(self.content), 6, 17, 1).decode()

    @property
    def edited_id(self) -> str:
        """The id of the message that it changes, or an empty text."""
        return self._protocol(1, 3).decode()

    @property
    def reaction(self) -> tuple[str, str]:
        """The emoji and the id of the message that it is for; two empty texts."""
        fields = protobuf.decode(self.content)
        return protobuf.nested(fields, 46, 2).decode(), protobuf.nested(fields, 46, 1, 3).decode()

    def _protocol(self, *path: int) -> bytes:
        """What stands in a message about a message, which an edit wraps."""
        fields = protobuf.decode(self.content)
        return protobuf.nested(fields, 12, *path) or protobuf.nested(fields, 58, 1, 12, *path)


def _words(fields: dict[int, int | bytes]) -> bytes:
    return protobuf.nested(fields, 1) or protobuf.nested(fields, 6, 1)
