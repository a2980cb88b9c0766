"""`engine run` on a clock that a test sets, or with less patience: `python -m standins.altered run --config …`.

Everything else is the daemon as it is. The clock is the machine's and the seconds that stand in the file CLOCK_AHEAD
names, which may change at any time; LEASE_S is how long a claim holds among nodes; PING_S how often the server that
engineers are heard from is asked whether it is there, and how long it may think about that; AWAY_S how long nothing may
be heard from it until nobody waits for that any more.
"""

import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from engine import app, cli
from engine.clocks import SystemClock
from engine.connectors.mattermost import watcher
from engine.connectors.mattermost.streams import Patience

_MACHINE = SystemClock()


class SettableClock:
    """The machine's clock as somebody has set it."""

    def __init__(self, ahead: Path) -> None:
        """`ahead`: a file that holds how many seconds it is ahead."""
        self._ahead = ahead

    def now(self) -> datetime:
        return _MACHINE.now() + timedelta(seconds=float(self._ahead.read_text()))

    def elapsed(self) -> timedelta:
        return _MACHINE.elapsed()


def alter(environ: Mapping[str, str]) -> None:
    """Put what the environment asks for in the place of the daemon's own."""
    if "CLOCK_AHEAD" in environ:
        clock = SettableClock(Path(environ["CLOCK_AHEAD"]))
        vars(app).update(SystemClock=lambda: clock)
    if "LEASE_S" in environ:
        vars(app).update(LEASE_AMONG_NODES=timedelta(seconds=float(environ["LEASE_S"])))
    if "PING_S" in environ:
        ping_s = float(environ["PING_S"])
        patience = Patience(ping_every_s=ping_s, pong_within_s=ping_s)
        vars(watcher).update(Patience=lambda: patience)
    if "AWAY_S" in environ:
        vars(watcher).update(_AWAY=timedelta(seconds=float(environ["AWAY_S"])))


if __name__ == "__main__":
    alter(os.environ)
    sys.exit(cli.main())
