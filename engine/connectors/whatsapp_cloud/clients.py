"""What this process remembers of the clients: that they have written since, and the number behind a user id.

Hints that save a refusal and never decide alone: they are gone after a restart, other nodes know others, and whatever
is unknown is asked of WhatsApp by sending. Used by `connector` alone; bounded, so that it never grows.
"""

from datetime import datetime, timedelta

from engine.connectors.whatsapp_cloud.senders import Party, e164
from engine.connectors.windows import Windows, remember
from engine.core.deliveries import Acknowledgement, Claimed
from engine.core.events import Inbound

_MARGIN = timedelta(minutes=1)
_MOST = 10_000


class Clients:
    """The memory of one connector."""

    def __init__(self, most: int = _MOST) -> None:
        """At most so many of each kind are remembered, the newest."""
        self._most = most
        # By user id.
        self._numbers: dict[str, str] = {}
        self._windows = Windows(_MARGIN, most)

    def learn(self, inbound: Inbound, sender: Party) -> None:
        """After a client's message."""
        if inbound.reply is not None:
            self._windows.learn(inbound.reply.peer, inbound.event.received_at)
        if sender.user_id and e164(sender.wa_id):
            remember(self._numbers, sender.user_id, sender.wa_id, self._most)

    def learn_too_late(self, delivery: str, at: datetime) -> None:
        """After WhatsApp has refused the text of a delivery as too late."""
        self._windows.learn_refusal(delivery, at)

    def number_of(self, user_id: str) -> str | None:
        """The number of a client who hides it, where an earlier message has told it."""
        return self._numbers.get(user_id)

    def is_too_late(self, claimed: Claimed, body: Acknowledgement, peer: str, now: datetime) -> bool:
        """Whether a text to this client would come too late, as far as is known."""
        return self._windows.is_shut(claimed, body, peer, now)
