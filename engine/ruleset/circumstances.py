"""An example's text into an event in which whatever else its rule asks for is the case.

An example is about words. A rule may also ask for a network, a client, an attachment, a time or an open incident, and
its examples are tried as if all that were so: what they prove is that the words are right. Called by `rehearsal` and
whoever else runs examples. Pure: the moments are made up, never read from a clock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.core.events import Attachment, Client, Event, Message
from engine.ruleset import calendars, directory
from engine.ruleset.syntax import (
    Atom,
    AttachmentIs,
    ClientEntry,
    ClientIs,
    Condition,
    Document,
    FollowUpIs,
    Group,
    HoursIs,
    KeywordIs,
    KindIs,
    Pattern,
    Rule,
    SourceIs,
    Words,
)

# A Monday morning: an example must not depend on today.
_WHEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
# Every quarter of an hour of two weeks, so that hours of any kind are met.
_MOMENTS = 14 * 24 * 4
_STEP = timedelta(minutes=15)
# In no client directory: three digits are too few for a number.
_STRANGER = Client(phone="+100", display_name="Example")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything about an event but its words."""

    source: str
    received_at: datetime
    client: Client
    kind: str
    attachments: tuple[Attachment, ...]
    follow_up: bool

    def event(self, text: str) -> Event:
        """A message with this text."""
        message = Message("example", text, self.kind, self.attachments)
        return Event(self.source, self.received_at, "example", self.client, message)


def tried(rule: Rule, document: Document, *, matches: bool) -> tuple[Circumstances, ...]:
    """The circumstances in which an example is tried, one after the other until the rule matches.

    First those that a rule cannot do without: where words are enough, an example would prove nothing about them if
    they were not needed. One that is to match may then have all that the rule asks for.
    """
    needed = favourable(rule, document, needed=True)
    return tuple(dict.fromkeys((needed, favourable(rule, document)))) if matches else (needed,)


def favourable(rule: Rule, document: Document, *, needed: bool = False) -> Circumstances:
    """The circumstances that a rule asks for, as far as they can be had together; the usual ones for the rest.

    With `needed` only those without which no words make it match.
    """
    asked = tuple(_asked(rule.when, wanted=True, needed=needed))
    wanted = [atom for atom, is_wanted in asked if is_wanted]
    sources = [atom.sources[0].value for atom in wanted if isinstance(atom, SourceIs)]
    kinds = [atom.kinds[0].value for atom in wanted if isinstance(atom, KindIs)]
    return Circumstances(
        source=next(iter(sources), "whatsapp"),
        received_at=_moment(asked, document),
        client=_client(asked, document.clients),
        kind=next(iter(kinds), "message"),
        attachments=tuple(
            Attachment(atom.kinds[0].value if atom.kinds else "image")
            for atom in wanted
            if isinstance(atom, AttachmentIs)
        ),
        follow_up=any(atom.value is is_wanted for atom, is_wanted in asked if isinstance(atom, FollowUpIs)),
    )


_Asked = Sequence[tuple[Atom, bool]]


def _asked(condition: Condition, *, wanted: bool, needed: bool) -> Iterator[tuple[Atom, bool]]:
    """Every atom, and whether it should hold; of what stands under `none` the opposite."""
    if not isinstance(condition, Group):
        yield condition, wanted
        return
    if needed and condition.kind == "any" and any(map(_is_about_words, condition.parts)):
        return
    for part in condition.parts:
        yield from _asked(part, wanted=wanted is not (condition.kind == "none"), needed=needed)


def _is_about_words(condition: Condition) -> bool:
    """Whether a text alone can meet it."""
    if isinstance(condition, Group):
        return all(map(_is_about_words, condition.parts))
    return isinstance(condition, Words | KeywordIs | Pattern)


def _moment(asked: _Asked, document: Document) -> datetime:
    """The first moment at which most of the hours are as they should be."""
    windows = {hours.name.value: calendars.build(hours) for hours in document.hours}
    wanted = [
        (windows[atom.name.value], atom.inside is is_wanted)
        for atom, is_wanted in asked
        if isinstance(atom, HoursIs) and atom.name.value in windows
    ]
    if not wanted:
        return _WHEN
    moments = (_WHEN + step * _STEP for step in range(_MOMENTS))
    return max(moments, key=lambda moment: sum(each.includes(moment) is inside for each, inside in wanted))


def _client(asked: _Asked, clients: Sequence[ClientEntry]) -> Client:
    """Somebody about whom most is as it should be: a stranger, a client of the directory, or a made-up number."""
    wanted = [(atom, is_wanted) for atom, is_wanted in asked if isinstance(atom, ClientIs)]
    if not wanted:
        return _STRANGER
    questions = [(number, directory.question(atom)) for number, (atom, _) in enumerate(wanted)]
    asking = directory.build(map(directory.entry, clients), questions)

    def fitting(client: Client) -> int:
        hits = asking.hits(client.phone)
        return sum((number in hits) is is_wanted for number, (_, is_wanted) in enumerate(wanted))

    known = [Client(phone.value, client.name.value) for client in clients for phone in client.phones]
    made_up = [
        Client(value.value.replace("*", "700000"), "Example")
        for atom, _ in wanted
        if atom.field.value == "phone"
        for value in atom.values
    ]
    return max((_STRANGER, *known, *made_up), key=fitting)
