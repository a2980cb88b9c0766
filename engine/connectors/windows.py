"""For how long WhatsApp takes any text: 24 hours after the client's last message, then approved templates only.

Used by the connectors to whom that applies. When the message that is answered was written stands in the delivery, which
every node and every later life reads; that the client has written since, and which texts were refused, is remembered
here. Such a memory saves a template or a refusal and decides nothing that matters. Pure but for its memory, which is
bounded. Source: Meta, "Customer service windows".
"""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from engine.core.deliveries import Acknowledgement, Claimed

WINDOW: Final = timedelta(hours=24)
_MOST = 10_000
_Value = TypeVar("_Value")


class Windows:
    """The windows of one connector's clients."""

    def __init__(self, margin: timedelta, most: int = _MOST) -> None:
        """A text must arrive within the window, too: it counts as shut `margin` earlier."""
        self._span = WINDOW - margin
        self._most = most
        # When each peer last wrote.
        self._newest: dict[str, datetime] = {}
        # Deliveries whose text was refused, because the client had been silent for too long.
        self._refused: dict[str, datetime] = {}

    def learn(self, peer: str, at: datetime) -> None:
        """After a client's message."""
        remember(self._newest, peer, max(self._newest.get(peer, at), at), self._most)

    def learn_refusal(self, delivery: str, at: datetime) -> None:
        """After the network has refused the text of a delivery as too late."""
        remember(self._refused, delivery, at, self._most)

    def is_shut(self, claimed: Claimed, body: Acknowledgement, peer: str, now: datetime) -> bool:
        """Whether a text would come too late, as far as is known here."""
        if body.template_only:
            return True
        answered = body.written_at or claimed.accepted_at
        newest = max(answered, self._newest.get(peer, answered))
        refused = self._refused.get(claimed.id)
        return now >= newest + self._span or (refused is not None and newest <= refused)


def remember(memory: dict[str, _Value], key: str, value: _Value, most: int = _MOST) -> None:
    """Keep the newest entries of a memory."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > most:
        del memory[next(iter(memory))]
