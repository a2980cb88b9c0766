"""What rules ask about an event besides its words: where it came from, what came with it, when, and in which state its
conversation is.

Built by `compiler`, asked by `atoms` once for each event. The client directory is `directory`'s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from engine.core.events import Event
from engine.ruleset.calendars import Calendar

# What `attachment: [audio]` means as well: a voice note is something to listen to.
_INCLUDES = {"voice": "audio"}
_NOTHING: Mapping[str, tuple[int, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Facts:
    """The atoms over facts of events, by the fact that satisfies them."""

    sources: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _NOTHING)
    attachments: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _NOTHING)
    # `attachment: any`
    any_attachment: tuple[int, ...] = ()
    kinds: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: _NOTHING)
    # The atoms for a conversation with an open incident, and for one without.
    follow_up: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    # For each calendar that is asked for: the atoms for inside, and for outside.
    hours: tuple[tuple[Calendar, tuple[int, ...], tuple[int, ...]], ...] = ()

    def hits(self, event: Event, *, follow_up: bool) -> Iterator[int]:
        """The atoms that hold for an event, in no order; one may come twice."""
        yield from self.sources.get(event.source, ())
        yield from self.kinds.get(event.message.kind, ())
        yield from self.follow_up if follow_up else self.first
        if event.message.attachments:
            yield from self.any_attachment
            for attachment in event.message.attachments:
                yield from self.attachments.get(attachment.kind, ())
                yield from self.attachments.get(_INCLUDES.get(attachment.kind, ""), ())
        yield from self._of_time(event.received_at)

    def _of_time(self, moment: datetime) -> Iterator[int]:
        for calendar, inside, outside in self.hours:
            yield from inside if calendar.includes(moment) else outside
