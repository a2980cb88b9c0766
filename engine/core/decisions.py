"""What the rules decided about one event, and why."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import NamedTuple


class Priority(IntEnum):
    """How soon somebody has to look; a rule can only raise it."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3

    @property
    def word(self) -> str:
        """The name as rules, posts and JSON write it."""
        return _WORDS[self]


# Looked up a dozen times for each message; `name.lower()` takes ten times as long.
_WORDS = tuple(priority.name.lower() for priority in Priority)


class Because(NamedTuple):
    """One piece of evidence: this atom of this rule was met by these characters. A tuple, because a message has half a
    dozen of them and a frozen dataclass takes three times as long to make.
    """

    rule: str
    # The atom as its author wrote it, e.g. "keywords product: 3CX".
    atom: str
    # The original characters; empty when the atom looks at a fact instead of the text.
    text: str
    # Half-open range in the original text, in code points; 0, 0 when `text` is empty.
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class NotMatched:
    """Why a rule did not match: the first thing that was missing, or the guard that stood in the way."""

    rule: str
    missing: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """A rule on trial that matched: what would be different if it were live."""

    rule: str
    # It would be the first that matches, and so decide what is said and where it goes.
    decides: bool


@dataclass(frozen=True, slots=True)
class FollowUpPolicy:
    """What happens to further messages of a conversation whose incident a decision opens; None: the engine's own."""

    # For how long after its last message the incident takes further ones.
    within: timedelta | None = None
    # A further message opens an incident of its own instead of joining.
    new: bool = False
    # The same incident acknowledges again when its last acknowledgement is older; None: never.
    ack_again_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one event: exactly one acknowledgement and one escalation follow from it."""

    # The rule that decides what is said and where it goes: the first that matched.
    rule: str
    # Where that rule stands, "file:line".
    location: str
    # Every rule that matched, in order; the deciding one first.
    matched: tuple[str, ...]
    priority: Priority
    tags: tuple[str, ...]
    # The Mattermost channel by name, and its team (None: the team of engine.yaml).
    channel: str
    team: str | None
    # One line; what the client wrote stands in quotes (see `quotes`).
    summary: str
    # (category, canonical names) in order of appearance in the text.
    keywords: tuple[tuple[str, tuple[str, ...]], ...]
    # Named groups of the deciding rule's patterns, as the client wrote them.
    captures: tuple[tuple[str, str], ...]
    # The acknowledgement's template, or None for no acknowledgement.
    ack: str | None
    escalate: bool
    because: tuple[Because, ...]
    # Hash of the rule-set that decided.
    ruleset_sha: str
    # Further Mattermost channels that get a copy of the post, with their teams.
    also: tuple[tuple[str, str | None], ...] = ()
    # Whom the post calls; None: whoever is on call.
    mention: str | None = None
    follow_up: FollowUpPolicy = FollowUpPolicy()
    # Rules on trial that matched, in order; they change nothing above.
    shadow: tuple[Shadow, ...] = ()
    # Set only when evaluation failed and the default escalation stands in.
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision together with the rules that did not match and what each of them missed."""

    decision: Decision
    not_matched: tuple[NotMatched, ...]
