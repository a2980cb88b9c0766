"""Event and decision in, everything that follows out: incident, acknowledgement, escalation, timers, audit.

Called by the pipeline; the journal writes the result in one transaction. The whole policy of an episode stands here:
one acknowledgement, one post, further messages in its thread, a raised priority notifies again, a number that becomes
known is added to the post. What a rule says otherwise about further messages is taken from the incident, never from the
rules that are loaded by then.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.core import calls, media, variables
from engine.core.answers import Circumstances, Wording, obstacle, template
from engine.core.calls import Call
from engine.core.decisions import Decision
from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Copy,
    Escalation,
    FollowUp,
    Media,
    NewDelivery,
    Revision,
    kind_of,
    with_ticket,
)
from engine.core.events import Inbound
from engine.core.incidents import Incident, IncidentStatus
from engine.core.quotes import TICKET, plain, quote
from engine.core.standings import stood

# How long a silent incident stays open for further messages, unless the rule that opened it says otherwise.
EPISODE = timedelta(hours=4)
# The names of timers: an incident falls silent; the next rung of its ladder is called.
LAPSE = "lapse"
CALL = "call"


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to do later, unless a later transaction makes it moot. One per conversation and name."""

    name: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit: ids and facts, never the client's text, name or number."""

    # received, decided, acknowledged, escalated, failed, reloaded, published, withdrawn, paused, resumed, lapsed,
    # superseded, redriven, dropped, restored, outage, joined, claimed, released, resolved, reopened, snoozed, muted,
    # prioritised, replied, answered, called
    kind: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one transaction writes after a decision."""

    # The incident as it is afterwards; None when the message calls for nothing.
    incident: Incident | None
    # The version of the open incident that the plan was made for, 0 for none; another one there means: plan again.
    expected_version: int
    # An earlier incident of this conversation that ends: it fell silent, or it is superseded.
    lapsed: str | None
    deliveries: tuple[NewDelivery, ...]
    timers: tuple[Timer, ...]
    audit: tuple[AuditEntry, ...]
    # The incident in `lapsed` had not fallen silent: its rule wants a new incident for a further message.
    superseded: bool = False
    # What is said because that one ends; it belongs to its ticket.
    closing: tuple[NewDelivery, ...] = ()


class _Step(NamedTuple):
    """One message with its decision, and what is settled before its texts are rendered."""

    inbound: Inbound
    decision: Decision
    wording: Wording
    circumstances: Circumstances
    # The incident that the message joins; None: it opens one.
    before: Incident | None
    # When the message counts as received.
    at: datetime
    # The template that the client is owed now; None when nothing is.
    ack: str | None
    # Why the client does not get it, for the engineers and for the audit; empty when the client does, or nothing is
    # owed.
    obstacle: str
    why: str


def plan(inbound: Inbound, decision: Decision, wording: Wording, circumstances: Circumstances) -> Plan:
    """Everything that follows from one decided message. Pure: the same arguments give the same plan."""
    found = circumstances.incident
    follows = is_follow_up(found, inbound, circumstances.accepted_at)
    wanted = decision.escalate or decision.ack is not None
    # A message that calls for nothing joins whatever is open, so that nothing gets lost between two incidents.
    superseded = found is not None and follows and found.follow_up.new and wanted
    before = found if follows and not superseded else None
    at = _received(inbound, circumstances.accepted_at)
    expected = found.version if found else 0
    lapsed = found.ticket_id if found and before is None else None
    ack = decision.ack if before is None or _is_owed(before, at) else None
    hindrance, why = obstacle(inbound, circumstances) if ack is not None else ("", "")
    if ack is not None and not hindrance:
        ack = template(ack, inbound, wording, circumstances)
    step = _Step(inbound, decision, wording, circumstances, before, at, ack, hindrance, why)
    audit = (AuditEntry("decided", _facts(step)),)
    key = message_key(inbound)
    ended = found if before is None else None
    closing = calls.closing(key, ended, circumstances, superseded=superseded) if ended else ()
    if before is None and not wanted:
        return Plan(None, expected, lapsed, (), (), audit, closing=closing)
    after = _opened(step) if before is None else _joined(step, before)
    call = calls.call(before, after, decision.mention, circumstances)
    after = replace(after, paged=tuple(dict.fromkeys((*after.paged, *call.services))))
    shown = _variables(step, call)
    posts = _posts(step, after, shown, call)
    copies = _copies(step, after, shown, posts)
    bodies: tuple[Body, ...] = (*_acknowledgements(step, after, shown), *posts, *copies, *_files(step, after))
    if before is not None:
        bodies = tuple(with_ticket(body, before.ticket_id) for body in bodies)
    deliveries = [_delivery(step, key, body) for body in bodies]
    deliveries += calls.paged(key, after, call.services, circumstances)
    # Counted from the acceptance: what a network kept for hours during an outage must not fall silent at once.
    timers = [Timer(LAPSE, max(after.last_message_at, circumstances.accepted_at) + _within(after))]
    if call.next_at is not None:
        timers.append(Timer(CALL, call.next_at))
    return Plan(after, expected, lapsed, tuple(deliveries), tuple(timers), audit, superseded, closing)


def is_follow_up(incident: Incident | None, inbound: Inbound, accepted_at: datetime) -> bool:
    """Whether a message finds its conversation's incident still open; what the condition `follow_up` asks for."""
    return incident is not None and _received(inbound, accepted_at) <= incident.last_message_at + _within(incident)


def _within(incident: Incident) -> timedelta:
    return incident.follow_up.within or EPISODE


def _is_owed(before: Incident, at: datetime) -> bool:
    """Whether a message that joins an incident is acknowledged: the first time, and again where its rule wants that."""
    again = before.follow_up.ack_again_after
    if not before.acknowledged:
        return True
    return again is not None and before.acknowledged_at is not None and at > before.acknowledged_at + again


def _received(inbound: Inbound, accepted_at: datetime) -> datetime:
    # A network's clock may run ahead of ours, and an incident dated into the future would never lapse.
    return min(inbound.event.received_at, accepted_at)


def message_key(inbound: Inbound) -> str:
    """A digest that is the same for the same message of the same conversation, and for no other."""
    connector, conversation, message = inbound.connector, inbound.event.conversation_id, inbound.event.message.id
    # The lengths keep the parts apart, whatever characters a network puts into its ids.
    identity = f"{len(connector)}:{connector}{len(conversation)}:{conversation}{message}"
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def delivery_id(key: str, body: Body) -> str:
    """The same for the same message, kind and, of copies, channel, or, of files, file, so that planning a message twice
    can never say anything twice.
    """
    match body:
        case Copy(escalation=escalation):
            where = f"-{escalation.channel}"
        case Media():
            where = f"-{media.digest(body)}"
        case _:
            where = ""
    return f"{key}-{kind_of(body)}{where}"


def _facts(step: _Step) -> tuple[tuple[str, str], ...]:
    decision = step.decision
    facts = {
        "rule": decision.rule,
        "location": decision.location,
        "priority": decision.priority.word,
        "channel": decision.channel,
        "ruleset": decision.ruleset_sha,
    }
    if step.obstacle:
        facts["acknowledgement"] = step.why
    if decision.error:
        facts["error"] = decision.error
    return tuple(facts.items())


def _opened(step: _Step) -> Incident:
    event, decision = step.inbound.event, step.decision
    channel, team = _channel(step)
    return Incident(
        ticket_id=TICKET,
        version=0,
        connector=step.inbound.connector,
        conversation_id=event.conversation_id,
        source=event.source,
        client_name=variables.client_name(event),
        client_phone=variables.client_phone(event),
        issue_summary=plain(decision.summary),
        priority=decision.priority,
        tags=decision.tags,
        rule_id=decision.rule,
        ruleset_sha=decision.ruleset_sha,
        mattermost_channel=channel,
        mattermost_team=team,
        status=IncidentStatus.OPEN,
        acknowledged=_is_answered(step, posted=decision.escalate),
        escalated=decision.escalate,
        created_at=step.at,
        last_message_at=step.at,
        acknowledged_at=step.at if _is_answered(step, posted=decision.escalate) else None,
        follow_up=decision.follow_up,
    )


def _joined(step: _Step, before: Incident) -> Incident:
    event, decision = step.inbound.event, step.decision
    escalated = before.escalated or decision.escalate
    answered = _is_answered(step, posted=escalated)
    after = replace(
        before,
        client_name=before.client_name or variables.client_name(event),
        client_phone=before.client_phone or variables.client_phone(event),
        priority=max(before.priority, decision.priority),
        tags=tuple(dict.fromkeys((*before.tags, *decision.tags))),
        acknowledged=before.acknowledged or answered,
        acknowledged_at=step.at if answered else before.acknowledged_at,
        escalated=escalated,
        last_message_at=max(before.last_message_at, step.at),
    )
    if before.escalated and after.priority > before.priority:
        # The graver problem is what the incident is about from now on.
        summary, sha = plain(decision.summary), decision.ruleset_sha
        return replace(after, issue_summary=summary, rule_id=decision.rule, ruleset_sha=sha, rung=0)
    if before.escalated or not decision.escalate:
        return after
    # The first message that calls for engineers tells them what it is about and where.
    channel, team = _channel(step)
    return replace(
        after,
        issue_summary=plain(decision.summary),
        rule_id=decision.rule,
        ruleset_sha=decision.ruleset_sha,
        mattermost_channel=channel,
        mattermost_team=team,
    )


def _is_answered(step: _Step, *, posted: bool) -> bool:
    # Engineers who were asked to answer by hand are not overtaken by a later acknowledgement. Where no post could
    # carry that note, the client is still owed one.
    return step.ack is not None and (not step.obstacle or posted)


def _channel(step: _Step) -> tuple[str, str | None]:
    # The override is a channel of engine.yaml's team, whatever team the rule's channel belongs to.
    override = step.circumstances.channel_override
    return (override, None) if override else (step.decision.channel, step.decision.team)


def _acknowledgements(step: _Step, after: Incident, shown: Mapping[str, object]) -> tuple[Acknowledgement, ...]:
    if step.ack is None or step.obstacle or step.inbound.reply is None:
        return ()
    event = step.inbound.event
    language = step.wording.language(event, step.ack)
    template = f"{step.ack}.{language}" if language else step.ack
    text = plain(step.wording.acknowledgement(template, shown))
    channel, team = after.mattermost_channel, after.mattermost_team
    return (
        Acknowledgement(
            step.inbound.reply.peer,
            text,
            event.message.id,
            channel,
            team,
            language,
            variables.client_name(event),
            written_at=step.at,
        ),
    )


def _posts(
    step: _Step, after: Incident, shown: Mapping[str, object], call: Call
) -> tuple[Escalation | FollowUp | Revision, ...]:
    before, decision, circumstances = step.before, step.decision, step.circumstances
    channel, team = after.mattermost_channel, after.mattermost_team
    notes = (step.obstacle,) if step.obstacle else ()
    if before is None or not before.escalated:
        if not decision.escalate:
            return ()
        title, body = step.wording.escalation(shown)
        text = "\n".join((body, *call.lines, *notes))
        post = Escalation(channel, team, title, text, after.tags, after.priority, after.ticket_id)
        return (stood(post, after, circumstances.accepted_at),)
    again = _again(step.inbound.event.message.text, shown)
    raised = after.priority > before.priority
    risen = f"raised from {before.priority.word} to {after.priority.word}"
    updates = []
    if after.client_phone and after.client_phone != before.client_phone:
        updates.append(f"Update: the client's number is {quote(after.client_phone)}")
    said: tuple[str, ...] = (again, *notes)
    if raised:
        action = f"Action: {call.mention} please check WhatsApp and respond to the client now."
        said = (again, f"Issue Summary: {decision.summary}", f"Priority: {risen}", action, *call.lines, *notes)
        updates.append(f"Update: {decision.summary} (priority {risen})")
    reply = FollowUp(channel, team, "\n".join(said), after.ticket_id)
    if circumstances.post is None or not (updates or before.awaits_client):
        return (reply,)
    body = "\n".join((circumstances.post.body, *updates))
    told = replace(stood(circumstances.post, after, circumstances.accepted_at), body=body)
    if raised:
        told = replace(told, priority=after.priority, tags=after.tags)
    return (Revision(told), reply)


def _again(text: str, shown: Mapping[str, object]) -> str:
    if "attachments" not in shown:
        return f'The client wrote again: "{shown["raw_text"]}"'
    if not text.strip():
        return f"The client sent: {shown['attachments']}"
    return f'The client wrote again: "{shown["raw_text"]}" (with {shown["attachments"]})'


def _copies(
    step: _Step, after: Incident, shown: Mapping[str, object], posts: Sequence[Escalation | FollowUp | Revision]
) -> Iterator[Copy]:
    """A copy for each further channel when the engineers are called: by a new post, or by a raised priority."""
    if not step.decision.also:
        return
    raised = step.before is not None and after.priority > step.before.priority
    if step.circumstances.channel_override or not posts or not (raised or isinstance(posts[0], Escalation)):
        return
    original = after.mattermost_channel, after.mattermost_team
    further = [channel for channel in dict.fromkeys(step.decision.also) if channel != original]
    if not further:
        return
    title, body = step.wording.escalation(shown)
    for channel, team in further:
        away = f" (team {after.mattermost_team})" if after.mattermost_team and after.mattermost_team != team else ""
        text = f"Copy of {after.ticket_id} in ~{after.mattermost_channel}{away}\n{body}"
        yield Copy(Escalation(channel, team, title, text, after.tags, after.priority, after.ticket_id))


def _files(step: _Step, after: Incident) -> Iterator[Media]:
    """What is fetched for the thread: nothing while there is none."""
    if not step.circumstances.fetch_media or not after.escalated:
        return
    channel, team = after.mattermost_channel, after.mattermost_team
    for one in media.wanted(step.inbound.event.message):
        facts = one.kind, one.name, one.media_type, one.size_bytes
        yield Media(channel, team, after.ticket_id, step.inbound.connector, one.reference or "", *facts)


def _variables(step: _Step, call: Call) -> dict[str, object]:
    decision = step.decision
    return {
        **variables.of_message(step.inbound.event),
        **variables.of_match(decision.keywords, decision.captures, decision.priority, decision.tags, decision.matched),
        **variables.of_decision(decision.summary, call.mention),
    }


def _delivery(step: _Step, key: str, body: Body) -> NewDelivery:
    inbound, circumstances = step.inbound, step.circumstances
    conversation = f"{inbound.connector}:{inbound.event.conversation_id}"
    destination, due_at = circumstances.escalate_to, circumstances.accepted_at
    if isinstance(body, Acknowledgement) and inbound.reply is not None:
        lane, destination = f"acknowledge:{conversation}", inbound.reply.connector
    elif isinstance(body, Copy):
        # Apart from the thread and from each other, so that a channel nobody let us into holds nothing up.
        lane = f"copy:{body.escalation.channel}:{conversation}"
    elif isinstance(body, Media):
        # Apart from the thread, so that a slow download holds no reply up.
        lane, destination = f"media:{conversation}", media.carrier(circumstances.escalate_to)
        if step.before is None or not step.before.escalated:
            due_at += media.HEAD_START
    else:
        lane = f"escalate:{conversation}"
    return NewDelivery(delivery_id(key, body), lane, destination, body, due_at)
