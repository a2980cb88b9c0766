"""The command line: what a person who mistypes sees, and which exit code a script gets."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine import __version__
from engine.cli import main


def test_help_names_every_command_and_the_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """`engine --help` is where a newcomer begins."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "engine demo" in shown
    assert all(
        word in shown for word in ("validate", "explain", "incidents", "deliveries", "pause", "resume", "reload")
    )


def test_help_imports_nothing_heavy() -> None:
    """The help must not pay for spaCy, pydantic or the web server."""
    heavy = ("spacy", "pydantic", "httpx", "uvicorn", "jinja2", "yaml", "rich")
    code = f"import sys, engine.cli; engine.arguments.parser(); print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_question_to_the_daemon_imports_nothing_heavy() -> None:
    """Operators' commands are asked for in loops and probes."""
    heavy = ("spacy", "pydantic", "httpx", "uvicorn", "starlette", "jinja2")
    code = f"import sys, engine.commands.operate; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """One place holds the version."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"engine {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["valdate"], ["validate"], ["incidents"], ["run", "--log-level", "LOUD"]],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a hint on stderr."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: engine" in capsys.readouterr().err


def test_an_expected_error_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback: what is wrong, and what to do."""
    missing = tmp_path / "engine.yaml"
    assert main(["status", "--config", str(missing)]) == 78
    assert capsys.readouterr().err == f"engine: {missing} does not exist: `engine init` writes one to start from\n"


def test_a_fault_of_ours_ends_with_70_and_quotes_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An internal error names its kind and place, never its words, which may be a client's."""

    def fail(_options: object) -> int:
        raise KeyError("+254700000001")

    monkeypatch.setattr("engine.commands.help_code.run", fail)
    assert main(["help", "E112"]) == 70
    shown = capsys.readouterr().err
    assert shown.startswith("engine: internal error: KeyError at test_cli.py:")
    assert "254700000001" not in shown


def test_an_interrupted_command_ends_as_the_shell_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no error."""

    def interrupt(_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.commands.help_code.run", interrupt)
    assert main(["help", "E112"]) == 130
