"""`engine whatsapp`: linking a phone, looking at the links and unlinking, with a gateway that has no WhatsApp."""

import json
import os
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from standins.gateway import ONLINE, heard, launch, message, state
from standins.inprocess import LiveDaemon, live_daemon

from engine.cli import main
from engine.commands import whatsapp
from engine.connectors.whatsapp_web import Launch, linking
from engine.connectors.whatsapp_web.sessions import BACKUP, back_up, forget, is_linked, session_file

_QR: dict[str, Any] = {"tell": {"is": "code", "qr": "https://wa.me/settings/linked_devices#2@ref,noise,identity,adv"}}
_WEB = "connectors: {main: {type: whatsapp-web}, desk: {type: http}}\n"

Ask = Callable[..., int]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run `engine whatsapp …` with a gateway that lives this life."""
    config = tmp_path / "engine.yaml"
    config.write_text(_WEB)
    monkeypatch.setattr(linking, "_END_S", 1.0)

    def run(*words: str, life: list[dict[str, Any]] | None = None) -> int:
        command = launch(tmp_path, life or [ONLINE]).command
        monkeypatch.setattr(whatsapp, "Launch", partial(Launch, command=command))
        try:
            return main(["whatsapp", *words, "--config", str(config)])
        finally:
            monkeypatch.undo()

    return run


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The folder of the session of `main`."""
    return tmp_path / "state" / "whatsapp-main"


def _write_session(folder: Path, *devices: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(session_file(folder))) as file:
        file.execute("create table whatsmeow_device (jid text)")
        file.executemany("insert into whatsmeow_device values (?)", [(device,) for device in devices])
        file.commit()


def test_a_qr_code_links(ask: Ask, tmp_path: Path, session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The code is shown in the terminal and in a private file, which is gone when the code is over."""
    picture = tmp_path / "code.png"
    assert ask("link", "--png", str(picture), life=[_QR, _QR, state("paired"), ONLINE]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Scan the newest code") == 2
    assert "\u2588" in shown or "\u2584" in shown
    assert shown.endswith("Linked. Start the daemon; main connects by itself.\n")
    assert not picture.exists()
    assert [one["do"] for one in heard(session)] == ["link", "stop"]


def test_the_picture_is_private_and_whole(tmp_path: Path) -> None:
    """Who sees the code can link a device: the file is its owner's from the first byte on."""
    picture = tmp_path / "code.png"
    codes = whatsapp._Codes(picture)
    codes.show("qr", "one")
    first = picture.read_bytes()
    codes.show("qr", "two")
    assert picture.read_bytes() != first
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["code.png"]
    codes.remove()
    assert not picture.exists()


def test_a_code_to_type_links(ask: Ask, session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a number the phone's owner types what is shown."""
    steps = [{"tell": {"is": "code", "pairing": "ABCD-1234"}}, state("paired"), ONLINE]
    assert ask("link", "--phone", "+254712345678", life=steps) == 0
    assert "Type: ABCD-1234" in capsys.readouterr().out
    assert heard(session, "link")[0]["phone"] == "254712345678"


@pytest.mark.parametrize(
    ("life", "words"),
    [
        ([{"tell": {"is": "code", "refused": "phone"}}], "no code for this number"),
        ([_QR, {"tell": {"is": "code", "refused": "pair"}}], "the phone or WhatsApp refused"),
        ([_QR, state("logged_out")], "the phone or WhatsApp refused"),
        ([state("unreachable")], "WhatsApp cannot be reached"),
        ([state("outdated")], "install a newer version"),
        ([{"exit": 78}], "libmagic1"),
        ([{"exit": 75}], "another process uses this session"),
        ([{"die": signal.SIGABRT}], "ended by itself with -6"),
        ([{"write": "ffffffff"}], "ended by itself"),
    ],
    ids=["number", "refused", "logged out", "away", "outdated", "no library", "in use", "abort", "no frame"],
)
def test_what_went_wrong_is_said(
    ask: Ask, capsys: pytest.CaptureFixture[str], life: list[dict[str, Any]], words: str
) -> None:
    """Each end of linking has its sentence and exit code 1."""
    assert ask("link", life=life) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("life", [[_QR], [_QR, {"hang": 1}], [message("hi"), ONLINE]], ids=["idle", "stuck", "busy"])
def test_linking_ends_in_time(ask: Ask, capsys: pytest.CaptureFixture[str], life: list[dict[str, Any]]) -> None:
    """Nobody scans, or the library hangs: the command ends, kills what hangs and names the passkey."""
    assert ask("link", "--timeout", "1", life=life) == 1
    assert "asked for a passkey" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--phone", "0712345678"], 2, "the account's number with its country"),
        (["--timeout", "0"], 2, "from 1 to 900"),
        (["--connector", "desk"], 1, 'no connector of type whatsapp-web is named "desk": there is main'),
        (["--png", "engine.yaml"], 2, "exists: name another file"),
    ],
    ids=["number", "time", "name", "file"],
)
def test_what_cannot_be_asked_is_said(
    ask: Ask,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    sentence: str,
) -> None:
    """A slip on the command line is answered before anything is started."""
    given = [str(tmp_path / word) if word == "engine.yaml" else word for word in words]
    assert ask("link", *given) == code
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "births").exists()


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("connectors: {desk: {type: http}}\n", 1, "has no connector of type whatsapp-web"),
        (
            "connectors: {a: {type: whatsapp-web}, b: {type: whatsapp-web}}\n",
            2,
            "name one connector with --connector: a, b",
        ),
    ],
    ids=["none", "two"],
)
def test_the_connector_must_be_clear(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, sentence: str
) -> None:
    """Without one, or with two and no name, the command says what there is."""
    (tmp_path / "engine.yaml").write_text(text)
    assert ask("link") == code
    assert sentence in capsys.readouterr().err


def test_a_linked_phone_is_not_linked_again(ask: Ask, session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second link would only replace the first: it has to be unlinked before."""
    _write_session(session, "1@s.whatsapp.net")
    assert ask("link") == 2
    assert "engine whatsapp logout --connector main" in capsys.readouterr().err


def test_status_without_a_daemon(ask: Ask, session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The session's file tells whether a phone is linked, and the exit code whether all are."""
    assert ask("status") == 1
    assert capsys.readouterr().out == "main: unlinked, run `engine whatsapp link --connector main`\n"
    _write_session(session, "1@s.whatsapp.net")
    assert ask("status", "--format", "json") == 0
    found = [{"connector": "main", "state": "linked", "problem": "the daemon does not run"}]
    assert json.loads(capsys.readouterr().out) == found


def test_logout_without_a_daemon(ask: Ask, session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway of its own connects and unlinks; without a link there is nothing to do."""
    assert ask("logout") == 1
    assert "no phone is linked for main" in capsys.readouterr().err
    _write_session(session, "1@s.whatsapp.net")
    assert ask("logout") == 0
    assert capsys.readouterr().out.startswith("Unlinked.")
    assert [one["do"] for one in heard(session)] == ["connect", "logout", "stop"]


@pytest.mark.parametrize(
    ("life", "words"),
    [
        ([ONLINE, {"wait": "logout"}, {"tell": {"is": "logged_out", "done": False}}], "the phone or WhatsApp refused"),
        ([state("no_device")], "no phone is linked"),
        ([{"exit": 3}], "ended by itself with 3"),
    ],
    ids=["refused", "unlinked", "ended"],
)
def test_logout_may_fail(
    ask: Ask, session: Path, capsys: pytest.CaptureFixture[str], life: list[dict[str, Any]], words: str
) -> None:
    """Where WhatsApp was not told, the command says so."""
    _write_session(session, "1@s.whatsapp.net")
    assert ask("logout", life=life) == 1
    assert words in capsys.readouterr().err


def test_a_gateway_that_cannot_start(ask: Ask, session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The system's refusal is told."""
    session.parent.mkdir()
    session.write_text("not a folder")
    assert ask("link") == 1
    assert "the gateway cannot be started: file exists" in capsys.readouterr().err


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """A daemon with a number that nobody has linked."""
    with live_daemon(tmp_path_factory.mktemp("linked"), extra="  main: {{type: whatsapp-web}}\n") as live:
        yield live


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["link"], 2, "the daemon runs and has the session: stop it first"),
        (["logout"], 2, "main is not connected: unlink the device on the phone"),
    ],
    ids=["link", "logout"],
)
def test_while_the_daemon_runs(
    daemon: LiveDaemon, capsys: pytest.CaptureFixture[str], words: list[str], code: int, sentence: str
) -> None:
    """Linking is refused, and unlinking goes through the daemon."""
    assert main(["whatsapp", *words, "--config", str(daemon.config)]) == code
    assert sentence in capsys.readouterr().err


def test_status_of_the_daemon(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """The state is the daemon's own, with what to do; a number that it does not know is named too."""
    assert main(["whatsapp", "status", "--config", str(daemon.config)]) == 1
    assert capsys.readouterr().out.startswith(("main: unlinked, no phone is linked", "main: connecting, "))
    text = daemon.config.read_text()
    daemon.config.write_text(text + "  late: {type: whatsapp-web}\n")
    assert main(["whatsapp", "status", "--connector", "late", "--config", str(daemon.config)]) == 1
    assert capsys.readouterr().out == "late: unknown, the daemon was started with another engine.yaml\n"
    assert main(["whatsapp", "logout", "--connector", "late", "--config", str(daemon.config)]) == 1
    assert 'no connector of type whatsapp-web is named "late"' in capsys.readouterr().err
    daemon.config.write_text(text)


def test_a_session_tells_whether_a_phone_is_linked(tmp_path: Path) -> None:
    """A device in it means linked; a file without one does not; a damaged one was. Its copy is private."""
    assert not is_linked(tmp_path)
    with pytest.raises(sqlite3.OperationalError):
        back_up(tmp_path)
    assert not session_file(tmp_path).exists()
    session_file(tmp_path).write_text("no database")
    assert is_linked(tmp_path)
    session_file(tmp_path).write_text("")
    assert not is_linked(tmp_path)
    session_file(tmp_path).unlink()
    _write_session(tmp_path)
    assert not is_linked(tmp_path)
    forget(tmp_path)
    _write_session(tmp_path, "1@s.whatsapp.net")
    assert is_linked(tmp_path)
    back_up(tmp_path)
    back_up(tmp_path)
    with closing(sqlite3.connect(tmp_path / BACKUP)) as copy:
        assert copy.execute("select jid from whatsmeow_device").fetchall() == [("1@s.whatsapp.net",)]
    assert stat.S_IMODE((tmp_path / BACKUP).stat().st_mode) == 0o600
    forget(tmp_path)
    assert not is_linked(tmp_path)
    assert not (tmp_path / BACKUP).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_session_becomes_the_daemons(
    ask: Ask, tmp_path: Path, session: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where root links, the files get the owner of the state folder; where that cannot be, the command says so."""
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 12345, 12345)
    assert ask("link") == 0
    assert {path.stat().st_uid for path in (session, *session.iterdir())} == {12345}

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    assert ask("link") == 77
    assert "cannot be given to the daemon's user: operation not permitted" in capsys.readouterr().err
