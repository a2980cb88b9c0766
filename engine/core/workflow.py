"""What follows from what engineers do about an incident, and from nobody doing anything. Pure.

Called by the journal inside the transaction that keeps it, so that each action and each rung of a ladder counts once,
whatever dies in between. The post is edited so that it says how things stand; an edit notifies nobody, so what must be
noticed is a reply in the thread as well.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core import durations, ladders, pages
from engine.core.actions import Action
from engine.core.deliveries import (
    Body,
    Escalation,
    FollowUp,
    NewDelivery,
    PageAction,
    Relayed,
    Revision,
)
from engine.core.events import Address
from engine.core.incidents import Incident, IncidentStatus
from engine.core.ladders import Called, Duty
from engine.core.plan import CALL, EPISODE, LAPSE, AuditEntry, Timer
from engine.core.quotes import plain, quote
from engine.core.standings import age, by, moment, named, standing

# The longest that an incident may be left alone by one command.
_LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Practice:
    """How the engineers of this daemon work."""

    # The connector that reaches them, e.g. "mattermost".
    escalate_to: str
    # Of engine.yaml; a part of the keys of alerts, so that two daemons share none.
    environment: str
    # Whoever first writes in a thread has claimed its incident.
    claims_by_saying: bool = True
    # Words of the thread may go to the client.
    relays: bool = False
    # The kill switch.
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that must be known of an incident to do something about it."""

    incident: Incident
    # The post as it reads now; None before there is one, or after its text was erased.
    post: Escalation | None
    # Where words for the client go; None: there is no way back.
    reply: Address | None = None
    # The network's id of the client's newest message.
    message_id: str = ""
    # Another incident of the same client that is open; None: none is.
    newer: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes."""

    # As it is afterwards.
    incident: Incident
    deliveries: tuple[NewDelivery, ...] = ()
    timers: tuple[Timer, ...] = ()
    # The names of timers that are moot.
    cancelled: tuple[str, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    # Until when nothing is acknowledged automatically in the conversation, and nobody called about it.
    muted_until: datetime | None = None


class _Told:
    """Deliveries of one step, whose ids are derived from that step."""

    def __init__(self, step: str, incident: Incident, practice: Practice, now: datetime) -> None:
        self._key = hashlib.sha256(step.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._incident = incident
        self._practice = practice
        self._now = now
        self.deliveries: list[NewDelivery] = []

    def add(self, body: Body, lane: str, destination: str, suffix: str) -> None:
        self.deliveries.append(NewDelivery(f"{self._key}-{suffix}", lane, destination, body, self._now))

    def thread(self, text: str) -> None:
        """A reply in the thread."""
        if self._incident.escalated:
            where = self._incident.mattermost_channel, self._incident.mattermost_team
            body = FollowUp(*where, text, self._incident.ticket_id)
            self.add(body, self._lane, self._practice.escalate_to, "note")

    def post(self, after: Incident, post: Escalation | None) -> None:
        """The post as it reads from now on."""
        if post is not None:
            told = replace(post, priority=after.priority, tags=after.tags, standing=standing(after, self._now))
            self.add(Revision(told), self._lane, self._practice.escalate_to, "post")

    def pages(self, after: Incident, services: Iterable[str], action: PageAction) -> None:
        """Word to the paging services."""
        for service in services:
            body = pages.page(after, action, self._practice.environment)
            self.add(body, pages.lane(service, after), service, f"page-{service}")

    def channel(self, channel: tuple[str, str | None], text: str) -> None:
        """A post of its own in a further channel."""
        lane = f"copy:{channel[0]}:{self._incident.connector}:{self._incident.conversation_id}"
        self.add(FollowUp(*channel, text, ""), lane, self._practice.escalate_to, "channel")

    @property
    def _lane(self) -> str:
        return f"escalate:{self._incident.connector}:{self._incident.conversation_id}"


def act(action: Action, found: Standing, duty: Duty, practice: Practice, now: datetime) -> Change:
    """What follows from an engineer's action."""
    incident = found.incident
    told = _Told(f"{action.destination}\n{action.id}", incident, practice, now)
    if not incident.is_live and action.kind not in {"resolve", "reopen", "say", "release"}:
        told.thread(f"{incident.ticket_id} is closed: `reopen` opens it again.")
        return Change(incident, tuple(told.deliveries))
    return _ACTIONS[action.kind](_Step(action, found, duty, practice, now, told))


@dataclass(frozen=True, slots=True)
class _Step:
    action: Action
    found: Standing
    duty: Duty
    practice: Practice
    now: datetime
    told: _Told

    @property
    def incident(self) -> Incident:
        return self.found.incident

    def change(self, after: Incident, kind: str, *facts: tuple[str, str], **rest: object) -> Change:
        """The change that makes the incident this one, with an edited post and a row of the audit."""
        self.told.post(after, self.found.post)
        entry = AuditEntry(kind, (("by", self.action.by), ("how", self.action.id.partition(":")[0]), *facts))
        return Change(after, tuple(self.told.deliveries), audit=(entry,), **rest)  # type: ignore[arg-type]

    def nothing(self) -> Change:
        return Change(self.incident, tuple(self.told.deliveries))


def _claim(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.status is IncidentStatus.CLAIMED:
        if incident.claimed_by != action.by:
            step.told.thread(f"{incident.ticket_id} is claimed already {by(incident.claimed_by)}.")
        return step.nothing()
    after = replace(
        incident,
        status=IncidentStatus.CLAIMED,
        claimed_by=action.by,
        claimed_at=min(action.at, step.now),
        claim_id=action.id,
        snoozed_until=None,
    )
    step.told.thread(f"{named(action.by)} has taken {incident.ticket_id}.")
    step.told.pages(after, incident.paged, PageAction.ACKNOWLEDGE)
    return step.change(after, "claimed", cancelled=(CALL,))


def _release(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.status is not IncidentStatus.CLAIMED or incident.claimed_by != action.by:
        return step.nothing()
    after = replace(incident, status=IncidentStatus.OPEN, claimed_by=None, claimed_at=None, claim_id=None)
    step.told.thread(f"{named(action.by)} has given {incident.ticket_id} back: it is open.")
    return step.change(after, "released", timers=call_timer(after, step.duty, step.now))


def _resolve(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.status is IncidentStatus.RESOLVED:
        return step.nothing()
    at = max(incident.created_at, min(action.at, step.now))
    after = replace(
        incident, status=IncidentStatus.RESOLVED, resolved_by=action.by, resolved_at=at, snoozed_until=None, paged=()
    )
    note = f": {quote(action.text)}" if action.text else ""
    step.told.thread(
        f"{named(action.by)} has resolved {incident.ticket_id} after {age(at - incident.created_at)}{note}"
    )
    step.told.pages(after, incident.paged, PageAction.RESOLVE)
    return step.change(after, "resolved", cancelled=(CALL, LAPSE))


def _reopen(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.is_live:
        return step.nothing()
    if step.found.newer is not None:
        step.told.thread(f"{step.found.newer} is open for this client: {incident.ticket_id} stays closed.")
        return step.nothing()
    status = IncidentStatus.CLAIMED if incident.claimed_by else IncidentStatus.OPEN
    after = replace(incident, status=status, resolved_by=None, resolved_at=None)
    step.told.thread(f"{named(action.by)} has opened {incident.ticket_id} again.")
    lapse = Timer(LAPSE, step.now + (incident.follow_up.within or EPISODE))
    return step.change(after, "reopened", timers=(lapse, *call_timer(after, step.duty, step.now)))


def _snooze(step: _Step) -> Change:
    until = step.now + min(step.action.span or timedelta(0), _LONGEST)
    after = replace(step.incident, snoozed_until=until)
    step.told.thread(f"Paused by {named(step.action.by)}: nobody is called before {moment(until, step.now)}.")
    timers = call_timer(after, step.duty, step.now)
    return step.change(after, "snoozed", ("for", durations.written(until - step.now)), timers=timers)


def _mute(step: _Step) -> Change:
    until = step.now + min(step.action.span or timedelta(0), _LONGEST)
    after = replace(step.incident, snoozed_until=until)
    step.told.thread(
        f"Muted by {named(step.action.by)}: until {moment(until, step.now)} this client gets no automatic "
        "acknowledgement and nobody is called."
    )
    timers = call_timer(after, step.duty, step.now)
    facts = ("for", durations.written(until - step.now))
    return step.change(after, "muted", facts, timers=timers, muted_until=until)


def _set_priority(step: _Step) -> Change:
    incident, priority = step.incident, step.action.priority
    if priority is None or priority is incident.priority:
        return step.nothing()
    after = replace(incident, priority=priority, rung=0)
    verb = "raised" if priority > incident.priority else "lowered"
    step.told.thread(f"Priority: {verb} to {priority.word} by {named(step.action.by)}.")
    facts = (("from", incident.priority.word), ("to", priority.word))
    return step.change(after, "prioritised", *facts, timers=call_timer(after, step.duty, step.now))


def _say(step: _Step) -> Change:
    if step.practice.claims_by_saying and step.incident.status is IncidentStatus.OPEN:
        return _claim(step)
    return step.nothing()


def _reply(step: _Step) -> Change:
    incident, action, found = step.incident, step.action, step.found
    if not step.practice.relays:
        step.told.thread("Words for the client are not relayed here: answer on WhatsApp. (`mattermost.relay_replies`)")
        return step.nothing()
    if step.practice.paused:
        step.told.thread("Nothing is sent to clients while the engine is paused: answer on WhatsApp.")
        return step.nothing()
    if found.reply is None:
        step.told.thread("There is no way back to this client: answer by hand.")
        return step.nothing()
    where = incident.mattermost_channel, incident.mattermost_team
    words = Relayed(found.reply.peer, plain(action.text), found.message_id, *where, action.by, incident.ticket_id)
    lane = f"acknowledge:{incident.connector}:{incident.conversation_id}"
    step.told.add(words, lane, found.reply.connector, "relayed")
    at = min(action.at, step.now)
    claims = incident.status is IncidentStatus.OPEN
    after = replace(
        incident,
        status=IncidentStatus.CLAIMED,
        claimed_by=action.by if claims else incident.claimed_by,
        claimed_at=at if claims else incident.claimed_at,
        claim_id=action.id if claims else incident.claim_id,
        answered_at=incident.answered_at or at,
        replied_at=at,
    )
    if claims:
        step.told.pages(after, incident.paged, PageAction.ACKNOWLEDGE)
    return step.change(after, "replied", cancelled=(CALL,))


def _misunderstood(step: _Step) -> Change:
    step.told.thread(plain(step.action.text))
    return step.nothing()


_ACTIONS: dict[str, Callable[[_Step], Change]] = {
    "claim": _claim,
    "release": _release,
    "resolve": _resolve,
    "reopen": _reopen,
    "snooze": _snooze,
    "mute": _mute,
    "priority": _set_priority,
    "say": _say,
    "reply": _reply,
    "misunderstood": _misunderstood,
}


def call_timer(incident: Incident, duty: Duty, now: datetime) -> tuple[Timer, ...]:
    """When the next rung is to be called, counted from now; nothing where nobody needs to be."""
    ladder = duty.ladder(incident.priority)
    if ladder is None or incident.status is not IncidentStatus.OPEN or not incident.escalated:
        return ()
    due_at = ladders.next_call(ladder, incident.rung, now, incident.snoozed_until)
    return () if due_at is None else (Timer(CALL, due_at),)


def climb(found: Standing, duty: Duty, practice: Practice, now: datetime) -> Change:
    """What follows when nobody has claimed an incident within the time of its rung."""
    incident = found.incident
    ladder = duty.ladder(incident.priority)
    # The rules may have changed since the timer was set.
    if ladder is None or incident.status is not IncidentStatus.OPEN:
        return Change(incident, cancelled=(CALL,))
    later = max(incident.snoozed_until or now, ladders.quiet_until(ladder, duty, now) or now)
    if later > now:
        return Change(incident, timers=(Timer(CALL, later),))
    number = incident.rung + 1
    called = ladders.call_rung(ladder, number, duty, now)
    told = _Told(f"{incident.ticket_id}\nrung {number} of {incident.version}", incident, practice, now)
    there = ladders.rung(ladder, number)
    after = replace(
        incident,
        rung=number,
        snoozed_until=None,
        paged=tuple(dict.fromkeys((*incident.paged, *called.services))),
    )
    text = _reminder(incident, called, last=there is None, now=now)
    told.thread(text)
    if there is not None and there.channel is not None:
        told.channel(there.channel, f"**{incident.ticket_id}** in ~{incident.mattermost_channel}: {text}")
    told.pages(after, called.services, PageAction.TRIGGER)
    told.post(after, found.post)
    entry = AuditEntry("called", (("rung", str(number)), ("whom", " ".join((*called.mentions, *called.services)))))
    timers = call_timer(after, duty, now)
    return Change(after, tuple(told.deliveries), timers, cancelled=() if timers else (CALL,), audit=(entry,))


def _reminder(incident: Incident, called: Called, *, last: bool, now: datetime) -> str:
    whom = " ".join(called.mentions)
    since = age(now - incident.created_at)
    head = f"Nobody has taken {incident.ticket_id} yet ({incident.priority.word}, open for {since})."
    ask = f" {whom} please check WhatsApp and respond to the client now." if whom else ""
    paged = f" Paged: {', '.join(called.services)}." if called.services else ""
    end = " This was the last call: nobody else is called." if last else ""
    notes = f" ({'; '.join(called.notes)})" if called.notes else ""
    return f"{head}{ask}{paged}{end}{notes}"


def lapse(found: Standing, practice: Practice, now: datetime) -> Change:
    """What follows when a client has been silent for the length of an episode."""
    incident = found.incident
    told = _Told(f"{incident.ticket_id}\nlapsed {incident.version}", incident, practice, now)
    after = replace(incident, status=IncidentStatus.LAPSED, paged=())
    told.pages(after, incident.paged, PageAction.RESOLVE)
    told.post(after, found.post)
    return Change(after, tuple(told.deliveries), cancelled=(CALL, LAPSE), audit=(AuditEntry("lapsed"),))
