"""A calendar file on the standard input, its events as JSON on the standard output; the only module that imports ical.

Run by `importing` as a process of its own, because a calendar may ask for more work than anybody wants to wait for
(`FREQ=SECONDLY` without an end). The arguments are two days: events that touch the time between them are wanted.
"""

import json
import resource
import sys
from datetime import UTC, date, datetime
from itertools import islice

from ical.calendar_stream import IcsCalendarStream
from ical.event import Event
from ical.exceptions import CalendarParseError

# Seconds of work, and bytes of memory; the parent's deadline ends what waits.
_WORK_S = 20
_MEMORY_BYTES = 1024 * 1024 * 1024
MOST_EVENTS = 20_000
_MAILTO = "mailto:"


def main() -> int:
    """Write {"events": […]}, or {"problem": "…"}."""
    resource.setrlimit(resource.RLIMIT_CPU, (_WORK_S, _WORK_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    since, until = (datetime.fromisoformat(written).replace(tzinfo=UTC) for written in sys.argv[1:3])
    try:
        calendar = IcsCalendarStream.calendar_from_ics(sys.stdin.buffer.read().decode("utf-8-sig"))
        timeline = calendar.timeline_tz(UTC).overlapping(since, until)
        found = [_written(event) for event in islice(timeline, MOST_EVENTS + 1) if event.status != "CANCELLED"]
    except (CalendarParseError, ValueError, OverflowError, KeyError, TypeError):
        # What a vendor's parser makes of a broken file; its words may quote the calendar.
        json.dump({"problem": "it cannot be read as a calendar"}, sys.stdout)
        return 0
    if len(found) > MOST_EVENTS:
        json.dump({"problem": f"it has more than {MOST_EVENTS:,} events in a year"}, sys.stdout)
        return 0
    json.dump({"events": found}, sys.stdout)
    return 0


def _written(event: Event) -> list[object]:
    attendees = [[guest.common_name or "", str(guest.uri).removeprefix(_MAILTO)] for guest in event.attendees]
    return [_moment(event.start), _moment(event.end), event.summary or "", attendees]


def _moment(written: datetime | date) -> str:
    # With the offset of its own zone: the day that a calendar means is the one on the wall there.
    return written.isoformat()


if __name__ == "__main__":
    sys.exit(main())
