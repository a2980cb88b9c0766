"""`engine rules publish`: a rules folder to all nodes of a journal, or with `--withdraw` every node back to its files.

The folder is checked here first, then by the daemon of this machine, which publishes it; the others follow by
themselves. The command waits until all nodes that are running say that they do what was asked.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from engine.commands import folders
from engine.control.client import ControlClient
from engine.core.diagnostics import render
from engine.core.errors import EngineError, UsageError
from engine.core.oncall import handover_lines
from engine.ruleset import packing
from engine.ruleset.loader import Loaded
from engine.settings import control_socket, rules_folders, state_directory

# How long the nodes have, and how often they are asked.
_PATIENCE_S = 30.0
_LOOK_S = 0.3
_SHA_SHOWN = 12


class NotPublished(EngineError):
    """The rules cannot be published, or not every node runs them."""

    exit_code = 1


def run(options: argparse.Namespace) -> int:
    """Publish or withdraw, and say of each node what it runs: 0 when all do what was asked."""
    client = ControlClient(control_socket(state_directory(options.config)))
    if options.withdraw:
        if options.rules or options.templates:
            raise UsageError("--withdraw returns to the nodes' own files: leave out the folder")
        answer = client.withdraw()
        _say("Withdrawn: every node returns to its own files.", *handover_lines(answer))
        return _await_nodes(client, 0)
    packed = packing.pack(_checked(options).files)
    answer = client.publish(packed)
    if not answer["ok"]:
        sys.stderr.write(f"{answer['findings']}\n")
        raise NotPublished(f"the daemon refuses these rules and nothing is published; {answer['sha']} stays in force")
    _say(f"Published: {answer['sha']}.", *handover_lines(answer))
    return _await_nodes(client, answer["number"])


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _checked(options: argparse.Namespace) -> Loaded:
    """The rules of the folder, with its warnings shown. BrokenRules when they have errors."""
    if options.rules:
        side = folders.load(options.rules, options.templates)
    else:
        rules, templates = map(str, rules_folders(options.config))
        side = folders.load(rules, options.templates or templates)
    folders.ruleset(side)
    for found in side.loaded.diagnostics:
        sys.stderr.write(f"{render(found)}\n")
    if problem := packing.oversize(side.loaded.files):
        raise NotPublished(f"{problem}: leave out what no rule needs any more")
    return side.loaded


def _await_nodes(client: ControlClient, number: int) -> int:
    """Wait for the nodes to run a publication, or for 0 their own files; one line for each."""
    until = time.monotonic() + _PATIENCE_S
    nodes = client.status()["nodes"]
    while any(_waiting(node, number) for node in nodes) and time.monotonic() < until:
        time.sleep(_LOOK_S)
        nodes = client.status()["nodes"]
    _say(*(f"  {line}" for line in _lines(nodes, number)))
    behind = [str(node["node"]) for node in nodes if not _done(node, number)]
    if behind:
        raise NotPublished(f"not every node does what was asked: {', '.join(behind)}; `engine status` tells more")
    return 0


def _waiting(node: Mapping[str, Any], number: int) -> bool:
    told = node["publication"] or 0
    return told < number if number else told > 0


def _done(node: Mapping[str, Any], number: int) -> bool:
    return (node["publication"] or 0) == number and not node["problem"]


def _lines(nodes: Sequence[Mapping[str, Any]], number: int) -> list[str]:
    width = max(len(str(node["node"])) for node in nodes)
    return [f"{node['node']:<{width}}  {_said(node, number)}" for node in nodes]


def _said(node: Mapping[str, Any], number: int) -> str:
    runs = f"runs {node['rulesetSha'][:_SHA_SHOWN]}"
    if _done(node, number):
        return runs if number else f"{runs} from its files"
    if _waiting(node, number):
        return f"still {runs}; last seen at {node['seenAt']}"
    return f"{runs}: {node['problem'] or 'other rules were published meanwhile'}"
