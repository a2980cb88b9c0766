"""The journal's SQL by name: queries.sql, checks.sql and schema.sql in, texts that a store prepares and runs out.

Called by the operations of this package through `Database`, which each store implements over its own driver. This
module knows no driver, so that the operations serve every store alike.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Protocol

from engine.core.chains import AuditValues

Value = str | int | None
# What a driver returns for one row; `rows` turns it into values of the core.
Row = tuple[Any, ...]

_NAME = re.compile(r"^-- name: (\S+)$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*\n?", re.MULTILINE)


class Database(Protocol):
    """A transaction under way, as the operations see it."""

    # The rows of the audit that `audits.seal` writes at the end of the transaction.
    pending: list[AuditValues]

    def rows(self, statement: str, *values: Value) -> list[Row]:
        """Run the named statement and return all its rows. Raises JournalUnavailable when the disk refuses."""
        ...


def named(text: str) -> Mapping[str, str]:
    """The texts after each "-- name:" line, in order and without comments; what stands before the first is dropped."""
    _, *pieces = _NAME.split(text)
    texts = [_COMMENT.sub("", piece).strip() for piece in pieces[1::2]]
    return dict(zip(pieces[::2], texts, strict=True))


def _packaged(name: str) -> Mapping[str, str]:
    return named(files(__package__).joinpath(name).read_text("utf-8"))


# What the daemon asks all day: each is answered by an index.
QUERIES = _packaged("queries.sql")
# Those and what a check asks, which may read a table whole.
TEXTS = {**QUERIES, **_packaged("checks.sql")}
# The schema's steps: the text at index N leads from schema N to schema N+1.
MIGRATIONS = tuple(_packaged("schema.sql").values())
