"""The disk of the state folder: room, whether it can be written and flushed, and what kind of file system it is."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from engine.commands.doctor.findings import Finding, Level, not_ours

_SUBJECT = "disk"
_TIGHT_BYTES = 1_000_000_000
_FULL_BYTES = 100_000_000
_MOUNTS = Path("/proc/self/mountinfo")
# Of these the locks and flushes that the journal relies on are promises of another machine.
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs", "lustre", "fuse.sshfs"})
# In the fields of a line of mountinfo (proc(5)).
_MOUNT_POINT = 4
_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))


def disk(state: Path) -> tuple[Finding, ...]:
    """What there is to say about the disk of a state folder."""
    try:
        return _seen(state)
    except PermissionError:
        return (not_ours(_SUBJECT, state, "look at"),)


def _seen(state: Path) -> tuple[Finding, ...]:
    if not _is_folder(state):
        if not _is_folder(state.parent):
            return (
                Finding(_SUBJECT, Level.FAIL, f"{state.parent}, where the state folder goes, is not there", "make it"),
            )
        made = f"the state folder {state} is not there yet: the daemon makes it at its first start"
        return (Finding(_SUBJECT, Level.SKIP, made), *room(state.parent, shutil.disk_usage(state.parent).free))
    kind = kind_of(state, _MOUNTS.read_text("utf-8", "replace").splitlines()) if _MOUNTS.exists() else ""
    return (*room(state, shutil.disk_usage(state).free), _flushed(state), *_remote(state, kind))


def _is_folder(path: Path) -> bool:
    """Whether there is such a folder; PermissionError where this user may not know, of which newer versions of Python
    make a "no" (`Path.is_dir` from 3.14).
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except PermissionError:
        raise
    except OSError:
        return False


def room(folder: Path, free_bytes: int) -> tuple[Finding, ...]:
    """Whether so much free space is enough."""
    free = f"{free_bytes / 1_000_000_000:.1f} GB free at {folder}"
    advice = "make room: a full disk stops the intake"
    if free_bytes < _FULL_BYTES:
        return (Finding(_SUBJECT, Level.FAIL, free, advice),)
    return (Finding(_SUBJECT, Level.WARN, free, advice) if free_bytes < _TIGHT_BYTES else _ok(free),)


def kind_of(folder: Path, mounts: Iterable[str]) -> str:
    """The kind of file system that a folder is on, by the lines of /proc/self/mountinfo; empty where none fits."""
    best, kind = -1, ""
    place = folder.resolve()
    for line in mounts:
        fields, dash, rest = line.partition(" - ")
        parts = fields.split(" ")
        if not dash or len(parts) <= _MOUNT_POINT:
            continue
        point = parts[_MOUNT_POINT]
        for written, meant in _ESCAPES:
            point = point.replace(written, meant)
        # Of two mounts on one point the later one is seen.
        if place.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), rest.split(" ")[0]
    return kind


def _flushed(state: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=state, prefix=".doctor-") as file:
            file.write(b"written and flushed")
            file.flush()
            os.fsync(file.fileno())
    except PermissionError:
        return not_ours(_SUBJECT, state, "write")
    except OSError as error:
        text = f"{state} cannot be written ({os.strerror(error.errno or 0)})"
        return Finding(_SUBJECT, Level.FAIL, text, "see deploy/rollback.md, The disk is full")
    return _ok(f"{state} can be written and flushed")


def _remote(state: Path, kind: str) -> tuple[Finding, ...]:
    if kind not in _REMOTE:
        return ()
    advice = "name a folder on a disk of this machine: a journal in SQLite may be damaged there"
    return (Finding(_SUBJECT, Level.WARN, f"{state} is on a network file system ({kind})", advice),)


def _ok(text: str) -> Finding:
    return Finding(_SUBJECT, Level.OK, text)
