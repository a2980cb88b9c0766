"""Files with one fault each, and all that is said about them.

`cases/bad/NAME.yaml` is loaded among the files of `cases/base`, `cases/bad/NAME/` alone; `cases/bad/NAME.txt` holds
every finding as it is shown. `cases/good` is loaded in the same way and has no findings.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from engine.core.diagnostics import Severity, render
from engine.ruleset import codes, loader
from engine.ruleset.loader import Loaded
from engine.ruleset.snapshots import Snapshot

CASES = Path(__file__).parents[1] / "cases"
ENGINE = Path(loader.__file__).parents[1]
BAD = sorted(path for path in (CASES / "bad").iterdir() if path.suffix != ".txt")
GOOD = sorted((CASES / "good").iterdir())

# Findings that no file in a fixture can have, with the test that brings each about.
ELSEWHERE = {
    "E102": "test_reader.py: a file over the limit",
    "E210": "test_loader.py: a folder that does not exist",
    "E211": "test_loader.py: a file that may not be read",
    "E212": "test_loader.py: a file that ends in .yml",
    "E216": "test_loader.py: a file that never rests",
    "E276": "test_oncall_calendars.py: a calendar that cannot be used",
    "E277": "test_oncall_calendars.py: an event that names somebody else",
    "W546": "test_oncall_calendars.py: a calendar that was usable before",
    "W547": "test_oncall_calendars.py: a calendar that is not fetched any more",
}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@cache
def _load(case: Path) -> Loaded:
    alone = case.is_dir()
    files = _files(case) if alone else {**_files(CASES / "base"), f"rules/{case.name}": case.read_bytes()}
    return loader.check(Snapshot(files), "rules", "templates")


def _shown(loaded: Loaded) -> str:
    return "".join(f"{render(found)}\n" for found in loaded.diagnostics)


@pytest.mark.parametrize("case", BAD, ids=lambda path: path.stem)
def test_a_fault_is_shown_with_all_that_a_lead_needs(case: Path) -> None:
    """Every finding of a bad file is shown whole: place, code, sentence, quoted line, caret and advice."""
    assert _shown(_load(case)) == (CASES / "bad" / f"{case.stem}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", BAD, ids=lambda path: path.stem)
def test_rules_with_an_error_are_never_used(case: Path) -> None:
    """There is a rule-set exactly when no finding is an error."""
    loaded = _load(case)
    faulty = any(found.severity is Severity.ERROR for found in loaded.diagnostics)
    assert (loaded.ruleset is None) == faulty


@pytest.mark.parametrize("case", BAD, ids=lambda path: path.stem)
def test_a_finding_quotes_the_line_of_its_file_and_marks_a_part_of_it(case: Path) -> None:
    """The caret never points outside of the line, and no sentence holds a word of Python's."""
    for found in _load(case).diagnostics:
        assert found.length >= 1
        assert found.column - 1 <= max(len(found.source), 1)
        assert not re.search(r"\b(str|dict|int|None|NoneType|list object|Traceback|Scalar|Mapping)\b", found.message)


@pytest.mark.parametrize("case", GOOD, ids=lambda path: path.stem)
def test_what_yaml_would_guess_is_read_as_it_is_written(case: Path) -> None:
    """A file that a lead may rightly write has no findings."""
    loaded = _load(case)
    assert _shown(loaded) == ""
    assert loaded.ruleset is not None


def test_every_code_has_a_page_and_every_page_is_brought_about_by_a_test() -> None:
    """`engine help` knows each code that any module can give, and no page is about what cannot happen."""
    sources = [path.read_text(encoding="utf-8") for path in ENGINE.rglob("*.py")]
    given = {code for source in sources for code in re.findall(r'(?<!help )"([EW]\d{3})"', source)}
    pinned = {
        code
        for path in (*(CASES / "bad").glob("*.txt"), *(CASES / "oncall/bad").glob("*.txt"))
        for code in re.findall(r"  (?:error|warning)  ([EW]\d{3})  ", path.read_text(encoding="utf-8"))
    }
    # Those of engine.yaml belong to the tests of the settings.
    pages = set(codes.pages())
    assert given == pages
    assert pinned | set(ELSEWHERE) == {code for code in pages if codes.about_rules(code)}
    assert not pinned & set(ELSEWHERE)
