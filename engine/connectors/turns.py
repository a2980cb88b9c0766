"""Messages to one network take turns within its limits: most wait for nothing, some for a moment, the rest later.

Used by the connectors of the official ways, which send many messages at once. A message that would have to wait for
long does not keep its place: the relay is told when to come again, and nobody else waits for it.
"""

import asyncio
import math
from datetime import timedelta

from engine.connectors.pacing import pace_of
from engine.core.deliveries import Fault, Outcome, Rejected
from engine.ports import Clock

# How long a message waits here.
_PATIENCE = timedelta(milliseconds=500)
_LATER = "messages to this client keep a distance, so that the network takes them"


class Turns:
    """The turns of one sender."""

    def __init__(self, per_second: float, per_client_gap: timedelta, clock: Clock) -> None:
        """After a pause as many may leave at once as in a second."""
        self._pace = pace_of(per_second, per_client_gap, burst=max(1, math.floor(per_second)))
        self._clock = clock

    async def take(self, client: str) -> Rejected | None:
        """Return when a message to this client may leave, or why it does not get that far."""
        now = self._clock.elapsed()
        delay = self._pace.wait(client, now)
        if delay > _PATIENCE:
            # Whatever it is that holds it up, the network is well.
            return Rejected(Fault.TRANSIENT, "pace", _LATER, delay, lane_only=True)
        self._pace.spend(client, now + delay)
        if delay:
            await asyncio.sleep(delay.total_seconds())
        return None

    def settle(self, client: str, outcome: Outcome) -> None:
        """After the network was asked: what it did not take holds up nothing."""
        if isinstance(outcome, Rejected):
            self._pace.forgive(client)
