"""`engine audit` against a live daemon: searched, exported, verified."""

import json
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from standins.inprocess import LiveDaemon, live_daemon
from standins.processes import wait_until

from engine.cli import main

SEED = "I have issues with my 3CX, I can't make outbound calls"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """One daemon with two routed messages for the whole module."""
    with live_daemon(tmp_path_factory.mktemp("audit")) as live:
        for number in range(2):
            live.post(f"m{number}", SEED, f"wa-{number}")
        wait_until(lambda: len(live.said) == 4, "both clients are answered and both requests posted")
        wait_until(lambda: rows(live) == 8, "the audit knows of it")
        yield live


def rows(live: LiveDaemon) -> int:
    """How many rows the audit has; read beside the daemon."""
    connection = apsw.Connection(str(live.config.parent / "state/journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        ((number,),) = connection.execute("SELECT count(*) FROM audit").fetchall()
        return int(str(number))
    finally:
        connection.close()


def asked(daemon: LiveDaemon, *words: str) -> int:
    return main(["audit", *words, "--config", str(daemon.config)])


def test_a_search_names_what_happened(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """By a part of anything that a row holds, newest first; never a client's words or number."""
    assert asked(daemon, "search", "oc-") == 0
    shown = capsys.readouterr().out
    assert shown.count("OC-") == 6
    assert "rule=voip-outbound" in shown
    assert "3CX, I" not in shown
    assert "+2547" not in shown


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        pytest.param(["--kind", "received"], ["received"] * 2, id="kind"),
        pytest.param(["voip-outbound"], ["decided"] * 2, id="text"),
        pytest.param(["--kind", "escalated", "--limit", "1"], ["escalated"], id="limit"),
        pytest.param(["--until", "2001-01-01", "--since", "2000-06-01"], [], id="another time"),
        pytest.param(["--until", "1d"], [], id="before yesterday"),
        pytest.param(["no such thing"], [], id="nothing"),
    ],
)
def test_a_search_is_narrowed(
    daemon: LiveDaemon, capsys: pytest.CaptureFixture[str], words: list[str], kinds: list[str]
) -> None:
    """By kind, text, time and number; nothing found is exit code 1."""
    assert asked(daemon, "search", *words, "--format", "json") == (0 if kinds else 1)
    assert [row["kind"] for row in json.loads(capsys.readouterr().out)] == kinds


def test_nothing_found_says_where_was_looked(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """The default looks at a month only."""
    assert asked(daemon, "search", "no such thing") == 1
    assert "the last 30 days" in capsys.readouterr().out


def test_a_whole_audit_is_whole(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Its end is printed, to be noted; an end that was noted before is met, another one is not."""
    assert asked(daemon, "verify") == 0
    shown = capsys.readouterr().out
    head = shown.split()[-1]
    assert shown.startswith("The audit is whole: 8 rows, head ")
    assert asked(daemon, "verify", "--head", head.upper()) == 0
    assert asked(daemon, "verify", "--head", "ab" * 32) == 1
    assert f"no row has the digest {'ab' * 32}" in capsys.readouterr().out


def test_an_export_is_verified_without_the_daemon(
    daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a row, readable for the owner only; an existing file is never overwritten."""
    file = tmp_path / "audit.jsonl"
    assert asked(daemon, "export", "--output", str(file)) == 0
    command = capsys.readouterr().out.partition("`engine ")[2].partition("`")[0]
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(command.split()) == 0
    assert "whole: 8 rows" in capsys.readouterr().out
    assert asked(daemon, "export") == 0
    assert capsys.readouterr().out == file.read_text()
    assert asked(daemon, "export", "--output", str(file)) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda lines: [*lines[:2], *lines[3:]], "row 4 does not follow", id="a row less"),
        pytest.param(
            lambda lines: [line.replace("voip-outbound", "another") for line in lines], "does not follow", id="changed"
        ),
        pytest.param(lambda lines: lines[:-1], "no row has the digest", id="the newest missing"),
    ],
)
def test_damage_is_told(
    daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object, told: str
) -> None:
    """With the row that does not follow, and exit code 1."""
    assert callable(damage)
    assert asked(daemon, "export") == 0
    lines = capsys.readouterr().out.splitlines()
    head = json.loads(lines[-1])["chain"]
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(damage(lines)))
    assert main(["audit", "verify", str(file), "--head", head]) == 1
    assert told in capsys.readouterr().out


def test_much_damage_is_told_in_short(daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dozen broken rows, ten of them named; rows without a digest are counted."""
    assert asked(daemon, "export") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    broken = [{**line, "kind": "x"} for line in lines] * 2 + [{**lines[0], "chain": None}]
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(map(json.dumps, broken)))
    assert main(["audit", "verify", str(file)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("does not follow") == 10
    assert "there may be more" in shown
    assert "1 newest rows of an older engine are not linked yet" in shown


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"hello", ":1 is no row of `engine audit export`", id="text"),
        pytest.param(b'{"seq": 1}', ":1 is no row", id="another object"),
        pytest.param(b"[]", ":1 is no row", id="a list"),
        pytest.param(b"\xff\xfe", "is no file of `engine audit export`", id="bytes"),
        pytest.param(None, "cannot be read: no such file", id="none"),
    ],
)
def test_another_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, told: str
) -> None:
    """With the place and what was wanted."""
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    assert main(["audit", "verify", str(file)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["search", "--limit", "0"], "--limit must be at least 1", id="limit"),
        pytest.param(["search", "--since", "soon"], "neither a span", id="since"),
        pytest.param(["verify", "--head", "12"], "64 hexadecimal digits", id="head"),
    ],
)
def test_wrong_words_are_refused(
    daemon: LiveDaemon, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    """With what was wanted, and exit code 2."""
    assert asked(daemon, *words) == 2
    assert told in capsys.readouterr().err


def test_a_shortened_audit_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows that were removed beside the daemon: the number that was written is known apart from them."""
    with live_daemon(tmp_path) as live:
        live.post("m1", SEED)
        wait_until(lambda: len(live.said) == 2, "the message is routed")
        wait_until(lambda: rows(live) == 4, "the audit knows of it")
        connection = apsw.Connection(str(live.config.parent / "state/journal.db"))
        connection.execute("DELETE FROM audit WHERE seq > 2")
        connection.close()
        assert asked(live, "verify") == 1
    assert "4 rows were written and 2 are there" in capsys.readouterr().out
