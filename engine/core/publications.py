"""Rules that were published for all nodes of a journal, and what each node says of the rules that it runs. Values only.

The journal keeps them, `publisher` follows them, `engine status` and `engine rules publish` show them.
"""

from dataclasses import dataclass
from datetime import datetime


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
