"""The chain over the audit: each row carries a digest of itself and of everything before it.

The journal links rows as it writes them; `engine audit verify` follows the chain and finds whatever was changed,
removed, added or moved afterwards. Whoever can rewrite the whole database can rewrite the whole chain, too: only a head
that was noted elsewhere (the daemon logs its digest) shows that.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
# A row before it is linked: at (microseconds since 1970), kind, ticket, message, subject, details.
AuditValues = tuple[int, str, str | None, int | None, str | None, str]
_HEAD = re.compile(r"(?P<rows>\d{1,18}):(?P<chain>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes."""

    # How many rows it links.
    rows: int = 0
    # The digest of the last of them, 64 hexadecimal digits.
    chain: str = "0" * 64

    def __str__(self) -> str:
        return f"{self.rows}:{self.chain}"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit as it is kept."""

    # Rises from row to row, perhaps with gaps.
    seq: int
    at: datetime
    kind: str
    ticket_id: str | None
    # The message, while it had no ticket.
    inbox_id: int | None
    # The conversation's pseudonym; None for rows about the daemon itself.
    subject: str | None
    # A JSON object.
    details: str
    # None for a row that an older engine wrote and that is not linked yet.
    chain: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known after some rows of a chain were followed."""

    head: Head = Head()
    # The digest to look for, and whether it was met.
    wanted: str = Head().chain
    met: bool = True
    # The rows that do not follow from the row before them; at most `MOST_BREAKS`.
    breaks: tuple[int, ...] = ()
    # Rows at the end that are not linked yet.
    unlinked: int = 0


# So many breaks are named.
MOST_BREAKS = 10


def parse_head(written: str) -> Head | None:
    """The inverse of `str(head)`; None for anything else."""
    found = _HEAD.fullmatch(written)
    return Head(int(found["rows"]), found["chain"]) if found else None


def link(previous: str, values: AuditValues) -> str:
    """The digest of a row that comes after the row with the digest `previous`.

    SHA-256 over the previous digest, a line feed and the values as a JSON array in ASCII without blanks.
    """
    return hashlib.sha256(f"{previous}\n{_encode(values)}".encode()).hexdigest()


def begin(wanted: str) -> Verdict:
    """Before the first row; `wanted` is a digest that the chain must come by."""
    return Verdict(wanted=wanted, met=wanted == Head().chain)


def follow(verdict: Verdict, rows: Iterable[AuditRow]) -> Verdict:
    """The same with further rows, in the order of their `seq`. Cost: one digest a row."""
    head, met, breaks, unlinked = verdict.head, verdict.met, list(verdict.breaks), verdict.unlinked
    for row in rows:
        if row.chain is None:
            unlinked += 1
            continue
        micros = (row.at - _EPOCH) // _MICROSECOND
        values = (micros, row.kind, row.ticket_id, row.inbox_id, row.subject, row.details)
        expected = link(head.chain, values)
        # A linked row behind one that is not: the row before it has lost its digest.
        if (expected != row.chain or unlinked) and len(breaks) < MOST_BREAKS:
            breaks.append(row.seq)
        # What comes next is held against what stands here, so that one break is not told for every row after it.
        head, unlinked = Head(head.rows + 1, row.chain), 0
        met = met or row.chain == verdict.wanted
    return Verdict(head, verdict.wanted, met, tuple(breaks), unlinked)
