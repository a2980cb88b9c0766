"""Who is called, over the mention, the services and the on-call files."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from standins.parts import START, SetClock

from engine.core.decisions import Priority
from engine.core.deliveries import Fault, Rejected
from engine.core.ladders import Called, Duty, Ladder, OnDuty, Rung, Target, TargetKind, call_rung
from engine.core.lookups import FILES
from engine.oncall.duty import SourcedDuty
from engine.oncall.sources import Account, Shift, Source
from engine.oncall.static import StaticOnCall
from engine.ports import Health

_LADDER = Ladder(
    (Rung((Target(TargetKind.SCHEDULE, "voip"), Target(TargetKind.PERSON, "lead")), timedelta(minutes=5)),),
    0,
    (Target(TargetKind.MENTION, "@here"),),
)


def _known(*emails: str) -> tuple[Account, ...]:
    return tuple(map(Account, emails))


@dataclass
class _Network:
    """A service that says what the test wants."""

    name: str = "PagerDuty"
    answer: Shift | Rejected = field(default=Shift(_known("alice@example.com")))

    async def look_up(self, schedule: str) -> Shift | Rejected:
        return self.answer

    async def close(self) -> None:
        return None


@dataclass(frozen=True)
class _Files:
    """On-call files with two people."""

    people: dict[str, str] = field(default_factory=lambda: {"alice@example.com": "alice", "lead@example.com": "noc"})
    on: OnDuty = field(default=OnDuty(("carol",)))
    paging: Target | None = None

    def ladder(self, priority: Priority) -> Ladder | None:
        if priority is not Priority.URGENT:
            return None
        first = _LADDER.rungs[0]
        targets = (*first.targets, *([self.paging] if self.paging else []))
        return replace(_LADDER, rungs=(replace(first, targets=targets),))

    def schedules(self) -> tuple[str, ...]:
        return ("voip", "leads")

    def services(self) -> frozenset[str]:
        return frozenset({self.paging.name} if self.paging else ())

    def on_duty(self, schedule: str, at: datetime) -> OnDuty:
        return self.on

    def username(self, person: str) -> str | None:
        return "noc-lead" if person == "lead" else None

    def by_account(self, email: str, pagerduty: str) -> str | None:
        assert not pagerduty
        return self.people.get(email)


class _Parts:
    """A duty over one service and the files."""

    def __init__(self, *, files: _Files | None = None, with_files: bool = True) -> None:
        self.clock = SetClock()
        self.network = _Network()
        self.files = files
        patience = {"refresh": timedelta(seconds=60), "max_age": timedelta(minutes=15)}
        self.source = Source(self.network, {"voip": "P1"}, self.clock, **patience)
        order = [self.source, None] if with_files else [self.source]
        self.duty: SourcedDuty = SourcedDuty("@oncall", order, lambda: self.files, self.clock)


def _each() -> list[Duty]:
    return [StaticOnCall("@oncall"), _Parts().duty]


@pytest.mark.parametrize("duty", _each(), ids=["static", "sourced"])
def test_without_on_call_files_the_post_alone_calls(duty: Duty) -> None:
    """The mention stays, and there is no ladder and nobody by name."""
    assert duty.mention() == "@oncall"
    assert duty.ladder(Priority.URGENT) is None
    assert duty.username("lead") is None
    assert duty.on_duty("other", START) == OnDuty(())
    assert set(duty.schedules()) <= {"voip"}


async def test_a_ladder_calls_whom_the_service_has_on_call() -> None:
    """By the name in the chat that the files have for the e-mail address."""
    parts = _Parts(files=_Files())
    await parts.source.look()
    ladder = parts.duty.ladder(Priority.URGENT)
    assert ladder is not None
    assert parts.duty.ladder(Priority.LOW) is None
    assert call_rung(ladder, 0, parts.duty, START) == Called(("@alice", "@noc-lead"))


def test_a_service_that_is_none_is_not_called_and_is_told() -> None:
    """A page to nobody would wait for ever; the administrator reads what to add."""
    noc = Target(TargetKind.SERVICE, "noc")
    files = _Files(paging=noc)
    duty = SourcedDuty("@oncall", [None], lambda: files, SetClock())
    ladder = duty.ladder(Priority.URGENT)
    assert ladder is not None
    assert noc not in ladder.rungs[0].targets
    assert duty.health() == Health(
        ready=False,
        problem='the on-call files call the service "noc": add it under "services" in engine.yaml, or take it out of '
        "the on-call files",
    )
    duty = SourcedDuty("@oncall", [None], lambda: files, SetClock(), services=["noc"])
    ladder = duty.ladder(Priority.URGENT)
    assert ladder is not None
    assert noc in ladder.rungs[0].targets
    assert duty.health().ready


def test_schedules_are_those_of_the_files_and_of_the_services() -> None:
    """Each once; and with other files, or without any, only they are others."""
    duty = _Parts(files=_Files()).duty
    assert duty.schedules() == ("voip", "leads")
    assert duty.by(None).schedules() == ("voip",)
    assert duty.by(None).mention() == "@oncall"
    assert duty.by(None).missing_services() == ()
    assert StaticOnCall("@noc").by(None).schedules() == ()


async def test_the_files_take_over_from_a_service_that_is_silent() -> None:
    """With a note for the post, at once and without a lookup."""
    parts = _Parts(files=_Files())
    note = "on-call from the on-call files: PagerDuty has not answered"
    assert parts.duty.on_duty("voip", START) == OnDuty(("carol",), None, f"{note} yet", FILES)
    await parts.source.look()
    assert parts.duty.on_duty("voip", START) == OnDuty(("alice",), source="PagerDuty")
    parts.network.answer = Rejected(Fault.TRANSIENT, "500", "PagerDuty answered 500")
    parts.clock.advance(minutes=20)
    await parts.source.look()
    assert parts.duty.on_duty("voip", parts.clock.now()) == OnDuty(("carol",), None, f"{note} for 20 min", FILES)


async def test_the_cache_is_better_than_nobody() -> None:
    """However old it is, the post says so."""
    parts = _Parts(files=_Files(on=OnDuty(())))
    await parts.source.look()
    at = START + timedelta(hours=3)
    assert parts.duty.on_duty("voip", at) == OnDuty(("alice",), None, "on-call from cache, 3 h old", "PagerDuty")


async def test_a_schedule_of_the_files_alone_is_theirs() -> None:
    """A service is asked about the schedules that engine.yaml names."""
    parts = _Parts(files=_Files())
    assert parts.duty.on_duty("network", START) == OnDuty(("carol",), source=FILES)


async def test_somebody_without_a_name_in_the_chat_is_told() -> None:
    """An address that the files do not have is a gap in them, not a reason to be silent; no address is told."""
    parts = _Parts(files=_Files())
    parts.network.answer = Shift(_known("alice@example.com", "eve@example.com"))
    await parts.source.look()
    note = "1 on call by PagerDuty without a name in Mattermost"
    assert parts.duty.on_duty("voip", START) == OnDuty(("alice",), None, note, "PagerDuty")
    parts.files = None
    assert parts.duty.on_duty("voip", START) == OnDuty((), None, "2 on call by PagerDuty without a name in Mattermost")


async def test_what_is_learnt_changes_the_answer_and_nothing_else_does() -> None:
    """For one moment it always says the same until the source was asked again."""
    parts = _Parts(files=_Files())
    await parts.source.look()
    before = parts.duty.on_duty("voip", START)
    parts.network.answer = Shift(_known("lead@example.com"), until=START + timedelta(hours=1))
    assert parts.duty.on_duty("voip", START) == before
    await parts.source.look()
    assert parts.duty.on_duty("voip", START) == OnDuty(("noc",), START + timedelta(hours=1), source="PagerDuty")


async def test_probes_hear_when_nobody_can_tell() -> None:
    """Only when every source is stale, the files included."""
    parts = _Parts(with_files=False, files=_Files())
    assert parts.duty.health().problem == "nobody can tell who is on call: PagerDuty has not answered yet"
    await parts.source.look()
    assert parts.duty.health().ready
    parts.clock.advance(minutes=16)
    assert not parts.duty.health().ready
    with_files = _Parts(files=_Files())
    assert with_files.duty.health().ready
    with_files.files = None
    assert not with_files.duty.health().ready


def test_nobody_to_ask_is_no_fault() -> None:
    """Where engine.yaml names the files alone, and there are none yet, the mention calls as ever."""
    assert SourcedDuty("@oncall", [None], lambda: None, SetClock()).health().ready
