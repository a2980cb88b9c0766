"""An incident: one client's problem from the first message until it is resolved or falls silent."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.core.decisions import FollowUpPolicy, Priority


class IncidentStatus(StrEnum):
    """The life of an incident; only `open` and `claimed` ones take further messages."""

    OPEN = "open"
    CLAIMED = "claimed"
    RESOLVED = "resolved"
    # Nobody wrote for the length of an episode, or a further message opened an incident of its own.
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Incident:
    """The state of an incident after the last message that joined it."""

    # "OC-2026-0001"; `quotes.TICKET` while the journal has not allocated it.
    ticket_id: str
    # Rises by one with each change; 0 while the incident is only planned.
    version: int
    connector: str
    conversation_id: str
    # The event's network, e.g. "whatsapp".
    source: str
    client_name: str | None
    client_phone: str | None
    # Without quotes' marks.
    issue_summary: str
    priority: Priority
    tags: tuple[str, ...]
    rule_id: str
    ruleset_sha: str
    mattermost_channel: str
    mattermost_team: str | None
    status: IncidentStatus
    # An acknowledgement was planned in this episode, or the engineers were asked to answer by hand; none follows.
    acknowledged: bool
    # The engineers' post was planned; further messages go to its thread.
    escalated: bool
    # When the first message was received.
    created_at: datetime
    # When the newest message was received; the episode is counted from here.
    last_message_at: datetime
    # When the newest acknowledgement was planned, or the engineers were asked to answer by hand; None: not yet, or
    # before the journal kept it.
    acknowledged_at: datetime | None = None
    # What the rule that opened it said about further messages: later rules change nothing about an open incident.
    follow_up: FollowUpPolicy = field(default_factory=FollowUpPolicy)
    # Who takes care of it, and since when; None: nobody has said so.
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    # The id of the action by which it was claimed; None: not in the engineers' chat.
    claim_id: str | None = None
    # When a person first answered the client, and the newest time that one did.
    answered_at: datetime | None = None
    replied_at: datetime | None = None
    # Who closed it, and when.
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    # Nobody is called before then.
    snoozed_until: datetime | None = None
    # The rung of the ladder that was called last, counted on through its repeats; 0: that of the post itself.
    rung: int = 0
    # The paging services that have an alert about it.
    paged: tuple[str, ...] = ()
    # The ticket of the outage that it belongs to: engineers are called there.
    outage: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether it takes further messages."""
        return self.status in {IncidentStatus.OPEN, IncidentStatus.CLAIMED}

    @property
    def awaits_client(self) -> bool:
        """Whether the last word is ours."""
        return self.is_live and self.replied_at is not None and self.replied_at >= self.last_message_at

    @property
    def display_name(self) -> str:
        """The client's name, else the phone number, else "Client"."""
        return self.client_name or self.client_phone or "Client"
