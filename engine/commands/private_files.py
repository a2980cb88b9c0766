"""Files that a command writes for the person who asked, and for nobody else."""

import os
from pathlib import Path
from typing import TextIO

from engine.core.errors import PermissionRefused, UsageError


def create(path: Path) -> TextIO:
    """A new text file that only its owner can read, from the first byte on. An existing one is refused."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists: name another file, or remove it") from None
    except OSError as error:
        raise PermissionRefused(
            f"{path} cannot be written: {(error.strerror or 'the disk refuses').lower()}"
        ) from error
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="replace")
