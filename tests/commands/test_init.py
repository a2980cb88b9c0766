"""`engine init`: a folder to work in, written once."""

from pathlib import Path

import pytest

from engine.cli import main
from engine.ruleset import editor_schema
from engine.settings import load


def test_the_folder_works_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The written configuration loads and the written rules have no findings."""
    folder = tmp_path / "support"
    assert main(["init", str(folder)]) == 0
    assert "engine validate rules/" in capsys.readouterr().out
    settings = load(folder / "engine.yaml", {"ENGINE_DESK_TOKEN": "secret"})
    assert settings.rules == folder / "rules"
    assert main(["validate", str(folder / "rules"), "--strict"]) == 0
    # What the first line of each file names for editors.
    assert (folder / "rules" / "schema.json").read_text(encoding="utf-8") == editor_schema.show()


def test_no_file_is_ever_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run only brings back what is missing."""
    main(["init", str(tmp_path)])
    mine = tmp_path / "rules" / "10-telephony.yaml"
    mine.write_text("schema: 1\n")
    (tmp_path / "engine.yaml").unlink()
    capsys.readouterr()
    assert main(["init", str(tmp_path)]) == 0
    assert mine.read_text() == "schema: 1\n"
    assert (tmp_path / "engine.yaml").exists()
    assert capsys.readouterr().out.startswith(f"1 files written to {tmp_path}\n")


def test_a_file_in_the_way_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of a file is not the name of a folder."""
    target = tmp_path / "note.txt"
    target.write_text("hello")
    assert main(["init", str(target)]) == 2
    assert capsys.readouterr().err == f"engine: {target} is a file; name a folder to write into\n"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where a folder must be is reported with its path."""
    (tmp_path / "rules").write_text("in the way")
    assert main(["init", str(tmp_path)]) == 77
    assert "cannot write" in capsys.readouterr().err
