"""Ticket numbers: OC-<year>-<number>, without gaps. Plain operations on a transaction."""

from datetime import datetime

from engine.journal import rows
from engine.journal.statements import Database


def allocate(database: Database, now: datetime) -> str:
    """The next one of this instant's year."""
    # In the same transaction as the incident: a number that is rolled back is given again, so none is missing.
    year = rows.year(now)
    ((number,),) = database.rows("next_number", year)
    return f"OC-{year}-{number:04d}"
