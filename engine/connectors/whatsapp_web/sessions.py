"""The folder of a linked phone's session, and the exit codes of the process that uses it.

Shared by `gateway`, which alone writes there, and by what only has to know whether a phone is linked.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

# Within the folder; the file's own name is that of `session_file`.
BACKUP = "session.backup.db"
LOCK = "session.lock"
# See `losses`.
MARK = "session.mark"

_BUSY_S = 10.0

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
    except sqlite3.OperationalError:
        # No table yet: linking was begun and not finished.
        return False
    except sqlite3.DatabaseError:
        # Damaged: the library will say so, and a person puts the copy in its place.
        return True
    return found is not None


def back_up(folder: Path) -> None:
    """Keep a copy of the session beside it, of one moment: without its file the phone has to be linked anew.

    Never in the process of the library, which brings an SQLite of its own: closing a file there would drop its locks
    and remove its log (sqlite.org, "How To Corrupt An SQLite Database File", 2.2.1). Raises OSError or sqlite3.Error.
    """
    fresh = folder / f"{BACKUP}.new"
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    address = f"{session_file(folder).absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_S)) as live, closing(sqlite3.connect(fresh)) as copy:
        live.backup(copy)
    fresh.replace(folder / BACKUP)


def forget(folder: Path) -> None:
    """Remove the keys of a device that was unlinked, and their copy: they open nothing any more."""
    file = session_file(folder)
    for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        path.unlink(missing_ok=True)
    for path in (folder / BACKUP, folder / MARK):
        path.unlink(missing_ok=True)


def give_away(folder: Path) -> None:
    """Give a session that root has made to whom the folder around it belongs: the daemon. Raises OSError."""
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = folder.parent.stat()
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
