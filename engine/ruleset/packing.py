"""The files of a set of rules as one text, and such a text as a snapshot again: so rules travel to other nodes.

Called by `loader` and by whoever publishes. Each file is one line of JSON in ASCII, its name and its text, so that no
other thread ever waits for more than one of them. What comes back is not trusted: a name must be one that a snapshot of
two folders can have, since a set that works is written to the disk.
"""

import json
import os
import re
from collections.abc import Mapping

from engine.ruleset.snapshots import Snapshot
from engine.ruleset.syntax import Fault, Place

# Of all files together: ten thousand rules take about half of it.
LIMIT_BYTES = 16 * 1024 * 1024
_PIECE = r"[^./\0][^/\0]*"
_NAME = re.compile(rf"rules/{_PIECE}\.yaml|rules/oncall/{_PIECE}\.(?:yaml|ics)|templates/(?:{_PIECE}/)*{_PIECE}\.j2")
# What findings call it.
_WHOLE = Place("the published set", 0, 0)


def pack(files: Mapping[str, bytes]) -> str:
    """The files of a snapshot without faults, which are all in UTF-8."""
    return "\n".join(json.dumps([name, raw.decode()]) for name, raw in files.items())


def oversize(files: Mapping[str, bytes]) -> str:
    """What is wrong with the size of a set, in a lead's words; empty when it can be published."""
    size = sum(map(len, files.values()))
    if size <= LIMIT_BYTES:
        return ""
    return f"the rules and templates have {size:,} bytes; at most {LIMIT_BYTES:,} can be published"


def unpack(packed: str | bytes) -> Snapshot:
    """The files of a text that `pack` wrote. Anything else is a snapshot without files and with a fault."""
    lines = packed.split("\n") if isinstance(packed, str) else packed.split(b"\n")
    try:
        written = {name: text.encode() for name, text in map(json.loads, lines)}
        known = all(_NAME.fullmatch(name) and os.fsencode(name) for name in written)
    except (ValueError, TypeError, AttributeError, RecursionError):
        known, written = False, {}
    if not known:
        hint = "publish a folder with `engine rules publish` of the same version"
        return Snapshot({}, (Fault(_WHOLE, "E211", "this is no set of rules files", hint),))
    files = dict(sorted(written.items()))
    if problem := oversize(files):
        hint = "leave out what no rule needs any more"
        return Snapshot({}, (Fault(_WHOLE, "E102", problem, hint),))
    return Snapshot(files)
