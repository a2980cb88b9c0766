"""The fixed mention of engine.yaml as everything that is known of who is called."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.decisions import Priority
from engine.core.ladders import Ladder, OnDuty


@dataclass(frozen=True, slots=True)
class StaticOnCall:
    """Always calls the same: a user, a keyword such as "@oncall", or a licensed group. It has no ladder, so nobody is
    called after the post.
    """

    name: str

    def mention(self) -> str:
        """What the post says."""
        return self.name

    def ladder(self, priority: Priority) -> Ladder | None:
        """None: by the post alone."""
        del priority
        return None

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        """Nobody by name."""
        del schedule, at
        return OnDuty(())

    def username(self, person: str) -> str | None:
        """None: it knows no people."""
        del person
        return None
