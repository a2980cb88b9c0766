"""What becomes of incidents when an engineer acts, when a timer is due: read, decided and written in one transaction.

Plain operations on a transaction, run by a store. What follows is decided in `core.workflow`; here it is written, and
every action and every timer counts once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from engine.core import contracts, outages, workflow
from engine.core.actions import Action, IncidentPost
from engine.core.deliveries import DeliveryKind
from engine.core.plan import CALL, LAPSE
from engine.core.practices import Change, Practice, Standing
from engine.journal import audits, lanes, rows, withdrawals
from engine.journal.audits import About
from engine.journal.lanes import Bound, Cause
from engine.journal.rows import instant, micros, storable
from engine.journal.statements import Database

# A post that has been under way for so long may be seen before its answer comes: no person reacts sooner. One of which
# the answer is lost is in doubt at once.
_SEEN_AFTER = timedelta(milliseconds=500)
# What follows from a timer, by its name.
_DUE: Mapping[str, Callable[[Standing, Practice, datetime], Change]] = {CALL: workflow.climb, LAPSE: workflow.lapse}


def act(
    database: Database, actions: Sequence[Action], practice: Practice, now: datetime, *, salt: bytes, bound: Bound
) -> tuple[Change, ...]:
    """Take each action once; those about posts that are none of ours are passed over."""
    changes = []
    for action in actions:
        found = database.rows("ticket_of_root", action.destination, storable(action.root))
        if not found:
            continue
        ((ticket_id,),) = found
        if action.ticket_id not in {None, ticket_id}:
            continue
        what = (storable(action.id), ticket_id, action.kind, storable(action.by))
        if not database.rows("add_action", action.destination, *what, micros(action.at), micros(now)):
            continue
        standing = read(database, ticket_id)
        if standing is not None:
            changes.append(workflow.act(action, standing, practice, now))
            write(database, standing, changes[-1], practice, now, salt=salt, bound=bound)
    return tuple(changes)


def fire(
    database: Database, name: str, limit: int, practice: Practice, now: datetime, *, salt: bytes, bound: Bound
) -> tuple[Change, ...]:
    """What follows from the due timers of a name, each once. An incident of which a message waits for its decision is
    passed over: that message decides how it goes on.
    """
    changes = []
    for connector, conversation_id, ticket_id in database.rows("due_timers", name, micros(now), limit):
        standing = read(database, ticket_id)
        if standing is None or not standing.incident.is_live:
            database.rows("cancel_timer", connector, conversation_id, name, ticket_id)
            continue
        changes.append(_DUE[name](standing, practice, now))
        write(database, standing, changes[-1], practice, now, salt=salt, bound=bound)
    return tuple(changes)


def read(database: Database, ticket_id: str) -> Standing | None:
    """An incident as `core.workflow` must know it; None where there is none."""
    found = database.rows("read_incident", ticket_id)
    if not found:
        return None
    incident = rows.incident(found[0])
    post = database.rows("post_of_incident", ticket_id)
    message = database.rows("newest_message_of_incident", ticket_id)
    inbound = contracts.load_inbound(message[0][1]) if message and message[0][1] is not None else None
    live = database.rows("live_incident", incident.connector, incident.conversation_id)
    newer = str(live[0][0]) if live and live[0][0] != ticket_id else None
    call = database.rows("timer_of", incident.connector, incident.conversation_id, CALL, ticket_id)
    return Standing(
        incident,
        post=rows.post(DeliveryKind(post[0][0]), post[0][1]) if post and post[0][1] is not None else None,
        reply=inbound.reply if inbound else None,
        message_id=inbound.event.message.id if inbound else "",
        newer=newer,
        called_elsewhere=withdrawals.called_elsewhere(database, incident),
        call_at=instant(call[0][0]) if call else None,
    )


def write(
    database: Database,
    standing: Standing,
    change: Change,
    practice: Practice,
    now: datetime,
    *,
    salt: bytes,
    bound: Bound,
) -> None:
    """Write a change of what `read` gave in the same transaction, and the end of the outage that it was the last of."""
    before, after = standing.incident, change.incident
    conversation = (before.connector, before.conversation_id)
    if after != before:
        database.rows("change_incident", *rows.incident_values(after), after.ticket_id)
    if after.priority is not before.priority:
        database.rows("raise_deliveries", int(after.priority), after.ticket_id)
    elsewhere = standing.called_elsewhere or after.outage != before.outage
    withdrawals.follow(database, before, after, now, elsewhere=elsewhere, bound=bound)
    subject = audits.subject(salt, *conversation)
    cause = Cause(after.ticket_id, subject, after.priority, now)
    for delivery in change.deliveries:
        lanes.add(database, delivery, cause, now, bound)
    for name in change.cancelled:
        database.rows("cancel_timer", *conversation, name, after.ticket_id)
    for timer in change.timers:
        database.rows("set_timer", *conversation, timer.name, micros(timer.due_at), after.ticket_id)
    if change.muted_until is not None:
        until = micros(change.muted_until)
        database.rows("mute_conversation", *conversation, until, until)
    for entry in change.audit:
        audits.add(database, entry, About(after.ticket_id, subject), now)
    if before.is_live and not after.is_live:
        _call_members(database, after.ticket_id, practice, now)
        if after.outage is not None:
            end_outage(database, after.outage, practice, now, salt=salt, bound=bound)


def _call_members(database: Database, outage: str, practice: Practice, now: datetime) -> None:
    """Go on calling about the incidents of an outage that somebody has resolved before them, each by itself."""
    for (ticket_id,) in database.rows("unclaimed_members", outage):
        member = rows.incident(database.rows("read_incident", ticket_id)[0])
        for timer in workflow.call_timer(member, practice.duty, now):
            due_at = micros(timer.due_at)
            database.rows("set_timer", member.connector, member.conversation_id, timer.name, due_at, ticket_id)


def end_outage(
    database: Database, ticket_id: str, practice: Practice, now: datetime, *, salt: bytes, bound: Bound
) -> None:
    """End an outage to which nothing open belongs any more."""
    ((members,),) = database.rows("count_members", ticket_id)
    standing = None if members else read(database, ticket_id)
    if standing is not None and standing.incident.is_live:
        over = outages.over(standing, practice, now)
        write(database, standing, over, practice, now, salt=salt, bound=bound)


def posts(database: Database, destination: str, since: datetime) -> tuple[IncidentPost, ...]:
    """The posts of the incidents that are not closed, and of newer ones that were closed since then, oldest first."""
    resolved = _resolutions(database, since)
    found = []
    for row in database.rows("posts_of_incidents", destination, destination, micros(since)):
        ticket_id, root, posted_at, channel, team, claimed_by, claim_id, resolved_by, resolved_at, is_closed = row
        if root and posted_at is not None:
            held = claimed_by, claim_id
            if is_closed:
                held = resolved_by, resolved.get((ticket_id, resolved_by), {}).get(resolved_at)
            found.append(IncidentPost(ticket_id, root, instant(posted_at), channel, team, *held, bool(is_closed)))
    return tuple(found)


def _resolutions(database: Database, since: datetime) -> dict[tuple[str, str], dict[int, str]]:
    """The ids of the actions by which people have resolved incidents since then and not taken that back, by the moment
    of the resolution. What was heard to be taken back had its answer, also where that was no.
    """
    found: dict[tuple[str, str], dict[int, str]] = {}
    for action_id, kind, ticket_id, person, at, noted_at, created_at in database.rows(
        "resolutions_since", micros(since)
    ):
        theirs = found.setdefault((ticket_id, person), {})
        if kind == "resolve":
            # As `workflow` dates a resolution.
            theirs.setdefault(max(created_at, min(at, noted_at)), action_id)
        else:
            theirs.clear()
    return found


def in_doubt_since(database: Database, destination: str, now: datetime) -> datetime | None:
    """Since when the oldest post may stand in the chat whose id is not known yet; None: there is none."""
    ((since,),) = database.rows("posts_in_doubt", destination, micros(now - _SEEN_AFTER))
    return rows.instant_or_none(since)


def is_root(database: Database, destination: str, receipt: str) -> bool:
    """Whether a post is an incident's."""
    return bool(database.rows("ticket_of_root", destination, storable(receipt)))
