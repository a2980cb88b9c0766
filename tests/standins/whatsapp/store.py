"""The file in which neonize keeps an account: made by neonize itself, then given a device that is already linked."""

import functools
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from standins.whatsapp.binary import Jid
from standins.whatsapp.curves import KeyPair
from standins.whatsapp.sessions import Bundle, Keys

# Our own number in every test; nobody has it.
PHONE = "628999000111"
LID = "999000999"
DEVICE = 7
_PATIENCE_S = 60
# A client that cannot connect leaves an empty store behind.
_MAKE = """
import sys
from neonize._binder import ProxySettings
from neonize.client import NewClient
from neonize.exc import NeonizeError
try:
    NewClient(sys.argv[1]).connect(ProxySettings(sys.argv[2]))
except NeonizeError:
    pass
"""


@dataclass(frozen=True, slots=True)
class Account:
    """The linked device of ours, as WhatsApp and everybody who writes to us knows it."""

    bundle: Bundle
    phone: str = PHONE
    lid: str = LID

    @property
    def jid(self) -> Jid:
        return Jid(f"{self.phone}:{DEVICE}@s.whatsapp.net")

    @property
    def lid_jid(self) -> Jid:
        return Jid(f"{self.lid}:{DEVICE}@lid")


def write_blank(path: Path) -> None:
    """A store with its tables and no device, as before linking; like SQLite's files beside it, its owner's alone."""
    path.touch(0o600)
    path.write_bytes(_blank())


def write_paired(path: Path) -> Account:
    """A store of a device that was linked some time ago."""
    write_blank(path)
    keys, noise = Keys(), KeyPair.random()
    account = Account(keys.bundle)
    row = {
        "jid": account.jid,
        "lid": account.lid_jid,
        "registration_id": 77,
        "noise_key": noise.private,
        "identity_key": keys.identity.private,
        "signed_pre_key": keys.signed_prekey.private,
        "signed_pre_key_id": keys.bundle.signed_prekey_id,
        "signed_pre_key_sig": keys.signature,
        "adv_key": os.urandom(32),
        "adv_details": b"x",
        "adv_account_sig": bytes(64),
        "adv_account_sig_key": bytes(32),
        "adv_device_sig": bytes(64),
        "platform": "android",
        "business_name": "",
        "push_name": "Support",
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    with closing(sqlite3.connect(path)) as store, store:
        store.execute(f"INSERT INTO whatsmeow_device ({names}) VALUES ({marks})", [*map(_plain, row.values())])  # noqa: S608
    return account


def _plain(value: object) -> object:
    """SQLite takes no subclasses of str."""
    return str(value) if isinstance(value, str) else value


@functools.cache
def _blank() -> bytes:
    with tempfile.TemporaryDirectory() as folder, socket.socket() as closed:
        # Bound and not listening: connections are refused, and nobody else gets the port.
        closed.bind(("127.0.0.1", 0))
        path = Path(folder) / "blank.db"
        done = subprocess.run(
            [sys.executable, "-c", _MAKE, str(path), f"http://127.0.0.1:{closed.getsockname()[1]}"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        assert path.exists(), f"neonize made no store:\n{done.stdout}\n{done.stderr}"
        with closing(sqlite3.connect(path)) as store:
            # Whatever stands in a journal beside the file belongs into it.
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()
