"""The hook that a repository of rules can name in its `.pre-commit-config.yaml`."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
CASES = ROOT / "tests" / "cases"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with good rules, which asks for the hook as it is published.

    Only how the hook is installed differs: the engine under test is there already.
    """
    folder = tmp_path / "work"
    shutil.copytree(CASES / "base", folder)
    (hook,) = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    command = f"{shlex.quote(sys.executable)} -m engine.cli {hook['entry'].removeprefix('engine ')}"
    local = {"repo": "local", "hooks": [{**hook, "language": "system", "entry": command}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [local]}), encoding="utf-8")
    for words in (["init", "--quiet"], ["add", "--all"]):
        _git(folder, *words)
    _git(folder, "commit", "--quiet", "--message", "good rules")
    return folder


def _git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=Lead", "-c", "user.email=lead@example.org", "-c", "core.hooksPath=/dev/null"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True)  # noqa: S607 - git is on the path or nowhere


def _pre_commit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PRE_COMMIT_HOME": str(folder.parent / "cache"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "pre_commit", *words]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_hook_is_published_in_the_right_form() -> None:
    """pre-commit itself reads the manifest."""
    checked = _pre_commit(ROOT, "validate-manifest", str(MANIFEST))
    assert checked.returncode == 0, checked.stdout


@pytest.mark.system
def test_a_commit_with_a_fault_is_stopped(repository: Path) -> None:
    """With the finding as `engine validate` shows it; a commit of something else is let through unchecked."""
    (repository / "notes.txt").write_text("call back\n", encoding="utf-8")
    _git(repository, "add", "notes.txt")
    assert "(no files to check)Skipped" in _pre_commit(repository, "run", "--color=never").stdout
    shutil.copy(CASES / "bad" / "unknown-channel.yaml", repository / "rules")
    _git(repository, "add", "rules")
    stopped = _pre_commit(repository, "run", "--color=never")
    assert stopped.returncode == 1
    assert 'rules/unknown-channel.yaml:4:14  error  E112  no channel is named "suport-voip"' in stopped.stdout


@pytest.mark.parametrize(
    "path", ["rules/a.yaml", "support/rules/oncall/noc.yml", "rules/oncall/voip.ics", "templates/x.j2"]
)
def test_whatever_is_checked_starts_the_check(path: str) -> None:
    """A calendar of the on-call files decides who is called as the files do."""
    (hook,) = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    assert re.search(hook["files"], path)
    assert not re.search(hook["files"], "notes.ics")


@pytest.mark.system
def test_a_good_template_passes(repository: Path) -> None:
    """Templates are checked together with the rules."""
    with (repository / "templates" / "ack" / "default.j2").open("a", encoding="utf-8") as template:
        template.write("\nThank you.\n")
    _git(repository, "add", "templates")
    passed = _pre_commit(repository, "run", "--color=never")
    assert passed.returncode == 0, passed.stdout
    assert "Passed" in passed.stdout
