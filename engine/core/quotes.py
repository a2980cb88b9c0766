"""Text of ours that carries text of the client's, with the border between the two never lost.

A template mixes both. Where the result is only read (WhatsApp, a terminal) the border does not matter; in Mattermost
the client's part must neither mention anyone nor break the layout. So whatever a client controls is wrapped in two
Unicode noncharacters, which no client text can hold because `clean` removes them. The same way a third one stands for
the ticket number until the journal allocates it.
"""

import re
import unicodedata
from dataclasses import dataclass

# Noncharacters U+FDD0..U+FDEF are reserved for a program's internal use (Unicode 16, section 23.7).
_OPEN = "\ufdd0"
_CLOSE = "\ufdd1"
# Stands for the ticket number in texts that are rendered before the journal allocates it.
TICKET = "\ufdd2"

# The last two code points of each plane are noncharacters too.
_PLANE_ENDS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
# Controls but tab and newline, lone surrogates, bidirectional controls and isolates, the byte order mark,
# interlinear annotations, noncharacters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
    f"\ufff9-\ufffb\ufdd0-\ufdef{_PLANE_ENDS}]"
)
_MARKS = re.compile(f"([{_OPEN}{_CLOSE}])")
_LINE_ENDS = re.compile("\r\n?|\u2028|\u2029|\x85")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text with one author."""

    text: str
    # True for what the client wrote.
    quoted: bool


def whole(text: str) -> str:
    """The text with U+FFFD in the place of halves of surrogate pairs, which JSON can carry and no database or network
    can; otherwise as written.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean(text: str) -> str:
    """NFC, line feeds only, without control, bidirectional and internal characters; otherwise as written."""
    # Most names, numbers and lines are this simple, and each message is cleaned a dozen times.
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _UNWANTED.sub("", _LINE_ENDS.sub("\n", text)))


def clean_line(text: str, limit: int) -> str:
    """The text on one line, at most `limit` code points long; a cut is shown by an ellipsis."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def quote(text: str) -> str:
    """The cleaned text, marked as the client's. Empty text stays empty."""
    cleaned = clean(text)
    return f"{_OPEN}{cleaned}{_CLOSE}" if cleaned else ""


def plain(marked: str) -> str:
    """The text as a person reads it, without the marks."""
    return marked.replace(_OPEN, "").replace(_CLOSE, "")


def spans(marked: str) -> tuple[Span, ...]:
    """The text cut at the border between authors.

    Where a template filter has torn one mark off, the doubt goes against the client: without its end a quotation lasts
    until the end of the text, without its beginning it starts at the border before.
    """
    found: list[Span] = []
    quoted = False
    for piece in _MARKS.split(marked):
        if piece == _OPEN:
            quoted = True
        elif piece == _CLOSE:
            if not quoted and found:
                found[-1] = Span(found[-1].text, quoted=True)
            quoted = False
        elif piece:
            found.append(Span(piece, quoted))
    return tuple(found)


def fill_ticket(text: str, ticket_id: str) -> str:
    """The text with the allocated ticket number in its place."""
    return text.replace(TICKET, ticket_id)
