"""Reports with everything in them that a form must escape, for the tests of each form."""

from collections.abc import Iterable, Mapping

from engine.commands.findings import Report
from engine.core.diagnostics import Diagnostic, Related, Severity

ODD = "a 50%:\r\nb, c"

UNKNOWN = Diagnostic(
    "rules/10-a.yaml",
    5,
    14,
    11,
    Severity.ERROR,
    "E112",
    'no channel is named "suport-voip"',
    "    channel: suport-voip",
    'did you mean "support-voip"?',
)
TWICE = Diagnostic(
    "rules/10-a.yaml",
    8,
    9,
    4,
    Severity.ERROR,
    "E201",
    'a rule named "voip" exists already',
    "  - id: voip",
    "give one of them another name, or keep one",
    (Related("rules/10-a.yaml", 3, 'the first "voip" stands here'),),
)
SHORT = Diagnostic(
    "rules/10-a.yaml", 4, 20, 2, Severity.WARNING, "W504", '"ip" is short', "    when: {words: [ip]}", "write more"
)
WHOLE = Diagnostic("rules/b.yml", 0, 0, 1, Severity.ERROR, "E212", "a file that ends in .yml is not read", hint="b")
STRANGE = Diagnostic("rules/ü :,%.yaml", 1, 1, 3, Severity.WARNING, "W505", ODD, "\x1b[31m\x00😀", ODD)
FILE = b"""schema: 1
rules:
  - id: voip
    when: {words: [ip]}
    channel: suport-voip
  - id: fine
    when: {words: [call]}
  - id: voip
    when: {words: [ring]}
keywords: {}
"""


def report(
    diagnostics: Iterable[Diagnostic] = (), *, strict: bool = False, files: Mapping[str, bytes] | None = None
) -> Report:
    """A report about these findings; every path stands in the folder "support" of the repository."""
    found = tuple(diagnostics)
    files = {"rules/10-a.yaml": FILE, "templates/ack/default.j2": b"Hello."} if files is None else files
    paths = {*files, *(one.path for one in found), *(also.path for one in found for also in one.related)}
    return Report(found, files, {path: f"support/{path}" for path in paths}, 3, 4, "f" * 64, strict)
