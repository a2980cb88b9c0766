"""What an unclean end of the gateway leaves behind, read from session files as the library writes them."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standins.parts import START

from engine.connectors.whatsapp_web import losses
from engine.connectors.whatsapp_web.arrivals import read_lost
from engine.connectors.whatsapp_web.losses import Loss
from engine.connectors.whatsapp_web.repeats import Repeats, repeat_of
from engine.connectors.whatsapp_web.sessions import MARK, forget, session_file

_ANA, _BOB, _OURS, _GROUP = "628123456789@s.whatsapp.net", "77700077700@lid", "628999000111@s.whatsapp.net", "1@g.us"
_TABLES = """
CREATE TABLE whatsmeow_message_secrets (
    our_jid TEXT, chat_jid TEXT, sender_jid TEXT, message_id TEXT, key bytea NOT NULL,
    PRIMARY KEY (our_jid, chat_jid, sender_jid, message_id));
CREATE TABLE whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL);
CREATE TABLE whatsmeow_contacts (our_jid TEXT, their_jid TEXT, push_name TEXT, PRIMARY KEY (our_jid, their_jid));
INSERT INTO whatsmeow_lid_map VALUES ('77700077700', '628111111111');
INSERT INTO whatsmeow_contacts VALUES ('us', '628123456789@s.whatsapp.net', 'Ana');
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A session in which nobody has written yet."""
    with closing(sqlite3.connect(session_file(tmp_path))) as session:
        session.executescript(_TABLES)
    return tmp_path


def _write(folder: Path, *messages: tuple[str, str, str]) -> None:
    """What the library notes of messages: the chat, who wrote, and the id."""
    with closing(sqlite3.connect(session_file(folder))) as session, session:
        session.executemany("INSERT INTO whatsmeow_message_secrets VALUES ('us', ?, ?, ?, x'00')", messages)


def _die_online(folder: Path) -> None:
    """A gateway begins, is online, and is never heard of again."""
    assert losses.begin(folder) is None
    losses.note_online(folder)


def _ids(loss: Loss | None) -> list[Any]:
    assert loss is not None
    return [info["id"] for info in loss.infos]


def test_what_came_since_the_gateway_began_may_be_lost(folder: Path) -> None:
    """Clients' messages only, the oldest first, with what is known of who wrote; not what came before."""
    _write(folder, (_ANA, _ANA, "A1"))
    _die_online(folder)
    written = [(_ANA, _ANA, "A2"), (_ANA, _OURS, "O1"), (_GROUP, _ANA, "G1"), (_BOB, _BOB, "B1")]
    _write(folder, *written)
    loss = losses.begin(folder)
    assert _ids(loss) == ["A2", "B1"]
    assert loss is not None
    received = read_lost("main", loss.infos, START)
    assert received is not None
    assert [
        (one.event.conversation_id, one.event.client.phone, one.event.client.display_name, one.event.message.kind)
        for one in received.inbounds
    ] == [
        ("wa-628123456789", "+628123456789", "Ana", "undecryptable"),
        ("wa-628111111111", "+628111111111", None, "undecryptable"),
    ]
    assert read_lost("main", (), START) is None


def test_only_the_newest_can_be_lost(folder: Path) -> None:
    """The library holds a hundred; everything earlier it has handed over."""
    _die_online(folder)
    _write(folder, *((_ANA, _ANA, f"A{number}") for number in range(300)))
    assert _ids(losses.begin(folder)) == [f"A{number}" for number in range(172, 300)]


def test_it_is_found_until_it_is_in_the_journal(folder: Path) -> None:
    """An end before that finds the same again, and an end after it only what is new."""
    _die_online(folder)
    _write(folder, (_ANA, _ANA, "A1"))
    assert _ids(losses.begin(folder)) == ["A1"]
    loss = losses.begin(folder)
    assert loss is not None
    _write(folder, (_ANA, _ANA, "A2"))
    losses.settle(folder, loss, online=True)
    assert _ids(losses.begin(folder)) == ["A2"]


@pytest.mark.parametrize("online", [True, False])
def test_an_end_in_good_order_loses_nothing(folder: Path, *, online: bool) -> None:
    """Neither does one that was never connected, in good order or not."""
    assert losses.begin(folder) is None
    if online:
        losses.note_online(folder)
        losses.end(folder)
    _write(folder, (_ANA, _ANA, "A1"))
    assert losses.begin(folder) is None
    losses.end(folder)
    losses.end(folder)


def test_a_mark_that_a_loss_of_power_cut_off_counts(folder: Path) -> None:
    """One ran, and how far it came is not known: the newest are offered, of which the journal knows what it has."""
    (folder / MARK).write_bytes(b"")
    _write(folder, (_ANA, _ANA, "A1"))
    assert _ids(losses.begin(folder)) == ["A1"]


def test_a_session_that_is_gone_leaves_the_moment(folder: Path) -> None:
    """Without its file nobody can name a message; the end is told all the same."""
    _die_online(folder)
    session_file(folder).unlink()
    loss = losses.begin(folder)
    assert _ids(loss) == []
    assert loss is not None
    assert loss.at == datetime.fromtimestamp((folder / MARK).stat().st_mtime, UTC)


def test_a_session_that_is_forgotten_takes_its_mark_along(folder: Path) -> None:
    """A phone that is linked anew begins with nothing."""
    _die_online(folder)
    forget(folder)
    assert losses.begin(folder) is None
    losses.end(folder)
    losses.note_online(folder)
    assert not (folder / MARK).exists()


_ERROR = "received message with old counter"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"Ignoring message A1 from {_ANA}: {_ERROR}", ("A1", "628123456789", "s.whatsapp.net")),
        (f"Ignoring message A1 from {_BOB}: {_ERROR}", ("A1", "77700077700", "lid")),
        (f"Ignoring message A1 from 77700077700:3@lid in {_BOB}: {_ERROR}", ("A1", "77700077700", "lid")),
        (f"Ignoring message A1 from {_OURS} in {_ANA}: {_ERROR}", None),
        (f"Ignoring message A1 from {_ANA} in {_GROUP}: {_ERROR}", None),
        (f"Error decrypting message A1 from {_ANA}: x", None),
    ],
    ids=["number", "hidden", "another device", "ours", "group", "another line"],
)
def test_a_message_that_is_left_out_is_recognised(line: str, found: tuple[str, str, str] | None) -> None:
    """By its id and its chat, where a client wrote it."""
    assert repeat_of(line) == (found and (found[0], {"user": found[1], "server": found[2]}))


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Ids of what was left out according to the library's log."""
    found: list[str] = []
    repeats = Repeats(lambda name, _chat: found.append(name))
    repeats.heed()
    yield found
    logging.getLogger("whatsmeow.Client").removeHandler(repeats)


def test_the_librarys_log_is_heard(heard: list[str]) -> None:
    """Whatever else it says is left alone."""
    log = logging.getLogger("whatsmeow.Client")
    log.warning("Ignoring message %s from %s: %s", "A1", _ANA, _ERROR)
    log.warning("Failed to handle something")
    assert heard == ["A1"]
