"""The people, the schedules and the ladders of calls of a rules folder, ready to be asked.

Made by `ruleset.oncall`, carried by the rule-set in force, asked through `ladders.Duty` by whoever calls engineers. It
answers from memory. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from engine.core.decisions import Priority
from engine.core.ladders import Ladder, OnDuty, Target, TargetKind
from engine.core.schedules import Timetable


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be on call."""

    # As schedules and policies say it.
    name: str
    # In the engineers' chat, without at sign; None: not there.
    username: str | None = None
    email: str | None = None
    # The id of this user at PagerDuty.
    pagerduty: str | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """Everything that the files about on-call say."""

    people: Mapping[str, Person] = field(default_factory=dict)
    timetables: Mapping[str, Timetable] = field(default_factory=dict)
    ladders: Mapping[Priority, Ladder] = field(default_factory=dict)

    def ladder(self, priority: Priority) -> Ladder | None:
        """How the engineers are called for an incident of this priority; None: by the post alone."""
        return self.ladders.get(priority)

    def schedules(self) -> tuple[str, ...]:
        """The names of all schedules, in the order of the files."""
        return tuple(self.timetables)

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        """Who is on duty by a schedule at an aware moment; nobody by one that does not exist.

        Whoever is on duty and has no name in the chat cannot be called there, and is left out.
        """
        timetable = self.timetables.get(schedule)
        if timetable is None:
            return OnDuty(())
        shift = timetable.at(at)
        usernames = (self.username(person) for person in shift.people)
        return OnDuty(tuple(filter(None, usernames)), shift.until, "; ".join(shift.warnings))

    def username(self, person: str) -> str | None:
        """The name of a person in the engineers' chat, without at sign; None for somebody who is not there."""
        found = self.people.get(person)
        return found.username if found else None

    def by_account(self, email: str, pagerduty: str) -> str | None:
        """The name in the engineers' chat of whom a service knows by an e-mail address, in whatever case it is written,
        or by an id at PagerDuty, which counts first; what it does not tell is empty.
        """
        wanted = email.casefold()
        by_id = (one for one in self.people.values() if one.pagerduty and one.pagerduty == pagerduty)
        by_email = (one for one in self.people.values() if one.email and one.email.casefold() == wanted)
        return next((one.username for one in chain(by_id, by_email)), None)

    def services(self) -> frozenset[str]:
        """The paging services that ladders name, which engine.yaml has to know."""
        return frozenset(target.name for target in self._targets() if target.kind is TargetKind.SERVICE)

    def channels(self) -> frozenset[str]:
        """The channels that ladders name."""
        rungs = (rung for ladder in self.ladders.values() for rung in ladder.rungs)
        return frozenset(rung.channel[0] for rung in rungs if rung.channel is not None)

    def _targets(self) -> list[Target]:
        return [
            target
            for ladder in self.ladders.values()
            for targets in (*(rung.targets for rung in ladder.rungs), ladder.nobody)
            for target in targets
        ]
