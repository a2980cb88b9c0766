"""What a PostgreSQL server must be before a node trusts it, and the name that the node takes there.

Called by `postgres` for each new connection.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any, Protocol

from engine.core.errors import ConfigurationError

# Without these a commit that was confirmed can be lost.
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
# Values of synchronous_commit that wait for the server's own disk at least.
_SAFE = {"on", "remote_apply"}
_NAME_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('support-engine-node:' || current_schema() || ':' || %s, 0))"
# How long the server may take to notice that the earlier life of this node is over.
_NAME_S = 6.0
_NAME_POLL_S = 0.1
# By how much the clocks of a node and of the database may differ: the margin of a lease among nodes.
_AGREED = timedelta(seconds=20)


class Connection(Protocol):
    """A driver's connection, as far as it is needed here."""

    def execute(self, query: Any, params: Sequence[Any] | None = None) -> Any:
        """Run a statement; its cursor."""
        ...


def check_durability(connection: Connection) -> None:
    """Refuse a server whose settings may lose a commit that it has confirmed."""
    for name in _DURABLE:
        (value,) = connection.execute("SELECT current_setting(%s)", (name,)).fetchall()[0]
        if value not in _SAFE:
            raise ConfigurationError(
                f"PostgreSQL runs with {name} = {value}, so that a message could be lost after it was accepted; "
                f"set {name} = on for this server, database and user"
            )


def check_clock(connection: Connection, now: Callable[[], datetime]) -> None:
    """Leases are dated by each node's clock: where two differ by more than a lease allows for, one node takes for
    given up what the other is sending.
    """
    ((there,),) = connection.execute("SELECT clock_timestamp()").fetchall()
    apart = abs(there - now())
    if apart > _AGREED:
        raise ConfigurationError(
            f"the clocks of this machine and of the database differ by {round(apart.total_seconds())} s; "
            "let both be kept right (chrony or systemd-timesyncd), then start again"
        )


def take_name(connection: Connection, node: str) -> None:
    """Hold the name of a node as long as the connection lasts; refuse one that another daemon holds."""
    until = monotonic() + _NAME_S
    while not connection.execute(_NAME_LOCK, (node,)).fetchall()[0][0]:
        if monotonic() > until:
            raise ConfigurationError(
                f'another daemon on this database calls itself "{node}"; give each one its own name (`node:` in '
                "engine.yaml)"
            )
        sleep(_NAME_POLL_S)
