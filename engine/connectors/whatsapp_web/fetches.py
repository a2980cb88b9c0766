"""The gateway's side of a file that the daemon wants: each in a thread of its own, so that neither what comes in nor
what goes out waits for it, and handed over in pieces, between which other things are.

Used by `gateway`, which gives the library's call; `downloads` is the daemon's side. A file is in memory and nowhere
else.
"""

import base64
import threading
from collections.abc import Callable
from typing import Final

from engine.connectors.whatsapp_web import references
from engine.connectors.whatsapp_web.fields import number, text
from engine.connectors.whatsapp_web.frames import Frame
from engine.connectors.whatsapp_web.handovers import Wire
from engine.connectors.whatsapp_web.references import Reference
from engine.connectors.whatsapp_web.refusals import NO_REFERENCE, TOO_LONG, TOO_MANY

# Of a file in one frame: a message that comes in meanwhile waits for one of these at most.
_PIECE: Final = 128 * 1024
# The library ends no download that WhatsApp lets hang. The daemon wants two at a time and gives up sooner.
_AT_ONCE: Final = 4


class Unfetched(Exception):
    """The library's own words for why there is no file."""


class Fetches:
    """The files under way."""

    def __init__(self, wire: Wire, download: Callable[[Reference], bytes]) -> None:
        """`download` raises Unfetched."""
        self._wire = wire
        self._download = download
        self._places = threading.Semaphore(_AT_ONCE)

    def begin(self, order: Frame) -> None:
        """Fetch a file and hand it over, or say why not; returns at once."""
        if self._places.acquire(blocking=False):
            threading.Thread(target=self._fetch, args=(order,), daemon=True).start()
        else:
            self._refuse(order, TOO_MANY)

    def _fetch(self, order: Frame) -> None:
        try:
            content = self._content(order)
        except Unfetched as why:
            self._refuse(order, str(why))
        except Exception as error:  # noqa: BLE001 - the guard of a thread: the daemon waits for an answer
            self._refuse(order, type(error).__name__)
        else:
            for start in range(0, len(content), _PIECE):
                piece = base64.b64encode(content[start : start + _PIECE]).decode()
                self._wire.send({"is": "piece", "id": order["id"], "data": piece})
            self._wire.send({"is": "fetched", "id": order["id"]})
        finally:
            self._places.release()

    def _content(self, order: Frame) -> bytes:
        wanted, limit = references.read(text(order, "reference")), number(order, "limit") or 0
        if wanted is None:
            raise Unfetched(NO_REFERENCE)
        if wanted.length is not None and wanted.length > limit:
            raise Unfetched(TOO_LONG)
        content = self._download(wanted)
        # The length is what the client says.
        if len(content) > limit:
            raise Unfetched(TOO_LONG)
        return content

    def _refuse(self, order: Frame, why: str) -> None:
        self._wire.send({"is": "unfetched", "id": order["id"], "error": why})
