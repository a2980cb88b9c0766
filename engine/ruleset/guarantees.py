"""What every message that matches a condition is certain to have, so that a summary may use it without asking.

Called by `checker`. All parts of an `all` hold, so their guarantees add up; of an `any` only what each part gives is
certain; what a `none` forbids gives nothing.
"""

from collections.abc import Iterator, Mapping
from typing import assert_never

from engine.ruleset.syntax import (
    Always,
    Atom,
    AttachmentIs,
    ClientIs,
    Condition,
    FollowUpIs,
    Group,
    HoursIs,
    KeywordIs,
    KindIs,
    Pattern,
    SourceIs,
    Text,
    Words,
)


def guaranteed(condition: Condition, groups: Mapping[Text, frozenset[str]]) -> frozenset[str]:
    """The keyword categories and pattern groups that a match always comes with; `groups` has those of each pattern."""
    match condition:
        case KeywordIs(category=category):
            return frozenset({category.value})
        case Pattern(regex=regex):
            return groups[regex]
        case Group(kind="all", parts=parts):
            return frozenset[str]().union(*(guaranteed(part, groups) for part in parts))
        case Group(kind="any", parts=parts) if parts:
            return frozenset.intersection(*(guaranteed(part, groups) for part in parts))
        case (
            Group()
            | Words()
            | ClientIs()
            | SourceIs()
            | Always()
            | AttachmentIs()
            | KindIs()
            | HoursIs()
            | FollowUpIs()
        ):
            return frozenset()
        case _:
            assert_never(condition)


def atoms(condition: Condition) -> Iterator[Atom]:
    """Every atom of a condition, those below `none` included, in the order of the file."""
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Group):
            waiting += reversed(part.parts)
        else:
            yield part
