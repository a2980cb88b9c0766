"""A file as a page's form brings it (RFC 7578), for the stand-in for Mattermost."""

import hashlib
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any

from standins.loopback import Request


@dataclass(frozen=True, slots=True)
class Upload:
    channel_id: str
    # As the server tells it, but for its id and where it is shown.
    details: dict[str, Any]
    size: int


def read(request: Request) -> Upload:
    kind = request.headers.get("content-type", "")
    form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    parts: Any = form.get_payload()
    values = {part.get_param("name", header="content-disposition"): part for part in parts}
    file, content = values["files"], _content(values["files"])
    details = {
        "name": file.get_filename(),
        "mime_type": file.get_content_type(),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return Upload(_content(values.get("channel_id")).decode(), details, len(content))


def _content(part: Any) -> bytes:
    """What one field of a form holds."""
    found = part.get_payload(decode=True) if part is not None else b""
    return found if isinstance(found, bytes) else b""
