"""Who is on duty, in the forms that `engine oncall` writes. Each of the modules has a function `show`."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from engine.core.rosters import Person
from engine.core.schedules import Shift, Stay


@dataclass(frozen=True, slots=True)
class Row:
    """One schedule at one moment, and from there on."""

    schedule: str
    zone: tzinfo
    # As a file names it.
    zone_name: str
    now: Shift
    # From the moment that was asked for, in order; empty when only that moment was.
    stays: tuple[Stay, ...] = ()
    # Whether nobody at all is as it should be.
    may_have_gaps: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was asked for."""

    at: datetime
    # The same moment, when only that was asked for.
    until: datetime
    rows: tuple[Row, ...]
    people: tuple[Person, ...]


def shown(moment: datetime | None, zone: tzinfo) -> str:
    """A moment as the wall of a zone shows it; empty for one that nobody knows."""
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}" if moment is not None else ""


def reason(stay: Stay | Shift) -> str:
    """By what somebody is on duty, e.g. "nights" or "override: leave"."""
    return f"{stay.source}: {stay.layer}" if stay.source == "override" and stay.layer else stay.layer or stay.source
