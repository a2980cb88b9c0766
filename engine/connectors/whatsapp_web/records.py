"""neonize's protobufs into the plain records that travel to the daemon. Called by `gateway`; needs no protobuf itself.

Bytes stay behind, previews above all, each as large as a thousand messages; but for what has to be known to read a
file, which travels in base64.
"""

import base64
from typing import Any, Final

# A message nested deeper is cut; fields that only machinery reads.
_DEEPEST: Final = 12
_SKIPPED: Final = frozenset({"contextInfo", "messageContextInfo"})
_OF_FILES: Final = frozenset({"mediaKey", "fileSHA256", "fileEncSHA256"})


def plain(message: Any, depth: int = _DEEPEST) -> dict[str, object]:
    """A protobuf as a record by the names of its fields: text, numbers, records and lists of records."""
    found: dict[str, object] = {}
    for field, value in message.ListFields():
        if field.name in _SKIPPED or (isinstance(value, bytes) and field.name not in _OF_FILES):
            continue
        if isinstance(value, bytes):
            found[field.name] = base64.b64encode(value).decode()
        elif isinstance(value, str | int | float):
            found[field.name] = value
        elif hasattr(value, "ListFields"):
            found[field.name] = plain(value, depth - 1) if depth else {}
        else:
            found[field.name] = [plain(one, depth - 1) for one in value if depth and hasattr(one, "ListFields")]
    return found


def jid_record(jid: Any) -> dict[str, object]:
    """An address without its device."""
    return {"user": jid.User, "server": jid.Server}


def info_record(info: Any, source: dict[str, object]) -> dict[str, object]:
    """What comes with every message; `source` says in which conversation and from whom."""
    return {
        "id": info.ID,
        "pushname": info.Pushname,
        "verified_name": info.VerifiedName.Details.verifiedName,
        "timestamp_ms": info.Timestamp,
        "device_sent": bool(info.DeviceSentMeta.DestinationJID),
        "source": source,
    }
