"""The advice of a finding into the very characters to put in the place of the marked ones, where it says exactly that.

Called by `sarif`, for editors and review tools that offer to do it. Advice that needs thought ("write one, or delete
the line") has none, and neither has advice about another part of the line than the marked one.
"""

import re

from engine.core.diagnostics import Diagnostic
from engine.ruleset.traps import quoted

_MEANT = re.compile(r'did you mean "(?P<name>[^"\n]+)"\?')
_WRITE = re.compile(r"write (?P<text>\S.*)", re.DOTALL)
# The advice "write …" of these codes is the marked text as it should stand in the file, when it has this form.
_LITERAL = {
    **dict.fromkeys(
        ("E109", "E110", "E117", "E119", "E170", "E171", "E172", "E173", "E174", "E175", "E176"),
        re.compile(r"(?P<quote>['\"]).*(?P=quote)", re.DOTALL),
    ),
    "E132": re.compile(r"\[.*\]"),
    "E137": re.compile(r"true|false"),
    "E144": re.compile(r'"\+\d+"'),
    "E180": re.compile(r"none|live|default"),
    "E182": re.compile(r'"\+\d+"'),
}
# What needs no quotes wherever it stands.
_BARE = re.compile(r"[^\W_][\w./+-]*(?: [\w./+-]+)*")


def replacement(found: Diagnostic) -> str | None:
    """What to write in the place of what the finding marks; None when a person must think first."""
    marked = found.source[max(0, found.column - 1) :][: found.length]
    if not marked:
        return None
    written = _WRITE.fullmatch(found.hint)
    if written:
        form = _LITERAL.get(found.code)
        return written["text"] if form and form.fullmatch(written["text"]) else None
    meant = _MEANT.fullmatch(found.hint)
    bare = marked[1:-1] if len(marked) > 1 and marked[0] in "'\"" and marked[-1] == marked[0] else marked
    # Only where the whole of what is marked is the name that the sentence speaks of.
    if meant is None or f'"{bare}"' not in found.message:
        return None
    name = meant["name"]
    if bare != marked:
        return f"{marked[0]}{name}{marked[0]}"
    return name if _BARE.fullmatch(name) else quoted(name)
