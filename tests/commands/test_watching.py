"""`engine validate --watch`: checked again when something changes, and what the change did."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from commands.reports import SHORT, TWICE, UNKNOWN, report

from engine.commands import watching
from engine.commands.findings import Report
from engine.commands.watching import Sight, changes, progress, reports
from engine.ruleset.snapshots import Listing, listing
from engine.ruleset.syntax import Fault, Place

CASES = Path(__file__).parents[1] / "cases"
ROOT = Path(__file__).parents[2]


def _listing(*stamps: int, missing: bool = False) -> Listing:
    gone = (Fault(Place("rules", 0, 0), "E210", "gone"),) if missing else ()
    return Listing(
        tuple((f"rules/{name}.yaml", (1, 1, stamp)) for name, stamp in zip("abc", stamps, strict=False)), gone
    )


class _Script:
    """What the folders look like, one look after the other, and the pauses between the looks."""

    def __init__(self, *looks: Listing) -> None:
        self.looks = list(looks)
        self.pauses: list[float] = []

    def look(self) -> Listing:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def sight(self) -> Sight:
        return Sight(self.look, self.pauses.append)


def _checks(*results: Report) -> Callable[[], Report]:
    return iter(results).__next__


CLEAN = replace(report(), ruleset_sha="a" * 64)


def test_the_first_report_comes_at_once() -> None:
    """Without news, and before anything is waited for."""
    script = _Script(_listing(1))
    assert next(reports(_checks(CLEAN), script.sight())) == (CLEAN, "")
    assert script.pauses == []


def test_a_change_is_checked_once_it_has_settled() -> None:
    """An editor that writes in three steps makes one check; looking on in between waits."""
    script = _Script(_listing(1), _listing(1), _listing(2), _listing(3), _listing(), _listing(4), _listing(4))
    (_, _), (found, news) = islice(reports(_checks(CLEAN, report([UNKNOWN])), script.sight()), 2)
    assert found.diagnostics == (UNKNOWN,)
    assert news == "rules/a.yaml changed: 1 new finding"
    assert script.pauses == [0.25, 0.25, 0.1, 0.1, 0.1]


def test_a_folder_that_is_gone_for_a_moment_is_waited_for() -> None:
    """Such as when git changes branches."""
    script = _Script(_listing(1), *[_listing(missing=True)] * 5, _listing(2), _listing(2))
    (_, _), (_, news) = islice(reports(_checks(CLEAN, report([UNKNOWN])), script.sight()), 2)
    assert news == "rules/a.yaml changed: 1 new finding"


def test_a_folder_that_stays_away_is_a_finding_in_the_end() -> None:
    """Nobody looks at an old report for ever."""
    script = _Script(_listing(1), _listing(missing=True))
    (_, _), (_, news) = islice(reports(_checks(CLEAN, report([UNKNOWN])), script.sight()), 2)
    assert news == "rules/a.yaml is gone: 1 new finding"
    assert len(script.pauses) == 16


def test_a_file_that_was_only_touched_is_no_news() -> None:
    """The next real change is told against the last report."""
    script = _Script(_listing(1), _listing(2), _listing(2), _listing(2), _listing(3))
    (_, _), (_, news) = islice(reports(_checks(CLEAN, CLEAN, report([SHORT])), script.sight()), 2)
    assert news == "rules/a.yaml changed: 1 new finding"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((UNKNOWN, TWICE, SHORT), (), "3 findings fixed"),
        ((UNKNOWN, TWICE), (SHORT,), "2 findings fixed, 1 new"),
        ((), (UNKNOWN, SHORT), "2 new findings"),
        ((UNKNOWN,), (replace(UNKNOWN, line=99),), "the same findings"),
        ((UNKNOWN,), (UNKNOWN, replace(UNKNOWN, line=99)), "1 new finding"),
    ],
    ids=["fixed", "both", "new", "moved", "another-one-like-it"],
)
def test_what_a_change_did_is_counted(before: tuple[object, ...], after: tuple[object, ...], said: str) -> None:
    """A finding that only moved with its line is the same one."""
    assert progress(report(before), report(after)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (_listing(1, 1), _listing(1, 2), "rules/b.yaml changed"),
        (_listing(1), _listing(1, 1), "rules/b.yaml is new"),
        (_listing(1, 1), _listing(1), "rules/b.yaml is gone"),
        (_listing(1, 1), _listing(2, 2, 2), "rules/c.yaml is new, and 2 other files"),
        (_listing(1), _listing(1, missing=True), "the folders changed"),
    ],
)
def test_what_changed_is_named(before: Listing, after: Listing, said: str) -> None:
    """The first file by its name, the others counted."""
    assert changes(before, after) == said


def test_a_listing_changes_with_its_files(tmp_path: Path) -> None:
    """With one that is written, added or taken away; not with one that does not count."""
    folder = tmp_path / "work"
    shutil.copytree(CASES / "base", folder)
    rules, templates = folder / "rules", folder / "templates"
    seen = [listing(rules, templates)]

    def look() -> None:
        seen.append(listing(rules, templates))

    look()
    (rules / ".hidden.yaml").write_text("a")
    (rules / "schema.json").write_text("a")
    look()
    assert seen[0] == seen[1] == seen[2]
    (rules / "20-new.yaml").write_text("schema: 1\n")
    look()
    (rules / "20-new.yaml").write_text("schema: 1\nowner: a\n")
    look()
    (templates / "ack" / "default.j2").unlink()
    look()
    shutil.rmtree(rules)
    look()
    assert len(set(seen)) == 5
    assert [one.missing for one in seen] == [False] * 6 + [True]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with good rules and templates in it."""
    folder = tmp_path / "work"
    shutil.copytree(CASES / "base", folder)
    return folder


@pytest.fixture
def watch(work: Path) -> Iterator[subprocess.Popen[str]]:
    """The command at work on them, with its output in a pipe."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "engine.cli", "validate", "rules", "--watch"]
    with subprocess.Popen(command, cwd=work, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _screen(process: subprocess.Popen[str]) -> list[str]:
    """The lines up to the one that says that all is shown."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("watching "):
            break
    return lines


LAST = "watching rules and templates; Ctrl-C ends it"


@pytest.mark.system
def test_a_lead_sees_each_change_until_ctrl_c(work: Path, watch: subprocess.Popen[str]) -> None:
    """Appended to a pipe with a line between; Ctrl-C ends it with the exit code of the last check."""
    assert _screen(watch) == ["2 rules, 2 examples checked: no findings", LAST]
    shutil.copy(CASES / "bad" / "unknown-channel.yaml", work / "rules")
    assert _screen(watch) == [
        "",
        "--- rules/unknown-channel.yaml is new: 1 new finding",
        'rules/unknown-channel.yaml:4:14  error  E112  no channel is named "suport-voip"',
        "    4 |     channel: suport-voip",
        '      |              ^^^^^^^^^^^ did you mean "support-voip"?',
        "",
        "1 error in 1 file; the examples are tried once there are no other errors",
        "what they mean: engine help E112",
        LAST,
    ]
    away = work / "away"
    (work / "rules").rename(away)
    (away / "unknown-channel.yaml").unlink()
    away.rename(work / "rules")
    assert _screen(watch)[1:] == [
        "--- rules/unknown-channel.yaml is gone: 1 finding fixed",
        "2 rules, 2 examples checked: no findings",
        LAST,
    ]
    (work / "rules" / "zz-last.yaml").write_text("schema: 1\n")
    assert _screen(watch)[1].startswith("--- rules/zz-last.yaml changed: ")
    watch.send_signal(signal.SIGINT)
    assert watch.wait(30) == 1


def test_a_terminal_is_cleared_for_each_report(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The news stand below the findings, and Ctrl-C while it waits ends it."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            (work / "rules" / "20-new.yaml").write_text("schema: 2\n")
        elif len(pauses) > 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pause)
    results = _checks(CLEAN, report([UNKNOWN]))
    assert watching.run(work / "rules", work / "templates", results, coloured=False) == 1
    shown = capsys.readouterr().out.split("\x1b[H\x1b[2J\x1b[3J")
    assert shown[1].startswith("3 rules, 4 examples checked: no findings\nwatching ")
    assert shown[2].startswith("rules/10-a.yaml:5:14  error  E112")
    assert f"\n{work}/rules/20-new.yaml is new: 1 new finding; watching " in shown[2]
    assert shown[2].endswith("Ctrl-C ends it\n\n")


def test_an_end_before_the_first_report_is_no_success(work: Path) -> None:
    """Nothing was checked, so nothing is said about the rules."""

    def interrupted() -> Report:
        raise KeyboardInterrupt

    assert watching.run(work / "rules", work / "templates", interrupted, coloured=False) == 130
