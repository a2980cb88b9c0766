"""What a store is to the journal: where it is kept, and what is there while it is open. See `sqlite` and `postgres`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from engine.core.objects import Json
from engine.journal.checks import Inspected
from engine.journal.statements import Database
from engine.journal.writer import Session

T = TypeVar("T")


class Connection(Session, Protocol):
    """A connection of a store, for the thread that writes or for the one that reads."""

    def snapshot(self, operation: Callable[[Database], T]) -> T:
        """The result of an operation that reads, all of it from the same moment."""
        ...


class Opened(Protocol):
    """A store that is open."""

    @property
    def writing(self) -> Connection:
        """The connection that writes."""
        ...

    @property
    def reading(self) -> Connection:
        """The connection that reads."""
        ...

    def inspect(self) -> AbstractContextManager[Inspected]:
        """A further connection that reads, for a look that takes its time. `close` ends the look."""
        ...

    def copy_into(self, path: Path) -> Json:
        """Fill an empty file with the journal as it is now, while it goes on; what `checks.verify` finds in it. Blocks,
        until `close` at most; raises UsageError where a journal is no file.
        """
        ...

    def forget(self) -> bool:
        """Remove the bytes of what was erased from every file now; False when that takes its time. Blocks."""
        ...

    def close(self) -> None:
        """Release everything. Blocks; nobody uses the connections any more."""
        ...


class Store(Protocol):
    """Where a journal is kept."""

    def open(self, node: str) -> Opened:
        """Connect under the name of this node, and bring the schema up to date. Blocks."""
        ...
