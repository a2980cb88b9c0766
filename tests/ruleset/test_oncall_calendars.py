"""Calendar files: what they say is read in a process of its own, fenced, and never taken on trust."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.core.diagnostics import render
from engine.ruleset import loader, packing, snapshots
from engine.ruleset.loader import Loaded
from engine.ruleset.oncall import importing
from engine.ruleset.oncall.events import Event, Expanded, days, read_turns
from engine.ruleset.oncall.syntax import Person
from engine.ruleset.parts import Parts
from engine.ruleset.syntax import Place, Text

CASES = Path(__file__).parents[1] / "cases"
NOW = datetime(2027, 1, 5, 12, 0, tzinfo=UTC)
KNOWN = (datetime(2026, 7, 9, tzinfo=UTC), datetime(2027, 7, 4, tzinfo=UTC))
BERLIN, RIYADH = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Riyadh")
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"


def calendar(*lines: str) -> bytes:
    body = "".join(f"{line}\r\n" for line in ("UID:1@example.org", "DTSTAMP:20270101T000000Z", *lines))
    return f"{HEAD}BEGIN:VEVENT\r\n{body}END:VEVENT\r\nEND:VCALENDAR\r\n".encode()


GOOD = calendar("DTSTART:20270104T090000Z", "DTEND:20270104T180000Z", "SUMMARY:alice")


def expand(raw: bytes) -> Expanded:
    return importing.expand({"a.ics": raw}, {}, NOW, {})["a.ics"]


def test_instances_exceptions_and_moved_ones_come_out() -> None:
    """Also days, times that float, and a series over the change of clocks; what was cancelled does not."""
    raw = (CASES / "oncall/good/voip.ics").read_bytes()
    found = importing.expand({"voip.ics": raw}, {"voip.ics": NOW}, NOW, {})["voip.ics"]
    assert (found.problem, found.known, found.written_at) == ("", KNOWN, NOW)
    assert [(str(event.begin), event.summary, event.attendees) for event in found.events] == [
        ("2027-01-04 09:00:00+01:00", "Alice", ()),
        ("2027-01-05 09:00:00+01:00", "Alice", ()),
        ("2027-01-07 12:00:00+01:00", "On call", (("Bob B.", "bob@example.com"),)),
        ("2027-01-08 09:00:00+01:00", "Alice", ()),
        ("2027-01-10", "noc-lead", ()),
        ("2027-01-11 09:00:00", "alice and bob", ()),
    ]
    weekly = calendar(
        "DTSTART;TZID=Europe/Berlin:20270322T090000", "DURATION:P1D", "RRULE:FREQ=WEEKLY;COUNT=2", "SUMMARY:alice"
    )
    assert [str(event.begin) for event in expand(weekly).events] == [
        "2027-03-22 09:00:00+01:00",
        "2027-03-29 09:00:00+02:00",
    ]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(
            calendar("DTSTART:20270104T090000Z", "RRULE:FREQ=SECONDLY"),
            "something in it is repeated more often than daily",
            id="secondly",
        ),
        pytest.param(
            calendar("DTSTART:20270104T090000Z", "rrule:INTERVAL=2;FR", " EQ=hourly"),
            "something in it is repeated more often than daily",
            id="hourly, in small letters, over two lines",
        ),
        pytest.param(
            calendar("DTSTART:20270104T090000Z", "RRULE:FREQ=DAILY;COUNT=10001"),
            "something in it is repeated more than 10,000 times",
            id="often",
        ),
        pytest.param(b"x" * 1_048_577, "it has 1,048,577 bytes; at most 1,048,576 are read", id="large"),
        pytest.param(b"schema: 1\n", "it is no calendar, or only the beginning of one", id="no calendar"),
        pytest.param(GOOD.replace(b"alice", b"\xff"), "it cannot be read as a calendar", id="no text"),
        pytest.param(GOOD[:-20], "it is no calendar, or only the beginning of one", id="without its end"),
        pytest.param(
            calendar("DTSTART:20270104T090000Z", "RRULE:FREQ=NEVER"), "it cannot be read as a calendar", id="no rule"
        ),
    ],
)
def test_a_calendar_that_cannot_be_read_says_why(raw: bytes, problem: str) -> None:
    """In a lead's words, and without a word of the calendar."""
    found = expand(raw)
    assert (found.events, found.problem) == ((), problem)


def test_a_calendar_without_end_does_not_keep_anybody_waiting() -> None:
    """The process is ended at the deadline."""
    raw = calendar("DTSTART:20270104T090000Z", "RRULE:FREQ=DAILY", "SUMMARY:alice")
    assert importing._events(raw, KNOWN, 0.001) == ((), "it takes too long to be worked out")


def test_a_process_that_dies_says_nothing_that_could_be_taken_for_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was ended by one of its limits or never began."""
    raw = calendar("DTSTART:20270104T090000Z", "SUMMARY:alice")
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert expand(raw).problem == "it takes too much work or memory to be worked out"
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert expand(raw).problem == "no process could be started to read it"


def test_the_process_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a calendar that takes it over finds none."""
    monkeypatch.setenv("ENGINE_MATTERMOST_TOKEN", "secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/engine")
    assert not {"ENGINE_MATTERMOST_TOKEN", "CREDENTIALS_DIRECTORY"} & importing._environment().keys()
    assert "PATH" in importing._environment()


def test_more_events_than_anybody_has_are_refused() -> None:
    """A thousand series of ten thousand days are short to write."""
    series = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTAMP:20270101T000000Z\r\nDTSTART:20260801T090000Z\r\n"
        "RRULE:FREQ=DAILY\r\nSUMMARY:alice\r\nEND:VEVENT\r\n"
        for number in range(70)
    )
    raw = f"{HEAD}{series}END:VCALENDAR\r\n".encode()
    assert expand(raw).problem == "it has more than 20,000 events in a year"


def test_a_calendar_as_it_was_is_taken_over_on_the_same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started; on the next day one is, because the time that is wanted has moved on."""
    raw = calendar("DTSTART:20270104T090000Z", "DTEND:20270104T180000Z", "SUMMARY:alice")
    first = importing.expand({"a.ics": raw}, {}, NOW, {})
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    again = importing.expand({"a.ics": raw}, {"a.ics": NOW}, NOW + timedelta(hours=3), first)["a.ics"]
    assert again == replace(first["a.ics"], written_at=NOW)
    assert importing.expand({"a.ics": raw}, {}, NOW + timedelta(days=1), first)["a.ics"].problem
    assert importing.expand({"a.ics": raw + b"\r\n"}, {}, NOW, first)["a.ics"].problem


AT = Place("a.yaml", 1, 1)
PEOPLE = [
    Person(Text("alice", AT), Text("alice.b", AT), Text("Alice@example.com", AT), None),
    Person(Text("bob", AT), None, None, None),
]
NINE, SIX = datetime(2027, 1, 4, 9, tzinfo=UTC), datetime(2027, 1, 4, 18, tzinfo=UTC)


def event(summary: str, *attendees: tuple[str, str]) -> Event:
    return Event(NINE, SIX, summary, attendees)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(event("Alice"), ("alice",), id="a name, whatever its capitals"),
        pytest.param(event("alice.b, BOB"), ("alice", "bob"), id="two names"),
        pytest.param(event("bob and alice and bob"), ("bob", "alice"), id="each once"),
        pytest.param(event("On call", ("", "alice@example.com")), ("alice",), id="by the attendees"),
        pytest.param(event("On call", ("Bob", "b@elsewhere.example")), ("bob",), id="by the name of an attendee"),
        pytest.param(event("alice, mallory", ("", "alice@example.com")), ("alice",), id="not all of them are known"),
        pytest.param(event("mallory"), (), id="nobody is known"),
        pytest.param(event("alice, mallory", ("bob", ""), ("mallory", "")), (), id="nowhere all of them"),
        pytest.param(event(""), (), id="nothing"),
    ],
)
def test_an_event_names_people_who_are_known(found: Event, expected: tuple[str, ...]) -> None:
    """All that stands in one of the places; or nobody, which is told with its day."""
    turns, unknown = read_turns([found], PEOPLE, BERLIN, ("summary", "attendee"))
    assert turns == (((NINE, SIX, expected),) if expected else ())
    assert unknown == (() if expected else (date(2027, 1, 4),))


def test_what_has_no_zone_is_of_the_schedules_own() -> None:
    """Times that float, and whole days."""
    day = Event(date(2027, 1, 10), date(2027, 1, 12), "bob", ())
    floating = Event(datetime(2027, 1, 11, 9), datetime(2027, 1, 11, 18), "alice", ())  # noqa: DTZ001 - it floats
    turns, _ = read_turns([floating, day], PEOPLE, RIYADH, ("summary",))
    assert turns == (
        (datetime(2027, 1, 9, 21, tzinfo=UTC), datetime(2027, 1, 11, 21, tzinfo=UTC), ("bob",)),
        (datetime(2027, 1, 11, 6, tzinfo=UTC), datetime(2027, 1, 11, 15, tzinfo=UTC), ("alice",)),
    )


def test_the_days_of_a_calendar_are_those_on_the_wall() -> None:
    """The last one too where an hour of it is meant; never more than for which the calendar is known."""
    east = calendar(
        "DTSTART;TZID=Africa/Nairobi:20261225T000000", "DTEND;TZID=Africa/Nairobi:20261226T000000", "SUMMARY:x"
    )
    assert list(days(expand(east))) == [date(2026, 12, 25)]
    late = calendar("DTSTART:20270104T200000Z", "DTEND:20270105T020000Z", "SUMMARY:x")
    assert list(days(expand(late))) == [date(2027, 1, 4), date(2027, 1, 5)]
    moment = calendar("DTSTART:20270104T000000Z", "SUMMARY:x")
    assert list(days(expand(moment))) == [date(2027, 1, 4)]
    whole = calendar("DTSTART;VALUE=DATE:20270110", "DTEND;VALUE=DATE:20270112", "SUMMARY:x")
    assert list(days(expand(whole))) == [date(2027, 1, 10), date(2027, 1, 11)]
    endless = list(days(expand(calendar("DTSTART:00010102T000000Z", "DTEND:99981231T000000Z", "SUMMARY:x"))))
    assert len(endless) < 500
    assert endless[0] <= NOW.date() < endless[-1]


ONCALL = """version: 1
timezone: Asia/Riyadh
people: {alice: {mattermost: alice}}
calendars: {closed: {ics: voip.ics}}
schedules:
  voip: {gaps: allow, import: {ics: voip.ics, user_from: summary, max_age: 26h}}
  feasts: {gaps: allow, layers: [{name: all, when: {calendar: closed}, members: [{from: 2027-01-01, list: [alice]}]}]}
"""


class Folder:
    """A rules folder with a calendar file, on the disk."""

    def __init__(self, root: Path) -> None:
        for path in sorted((CASES / "base").rglob("*.*")):
            target = root / path.relative_to(CASES / "base")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        self.rules, self.templates = root / "rules", root / "templates"
        (self.rules / "oncall").mkdir()
        (self.rules / "oncall/noc.yaml").write_text(ONCALL, encoding="utf-8")

    def load(self, raw: bytes, before: Parts | None = None, *, advise: bool = True, age_h: int = 0) -> Loaded:
        path = self.rules / "oncall/voip.ics"
        path.write_bytes(raw)
        written_at = (NOW - timedelta(hours=age_h)).timestamp()
        os.utime(path, (written_at, written_at))
        return loader.load(self.rules, self.templates, before, advise=advise, now=NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def shown(folder: Folder, loaded: Loaded) -> list[str]:
    return [render(found).replace(f"{folder.rules}/", "") for found in loaded.diagnostics]


def on_duty(loaded: Loaded, schedule: str, moment: datetime) -> tuple[str, ...]:
    assert loaded.ruleset is not None
    assert loaded.ruleset.roster is not None
    return loaded.ruleset.roster.on_duty(schedule, moment).people


def test_a_calendar_of_the_folder_says_who_is_on_duty(folder: Folder) -> None:
    """On the disk, and as one text on another node, where the age of the file is not known."""
    here = folder.load(GOOD, advise=False)
    assert shown(folder, here) == []
    assert on_duty(here, "voip", NINE) == ("alice",)
    assert on_duty(here, "voip", SIX) == ()
    assert on_duty(here, "feasts", SIX) == ("alice",)
    there = loader.load_packed(packing.pack(here.files), None, NOW)
    assert there.sha == here.sha
    assert on_duty(there, "voip", NINE) == ("alice",)


def test_without_a_clock_calendars_are_left_unread(folder: Folder) -> None:
    """Whoever compares two folders needs no shifts."""
    folder.load(GOOD)
    loaded = loader.load(folder.rules, folder.templates, advise=False)
    assert on_duty(loaded, "voip", NINE) == ()


def test_a_roster_beside_a_file_that_cannot_be_read_is_not_used(folder: Folder) -> None:
    """And nothing is said about names that the file may define."""
    (folder.rules / "oncall/people.yaml").write_bytes(b"\xff")
    loaded = folder.load(GOOD.replace(b"SUMMARY:alice", b"SUMMARY:bob"))
    assert loaded.roster is None
    (found,) = shown(folder, loaded)
    assert "E101" in found


def test_a_calendar_that_cannot_be_used_is_an_error(folder: Folder) -> None:
    """At the first load, with the name of the file."""
    loaded = folder.load(b"nothing")
    assert loaded.ruleset is None
    (found,) = shown(folder, loaded)
    assert found == (
        "oncall/voip.ics  error  E276  this calendar cannot be used: it is no calendar, or only the beginning of one\n"
        "      export it again, without what is named here"
    )


def test_what_a_calendar_said_before_stays_in_force(folder: Folder) -> None:
    """For as many loads as it takes, each with a warning."""
    first = folder.load(GOOD, advise=False)
    second = folder.load(b"nothing", first.parts, advise=False)
    third = folder.load(b"nothing at all", second.parts, advise=False)
    for loaded in (second, third):
        assert on_duty(loaded, "voip", NINE) == ("alice",)
        (found,) = shown(folder, loaded)
        assert found == (
            "oncall/voip.ics  warning  W546  what this calendar said before is still used: "
            "it is no calendar, or only the beginning of one\n      export it again, without what is named here"
        )


def test_an_event_that_names_somebody_else_is_an_error(folder: Folder) -> None:
    """With its day, and without its words."""
    once = folder.load(GOOD.replace(b"SUMMARY:alice", b"SUMMARY:+254700000001"))
    daily = folder.load(GOOD.replace(b"SUMMARY:alice", b"SUMMARY:bob\r\nRRULE:FREQ=DAILY;COUNT=3"))
    for loaded, which in ((once, "2027-01-04"), (daily, "2027-01-04 and 2 more")):
        assert (loaded.ruleset, loaded.roster) == (None, None)
        (found,) = shown(folder, loaded)
        assert f"E277  the event of {which} in this calendar names somebody who is not among the people" in found
        assert "254700000001" not in found


def test_a_calendar_that_is_not_fetched_any_more_is_told(folder: Folder) -> None:
    """By `engine validate`, and by the shift for the post."""
    loaded = folder.load(GOOD, age_h=30)
    (found,) = shown(folder, loaded)
    assert "W547  this calendar was written 30 h ago" in found
    assert loaded.roster is not None
    assert loaded.roster.on_duty("voip", NOW).note == "the calendar of voip is 30 h old"


def test_a_calendar_that_changes_changes_the_set(folder: Folder) -> None:
    """The hash counts it, and a listing sees it; one beside the rules is no file of ours."""
    before = folder.load(GOOD).sha
    assert folder.load(GOOD.replace(b"alice", b"Alice")).sha != before
    assert any(
        label.endswith("oncall/voip.ics") for label, _ in snapshots.listing(folder.rules, folder.templates).files
    )
    (folder.rules / "voip.ics").write_bytes(b"")
    (folder.rules / "oncall/.hidden.ics").write_bytes(b"")
    assert folder.load(GOOD).sha == before


def test_a_file_about_on_call_that_ends_in_yml_is_told(folder: Folder) -> None:
    """As one of rules is."""
    (folder.rules / "oncall/more.yml").write_text("version: 1\n", encoding="utf-8")
    (found,) = shown(folder, folder.load(GOOD, advise=False))
    assert "E212" in found


def test_a_change_of_clocks_at_the_end_of_a_calendar_is_no_gap(folder: Folder) -> None:
    """What nobody has looked up is not told as a day without anybody."""
    (folder.rules / "oncall/noc.yaml").write_text(
        "version: 1\ntimezone: America/New_York\npeople: {alice: {mattermost: alice}}\n"
        "schedules: {voip: {import: {ics: voip.ics, user_from: summary}}}\n",
        encoding="utf-8",
    )
    daily = calendar(
        "DTSTART;TZID=America/New_York:20260901T210000", "DURATION:P1D", "RRULE:FREQ=DAILY", "SUMMARY:alice"
    )
    folder.load(daily)
    # The clocks change on 2027-03-14, about when the calendar is not known any further.
    for day in range(15, 18):
        loaded = loader.load(folder.rules, folder.templates, now=datetime(2026, 9, day, 12, tzinfo=UTC))
        assert "E272" not in [found.code for found in loaded.diagnostics], day
