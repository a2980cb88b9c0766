"""What happens in conversations besides messages: kept once, with what follows. Plain operations on a transaction.

What follows is decided in `core.signals`; here it is written.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.core import signals
from engine.core.events import Signal
from engine.core.practices import Practice
from engine.core.signals import Answered
from engine.journal import changes, identities, receipts
from engine.journal.lanes import Bound
from engine.journal.rows import micros, storable
from engine.journal.statements import Database


def note(  # noqa: PLR0917 - everything that follows is made of
    database: Database,
    given: Sequence[Signal],
    practice: Practice,
    now: datetime,
    hold: timedelta,
    bound: Bound,
    salt: bytes,
) -> tuple[Answered, ...]:
    """Keep each signal once and write what follows; whom a person answered now."""
    answered = (_note_one(database, signal, practice, now, hold, bound, salt) for signal in given)
    return tuple(one for one in answered if one is not None)


def _note_one(  # noqa: PLR0917 - as above
    database: Database,
    signal: Signal,
    practice: Practice,
    now: datetime,
    hold: timedelta,
    bound: Bound,
    salt: bytes,
) -> Answered | None:
    kept = _kept(database, signal, now, salt)
    if kept is None:
        return None
    conversation = (kept.connector, storable(kept.conversation_id))
    live = database.rows("live_incident", *conversation)
    found = changes.read(database, str(live[0][0])) if live else None
    follows = signals.consequence(kept, found, practice, now, hold=hold)
    if follows.held_until is not None:
        database.rows("hold_conversation", *conversation, micros(follows.held_until))
    if found is not None and follows.change is not None:
        changes.write(database, found, follows.change, practice, now, salt=salt, bound=bound)
    return follows.answered


def _kept(database: Database, signal: Signal, now: datetime, salt: bytes) -> Signal | None:
    """The signal with the name of its conversation; None for one that is known, or that says what we did ourselves."""
    signal_id = storable(signal.id)
    # What we sent ourselves is no reply of a person.
    if signal.kind == "human_reply" and receipts.delivery_of(database, signal.connector, signal_id):
        return None
    named, place = identities.of_signal(database, signal, now, salt)
    for name in place.earlier:
        if database.rows("find_signal", named.connector, name, named.kind, signal_id):
            return None
    conversation = (named.connector, place.conversation_id)
    if not database.rows("add_signal", *conversation, signal_id, named.kind, micros(named.at), micros(now)):
        return None
    identities.learn(database, named.connector, place)
    return named
