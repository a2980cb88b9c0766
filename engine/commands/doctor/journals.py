"""The journal: whether it is whole, how large it is. A running daemon looks at its own; no other process opens it."""

from pathlib import Path
from threading import Event

from engine.commands.doctor.findings import Finding, Level, finding, not_ours
from engine.commands.doctor.installations import Installation
from engine.core.errors import DaemonUnreachable, EngineError
from engine.core.objects import Json
from engine.journal import checks, locks, sqlite
from engine.journal.postgres import PostgresStore
from engine.settings import PostgresSettings, journal_file

_SUBJECT = "journal"


def journal(installation: Installation, patience_s: float, stopping: Event) -> tuple[Finding, ...]:
    """What there is to say about the journal; the look at a file ends when `stopping` is set."""
    shared = installation.settings.journal
    if shared is not None and (lacking := installation.lacks(_SUBJECT, "journal_password")):
        return (lacking,)
    try:
        if shared is not None:
            return _database(shared)
        return (*_file(installation, patience_s, stopping), *_backups())
    except EngineError as error:
        return (finding(_SUBJECT, Level.FAIL, str(error)),)


def _file(installation: Installation, patience_s: float, stopping: Event) -> tuple[Finding, ...]:
    file = journal_file(installation.settings.state)
    if installation.silent:
        return (Finding(_SUBJECT, Level.SKIP, "the daemon that has it does not tell; a second look would disturb it"),)
    if installation.status is not None:
        try:
            return _told(installation.daemon.check_journal(patience_s), _size(installation))
        except DaemonUnreachable:
            text = f"the daemon did not end its look within {patience_s:g} s"
            return (Finding(_SUBJECT, Level.SKIP, text, "`engine journal check` waits for it"),)
    try:
        file.lstat()
    except PermissionError:
        return (not_ours(_SUBJECT, file, "look at"),)
    except OSError:
        return (
            Finding(_SUBJECT, Level.SKIP, f"there is no journal {file} yet, the daemon makes it at its first start"),
        )
    with locks.lock(file), sqlite.inspect(file, stopping) as found:
        return _told(checks.check(found), _size(installation))


def _size(installation: Installation) -> str:
    """Of the file with the log beside it."""
    file = journal_file(installation.settings.state)
    try:
        total = sum(path.stat().st_size for path in (file, Path(f"{file}-wal")) if path.exists())
    except OSError:
        return "of a size that this user may not see"
    return f"{total / 1_000_000:.1f} MB"


def _told(told: Json, size: str) -> tuple[Finding, ...]:
    advice = "see deploy/rollback.md, The journal is damaged"
    if told["findings"]:
        return tuple(Finding(_SUBJECT, Level.FAIL, str(found), advice) for found in told["findings"])
    return (Finding(_SUBJECT, Level.OK, f"holds together, {size}; {checks.told(told['holds'])}"),)


def _backups() -> tuple[Finding, ...]:
    text = "when it was last copied is not known to the engine"
    return (Finding(_SUBJECT, Level.SKIP, text, "`engine journal backup`, once a day"),)


def _database(shared: PostgresSettings) -> tuple[Finding, ...]:
    store = PostgresStore(shared.address, shared.password.reveal() if shared.password else "")
    with store.inspect() as database:
        version = database.raw.info.server_version
        told = checks.verify(database) if database.schema() else None
    # A server that does not wait for its disk is refused before this.
    text = f"PostgreSQL {version // 10000}.{version % 10000}, synchronous_commit is on"
    found = (Finding(_SUBJECT, Level.OK, text),)
    if told is None:
        return (*found, Finding(_SUBJECT, Level.SKIP, "the database holds no journal yet: the daemon makes it"))
    if told["findings"]:
        return (*found, *(Finding(_SUBJECT, Level.FAIL, str(one)) for one in told["findings"]))
    return (*found, Finding(_SUBJECT, Level.OK, checks.told(told["holds"])))
