"""`engine validate`: what is printed and how it ends."""

import argparse
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from engine.commands import validate
from engine.core.errors import UsageError
from engine.starter import starter_folder

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with good rules and templates in it."""
    folder = tmp_path / "work"
    shutil.copytree(CASES / "base", folder)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return folder


def _add(work: Path, *names: str) -> None:
    for name in names:
        shutil.copy(CASES / "bad" / f"{name}.yaml", work / "rules")


def _options(path: str = "rules", **others: object) -> argparse.Namespace:
    return argparse.Namespace(**{"path": Path(path), "templates": None, "strict": False, "format": "text", **others})


def test_rules_without_findings_end_with_one_line(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was checked is counted, and the exit code is 0."""
    assert validate.run(_options("rules/")) == 0
    assert capsys.readouterr().out == "2 rules, 1 example checked: no findings\n"


def test_every_finding_of_every_file_is_printed(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sorted by place, then counted; the paths are as the user named them."""
    _add(work, "unknown-channel", "unquoted-at-sign", "short-word")
    assert validate.run(_options("../work/rules")) == 1
    assert capsys.readouterr().out == (
        '../work/rules/short-word.yaml:4:26  warning  W504  "ip" is shorter than three letters and will '
        "match by chance\n"
        "    4 |     when: {words: [call, ip]}\n"
        "      |                          ^^ write a longer phrase, or use exact if it is meant so\n"
        '../work/rules/short-word.yaml:10:5  warning  W504  "TV" is shorter than three letters and will '
        "match by chance\n"
        "   10 |     TV: [television]\n"
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
    assert capsys.readouterr().out.splitlines()[-1] == last


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
        "examples": 2,
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
    assert _on_a_terminal(monkeypatch) == "\x1b[32m2 rules, 1 example checked: no findings\x1b[0m\n"
    _add(work, "no-examples")
    assert _on_a_terminal(monkeypatch).splitlines()[-1] == "\x1b[33m1 warning in 1 file\x1b[0m"
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
    )


def test_a_terminal_that_wants_no_colours_gets_none(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR counts when it is not empty (no-color.org)."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert _on_a_terminal(monkeypatch) == "2 rules, 1 example checked: no findings\n"
