"""The journal's figures, by hand: `python tests/bench/journal.py` (about three minutes).

Every figure stands beside the same work on the other store in the same run: the full life of an event on SQLite, on
SQLite with a disk that takes five milliseconds for a flush, and on a PostgreSQL that shares the machine.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import uvloop

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.main_job import bare_loop, full_life, ruleset
from standins.postgres import Server

from engine import logs
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore

_FLUSH_S = 0.005


class _SlowFile(apsw.VFSFile):
    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        time.sleep(_FLUSH_S)
        super().xSync(flags)


class _SlowDisk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("slow", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _SlowFile:  # noqa: N802 - SQLite's name
        return _SlowFile("unix", name, flags)


@contextmanager
def slow_disk() -> Iterator[None]:
    """Every flush of SQLite takes five milliseconds longer."""
    disk = _SlowDisk()
    try:
        yield
    finally:
        disk.unregister()


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty schema on a server of its own."""
    server = Server()
    server.start()
    try:
        yield server.schema("engine")
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="for each full life")
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: a temporary folder)")
    options = parser.parse_args()
    logs.configure("text", "ERROR", sys.stderr)
    rules, messages = ruleset(), options.messages
    with tempfile.TemporaryDirectory(dir=options.folder) as name, postgres() as address:
        folder = Path(name)
        bare = bare_loop(folder)
        path = folder / "journal.db"
        sqlite = uvloop.run(full_life(rules, SqliteStore(path), messages))
        size = path.stat().st_size / messages
        with slow_disk():
            slow = uvloop.run(full_life(rules, SqliteStore(folder / "slow.db"), messages))
        shared = uvloop.run(full_life(rules, PostgresStore(address), messages))
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| figure | asked | measured |\n| --- | --- | --- |")
    print(f"| full life on SQLite, {messages} messages | ≥ 700/s | {sqlite:.0f}/s |")
    print(f"| the same with {_FLUSH_S * 1000:.0f} ms more for each flush | ≥ 600/s | {slow:.0f}/s |")
    print(f"| the same on PostgreSQL, which shares the machine | ≥ 300/s | {shared:.0f}/s |")
    print(f"| a bare loop that commits five steps one by one on SQLite | for comparison | {bare:.0f}/s |")
    print(f"| size of the file for each message with its two deliveries | | {size:.0f} bytes |")


if __name__ == "__main__":
    main()
