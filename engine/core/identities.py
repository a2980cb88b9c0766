"""Which conversation the identities of a client belong to. Pure; called by the journal when it accepts something.

A network may know one client under several names: a phone number and a hidden number, a number and a user id, a number
and the one that follows it. Each is written as the id of the conversation that it would name alone. Those that are told
together are one client's from then on, and lead to one conversation:

- to that to which one of them leads already, or which is kept under one of their names;
- where these are several, to the one that has an incident which takes messages, since an engineer looks after it;
- where that is none or several, to the one whose client was seen first, and of the same age to the first by name;
- where there is none yet, to the name that the message itself gives.

What is stored under another name stays there: its incident lapses or is resolved where it is, and only what comes from
now on joins the conversation that was chosen. A number that passes to another person brings that person into the
conversation of the first: the networks do not tell that.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.core.peers import digits_of

# More names at once than any network tells; what goes beyond is not learned.
MOST = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """A name of a client as the journal has learned it."""

    name: str
    # The conversation to which it leads.
    conversation_id: str
    first_seen_at: datetime
    # Messages from before are kept under this very name.
    stored: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A conversation that the names of one message may belong to."""

    conversation_id: str
    # When its client was first seen.
    since: datetime
    # It has an incident that takes messages.
    live: bool


@dataclass(frozen=True, slots=True)
class Belonging:
    """Where the names of one message lead from now on."""

    conversation_id: str
    # Those that led nowhere.
    learned: tuple[str, ...] = ()
    # The conversations whose names all lead there, too, from now on.
    joined: tuple[str, ...] = ()


def told(conversation_id: str, aliases: Iterable[str]) -> tuple[str, ...]:
    """The names of a message's client, each once, that of its own conversation first."""
    return tuple(dict.fromkeys((conversation_id, *aliases)))[:MOST]


def is_settled(names: Sequence[str], leads: Mapping[str, str]) -> bool:
    """Whether a message with these names has nothing to teach: there is one alone, or all lead to one conversation."""
    if len(names) == 1:
        return True
    return all(name in leads for name in names) and len({leads[name] for name in names}) == 1


def belonging(names: Sequence[str], leads: Mapping[str, str], standings: Collection[Standing]) -> Belonging:
    """Where the names of a message belong.

    `leads` says of names, at least of those of the message, where they lead; absent: nowhere yet. `standings` are the
    conversations to which they lead, and those that are kept under one of the names that lead nowhere.
    """
    chosen = min(standings, key=_rank).conversation_id if standings else names[0]
    learned = tuple(name for name in names if name not in leads)
    joined = dict.fromkeys(leads[name] for name in names if leads.get(name, chosen) != chosen)
    return Belonging(chosen, learned, tuple(joined))


def _rank(standing: Standing) -> tuple[bool, datetime, str]:
    return not standing.live, standing.since, standing.conversation_id


def phone_of(identities: Iterable[Identity]) -> str | None:
    """The client's number in E.164: the one that was learned last; None when none of the names is a number."""
    numbers = [
        (identity.first_seen_at, digits) for identity in identities if (digits := digits_of(identity.name)) is not None
    ]
    return f"+{max(numbers)[1]}" if numbers else None


def answers(lane: str, peer: str, names: Collection[str]) -> bool:
    """Whether a delivery goes to the client with these names: by its conversation, the last part of its lane, or by
    the number to which it goes, whoever took the message in.
    """
    *_, conversation_id = lane.split(":", 2)
    digits = digits_of(peer)
    return conversation_id in names or peer in names or (digits is not None and digits in map(digits_of, names))
