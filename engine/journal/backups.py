"""A copy of the journal as a file of its own: whole, verified and on the disk before it has its name.

Called by `journals` for the running daemon, and by the commands for a journal that nobody uses. Knows no driver.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.core.errors import EngineError, JournalUnavailable, PermissionRefused, UsageError
from engine.core.objects import Json

ITS_OWN_BACKUPS = (
    "the journal is in PostgreSQL, which has better means of its own: pg_dump for a copy of one moment, pg_basebackup "
    "with archived WAL (point-in-time recovery) for every moment, or your provider's; see deploy/nodes.md"
)


def back_up(copy_into: Callable[[Path], Json], path: Path) -> Json:
    """Copy a journal into the new file `path`, for its owner only: `findings`, what it `holds`, its `bytes`.

    `copy_into` fills an empty file and says what `checks.verify` finds in it. A copy with which something is wrong is
    thrown away. Raises UsageError for a file that exists, PermissionRefused for a folder that cannot be written,
    JournalUnavailable for a full disk.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path} exists; name a new file")
    with fresh(path) as copy:
        verified = copy_into(copy)
        size = copy.stat().st_size
        if not verified["findings"]:
            settle(copy, path)
    return {**verified, "bytes": size}


@contextmanager
def fresh(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, for its owner only; removed at the end unless `settle` gave it its name."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".partial", dir=path.parent)
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()
    except OSError as error:
        raise _refusal(path, error) from error


def settle(copy: Path, path: Path) -> None:
    """Flush a file and give it its name, in place of what had it."""
    flush(copy)
    copy.replace(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refusal(path: Path, error: OSError) -> EngineError:
    words = os.strerror(error.errno or errno.EIO)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return UsageError(f"there is no folder {path.parent}; name a file in one that exists")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PermissionRefused(
            f"{path.parent} cannot be written ({words}) by the user who copies the journal, which is the daemon's own "
            "while the daemon runs; name a file in a folder of that user, such as the state folder"
        )
    return JournalUnavailable(f"the journal cannot be copied: {words}")
