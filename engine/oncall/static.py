"""The fixed mention of engine.yaml as the on-call source: it calls by each post and by nothing else."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.decisions import Priority
from engine.core.ladders import Ladder, OnDuty


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
    def on_duty(schedule: str, at: datetime) -> OnDuty:
        """Nobody is known by name."""
        del schedule, at
        return OnDuty(())

    @staticmethod
    def username(person: str) -> str | None:
        """Nobody is."""
        del person
        return None
