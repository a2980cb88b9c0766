"""Incidents, priorities and errors: the small values."""

from dataclasses import replace

import pytest
from standins.conversations import OPEN

from engine.core.decisions import Priority
from engine.core.errors import (
    ConfigurationError,
    DaemonUnreachable,
    EngineError,
    InvalidEvent,
    JournalUnavailable,
    NotFound,
    Overloaded,
    PermissionRefused,
    Superseded,
    UsageError,
)


@pytest.mark.parametrize(
    ("name", "phone", "shown"),
    [("Jackson", "+254", "Jackson"), (None, "+254", "+254"), ("", "+254", "+254"), (None, None, "Client")],
    ids=["name", "phone", "empty name", "hidden"],
)
def test_an_incident_always_has_a_name_to_show(name: str | None, phone: str | None, shown: str) -> None:
    """The name falls back to the phone number, and to "Client" when that is hidden."""
    assert replace(OPEN, client_name=name, client_phone=phone).display_name == shown


def test_priorities_are_ordered_words() -> None:
    """low < normal < high < urgent, written as rules write them."""
    assert [priority.word for priority in sorted(Priority)] == ["low", "normal", "high", "urgent"]


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (EngineError("x"), 70),
        (UsageError("x"), 2),
        (ConfigurationError("x"), 78),
        (PermissionRefused("x"), 77),
        (DaemonUnreachable("x"), 1),
        (NotFound("x"), 1),
        (InvalidEvent("", "x"), 70),
        (JournalUnavailable("x"), 70),
        (Overloaded("x"), 70),
        (Superseded("x"), 70),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_ends_a_command_with_its_own_code(error: EngineError, exit_code: int) -> None:
    """What systemd and scripts go by; all of them belong to one tree, and the message is the sentence alone."""
    assert error.exit_code == exit_code
    assert str(error) == "x"


def test_an_invalid_event_names_its_field() -> None:
    """The sender learns where to look; a fault of the whole body has no field."""
    error = InvalidEvent("client.phone", "must be text")
    assert (str(error), error.field, error.problem) == ("client.phone: must be text", "client.phone", "must be text")
    assert str(InvalidEvent("", "the body is not JSON")) == "the body is not JSON"


def test_an_unavailable_journal_says_when_to_come_back() -> None:
    """Networks are answered with Retry-After, five seconds unless told otherwise."""
    assert JournalUnavailable("disk full").retry_after.total_seconds() == 5
    assert issubclass(Overloaded, JournalUnavailable)
