"""How the engineers of this daemon work, what must be known of an incident to do something about it, and what is then
written. Values of `workflow` and `outages`. Pure.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.core import pages
from engine.core.deliveries import Body, Escalation, FollowUp, NewDelivery, PageAction, Revision
from engine.core.events import Address
from engine.core.incidents import Incident
from engine.core.ladders import Duty, MentionMode
from engine.core.plan import AuditEntry, Timer
from engine.core.standings import stood


@dataclass(frozen=True, slots=True)
class Watch:
    """How many clients with the same trouble make an outage."""

    # The tags by which incidents have the same trouble.
    tags: frozenset[str]
    clients: int
    # Within so long.
    within: timedelta


@dataclass(frozen=True, slots=True)
class Practice:
    """How the engineers of this daemon work."""

    # Who is called.
    duty: Duty
    # The connector that reaches them, e.g. "mattermost".
    escalate_to: str
    # Of engine.yaml; a part of the keys of alerts, so that two daemons share none.
    environment: str
    # How the post calls whom a ladder names.
    mention_mode: MentionMode = MentionMode.BOTH
    # Whoever first writes in a thread has claimed its incident.
    claims_by_saying: bool = True
    # Words of the thread may go to the client.
    relays: bool = False
    # The kill switch.
    paused: bool = False
    # None: nothing makes an outage.
    watch: Watch | None = None
    # Everything goes to this channel instead of others, for development.
    channel_override: str | None = None


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
    # It belongs to an outage that is not over: engineers are called there.
    called_elsewhere: bool = False
    # When somebody is called next; None: nobody is to be.
    call_at: datetime | None = None


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


class Words:
    """What is said because of one step; the ids are derived from that step, which counts once."""

    def __init__(self, step: str, incident: Incident, practice: Practice, now: datetime) -> None:
        self._key = hashlib.sha256(step.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._incident = incident
        self._practice = practice
        self._now = now
        self.deliveries: list[NewDelivery] = []

    def add(self, body: Body, lane: str, destination: str, suffix: str) -> None:
        """Anything else; `suffix` tells it from the rest of the step."""
        self.deliveries.append(NewDelivery(f"{self._key}-{suffix}", lane, destination, body, self._now))

    def thread(self, text: str, *, calls: bool = False) -> None:
        """A reply in the thread; whether it calls somebody."""
        if self._incident.escalated:
            where = self._incident.mattermost_channel, self._incident.mattermost_team
            body = FollowUp(*where, text, self._incident.ticket_id, calls)
            self.add(body, self._lane, self._practice.escalate_to, "note")

    def post(self, after: Incident, post: Escalation | None) -> None:
        """The post as it reads from now on."""
        if post is not None:
            told = replace(stood(post, after, self._now), priority=after.priority, tags=after.tags)
            self.add(Revision(told), self._lane, self._practice.escalate_to, "post")

    def pages(self, after: Incident, services: Iterable[str], action: PageAction) -> None:
        """Word to the paging services."""
        for service in services:
            body = pages.page(after, action, self._practice.environment)
            self.add(body, pages.lane(service, after), service, f"page-{service}")

    def channel(self, channel: tuple[str, str | None], text: str) -> None:
        """A call in a further channel, a post of its own."""
        lane = f"copy:{channel[0]}:{self._incident.connector}:{self._incident.conversation_id}"
        self.add(FollowUp(*channel, text, "", calls=True), lane, self._practice.escalate_to, "channel")

    @property
    def _lane(self) -> str:
        return f"escalate:{self._incident.connector}:{self._incident.conversation_id}"
