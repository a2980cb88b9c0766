"""Whether a client is answered now, and by which text: what a plan needs to know besides the message and the decision.

Called by `plan`. The templates are those of the loaded rules, behind `Wording`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from engine.core.deliveries import Escalation
from engine.core.events import Event, Inbound
from engine.core.incidents import Incident
from engine.core.ladders import Duty, MentionMode

# Acknowledgements that are sent instead of the rule's where there are such templates.
LATE = "late"
MEDIA = "media"
_DEFAULT = "default"
PAUSED_NOTE = "Note: acknowledgement is paused: answer by hand."
HELD_NOTE = "Note: a person answers this client on WhatsApp: no acknowledgement was sent."
QUIET_NOTE = "Note: these are quiet hours: no acknowledgement was sent."
NO_WAY_BACK_NOTE = "Note: no acknowledgement could be sent on this way in: answer by hand."


class Wording(Protocol):
    """The templates of the loaded rules."""

    def language(self, event: Event, template: str) -> str | None:
        """The language variant of a template that the client is answered in, e.g. "sw"; None: the template itself.
        Asked only when there is somebody to answer, because telling languages apart takes as long as a decision.
        """
        ...

    def offers(self, template: str) -> bool:
        """Whether there is an acknowledgement of this name."""
        ...

    def acknowledgement(self, template: str, variables: Mapping[str, object]) -> str:
        """The text for the client, with quotes' marks. `template` was checked when the rules were loaded; a language
        variant is named as "default.sw".
        """
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
    # A person answers in this conversation.
    held: bool = field(default=False, kw_only=True)
    # Until when nobody is called about this client, but by the post itself.
    muted_until: datetime | None = field(default=None, kw_only=True)
    # The outages that are not over: by tag, the ticket.
    outages: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    # Clients are left in peace at this hour.
    quiet: bool = field(default=False, kw_only=True)
    # A message that was sent so long before it was accepted is late; None: none ever is.
    late_after: timedelta | None = field(default=None, kw_only=True)
    # The files of this conversation are fetched for the thread.
    fetch_media: bool = field(default=False, kw_only=True)
    # How the post calls whoever is on call, e.g. "@oncall"; empty: by the names of those who are.
    mention: str
    # Whether it calls so, by the names, or both ways.
    mention_mode: MentionMode = field(default=MentionMode.BOTH, kw_only=True)
    # Who is called when, beyond that; None: nobody.
    duty: Duty | None = field(default=None, kw_only=True)
    # Of engine.yaml, for the keys of alerts.
    environment: str = field(default="", kw_only=True)
    # The connector that reaches the engineers, e.g. "mattermost".
    escalate_to: str
    # Posts go here instead of the rule's channel, and no copies anywhere, for development.
    channel_override: str | None = None


def obstacle(inbound: Inbound, circumstances: Circumstances) -> tuple[str, str]:
    """Why a client who is owed an answer gets none, for the engineers and for the audit; empty when all is well."""
    if circumstances.paused:
        return PAUSED_NOTE, "paused"
    if not inbound.reply:
        return NO_WAY_BACK_NOTE, "no way back"
    if circumstances.held:
        return HELD_NOTE, "held"
    return (QUIET_NOTE, "quiet hours") if circumstances.quiet else ("", "")


def template(ack: str, inbound: Inbound, wording: Wording, circumstances: Circumstances) -> str:
    """The acknowledgement by another name where another text is due: a late message is not answered as if it had just
    come, and to a voice note or a picture without words somebody has to listen or look first.
    """
    late_after = circumstances.late_after
    if late_after is not None and inbound.event.received_at + late_after < circumstances.accepted_at:
        return LATE if wording.offers(LATE) else ack
    message = inbound.event.message
    wordless = bool(message.attachments) and not message.text.strip()
    return MEDIA if wordless and ack == _DEFAULT and wording.offers(MEDIA) else ack
