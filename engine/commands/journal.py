"""`engine journal`: is the journal whole, a copy of it, the copy in its place, its way to PostgreSQL.

The running daemon checks and copies its own journal, which no other process opens. Without a daemon these commands do
it themselves, and hold the journal's lock meanwhile.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from engine.clocks import SystemClock
from engine.control.client import ControlClient
from engine.core.errors import NotFound, UsageError
from engine.core.objects import Json
from engine.journal import backups, checks, copies, locks, restores, sqlite
from engine.journal.postgres import PostgresStore
from engine.settings import PostgresSettings, control_socket, journal_file, journal_place, shared_journal

_BROKEN = 1
_STOP = "stop it first (`systemctl stop engine`)"


def run(options: argparse.Namespace) -> int:
    """Do what is asked for: 0, or 1 when something is wrong with the journal, which is printed."""
    return _ACTIONS[options.action](options)


def _check(options: argparse.Namespace) -> int:
    if options.file is not None:
        name = str(options.file)
        with sqlite.inspect(options.file) as journal:
            told = _named(journal, name)
    else:
        state, shared = journal_place(options.config, os.environ)
        name = str(journal_file(state)) if shared is None else "the database"
        client = ControlClient(control_socket(state))
        told = client.check_journal() if client.answers() else _check_stopped(state, shared)
    if told["findings"]:
        return _say_findings(f"{name} does not hold together", told["findings"])
    sys.stdout.write(f"{name} holds together: {checks.told(told['holds'])}.\n")
    return 0


def _check_stopped(state: Path, shared: PostgresSettings | None) -> Json:
    if shared is not None:
        with _store(shared).inspect() as database:
            return _named(database, "the database")
    journal = _existing(state)
    with locks.lock(journal), sqlite.inspect(journal) as found:
        return _named(found, str(journal))


def _named(journal: checks.Inspected, name: str) -> Json:
    """Check a journal; whoever hears that it is none hears of what."""
    try:
        return checks.check(journal)
    except NotFound as error:
        raise NotFound(f"{name}: {error}") from error


def _backup(options: argparse.Namespace) -> int:
    file = options.file.absolute()
    state, shared = journal_place(options.config, os.environ)
    if shared is not None:
        raise UsageError(backups.ITS_OWN_BACKUPS)
    client = ControlClient(control_socket(state))
    if client.answers():
        told = client.back_up(file)
    else:
        journal = _existing(state)
        with locks.lock(journal):
            told = backups.back_up(lambda copy: sqlite.copy(journal, copy), file)
    if told["findings"]:
        return _say_findings("There is no backup: the copy is broken, as the journal is", told["findings"])
    if not file.exists():
        raise NotFound(
            f"the daemon wrote {file}, and it is not here: the service has a {file.parent} of its own (PrivateTmp in "
            "its unit); name a file in the state folder"
        )
    sys.stdout.write(f"{file} holds {checks.told(told['holds'])}; {_size(told['bytes'])}.\n")
    return 0


def _restore(options: argparse.Namespace) -> int:
    state = _stopped(options, "a backup is put in its place by the means of PostgreSQL (pg_restore, or its recovery)")
    done = restores.restore(options.file, journal_file(state), _now(), replace=options.replace)
    if done.findings:
        return _say_findings(f"Nothing is restored: {options.file} does not hold together", done.findings)
    write = sys.stdout.write
    write(f"{journal_file(state)} holds {checks.told(done.holds)}.\n")
    if done.kept is not None:
        write(f"The journal that was there is kept as {done.kept}.\n")
    doubt = "deliveries were open and are in doubt now: the networks are asked about them before they are sent again"
    write(f"{done.doubtful} {doubt}.\n")
    if done.holds["undecided"]:
        write(f"{done.holds['undecided']} messages were undecided; what they cause is in doubt, too.\n")
    write("What was accepted after the backup is not in it: deploy/README.md, Backup, says what to do.\n")
    return 0


def _copy(options: argparse.Namespace) -> int:
    shared = shared_journal(options.to, os.environ)
    state, _ = journal_place(options.config, os.environ)
    _refuse_running(state)
    journal = _existing(state)
    done = copies.copy(journal, _store(shared))
    if done["findings"]:
        return _say_findings(f"Nothing is copied: {journal} does not hold together", done["findings"])
    tables = ", ".join(f"{rows} {table}" for table, rows in done["tables"].items())
    sys.stdout.write(
        f"Copied and compared: {tables}.\n"
        f"Now change this line of {options.config} and start the daemon:\n"
        f"  journal: {options.to}\n"
        f"{journal} is as it was. Move it away once the daemon runs, so that none starts on it again.\n"
    )
    return 0


def _stopped(options: argparse.Namespace, instead: str) -> Path:
    """The state folder of an installation on SQLite whose daemon does not run."""
    state, shared = journal_place(options.config, os.environ)
    if shared is not None:
        raise UsageError(f"the journal is in PostgreSQL: {instead}")
    _refuse_running(state)
    return state


def _refuse_running(state: Path) -> None:
    if ControlClient(control_socket(state)).answers():
        raise UsageError(f"the daemon runs on this journal; {_STOP}")


def _existing(state: Path) -> Path:
    journal = journal_file(state)
    if not journal.exists():
        raise NotFound(f"there is no journal {journal}; the daemon makes it at its first start")
    return journal


def _now() -> datetime:
    return SystemClock().now()


def _store(shared: PostgresSettings) -> PostgresStore:
    return PostgresStore(shared.address, shared.password.reveal() if shared.password else "")


def _say_findings(head: str, findings: Sequence[str]) -> int:
    sys.stdout.write("\n".join([f"{head}:", *(f"  {finding}" for finding in findings)]) + "\n")
    return _BROKEN


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB"


_ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "backup": _backup,
    "restore": _restore,
    "copy": _copy,
}
