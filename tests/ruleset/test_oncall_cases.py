"""Files about on-call with a few faults each, and all that is said about them.

`cases/oncall/bad/NAME.yaml`, or each file in `cases/oncall/bad/NAME/`, is loaded in the folder `oncall` of
`cases/base`; `cases/oncall/bad/NAME.txt` holds every finding as it is shown. `cases/oncall/good` is loaded in the same
way.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.diagnostics import Severity, render
from engine.ruleset import loader
from engine.ruleset.loader import Loaded
from engine.ruleset.oncall import folder
from engine.ruleset.oncall.folder import Surroundings
from engine.ruleset.snapshots import Snapshot

CASES = Path(__file__).parents[1] / "cases"
BAD = sorted(path for path in (CASES / "oncall/bad").iterdir() if path.suffix != ".txt")
# A Tuesday.
NOW = datetime(2027, 1, 5, 12, 0, tzinfo=UTC)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@cache
def load(case: Path) -> Loaded:
    inside = files_of(case) if case.is_dir() else {case.name: case.read_bytes()}
    files = {**files_of(CASES / "base"), **{f"rules/oncall/{name}": raw for name, raw in inside.items()}}
    return loader.check(Snapshot(files), "rules", "templates", now=NOW)


def shown(loaded: Loaded) -> str:
    return "".join(f"{render(found)}\n" for found in loaded.diagnostics)


@pytest.mark.parametrize("case", BAD, ids=lambda path: path.stem)
def test_a_fault_is_shown_with_all_that_a_lead_needs(case: Path) -> None:
    """Every finding of a bad file is shown whole: place, code, sentence, quoted line, caret and advice."""
    assert shown(load(case)) == (CASES / "oncall/bad" / f"{case.stem}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", BAD, ids=lambda path: path.stem)
def test_a_roster_with_an_error_is_never_used(case: Path) -> None:
    """Neither the roster nor the rules beside it: a reload takes all or nothing."""
    loaded = load(case)
    faulty = any(found.severity is Severity.ERROR for found in loaded.diagnostics)
    assert (loaded.roster is None) == faulty
    assert (loaded.ruleset is None) == faulty


GOOD = (CASES / "oncall/good/noc.yaml").read_text(encoding="utf-8")
PIECES = ["", "'", '"', ":", "[", "}", "- ", "1", "no", "@", "2027-02-30", "24:00", "\n", "  ", "alice", "default:"]


@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(PIECES)), max_size=4))
def test_whatever_a_lead_has_written_raises_nothing(edits: list[tuple[int, int, str]]) -> None:
    """A roster, or findings."""
    text = GOOD
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    around = Surroundings({"support-voip": None}, {}, {}, NOW)
    taken = folder.take([("noc.yaml", text.encode())], {"voip.ics": "voip.ics"}, around)
    assert (taken.roster is None) == any(fault.code.startswith("E") for fault in taken.faults)


def test_every_section_may_be_used() -> None:
    """A file with all of the language has no findings, and the rules carry its roster."""
    loaded = load(CASES / "oncall/good")
    assert shown(loaded) == ""
    assert loaded.ruleset is not None
    assert loaded.ruleset.roster is loaded.roster is not None
