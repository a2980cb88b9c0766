"""`engine demo` as a person would see it."""

import io

import pytest

from engine.cli import main

ACKNOWLEDGEMENT = (
    "Hello Jackson, I am sorry for what you are facing at the moment. Please note that we have received your request, "
    "and one of our engineers will get back to you shortly."
)


def test_the_samples_show_the_main_job(capsys: pytest.CaptureFixture[str]) -> None:
    """Ticket, rule, priority, both texts exactly, and what to try next."""
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert "OC-20" in shown
    assert "3CX outbound calls failing" in shown
    assert ACKNOWLEDGEMENT in shown
    assert "Habari Wanjiru, pole kwa changamoto unayopitia kwa sasa. Tumepokea ombi lako" in shown
    for line in (
        "New WhatsApp Client Request",
        "Client: Jackson (+254700000101)",
        "Issue Summary: 3CX outbound calls failing",
        'Original Message: "I have issues with my 3CX, I can\'t make outbound calls"',
        "Action: @oncall please check WhatsApp and respond to the client now.",
    ):
        assert line in shown
    assert "it was accepted before, and nothing is said twice" in shown
    assert "engine init support" in shown


def test_what_is_typed_is_routed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, until an empty one; markup in a message is only text."""
    monkeypatch.setattr("sys.stdin", io.StringIO("my 3cx is down [bold]now\nasante sana\n\n"))
    assert main(["demo", "--interactive"]) == 0
    shown = capsys.readouterr().out
    assert "[bold]now" in shown
    assert "in the thread of OC-" in shown


def test_a_message_that_calls_for_nothing_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence would look like a fault."""
    monkeypatch.setattr("sys.stdin", io.StringIO("asante sana\n"))
    assert main(["demo", "--interactive"]) == 0
    assert "nothing is sent: the rules neither acknowledge nor escalate it" in capsys.readouterr().out


def test_broken_rules_end_the_demo_with_their_findings(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever tries their own rules sees what is wrong with them."""
    assert main(["demo", "--rules", f"{tmp_path}/rules"]) == 78
    assert "cannot be used" in capsys.readouterr().err
