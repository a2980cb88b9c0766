"""`engine diff`: two folders by meaning, from the disk or from git."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli import main

RULES = """\
schema: 1
defaults: {channel: triage, ack: default}
channels: {triage: {}, voip: {}}
rules:
  - id: calls
    when:
      - words: [call]
    priority: high
    examples: {match: [call], no_match: [hello]}
  - id: last
    when: always
    examples: {match: [hello]}
"""
POST = "New request\n\n{{ oncall }}: {{ raw_text }}\n"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a rules folder with its templates beside it; the rules folder."""

    def write(name: str, rules: str = RULES, ack: str = "Hello.\n") -> Path:
        for path, text in {
            "rules/10.yaml": rules,
            "templates/ack/default.j2": ack,
            "templates/escalation/default.j2": POST,
        }.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return tmp_path / name / "rules"

    return write


@pytest.fixture
def repository(make: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one revision whose folder was changed since; we stand at its top."""
    top = make("repo").parent
    git(top, "init", "--quiet")
    git(top, "add", ".")
    git(top, "commit", "--quiet", "--message", "first")
    (top / "rules/10.yaml").write_text(RULES.replace("high", "urgent"))
    monkeypatch.chdir(top)
    return top


def git(folder: Path, *words: str) -> None:
    identity = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "-C", str(folder), *words], check=True, env={**os.environ, **identity, **nothing})  # noqa: S607 - whichever git there is


def diff(*words: object) -> int:
    return main(["diff", *map(str, words)])


def test_differences_are_shown_with_both_places(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Subject, both places, class and sentence; the last line has the class of the whole."""
    one = make("a")
    changed = RULES.replace("high", "urgent").replace("[call]\n", "[call, ring]\n").replace("voip: {}", "noc: {}")
    other = make("b", f"# moved down a line\n{changed}", "Hi.\n")
    assert diff(one, other) == 0
    assert capsys.readouterr().out == (
        f"""\
rule calls  {one}/10.yaml:5 → {other}/10.yaml:6
  minor  words: "ring" added
  major  priority: high → urgent

channel noc  {other}/10.yaml:4
  patch  added

channel voip  {one}/10.yaml:3
  patch  removed

template ack/default  {one.parent}/templates/ack/default.j2:1 → {other.parent}/templates/ack/default.j2:1
  minor  another text  (rules: calls, last)

5 differences (1 major, 2 minor, 2 patch): major
"""
    )


def test_the_exit_code_tells_a_script(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Only when it is asked to."""
    one, same = make("a"), make("b", f"# a comment\n{RULES}")
    other = make("c", RULES.replace("high", "low"))
    assert (diff(one, same, "--exit-code"), diff(one, other), diff(one, other, "--exit-code")) == (0, 0, 1)
    shown = capsys.readouterr().out
    assert f"{one} and {same} mean the same: no difference\n" in shown
    assert "1 difference (1 major): major\n" in shown


def test_programs_get_the_same_as_json(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Stable keys; no class where there is no difference."""
    one, other = make("a"), make("b", RULES.replace("high", "low"))
    assert diff(one, other, "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["class"], answer["before"]["rules"], len(answer["after"]["rulesetSha"])) == ("major", str(one), 64)
    assert answer["changes"] == [
        {
            "subject": "rule calls",
            "kind": "changed",
            "what": "priority: high → low",
            "class": "major",
            "before": {"path": f"{one}/10.yaml", "line": 5},
            "after": {"path": f"{other}/10.yaml", "line": 5},
            "rules": [],
        }
    ]
    assert diff(one, one, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["class"] is None


def test_many_touched_rules_are_counted(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A line stays a line."""
    more = "".join(
        f"  - {{id: r{n}, when: [{{words: [word{n}]}}], examples: {{match: [word{n}]}}}}\n" for n in range(6)
    )
    text = RULES.replace("  - id: last", f"{more}  - id: last")
    assert diff(make("a", text), make("b", text.replace("channel: triage", "channel: voip"))) == 0
    assert "channel: triage → voip  (rules: calls, r0, r1, r2, r3 and 3 more)" in capsys.readouterr().out


def test_a_broken_folder_shows_its_findings(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """As `engine validate` does, and nothing is compared."""
    one, broken = make("a"), make("b", RULES.replace("channel: triage", "channel: triaje"))
    assert diff(one, broken) == 1
    shown = capsys.readouterr()
    assert f"{broken}/10.yaml:2:21  error  E112" in shown.err
    assert f"engine: the rules in {broken} cannot be used: mend the findings above first\n" in shown.err
    assert shown.out == ""


def test_failing_examples_keep_nobody_from_comparing(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """What the rules mean does not depend on what their author believed."""
    assert diff(make("a"), make("b", RULES.replace("no_match: [hello]", "no_match: [call me]"))) == 0
    assert "examples no_match: 1 added, 1 removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["nowhere", "rules"], "nowhere does not exist; a folder of a git revision", id="no folder"),
        pytest.param(["rules/10.yaml", "rules"], "rules/10.yaml is a file: name the folder", id="a file"),
        pytest.param(["rules"], "name two folders, or one with --git REVISION", id="one folder"),
        pytest.param(["rules", "rules", "--git", "HEAD"], "--git takes one folder", id="too many"),
        pytest.param(["NOREV:rules", "rules"], 'git knows no revision "NOREV"', id="no revision"),
        pytest.param(["HEAD:rulez", "rules"], '"HEAD:rulez" holds no *.yaml file', id="no folder in git"),
        pytest.param(["HEAD:../../rules", "rules"], '"../../rules" lies outside of the repository', id="outside"),
        pytest.param(
            ["HEAD:rules", "rules", "--templates-a", "HEAD:nothing"], '"HEAD:nothing" holds no *.j2 file', id="no texts"
        ),
        pytest.param(["--git=--help", "rules"], "--help:rules does not exist", id="an option for git"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(
    repository: Path, words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence that says what was found and what is wanted."""
    assert diff(*words) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["HEAD:rules", "rules"], id="a revision of the folder"),
        pytest.param(["--git", "HEAD", "rules"], id="by option"),
        pytest.param(["HEAD:./rules", "rules", "--templates-b", "HEAD:templates"], id="from here"),
        pytest.param(["HEAD:rules", "rules", "--templates-a", "templates"], id="with texts from the disk"),
    ],
)
def test_a_revision_is_compared_with_the_disk(
    repository: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What git holds of a folder is read without checking it out."""
    assert diff(*words) == 0
    shown = capsys.readouterr().out
    assert "  major  priority: high → urgent\n" in shown
    assert shown.endswith("1 difference (1 major): major\n")


def test_a_path_in_git_may_be_meant_from_here(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a folder below the top both ways of writing it work."""
    monkeypatch.chdir(repository / "rules")
    assert diff("HEAD:.", ".") == 0
    assert diff("HEAD:rules", ".") == 0
    assert capsys.readouterr().out.count("1 difference (1 major): major\n") == 2


def test_files_that_do_not_count_are_left_in_git(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Links, dot-files and folders below are no rules, as on the disk."""
    (repository / "rules/link.yaml").symlink_to("10.yaml")
    (repository / "rules/.hidden.yaml").write_text("nonsense")
    (repository / "rules/deeper").mkdir()
    (repository / "rules/deeper/x.yaml").write_text("nonsense")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "second")
    (repository / "rules/link.yaml").unlink()
    assert diff("HEAD:rules", "rules") == 0
    assert "no difference" in capsys.readouterr().out


def test_a_revision_without_texts_gets_those_of_today(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder may have got its templates later."""
    git(repository, "rm", "-r", "--quiet", "--cached", "templates")
    git(repository, "commit", "--quiet", "--message", "without texts", "rules")
    git(repository, "commit", "--quiet", "--message", "without texts", "--allow-empty")
    assert diff("HEAD:rules", "rules") == 0
    assert "no difference" in capsys.readouterr().out


def test_no_repository_and_no_git_are_said(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Git's own reason, in one sentence."""
    rules = make("a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert diff("HEAD:rules", rules) == 2
    assert "engine: git refuses: not a git repository" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert diff("HEAD:rules", rules) == 2
    assert "a revision needs the program git, which is not installed" in capsys.readouterr().err
