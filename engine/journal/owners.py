"""What only one node may have at a time, under a lease, e.g. the connection of a WhatsApp number. Plain operations."""

from datetime import datetime, timedelta

from engine.journal.rows import micros
from engine.journal.statements import Database


def own(database: Database, name: str, node: str, lease: timedelta, now: datetime) -> bool:
    """Become or remain the owner; False while another node's lease lasts."""
    return bool(database.rows("own", name, node, micros(now + lease), micros(now)))


def disown(database: Database, name: str, node: str) -> None:
    """End this node's lease."""
    database.rows("disown", name, node)
