"""The commands that ask the running daemon: status, pause, resume, reload, incidents, deliveries."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.commands.tables import audit_table, deliveries_table, escape, oncall_rows, show_delivery, table
from engine.control.client import ControlClient
from engine.core.masking import mask_name, mask_phone
from engine.core.oncall import handover_lines
from engine.settings import control_socket, state_directory

_PIPE_WIDTH = 240
_SHA_SHOWN = 12


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
    grid = Table.grid(padding=(0, 2))
    grid.add_row("version", str(answer["version"]))
    grid.add_row("node", f"{answer['node']}, journal on {answer['journal']}")
    grid.add_row("running since", str(answer["startedAt"]))
    grid.add_row(
        "rules",
        f"{answer['rules']} rules, {answer['rulesetSha']}, {_source(answer.get('published'), answer['rulesetSha'])}",
    )
    if answer["rulesProblem"]:
        grid.add_row("", f"[red]{answer['rulesProblem']}[/]")
    grid.add_row("acknowledge", paused)
    grid.add_row("undecided messages", str(answer["unrouted"]))
    for label, line in oncall_rows(answer.get("onCall")):
        grid.add_row(label, escape(line))
    for name, connector in answer["connectors"].items():
        health = "[green]ready[/]" if connector["ready"] else f"[red]{connector['problem']}[/]"
        if state := connector.get("state"):
            health = f"{health} ({state.replace('_', ' ')})"
        counts = ", ".join(f"{count} {state}" for state, count in answer["deliveries"].get(name, {}).items())
        grid.add_row(name, f"{health}  {counts}")
    for failing in answer["failing"]:
        grid.add_row("[red]failing[/]", failing)
    console.print(grid)
    if answer["journal"] != "sqlite":
        console.print()
        rows = [(one["node"], *_runs(one)) for one in answer.get("nodes", ())]
        table(console, ("node", "runs", "since", "last seen", ""), rows, "")
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
    for line in handover_lines(answer):
        console.print(escape(line))
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
            incident.get("resolvedBy") or incident.get("claimedBy") or "",
            incident["issueSummary"],
            incident["mattermostChannel"],
            incident["createdAt"],
        )
        for incident in answer
    ]
    table(
        console, ("ticket", "status", "priority", "client", "by", "summary", "channel", "since"), rows, "no incidents"
    )
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
    grid = Table.grid(padding=(0, 2))
    for key in ("ticketId", "status", "priority", "clientName", "clientPhone", "issueSummary", "rawText"):
        grid.add_row(key, escape(answer[key]))
    grid.add_row("tags", ", ".join(answer["tags"]))
    grid.add_row("mattermostChannel", str(answer["mattermostChannel"]))
    for key in ("outage", "claimedBy", "claimedAt", "answeredAt", "resolvedBy", "resolvedAt", "snoozedUntil"):
        if key in answer:
            grid.add_row(key, escape(answer[key]))
    console.print(grid)
    for decision in answer["decisions"]:
        found = ", ".join(f"{why['text'] or why['atom']!r}" for why in decision["because"]) or "nothing in particular"
        console.print(f"\ndecided by [bold]{decision['rule']}[/] ({decision['location']}) because of {escape(found)}")
    console.print()
    deliveries_table(console, answer["deliveries"])
    console.print()
    audit_table(console, answer["audit"])
    return 0


def _list_deliveries(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.deliveries(options.state, options.limit)
    if options.format == "json":
        _print_json(answer)
        return 0
    deliveries_table(console, answer)
    return 0


def _show_delivery(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.delivery(options.id)
    if options.format == "json":
        _print_json(answer)
        return 0
    show_delivery(console, answer)
    return 0


def _drop(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.drop(options.id, options.reason)
    console.print(f"{answer['id']} was {answer['was']} and is dropped; what waited behind it goes on.")
    return 0


def _redrive(options: argparse.Namespace, client: ControlClient, console: Console) -> int:
    answer = client.redrive(options.id, options.reason or "")
    console.print(f"{answer['id']} was {answer['was']} and is queued again.")
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, ControlClient, Console], int]] = {
    "status": _status,
    "pause": _pause,
    "resume": _resume,
    "reload": _reload,
    "incidents list": _list_incidents,
    "incidents show": _show_incident,
    "deliveries list": _list_deliveries,
    "deliveries show": _show_delivery,
    "deliveries drop": _drop,
    "deliveries redrive": _redrive,
}
