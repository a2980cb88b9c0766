"""What an operator sees of one delivery."""

import io
from typing import Any

import pytest
from rich.console import Console

from engine.commands.tables import show_delivery

DELIVERY: dict[str, Any] = {
    "id": "d1",
    "kind": "acknowledgement",
    "state": "queued",
    "destination": "cloud",
    "ticketId": "OC-2026-0001",
    "attempts": 2,
    "createdAt": "2026-02-12T10:15:30Z",
    "dueAt": "2026-02-12T10:16:30Z",
    "sentAt": None,
    "error": None,
    "doubtful": False,
    "ahead": 0,
    "body": {"peer": "254700000001", "text": "Hello [b]"},
    "receipts": [],
    "audit": [],
}


def shown(**changes: Any) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    show_delivery(console, {**DELIVERY, **changes})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({}, "text  Hello [b]", id="its text, brackets included"),
        pytest.param({"ahead": 3}, "It waits for 3 before it in the same conversation.", id="what goes first"),
        pytest.param({"doubtful": True}, "that is looked up before it is sent again", id="in doubt"),
        pytest.param({"body": None}, "(erased)", id="erased"),
        pytest.param({"body": {"tags": ["a", "b"]}}, 'tags  ["a", "b"]', id="what is no text"),
        pytest.param(
            {"receipts": [{"at": "2026-02-12T10:16:31Z", "status": "failed", "code": "131026"}]},
            "2026-02-12T10:16:31Z  failed            131026",
            id="the network",
        ),
        pytest.param(
            {"audit": [{"at": "2026-02-12T10:16:31Z", "kind": "redriven", "details": {"reason": "again"}}]},
            "2026-02-12T10:16:31Z  redriven  reason=again",
            id="its history",
        ),
    ],
)
def test_everything_that_matters_is_shown(changes: dict[str, Any], told: str) -> None:
    """Each in words that say what it means."""
    assert told in shown(**changes)
