"""Where WhatsApp keeps a file, and the key that opens it: written when its message comes in, read by the gateway when
the file is wanted. Pure; used by `contents` and `fetches`.

Whoever has a reference and reaches WhatsApp can read the file. It holds nothing else: whose it is, what it is called
and where its preview lies are not needed.
"""

import base64
import json
import re
from dataclasses import dataclass

from engine.connectors.whatsapp_web.fields import Record, number, text

# A host of WhatsApp's stands before it, so that a client's words can lead nowhere else.
_PATH = re.compile(r"/[\x21-\x7e]{1,2000}", re.ASCII)
_KEY_LENGTH = 32
# How the library calls what the key is derived for.
KINDS = frozenset({"image", "video", "audio", "document"})


@dataclass(frozen=True, slots=True)
class Reference:
    """What has to be known to read a file."""

    # One of KINDS.
    kind: str
    path: str
    key: bytes
    # SHA-256 of the file as WhatsApp keeps it, and as the client sent it.
    encrypted_sha256: bytes
    sha256: bytes
    # In bytes, as the client told it; None when it did not.
    length: int | None


def write(kind: str, part: Record) -> str | None:
    """The reference to the file of a message, whose bytes are in base64 in its record; None where something lacks."""
    found = {"kind": kind, "path": text(part, "directPath")}
    found |= {name: text(part, name) for name in ("mediaKey", "fileEncSHA256", "fileSHA256")}
    written = json.dumps({**found, "length": number(part, "fileLength")}, separators=(",", ":"))
    return written if read(written) else None


def read(written: str) -> Reference | None:
    """The reference in a text; None for anything else."""
    try:
        told = json.loads(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    kind, path = text(told, "kind"), text(told, "path")
    key, encrypted, plain = (_bytes(text(told, name)) for name in ("mediaKey", "fileEncSHA256", "fileSHA256"))
    if kind not in KINDS or not _PATH.fullmatch(path) or not (key and encrypted and plain):
        return None
    return Reference(kind, path, key, encrypted, plain, number(told, "length"))


def _bytes(written: str) -> bytes | None:
    try:
        found = base64.b64decode(written, validate=True)
    except ValueError:
        return None
    return found if len(found) == _KEY_LENGTH else None
