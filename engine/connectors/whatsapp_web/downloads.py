"""The files of clients, asked of the gateway, which alone can open what WhatsApp keeps.

`Downloads` is the source of a linked number's files for the connector that carries them; `connector` gives it what the
gateway says. Never more of a file than allowed is kept.
"""

import asyncio
import base64
from collections.abc import Callable
from itertools import islice

from engine.connectors.whatsapp_web.children import Child, ChildGone
from engine.connectors.whatsapp_web.fields import number, text
from engine.connectors.whatsapp_web.frames import Frame
from engine.connectors.whatsapp_web.refusals import TOO_LONG, unfetched
from engine.core.deliveries import Fault, Rejected, Unknown
from engine.core.media import Fetched

_Found = Fetched | Rejected | Unknown

# Longer than the connector that carries files waits.
_LONGEST_S = 60.0
# With so many gateways uncleanly ended while they fetched it a file is left alone: one that is larger than its message
# says takes all the memory there is.
_MOST_ENDS = 2
_MEMORY = 1000


class _Arriving:
    """A file whose pieces come."""

    def __init__(self, reference: str, limit: int) -> None:
        self.reference = reference
        self.limit = limit
        self.content = bytearray()
        self.found: asyncio.Future[_Found] = asyncio.get_running_loop().create_future()

    def settle(self, found: _Found) -> None:
        self.content = bytearray()
        if not self.found.done():
            self.found.set_result(found)


class Downloads:
    """What clients sent to one linked number."""

    def __init__(self, connected: Callable[[], Child | Rejected]) -> None:
        """`connected` gives the gateway, or why nothing can be asked now."""
        self._connected = connected
        self._number = 0
        self._arriving: dict[int, _Arriving] = {}
        # How many gateways ended uncleanly while they fetched a file, by its reference.
        self._ends: dict[str, int] = {}

    async def close(self) -> None:
        """Nothing to close: the gateway ends with its connector."""

    async def fetch(self, reference: str, limit: int) -> Fetched | Rejected | Unknown:
        """The file with a reference of `references`; without the connection it is to be asked for again."""
        if self._ends.get(reference, 0) >= _MOST_ENDS:
            return Rejected(Fault.PERMANENT, "fatal", "the gateway has ended each time while it fetched the file")
        child = self._connected()
        if isinstance(child, Rejected):
            return child
        self._number += 1
        asked, arriving = self._number, _Arriving(reference, limit)
        self._arriving[asked] = arriving
        try:
            child.send({"do": "fetch", "id": asked, "reference": reference, "limit": limit})
            async with asyncio.timeout(_LONGEST_S):
                return await arriving.found
        except ChildGone:
            return Rejected(Fault.TRANSIENT, "offline", "the gateway has ended", lane_only=True)
        except TimeoutError:
            return Unknown("the gateway gave no file in time")
        finally:
            del self._arriving[asked]

    def hear(self, frame: Frame) -> None:
        """Take what the gateway says about a file; what nobody waits for any more is dropped."""
        arriving = self._arriving.get(number(frame, "id") or 0)
        if arriving is None or arriving.found.done():
            return
        match frame.get("is"):
            case "fetched":
                arriving.settle(Fetched(bytes(arriving.content), ""))
            case "unfetched":
                arriving.settle(unfetched(text(frame, "error")))
            case _:
                self._add(arriving, frame.get("data"))

    def _add(self, arriving: _Arriving, data: object) -> None:
        try:
            arriving.content += base64.b64decode(data, validate=True) if isinstance(data, str) else b""
        except ValueError:
            arriving.settle(Unknown("a piece of the file cannot be read"))
        if len(arriving.content) > arriving.limit:
            arriving.settle(unfetched(TOO_LONG))

    def forget(self, *, unclean: bool) -> None:
        """The gateway has ended: nothing more comes of what it was to fetch. An `unclean` end may be a file's doing."""
        for arriving in self._arriving.values():
            if not arriving.found.done():
                if unclean:
                    self._ends[arriving.reference] = self._ends.pop(arriving.reference, 0) + 1
                arriving.settle(Unknown("the gateway ended while it fetched the file"))
        for reference in list(islice(self._ends, max(0, len(self._ends) - _MEMORY))):
            del self._ends[reference]
