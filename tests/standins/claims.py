"""Claimed deliveries as the relay hands them to a connector, each with a number that must show up nowhere else."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from standins.parts import START

from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Claimed,
    Copy,
    Escalation,
    FollowUp,
    Media,
    Page,
    PageAction,
    Relayed,
    Revision,
)
from engine.core.quotes import quote

PHONE = "+254712345678"
TEXT = "I have issues with my 3CX, I can't make outbound calls"
CHANNEL = "dev-support-escalations"

ACKNOWLEDGEMENT = Acknowledgement("to:254712345678", "Hello Jackson, I am sorry.", "wamid.MjU0NzEyMzQ1Njc4")


def escalation(
    text: str = TEXT, *, name: str = "Jackson", phone: str = PHONE, priority: Priority = Priority.HIGH
) -> Escalation:
    """The post of DESIGN's example, with the client's words marked."""
    return Escalation(
        channel=CHANNEL,
        team=None,
        title="New WhatsApp Client Request",
        body=(
            f"Client: {quote(name)} ({quote(phone)})\n"
            "Issue Summary: 3CX outbound calls failing\n"
            f'Original Message: "{quote(text)}"\n'
            "Action: @oncall please check WhatsApp and respond to the client now."
        ),
        tags=("whatsapp", "client-support", "3cx"),
        priority=priority,
        ticket_id="OC-2026-0001",
    )


def follow_up(text: str = "it is getting worse") -> FollowUp:
    """A reply in the thread."""
    return FollowUp(CHANNEL, None, f'The client wrote again: "{quote(text)}"', "OC-2026-0001")


def revision(priority: Priority = Priority.URGENT) -> Revision:
    """The post after the priority was raised."""
    return Revision(escalation(priority=priority))


def copy(channel: str = "noc", team: str | None = None) -> Copy:
    """The post once more, for a further channel."""
    post = escalation()
    body = f"Copy of OC-2026-0001 in ~{CHANNEL}\n{post.body}"
    return Copy(replace(post, channel=channel, team=team, body=body))


def media(kind: str = "voice", **details: Any) -> Media:
    """A file for the thread, which the connector `cloud` can fetch."""
    return replace(Media(CHANNEL, None, "OC-2026-0001", "cloud", "1234567890", kind, media_type="audio/ogg"), **details)


def relayed(text: str = "I have issues with my 3CX, too") -> Relayed:
    return Relayed(ACKNOWLEDGEMENT.peer, text, ACKNOWLEDGEMENT.message_id, "telephony", None, "amina", "OC-2026-0001")


def page(action: PageAction = PageAction.TRIGGER, **details: Any) -> Page:
    """A call about the incident."""
    made = Page(
        action=action,
        key="oc/test/OC-2026-0001",
        summary="OC-2026-0001 (high): nobody has taken it for 5 min",
        priority=Priority.HIGH,
        tags=("whatsapp", "voip"),
        opened_at=START,
        ticket_id="OC-2026-0001",
    )
    return replace(made, **details)


def claim(
    body: Body,
    *,
    number: int = 1,
    attempt: int = 1,
    doubtful: bool = False,
    age: timedelta = timedelta(0),
    now: datetime = START,
    thread: str | None = None,
) -> Claimed:
    """The delivery with this number, whose first attempt was `age` before `now`."""
    return Claimed(
        id=f"{number:032x}",
        token=attempt,
        attempt=attempt,
        doubtful=doubtful,
        first_attempt_at=now - age,
        accepted_at=now - age,
        ticket_id="OC-2026-0001",
        lane="escalate:cloud:wa-254712345678",
        destination="mattermost",
        body=body,
        thread=thread,
    )
