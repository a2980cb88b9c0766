"""How grave a difference between two rules folders is, and one difference as a value.

Made by the modules of this package, shown by `engine diff`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from engine.ruleset.syntax import Place


class Grade(IntEnum):
    """What a difference does to messages; the classes of semantic versioning."""

    # Nothing that is decided changes.
    PATCH = 0
    # Something more matches, or is said, or is tagged.
    MINOR = 1
    # A client, a channel or a priority is treated otherwise, or something matches no more.
    MAJOR = 2

    @property
    def word(self) -> str:
        """The name as it is shown."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in what two folders mean."""

    # What it is about, e.g. "rule voip-outbound" or "keyword product: 3CX".
    subject: str
    # added, removed, renamed, moved or changed
    kind: str
    # A line in a lead's words.
    what: str
    grade: Grade
    # Where the subject stands on each side; None where it does not exist.
    before: Place | None
    after: Place | None
    # The rules that it touches, where the subject is none itself.
    rules: tuple[str, ...] = ()


def overall(changes: Iterable[Change]) -> Grade | None:
    """The gravest grade; None without a change."""
    return max((change.grade for change in changes), default=None)


def listed(values: Iterable[str]) -> str:
    """Texts as a sentence lists them: each in quotes, in order."""
    return ", ".join(f'"{value}"' for value in values)
