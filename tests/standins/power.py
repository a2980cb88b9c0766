"""A disk whose power can be cut: what was written and not flushed by then is gone.

Registers a file system for SQLite on top of the machine's own. For every file it keeps what the writes since the last
flush have overwritten, so that the files can be laid out as a disk would hold them that kept nothing but what was
flushed. (A real one keeps some of the rest; nothing may depend on that either.)
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw


class Disk(apsw.VFS):
    """The file system; used by every connection that is opened while it is registered."""

    def __init__(self) -> None:
        self.files: dict[str, _File] = {}
        self.flushes = 0
        # Held for each change, so that a cut falls between two of them.
        self.lock = threading.Lock()
        super().__init__("power", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_File":  # noqa: N802 - SQLite's name
        opened = _File(self, name, flags)
        if name is not None:
            path = name.filename() if isinstance(name, apsw.URIFilename) else name
            kept = self.files.get(path)
            # A second connection shares what the first has not flushed.
            opened.overwritten = kept.overwritten if kept else []
            self.files[path] = opened
        return opened

    def cut(self, folder: Path) -> None:
        """Lay out in `folder` what the disk would hold if the power went now."""
        with self.lock:
            for name, file in self.files.items():
                path = Path(name)
                if not path.exists():
                    continue
                held = bytearray(path.read_bytes())
                for offset, old, size in reversed(file.overwritten):
                    held[offset : offset + len(old)] = old
                    del held[size:]
                (folder / path.name).write_bytes(held)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        # Offset, what stood there, and how long the file was; oldest first.
        self.overwritten: list[tuple[int, bytes, int]] = []
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        with self._disk.lock:
            size = self.xFileSize()
            old = bytes(self.xRead(min(len(data), size - offset), offset)) if offset < size else b""
            self.overwritten.append((offset, old, size))
            super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        with self._disk.lock:
            size = self.xFileSize()
            if newsize < size:
                self.overwritten.append((newsize, bytes(self.xRead(size - newsize, newsize)), size))
            super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        with self._disk.lock:
            self._disk.flushes += 1
            self.overwritten.clear()


@contextmanager
def disk() -> Iterator[Disk]:
    """The disk, for as long as the block runs."""
    made = Disk()
    try:
        yield made
    finally:
        made.unregister()
