"""What the files about on-call say, typed and with the place of every part, before anything is resolved.

Built by `reading` and `policies` from YAML nodes, read by `names`, `building` and `foresight`. Times are as the wall
of the schedule's zone shows them; names of people, schedules, calendars and channels are only names.
"""

from dataclasses import field
from datetime import date, datetime, timedelta

from engine.core.decisions import Priority
from engine.core.ladders import TargetKind
from engine.core.rotations import Rotation
from engine.core.windows import Window
from engine.ruleset.syntax import Place, Text
from engine.ruleset.values import light_value


@light_value
class Person:
    """One of `people:`."""

    name: Text
    mattermost: Text | None
    email: Text | None
    pagerduty: Text | None


@light_value
class Calendar:
    """One of `calendars:`."""

    name: Text
    dates: tuple[date, ...]
    country: Text | None
    # The name of a file beside this one.
    ics: Text | None


@light_value
class Members:
    """One dated list."""

    since: datetime
    people: tuple[Text, ...]
    at: Place


@light_value
class Layer:
    """One of `layers:`."""

    name: Text
    lists: tuple[Members, ...]
    rotation: Rotation | None
    only: tuple[Window, ...]
    # The name of a calendar.
    when: Text | None
    at: Place


@light_value
class Override:
    """One of `overrides:`."""

    since: datetime
    until: datetime
    people: tuple[Text, ...]
    # None: everybody.
    replaces: Text | None
    reason: str
    force: bool
    at: Place


@light_value
class Import:
    """`import:` of a schedule."""

    ics: Text
    # summary and attendee, or one of them.
    user_from: tuple[str, ...]
    max_age: timedelta | None


@light_value
class Schedule:
    """One of `schedules:`."""

    name: Text
    # IANA; None: it is not said or does not exist, which is a fault.
    zone: Text | None
    may_have_gaps: bool
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...]
    imported: Import | None


@light_value
class Target:
    """Whom a level notifies."""

    kind: TargetKind
    name: str
    # As it was written.
    text: Text


@light_value
class Level:
    """One of `levels:`."""

    targets: tuple[Target, ...]
    wait: timedelta
    channel: Text | None


@light_value
class Policy:
    """One of `policies:`."""

    # default, or the word of a priority.
    name: Text
    levels: tuple[Level, ...]
    repeat: int
    nobody: tuple[Target, ...]
    quiet_until: Target | None
    # Those that are held until then; None: all that this policy is for.
    quiet_for: tuple[Priority, ...] | None


@light_value
class Document:
    """All files of the folder, merged in the order of their names."""

    people: tuple[Person, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    # Whom policies may mention.
    mentions: tuple[Text, ...] = ()
    policies: tuple[Policy, ...] = field(default=())
