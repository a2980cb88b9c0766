"""The fixed mention of engine.yaml as the on-call source: it calls by each post and by nothing else."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.decisions import Priority
from engine.core.ladders import Ladder, OnDuty
from engine.core.rosters import Roster
from engine.ports import Health


@dataclass(frozen=True, slots=True)
class StaticOnCall:
    """Always calls the same: a user, a keyword such as "@oncall", or a licensed group."""

    name: str

    def mention(self) -> str:
        """What the post says."""
        return self.name

    @staticmethod
    def ladder(priority: Priority) -> Ladder | None:
        """There is none."""
        del priority
        return None

    @staticmethod
    def schedules() -> tuple[str, ...]:
        """There is none."""
        return ()

    @staticmethod
    def on_duty(schedule: str, at: datetime) -> OnDuty:
        """Nobody is known by name."""
        del schedule, at
        return OnDuty(())

    @staticmethod
    def username(person: str) -> str | None:
        """Nobody is."""
        del person
        return None

    def by(self, roster: Roster | None) -> "StaticOnCall":
        """The same, whatever on-call files there are."""
        del roster
        return self

    @staticmethod
    def missing_services() -> tuple[str, ...]:
        """None is called."""
        return ()

    @staticmethod
    def health() -> Health:
        """Nothing can fail."""
        return Health(ready=True)
