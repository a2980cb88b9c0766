"""`--format sarif`: a log that follows the published schema, with places, rules and fixes that mean what they say."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from commands.reports import SHORT, STRANGE, TWICE, UNKNOWN, WHOLE, report
from jsonschema import Draft4Validator

from engine import __version__
from engine.commands.findings import Report, sarif
from engine.core.diagnostics import Diagnostic
from engine.ruleset import codes, loader
from engine.ruleset.snapshots import Snapshot

CASES = Path(__file__).parents[1] / "cases"


@cache
def _validator() -> Draft4Validator:
    schema = json.loads((Path(__file__).parents[1] / "data" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    return Draft4Validator(schema)


def _log(about: Report) -> Any:
    log = json.loads(sarif.show(about))
    assert [error.message for error in _validator().iter_errors(log)] == []
    return log


def _results(*found: Diagnostic) -> Any:
    return _log(report(found))["runs"][0]["results"]


def _everything_bad() -> list[Diagnostic]:
    """The findings of every file with a fault."""
    found: list[Diagnostic] = []
    for case in sorted((CASES / "bad").glob("*.yaml")):
        files = {
            path.relative_to(CASES / "base").as_posix(): path.read_bytes()
            for path in sorted((CASES / "base").rglob("*"))
            if path.is_file()
        }
        files[f"rules/{case.name}"] = case.read_bytes()
        found += loader.check(Snapshot(files), "rules", "templates").diagnostics
    return found


def test_every_kind_of_finding_makes_a_valid_log() -> None:
    """Checked against the schema of OASIS; what is marked lies inside of its line."""
    found = _everything_bad()
    results = _results(*found)
    assert len(results) == len(found) > 150
    for result in results:
        region = result["locations"][0]["physicalLocation"].get("region")
        if region:
            assert region["startColumn"] <= region["endColumn"]


def test_an_empty_result_is_a_valid_log_too() -> None:
    """The rules of the tool are there, the results are none."""
    (run,) = _log(report())["runs"]
    assert run["results"] == []
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["version"] == __version__
    assert "informationUri" not in run["tool"]["driver"]


def test_every_page_is_a_rule() -> None:
    """Title, text and examples, and how grave it is; those of engine.yaml cannot come."""
    rules = _log(report())["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [code for code in codes.pages() if codes.about_rules(code)]
    (rule,) = [rule for rule in rules if rule["id"] == "W504"]
    assert rule["shortDescription"] == {"text": "A very short word"}
    assert rule["fullDescription"]["text"].startswith("A word of one or two letters stands in many messages by chance.")
    assert rule["help"]["markdown"].endswith('Right:\n\n```yaml\nwords: ["ip phone"]\n```\n')
    assert rule["defaultConfiguration"] == {"level": "warning"}


def test_a_result_says_where_and_what() -> None:
    """The end column is the first one behind the mark; the rule's number leads to its page."""
    log = _log(report([UNKNOWN, SHORT]))["runs"][0]
    result, warning = log["results"]
    assert log["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "E112"
    assert (result["level"], warning["level"]) == ("error", "warning")
    assert result["message"]["text"] == 'no channel is named "suport-voip": did you mean "support-voip"?'
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "support/rules/10-a.yaml"},
                "region": {
                    "startLine": 5,
                    "startColumn": 14,
                    "endColumn": 25,
                    "snippet": {"text": "    channel: suport-voip"},
                },
            }
        }
    ]


def test_other_places_come_along() -> None:
    """With their sentence and line."""
    (result,) = _results(TWICE)
    assert result["relatedLocations"] == [
        {
            "id": 1,
            "message": {"text": 'the first "voip" stands here'},
            "physicalLocation": {
                "artifactLocation": {"uri": "support/rules/10-a.yaml"},
                "region": {"startLine": 3},
            },
        }
    ]


def test_a_finding_about_a_whole_file_has_no_region() -> None:
    """Line 0 does not exist."""
    (result,) = _results(WHOLE)
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "support/rules/b.yml"}}


def test_paths_are_encoded() -> None:
    """A reference of RFC 3986: what is no plain letter is a percent sign with digits; an absolute path is a file."""
    (result,) = _results(STRANGE)
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == "support/rules/%C3%BC%20%3A%2C%25.yaml"
    assert sarif.uri("/srv/ü") == "file:///srv/%C3%BC"


def test_a_mark_never_goes_on_behind_its_line() -> None:
    """Where nothing is left to mark, it is empty at the end."""
    (result,) = _results(replace(UNKNOWN, column=25, length=9))
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startColumn"], region["endColumn"]) == (25, 25)


def test_what_is_meant_is_offered_as_a_fix() -> None:
    """The marked characters are replaced by the name that was meant."""
    (result,) = _results(UNKNOWN)
    (fix,) = result["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 5, "startColumn": 14, "endColumn": 25},
            "insertedContent": {"text": "support-voip"},
        }
    ]


def test_advice_that_needs_thought_is_no_fix() -> None:
    """Nobody can apply "keep one of them"."""
    assert all("fixes" not in result for result in _results(TWICE, SHORT, WHOLE, STRANGE))


def _fingerprints(*found: Diagnostic) -> list[str]:
    return [result["partialFingerprints"]["engineFinding/v1"] for result in _results(*found)]


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param(replace(UNKNOWN, line=50), id="lines above it"),
        pytest.param(replace(UNKNOWN, column=16, source="      channel: suport-voip"), id="further in"),
        pytest.param(replace(UNKNOWN, message="worded better"), id="another sentence"),
    ],
)
def test_a_finding_that_moves_stays_the_same(moved: Diagnostic) -> None:
    """Code scanning knows it again, and does not open it a second time."""
    assert _fingerprints(moved) == _fingerprints(UNKNOWN)


def test_two_findings_are_never_the_same() -> None:
    """Also when their lines are."""
    both = _fingerprints(UNKNOWN, replace(UNKNOWN, line=9), SHORT, replace(UNKNOWN, path="rules/b.yaml"))
    assert len(set(both)) == 4
