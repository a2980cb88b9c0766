"""What must be true of every journal, looked at in one that may be broken: a journal in, sentences out.

Plain operations on a transaction that reads, run by a store for `engine journal check`, `backup` and `restore`. The
sentences name tickets, deliveries and rows of the inbox; never a lane or a conversation, which carry phone numbers.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Protocol

from engine.core import chains
from engine.core.errors import NotFound
from engine.core.objects import Json
from engine.journal import audits
from engine.journal.rows import instant
from engine.journal.statements import MIGRATIONS, Database

# Of the places where one invariant is broken, how many are named.
_NAMED = 10
# The schema that brought the chain over the audit, and how many of its rows are read at a time.
_CHAINED = 4
_PAGE = 1000
# The schema that brought the names of clients.
_NAMES = 7
_TICKET = re.compile(r"OC-(\d{4,})-(\d{4,})", re.ASCII)


class Inspected(Database, Protocol):
    """A journal that somebody looks at: everything from the same moment, nothing is changed."""

    def schema(self) -> int:
        """The number of its schema; 0 where there is no journal."""
        ...

    def damage(self, limit: int) -> list[str]:
        """What the database itself finds wrong with its file: at most so many sentences, without any content."""
        ...


def verify(journal: Inspected) -> Json:
    """Whether the file is whole and what it holds: `findings`, and `holds` unless something is wrong.

    Raises NotFound when there is no journal.
    """
    schema = journal.schema()
    if schema == 0:
        raise NotFound("there is no journal in it")
    if schema > len(MIGRATIONS):
        newer = f"it has schema {schema} and this engine knows schemas up to {len(MIGRATIONS)}"
        return {"findings": [f"{newer}; use the engine that wrote it"], "holds": None}
    damage = journal.damage(_NAMED)
    return {"findings": damage, "holds": None if damage else _holds(journal, schema)}


def check(journal: Inspected) -> Json:
    """As `verify`, and each invariant of a journal that is broken."""
    verified = verify(journal)
    if verified["findings"]:
        return verified
    return {**verified, "findings": [finding for look in _LOOKS for finding in _first(look(journal))]}


def told(holds: Mapping[str, object]) -> str:
    """What a journal holds, for a person, on one line."""
    return (
        f"{holds['messages']} messages ({holds['undecided']} undecided), {holds['incidents']} incidents, "
        f"{holds['deliveries']} deliveries ({holds['open']} open), {holds['audit']} audit rows, "
        f"newest message {holds['newest'] or 'none'}, schema {holds['schema']}"
    )


def _holds(journal: Inspected, schema: int) -> Json:
    ((messages, undecided, incidents, deliveries, opened, audit, newest),) = journal.rows("holds")
    return {
        "messages": messages,
        "undecided": undecided,
        "incidents": incidents,
        "deliveries": deliveries,
        "open": opened,
        "audit": audit,
        "newest": None if newest is None else instant(newest).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "schema": schema,
    }


def _first(findings: Iterator[str]) -> Iterator[str]:
    """The first few, and how many more there are."""
    yield from islice(findings, _NAMED)
    if more := sum(1 for _ in findings):
        yield f"and {more} more of this kind"


def _lanes(journal: Inspected) -> Iterator[str]:
    for first, heads in journal.rows("broken_lanes"):
        yield f"the lane of delivery {first} has {heads} heads, not one"
    overtaken = journal.rows("overtaken")
    # A redriven delivery takes its old place in the lane, and what is under way then goes first.
    redriven = _redriven(journal) if overtaken else set()
    for waiting, ahead, state in overtaken:
        if waiting not in redriven:
            yield f"delivery {waiting} waits behind delivery {ahead}, a later one of its lane, which is {state}"


def _redriven(journal: Inspected) -> set[str]:
    return {str(json.loads(details).get("delivery")) for (details,) in journal.rows("redriven")}


def _conversations(journal: Inspected) -> Iterator[str]:
    for first, heads in journal.rows("broken_conversations"):
        what = f"{heads} heads, not one" if heads != 1 else "a head that is not the first of them"
        yield f"the undecided messages of a conversation, from message {first} of the inbox on, have {what}"


def _references(journal: Inspected) -> Iterator[str]:
    for delivery, ticket in journal.rows("broken_references"):
        yield f"delivery {delivery} belongs to incident {ticket}, which does not exist"


def _incidents(journal: Inspected) -> Iterator[str]:
    for earlier, later in journal.rows("broken_incidents"):
        yield f"incidents {earlier} and {later} are live in one conversation"


def _identities(journal: Inspected) -> Iterator[str]:
    if journal.schema() < _NAMES:
        return
    ((broken,),) = journal.rows("broken_identities")
    if broken:
        yield f"{broken} names of clients lead to a conversation that leads elsewhere"


def _claims(journal: Inspected) -> Iterator[str]:
    for (delivery,) in journal.rows("broken_claims"):
        yield f"delivery {delivery} is being sent by nobody"


def _tickets(journal: Inspected) -> Iterator[str]:
    numbers: dict[int, set[int]] = defaultdict(set)
    for (ticket,) in journal.rows("tickets"):
        if found := _TICKET.fullmatch(ticket):
            numbers[int(found[1])].add(int(found[2]))
        else:
            yield f"{ticket!a} is no ticket number"
    lasts = {int(year): int(last) for year, last in journal.rows("ticket_counters")}
    for year in sorted({*numbers, *lasts}):
        last = lasts.get(year, 0)
        for number in sorted(set(range(1, last + 1)) - numbers[year]):
            yield f"ticket OC-{year}-{number:04d} is missing: the counter of its year is at {last}"
        for number in sorted(number for number in numbers[year] if not 1 <= number <= last):
            yield f"ticket OC-{year}-{number:04d} is beyond the counter of its year, which is at {last}"


def _audit(journal: Inspected) -> Iterator[str]:
    if journal.schema() < _CHAINED:
        return
    head = audits.head(journal)
    verdict, start = chains.begin(head.chain), None
    while page := audits.page(journal, start, _PAGE, newest_first=False):
        verdict, start = chains.follow(verdict, page), page[-1].seq
    for seq in verdict.breaks:
        yield f"row {seq} of the audit does not follow from the row before it: see `engine audit verify`"
    if verdict.head.rows < head.rows or not verdict.met:
        yield f"{head.rows} rows of the audit were written, and their end is not there: see `engine audit verify`"


_LOOKS: tuple[Callable[[Inspected], Iterator[str]], ...] = (
    _lanes,
    _conversations,
    _references,
    _incidents,
    _identities,
    _claims,
    _tickets,
    _audit,
)
