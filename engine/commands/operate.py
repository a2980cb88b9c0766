"""The commands that ask the running daemon: status, pause, resume, reload, incidents, deliveries."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.control import ControlClient
from engine.core.masking import mask_name, mask_phone
from engine.settings import control_socket, state_directory

_PIPE_WIDTH = 240
_SHA_SHOWN = 12
_STATES = {"sent": "green", "open": "yellow", "queued": "yellow", "dead": "red", "held": "red"}


def run(options: argparse.Namespace) -> int:
    """Ask, print, and say by the exit code whether the answer was good."""
    # A pipe has no width, and a script must get whole words.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    command = f"{options.command} {getattr(options, 'action', '')}".strip()
    client = ControlClient(control_socket(state_directory(options.config)))
    return _COMMANDS[command](options, client, console)


def _print_json(answer: object) -> None:
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def _status(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.status()
    if options.format == "json":
        _print_json(answer)
        return 0
    paused = "[red]paused: clients are not acknowledged[/]" if answer["paused"] else "[green]on[/]"
    table = Table.grid(padding=(0, 2))
    table.add_row("version", str(answer["version"]))
    table.add_row("node", f"{answer['node']}, journal on {answer['journal']}")
    table.add_row("running since", str(answer["startedAt"]))
    table.add_row(
        "rules",
        f"{answer['rules']} rules, {answer['rulesetSha']}, {_source(answer.get('published'), answer['rulesetSha'])}",
    )
    if answer["rulesProblem"]:
        table.add_row("", f"[red]{answer['rulesProblem']}[/]")
    table.add_row("acknowledge", paused)
    table.add_row("undecided messages", str(answer["unrouted"]))
    for name, connector in answer["connectors"].items():
        health = "[green]ready[/]" if connector["ready"] else f"[red]{connector['problem']}[/]"
        counts = ", ".join(f"{count} {state}" for state, count in answer["deliveries"].get(name, {}).items())
        table.add_row(name, f"{health}  {counts}")
    for failing in answer["failing"]:
        table.add_row("[red]failing[/]", failing)
    console.print(table)
    if answer["journal"] != "sqlite":
        console.print()
        rows = [(one["node"], *_runs(one)) for one in answer.get("nodes", ())]
        _table(console, ("node", "runs", "since", "last seen", ""), rows, "")
    return 0


def _source(published: Mapping[str, Any] | None, in_force: str) -> str:
    """Where the rules in force come from."""
    if not published:
        return "from files"
    others = "" if published["sha"] == in_force else "not those "
    return f"{others}published at {published['at']} by node {published['node']}"


def _runs(node: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What a node runs, and what is wrong with that."""
    wrong = node["problem"] or ("other rules" if node["differs"] else "")
    return node["rulesetSha"][:_SHA_SHOWN], node["since"], node["seenAt"], wrong


def _pause(_options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    client.pause()
    console.print("Paused. Clients are not acknowledged; every post says: acknowledgement is paused: answer by hand.")
    console.print("`engine resume` turns acknowledgements on again.")
    return 0


def _resume(_options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    client.resume()
    console.print("Resumed. Clients are acknowledged again.")
    return 0


def _reload(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.reload(wait=options.wait)
    if not options.wait:
        console.print("The daemon reloads the rules. `engine status` tells what became of it.")
        return 0
    if answer["findings"]:
        sys.stderr.write(f"{answer['findings']}\n")
    if not answer["ok"]:
        sys.stderr.write(f"engine: the rules are broken; the last good set {answer['sha']} stays in force\n")
        return 1
    console.print(f"Reloaded: {answer['sha']} is in force.")
    if answer.get("published"):
        console.print(
            f"It was {_source(answer['published'], answer['sha'])}; the files of this node do not count until "
            "`engine rules publish` publishes them or `engine rules publish --withdraw` returns to them."
        )
    return 0


def _list_incidents(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.incidents(options.status, options.limit)
    if options.format == "json":
        _print_json(answer)
        return 0
    rows = [
        (
            incident["ticketId"],
            incident["status"],
            incident["priority"],
            _who(incident),
            incident["issueSummary"],
            incident["mattermostChannel"],
            incident["createdAt"],
        )
        for incident in answer
    ]
    _table(console, ("ticket", "status", "priority", "client", "summary", "channel", "since"), rows, "no incidents")
    return 0


def _who(incident: Mapping[str, Any]) -> str:
    """Masked: lists end up in tickets and screenshots."""
    if incident["clientPhone"] == incident["clientName"]:
        return mask_phone(str(incident["clientPhone"] or ""))
    phone = f" ({mask_phone(incident['clientPhone'])})" if incident["clientPhone"] else ""
    return f"{mask_name(incident['clientName'])}{phone}"


def _show_incident(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.incident(options.ticket)
    if options.format == "json":
        _print_json(answer)
        return 0
    table = Table.grid(padding=(0, 2))
    for key in ("ticketId", "status", "priority", "clientName", "clientPhone", "issueSummary", "rawText"):
        table.add_row(key, _escape(answer[key]))
    table.add_row("tags", ", ".join(answer["tags"]))
    table.add_row("mattermostChannel", str(answer["mattermostChannel"]))
    console.print(table)
    for decision in answer["decisions"]:
        found = ", ".join(f"{why['text'] or why['atom']!r}" for why in decision["because"]) or "nothing in particular"
        console.print(f"\ndecided by [bold]{decision['rule']}[/] ({decision['location']}) because of {_escape(found)}")
    console.print()
    _deliveries_table(console, answer["deliveries"])
    console.print()
    rows = [
        (row["at"], row["kind"], ", ".join(f"{k}={v}" for k, v in row["details"].items())) for row in answer["audit"]
    ]
    _table(console, ("at", "audit", "details"), rows, "no audit rows")
    return 0


def _list_deliveries(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.deliveries(options.state, options.limit)
    if options.format == "json":
        _print_json(answer)
        return 0
    _deliveries_table(console, answer)
    return 0


def _drop(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.drop(options.id, options.reason)
    console.print(f"{answer['id']} was {answer['was']} and is dropped; what waited behind it goes on.")
    return 0


def _redrive(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.redrive(options.id)
    console.print(f"{answer['id']} was {answer['was']} and is queued again.")
    return 0


def _deliveries_table(console: Console, deliveries: Sequence[Mapping[str, Any]]) -> None:
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
    _table(console, columns, rows, "no deliveries")


def _table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    if not rows:
        console.print(nothing)
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column in {"ticket", "delivery"}, overflow="fold")
    for row in rows:
        table.add_row(*(f"[{_STATES[cell]}]{cell}[/]" if cell in _STATES else _escape(cell) for cell in row))
    console.print(table)


def _escape(value: object) -> str:
    """Rich reads square brackets as markup; a client's text must not."""
    return str(value if value is not None else "").replace("[", r"\[")


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, ControlClient, Console], int]] = {
    "status": _status,
    "pause": _pause,
    "resume": _resume,
    "reload": _reload,
    "incidents list": _list_incidents,
    "incidents show": _show_incident,
    "deliveries list": _list_deliveries,
    "deliveries drop": _drop,
    "deliveries redrive": _redrive,
}
