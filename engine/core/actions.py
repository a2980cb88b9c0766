"""What engineers do about an incident: a reaction to its post, a word in its thread, a button.

A connector of the engineers' chat turns what it hears into `Action`s; what follows from one is decided in `workflow`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.decisions import Priority

# claim and release: somebody takes care of it, or no longer does. resolve and reopen. snooze: nobody is called for a
# while. priority: it is as urgent as that. mute: its client is not answered automatically for a while, and nobody is
# called. say: a person wrote in the thread and meant no command. reply: those words go to the client. misunderstood: a
# command that cannot be read; `text` is the answer to whoever typed it.
ACTION_KINDS = (
    "claim",
    "release",
    "resolve",
    "reopen",
    "snooze",
    "priority",
    "mute",
    "say",
    "reply",
    "misunderstood",
)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person did in the engineers' chat."""

    # The name of the destination whose posts it is about, e.g. "mattermost".
    destination: str
    # The network's id of the incident's root post, by which the incident is found.
    root: str
    # One of ACTION_KINDS.
    kind: str
    # Each is taken once: the same for the same reaction or word, however often the chat tells it.
    id: str
    # The person's name in the chat, without an at sign.
    by: str
    # When it was done, by the chat's clock; aware.
    at: datetime
    # Of a snooze or a mute.
    span: timedelta | None = None
    # Of `priority`.
    priority: Priority | None = None
    # The note of a resolve, or the words for the client; as they were typed.
    text: str = ""
    # The ticket that it was meant for; about the post of another one it is passed over. None: whichever the post has.
    ticket_id: str | None = None


@dataclass(frozen=True, slots=True)
class IncidentPost:
    """The post of an incident, as whoever has lost sight of the chat must know it."""

    ticket_id: str
    # Its network id, and when it can have been posted first.
    root: str
    posted_at: datetime
    channel: str
    team: str | None
    # Who has claimed the incident, or resolved it where it is closed, and the id of the action by which; None: nobody,
    # or not in the chat.
    held_by: str | None = None
    held_id: str | None = None
    closed: bool = False
