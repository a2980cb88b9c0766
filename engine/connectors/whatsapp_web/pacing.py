"""How fast one linked number may write: WhatsApp bans numbers that write like machines. Pure; called by `connector`.

A gap between any two messages and a longer one between two to the same client, both with chance in them.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

# A gap is between its length and this much longer.
_JITTER = 0.5
# Clients whose last message is remembered; past it the oldest are forgotten, whose gap has long passed.
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Pace:
    """When something may be sent, on a clock that nobody can set."""

    # The gap between any two messages.
    gap: timedelta
    # The gap between two to one client.
    client_gap: timedelta
    open_at: timedelta = timedelta(0)
    # By client, the oldest first.
    clients: tuple[tuple[str, timedelta], ...] = ()


def pace_of(per_second: float, client_gap: timedelta) -> Pace:
    """The pace that the settings order."""
    return Pace(timedelta(seconds=1 / per_second), client_gap)


def wait(pace: Pace, client: str, now: timedelta) -> timedelta:
    """How long a message to this client has to wait."""
    return max(timedelta(0), max(pace.open_at, dict(pace.clients).get(client, timedelta(0))) - now)


def spend(pace: Pace, client: str, now: timedelta, chance: float) -> Pace:
    """After a message to this client; `chance` lies in [0, 1)."""
    factor = 1 + _JITTER * chance
    others = tuple(one for one in pace.clients if one[0] != client and one[1] > now)
    clients = (*others, (client, now + pace.client_gap * factor))[-_REMEMBERED:]
    return replace(pace, open_at=now + pace.gap * factor, clients=clients)
