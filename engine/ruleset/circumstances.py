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
from engine.ruleset.values import light_value

# A Monday morning: an example must not depend on today.
_WHEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
# Every quarter of an hour of two weeks, so that hours of any kind are met.
_MOMENTS = 14 * 24 * 4
_STEP = timedelta(minutes=15)
# The atoms that only ask for words.
_OF_WORDS = (Words, KeywordIs, Pattern)
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


USUAL = Circumstances("whatsapp", _WHEN, _STRANGER, "message", (), follow_up=False)


def favourable(rule: Rule, document: Document) -> Circumstances:
    """The circumstances that a rule asks for, as far as they can be had together; the usual ones for the rest."""
    return _circumstances(tuple(_asked(rule.when)), document)


def necessary(rule: Rule, document: Document) -> Circumstances:
    """Only what a rule cannot do without: of several alternatives none is the case, so that its words are put to the
    test. The usual circumstances for a rule that asks for no words at all.
    """
    asked = tuple(_asked(rule.when))
    if not any(isinstance(each.atom, _OF_WORDS) for each in asked):
        return USUAL
    return _circumstances(tuple(each for each in asked if each.is_needed), document)


@light_value
class _Fact:
    """An atom of a rule, and the part it plays there."""

    atom: Atom
    # False for what stands under `none`.
    is_wanted: bool
    # False for one of several alternatives.
    is_needed: bool


def _circumstances(asked: "_Asked", document: Document) -> Circumstances:
    if all(isinstance(each.atom, _OF_WORDS) for each in asked):
        # As most rules of a large set are.
        return USUAL
    wanted = [each.atom for each in asked if each.is_wanted]
    sources = [atom.sources[0].value for atom in wanted if isinstance(atom, SourceIs)]
    kinds = [atom.kinds[0].value for atom in wanted if isinstance(atom, KindIs)]
    return Circumstances(
        source=next(iter(sources), USUAL.source),
        received_at=_moment(asked, document),
        client=_client(asked, document.clients),
        kind=next(iter(kinds), USUAL.kind),
        attachments=tuple(
            Attachment(atom.kinds[0].value if atom.kinds else "image")
            for atom in wanted
            if isinstance(atom, AttachmentIs)
        ),
        follow_up=any(each.atom.value is each.is_wanted for each in asked if isinstance(each.atom, FollowUpIs)),
    )


_Asked = Sequence[_Fact]


def _asked(condition: Condition, *, wanted: bool = True, needed: bool = True) -> Iterator[_Fact]:
    """Every atom; of what stands under `none` the opposite is wanted."""
    if not isinstance(condition, Group):
        yield _Fact(condition, wanted, needed)
        return
    # Not (a or b) needs both not to be; not (a and b) needs only one of them not to be.
    either = (condition.kind == "any") is wanted if condition.kind != "none" else not wanted
    inside = needed and not (either and len(condition.parts) > 1)
    for part in condition.parts:
        yield from _asked(part, wanted=wanted is not (condition.kind == "none"), needed=inside)


def _moment(asked: _Asked, document: Document) -> datetime:
    """The first moment at which most of the hours are as they should be."""
    windows = {hours.name.value: calendars.build(hours) for hours in document.hours}
    wanted = [
        (windows[each.atom.name.value], each.atom.inside is each.is_wanted)
        for each in asked
        if isinstance(each.atom, HoursIs) and each.atom.name.value in windows
    ]
    if not wanted:
        return _WHEN
    moments = (_WHEN + step * _STEP for step in range(_MOMENTS))
    return max(moments, key=lambda moment: sum(each.includes(moment) is inside for each, inside in wanted))


def _client(asked: _Asked, clients: Sequence[ClientEntry]) -> Client:
    """Somebody about whom most is as it should be: a stranger, a client of the directory, or a made-up number."""
    wanted = [(each.atom, each.is_wanted) for each in asked if isinstance(each.atom, ClientIs)]
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
