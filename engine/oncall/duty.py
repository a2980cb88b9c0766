"""Whom the engineers' posts call, over every source in the order of engine.yaml: one `core.ladders.Duty`.

Called by the pipeline and the relay for each post. It answers from memory: the services are asked in the background
(`sources`), and the roster of the on-call files reckons for itself. The people of a service are known by their e-mail
addresses, which the roster knows as names in the engineers' chat.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from engine.core import ladders
from engine.core.decisions import Priority
from engine.core.ladders import Ladder, OnDuty, Target, TargetKind
from engine.core.lookups import Silent, Told, choose
from engine.core.oncall import no_service
from engine.oncall.sources import Known, Source
from engine.ports import Clock, Health


class Roster(Protocol):
    """The on-call files of the rules that are in use."""

    def ladder(self, priority: Priority) -> Ladder | None:
        """How the engineers are called for an incident of this priority; None: by the post alone."""
        ...

    def schedules(self) -> tuple[str, ...]:
        """The names of all schedules."""
        ...

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        """Who is on duty by a schedule at an aware moment; nobody for a schedule that it does not have."""
        ...

    def username(self, person: str) -> str | None:
        """The name of a person in the engineers' chat, without at sign."""
        ...

    def services(self) -> frozenset[str]:
        """The paging services that its ladders name."""
        ...

    def by_account(self, email: str, pagerduty: str) -> str | None:
        """The name in the engineers' chat of whom a service knows so; what it does not tell is empty."""
        ...


class SourcedDuty:
    """The mention of engine.yaml, the roster's ladders, and who is on duty by the first source that can tell."""

    def __init__(
        self,
        mention: str,
        order: Sequence[Source | None],
        roster: Callable[[], Roster | None],
        clock: Clock,
        *,
        services: Collection[str] = (),
    ) -> None:
        """`order` has the sources, None in the place of the roster; `roster` gives the present one, None while the
        rules have no on-call files. `services` are the paging services that there are: a ladder calls no other.
        """
        self._mention = mention
        self._order = tuple(order)
        self._roster = roster
        self._clock = clock
        self._services = frozenset(services)

    def by(self, roster: Roster | None) -> "SourcedDuty":
        """The same with other on-call files, or with none."""
        return SourcedDuty(self._mention, self._order, lambda: roster, self._clock, services=self._services)

    def mention(self) -> str:
        """What each post says."""
        return self._mention

    def ladder(self, priority: Priority) -> Ladder | None:
        """How the engineers are called for an incident of this priority."""
        roster = self._roster()
        ladder = roster.ladder(priority) if roster is not None else None
        return None if ladder is None else ladders.without(ladder, self._is_unknown)

    def _is_unknown(self, target: Target) -> bool:
        return target.kind is TargetKind.SERVICE and target.name not in self._services

    def username(self, person: str) -> str | None:
        """The name of a person in the engineers' chat."""
        roster = self._roster()
        return roster.username(person) if roster is not None else None

    def schedules(self) -> tuple[str, ...]:
        """Those of the on-call files, then those that a service alone has."""
        roster = self._roster()
        ours = roster.schedules() if roster is not None else ()
        theirs = (name for source in self._order if source is not None for name in source.schedules)
        return tuple(dict.fromkeys((*ours, *theirs)))

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        """Who is on duty by a schedule, with a note where that is doubtful."""
        return choose(self._answers(schedule, at), at)

    def _answers(self, schedule: str, at: datetime) -> Iterator[Told | OnDuty | Silent]:
        """What each source that has the schedule says about it, in order."""
        roster = self._roster()
        for source in self._order:
            if source is None:
                if roster is not None:
                    yield roster.on_duty(schedule, at)
            elif schedule in source.schedules:
                known = source.known(schedule)
                yield Silent(source.name) if known is None else _told(source, known, roster)

    def missing_services(self) -> tuple[str, ...]:
        """The paging services that the on-call files call and that there are none of."""
        roster = self._roster()
        return tuple(sorted(roster.services() - self._services)) if roster is not None else ()

    def health(self) -> Health:
        """Not ready while no source can tell who is on call, or where the on-call files call a service that is none."""
        if missing := self.missing_services():
            return Health(ready=False, problem=no_service(missing[0]))
        sources = [source for source in self._order if source is not None]
        reckons = None in self._order and self._roster() is not None
        now = self._clock.now()
        problems = [source.problem(now) for source in sources]
        if reckons or not problems or not all(problems):
            return Health(ready=True)
        return Health(ready=False, problem=f"nobody can tell who is on call: {'; '.join(problems)}")


def _told(source: Source, known: Known, roster: Roster | None) -> Told:
    """A service's answer in names of the engineers' chat."""
    found = [roster.by_account(one.email, one.id) if roster is not None else None for one in known.shift.people]
    people = tuple(dict.fromkeys(name for name in found if name is not None))
    strangers = known.shift.strangers + sum(name is None for name in found)
    return Told(source.name, people, strangers, known.shift.until, known.fetched_at, source.max_age)
