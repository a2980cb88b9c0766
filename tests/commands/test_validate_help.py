"""`engine help CODE`: the page of a finding."""

import argparse
import re
from pathlib import Path

import pytest

from engine.commands import help_code
from engine.core.diagnostics import Severity
from engine.core.errors import UsageError
from engine.ruleset import codes


@pytest.mark.parametrize("code", ["E112", "e112", " E112 "])
def test_a_page_is_printed_whole(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Title, explanation, wrong and right; the case of the letter does not matter."""
    assert help_code.run(argparse.Namespace(codes=[code])) == 0
    assert capsys.readouterr().out == (
        "E112  No channel has this name\n"
        "\n"
        'A rule may only post to the channels that are listed under "channels:", so that a typing error cannot send a '
        "request\n"
        "to nobody. Either the name is misspelled, or the channel still has to be added to the list.\n"
        "\n"
        "Wrong:\n"
        "\n"
        "    channel: suport-voip\n"
        "\n"
        "Right:\n"
        "\n"
        "    channel: support-voip\n"
    )


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("E999", ""),
        ("", ""),
        ("112", '; did you mean "E112" (No channel has this name)?'),
        ("W112", '; did you mean "E112" (No channel has this name)?'),
        ("e1112", '; did you mean "E112" (No channel has this name)?'),
    ],
)
def test_an_unknown_code_is_a_question_of_usage(code: str, meant: str) -> None:
    """The answer says which code was probably meant, and how to find one."""
    with pytest.raises(UsageError) as caught:
        help_code.run(argparse.Namespace(codes=[code]))
    assert str(caught.value) == f'there is no code "{code}"{meant}\n  `engine help` lists them all'


def test_several_pages_come_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    """As the last line of `engine validate` asks for them."""
    help_code.run(argparse.Namespace(codes=["E112", "w504"]))
    shown = capsys.readouterr().out
    assert re.findall(r"^[EW]\d{3}  .+$", shown, re.MULTILINE) == [
        "E112  No channel has this name",
        "W504  A very short word",
    ]


def test_without_a_code_all_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once with its title, below what it is about; coloured where that is wanted."""
    help_code.run(argparse.Namespace(codes=[]))
    shown = capsys.readouterr().out
    assert re.findall(r"^  ([EW]\d{3})  (.+)$", shown, re.MULTILINE) == [
        (page.code, page.title) for page in codes.pages().values()
    ]
    assert shown.startswith("Reading a file\n  E101  The file is not in UTF-8\n")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    help_code.run(argparse.Namespace(codes=[]))
    coloured = capsys.readouterr().out
    assert "\x1b[1mReading a file\x1b[0m\n  \x1b[31mE101\x1b[0m  " in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == shown


def test_a_page_is_coloured_where_that_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong in red, what is right in green; nothing else changes."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    help_code.run(argparse.Namespace(codes=["W504"]))
    shown = capsys.readouterr().out
    assert shown.endswith(
        "\x1b[1mWrong:\x1b[0m\n\n\x1b[31m    words: [ip]\x1b[0m\n\n"
        '\x1b[1mRight:\x1b[0m\n\n\x1b[32m    words: ["ip phone"]\x1b[0m\n'
    )
    assert re.sub(r"\x1b\[\d+m", "", shown) == codes.render(codes.pages()["W504"])


def test_every_page_can_be_read() -> None:
    """No page lacks a part, has lines too wide for a terminal or a title that ends like a sentence."""
    for code, page in codes.pages().items():
        assert page.code == code
        assert not page.title.endswith(".")
        assert len(page.text) > 40
        for line in codes.render(page).splitlines():
            assert len(line) <= 120
        for example in (page.wrong, page.right):
            assert all(not line or line.startswith("    ") for line in example.splitlines())
        assert page.wrong != page.right


def test_the_first_letter_says_how_grave_a_finding_is() -> None:
    """E is an error, W a warning."""
    assert codes.severity("E112") is Severity.ERROR
    assert codes.severity("W501") is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("## E101 Title\n\nText without examples.\n", id="no-examples"),
        pytest.param("## E101 A\n\nT\n\nWrong:\n\n    a\n\nRight:\n\n    b\n\n" * 2, id="twice"),
    ],
)
def test_a_page_that_lacks_a_part_is_found_when_the_pages_are_read(text: str) -> None:
    """So that a mistake in codes.md fails the tests and not a lead's `engine help`."""
    with pytest.raises(ValueError, match="E101"):
        codes.parse(text)


def test_the_pages_travel_with_the_package() -> None:
    """The file stands beside its module, which is all of the package that is installed."""
    assert (Path(codes.__file__).with_name("codes.md")).is_file()
