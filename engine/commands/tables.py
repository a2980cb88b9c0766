"""Tables for a terminal: what the daemon answers, for the eyes of an operator."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.core.quotes import plain

_STATES = {"sent": "green", "open": "yellow", "queued": "yellow", "dead": "red", "held": "red"}


def show_delivery(console: Console, answer: Mapping[str, Any]) -> None:
    """One delivery with its text, the network's words and its history."""
    deliveries_table(console, [answer])
    if answer["ahead"]:
        console.print(f"\nIt waits for {answer['ahead']} before it in the same conversation.")
    if answer["doubtful"]:
        console.print("\nNobody knows whether the network took it; that is looked up before it is sent again.")
    console.print()
    texts = Table.grid(padding=(0, 2))
    for name, value in (answer["body"] or {"text": "(erased)"}).items():
        texts.add_row(name, escape(plain(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    console.print(texts)
    if answer["receipts"]:
        console.print()
        receipts = [(receipt["at"], receipt["status"], receipt["code"] or "") for receipt in answer["receipts"]]
        table(console, ("at", "the network said", "code"), receipts, "")
    console.print()
    audit_table(console, answer["audit"])


def deliveries_table(console: Console, deliveries: Sequence[Mapping[str, Any]]) -> None:
    """Deliveries without their texts."""
    rows = [
        (
            delivery["id"],
            delivery["ticketId"] or "",
            delivery["kind"],
            delivery["destination"],
            delivery["state"],
            str(delivery["attempts"]),
            delivery["sentAt"] or delivery["dueAt"] or "",
            delivery["error"] or "",
        )
        for delivery in deliveries
    ]
    columns = ("delivery", "ticket", "kind", "to", "state", "attempts", "sent or due", "last error")
    table(console, columns, rows, "no deliveries")


def table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    """Rows under their columns, states in their colours; `nothing` where there are no rows."""
    if not rows:
        console.print(nothing)
        return
    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, no_wrap=column in {"ticket", "delivery"}, overflow="fold")
    for row in rows:
        grid.add_row(*(f"[{_STATES[cell]}]{cell}[/]" if cell in _STATES else escape(cell) for cell in row))
    console.print(grid)


def escape(value: object) -> str:
    """Rich reads square brackets as markup; a client's text must not."""
    return str(value if value is not None else "").replace("[", r"\[")


def oncall_rows(told: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Who is on call, by schedule, and whom a post calls first, by priority. None: the daemon does not tell."""
    if told is None:
        return
    yield "on call", f"every post calls {told['mention']}" + ("" if told["schedules"] else ", at any hour")
    for found in told["schedules"]:
        until = f" until {found['until']}" if found["until"] else ""
        source = f", by {found['source']}" if found["source"] else ""
        note = f" ({found['note']})" if found["note"] else ""
        yield "", f"{found['schedule']}: {', '.join(found['people']) or 'nobody'}{until}{source}{note}"
    alike: dict[str, list[str]] = {}
    for priority, called in told["first"].items():
        if called is not None:
            alike.setdefault(", ".join(called) or "nobody", []).append(priority)
    for number, (called, priorities) in enumerate(alike.items()):
        yield "" if number else "called first", f"{', '.join(priorities)}: {called}"


def audit_table(console: Console, audit: Sequence[Mapping[str, Any]]) -> None:
    """Rows of the audit in the order given."""
    rows = [(row["at"], row["kind"], ", ".join(f"{k}={v}" for k, v in row["details"].items())) for row in audit]
    table(console, ("at", "audit", "details"), rows, "no audit rows")
