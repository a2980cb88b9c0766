"""What follows from what engineers do about an incident, and from nobody doing anything. Pure.

Called by the journal inside the transaction that keeps it, so that each action and each rung of a ladder counts once,
whatever dies in between. The post is edited so that it says how things stand; an edit notifies nobody, so what must be
noticed is a reply in the thread as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core import durations, ladders
from engine.core.actions import Action
from engine.core.deliveries import PageAction, Relayed
from engine.core.incidents import Incident, IncidentStatus
from engine.core.ladders import Called, Duty
from engine.core.plan import CALL, EPISODE, LAPSE, AuditEntry, Timer
from engine.core.practices import Change, Practice, Standing, Words
from engine.core.quotes import plain, quote
from engine.core.standings import BY_HAND, age, by, moment, named

# The longest that an incident may be left alone by one command.
_LONGEST = timedelta(days=7)


def act(action: Action, found: Standing, practice: Practice, now: datetime) -> Change:
    """What follows from an engineer's action."""
    incident = found.incident
    said = Words(f"{action.destination}\n{action.id}", incident, practice, now)
    if not incident.is_live and action.kind not in {"resolve", "reopen", "say", "release"}:
        said.thread(f"{incident.ticket_id} is closed: `reopen` opens it again.")
        return Change(incident, tuple(said.deliveries))
    return _ACTIONS[action.kind](_Step(action, found, practice, now, said))


@dataclass(frozen=True, slots=True)
class _Step:
    action: Action
    found: Standing
    practice: Practice
    now: datetime
    said: Words

    @property
    def incident(self) -> Incident:
        return self.found.incident

    def change(self, after: Incident, kind: str, *facts: tuple[str, str], **rest: object) -> Change:
        """The change that makes the incident this one, with an edited post and a row of the audit."""
        self.said.post(after, self.found.post)
        entry = AuditEntry(kind, (("by", self.action.by), ("how", self.action.id.partition(":")[0]), *facts))
        return Change(after, tuple(self.said.deliveries), audit=(entry,), **rest)  # type: ignore[arg-type]

    def next_call(self, after: Incident) -> tuple[Timer, ...]:
        return () if self.found.called_elsewhere else call_timer(after, self.practice.duty, self.now)

    def nothing(self) -> Change:
        return Change(self.incident, tuple(self.said.deliveries))


def _claim(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.status is IncidentStatus.CLAIMED:
        if incident.claimed_by != action.by:
            step.said.thread(f"{incident.ticket_id} is claimed already {by(incident.claimed_by)}.")
        return step.nothing()
    after = replace(
        incident,
        status=IncidentStatus.CLAIMED,
        claimed_by=action.by,
        claimed_at=min(action.at, step.now),
        claim_id=action.id,
        snoozed_until=None,
    )
    step.said.thread(f"{named(action.by)} has taken {incident.ticket_id}.")
    step.said.pages(after, incident.paged, PageAction.ACKNOWLEDGE)
    return step.change(after, "claimed", cancelled=(CALL,))


def _release(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.status is not IncidentStatus.CLAIMED:
        return step.nothing()
    how = action.id.partition(":")[0]
    # WhatsApp does not say which of our people answered, so anybody may say that nobody has it; that somebody takes
    # back a reaction which has claimed nothing says no such thing.
    anybody_may = incident.claimed_by == BY_HAND and how in {"post", "button"}
    if incident.claimed_by != action.by and not anybody_may:
        if how == "post":
            step.said.thread(f"{incident.ticket_id} is claimed {by(incident.claimed_by)}, who alone can give it back.")
        return step.nothing()
    after = replace(incident, status=IncidentStatus.OPEN, claimed_by=None, claimed_at=None, claim_id=None)
    after = _callable_again(after, step.practice.duty)
    step.said.thread(f"{named(action.by)} has given {incident.ticket_id} back: it is open.")
    return step.change(after, "released", timers=step.next_call(after))


def _resolve(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.status is IncidentStatus.RESOLVED:
        return step.nothing()
    at = max(incident.created_at, min(action.at, step.now))
    after = replace(
        incident, status=IncidentStatus.RESOLVED, resolved_by=action.by, resolved_at=at, snoozed_until=None, paged=()
    )
    note = f": {quote(action.text)}" if action.text else ""
    step.said.thread(
        f"{named(action.by)} has resolved {incident.ticket_id} after {age(at - incident.created_at)}{note}"
    )
    step.said.pages(after, incident.paged, PageAction.RESOLVE)
    return step.change(after, "resolved", cancelled=(CALL, LAPSE))


def _reopen(step: _Step) -> Change:
    incident, action = step.incident, step.action
    if incident.is_live:
        return step.nothing()
    if step.found.newer is not None:
        step.said.thread(f"{step.found.newer} is open for this client: {incident.ticket_id} stays closed.")
        return step.nothing()
    status = IncidentStatus.CLAIMED if incident.claimed_by else IncidentStatus.OPEN
    after = replace(incident, status=status, resolved_by=None, resolved_at=None, rung=0)
    step.said.thread(f"{named(action.by)} has opened {incident.ticket_id} again.")
    lapse = Timer(LAPSE, step.now + (incident.follow_up.within or EPISODE))
    return step.change(after, "reopened", timers=(lapse, *step.next_call(after)))


def _snooze(step: _Step) -> Change:
    until = step.now + min(step.action.span or timedelta(0), _LONGEST)
    after = _callable_again(replace(step.incident, snoozed_until=until), step.practice.duty)
    step.said.thread(f"Paused by {named(step.action.by)}: nobody is called before {moment(until, step.now)}.")
    timers = step.next_call(after)
    return step.change(after, "snoozed", ("for", durations.written(until - step.now)), timers=timers)


def _mute(step: _Step) -> Change:
    until = step.now + min(step.action.span or timedelta(0), _LONGEST)
    after = replace(step.incident, snoozed_until=until)
    step.said.thread(
        f"Muted by {named(step.action.by)}: until {moment(until, step.now)} this client gets no automatic "
        "acknowledgement and nobody is called."
    )
    timers = step.next_call(after)
    facts = ("for", durations.written(until - step.now))
    return step.change(after, "muted", facts, timers=timers, muted_until=until)


def _set_priority(step: _Step) -> Change:
    incident, priority = step.incident, step.action.priority
    if priority is None or priority is incident.priority:
        return step.nothing()
    after = replace(incident, priority=priority, rung=0)
    verb = "raised" if priority > incident.priority else "lowered"
    step.said.thread(f"Priority: {verb} to {priority.word} by {named(step.action.by)}.")
    facts = (("from", incident.priority.word), ("to", priority.word))
    return step.change(after, "prioritised", *facts, timers=step.next_call(after))


def _say(step: _Step) -> Change:
    if step.practice.claims_by_saying and step.incident.status is IncidentStatus.OPEN:
        return _claim(step)
    return step.nothing()


def _reply(step: _Step) -> Change:
    incident, action, found = step.incident, step.action, step.found
    if not step.practice.relays:
        step.said.thread("Words for the client are not relayed here: answer on WhatsApp. (`mattermost.relay_replies`)")
        return step.nothing()
    if step.practice.paused:
        step.said.thread("Nothing is sent to clients while the engine is paused: answer on WhatsApp.")
        return step.nothing()
    if found.reply is None:
        step.said.thread("There is no way back to this client: answer by hand.")
        return step.nothing()
    where = incident.mattermost_channel, incident.mattermost_team
    words = Relayed(found.reply.peer, plain(action.text), found.message_id, *where, action.by, incident.ticket_id)
    lane = f"acknowledge:{incident.connector}:{incident.conversation_id}"
    step.said.add(words, lane, found.reply.connector, "relayed")
    at = min(action.at, step.now)
    claims = incident.status is IncidentStatus.OPEN
    after = replace(
        incident,
        status=IncidentStatus.CLAIMED,
        claimed_by=action.by if claims else incident.claimed_by,
        claimed_at=at if claims else incident.claimed_at,
        claim_id=action.id if claims else incident.claim_id,
        snoozed_until=None if claims else incident.snoozed_until,
        answered_at=incident.answered_at or at,
        replied_at=at,
    )
    if claims:
        step.said.pages(after, incident.paged, PageAction.ACKNOWLEDGE)
    return step.change(after, "replied", cancelled=(CALL,))


def _misunderstood(step: _Step) -> Change:
    step.said.thread(plain(step.action.text))
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


def _callable_again(incident: Incident, duty: Duty) -> Incident:
    """The same where somebody is left to be called; after the last call the ladder begins anew."""
    ladder = duty.ladder(incident.priority)
    ended = ladder is not None and ladders.rung(ladder, incident.rung) is None
    return replace(incident, rung=0) if ended else incident


def climb(found: Standing, practice: Practice, now: datetime) -> Change:
    """What follows when nobody has claimed an incident within the time of its rung."""
    incident, duty = found.incident, practice.duty
    ladder = duty.ladder(incident.priority)
    # The rules may have changed since the timer was set.
    if ladder is None or incident.status is not IncidentStatus.OPEN or found.called_elsewhere:
        return Change(incident, cancelled=(CALL,))
    later = max(incident.snoozed_until or now, ladders.quiet_until(ladder, duty, now) or now)
    if later > now:
        return Change(incident, timers=(Timer(CALL, later),))
    number = incident.rung + 1
    called = ladders.call_rung(ladder, number, duty, now)
    said = Words(f"{incident.ticket_id}\nrung {number} of {incident.version}", incident, practice, now)
    there = ladders.rung(ladder, number)
    after = replace(
        incident,
        rung=number,
        snoozed_until=None,
        paged=tuple(dict.fromkeys((*incident.paged, *called.services))),
    )
    text = _reminder(incident, called, last=there is None, now=now)
    said.thread(text, calls=True)
    if there is not None and there.channel is not None:
        where = (practice.channel_override, None) if practice.channel_override else there.channel
        said.channel(where, f"**{incident.ticket_id}** in ~{incident.mattermost_channel}: {text}")
    said.pages(after, called.services, PageAction.TRIGGER)
    said.post(after, found.post)
    entry = AuditEntry("called", (("rung", str(number)), ("whom", " ".join((*called.mentions, *called.services)))))
    timers = call_timer(after, duty, now)
    return Change(after, tuple(said.deliveries), timers, cancelled=() if timers else (CALL,), audit=(entry,))


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
    # Nobody has taken it and somebody is still to be called: that the client waits in silence ends nothing.
    waiting = () if found.called_elsewhere else call_timer(incident, practice.duty, now)
    if waiting:
        # A call that is due already keeps its time; where rules that were changed left none, it is set now. One that is
        # overdue waits, e.g. for engineers to be heard, and this is not asked again at every look until then.
        calls = () if found.call_at else waiting
        lapse_at = max(now, found.call_at or waiting[0].due_at) + (incident.follow_up.within or EPISODE)
        return Change(incident, timers=(*calls, Timer(LAPSE, lapse_at)))
    return close(found, practice, now)


def close(found: Standing, practice: Practice, now: datetime) -> Change:
    """The end of an incident whose client says nothing any more."""
    incident = found.incident
    said = Words(f"{incident.ticket_id}\nlapsed {incident.version}", incident, practice, now)
    after = replace(incident, status=IncidentStatus.LAPSED, paged=())
    said.pages(after, incident.paged, PageAction.RESOLVE)
    said.post(after, found.post)
    return Change(after, tuple(said.deliveries), cancelled=(CALL, LAPSE), audit=(AuditEntry("lapsed"),))
