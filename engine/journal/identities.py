"""Where the journal keeps what belongs to one client: the names of a message in, its conversation out.

Plain operations on a transaction, run by a store. What belongs together is decided in `core.identities`; here it is
looked up and learned, inside the transaction that keeps the message. A message that teaches nothing costs one read by
an index, and one of a network that knows its clients by one name none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine.core import identities
from engine.core.events import Inbound, Signal
from engine.core.identities import Identity, Standing
from engine.journal.pseudonyms import erased_conversation
from engine.journal.rows import instant, micros, storable
from engine.journal.statements import Database


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of a client's belongs."""

    conversation_id: str
    # Further conversations under which something of the client's may be kept.
    earlier: tuple[str, ...] = ()
    # The client's number where the names tell it, in E.164.
    phone: str | None = None
    # What `learn` writes: names that led nowhere, and conversations whose names all lead here from now on.
    learned: tuple[Identity, ...] = ()
    joined: tuple[str, ...] = ()


def of_inbound(database: Database, inbound: Inbound, now: datetime, salt: bytes) -> tuple[Inbound, Place]:
    """The message as it is kept: in its client's conversation, and with the number where an earlier one has told it."""
    event = inbound.event
    place = _place(database, inbound.connector, event.conversation_id, inbound.aliases, now, salt, strangers=True)
    client = event.client if event.client.phone else replace(event.client, phone=place.phone)
    event = replace(event, conversation_id=place.conversation_id, client=client)
    return replace(inbound, event=event, aliases=()), place


def of_signal(database: Database, signal: Signal, now: datetime, salt: bytes) -> tuple[Signal, Place]:
    """The signal in its client's conversation. Of people who never wrote to us nothing is learned: they may be anybody
    to whom one of us writes from the same phone.
    """
    connector, conversation_id = signal.connector, signal.conversation_id
    place = _place(database, connector, conversation_id, signal.aliases, now, salt, strangers=False)
    return replace(signal, conversation_id=place.conversation_id), place


def learn(database: Database, connector: str, place: Place) -> None:
    """Write what a message has taught; never for one whose client was erased."""
    for conversation_id in place.joined:
        database.rows("move_identities", place.conversation_id, connector, conversation_id)
    for one in place.learned:
        at = micros(one.first_seen_at)
        database.rows("add_identity", connector, one.name, one.conversation_id, at, int(one.stored))


def names_of(database: Database, connector: str, names: Sequence[str]) -> tuple[str, ...]:
    """Every name of the client who has one of these, and the conversations of that client; these first."""
    known = _known(database, connector, names)
    every = (*names, *(one.name for one in known), *(one.conversation_id for one in known))
    return tuple(dict.fromkeys(every))


def release(database: Database, connector: str, conversation_id: str) -> None:
    """Forget the names of a client of whom no message is kept any more."""
    known = _known(database, connector, (conversation_id,))
    names = {name for one in known for name in (one.name, one.conversation_id)}
    if known and not any(database.rows("conversation_known", connector, name) for name in names):
        database.rows("remove_identities", connector, known[0].conversation_id)


def _place(
    database: Database,
    connector: str,
    conversation_id: str,
    aliases: Sequence[str],
    now: datetime,
    salt: bytes,
    *,
    strangers: bool,
) -> Place:
    own = storable(conversation_id)
    if not aliases:
        return Place(own)
    names = identities.told(own, map(storable, aliases))
    known = _known(database, connector, names)
    leads = {one.name: one.conversation_id for one in known}
    if identities.is_settled(names, leads):
        return _found(leads.get(own, own), known)
    kept = {name: _kept(database, connector, name, salt) for name in names if name not in leads}
    standings = _standings(database, connector, known, kept)
    belonging = identities.belonging(names, leads, standings)
    if not standings and not strangers:
        return Place(own)
    chosen = belonging.conversation_id
    learned = tuple(Identity(name, chosen, now, kept[name]) for name in belonging.learned)
    # Under the name of a conversation that is left, messages stay.
    moved = [replace(one, stored=one.stored or one.name == one.conversation_id) for one in known]
    return replace(_found(chosen, (*moved, *learned)), learned=learned, joined=belonging.joined)


def _found(conversation_id: str, known: Sequence[Identity]) -> Place:
    earlier = tuple(one.name for one in known if one.stored and one.name != conversation_id)
    return Place(conversation_id, earlier, identities.phone_of(known))


def _known(database: Database, connector: str, names: Sequence[str]) -> tuple[Identity, ...]:
    """All names that lead where one of these does: one read where these lead to one conversation already."""
    known: dict[str, Identity] = {}
    for told in names:
        if told not in known:
            for name, conversation_id, at, stored in database.rows("identities_with", connector, connector, told):
                known[name] = Identity(name, conversation_id, instant(at), bool(stored))
    return tuple(known.values())


def _kept(database: Database, connector: str, name: str, salt: bytes) -> bool:
    """Whether messages are kept under this very name, or were before their client was erased."""
    either = (name, erased_conversation(salt, connector, name))
    return any(database.rows("conversation_known", connector, one) for one in either)


def _standings(database: Database, connector: str, known: Sequence[Identity], kept: dict[str, bool]) -> list[Standing]:
    seen: dict[str, datetime] = {}
    for one in known:
        seen[one.conversation_id] = min(one.first_seen_at, seen.get(one.conversation_id, one.first_seen_at))
    standings = []
    for conversation_id in dict.fromkeys((*seen, *(name for name, is_kept in kept.items() if is_kept))):
        ((oldest,),) = database.rows("conversation_since", connector, conversation_id)
        times = [instant(oldest)] if oldest is not None else []
        times += [seen[conversation_id]] if conversation_id in seen else []
        if times:
            live = bool(database.rows("live_incident", connector, conversation_id))
            standings.append(Standing(conversation_id, min(times), live))
    return standings
