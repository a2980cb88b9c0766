"""What operators are told of who is on call: by the status, by a reload, by the log and in their channel."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from loguru import logger
from standins.parts import START, SetClock

from engine.core.decisions import Priority
from engine.core.ladders import Ladder, Rung, Target, TargetKind
from engine.core.notices import Notice, services
from engine.core.oncall import no_service
from engine.core.publications import Reload
from engine.core.rosters import Person, Roster
from engine.core.rotations import Members
from engine.core.schedules import Layer, Schedule, Timetable
from engine.oncall.duty import SourcedDuty
from engine.oncall.static import StaticOnCall
from engine.oncall.tellers import Teller

GOOD = Notice("rules", "good", "taken", good=True)


def roster(*people: str, service: str | None = None) -> Roster:
    layers = (Layer("all", (Members(datetime(2026, 1, 1, tzinfo=UTC), people),)),)
    targets = [Target(TargetKind.SCHEDULE, "noc"), *([Target(TargetKind.SERVICE, service)] if service else [])]
    ladder = Ladder((Rung(tuple(targets), timedelta(minutes=5)),), 0, (Target(TargetKind.MENTION, "@here"),))
    return Roster(
        {name: Person(name, f"{name}.chat") for name in people},
        {"noc": Timetable(Schedule("noc", ZoneInfo("UTC"), layers))},
        {Priority.URGENT: ladder},
    )


class Told:
    """A teller over the files of a test, and what it said."""

    def __init__(self, files: Roster | None) -> None:
        self.notices: list[Notice] = []
        clock = SetClock()
        self.teller = Teller(SourcedDuty("@oncall", [None], lambda: files, clock), "schedule", clock, self.announce)

    async def announce(self, notice: Notice) -> None:
        self.notices.append(notice)

    async def log_of(self, result: Reload) -> list[str]:
        found: list[str] = []
        sink = logger.add(found.append, format="{level} {message}", level="INFO")
        await self.teller.tell_reload(result)
        logger.remove(sink)
        return [str(line).strip() for line in found]


async def test_a_reload_that_puts_somebody_else_on_call_is_told() -> None:
    """In its answer and in the log, with both names; one that does not, is not."""
    told = Told(roster("bob"))
    moved = Reload(ok=True, sha="a", diagnostics=(), notice=GOOD, roster_before=roster("alice"))
    assert told.teller.handovers(moved) == [{"schedule": "noc", "before": ["alice.chat"], "after": ["bob.chat"]}]
    assert await told.log_of(moved) == ["WARNING the reload changes who is on call, noc: now alice.chat → bob.chat"]
    same = Reload(ok=True, sha="a", diagnostics=(), notice=GOOD, roster_before=roster("bob"))
    assert (told.teller.handovers(same), await told.log_of(same)) == ([], [])


async def test_a_service_that_is_none_is_told_at_each_load() -> None:
    """In the log with what to do; the operators' channel tells it once, because the state is the same."""
    told = Told(roster("bob", service="noc"))
    result = Reload(ok=True, sha="a", diagnostics=(), notice=GOOD, roster_before=roster("bob"))
    assert await told.log_of(result) == [f"ERROR {no_service('noc')}"]
    assert told.notices == [services(("noc",))]
    told = Told(None)
    await told.teller.tell_services()
    assert told.notices == [services(())]


async def test_a_fixed_mention_has_nothing_to_tell() -> None:
    """Whatever on-call files lie there: nobody is called by them."""
    told = Told(None)
    teller = Teller(StaticOnCall("@oncall"), "static", SetClock(START), told.announce)
    moved = Reload(ok=True, sha="a", diagnostics=(), notice=GOOD, roster_before=roster("alice", service="noc"))
    assert teller.handovers(moved) == []
    await teller.tell_reload(moved)
    assert told.notices == [services(())]
    assert teller.status() == {
        "source": "static",
        "mention": "@oncall",
        "schedules": [],
        "first": dict.fromkeys(("urgent", "high", "normal", "low")),
    }


def test_the_status_tells_who_is_on_call_now() -> None:
    """By schedule and by priority."""
    assert Told(roster("bob", service="gone")).teller.status() == {
        "source": "schedule",
        "mention": "@oncall",
        "schedules": [
            {
                "schedule": "noc",
                "people": ["bob.chat"],
                "until": None,
                "source": "the on-call files",
                "note": "",
            }
        ],
        "first": {"urgent": ["@bob.chat"], "high": None, "normal": None, "low": None},
    }
