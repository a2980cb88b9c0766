"""How fast one number of ours may write: a gap between any two messages, and a longer one between two to one client.

Pure but for its own memory. A linked phone is paced like a person, with chance in each gap, because WhatsApp bans
numbers that write like machines. The official ways have limits that their vendors tell; nobody looks for a machine
there, so chance would only make clients wait, and what comes after a pause may leave at once.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta

_NOTHING = timedelta(0)
# Clients whose last message is remembered; past it the oldest are forgotten.
_REMEMBERED = 10_000


@dataclass(slots=True)
class Pace:
    """When something may be sent, on a clock that nobody can set."""

    # The gap between any two messages.
    gap: timedelta
    # The gap between two to one client.
    client_gap: timedelta
    # How many may leave without a gap after as long a pause.
    burst: int = 1
    # A gap is between its length and this share longer.
    jitter: float = 0.0
    # When the gap after all that was sent is over.
    _open_at: timedelta = _NOTHING
    # The same by client, about in the order of time.
    _clients: OrderedDict[str, timedelta] = field(default_factory=OrderedDict)

    def wait(self, client: str, now: timedelta) -> timedelta:
        """How long a message to this client has to wait."""
        open_at = self._open_at - self.gap * (self.burst - 1)
        return max(_NOTHING, max(open_at, self._clients.get(client, _NOTHING)) - now)

    def spend(self, client: str, at: timedelta, chance: float = 0.0) -> None:
        """A message to this client leaves then; `chance` lies in [0, 1)."""
        factor = 1 + self.jitter * chance
        self._open_at = max(self._open_at, at) + self.gap * factor
        self._clients.pop(client, None)
        while self._clients and (len(self._clients) >= _REMEMBERED or next(iter(self._clients.values())) <= at):
            self._clients.popitem(last=False)
        if self.client_gap:
            self._clients[client] = at + self.client_gap * factor

    def forgive(self, client: str) -> None:
        """The network did not take the message to this client: the next one is not held up by it."""
        self._clients.pop(client, None)


def pace_of(per_second: float, client_gap: timedelta, *, burst: int = 1, jitter: float = 0.0) -> Pace:
    """The pace that the settings order."""
    return Pace(timedelta(seconds=1 / per_second), client_gap, burst, jitter)
