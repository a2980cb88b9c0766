"""Whether an incident is one of many with the same trouble, looked at in the transaction that records its message.

Plain operations on a transaction. What an outage is is decided in `core.outages`; here its rows are found and written.
"""

import json
from datetime import datetime

from engine.core import outages
from engine.core.incidents import Incident
from engine.core.practices import Practice, Standing
from engine.journal import audits, changes, lanes, rows
from engine.journal.audits import About
from engine.journal.lanes import Bound, Cause
from engine.journal.rows import micros
from engine.journal.statements import Database
from engine.journal.tickets import allocate


def follow(
    database: Database,
    ended: str | None,
    ticket_id: str | None,
    practice: Practice,
    now: datetime,
    *,
    salt: bytes,
    bound: Bound,
) -> None:
    """After a message: end the outage whose last incident it ended, if that is so, and look at the incident that it
    opened or joined.
    """
    if ended is not None:
        changes.end_outage(database, ended, practice, now, salt=salt, bound=bound)
    if ticket_id is not None:
        _look(database, ticket_id, practice, now, salt, bound)


def _look(database: Database, ticket_id: str, practice: Practice, now: datetime, salt: bytes, bound: Bound) -> None:
    """Join an incident to the outage that it belongs to, or begin one where it is the one too many."""
    live: dict[str, str] = dict(database.rows("live_outages", outages.CONNECTOR))
    if practice.watch is None and not live:
        return
    found = changes.read(database, ticket_id)
    if found is None or found.called_elsewhere:
        return
    tag = outages.tag_of(found.incident, practice, live)
    if tag is None:
        return
    if tag in live:
        _join(database, live[tag], found, practice, now, salt, bound)
        return
    if found.incident.outage is not None:
        return
    tickets = [
        ticket
        for ticket, tags in database.rows("tags_of_open", micros(outages.since(practice, now)))
        if tag in json.loads(tags)
    ]
    members = [one for one in (changes.read(database, ticket) for ticket in tickets) if one is not None]
    if outages.begins([one.incident for one in members], practice):
        _begin(database, tag, members, practice, now, salt, bound)


def _join(  # noqa: PLR0917 - both incidents and what they are written with
    database: Database,
    ticket_id: str,
    member: Standing,
    practice: Practice,
    now: datetime,
    salt: bytes,
    bound: Bound,
) -> None:
    outage = changes.read(database, ticket_id)
    if outage is None:
        return
    ((count,),) = database.rows("count_members", ticket_id)
    changed, joined = outages.joined(outage, member.incident, count + 1, practice, now)
    changes.write(database, outage, changed, practice, now, salt=salt, bound=bound)
    changes.write(database, member, joined, practice, now, salt=salt, bound=bound)


def _begin(  # noqa: PLR0917 - as above
    database: Database,
    tag: str,
    members: list[Standing],
    practice: Practice,
    now: datetime,
    salt: bytes,
    bound: Bound,
) -> None:
    ticket_id = allocate(database, now)
    opening = outages.opened(ticket_id, tag, [one.incident for one in members], practice, now)
    _write(database, opening.incident, now)
    subject = audits.subject(salt, outages.CONNECTOR, tag)
    cause = Cause(ticket_id, subject, opening.incident.priority, now)
    for delivery in opening.deliveries:
        lanes.add(database, delivery, cause, now, bound)
    for timer in opening.timers:
        database.rows("set_timer", outages.CONNECTOR, tag, timer.name, micros(timer.due_at), ticket_id)
    for entry in opening.audit:
        audits.add(database, entry, About(ticket_id, subject), now)
    for member, change in zip(members, opening.members, strict=True):
        changes.write(database, member, change, practice, now, salt=salt, bound=bound)


def _write(database: Database, incident: Incident, now: datetime) -> None:
    identity = (incident.ticket_id, 1, incident.connector, incident.conversation_id, incident.source)
    database.rows(
        "add_incident", *identity, *rows.incident_values(incident), micros(now), *rows.policy_values(incident)
    )
