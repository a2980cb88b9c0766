"""What was last said about the daemon itself, so that nothing is said twice. Plain operations on a transaction."""

from datetime import datetime

from engine.core.decisions import Priority
from engine.core.deliveries import NewDelivery
from engine.core.notices import Notice
from engine.journal import lanes
from engine.journal.lanes import Bound, Cause
from engine.journal.statements import Database

# There is no conversation whose pseudonym could stand here.
_NOBODY = ""


def announce(database: Database, notice: Notice, delivery: NewDelivery | None, now: datetime, bound: Bound) -> bool:
    """Note the state of a matter and order the delivery; see `ports.Journal.announce`."""
    key = f"said:{notice.matter}"
    found = database.rows("read_meta", key)
    before = found[0][0] if found else None
    if before == notice.state:
        return False
    database.rows("set_meta", key, notice.state)
    if delivery is None or (before is None and notice.good):
        return False
    lanes.add(database, delivery, Cause(None, _NOBODY, Priority.NORMAL, now), now, bound)
    return True
