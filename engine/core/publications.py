"""How rules come into force: what a reload came to, what was published for all nodes, what each node runs. Values only.

`reloader` makes the first, the journal keeps the others, `publisher` brings them together.
"""

from dataclasses import dataclass
from datetime import datetime

from engine.core.diagnostics import Diagnostic
from engine.core.notices import Notice
from engine.core.rosters import Roster


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload came to."""

    ok: bool
    # The set in force afterwards.
    sha: str
    # All findings, warnings included.
    diagnostics: tuple[Diagnostic, ...]
    # For the operators' channel.
    notice: Notice
    # The on-call files that were in force before it; None: there were none.
    roster_before: Roster | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """A set of rules and templates that was published, without its files."""

    # Rises with each publication of a journal; the first is 1.
    number: int
    # The content hash, as `engine status` shows it.
    sha: str
    published_at: datetime
    # The node through which it was published.
    node: str


@dataclass(frozen=True, slots=True)
class Published:
    """A publication with its files."""

    publication: Publication
    # As `ruleset.packing` writes them.
    files: str


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node says of the rules that it runs."""

    node: str
    # Of the rules in force.
    sha: str
    # The number of the publication that it was last told to run; 0 for its own files.
    publication: int
    # Since when these rules are in force.
    since: datetime
    # When it said so.
    seen_at: datetime
    # Why it does not run what it was told to, in one sentence; empty when it does.
    problem: str
