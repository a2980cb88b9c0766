"""Event and decision in, everything that follows out: incident, acknowledgement, escalation, timers, audit.

Called by the pipeline; the journal writes the result in one transaction. The whole policy of an episode stands here:
one acknowledgement, one post, further messages in its thread, a raised priority notifies again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from engine.core import variables
from engine.core.decisions import Decision
from engine.core.deliveries import Acknowledgement, Body, Escalation, FollowUp, NewDelivery, Revision, kind_of
from engine.core.events import Inbound
from engine.core.incidents import Incident, IncidentStatus
from engine.core.quotes import TICKET, plain

# How long a silent incident stays open for further messages.
EPISODE = timedelta(hours=4)
PAUSED_NOTE = "Note: acknowledgement is paused: answer by hand."
NO_WAY_BACK_NOTE = "Note: no acknowledgement could be sent on this way in: answer by hand."


class Wording(Protocol):
    """The templates of the loaded rules."""

    def acknowledgement(self, template: str, variables: Mapping[str, object]) -> str:
        """The text for the client, with quotes' marks. `template` was checked when the rules were loaded."""
        ...

    def escalation(self, variables: Mapping[str, object]) -> tuple[str, str]:
        """Title and body of the post, with quotes' marks."""
        ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the plan needs to know besides the message and the decision."""

    # When the message was durably accepted; aware.
    accepted_at: datetime
    # The conversation's incident that still takes messages, if any.
    incident: Incident | None
    # That incident's post as it reads now; None before there is one, or after its text was erased.
    post: Escalation | None
    # The kill switch.
    paused: bool
    # How the post calls somebody, e.g. "@oncall".
    mention: str
    # The connector that reaches the engineers, e.g. "mattermost".
    escalate_to: str
    # Posts go here instead of the rule's channel, for development.
    channel_override: str | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to do later, unless a later transaction makes it moot. One per conversation and name."""

    name: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit: ids and facts, never the client's text, name or number."""

    # received, decided, acknowledged, escalated, failed, reloaded, paused, resumed, lapsed, redriven
    kind: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one transaction writes after a decision."""

    # The incident as it is afterwards; None when the message calls for nothing.
    incident: Incident | None
    # The version of the open incident that the plan was made for, 0 for none; another one there means: plan again.
    expected_version: int
    # An earlier incident of this conversation that fell silent.
    lapsed: str | None
    deliveries: tuple[NewDelivery, ...]
    timers: tuple[Timer, ...]
    audit: tuple[AuditEntry, ...]


def plan(inbound: Inbound, decision: Decision, wording: Wording, circumstances: Circumstances) -> Plan:
    """Everything that follows from one decided message. Pure: the same arguments give the same plan."""
    found = circumstances.incident
    ended = found is not None and inbound.event.received_at > found.last_message_at + EPISODE
    before = None if ended else found
    expected = found.version if found else 0
    lapsed = found.ticket_id if found and ended else None
    audit = (AuditEntry("decided", _facts(decision)),)
    if before is None and not decision.escalate and decision.ack is None:
        return Plan(None, expected, lapsed, (), (), audit)
    after = _incident(inbound, decision, before, circumstances)
    bodies = (
        *_acknowledgements(inbound, decision, wording, circumstances, before),
        *_posts(inbound, decision, wording, circumstances, before, after),
    )
    deliveries = tuple(_delivery(inbound, body, circumstances) for body in bodies)
    timers = (Timer("lapse", after.last_message_at + EPISODE),)
    return Plan(after, expected, lapsed, deliveries, timers, audit)


def delivery_id(inbound: Inbound, body: Body) -> str:
    """The same for the same message and kind, so that planning a message twice can never say anything twice."""
    event = inbound.event
    identity = "\0".join((inbound.connector, event.conversation_id, event.message.id, kind_of(body)))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _facts(decision: Decision) -> tuple[tuple[str, str], ...]:
    facts = {
        "rule": decision.rule,
        "location": decision.location,
        "priority": decision.priority.word,
        "channel": decision.channel,
        "ruleset": decision.ruleset_sha,
    }
    if decision.error:
        facts["error"] = decision.error
    return tuple(facts.items())


def _incident(inbound: Inbound, decision: Decision, before: Incident | None, circumstances: Circumstances) -> Incident:
    event = inbound.event
    if before is None:
        return Incident(
            ticket_id=TICKET,
            version=0,
            connector=inbound.connector,
            conversation_id=event.conversation_id,
            source=event.source,
            client_name=variables.client_name(event),
            client_phone=event.client.phone,
            issue_summary=plain(decision.summary),
            priority=decision.priority,
            tags=decision.tags,
            rule_id=decision.rule,
            ruleset_sha=decision.ruleset_sha,
            mattermost_channel=circumstances.channel_override or decision.channel,
            mattermost_team=decision.team,
            status=IncidentStatus.OPEN,
            acknowledged=decision.ack is not None,
            escalated=decision.escalate,
            created_at=event.received_at,
            last_message_at=event.received_at,
        )
    after = replace(
        before,
        client_name=before.client_name or variables.client_name(event),
        client_phone=before.client_phone or event.client.phone,
        priority=max(before.priority, decision.priority),
        tags=tuple(dict.fromkeys((*before.tags, *decision.tags))),
        acknowledged=before.acknowledged or decision.ack is not None,
        escalated=before.escalated or decision.escalate,
        last_message_at=max(before.last_message_at, event.received_at),
    )
    if before.escalated or not decision.escalate:
        return after
    # The first message that calls for engineers tells them what it is about and where.
    return replace(
        after,
        issue_summary=plain(decision.summary),
        rule_id=decision.rule,
        ruleset_sha=decision.ruleset_sha,
        mattermost_channel=circumstances.channel_override or decision.channel,
        mattermost_team=decision.team,
    )


def _acknowledgements(
    inbound: Inbound,
    decision: Decision,
    wording: Wording,
    circumstances: Circumstances,
    before: Incident | None,
) -> tuple[Acknowledgement, ...]:
    due = decision.ack is not None and not (before and before.acknowledged)
    if decision.ack is None or not due or circumstances.paused or inbound.reply is None:
        return ()
    text = plain(wording.acknowledgement(decision.ack, _variables(inbound, decision, circumstances)))
    return (Acknowledgement(inbound.reply.peer, text, inbound.event.message.id),)


def _posts(  # noqa: PLR0913, PLR0917 - the two states of the incident and the four inputs of the plan
    inbound: Inbound,
    decision: Decision,
    wording: Wording,
    circumstances: Circumstances,
    before: Incident | None,
    after: Incident,
) -> tuple[Escalation | FollowUp | Revision, ...]:
    channel, team = after.mattermost_channel, after.mattermost_team
    if before is None or not before.escalated:
        if not decision.escalate:
            return ()
        title, body = wording.escalation(_variables(inbound, decision, circumstances))
        body = "\n".join((body, *_notes(inbound, decision, circumstances, before)))
        return (Escalation(channel, team, title, body, after.tags, after.priority, after.ticket_id),)
    raw_text = variables.of_message(inbound.event)["raw_text"] or "(a message without text)"
    again = f'The client wrote again: "{raw_text}"'
    if after.priority == before.priority:
        return (FollowUp(channel, team, again, after.ticket_id),)
    raised = (
        f"{again}\nIssue Summary: {decision.summary}\n"
        f"Priority: raised from {before.priority.word} to {after.priority.word}\n"
        f"Action: {circumstances.mention} please check WhatsApp and respond to the client now."
    )
    reply = FollowUp(channel, team, raised, after.ticket_id)
    if circumstances.post is None:
        return (reply,)
    return (Revision(replace(circumstances.post, priority=after.priority, tags=after.tags)), reply)


def _notes(
    inbound: Inbound, decision: Decision, circumstances: Circumstances, before: Incident | None
) -> tuple[str, ...]:
    if decision.ack is None or (before and before.acknowledged):
        return ()
    if circumstances.paused:
        return (PAUSED_NOTE,)
    return () if inbound.reply else (NO_WAY_BACK_NOTE,)


def _variables(inbound: Inbound, decision: Decision, circumstances: Circumstances) -> dict[str, object]:
    return {
        **variables.of_message(inbound.event),
        **variables.of_match(decision.keywords, decision.captures, decision.priority, decision.tags, decision.matched),
        **variables.of_decision(decision.summary, circumstances.mention),
    }


def _delivery(inbound: Inbound, body: Body, circumstances: Circumstances) -> NewDelivery:
    conversation = f"{inbound.connector}:{inbound.event.conversation_id}"
    if isinstance(body, Acknowledgement) and inbound.reply is not None:
        lane, destination = f"acknowledge:{conversation}", inbound.reply.connector
    else:
        lane, destination = f"escalate:{conversation}", circumstances.escalate_to
    return NewDelivery(delivery_id(inbound, body), lane, destination, body, circumstances.accepted_at)
