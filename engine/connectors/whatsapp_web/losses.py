"""What a gateway that ended uncleanly may have taken with it, as far as the session's file tells.

Up to a hundred messages wait in the library's memory that WhatsApp holds for delivered; when the process dies they are
gone, and WhatsApp does not bring them again. But before the library hands on what a person wrote, it puts a secret of
the message into the session, for votes and edits that may refer to it: who wrote, and the message's id, never the words
(whatsmeow's source of 2026-08, seen with neonize 0.5.2). So a message that is there and not in the journal is lost.

Called by `supervision` around each life of the gateway. A mark beside the session says that one runs, or has ended
uncleanly, and how far the secrets went when it began. The session is read while no gateway has it open.
"""

import json
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.connectors.whatsapp_web.fields import Record
from engine.connectors.whatsapp_web.sessions import MARK, session_file

# The library's channel holds a hundred, its handler one, and what was being decrypted is on its way there.
_WINDOW = 128
_BUSY_S = 10.0
# Ours come between, and what is written to groups: there the writer is not the chat.
_NEWEST = """
SELECT secrets.message_id, secrets.chat_jid, numbers.pn, people.push_name
FROM (
    SELECT rowid AS place, our_jid, chat_jid, message_id FROM whatsmeow_message_secrets
    WHERE rowid > ? AND chat_jid = sender_jid ORDER BY rowid DESC LIMIT ?
) AS secrets
LEFT JOIN whatsmeow_lid_map AS numbers ON numbers.lid || '@lid' = secrets.chat_jid
LEFT JOIN whatsmeow_contacts AS people ON people.our_jid = secrets.our_jid AND people.their_jid = secrets.chat_jid
ORDER BY secrets.place
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """The end of a connection with which messages may have gone."""

    # The last time that anything came over the connection; what is lost came right before.
    at: datetime
    # How far the secrets went.
    rows: int
    # As `arrivals` reads them, the oldest first: the newest messages, of which most were accepted.
    infos: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class _Mark:
    rows: int
    # Whether the connection was ever up: else nothing can have been lost.
    online: bool


def begin(folder: Path) -> Loss | None:
    """A gateway is about to open the session: what the one before may have lost, None when it ended well.

    Raises OSError or sqlite3.Error.
    """
    mark = _read(folder)
    if mark is None or not mark.online:
        _write(folder, _Mark(_rows(folder), online=False))
        return None
    at = max(path.stat().st_mtime for path in _files(folder) if path.exists())
    rows = _rows(folder)
    return Loss(datetime.fromtimestamp(at, UTC), rows, _infos(folder, mark.rows) if rows > mark.rows else ())


def note_online(folder: Path) -> None:
    """From now on an unclean end can lose something. Raises OSError."""
    mark = _read(folder)
    if mark is not None and not mark.online:
        _write(folder, _Mark(mark.rows, online=True))


def settle(folder: Path, loss: Loss, *, online: bool) -> None:
    """What was found is in the journal, so that it need not be found again. Raises OSError."""
    _write(folder, _Mark(loss.rows, online=online))


def end(folder: Path) -> None:
    """The gateway has handed over all that it had, and ended. Raises OSError."""
    (folder / MARK).unlink(missing_ok=True)


def _read(folder: Path) -> _Mark | None:
    try:
        told = json.loads((folder / MARK).read_bytes())
        return _Mark(int(told["rows"]), told["online"] is True)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        # Cut off by a loss of power: one ran, and how far it came is not known.
        return _Mark(0, online=True)


def _write(folder: Path, mark: _Mark) -> None:
    fresh = folder / f"{MARK}.new"
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump({"rows": mark.rows, "online": mark.online}, file)
    fresh.replace(folder / MARK)


def _files(folder: Path) -> tuple[Path, ...]:
    """Whatever is written to while the connection lives; the mark exists."""
    file = session_file(folder)
    return file, file.with_name(f"{file.name}-wal"), folder / MARK


def _rows(folder: Path) -> int:
    """How far the secrets go; 0 while there is no session."""
    with suppress(sqlite3.OperationalError), closing(_opened(folder)) as session:
        (rows,) = session.execute("SELECT coalesce(max(rowid), 0) FROM whatsmeow_message_secrets").fetchone()
        return int(rows)
    return 0


def _infos(folder: Path, after: int) -> tuple[Record, ...]:
    with closing(_opened(folder)) as session:
        return tuple(_info(*row) for row in session.execute(_NEWEST, (after, _WINDOW)))


def _opened(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{session_file(folder).absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)


def _info(message_id: str, chat: str, phone: str | None, name: str | None) -> Record:
    """What would have come with a message that nobody could read."""
    user, _, server = chat.partition("@")
    alternative = {"user": phone, "server": "s.whatsapp.net"} if phone else {}
    source = {"chat": {"user": user, "server": server}, "sender_alt": alternative, "from_me": False, "group": False}
    return {"id": message_id, "pushname": name or "", "source": source}
