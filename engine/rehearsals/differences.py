"""Two texts into the words that both have, those that are missing and those that are too many.

Called by the reports of `engine test`.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_PIECES = re.compile(r"\s+|[\w'\u2019]+|[^\w\s]")


class Side(Enum):
    """Where a part of a text stands."""

    BOTH = "both"
    # Expected and not there.
    WANTED = "wanted"
    # There and not expected.
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of words."""

    side: Side
    text: str


def compare(wanted: str, found: str) -> tuple[Part, ...]:
    """The two texts as one, cut where they differ; whole words, never parts of them."""
    return tuple(_parts(_pieces(wanted), _pieces(found)))


def _pieces(text: str) -> list[str]:
    return [" " if piece.isspace() else piece for piece in _PIECES.findall(text.strip())]


def _parts(wanted: list[str], found: list[str]) -> Iterator[Part]:
    matcher = difflib.SequenceMatcher(None, wanted, found, autojunk=False)
    for kind, start, end, begin, stop in matcher.get_opcodes():
        if kind == "equal":
            yield Part(Side.BOTH, "".join(wanted[start:end]))
            continue
        if start < end:
            yield Part(Side.WANTED, "".join(wanted[start:end]))
        if begin < stop:
            yield Part(Side.FOUND, "".join(found[begin:stop]))
