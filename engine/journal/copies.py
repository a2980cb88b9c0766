"""The journal of a SQLite file in an empty schema of PostgreSQL: the same rows under the same numbers, compared after.

Called by `engine journal copy` while no daemon runs. Tables and columns are those that the databases themselves name.
Everything happens in one transaction of the server, so that a copy that fails leaves nothing behind.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from engine.core.errors import JournalUnavailable, UsageError
from engine.core.objects import Json
from engine.journal import checks, locks, sqlite
from engine.journal.dialects import storable
from engine.journal.postgres import PostgresStore
from engine.journal.statements import MIGRATIONS, Row

# The sum of digests does not depend on the order of rows, which two databases sort by different rules.
_MODULUS = 1 << 256
# The columns that the database numbers by itself.
_NUMBERED = (
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND is_identity = 'YES'"
)


class _Source(Protocol):
    def every(self, table: str, columns: Sequence[str]) -> Iterator[Row]: ...


class _Target(Protocol):
    @property
    def raw(self) -> Any:
        """The driver's connection."""
        ...

    def guarded(self) -> AbstractContextManager[None]:
        """Translates what the driver raises."""
        ...


def copy(journal: Path, store: PostgresStore) -> Json:
    """Copy a journal that nobody uses; what it holds as `checks.verify` tells, with the `tables` and their rows.

    `findings` instead, and nothing copied, when the journal does not hold together. Raises UsageError for an older or
    newer schema and for a target that is not empty, ConfigurationError while somebody uses the journal.
    """
    with locks.lock(journal), sqlite.inspect(journal) as source:
        told = checks.check(source)
        if told["findings"]:
            return {**told, "tables": {}}
        if told["holds"]["schema"] != len(MIGRATIONS):
            raise UsageError(
                f"{journal} has schema {told['holds']['schema']} and this engine writes schema {len(MIGRATIONS)}; "
                "start the daemon of this version on it once, which brings it up to date, and stop it again"
            )
        tables = source.tables()
        with store.filling() as target:
            copied = {name: _table(source, target, name, columns) for name, columns in tables}
            _number(target)
        return {**told, "tables": copied}


def _table(source: _Source, target: _Target, name: str, columns: Sequence[str]) -> int:
    # Names of our own schema: nothing in them needs quotes.
    of = f"{name} ({', '.join(columns)})"
    with target.guarded(), target.raw.cursor() as cursor, cursor.copy(f"COPY {of} FROM STDIN".encode()) as copying:
        for row in _storable(source.every(name, columns)):
            copying.write_row(row)
    before, after = digest(_storable(source.every(name, columns))), digest(_every(target, name, columns))
    if before != after:
        raise JournalUnavailable(different(name, before[0], after[0]))
    return before[0]


def _every(target: _Target, name: str, columns: Sequence[str]) -> Iterator[Row]:
    with target.guarded(), target.raw.cursor(name="every") as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {name}".encode())  # noqa: S608 - as above
        yield from cursor


def _number(target: _Target) -> None:
    """Go on behind the largest number of each table that the database numbers."""
    with target.guarded():
        for table, column in target.raw.execute(_NUMBERED).fetchall():
            behind = f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}"  # noqa: S608 - as above
            target.raw.execute(behind.encode())


def different(table: str, before: int, after: int) -> str:
    """That a copied table is not what was copied."""
    rows = f"{before} rows became {after}" if before != after else f"of {before} rows some became others"
    return f"nothing is copied: the table {table} is not the same in the database ({rows})"


def digest(rows: Iterable[Row]) -> tuple[int, int]:
    """How many rows there are, and a number that stands for their content in any order."""
    count = total = 0
    for row in rows:
        total += int.from_bytes(hashlib.sha256(json.dumps(row).encode()).digest())
        count += 1
    return count, total % _MODULUS


def _storable(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        yield tuple(storable(value) for value in row)
