"""A roster answers who is called."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.decisions import Priority
from engine.core.ladders import Duty, Ladder, OnDuty, Rung, Target, TargetKind, call_rung
from engine.core.rosters import Person, Roster
from engine.core.rotations import Members
from engine.core.schedules import Imported, Layer, Schedule, Timetable

NOW = datetime(2027, 1, 5, 12, tzinfo=UTC)
START = datetime(2027, 1, 4, tzinfo=UTC)
LEAD, NOC = Target(TargetKind.PERSON, "lead"), Target(TargetKind.SCHEDULE, "noc")
PAGER = Target(TargetKind.SERVICE, "pager")
LADDER = Ladder(
    (Rung((NOC,), timedelta(minutes=5)), Rung((PAGER, LEAD), timedelta(minutes=5), ("escalation", "support"))),
    1,
    (Target(TargetKind.SERVICE, "last"),),
)


def timetable(*people: str, imported: Imported | None = None) -> Timetable:
    layers = (Layer("all", (Members(START, people),)),) if people else ()
    return Timetable(Schedule("noc", ZoneInfo("UTC"), layers, imported=imported))


ROSTER = Roster(
    people={"alice": Person("alice", "alice.b"), "bob": Person("bob"), "lead": Person("lead", "noc-lead")},
    timetables={
        "noc": timetable("alice", "bob"),
        "bob": timetable("bob"),
        "old": timetable(imported=Imported((), (START, NOW), START, timedelta(hours=1))),
    },
    ladders={Priority.HIGH: LADDER},
)


class _Duty:
    """A roster as whoever calls engineers sees it."""

    def mention(self) -> str:
        return "@oncall"

    ladder = staticmethod(ROSTER.ladder)
    schedules = staticmethod(ROSTER.schedules)
    on_duty = staticmethod(ROSTER.on_duty)
    username = staticmethod(ROSTER.username)


def test_people_are_called_by_their_names_in_the_chat() -> None:
    """And whoever has none there is left out."""
    assert ROSTER.on_duty("noc", NOW) == OnDuty(("alice.b",))
    assert ROSTER.on_duty("bob", NOW) == OnDuty(())
    assert ROSTER.username("lead") == "noc-lead"
    assert ROSTER.username("bob") is None
    assert ROSTER.username("nobody") is None


def test_whom_a_service_knows_is_found_by_id_or_address() -> None:
    """The id counts first: an address may be another's by now. Who is known by neither has no name here."""
    roster = Roster(
        people={
            "alice": Person("alice", "alice.b", "Alice@Example.org", "PALICE"),
            "bob": Person("bob", "bob.c", "bob@example.org", "PBOB"),
            "carol": Person("carol", "carol.d"),
        }
    )
    assert roster.by_account("alice@example.ORG", "") == "alice.b"
    assert roster.by_account("", "PBOB") == "bob.c"
    assert roster.by_account("alice@example.org", "PBOB") == "bob.c"
    assert roster.by_account("bob@example.org", "PNEW") == "bob.c"
    assert roster.by_account("", "") is None
    assert roster.by_account("dave@example.org", "PDAVE") is None


def test_what_is_doubtful_is_a_note() -> None:
    """For the post, in one line."""
    note = "the calendar of noc is 36 h old; the calendar of noc was not read for this day"
    assert ROSTER.on_duty("old", NOW) == OnDuty((), None, note)


def test_a_schedule_that_does_not_exist_has_nobody() -> None:
    """A roster that was replaced meanwhile is no fault of whoever asks."""
    assert ROSTER.on_duty("gone", NOW) == OnDuty(())


def test_a_ladder_is_that_of_its_priority() -> None:
    """None where the files say nothing; and it knows which services and channels it needs."""
    assert ROSTER.ladder(Priority.HIGH) is LADDER
    assert ROSTER.ladder(Priority.LOW) is None
    assert ROSTER.services() == {"pager", "last"}
    assert ROSTER.channels() == {"escalation"}
    assert Roster().services() == frozenset()


def test_a_roster_is_what_ladders_ask() -> None:
    """Its questions are those of `ladders.Duty`."""
    duty: Duty = _Duty()
    assert duty.schedules() == ("noc", "bob", "old")
    assert call_rung(LADDER, 0, duty, NOW).mentions == ("@alice.b",)
    called = call_rung(LADDER, 1, duty, NOW)
    assert (called.mentions, called.services) == (("@noc-lead",), ("pager",))
