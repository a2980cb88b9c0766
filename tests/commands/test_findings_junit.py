"""`--format junit`: a suite for each file, a case for each rule, and only what fails is a failure."""

from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from commands.reports import FILE, SHORT, STRANGE, TWICE, UNKNOWN, WHOLE, report

from engine.commands.findings import Report, junit
from engine.commands.findings.outlines import Part, outline


@cache
def _schema() -> xmlschema.XMLSchema10:
    return xmlschema.XMLSchema10(str(Path(__file__).parents[1] / "data" / "junit-10.xsd"))


def _suites(about: Report) -> ET.Element:
    text = junit.show(about)
    root = ET.fromstring(text)  # noqa: S314 - our own
    _schema().validate(root)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    return root


def _cases(root: ET.Element) -> list[tuple[str | None, str | None, str]]:
    return [
        (suite.get("name"), case.get("name"), " ".join(child.tag for child in case)) for suite in root for case in suite
    ]


def test_every_rule_is_a_case() -> None:
    """The ones in order too; other sections and the file itself have one each."""
    root = _suites(report([SHORT, UNKNOWN, TWICE]))
    assert _cases(root) == [
        ("support/rules/10-a.yaml", "file", ""),
        ("support/rules/10-a.yaml", "rule voip", "failure system-out"),
        ("support/rules/10-a.yaml", "rule fine", ""),
        ("support/rules/10-a.yaml", "rule voip", "failure"),
        ("support/rules/10-a.yaml", "keywords", ""),
        ("support/templates/ack/default.j2", "file", ""),
    ]
    assert root.attrib == {"name": "engine validate", "tests": "6", "failures": "2", "errors": "0"}
    assert root[0].attrib["failures"] == "2"
    failure = root[0][1][0]
    assert failure.attrib == {
        "type": "E112",
        "message": 'no channel is named "suport-voip": did you mean "support-voip"?',
    }
    assert failure.text == (
        '\nrules/10-a.yaml:5:14  error  E112  no channel is named "suport-voip"\n'
        "    5 |     channel: suport-voip\n"
        '      |              ^^^^^^^^^^^ did you mean "support-voip"?\n'
    )


def test_a_warning_fails_only_when_it_should() -> None:
    """Without --strict it stands in the output of its case."""
    assert _suites(report([SHORT])).get("failures") == "0"
    strict = _suites(report([SHORT], strict=True))
    assert strict.get("failures") == "1"
    assert report([SHORT], strict=True).exit_code == 1


def test_two_findings_of_one_rule_are_one_failure() -> None:
    """Build servers show the first; the text holds both."""
    (failure,) = _suites(report([SHORT, UNKNOWN], strict=True)).iter("failure")
    assert failure.get("message") == '"ip" is short: write more (and 1 more)'
    assert "W504" in (failure.text or "")
    assert "E112" in (failure.text or "")


def test_a_finding_about_something_that_was_not_read_has_a_suite_of_its_own() -> None:
    """Such as a file with the wrong ending, or the folder."""
    assert ("support/rules/b.yml", "file", "failure") in _cases(_suites(report([WHOLE])))


def test_what_xml_cannot_hold_is_replaced() -> None:
    """Control characters, which no escape may bring in."""
    root = _suites(report([STRANGE], strict=True))
    (failure,) = root.iter("failure")
    assert "�" in (failure.text or "")
    assert "😀" in (failure.text or "")


def test_without_files_there_is_an_empty_document() -> None:
    """An empty folder is a finding elsewhere, not a crash here."""
    assert list(_suites(report(files={}))) == []


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        pytest.param(FILE, [("rule voip", 3), ("rule fine", 6), ("rule voip", 8), ("keywords", 10)], id="sections"),
        pytest.param(b"schema: 1\nrules: [a, {id: [b]}]\n", [("rule number 1", 2), ("rule number 2", 2)], id="no ids"),
        pytest.param(b"schema: 1\nrules: none\n", [("rules", 2)], id="no list"),
        pytest.param(b"- a\n", [], id="no sections"),
        pytest.param(b"\xff", [], id="no text"),
    ],
)
def test_a_file_has_the_parts_that_a_lead_sees(raw: bytes, names: list[tuple[str, int]]) -> None:
    """Rules by their id, or by their number where there is none."""
    assert outline("rules/a.yaml", raw) == tuple(Part(*name) for name in names)


def test_a_template_has_no_parts() -> None:
    """Whatever stands in it."""
    assert outline("templates/ack/default.j2", FILE) == ()
