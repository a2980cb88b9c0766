"""How an incident stands, in the words of the line that its post ends with, and what can be done about it. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from engine.core.deliveries import Escalation
from engine.core.incidents import Incident, IncidentStatus
from engine.core.quotes import quote

# What a claim by an answer on WhatsApp is claimed by: the network does not say which of our people it was.
BY_HAND = "whatsapp"
_LEGEND = ":eyes: take it, :white_check_mark: resolve it"
_DAY = timedelta(days=1)
# What people do most about an incident of this status, the likeliest first.
_OFFERS = {
    IncidentStatus.OPEN: ("claim", "resolve", "snooze"),
    IncidentStatus.CLAIMED: ("resolve", "release"),
    IncidentStatus.RESOLVED: ("reopen",),
    IncidentStatus.LAPSED: ("reopen",),
}


def stood(post: Escalation, incident: Incident, now: datetime) -> Escalation:
    """The post with how the incident stands and what can be done about it."""
    return replace(post, standing=standing(incident, now), offers=_OFFERS[incident.status])


def standing(incident: Incident, now: datetime) -> str:
    """E.g. "claimed by alice at 10:17 UTC · open for 12 min · :white_check_mark: resolve it"; the people are quoted."""
    match incident.status:
        case IncidentStatus.RESOLVED:
            by = f" by {named(incident.resolved_by)}" if incident.resolved_by else ""
            at = incident.resolved_at or now
            return f"resolved{by} at {moment(at, now)} after {age(at - incident.created_at)}"
        case IncidentStatus.LAPSED:
            return "closed: the client has been silent"
        case IncidentStatus.OPEN:
            state, legend = "open", _LEGEND
        case IncidentStatus.CLAIMED:
            state, legend = _claimed(incident, now), _LEGEND.partition(", ")[2]
        case _:
            assert_never(incident.status)
    parts = [state]
    if incident.snoozed_until is not None and incident.snoozed_until > now:
        parts.append(f"paused until {moment(incident.snoozed_until, now)}")
    if now - incident.created_at >= timedelta(minutes=1):
        parts.append(f"since {age(now - incident.created_at)}")
    return " · ".join((*parts, legend))


def _claimed(incident: Incident, now: datetime) -> str:
    at = f" at {moment(incident.claimed_at, now)}" if incident.claimed_at is not None else ""
    waits = "waiting for the client, " if incident.awaits_client else ""
    return f"{waits}claimed {by(incident.claimed_by)}{at}"


def by(person: str | None) -> str:
    """Who did something, after a verb: "by alice", "on WhatsApp"."""
    if person == BY_HAND:
        return "on WhatsApp"
    return f"by {named(person)}" if person else "by somebody"


def named(person: str) -> str:
    """A person's name so that it calls nobody: some are told of every post with their first name in it."""
    return quote(person)


def moment(at: datetime, now: datetime) -> str:
    """A time of the day, with its date where it is another day than now."""
    there = at.astimezone(UTC)
    day = "" if there.date() == now.astimezone(UTC).date() else f"{there:%Y-%m-%d} "
    return f"{day}{there:%H:%M} UTC"


def age(span: timedelta) -> str:
    """How long something has lasted, as people say it: "under a minute", "12 min", "3 h 5 min", "2 d 4 h"."""
    minutes = span // timedelta(minutes=1)
    if minutes < 1:
        return "under a minute"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (rest if span < _DAY else 0, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
