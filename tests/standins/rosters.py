"""Who is on call in the tests: a ladder of two rungs, a schedule with people by the hour, a paging service."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.core.decisions import Priority
from engine.core.ladders import Ladder, OnDuty, Rung, Target, TargetKind

PRIMARY = Target(TargetKind.SCHEDULE, "primary")
LEAD = Target(TargetKind.PERSON, "lead")
HERE = Target(TargetKind.MENTION, "@here")
NOC = Target(TargetKind.SERVICE, "noc")
LADDER = Ladder(
    rungs=(
        Rung((PRIMARY,), timedelta(minutes=5)),
        Rung((PRIMARY, LEAD, NOC), timedelta(minutes=10), ("voip-escalation", None)),
    ),
    repeat=1,
    nobody=(LEAD, HERE),
)


@dataclass
class FixedDuty:
    """A roster that answers what the test says."""

    ladders: dict[Priority, Ladder] = field(default_factory=lambda: {Priority.HIGH: LADDER, Priority.URGENT: LADDER})
    # By schedule.
    duty: dict[str, OnDuty] = field(default_factory=lambda: {"primary": OnDuty(("alice",))})
    names: dict[str, str] = field(default_factory=lambda: {"lead": "noc-lead"})
    word: str = "@oncall"
    # The moments that were asked about.
    asked: list[datetime] = field(default_factory=list)

    def mention(self) -> str:
        return self.word

    def ladder(self, priority: Priority) -> Ladder | None:
        return self.ladders.get(priority)

    def schedules(self) -> tuple[str, ...]:
        return tuple(self.duty)

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        self.asked.append(at)
        return self.duty.get(schedule, OnDuty(()))

    def username(self, person: str) -> str | None:
        return self.names.get(person)
