"""`engine schema`: the rule language for editors, as JSON Schema; `rules/schema.json` is a copy of it.

With `--oncall` that of the files about on-call, of which `rules/schema-oncall.json` is a copy.
"""

import argparse
import sys

from engine.ruleset import editor_schema
from engine.ruleset.oncall import editor_schema as oncall_schema


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(oncall_schema.show() if options.oncall else editor_schema.show())
    return 0
