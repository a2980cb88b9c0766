"""`engine validate`: what is printed and how it ends."""

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands.reports import report

from engine.cli import main
from engine.commands import validate
from engine.commands.findings import text
from engine.core.diagnostics import Diagnostic, Severity
from engine.core.errors import PermissionRefused, UsageError
from engine.ruleset.codes import severity
from engine.starter import starter_folder

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with good rules and templates in it."""
    folder = tmp_path / "work"
    shutil.copytree(CASES / "base", folder)
    monkeypatch.chdir(folder)
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return folder


def _add(work: Path, *names: str) -> None:
    for name in names:
        shutil.copy(CASES / "bad" / f"{name}.yaml", work / "rules")


def _options(path: str = "rules", **others: object) -> argparse.Namespace:
    usual = {"templates": None, "strict": False, "format": "text", "output": None, "watch": False}
    return argparse.Namespace(**{"path": Path(path), **usual, **others})


def test_rules_without_findings_end_with_one_line(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was checked is counted, and the exit code is 0."""
    assert validate.run(_options("rules/")) == 0
    assert capsys.readouterr().out == "2 rules, 2 examples checked: no findings\n"


def test_every_finding_of_every_file_is_printed(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sorted by place, then counted; the paths are as the user named them."""
    _add(work, "unknown-channel", "unquoted-at-sign", "short-word")
    assert validate.run(_options("../work/rules")) == 1
    assert capsys.readouterr().out == (
        '../work/rules/short-word.yaml:4:26  warning  W504  "ip" is shorter than three letters and will '
        "match by chance\n"
        "    4 |     when: {words: [call, ip]}\n"
        "      |                          ^^ write a longer phrase, or use exact if it is meant so\n"
        '../work/rules/short-word.yaml:11:5  warning  W504  "TV" is shorter than three letters and will '
        "match by chance\n"
        "   11 |     TV: [television]\n"
        "      |     ^^ write a longer phrase, or use exact if it is meant so\n"
        '../work/rules/unknown-channel.yaml:3:9  error  E201  a rule named "probe" exists already\n'
        "    3 |   - id: probe\n"
        "      |         ^^^^^ give one of them another name, or keep one\n"
        '      ../work/rules/short-word.yaml:3: the first "probe" stands here\n'
        '../work/rules/unknown-channel.yaml:4:14  error  E112  no channel is named "suport-voip"\n'
        "    4 |     channel: suport-voip\n"
        '      |              ^^^^^^^^^^^ did you mean "support-voip"?\n'
        '../work/rules/unquoted-at-sign.yaml:3:9  error  E201  a rule named "probe" exists already\n'
        "    3 |   - id: probe\n"
        "      |         ^^^^^ give one of them another name, or keep one\n"
        '      ../work/rules/short-word.yaml:3: the first "probe" stands here\n'
        "../work/rules/unquoted-at-sign.yaml:5:14  error  E170  a value that begins with @ needs quotes\n"
        "    5 |     summary: @oncall please look\n"
        '      |              ^^^^^^^^^^^^^^^^^^^ write "@oncall please look"\n'
        '../work/rules/unquoted-at-sign.yaml:7:14  error  E112  no channel is named "suport-voip"\n'
        "    7 |     channel: suport-voip\n"
        '      |              ^^^^^^^^^^^ did you mean "support-voip"?\n'
        "\n"
        "5 errors, 2 warnings in 3 files; the examples are tried once there are no other errors\n"
        "what they mean: engine help E112 E170 E201 W504\n"
    )


@pytest.mark.parametrize(
    ("case", "options", "code", "last"),
    [
        pytest.param("no-examples", _options(), 0, "1 warning in 1 file", id="warning"),
        pytest.param("no-examples", _options(strict=True), 1, "1 warning in 1 file", id="strict"),
        pytest.param("example-that-does-not-match", _options(), 1, "1 error in 1 file", id="example"),
        pytest.param(
            "unknown-channel",
            _options(strict=True),
            1,
            "1 error in 1 file; the examples are tried once there are no other errors",
            id="error",
        ),
    ],
)
def test_the_exit_code_follows_the_findings(
    work: Path, capsys: pytest.CaptureFixture[str], case: str, options: argparse.Namespace, code: int, last: str
) -> None:
    """Warnings are allowed unless --strict says no; an example that fails is an error."""
    _add(work, case)
    assert validate.run(options) == code
    assert capsys.readouterr().out.splitlines()[-2] == last


def test_json_holds_everything_that_the_text_says(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For editors and scripts: places, related places, counts and the hash."""
    _add(work, "key-twice")
    assert validate.run(_options(format="json")) == 1
    content = json.loads(capsys.readouterr().out)
    assert len(content.pop("rulesetSha")) == 64
    assert content == {
        "findings": [
            {
                "path": "rules/key-twice.yaml",
                "line": 6,
                "column": 5,
                "length": 7,
                "severity": "error",
                "code": "E116",
                "message": '"channel" stands here a second time',
                "source": "    channel: support-triage",
                "hint": "keep one of them",
                "related": [{"path": "rules/key-twice.yaml", "line": 4, "message": 'the first "channel" stands here'}],
            }
        ],
        "errors": 1,
        "warnings": 0,
        "rules": 3,
        "examples": 3,
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ruls", "ruls does not exist"),
        ("rules/00-base.yaml", "rules/00-base.yaml is a file: name the folder that it stands in"),
    ],
)
def test_a_wrong_path_is_a_question_of_usage(work: Path, path: str, message: str) -> None:
    """Exit 2, not a finding about the rules."""
    with pytest.raises(UsageError) as caught:
        validate.run(_options(path))
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("start", "path", "expected"),
    [
        (".", "rules", "templates"),
        (".", "rules/", "templates"),
        (".", "./rules", "templates"),
        ("rules", "../rules", "../templates"),
    ],
)
def test_templates_are_looked_for_beside_the_rules(
    work: Path, monkeypatch: pytest.MonkeyPatch, start: str, path: str, expected: str
) -> None:
    """Named from where the user stands."""
    monkeypatch.chdir(work / start)
    assert validate.templates_beside(Path(path)) == Path(expected)


def test_templates_are_found_from_inside_the_rules(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`engine validate .` works too."""
    monkeypatch.chdir(work / "rules")
    assert validate.templates_beside(Path()) == work / "templates"
    (work / "rules" / "inner").mkdir()
    monkeypatch.chdir(work / "rules" / "inner")
    assert validate.templates_beside(Path("..")) == work / "templates"


def test_without_templates_the_starter_ones_count(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rules folder alone can be checked; --templates names another folder."""
    shutil.rmtree(work / "templates")
    assert validate.templates_beside(Path("rules")) == starter_folder("templates")
    assert validate.run(_options()) == 0
    assert validate.run(_options(templates=Path("elsewhere"))) == 1
    assert capsys.readouterr().out.splitlines()[1] == (
        "elsewhere  error  E210  this folder cannot be read: it does not exist"
    )


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> str:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    validate.run(_options())
    return terminal.getvalue()


def test_a_terminal_gets_colours(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place and the sentence stand out, the caret has the colour of its severity, the advice another one."""
    assert _on_a_terminal(monkeypatch) == "\x1b[32m2 rules, 2 examples checked: no findings\x1b[0m\n"
    _add(work, "no-examples")
    assert _on_a_terminal(monkeypatch).splitlines()[-2] == "\x1b[33m1 warning in 1 file\x1b[0m"
    _add(work, "unknown-channel", "empty-file")
    (work / "rules" / "no-examples.yaml").unlink()
    assert _on_a_terminal(monkeypatch) == (
        "\x1b[1mrules/empty-file.yaml:1:1\x1b[0m  \x1b[31merror  E130\x1b[0m  \x1b[1mthe file is empty\x1b[0m\n"
        '      begin it with "schema: 1"\n'
        "\x1b[1mrules/unknown-channel.yaml:4:14\x1b[0m  \x1b[31merror  E112\x1b[0m  "
        '\x1b[1mno channel is named "suport-voip"\x1b[0m\n'
        "    4 |     channel: suport-voip\n"
        '      |              \x1b[31m^^^^^^^^^^^\x1b[0m\x1b[36m did you mean "support-voip"?\x1b[0m\n'
        "\n"
        "\x1b[31m2 errors in 2 files; the examples are tried once there are no other errors\x1b[0m\n"
        "what they mean: engine help E112 E130\n"
    )


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        pytest.param({}, True, True, id="terminal"),
        pytest.param({}, False, False, id="pipe"),
        pytest.param({"NO_COLOR": "1"}, True, False, id="no-color.org"),
        pytest.param({"NO_COLOR": ""}, True, True, id="empty counts as not set"),
        pytest.param({"FORCE_COLOR": "1"}, False, True, id="forced"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False, id="no is stronger"),
        pytest.param({"TERM": "dumb"}, True, False, id="a terminal without colours"),
    ],
)
def test_colours_come_where_they_are_wanted(
    environ: dict[str, str],
    terminal: bool,  # noqa: FBT001 - one of the cases
    coloured: bool,  # noqa: FBT001 - the same
) -> None:
    """The environment decides, and else whether somebody looks."""
    assert text.wants_colour(environ, terminal=terminal) == coloured


def test_a_terminal_that_wants_no_colours_gets_none(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed then is plain text."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert _on_a_terminal(monkeypatch) == "2 rules, 2 examples checked: no findings\n"


def test_a_mark_without_advice_is_coloured_too() -> None:
    """Such as one in a pattern."""
    found = Diagnostic("a.yaml", 1, 1, 2, Severity.ERROR, "E301", "m", "ab")
    shown = text.show(report([found]), coloured=True).splitlines()
    assert shown[2] == "      | \x1b[31m^^\x1b[0m"


def test_more_codes_than_a_few_are_not_all_named() -> None:
    """The errors come first."""
    codes = ["W501", "E101", "E102", "E103", "E104", "E105"]
    found = [Diagnostic("a", 1, 1, 1, severity(code), code, "m") for code in codes]
    assert text.show(report(found), coloured=False).splitlines()[-1] == (
        "what they mean: engine help E101 E102 E103 E104 E105 …"
    )


CODES_IN = {
    "json": lambda out: [found["code"] for found in json.loads(out)["findings"]],
    "github": lambda out: re.findall(r"title=(\w+)::", out),
    "sarif": lambda out: [result["ruleId"] for result in json.loads(out)["runs"][0]["results"]],
    "junit": lambda out: re.findall(r"  (?:error|warning)  (\w+)  ", out),
    "text": lambda out: re.findall(r"  (?:error|warning)  (\w+)  ", out),
}


@pytest.mark.parametrize("form", validate.FORMATS)
@pytest.mark.parametrize(
    ("cases", "code", "strictly", "codes"),
    [
        pytest.param([], 0, 0, [], id="clean"),
        pytest.param(["no-examples"], 0, 1, ["W501"], id="warning"),
        pytest.param(["unknown-channel", "empty-file"], 1, 1, ["E112", "E130"], id="errors"),
    ],
)
def test_every_form_tells_the_same(
    work: Path, form: str, cases: list[str], code: int, strictly: int, codes: list[str]
) -> None:
    """The same findings and the same exit code, with and without --strict, whatever reads them."""
    _add(work, *cases)
    for strict, expected in ((False, code), (True, strictly)):
        assert validate.run(_options(format=form, strict=strict, output=Path("report"))) == expected
        assert sorted(CODES_IN[form](Path("report").read_text(encoding="utf-8"))) == codes


@pytest.mark.parametrize("form", validate.FORMATS)
def test_a_report_can_go_into_a_file(work: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """The same as on the standard output, which then says only how it went."""
    _add(work, "unknown-channel")
    validate.run(_options(format=form))
    shown = capsys.readouterr().out
    assert validate.run(_options(format=form, output=Path("report"))) == 1
    assert capsys.readouterr().out == (
        "1 error in 1 file; the examples are tried once there are no other errors; written to report\n"
    )
    assert (work / "report").read_text(encoding="utf-8") == shown


def test_a_file_that_cannot_be_written_is_told(work: Path) -> None:
    """With its name and why."""
    with pytest.raises(PermissionRefused, match="cannot write missing/report: No such file or directory"):
        validate.run(_options(output=Path("missing/report")))


@pytest.mark.parametrize(("form", "output"), [("sarif", None), ("text", Path("report"))])
def test_watching_is_for_people(work: Path, form: str, output: Path | None) -> None:
    """No program reads a report that begins again and again."""
    with pytest.raises(UsageError, match="leave out --format and --output"):
        validate.run(_options(watch=True, format=form, output=output))


@pytest.mark.parametrize(
    ("start", "path", "expected"),
    [(".", "rules", "work/rules"), ("rules", ".", "work/rules"), ("rules", "../rules", "work/rules")],
)
def test_places_are_told_from_the_top_of_the_repository(
    work: Path, monkeypatch: pytest.MonkeyPatch, start: str, path: str, expected: str
) -> None:
    """Wherever in it the command runs."""
    (work.parent / ".git").mkdir()
    monkeypatch.chdir(work / start)
    found = validate.check(Path(path), work / "templates", strict=False)
    assert set(found.placed.values()) >= {f"{expected}/00-base.yaml", "work/templates/ack/default.j2"}


def test_without_a_repository_places_are_told_from_the_current_folder(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whole where they stand elsewhere."""
    monkeypatch.chdir(work / "rules")
    found = validate.check(Path(), work / "templates", strict=False)
    assert set(found.placed.values()) >= {"00-base.yaml", f"{work}/templates/ack/default.j2"}


def test_an_editor_gets_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """`engine schema` prints what stands beside the starter rules."""
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == (starter_folder("rules") / "schema.json").read_text(encoding="utf-8")


def test_the_command_line_offers_every_form() -> None:
    """No form is there that cannot be asked for."""
    shown = subprocess.run(
        [sys.executable, "-m", "engine.cli", "validate", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert f"{{{','.join(validate.FORMATS)}}}" in shown
