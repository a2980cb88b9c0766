"""How the daemon and the gateway talk over their socket pair: four bytes of length, most significant first, then a JSON
object in UTF-8. Pure; both sides use it.

To the gateway, `do`: `connect` (with the spans of its `probes`; with `after_loss` what the library leaves out is handed
over, too), `link`, `send`, `attend` (show that a message was read and an answer is being typed), `fetch` (a file),
`taken` (what it handed over is durable), `logout`, `stop`.
From it, `is`: `state` (see `states`), `message`, `undecryptable`, `receipt` (each with an `id` to be taken), `sent` and
`refused` (of the `send` with that `id`), `piece` with a part of a file, `fetched` after the last one or `unfetched` (of
the `fetch` with that `id`), `code` (to link a phone), `logged_out`.
"""

import json
from collections.abc import Mapping

Frame = Mapping[str, object]

# The longest text that WhatsApp takes is 65,536 characters: 400 kB where each is escaped.
LONGEST = 4 * 1024 * 1024
_HEAD = 4


class BrokenFrame(ValueError):
    """What came over the socket is no frame: the other side is not ours, or of another version."""


def encode(frame: Frame) -> bytes:
    """The frame in bytes. Raises BrokenFrame for one that is too long."""
    body = json.dumps(frame, separators=(",", ":")).encode()
    if len(body) > LONGEST:
        raise BrokenFrame("a frame is too long")
    return len(body).to_bytes(_HEAD, "big") + body


class Decoder:
    """Bytes in pieces of any size into frames."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, piece: bytes) -> list[Frame]:
        """The frames that this piece completes. Raises BrokenFrame, after which the decoder is of no use."""
        self._kept += piece
        found: list[Frame] = []
        while len(self._kept) >= _HEAD:
            size = int.from_bytes(self._kept[:_HEAD], "big")
            if size > LONGEST:
                raise BrokenFrame("a frame is too long")
            if len(self._kept) < _HEAD + size:
                break
            found.append(_decoded(bytes(self._kept[_HEAD : _HEAD + size])))
            del self._kept[: _HEAD + size]
        return found


def _decoded(body: bytes) -> Frame:
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError):
        raise BrokenFrame("a frame is not JSON") from None
    if not isinstance(frame, dict):
        raise BrokenFrame("a frame is no object")
    return frame
