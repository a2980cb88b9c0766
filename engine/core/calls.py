"""Whom the engineers' post calls by name, and when the next rung is due if nobody claims the incident. Pure.

Called by `plan` for each message that joins or opens an incident; `workflow` goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.core import ladders, pages
from engine.core.answers import Circumstances
from engine.core.deliveries import Body, FollowUp, NewDelivery, Page, PageAction, Revision
from engine.core.incidents import Incident, IncidentStatus
from engine.core.ladders import Called, MentionMode
from engine.core.standings import stood

# How an incident stands whose rule wants a new one for a further message.
SUPERSEDED = "closed: a further message has opened a new incident"

# Why a call that waits while somebody takes its incident does not leave.
TAKEN = "somebody took the incident before this call had left"
# Why a call that has not left yet does not leave any more, by how its incident stands.
_MOOT = {
    IncidentStatus.CLAIMED: TAKEN,
    IncidentStatus.RESOLVED: "the incident was resolved before this call had left",
    IncidentStatus.LAPSED: "the incident was closed before this call had left",
}
_PAUSED = "the incident was paused before this call had left"
_ELSEWHERE = "engineers are called about its outage instead"
_GIVEN_BACK = "the incident was given back before this word had left"


@dataclass(frozen=True, slots=True)
class Call:
    """How the engineers are called because of one message."""

    # What the post's sentence calls, e.g. "@oncall".
    mention: str
    # Further lines of the post: who is on call, and what is doubtful about it.
    lines: tuple[str, ...] = ()
    # Paging services.
    services: tuple[str, ...] = ()
    # When the next rung is due; None: the timer stays as it is.
    next_at: datetime | None = None


def call(before: Incident | None, after: Incident, override: str | None, circumstances: Circumstances) -> Call:
    """How a message calls: the ladder's first rung where there is a new post or a raised priority, else the mention
    alone. `override` is the rule's own mention.
    """
    duty, now = circumstances.duty, circumstances.accepted_at
    anew = before is None or not before.escalated or after.priority > before.priority
    live = circumstances.outages
    named = next((live[tag] for tag in after.tags if tag in live), None)
    # One that is over calls nobody any more.
    outage = after.outage if after.outage in live.values() else named
    if outage is not None:
        return Call(f"engineers of the outage {outage},")
    calls = anew and after.escalated and after.status is IncidentStatus.OPEN
    ladder = duty.ladder(after.priority) if calls and duty is not None else None
    if duty is None or ladder is None:
        return Call(override or circumstances.mention)
    called = ladders.call_rung(ladder, 0, duty, now)
    mode = MentionMode.STATIC if override else circumstances.mention_mode
    mention, lines = whom(called, override or circumstances.mention, mode)
    next_at = ladders.next_call(ladder, 0, now, circumstances.muted_until)
    return Call(mention, lines, called.services, next_at)


def is_call(body: Body) -> bool:
    """Whether it does nothing but call somebody about an incident that nobody has."""
    match body:
        case FollowUp():
            return body.calls
        case Page():
            return body.action is PageAction.TRIGGER
        case _:
            return False


def moot(body: Body, incident: Incident, now: datetime, *, elsewhere: bool) -> str:
    """Why what has not left yet need not leave any more, by how its incident stands now; empty: it is wanted. A call,
    where nobody needs to be called, or not before a moment, or engineers are called `elsewhere`, about its outage; word
    to a paging service that somebody has what nobody has.
    """
    is_open = incident.status is IncidentStatus.OPEN
    if is_call(body):
        paused = is_open and incident.snoozed_until is not None and incident.snoozed_until > now
        return _PAUSED if paused else _MOOT.get(incident.status, _ELSEWHERE if elsewhere else "")
    silences = isinstance(body, Page) and body.action is PageAction.ACKNOWLEDGE
    return _GIVEN_BACK if silences and is_open else ""


def whom(called: Called, fixed: str, mode: MentionMode) -> tuple[str, tuple[str, ...]]:
    """What the sentence of a post calls, and the further lines: who is on call, and what is doubtful about it. `fixed`
    is the mention of engine.yaml or of the rule.
    """
    names = " ".join(called.mentions)
    mention = (names or fixed) if mode is MentionMode.RESOLVED else (fixed or names)
    who = (f"On call: {names}",) if mode is MentionMode.BOTH and names and mention != names else ()
    return mention, (*who, *(f"Note: {note}" for note in called.notes))


def paged(
    key: str,
    after: Incident,
    services: Sequence[str],
    circumstances: Circumstances,
    action: PageAction = PageAction.TRIGGER,
) -> tuple[NewDelivery, ...]:
    """Word of an incident to some services because of a message, whose key is `key`."""
    now = circumstances.accepted_at
    body = pages.page(after, action, circumstances.environment)
    return tuple(NewDelivery(f"{key}-page-{name}", pages.lane(name, after), name, body, now) for name in services)


def closing(key: str, ended: Incident, circumstances: Circumstances, *, superseded: bool) -> tuple[NewDelivery, ...]:
    """The last words of an incident that ends because the message with this key does not join it."""
    now, post = circumstances.accepted_at, circumstances.post
    said = paged(f"{key}-closed", ended, ended.paged, circumstances, PageAction.RESOLVE)
    if post is None:
        return said
    told = stood(post, replace(ended, status=IncidentStatus.LAPSED), now)
    if superseded:
        told = replace(told, standing=SUPERSEDED)
    lane = f"escalate:{ended.connector}:{ended.conversation_id}"
    return (NewDelivery(f"{key}-closed", lane, circumstances.escalate_to, Revision(told), now), *said)
