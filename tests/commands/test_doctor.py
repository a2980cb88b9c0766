"""`engine doctor` as a whole: its lines, engine.yaml with its secrets, the daemon, the rules."""

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from commands.examined import NOW, SECRETS, STATUS, WEB, installation, lines
from standins.inprocess import CONFIG, TOKEN, write_config

from engine.cli import main
from engine.commands import doctor
from engine.commands.doctor import (
    chats,
    installations,
    journals,
    rulesets,
)
from engine.commands.doctor.findings import Finding, Level, finding, show, show_json
from engine.connectors.mattermost.examinations import Examination

Captured = pytest.CaptureFixture[str]


def test_findings_are_lines_and_objects() -> None:
    """A sentence of the engine's is what was found and, after its colon, what to do."""
    found = (
        Finding("disk", Level.OK, "all is well"),
        finding("mattermost", Level.FAIL, "~noc is archived: unarchive it: soon"),
        Finding("clock", Level.SKIP, "nobody\ntells"),
    )
    assert show(found) == (
        "ok    disk        all is well\n"
        "fail  mattermost  ~noc is archived: unarchive it: soon\n"
        "skip  clock       nobody tells\n"
        "\n"
        "1 ok, 0 to look at, 1 failed, 1 not looked at\n"
    )
    assert show(()) == "\n0 ok, 0 to look at, 0 failed, 0 not looked at\n"
    assert '"advice": "unarchive it: soon"' in show_json(found)
    assert '"advice": null' in show_json(found)
    assert '"ok": true' in show_json(found[:1])


def test_a_configuration_is_told_with_its_warnings(tmp_path: Path) -> None:
    """The file, what it is for, what is doubtful about it."""
    assert lines(installations.configuration(installation(tmp_path))) == [
        f"ok configuration {tmp_path}/engine.yaml, development, 2 connectors: desk, screen",
        'warn configuration posts are printed, nobody is called: write the section "mattermost"',
    ]


def test_secrets_are_told_by_their_places(tmp_path: Path) -> None:
    """A missing one is a failure, unless a daemon runs, which has its own; no line tells any."""
    here = installation(tmp_path)
    assert lines(installations.secrets(here)) == ["ok secrets desk_token from the variable ENGINE_DESK_TOKEN"]
    lacking = (
        "fail secrets desk_token cannot be had, there is no systemd credential desk_token, and neither "
        "ENGINE_DESK_TOKEN_FILE nor ENGINE_DESK_TOKEN is set: provide it there, or name a folder with --credentials"
    )
    assert lines(installations.secrets(installation(tmp_path, environ={}))) == [lacking]
    assert lines(installations.secrets(installation(tmp_path, environ={}, status=STATUS))) == [
        (
            "skip secrets desk_token cannot be had here; the daemon, which runs, has its own: name a folder of secrets "
            "with "
            "--credentials to look"
        )
    ]


def test_a_folder_of_secrets_can_be_named(tmp_path: Path) -> None:
    """As systemd's own would be looked into."""
    config = write_config(tmp_path)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "desk_token").write_text("secret\n")
    found = installations.find(config, {}, tmp_path / "credentials")
    assert lines(installations.secrets(found)) == [
        f"ok secrets desk_token from the credential {tmp_path}/credentials/desk_token"
    ]


def test_a_daemon_is_told_as_it_tells(tmp_path: Path) -> None:
    """Not there, not telling, another version, paused, not ready, with something to look after."""
    assert lines(installations.daemon(installation(tmp_path), "0.4.0")) == [
        "warn daemon no daemon runs on this state folder: `systemctl start engine`"
    ]
    closed = "/s/control.sock belongs to the daemon's user: use sudo, or that user"
    assert lines(installations.daemon(installation(tmp_path, silent=closed), "0.4.0")) == [f"skip daemon {closed}"]
    ill = {
        **STATUS,
        "version": "0.3.0",
        "paused": True,
        "failing": ["mattermost: ~noc is archived: unarchive it", "starting"],
        "deliveries": {"main": {"dead": 2, "queued": 1}, "mattermost": {"held": 1}},
    }
    assert lines(installations.daemon(installation(tmp_path, status=ill), "0.4.0")) == [
        "ok daemon runs since 2026-02-12T10:15:30Z, version 0.3.0",
        "warn daemon this command is of version 0.4.0: `systemctl restart engine`",
        "warn daemon acknowledgements are paused: `engine resume`",
        "fail daemon mattermost is not ready, ~noc is archived: unarchive it",
        "fail daemon starting",
        "warn daemon 3 deliveries are dead or held: `engine deliveries list --state dead`",
    ]


async def test_a_socket_that_answers_nonsense_is_a_daemon_that_does_not_tell(tmp_path: Path) -> None:
    """Its journal is left alone."""
    config = write_config(tmp_path)
    (tmp_path / "state").mkdir()

    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    path = tmp_path / "state" / "control.sock"
    async with await asyncio.start_unix_server(other, path):
        found = await asyncio.to_thread(installations.find, config, SECRETS, None)
    assert (found.runs, found.silent) == (True, f"the daemon at {path} broke off; its log says why")
    assert lines(journals.journal(found, 5, Event()))[0] == (
        "skip journal the daemon that has it does not tell; a second look would disturb it"
    )


def test_rules_are_told_without_what_they_quote(tmp_path: Path) -> None:
    """Errors by place and sentence, at most five; warnings by their number."""
    main(["init", str(tmp_path / "work")])
    rules = tmp_path / "work" / "rules"
    (rules / "95-broken.yaml").write_text("schema: 1\nruels: []\n" + "".join(f"x{n}: []\n" for n in range(6)))
    text = CONFIG.replace("{rules}", str(rules))
    config = write_config(tmp_path, text=text)
    found = installations.find(config, SECRETS, None)
    told = lines(rulesets.rules(found, rulesets.read(found, NOW)))
    assert told[0].startswith(f'fail rules {rules}/95-broken.yaml:2:1 E131 a rules file has no section "ruels"') or (
        told[0].startswith(f"fail rules {rules}/95-broken.yaml:2:1 E131 ")
    )
    assert told[5].startswith("fail rules and ")
    assert len([line for line in told if line.startswith("fail")]) == 6


@pytest.mark.parametrize(
    ("status", "broken", "line"),
    [
        ({}, False, "ok rules the daemon runs the same"),
        ({"rulesProblem": "the rule files are broken"}, True, None),
        ({"rulesetSha": "b" * 64}, False, "warn rules the daemon still runs bbbbbbbbbbbb: `engine reload`"),
        (
            {"rulesetSha": "b" * 64},
            True,
            "warn rules the daemon still runs bbbbbbbbbbbb: mend them, then `engine reload`",
        ),
        (
            {"rulesetSha": "b" * 64, "published": {"at": "t"}},
            False,
            "ok rules the daemon runs published rules, bbbbbbbbbbbb, and not these files",
        ),
    ],
)
def test_the_daemon_s_rules_are_held_against_the_files(
    status: dict[str, Any], broken: object, line: str | None
) -> None:
    """The same, older ones, published ones, or the last good."""
    expected = line or "fail rules the rule files are broken: mend them, then `engine reload`"
    assert lines([rulesets.in_force({**STATUS, **status}, "a" * 64, broken=bool(broken))]) == [expected]


def test_the_whole_command_without_a_daemon(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """All subjects in one page, linked numbers included; 1 because no phone is linked."""
    config = write_config(tmp_path, text=CONFIG + WEB)
    monkeypatch.setenv("ENGINE_DESK_TOKEN", TOKEN)
    assert main(["doctor", "--config", str(config)]) == 1
    shown = capsys.readouterr().out
    subjects = [line.split()[1] for line in shown.splitlines()[:-2]]
    assert list(dict.fromkeys(subjects)) == [
        "configuration",
        "secrets",
        "daemon",
        "disk",
        "journal",
        "rules",
        "on-call",
        "mattermost",
        "clock",
        "main",
        "public",
        "systemd",
    ]


async def test_a_slow_mattermost_costs_no_other_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many people in many channels take many exchanges; what is known of rules and on-call is told all the same."""
    found = installation(tmp_path, "mattermost: {{url: 'http://127.0.0.1:1', team: support}}\n")

    async def too_long(*_: object) -> Examination:
        # What the end of the patience comes to, without waiting for it.
        raise TimeoutError

    monkeypatch.setattr(chats, "examine", too_long)
    told = lines(await doctor._look(found))
    assert "skip mattermost the look did not end within 30 s" in told
    assert [line for line in told if line.startswith("ok rules ")]
    assert "ok on-call every post calls @oncall, at any hour" in told


async def test_a_look_that_fails_or_lasts_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is said in its own line."""

    async def faulty() -> tuple[Finding, ...]:
        raise ValueError("I am +254712345678")

    async def endless() -> tuple[Finding, ...]:
        await doctor._aside(released.wait)
        return ()

    released = Event()
    assert lines(await doctor._bounded("disk", faulty())) == [
        "fail disk the look itself failed (ValueError): please report it"
    ]
    monkeypatch.setattr(doctor, "_PATIENCE_S", 0.01)
    assert lines(await doctor._bounded("journal", endless())) == ["skip journal the look did not end within 0.01 s"]
    released.set()
    with pytest.raises(ZeroDivisionError):
        await doctor._aside(lambda: 1 // 0)
