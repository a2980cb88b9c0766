"""`engine rules publish` against a live daemon, alone on SQLite and among others on PostgreSQL."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from commands.pasts import RULES, write_rules
from standins import postgres
from standins.inprocess import LiveDaemon, live_daemon

from engine.cli import main
from engine.commands import publish
from engine.ruleset import packing


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """One daemon with a journal of its own for the whole module."""
    folder = tmp_path_factory.mktemp("publish")
    with live_daemon(folder, write_rules(folder, RULES)) as live:
        yield live


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Rules that differ from the daemon's own."""
    return write_rules(tmp_path / "other", RULES.replace("priority: high", "priority: low"))


def asked(daemon: LiveDaemon, *words: object) -> int:
    return main([*map(str, words), "--config", str(daemon.config)])


def status(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert asked(daemon, "status", "--format", "json") == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_a_folder_is_published_shown_and_withdrawn(
    daemon: LiveDaemon, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that an operator asks says where the rules come from."""
    own = status(daemon, capsys)["rulesetSha"]
    assert asked(daemon, "rules", "publish", other) == 0
    shown = capsys.readouterr()
    (sha,) = re.findall(r"Published: ([0-9a-f]{64})\.\n", shown.out)
    assert (shown.out, shown.err) == (f"Published: {sha}.\n  main  runs {sha[:12]}\n", "")
    assert asked(daemon, "status") == 0
    shown = capsys.readouterr()
    assert re.search(rf"rules +\d+ rules, {sha}, published at \S+Z by node main\n", shown.out)
    assert "last seen" not in shown.out
    assert asked(daemon, "reload") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Reloaded: {sha} is in force."
    assert re.fullmatch(
        r"It was published at \S+Z by node main; the files of this node do not count until `engine rules publish` "
        r"publishes them or `engine rules publish --withdraw` returns to them\.",
        lines[1],
    )

    assert asked(daemon, "rules", "publish", "--withdraw") == 0
    line = f"main  runs {str(own)[:12]} from its files"
    assert capsys.readouterr().out == f"Withdrawn: every node returns to its own files.\n  {line}\n"
    assert asked(daemon, "status") == 0
    assert f"{own}, from files\n" in capsys.readouterr().out
    assert asked(daemon, "rules", "publish", "--withdraw") == 1
    assert capsys.readouterr().err == "engine: no rules are published: every node runs its own files already\n"


def test_without_a_folder_the_files_of_the_configuration_are_published(
    daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the node runs by itself becomes what all of them run."""
    own = status(daemon, capsys)["rulesetSha"]
    assert asked(daemon, "rules", "publish") == 0
    published = status(daemon, capsys)["published"]
    assert isinstance(published, dict)
    assert (published["sha"], published["node"]) == (own, "main")
    assert asked(daemon, "rules", "publish", "--withdraw") == 0


def test_warnings_are_shown_and_stop_nothing(
    daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with a reload."""
    rules = write_rules(
        tmp_path / "other", RULES.replace("    channel: voip\n", "    channel: voip\n    also: [voip]\n")
    )
    assert asked(daemon, "rules", "publish", rules) == 0
    assert "  warning  W506" in capsys.readouterr().err
    assert asked(daemon, "rules", "publish", "--withdraw") == 0


def test_broken_rules_are_shown_and_nothing_is_published(
    daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and the findings, before the daemon is asked."""
    broken = write_rules(tmp_path / "other", RULES.replace("priority: high", "priority: hihg"))
    assert asked(daemon, "rules", "publish", broken) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert 'did you mean "high"?' in shown.err
    assert shown.err.endswith(f"engine: the rules in {broken} cannot be used: mend the findings above first\n")
    assert status(daemon, capsys)["published"] is None


def test_a_daemon_may_refuse_what_the_command_finds_good(
    daemon: LiveDaemon, other: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be of different versions; the daemon, which has to work by the rules, has the last word."""
    monkeypatch.setattr(packing, "pack", lambda _files: "[]")
    own = status(daemon, capsys)["rulesetSha"]
    assert asked(daemon, "rules", "publish", other) == 1
    assert capsys.readouterr().err == (
        "the published set  error  E211  this is no set of rules files\n"
        "      publish a folder with `engine rules publish` of the same version\n"
        f"engine: the daemon refuses these rules and nothing is published; {own} stays in force\n"
    )
    assert status(daemon, capsys)["published"] is None


def test_a_set_that_is_too_large_is_refused(
    daemon: LiveDaemon, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says how much it is, how much may be, and what to do."""
    for number in range(17):
        (other / f"9{number}-more.yaml").write_text("schema: 1\n# " + "x" * 1_000_000)
    assert asked(daemon, "rules", "publish", other) == 1
    (size,) = re.findall(
        r"^engine: the rules and templates have (17,\d{3},\d{3}) bytes; at most 16,777,216 can be published: "
        r"leave out what no rule needs any more\n$",
        capsys.readouterr().err,
    )
    assert size
    assert status(daemon, capsys)["published"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("nowhere",), 2, "engine: nowhere does not exist", id="no folder"),
        pytest.param(
            ("rules", "--withdraw"),
            2,
            "engine: --withdraw returns to the nodes' own files: leave out the folder\n",
            id="a folder to withdraw",
        ),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    daemon: LiveDaemon, words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing happens, and a sentence says why."""
    assert asked(daemon, "rules", "publish", *words) == code
    assert capsys.readouterr().err.startswith(said)
    assert status(daemon, capsys)["published"] is None


def test_without_a_daemon_nothing_is_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the daemon writes into the journal."""
    (tmp_path / "engine.yaml").write_text("connectors: {desk: {type: console}}\n")
    write_rules(tmp_path, RULES)
    assert main(["rules", "publish", "--config", str(tmp_path / "engine.yaml")]) == 1
    assert "the daemon does not answer at" in capsys.readouterr().err


def test_each_node_is_waited_for_and_those_behind_are_named(
    tmp_path: Path, other: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is silent, one cannot use the rules, one was told other rules meanwhile: one line for each, exit code 1."""
    monkeypatch.setattr(publish, "_PATIENCE_S", 0.5)
    address = postgres.shared().schema("publishing")
    now = int(datetime.now(UTC).timestamp() * 1e6)  # noqa: TID251 - the daemon reads the machine's clock, too

    def say(node: str, publication: int, problem: str = "") -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("DELETE FROM nodes WHERE node = %s", (node,))
            connection.execute(
                "INSERT INTO nodes VALUES (%s, %s, %s, %s, %s, %s)", (node, "f" * 64, publication, now, now, problem)
            )

    with live_daemon(tmp_path, write_rules(tmp_path, RULES), f'journal: "{address}"\nnode: a\n') as daemon:
        say("bb", 0)
        say("c", 1, "the published rules cannot be used here")
        say("d", 2)
        assert asked(daemon, "rules", "publish", other) == 1
        shown = capsys.readouterr()
        lines = shown.out.splitlines()
        assert re.fullmatch(r"  a   runs [0-9a-f]{12}", lines[1])
        assert re.fullmatch(r"  bb  still runs f{12}; last seen at \S+Z", lines[2])
        assert lines[3] == "  c   runs ffffffffffff: the published rules cannot be used here"
        assert lines[4] == "  d   runs ffffffffffff: other rules were published meanwhile"
        assert shown.err == "engine: not every node does what was asked: bb, c, d; `engine status` tells more\n"
        assert asked(daemon, "status") == 0
        table = capsys.readouterr().out
        assert re.search(r"\nbb +f{12} +\S+Z +\S+Z +other rules *\n", table)
        assert re.search(r"\nc +f{12} +\S+Z +\S+Z +the published rules cannot be used here *\n", table)
        assert asked(daemon, "rules", "publish", "--withdraw") == 1
        assert "bb  runs ffffffffffff from its files" in capsys.readouterr().out


def test_a_node_that_cannot_use_what_is_published_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`engine status` never passes other rules off as the published ones, and a reload ends with 1."""
    address = postgres.shared().schema("unusable")
    with live_daemon(tmp_path, write_rules(tmp_path, RULES), f'journal: "{address}"\nnode: a\n') as daemon:
        own = status(daemon, capsys)["rulesetSha"]
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("INSERT INTO rulesets (sha, published_at, node, files) VALUES ('ff', 0, 'b', '[]')")
        assert asked(daemon, "reload") == 1
        assert capsys.readouterr().err.endswith(f"the last good set {own} stays in force\n")
        assert asked(daemon, "status") == 0
        shown = capsys.readouterr().out
        assert f"rules, {own}, not those published at 1970-01-01T00:00:00Z by node b\n" in shown
        problem = "the published rules cannot be used here, others are in force: the published set E211"
        assert re.search(rf"\n +{problem} .*\n", shown)
        assert re.search(rf"\na +{str(own)[:12]} .* {problem}", shown)


def test_without_its_journal_a_node_keeps_what_was_published(
    tmp_path: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows then what is published, so a reload changes nothing and says why; later all goes on."""
    server = postgres.Server()
    server.start()
    try:
        extra = f'journal: "{server.schema("alone")}"\nnode: a\n'
        with live_daemon(tmp_path, write_rules(tmp_path, RULES), extra) as daemon:
            assert asked(daemon, "rules", "publish", other) == 0
            server.kill()
            assert asked(daemon, "reload") == 70
            assert "engine: the journal cannot be used: " in capsys.readouterr().err
            assert asked(daemon, "reload", "--no-wait") == 0
            server.start()
            assert asked(daemon, "reload") == 0
            assert "It was published at" in capsys.readouterr().out
    finally:
        server.stop()
