"""The folder of a linked phone's session, and the exit codes of the process that uses it.

Shared by `gateway`, which alone writes there, and by what only has to know whether a phone is linked.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

# Within the folder; the file's own name is that of `session_file`.
BACKUP = "session.backup.db"
LOCK = "session.lock"

# Exit codes of the gateway (sysexits.h): the library cannot be loaded; another process has the session.
UNUSABLE = 78
USED = 75


def session_file(folder: Path) -> Path:
    """The keys of the linked device. Who reads it can read and write as the number."""
    return folder / "session.db"


def is_linked(folder: Path) -> bool:
    """Whether a phone is linked, as far as the file tells; the phone may have unlinked it meanwhile."""
    file = session_file(folder)
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as session:
            found = session.execute("select 1 from whatsmeow_device limit 1").fetchone()
    except sqlite3.Error:
        # No table yet: linking was begun and not finished.
        return False
    return found is not None


def forget(folder: Path) -> None:
    """Remove the keys of a device that was unlinked, and their copy: they open nothing any more.

    The library deletes its row too, but what it still writes then may bring the row back (0.5.2, measured 2026-11).
    """
    file = session_file(folder)
    for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"), folder / BACKUP):
        path.unlink(missing_ok=True)
