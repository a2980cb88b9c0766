"""When a client is not acknowledged automatically although the rules say so, and when the text is another."""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import datetime, time, timedelta

_SPAN = re.compile(r"(?P<start>(?:[01]\d|2[0-3]):[0-5]\d)-(?P<end>(?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A stretch of each day in which no phone should ring; the engineers' posts go on."""

    # From the first moment until before the second; across midnight when it is the earlier one.
    start: time
    end: time
    zone: zoneinfo.ZoneInfo

    def last_at(self, moment: datetime) -> bool:
        """Whether an aware moment lies in them."""
        there = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= there < self.end
        return there >= self.start or there < self.end


@dataclass(frozen=True, slots=True)
class Manners:
    """How the daemon behaves towards clients."""

    # A message that reached us so much later than it was sent gets the text for late ones.
    late_after: timedelta = timedelta(minutes=15)
    # How long after a person answered by hand nothing is acknowledged automatically in that conversation.
    hold: timedelta = timedelta(hours=2)
    quiet_hours: QuietHours | None = None

    def quiet_at(self, moment: datetime) -> bool:
        """Whether clients are left in peace at an aware moment."""
        return self.quiet_hours is not None and self.quiet_hours.last_at(moment)


def parse_quiet_hours(written: str, zone: str) -> QuietHours | None:
    """What "22:00-07:00" writes, in a time zone such as Africa/Nairobi; None for anything else."""
    found = _SPAN.fullmatch(written)
    if found is None or found["start"] == found["end"]:
        return None
    try:
        there = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return QuietHours(time.fromisoformat(found["start"]), time.fromisoformat(found["end"]), there)
