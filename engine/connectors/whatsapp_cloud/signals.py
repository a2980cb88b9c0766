"""What happens in a conversation and is no message of the client's: reactions, deletions, changed numbers, and replies
that a person of ours typed in the Business app.

Called by `notifications`. Pure. Source: Meta, "messages webhook reference" (reaction, revoke, system) and
"smb_message_echoes webhook reference".
"""

from datetime import datetime

from engine.connectors.whatsapp_cloud.fields import Json, instant, record, text, word
from engine.connectors.whatsapp_cloud.senders import (
    Party,
    after_change,
    before_change,
    e164,
    number,
    receiver_of,
    sender_of,
)
from engine.core.events import Signal

# Types of a message that are no message: they become a signal or nothing. A `request_welcome` says that somebody opened
# the chat and has not written yet.
SILENT = frozenset({"reaction", "system", "revoke", "request_welcome"})
# Both come with a number or user id that was the client's until now.
_CHANGES = frozenset({"user_changed_number", "user_changed_user_id"})
# Echoes that answer nobody: the reply that they are about was an echo of its own.
_NO_REPLY = SILENT | {"edit"}


def conversation_of(identity: str, message: Json) -> str:
    """The conversation of a message. A group is one of its own, and strangers without an id never share one."""
    if group := word(message, "group_id"):
        return f"wa-group-{group}"
    return f"wa-{identity or 'unknown-' + word(message, 'id')}"


def aliases_of(message: Json, *parties: Party) -> tuple[str, ...]:
    """The identities of a client, as `events.Inbound.aliases` has them; none in a group, which is nobody's alone."""
    if word(message, "group_id"):
        return ()
    return tuple(dict.fromkeys(alias for party in parties for alias in party.aliases))


def signal_of(connector: str, message: Json, contacts: list[object], received_at: datetime) -> Signal | None:
    """The signal in a message of a silent type; None when it has no id, or says nothing that concerns us."""
    kind, message_id = word(message, "type"), word(message, "id")
    if not message_id:
        return None
    at = instant(message) or received_at
    sender = sender_of(message, contacts)
    where, aliases = conversation_of(sender.identity, message), aliases_of(message, sender)
    match kind:
        case "reaction":
            part = record(message, kind)
            about = word(part, "message_id") or None
            return Signal(connector, where, "reaction", message_id, at, about, text(part, "emoji"), aliases)
        case "revoke":
            about = word(record(message, kind), "original_message_id") or None
            return Signal(connector, where, "revoke", message_id, at, about, aliases=aliases)
        case "system" if word(record(message, kind), "type") in _CHANGES:
            part = record(message, kind)
            before, after = before_change(message, part), after_change(message, part)
            where, told = conversation_of(before.identity, message), e164(number(part, "wa_id")) or ""
            aliases = aliases_of(message, before, after)
            return Signal(connector, where, "number_change", message_id, at, text=told, aliases=aliases)
        case _:
            return None


def echo_of(connector: str, echo: Json, contacts: list[object], received_at: datetime) -> Signal | None:
    """A reply typed in the Business app, in the conversation of the client who got it; None for any other echo."""
    echo_id, receiver = word(echo, "id"), receiver_of(echo, contacts)
    if not echo_id or not receiver.identity or word(echo, "type") in _NO_REPLY:
        return None
    at = instant(echo) or received_at
    where, aliases = conversation_of(receiver.identity, echo), aliases_of(echo, receiver)
    return Signal(connector, where, "human_reply", echo_id, at, aliases=aliases)
