"""`engine oncall who`: the table, the forms for programs, and the picture."""

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from engine.cli import main
from engine.clocks import SystemClock
from engine.commands.shift_reports import Report, Row, moves, svg
from engine.core.rosters import Person, Roster
from engine.core.schedules import Imported, Schedule, Shift, Source, Stay, Timetable
from engine.ruleset.oncall import importing

CASES = Path(__file__).parents[1] / "cases"
AT = "2027-02-18T10:00:00+03:00"


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CASES / "base", tmp_path / "project")
    shutil.copytree(CASES / "oncall/good", tmp_path / "project/rules/oncall")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "project/rules"


def who(*options: str) -> int:
    return main(["oncall", "who", *options])


def test_each_schedule_is_a_line(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, by what, since when and until when, on the wall of its zone."""
    assert who("--at", AT) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[:3] == [
        ["schedule", "on duty", "by", "since", "until", "time zone"],
        ["voip-primary", "alice", "weekly", "Thu 2027-02-18 09:00", "Thu 2027-02-18 18:00", "Asia/Riyadh"],
        ["business-hours", "lead", "day", "Thu 2027-02-18 09:00", "Thu 2027-02-18 18:00", "Asia/Riyadh"],
    ]
    assert cells[3][:2] == ["voip-imported", "nobody"]
    assert cells[4][0].startswith("note: the calendar of voip-imported is ")


def test_the_shifts_of_the_next_days_are_listed(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut to the time that was asked for, with overrides by their reason."""
    assert who("--at", "2027-03-08T10:00:00+03:00", "--schedule", "voip-primary", "--next", "1d") == 0
    out = capsys.readouterr().out.split("\n\n")[1]
    assert [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()] == [
        ["voip-primary (Asia/Riyadh)"],
        ["from", "to", "on duty", "by"],
        ["Mon 2027-03-08 10:00", "Mon 2027-03-08 18:00", "bob", "weekly"],
        ["Mon 2027-03-08 18:00", "Tue 2027-03-09 09:00", "bob", "override: leave"],
        ["Tue 2027-03-09 09:00", "Tue 2027-03-09 10:00", "bob", "weekly"],
    ]


def test_json_tells_the_same_in_utc(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    assert who("--at", AT, "--schedule", "business-hours", "--next", "12h", "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    (schedule,) = content["schedules"]
    shift = {"people": ["lead"], "until": "2027-02-18T15:00:00Z", "source": "layer", "layer": "day"}
    assert content["at"] == "2027-02-18T07:00:00Z"
    assert schedule == {
        "schedule": "business-hours",
        "timezone": "Asia/Riyadh",
        **shift,
        "since": "2027-02-18T06:00:00Z",
        "warnings": [],
        "shifts": [
            {**shift, "since": "2027-02-18T07:00:00Z"},
            {
                "people": [],
                "since": "2027-02-18T15:00:00Z",
                "until": "2027-02-18T19:00:00Z",
                "source": "nobody",
                "layer": "",
            },
        ],
    }


def test_a_shift_that_nobody_sees_the_end_of_has_none(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Null, not a date that was made up."""
    assert who("--at", "2031-01-01T00:00:00Z", "--schedule", "voip-imported", "--format", "json") == 0
    (schedule,) = json.loads(capsys.readouterr().out)["schedules"]
    assert (schedule["since"], schedule["until"], schedule["shifts"]) == (None, None, [])


def test_a_calendar_program_gets_an_event_for_each_shift(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the next fourteen days where nothing else is asked; and the library that we read calendars with reads it."""
    assert who("--at", AT, "--schedule", "business-hours", "--format", "ics") == 0
    written = capsys.readouterr().out
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    known = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC))
    events, problem = importing._events(written.encode(), known)
    assert problem == ""
    assert {event.summary for event in events} == {"lead"}
    assert events[0].begin == datetime(2027, 2, 18, 7, 0, tzinfo=UTC)
    assert events[0].end == datetime(2027, 2, 18, 15, 0, tzinfo=UTC)
    assert len(events) == 11


def test_a_long_reason_is_folded(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its commas escaped, and no letter cut in two."""
    text = (rules / "oncall/noc.yaml").read_text(encoding="utf-8")
    reason = "migration, \N{GREEK SMALL LETTER ALPHA}" + "\N{GREEK SMALL LETTER BETA}" * 80
    (rules / "oncall/noc.yaml").write_text(text.replace("reason: migration", f'reason: "{reason}"'), encoding="utf-8")
    assert who("--at", "2027-03-31T19:00:00+03:00", "--schedule", "voip-primary", "--format", "ics") == 0
    written = capsys.readouterr().out
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    assert f"override: {reason}".replace(",", "\\,") in written.replace("\r\n ", "")


def test_the_picture_is_well_formed_and_runs_nothing(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar for each shift and each person, gaps in red, and a key to the colours."""
    target = rules.parent / "shifts.svg"
    assert who("--at", AT, "--next", "3d", "--svg", str(target)) == 0
    assert f"the picture of the next 3d: {target}" in capsys.readouterr().out
    written = target.read_text(encoding="utf-8")
    root = ET.fromstring(written)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "style",
        "rect",
        "text",
        "line",
        "g",
        "title",
    }
    assert not re.search(r"\son\w+=|href|url\(", written)
    assert "prefers-color-scheme:dark" in written
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "alice: Thu 2027-02-18 10:00 to Thu 2027-02-18 18:00, weekly"
    assert titles[-1] == "nobody: Thu 2027-02-18 10:00 to Sun 2027-02-21 10:00"


def _row(name: str, *stays: Stay, may_have_gaps: bool = False) -> Row:
    return Row(name, ZoneInfo("UTC"), "UTC", Shift((), None, None, Source.NOBODY), stays, may_have_gaps)


def test_names_that_could_be_markup_are_not() -> None:
    """And what does not fit into its bar is left to the tooltip; several people share the height of one."""
    since = datetime(2027, 2, 27, 12, tzinfo=UTC)
    until = since + timedelta(days=40)
    middle = since + timedelta(days=20)
    both = Stay(since, middle, ("a<b>&", "carol"), Source.OVERRIDE, '"<script>"')
    short = Stay(middle, middle + timedelta(hours=1), ("carol",), Source.LAYER, "day")
    gap = Stay(middle + timedelta(hours=1), until, (), Source.NOBODY)
    rows = (_row("<" * 40, both, short, gap), _row("allowed", replace_since(gap, since), may_have_gaps=True))
    people = tuple(Person(name) for name in ("a<b>&", "bob", "carol"))
    written = svg.show(Report(since, until, rows, people))
    root = ET.fromstring(written)  # noqa: S314 - our own
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("nobody") == 2
    assert texts.count("carol") == 2
    assert "bob" not in texts
    assert f"{'<' * 21}…" in texts
    assert "Mon 1 Mar" not in texts
    assert "Sun 28" in texts
    week = svg.show(Report(since, since + timedelta(days=7), rows[:1], people))
    assert "Mon 1 Mar" in week


def replace_since(stay: Stay, since: datetime) -> Stay:
    return Stay(since, stay.until, stay.people, stay.source, stay.layer)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at", "tomorrow"], 'engine: --at "tomorrow" is no time with a zone: write it as 2026-02-12T22:15:00+03:00'),
        (["--at", "2027-02-12T22:15:00"], 'engine: --at "2027-02-12T22:15:00" is no time with a zone'),
        (["--at", "0001-01-01T00:00:00+03:00"], 'engine: --at "0001-01-01T00:00:00+03:00" must lie between the years'),
        (["--next", "ages"], 'engine: --next "ages" is no span of time up to 400d: write e.g. 14d'),
        (["--next", "500d"], 'engine: --next "500d" is no span of time up to 400d: write e.g. 14d'),
        (["--schedule", "voip"], 'engine: there is no schedule "voip": there are: voip-primary, business-hours, '),
        (
            ["--schedule", "busines-hours"],
            'engine: there is no schedule "busines-hours": did you mean "business-hours"',
        ),
        (["--rules", "templates"], "engine: templates has no files about on-call: name a rules folder with files in"),
    ],
)
def test_what_cannot_be_answered_says_what_to_type(
    rules: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """Exit code 2."""
    assert who(*options) == 2
    assert capsys.readouterr().err.startswith(said)


def test_errors_in_the_files_about_on_call_are_shown(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; what is wrong with the rules themselves does not matter here."""
    (rules / "99-broken.yaml").write_text("schema: 1\nrules: []\n", encoding="utf-8")
    assert who("--at", AT) == 0
    capsys.readouterr()
    (rules / "oncall/more.yaml").write_text("version: 1\npeople: {alice: }\n", encoding="utf-8")
    assert who("--at", AT) == 1
    said = capsys.readouterr().err
    assert "rules/oncall/noc.yaml:6:3  error  E202" in said
    assert "99-broken" not in said
    assert said.endswith("engine: rules/oncall/ holds nothing that can be used: `engine validate rules` tells more\n")


def test_files_without_a_schedule_are_no_answer(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People alone are on duty never."""
    (rules / "oncall/noc.yaml").write_text("version: 1\npeople: {alice: }\n", encoding="utf-8")
    assert who() == 2
    assert capsys.readouterr().err == "engine: the files about on-call hold no schedule yet\n"


def test_a_picture_that_cannot_be_written_is_told(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 77."""
    assert who("--svg", "nowhere/shifts.svg") == 77
    assert "cannot write nowhere/shifts.svg" in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """For editors."""
    assert main(["schema", "--oncall"]) == 0
    assert json.loads(capsys.readouterr().out)["title"].startswith("On-call")


def test_validate_fails_on_a_time_without_anybody(rules: Path) -> None:
    """As a person runs it, in a process of its own and by today's clock."""
    text = (rules / "oncall/noc.yaml").read_text(encoding="utf-8").replace("2027-01-04", "2020-01-06")
    (rules / "oncall/noc.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "engine.cli", "validate", "rules"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    gap = text.replace("gaps: allow\n    layers", "gaps: forbid\n    layers")
    (rules / "oncall/noc.yaml").write_text(gap, encoding="utf-8")
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert "E272  nobody is on duty from" in done.stdout


def git(rules: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(rules.parent), *who, *words], check=True, capture_output=True)  # noqa: S607 - git is on the path or nowhere


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        pytest.param(
            "2026-11-26T04:00+00:00", "Thu 2026-11-26 09:00 to Thu 2026-11-26", "Wed 2026-12-16 18:00", id="at night"
        ),
        pytest.param("2026-11-26T06:30+00:00", "now to Thu 2026-11-26", "Thu 2026-12-17 09:30", id="within the hours"),
    ],
)
def test_a_change_tells_whose_shifts_it_moves(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, now: str, first: str, last: str
) -> None:
    """Against what git holds, with its calendar; the order of people does not count, and policies do. A shift that has
    begun, or outlasts the time that is asked for, is told as far as that goes.
    """
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.fromisoformat(now))
    noc = rules / "oncall/noc.yaml"
    noc.write_text(noc.read_text(encoding="utf-8").replace("2027-01-04", "2020-01-06"), encoding="utf-8")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a"]):
        git(rules, *words)
    compare = ["oncall", "diff", "HEAD:rules", "rules", "--next", "21d"]
    assert main(compare) == 0
    assert capsys.readouterr().out == "nobody's shifts and no policy: no difference\n"
    changed = noc.read_text(encoding="utf-8").replace("list: [lead]", "list: [bob]").replace("wait: 2m", "wait: 3m")
    noc.write_text(changed, encoding="utf-8")
    assert main(compare) == 0
    schedule, *shifts, policy = capsys.readouterr().out.splitlines()
    assert schedule == "business-hours (Asia/Riyadh)"
    assert policy == "the policy for urgent priority is another one"
    assert shifts[0] == f"  {first} 18:00: lead → bob"
    assert shifts[-1].endswith(f" to {last}: lead → bob")
    day = r"  \w{3} [-0-9]{10} 09:00 to \w{3} [-0-9]{10} 18:00: lead → bob"
    assert all(re.fullmatch(day, line) for line in shifts[1:-1])
    assert len(shifts) == 15 + shifts[0].startswith("  now")
    noc.write_text("version: 1\npeople: {alice: }\n", encoding="utf-8")
    assert main(compare) == 0
    assert "voip-primary (Asia/Riyadh)\n  now to " in capsys.readouterr().out


@pytest.mark.parametrize("words", ["who", "diff rules rules", "diff HEAD:rules rules"])
def test_whoever_asks_for_shifts_does_not_wait_for_the_rules(rules: Path, words: str) -> None:
    """They are neither compiled nor tried, which is most of a load; not even what compiles them is imported."""
    for git_words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a"]):
        git(rules, *git_words)
    heavy = ("engine.ruleset.compiler", "engine.ruleset.matcher", "engine.ruleset.advice", "spacy")
    code = (
        "import sys; from engine.cli import main\n"
        f"ended = main(['oncall', *{words.split()}]); print(ended, [m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


RIYADH = ZoneInfo("Asia/Riyadh")


def _daily(*turns: tuple[int, int, str]) -> Schedule:
    day = datetime(2027, 1, 4, tzinfo=UTC)
    table = tuple((day + timedelta(hours=begin), day + timedelta(hours=end), (who,)) for begin, end, who in turns)
    return Schedule("noc", RIYADH, imported=Imported(table, (day, day + timedelta(days=9))))


def test_times_that_follow_each_other_are_one_move() -> None:
    """Where the same people take over from the same; a schedule that is not there has nobody."""
    day = datetime(2027, 1, 4, tzinfo=UTC)
    before = _daily((0, 6, "alice"), (6, 12, "bob"), (12, 24, "alice"))
    after = _daily((0, 6, "alice"), (6, 9, "carol"), (9, 12, "carol"), (12, 15, "carol"), (15, 24, "alice"))
    hours = [(move.since.hour, move.until.hour) for move in moves.moves(before, after, day, day + timedelta(hours=20))]
    assert hours == [(6, 12), (12, 15)]
    assert moves.moves(None, before, day, day + timedelta(hours=8)) == [
        moves.Move(day, day + timedelta(hours=6), (), ("alice",)),
        moves.Move(day + timedelta(hours=6), day + timedelta(hours=8), (), ("bob",)),
    ]
    rosters = (Roster(), Roster(timetables={"noc": Timetable(before)}))
    assert moves.show(*rosters, day, day + timedelta(hours=8)) == (
        "noc (Asia/Riyadh)\n"
        "  now to Mon 2027-01-04 09:00: nobody → alice\n"
        "  Mon 2027-01-04 09:00 to Mon 2027-01-04 11:00: nobody → bob\n"
    )


def test_diff_tells_that_files_about_on_call_are_others(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also against what git holds; the text alone counts."""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a"]):
        git(rules, *words)
    assert main(["diff", "HEAD:rules", "rules"]) == 0
    assert "no difference" in capsys.readouterr().out
    text = (rules / "oncall/noc.yaml").read_text(encoding="utf-8")
    (rules / "oncall/noc.yaml").write_text(text.replace("wait: 5m", "wait: 6m"), encoding="utf-8")
    (rules / "oncall/voip.ics").rename(rules / "oncall/other.ics")
    (rules / "oncall/noc.yaml").write_text(text.replace("voip.ics", "other.ics"), encoding="utf-8")
    assert main(["diff", "HEAD:rules", "rules", "--exit-code"]) == 1
    out = capsys.readouterr().out
    assert [line.strip().split(":")[0] for line in out.splitlines() if line.startswith("  ")] == [
        "major  changed",
        "major  added",
        "major  removed",
    ]
    assert "on-call file noc.yaml  HEAD:rules/oncall/noc.yaml:1 → rules/oncall/noc.yaml:1" in out
