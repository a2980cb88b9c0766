"""Whatever a finding quotes, each form stays a form: nothing in a lead's file can break a report."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from commands.reports import FILE, report
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.commands.findings import data, github, junit, sarif, text
from engine.core.diagnostics import Diagnostic, Related, Severity, render

_TEXT = st.text(max_size=40)
_PATH = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
_FOUND = st.builds(
    Diagnostic,
    path=_PATH,
    line=st.integers(0, 12),
    column=st.integers(1, 60),
    length=st.integers(1, 60),
    severity=st.sampled_from(Severity),
    code=st.sampled_from(["E101", "E112", "E137", "E170", "W504"]),
    message=_TEXT,
    source=_TEXT,
    hint=st.one_of(_TEXT, _TEXT.map('did you mean "{}"?'.format), _TEXT.map('write "{}"'.format)),
    related=st.lists(st.builds(Related, path=_PATH, line=st.integers(1, 9), message=_TEXT), max_size=2).map(tuple),
)
_MANY = st.lists(_FOUND, max_size=4)


@given(_MANY)
def test_every_finding_is_one_command_in_one_line(found: list[Diagnostic]) -> None:
    """No line end inside of a finding can begin a command of its own."""
    lines = github.show(report(found)).split("\n")
    assert len(lines) == len(found) + 2
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines[:-2])


@given(_MANY, st.booleans())
def test_every_finding_stands_in_a_document_that_can_be_read(found: list[Diagnostic], strict: bool) -> None:  # noqa: FBT001
    """As many failures as cases that fail, whatever the texts hold."""
    about = report(found, strict=strict, files={"rules/a.yaml": FILE})
    root = ET.fromstring(junit.show(about))  # noqa: S314 - our own
    assert int(root.get("failures", "")) == len(list(root.iter("failure")))
    assert bool(list(root.iter("failure"))) == bool(about.exit_code)


@settings(max_examples=30)
@given(_MANY)
def test_every_finding_is_a_result(found: list[Diagnostic]) -> None:
    """With a region inside of its line, a fix that is no more than it, and a name that no other result has."""
    results = json.loads(sarif.show(report(found)))["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == [one.code for one in found]
    assert len({result["partialFingerprints"]["engineFinding/v1"] for result in results}) == len(found)
    for result in results:
        region = result["locations"][0]["physicalLocation"].get("region", {"startColumn": 1, "endColumn": 1})
        assert 1 <= region["startColumn"] <= region["endColumn"]


@given(_MANY)
def test_data_and_text_hold_every_finding(found: list[Diagnostic]) -> None:
    """Coloured or not, the words are the same, and no control character reaches a terminal."""
    about = report(found)
    assert len(json.loads(data.show(about))["findings"]) == len(found)
    plain = text.show(about, coloured=False)
    assert all(char == "\n" or char.isprintable() or char == "\u200d" for char in plain)
    assert all(f"{render(one)}\n" in plain for one in found)


@given(_FOUND, st.integers(1, 500))
def test_a_mark_stands_below_what_is_quoted(found: Diagnostic, size: int) -> None:
    """However long the line is, the quotation fits a terminal and the mark does not go beyond it."""
    long = replace(found, line=3, source="x" * size, column=min(found.column, size))
    quoted, mark = render(replace(long, hint="", related=())).split("\n")[-2:]
    assert len(mark) <= len(quoted) <= 130


def test_a_path_that_is_no_text_is_encoded() -> None:
    """Linux lets file names be any bytes."""
    assert sarif.uri(str(Path("caf\udce9.yaml"))) == "caf%E9.yaml"
