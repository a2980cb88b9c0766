"""Who uses the file of a journal: one process at a time, and nobody but its owner. Called by `sqlite` and by the
commands that put a file in the journal's place.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.core.errors import ConfigurationError, JournalUnavailable, PermissionRefused


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Nobody else uses the journal while the block runs; ConfigurationError when somebody does. Makes its folder."""
    descriptor = _hold(path)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The same, and the file is there, for its owner only; PermissionRefused where it cannot be."""
    _create(path)
    with lock(path):
        yield


def give(file: Path | int, folder: Path) -> None:
    """What root makes for the daemon belongs to whom the folder belongs to, where root may give it away."""
    if os.geteuid() == 0:
        owner = folder.stat()
        with suppress(OSError):
            os.chown(file, owner.st_uid, owner.st_gid)


def _create(path: Path) -> None:
    """Create the file, for its owner only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created here and not by SQLite, whose umask-given mode would let others read clients' words; the log and
        # the index beside it take the mode of the file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise _refusal(path, error) from error


def _hold(path: Path) -> int:
    """The descriptor of the lock beside the file, held."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        give(lock, path.parent)
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise ConfigurationError(
            f"the journal {path} is in use by another process; stop that one, or name another state folder"
        ) from error
    return lock


def _refusal(path: Path, error: OSError) -> ConfigurationError | PermissionRefused | JournalUnavailable:
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PermissionRefused(
            f"the journal {path} cannot be written ({os.strerror(error.errno)}); "
            "let the engine's user write the state folder"
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return JournalUnavailable(f"the journal {path} cannot be created: {os.strerror(error.errno)}")
    return ConfigurationError(
        f"the journal {path} cannot be created ({os.strerror(error.errno or errno.EIO)}); name another state folder"
    )
