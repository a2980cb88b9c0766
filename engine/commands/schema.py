"""`engine schema`: the rule language for editors, as JSON Schema; `rules/schema.json` is a copy of it."""

import argparse
import sys

from engine.ruleset import editor_schema


def run(options: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes the options
    """Print the schema."""
    sys.stdout.write(editor_schema.show())
    return 0
