"""Many clients with the same trouble at the same time are one outage: one post and one call instead of many. Pure.

An outage is an incident of its own, of no client and of one tag, so that it is claimed, resolved, called about and
paged as any other. The incidents of the clients belong to it: each keeps its post and its answer to the client, and
none is called about any more. It is over when all of them are. Called by the journal in the transaction that records a
message.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core import calls, ladders
from engine.core.deliveries import Body, Escalation, FollowUp, NewDelivery, PageAction, Revision
from engine.core.incidents import Incident, IncidentStatus
from engine.core.plan import CALL, AuditEntry, Timer
from engine.core.practices import Change, Practice, Standing, Words
from engine.core.quotes import clean_line, plain, quote
from engine.core.standings import age, moment, stood

# What stands for the connector of an outage; no connector can be called so.
CONNECTOR = "an outage"
# So many incidents are named in its post; the thread names every one.
_SHOWN = 20
_JOINED = "One more client: "
_LINE = 80


@dataclass(frozen=True, slots=True)
class Opening:
    """An outage that begins."""

    # As it is to be written, under the ticket that it was given.
    incident: Incident
    deliveries: tuple[NewDelivery, ...]
    timers: tuple[Timer, ...]
    audit: tuple[AuditEntry, ...]
    # What becomes of the incidents that belong to it.
    members: tuple[Change, ...]


def tag_of(incident: Incident, practice: Practice, live: Collection[str] = ()) -> str | None:
    """The tag of an incident by which it belongs to one of the `live` outages, as its post says, else the first that
    can make one; None: neither.
    """
    if not incident.escalated or incident.connector == CONNECTOR:
        return None
    watched = practice.watch.tags if practice.watch is not None else frozenset()
    found = (tag for tags in (live, watched) for tag in incident.tags if tag in tags)
    return next(found, None)


def since(practice: Practice, now: datetime) -> datetime:
    """Incidents that were opened earlier do not count."""
    return now - (practice.watch.within if practice.watch else timedelta(0))


def begins(members: Sequence[Incident], practice: Practice) -> bool:
    """Whether so many clients make an outage. `members` are open and recent, and belong to none."""
    return practice.watch is not None and len(members) >= practice.watch.clients


def opened(ticket_id: str, tag: str, members: Sequence[Incident], practice: Practice, now: datetime) -> Opening:
    """The outage of some incidents, the newest last."""
    newest = members[-1]
    priority = max(member.priority for member in members)
    incident = Incident(
        ticket_id=ticket_id,
        version=0,
        connector=CONNECTOR,
        conversation_id=tag,
        source="outage",
        client_name=_clients(len(members)),
        client_phone=None,
        issue_summary=f"Outage: {tag}",
        priority=priority,
        tags=(tag, "outage"),
        rule_id=newest.rule_id,
        ruleset_sha=newest.ruleset_sha,
        mattermost_channel=newest.mattermost_channel,
        mattermost_team=newest.mattermost_team,
        status=IncidentStatus.OPEN,
        acknowledged=True,
        escalated=True,
        created_at=now,
        last_message_at=now,
    )
    ladder = practice.duty.ladder(priority)
    called = ladders.call_rung(ladder, 0, practice.duty, now) if ladder else ladders.Called()
    incident = replace(incident, paged=called.services)
    mention, more = calls.whom(called, practice.duty.mention(), practice.mention_mode)
    where = incident.mattermost_channel, incident.mattermost_team
    body = "\n".join((_body(tag, members, mention, now), *more))
    post = stood(Escalation(*where, f"Outage: {tag}", body, incident.tags, priority, ticket_id), incident, now)
    said = Words(f"{ticket_id}\nopened", incident, practice, now)
    said.add(post, f"escalate:{CONNECTOR}:{tag}", practice.escalate_to, "post")
    said.pages(incident, called.services, PageAction.TRIGGER)
    due_at = ladders.next_call(ladder, 0, now, None) if ladder else None
    timers = () if due_at is None else (Timer(CALL, due_at),)
    entry = AuditEntry("outage", (("tag", tag), ("clients", str(len(members)))))
    return Opening(
        incident,
        tuple(said.deliveries),
        timers,
        (entry,),
        tuple(_member(member, incident, practice, now) for member in members),
    )


def joined(found: Standing, member: Incident, count: int, practice: Practice, now: datetime) -> tuple[Change, Change]:
    """What becomes of an outage to which one more incident belongs, `count` with it; and of that incident."""
    outage = found.incident
    raised = member.priority > outage.priority
    after = replace(outage, client_name=_clients(count), priority=max(outage.priority, member.priority))
    said = Words(f"{outage.ticket_id}\nand {member.ticket_id}", outage, practice, now)
    said.thread(f"{_JOINED}{_line(member)} ({_clients(count)} by now).")
    if found.post is not None:
        said.post(after, replace(found.post, body=_extended(found.post.body, member, count)))
    facts = (AuditEntry("prioritised", (("to", after.priority.word), ("how", "outage"))),) if raised else ()
    return (
        Change(after, tuple(said.deliveries), audit=facts),
        _member(member, after, practice, now),
    )


def over(found: Standing, practice: Practice, now: datetime) -> Change:
    """The end of an outage: nobody of its clients waits any more."""
    outage = found.incident
    after = replace(outage, status=IncidentStatus.RESOLVED, resolved_at=now, snoozed_until=None, paged=())
    said = Words(f"{outage.ticket_id}\nover {outage.version}", outage, practice, now)
    lasted = age(now - outage.created_at)
    said.thread(f"All incidents of {outage.ticket_id} are closed: the outage is over after {lasted}.")
    said.pages(after, outage.paged, PageAction.RESOLVE)
    said.post(after, found.post)
    entry = AuditEntry("resolved", (("how", "outage"),))
    return Change(after, tuple(said.deliveries), cancelled=(CALL,), audit=(entry,))


def without(body: Body, ticket_id: str) -> Body:
    """What is said of an outage, with an incident named by its ticket alone: its client is erased."""
    match body:
        case Revision(escalation):
            return Revision(replace(escalation, body=_bare(escalation.body, ticket_id)))
        case Escalation() | FollowUp():
            return replace(body, body=_bare(body.body, ticket_id))
        case _:
            return body


def _bare(text: str, ticket_id: str) -> str:
    """The text with nothing but the ticket where `_line` told of an incident."""
    told = rf"^((?:- |{_JOINED}){re.escape(ticket_id)}) · .*?( \(\d+ clients by now\)\.)?$"
    return re.sub(told, lambda found: found[1] + (found[2] or ""), text, flags=re.MULTILINE)


def _member(member: Incident, outage: Incident, practice: Practice, now: datetime) -> Change:
    """An incident that belongs to an outage: it is not called about, and an alert of its own is closed."""
    after = replace(member, outage=outage.ticket_id, paged=())
    said = Words(f"{member.ticket_id}\npart of {outage.ticket_id}", member, practice, now)
    said.thread(
        f"Part of the outage {outage.ticket_id} ({outage.conversation_id}): engineers are called there. "
        "The client still needs an answer."
    )
    said.pages(after, member.paged, PageAction.RESOLVE)
    entry = AuditEntry("joined", (("outage", outage.ticket_id),))
    return Change(after, tuple(said.deliveries), cancelled=(CALL,), audit=(entry,))


def _body(tag: str, members: Sequence[Incident], whom: str, now: datetime) -> str:
    first = min(member.created_at for member in members)
    lines = [
        f"Clients: {len(members)}, the first at {moment(first, now)}",
        f"Issue Summary: clients write about {tag}",
        "Incidents:",
        *(f"- {_line(member)}" for member in members[:_SHOWN]),
    ]
    ask = "look for the common cause. Each client still needs an answer on WhatsApp."
    return "\n".join((*lines, f"Action: {whom} please {ask}" if whom else f"Action: please {ask}"))


def _extended(body: str, member: Incident, count: int) -> str:
    """The post's text with one incident more, as long as there is room, and with the right number."""
    lines = body.split("\n")
    shown = [number for number, line in enumerate(lines) if line.startswith("- ")]
    if 0 < len(shown) < _SHOWN:
        lines.insert(shown[-1] + 1, f"- {_line(member)}")
    return "\n".join(
        f"Clients: {count}, {line.partition(', ')[2]}" if line.startswith("Clients: ") else line for line in lines
    )


def _line(member: Incident) -> str:
    summary = clean_line(plain(member.issue_summary), _LINE)
    return " · ".join(filter(None, (member.ticket_id, quote(member.display_name), quote(summary))))


def _clients(count: int) -> str:
    return f"{count} clients"
