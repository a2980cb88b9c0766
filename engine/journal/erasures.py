"""What is kept of one client: told whole, or erased. Plain operations on a transaction, run by a store.

A client is a set of conversations: those of one number, and with each those of the names that are known to be the same
client's. What stays of an erased one is that something happened, under its pseudonym.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.core import contracts, outages, workflow
from engine.core.deliveries import DeliveryKind
from engine.core.errors import NotFound, UsageError
from engine.core.incidents import Incident
from engine.core.objects import Json
from engine.core.plan import AuditEntry
from engine.core.practices import Practice
from engine.journal import audits, changes, identities, lanes, receipts, rows
from engine.journal.audits import About
from engine.journal.lanes import Bound
from engine.journal.pseudonyms import ERASED, erased_names
from engine.journal.rows import instant
from engine.journal.statements import Database, Row

_OPEN = ("queued", "sending")


@dataclass(frozen=True, slots=True)
class _Conversation:
    connector: str
    conversation_id: str
    messages: Sequence[Row]
    tickets: Sequence[str]


def export(database: Database, phone: str | None, conversation: tuple[str, str] | None) -> Json:
    """Everything that is kept of a client, ready to be written as JSON; NotFound when that is nothing."""
    return {"conversations": [_told(database, one) for one in _found(database, _names(database, phone, conversation))]}


def preview(database: Database, phone: str | None, conversation: tuple[str, str] | None) -> Json:
    """What `erase` would erase, in numbers; NotFound when that is nothing."""
    return _counts(database, _found(database, _names(database, phone, conversation)))


def erase(
    database: Database,
    phone: str | None,
    conversation: tuple[str, str] | None,
    practice: Practice,
    now: datetime,
    *,
    salt: bytes,
    bound: Bound,
) -> Json:
    """Erase a client, close what is open, and say in numbers what that was.

    Raises NotFound when nothing is kept, and UsageError while a message waits for its decision or a delivery is being
    sent.
    """
    names = _names(database, phone, conversation)
    found = _found(database, names)
    told = _counts(database, found)
    if any(row[4] is None for one in found for row in one.messages):
        raise UsageError("a message of this client is not decided yet: nothing was erased; try again in a minute")
    tickets = [ticket for one in found for ticket in one.tickets]
    stored = [lanes.read(database, row[0]) for row in _deliveries(database, tickets)]
    if any(one is not None and one.is_under_way(now) for one in stored):
        raise UsageError("something is being sent to this client just now: nothing was erased; try again in a minute")
    for one in found:
        _erase(database, one, now, salt)
    for connector, name in names:
        for statement in ("cancel_timers", "erase_signals", "erase_hold", "remove_identities"):
            database.rows(statement, connector, name)
        receipts.forget_early(database, connector, (name,))
    for told_of in _incidents(database, tickets):
        for outage in _outages(database, told_of):
            _leave(database, outage, told_of.ticket_id)
    # Last, so that what follows from the end goes by the names that say nothing.
    for ticket in tickets:
        standing = changes.read(database, ticket)
        if standing is not None and standing.incident.is_live:
            closed = workflow.close(standing, practice, now)
            changes.write(database, standing, closed, practice, now, salt=salt, bound=bound)
    return told


def _erase(database: Database, one: _Conversation, now: datetime, salt: bytes) -> None:
    subject = audits.subject(salt, one.connector, one.conversation_id)
    for row in one.messages:
        names = erased_names(salt, one.connector, one.conversation_id, row[1])
        database.rows("erase_message", *names, row[0])
    deliveries = list(_deliveries(database, one.tickets))
    for row in deliveries:
        if row[4] in _OPEN:
            database.rows("end_delivery", row[1])
        database.rows("remove_receipts", row[0])
        database.rows("erase_delivery", f"{ERASED}:{subject}", row[1])
    for lane in {row[2] for row in deliveries}:
        lanes.promote(database, lane)
    for ticket in one.tickets:
        database.rows("erase_incident", f"{ERASED}-{subject}", ticket)
    facts = (
        ("messages", str(len(one.messages))),
        ("incidents", str(len(one.tickets))),
        ("deliveries", str(len(deliveries))),
    )
    audits.add(database, AuditEntry(ERASED, facts), About(subject=subject), now)


def _leave(database: Database, outage: str, ticket: str) -> None:
    """Leave nothing but the ticket of what is said of an incident in the thread of its outage."""
    for row in database.rows("deliveries_to_erase", outage):
        if row[7] is None:
            continue
        body = contracts.load_body(DeliveryKind(row[3]), row[7])
        bare = outages.without(body, ticket)
        if bare != body:
            database.rows("rewrite_delivery", contracts.dump_body(bare), row[1])


def _found(database: Database, names: Sequence[tuple[str, str]]) -> list[_Conversation]:
    found = []
    for connector, conversation_id in names:
        messages = database.rows("conversation_messages", connector, conversation_id)
        if messages:
            tickets = dict.fromkeys(row[5] for row in messages if row[5] is not None)
            found.append(_Conversation(connector, conversation_id, messages, tuple(tickets)))
    if not found:
        raise NotFound(
            "nothing is kept of this client; a number is written like +254712345678, and a client with a hidden "
            "number is named by --conversation CONNECTOR:ID"
        )
    return found


def _names(database: Database, phone: str | None, conversation: tuple[str, str] | None) -> list[tuple[str, str]]:
    """Everything under which something of the client may be kept, each with its connector."""
    first = [conversation] if conversation else _conversations(database, phone or "")
    every = ((connector, name) for connector, one in first for name in identities.names_of(database, connector, (one,)))
    return list(dict.fromkeys(every))


def _conversations(database: Database, phone: str) -> list[tuple[str, str]]:
    """The conversations of a number: of its incidents, and those that networks name after it."""
    digits = re.sub(r"\D", "", phone)
    names: dict[tuple[str, str], None] = {}
    for written in (f"+{digits}", digits):
        names.update(dict.fromkeys((row[0], row[1]) for row in database.rows("conversations_of_phone", written)))
    connector = ""
    while (connector := database.rows("next_connector", connector)[0][0]) is not None:
        for named in (f"wa-{digits}", f"+{digits}", digits):
            if len(identities.names_of(database, connector, (named,))) > 1 or database.rows(
                "conversation_known", connector, named
            ):
                names[connector, named] = None
    return list(names)


def _deliveries(database: Database, tickets: Sequence[str]) -> Iterator[Row]:
    for ticket in tickets:
        yield from database.rows("deliveries_to_erase", ticket)


def _incidents(database: Database, tickets: Iterable[str]) -> Iterator[Incident]:
    for ticket in tickets:
        for row in database.rows("read_incident", ticket):
            yield rows.incident(row)


def _outages(database: Database, incident: Incident) -> Iterable[str]:
    """The outages that it belongs to, or did: the one that it was in first may have been resolved before it."""
    joined = [json.loads(details)["outage"] for (details,) in database.rows("outages_of_incident", incident.ticket_id)]
    return dict.fromkeys([*joined, *filter(None, (incident.outage,))])


def _counts(database: Database, found: Sequence[_Conversation]) -> Json:
    tickets = [ticket for one in found for ticket in one.tickets]
    # The post of an outage names the clients of its incidents.
    of_outages = dict.fromkeys(outage for one in _incidents(database, tickets) for outage in _outages(database, one))
    return {
        "conversations": len(found),
        "messages": sum(len(one.messages) for one in found),
        "deliveries": sum(1 for _ in _deliveries(database, tickets)),
        "incidents": len(tickets),
        "tickets": [
            {"ticketId": one.ticket_id, "channel": one.mattermost_channel}
            for one in _incidents(database, (*tickets, *of_outages))
        ],
    }


def _told(database: Database, one: _Conversation) -> Json:
    return {
        "connector": one.connector,
        "conversationId": one.conversation_id,
        "identities": list(identities.names_of(database, one.connector, (one.conversation_id,))),
        "messages": [
            {
                "acceptedAt": _written(accepted_at),
                "ticketId": ticket,
                "event": None if body is None else contracts.event_json(contracts.load_inbound(body).event),
                "decision": None if decision is None else json.loads(decision),
            }
            for _id, _message_id, body, accepted_at, _routed_at, ticket, decision in one.messages
        ],
        "incidents": [contracts.incident_json(incident, None) for incident in _incidents(database, one.tickets)],
        "deliveries": [
            {
                "id": delivery_id,
                "kind": kind,
                "state": state,
                "destination": destination,
                "createdAt": _written(created_at),
                "sentAt": _written(sent_at),
                "body": None if body is None else contracts.shown_body(body),
                "error": error,
            }
            for delivery_id, _, _, kind, state, destination, _, body, created_at, sent_at, error in _deliveries(
                database, one.tickets
            )
        ],
    }


def _written(micros: int | None) -> str | None:
    return None if micros is None else instant(micros).isoformat().replace("+00:00", "Z")
