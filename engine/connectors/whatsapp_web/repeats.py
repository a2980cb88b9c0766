"""The library's word that it leaves out a message which it has decrypted before, as its id and chat. Used by `gateway`
after one that ended uncleanly.

A process that dies between decrypting a message and handing it on has neither acknowledged it nor left a trace.
WhatsApp brings it again, and all that the library says then is one line of its log (neonize 0.5.2, seen 2026-11).
"""

import logging
import re
from collections.abc import Callable

# A client's message only: the device that wrote it is told where it is not the phone itself.
_LINE = re.compile(r"Ignoring message (\S+) from (?:(\d+)[.:\d]*@\S+ in )?(\d+)@(s\.whatsapp\.net|lid): ")
_LOGGER = "whatsmeow.Client"


class Repeats(logging.Handler):
    """Hears the library's log and hands on such messages."""

    def __init__(self, hand: Callable[[str, dict[str, object]], None]) -> None:
        """`hand` takes the message's id and its chat, in the library's thread for its log."""
        super().__init__(logging.WARNING)
        self._hand = hand

    def heed(self) -> None:
        """Begin."""
        log = logging.getLogger(_LOGGER)
        # Whatever is heard of the rest.
        log.setLevel(logging.WARNING)
        log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """One line of the log."""
        if (found := repeat_of(record.getMessage())) is not None:
            self._hand(*found)


def repeat_of(line: str) -> tuple[str, dict[str, object]] | None:
    """The id of the message and the chat that it was written in; None for any other line."""
    found = _LINE.match(line)
    if found is None or found[2] not in {None, found[3]}:
        return None
    return found[1], {"user": found[3], "server": found[4]}
