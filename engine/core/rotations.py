"""Lists of people who take turns, into who has which turn from when to when.

Called by `schedules`. Turns are counted from the first hand-off of the rotation, and every period is a turn, whether
its layer is active in it or not. A new list begins at the first hand-off at or after its date, with its first name;
nothing before it changes. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from engine.core.walltimes import instant


@dataclass(frozen=True, slots=True)
class Rotation:
    """When one hands over to the next."""

    # At least 1.
    every_days: int
    # On the wall of the schedule's zone.
    at: time
    # The day of the first hand-off.
    start: date


@dataclass(frozen=True, slots=True)
class Members:
    """A list of people, as of a date."""

    since: datetime
    # In the order of their turns; at least one.
    people: tuple[str, ...]


# From when to when somebody has a turn.
Turn = tuple[datetime, datetime, tuple[str, ...]]


def turns(
    rotation: Rotation | None, lists: Sequence[Members], zone: tzinfo, since: datetime, until: datetime
) -> Iterator[Turn]:
    """Who has the turns from one instant to another, in order; the first and the last one may reach beyond.

    Without a rotation everybody of a list is there at once. `lists` are in the order of their dates.
    """
    if rotation is None:
        for members, end in zip(lists, [*(later.since for later in lists[1:]), until], strict=True):
            if members.since < min(end, until) and since < end:
                yield members.since, end, members.people
        return
    firsts = [first_turn(rotation, members, zone) for members in lists]
    number = max(_number(rotation, since, zone), firsts[0])
    begin = hand_off(rotation, number, zone)
    while begin < until:
        end = hand_off(rotation, number + 1, zone)
        position = bisect_right(firsts, number) - 1
        people = lists[position].people
        yield begin, end, (people[(number - firsts[position]) % len(people)],)
        number, begin = number + 1, end


def hand_off(rotation: Rotation, number: int, zone: tzinfo) -> datetime:
    """The instant at which a turn begins; 0 is that of the first one."""
    return instant(rotation.start + timedelta(days=number * rotation.every_days), rotation.at, zone)


def first_turn(rotation: Rotation, members: Members, zone: tzinfo) -> int:
    """The number of the first turn that a list has."""
    number = _number(rotation, members.since, zone)
    return max(0, number if hand_off(rotation, number, zone) == members.since else number + 1)


def _number(rotation: Rotation, moment: datetime, zone: tzinfo) -> int:
    """The number of the turn at an instant; negative before the first one."""
    number = (moment.astimezone(zone).date() - rotation.start).days // rotation.every_days
    # On the day of a hand-off it may be yet to come.
    if hand_off(rotation, number, zone) > moment:
        number -= 1
    # Where clocks are set back over midnight, the day before shows once more after the hand-off.
    return number + 1 if hand_off(rotation, number + 1, zone) <= moment else number
