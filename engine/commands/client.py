"""`engine client`: what is kept of one client, exported or erased through the running daemon."""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from engine.commands import private_files
from engine.control.client import ControlClient
from engine.core.errors import UsageError
from engine.settings import control_socket, state_directory


def run(options: argparse.Namespace) -> int:
    """Ask the daemon and print its answer."""
    digits = sum(char.isdigit() for char in options.phone or "")
    if bool(options.phone) == bool(options.conversation) or (options.phone and not digits):
        raise UsageError("name one client: a phone number like +254712345678, or --conversation CONNECTOR:ID")
    client = ControlClient(control_socket(state_directory(options.config)))
    return _export(options, client) if options.action == "export" else _erase(options, client)


def _export(options: argparse.Namespace, client: ControlClient) -> int:
    answer = client.client("export", options.phone, options.conversation)
    text = json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        sys.stdout.write(text)
        return 0
    with private_files.create(options.output) as file:
        file.write(text)
    return 0


def _erase(options: argparse.Namespace, client: ControlClient) -> int:
    if not options.yes:
        answer = client.client("preview", options.phone, options.conversation)
        sys.stdout.write(f"Would be erased: {_numbers(answer)}\n")
        raise UsageError("nothing was erased; add --yes to erase this for good")
    answer = client.client("erase", options.phone, options.conversation)
    sys.stdout.write(f"Erased: {_numbers(answer)}\n")
    if not answer["gone"]:
        sys.stdout.write("The database's own files may hold remains until its next cleaning or the next restart.\n")
    sys.stdout.write("Not erased: backups made before, and the posts in Mattermost. Look there for:\n")
    for ticket in answer["tickets"]:
        sys.stdout.write(f"  {ticket['ticketId']} in ~{ticket['channel']}\n")
    return 0


def _numbers(answer: Mapping[str, Any]) -> str:
    return (
        f"{answer['conversations']} conversations, {answer['messages']} messages, {answer['incidents']} incidents, "
        f"{answer['deliveries']} deliveries."
    )
