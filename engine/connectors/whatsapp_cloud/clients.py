"""What this process remembers of the clients: when they last wrote, and the number behind a user id.

Hints that save a refusal and never decide alone: they are gone after a restart, other nodes know others, and whatever
is unknown is asked of WhatsApp by sending. Used by `connector` alone; bounded, so that it never grows.
"""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from engine.connectors.whatsapp_cloud.senders import Party, e164
from engine.core.events import Inbound

# How long after a client's message WhatsApp takes any text (Meta, "Customer service windows").
WINDOW: Final = timedelta(hours=24)
# A text must arrive within it, too.
_MARGIN = timedelta(minutes=1)
_MOST = 10_000
_Value = TypeVar("_Value")


class Clients:
    """The memory of one connector."""

    def __init__(self, most: int = _MOST) -> None:
        """At most so many of each kind are remembered, the newest."""
        self._most = most
        # By user id.
        self._numbers: dict[str, str] = {}
        # When they were written, by message id; and the newest of each peer.
        self._written: dict[str, datetime] = {}
        self._newest: dict[str, datetime] = {}
        # Deliveries that WhatsApp took and then refused, because the client had been silent for too long.
        self._too_late: dict[str, datetime] = {}

    def learn(self, inbound: Inbound, sender: Party) -> None:
        """After a client's message."""
        at = inbound.event.received_at
        self._keep(self._written, inbound.event.message.id, at)
        if inbound.reply is not None:
            newest = self._newest.get(inbound.reply.peer, at)
            self._keep(self._newest, inbound.reply.peer, max(newest, at))
        if sender.user_id and e164(sender.wa_id):
            self._keep(self._numbers, sender.user_id, sender.wa_id)

    def learn_too_late(self, delivery: str, at: datetime) -> None:
        """After WhatsApp has reported of a delivery that its text came too late."""
        self._keep(self._too_late, delivery, at)

    def number_of(self, user_id: str) -> str | None:
        """The number of a client who hides it, where an earlier message has told it."""
        return self._numbers.get(user_id)

    def is_too_late(self, delivery: str, message_id: str, peer: str, accepted_at: datetime, now: datetime) -> bool:
        """Whether a text to this client would come too late, as far as is known.

        The message that is answered may have been accepted long after it was written, and the client may have written
        since.
        """
        answered = self._written.get(message_id, accepted_at)
        newest = max(answered, self._newest.get(peer, answered))
        told = self._too_late.get(delivery)
        return now >= newest + WINDOW - _MARGIN or (told is not None and newest <= told)

    def _keep(self, memory: dict[str, _Value], key: str, value: _Value) -> None:
        memory.pop(key, None)
        memory[key] = value
        if len(memory) > self._most:
            del memory[next(iter(memory))]
