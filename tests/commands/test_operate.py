"""The operators' commands against a live daemon."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from standins.inprocess import LiveDaemon, live_daemon

from engine.cli import main
from engine.connectors.console import shown as shown_text
from engine.core.deliveries import Claimed

SEED = "I have issues with my 3CX, I can't make outbound calls"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """One daemon with one routed message for the whole module."""
    with live_daemon(tmp_path_factory.mktemp("operate")) as live:
        assert live.post("m1", SEED).json() == {"accepted": 1, "duplicates": 0}
        deadline = monotonic() + 20
        while len(live.said) < 2:
            assert monotonic() < deadline
            sleep(0.01)
        yield live


def awaited(daemon: LiveDaemon, number: int) -> list[Claimed]:
    """What the daemon has said, once that is as much as expected."""
    deadline = monotonic() + 20
    while len(daemon.said) < number:
        assert monotonic() < deadline
        sleep(0.01)
    assert len(daemon.said) == number
    return daemon.said


def asked(daemon: LiveDaemon, *words: str) -> int:
    return main([*words, "--config", str(daemon.config)])


def test_status_is_one_page(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Version, rules, the kill switch and each connector."""
    assert asked(daemon, "status") == 0
    shown = capsys.readouterr().out
    assert "acknowledge" in shown
    assert "mattermost" in shown
    assert "ready" in shown


def test_status_as_json_is_for_scripts(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """The same facts with stable keys."""
    assert asked(daemon, "status", "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["paused"] is False
    assert answer["failing"] == []
    assert answer["unrouted"] == 0


def test_the_list_of_incidents_masks_clients(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists end up in tickets and screenshots, so they hold neither number nor name."""
    assert asked(daemon, "incidents", "list") == 0
    shown = capsys.readouterr().out
    assert "OC-2" in shown
    assert "3CX outbound calls failing" in shown
    assert "+254700000001" not in shown
    assert "Jackson" not in shown


def test_one_incident_is_shown_whole(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for one ticket gets everything about it: text, rule, reasons, deliveries, audit."""
    assert asked(daemon, "incidents", "list", "--format", "json") == 0
    ticket = json.loads(capsys.readouterr().out)[0]["ticketId"]
    assert asked(daemon, "incidents", "show", ticket) == 0
    shown = capsys.readouterr().out
    assert SEED in shown
    assert "voip-outbound" in shown
    assert "acknowledged" in shown
    assert asked(daemon, "incidents", "show", ticket, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["decisions"][0]["rule"] == "voip-outbound"


def test_an_unknown_ticket_is_told(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and where to look."""
    assert asked(daemon, "incidents", "show", "OC-1999-0001") == 1
    assert capsys.readouterr().err == (
        'engine: no incident "OC-1999-0001": `engine incidents list` shows the tickets\n'
    )


def test_an_unknown_status_is_a_usage_error(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """The words that exist are listed."""
    assert asked(daemon, "incidents", "list", "--status", "opened") == 2
    assert 'there is no state "opened": one of open, claimed, resolved, lapsed' in capsys.readouterr().err


def test_nothing_to_list_is_said(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would look like a fault."""
    assert asked(daemon, "incidents", "list", "--status", "resolved") == 0
    assert capsys.readouterr().out == "no incidents\n"


def test_deliveries_are_listed_and_only_dead_ones_redriven(
    daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was sent cannot be sent again by a slip."""
    assert asked(daemon, "deliveries", "list") == 0
    assert "acknowledgement" in capsys.readouterr().out
    assert asked(daemon, "deliveries", "list", "--format", "json") == 0
    delivery = json.loads(capsys.readouterr().out)[0]
    assert asked(daemon, "deliveries", "redrive", delivery["id"]) == 2
    assert "only dead and held ones can be redriven" in capsys.readouterr().err
    assert asked(daemon, "deliveries", "redrive", "nothing") == 1
    capsys.readouterr()
    assert asked(daemon, "deliveries", "redrive", delivery["id"], "--reason", "call +254700000001") == 2
    assert "looks like a phone number" in capsys.readouterr().err


def test_a_delivery_is_shown_with_its_text_and_history(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for one delivery gets what was said, to whom, and what the audit knows of it."""
    assert asked(daemon, "deliveries", "list", "--format", "json") == 0
    post = next(one for one in json.loads(capsys.readouterr().out) if one["kind"] == "escalation")
    assert asked(daemon, "deliveries", "show", post["id"]) == 0
    shown = capsys.readouterr().out
    assert "New WhatsApp Client Request" in shown
    assert "Client: Jackson (+254700000001)" in shown
    assert "escalated" in shown
    assert asked(daemon, "deliveries", "show", post["id"], "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["state"], answer["doubtful"], answer["ahead"], answer["receipts"]) == ("sent", False, 0, [])
    assert [row["kind"] for row in answer["audit"]] == ["escalated"]
    assert asked(daemon, "deliveries", "show", "nothing") == 1
    assert "`engine deliveries list` shows the ids" in capsys.readouterr().err


def test_a_delivery_is_dropped_with_a_reason_and_only_what_is_not_sent(
    daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is for the audit, which keeps no client's number; what was sent cannot be given up."""
    assert asked(daemon, "deliveries", "list", "--format", "json") == 0
    delivery = json.loads(capsys.readouterr().out)[0]["id"]
    assert asked(daemon, "deliveries", "drop", delivery, "--reason", "not needed") == 2
    assert "only what waits, is dead or held can be dropped" in capsys.readouterr().err
    assert asked(daemon, "deliveries", "drop", delivery, "--reason", "ask +254700000001") == 2
    assert "looks like a phone number" in capsys.readouterr().err
    assert asked(daemon, "deliveries", "drop", delivery, "--reason", " ") == 2
    assert "a reason of one line is needed" in capsys.readouterr().err
    assert asked(daemon, "deliveries", "drop", "nothing", "--reason", "not needed") == 1


def test_pause_and_resume_turn_the_kill_switch(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """The state shows in `engine status`."""
    assert asked(daemon, "pause") == 0
    assert asked(daemon, "status") == 0
    assert "paused" in capsys.readouterr().out
    assert asked(daemon, "resume") == 0
    assert asked(daemon, "status", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["paused"] is False


def test_reload_waits_for_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 and the new hash for a good set; 1, the findings and the hash in force for a broken one."""
    main(["init", str(tmp_path / "work")])
    rules = tmp_path / "work" / "rules"
    with live_daemon(tmp_path, rules) as live:
        capsys.readouterr()
        assert asked(live, "reload") == 0
        assert capsys.readouterr().out.startswith("Reloaded: ")
        broken = rules / "95-broken.yaml"
        broken.write_text("schema: 1\nruels: []\n")
        assert asked(live, "reload") == 1
        shown = capsys.readouterr().err
        assert "95-broken.yaml:2:1" in shown
        assert "stays in force" in shown
        assert asked(live, "reload", "--wait") == 1
        broken.unlink()
        assert asked(live, "reload", "--wait") == 0
        assert asked(live, "reload") == 0
        # Two refusals of the same files and two sound reloads are two posts.
        first, second = (shown_text(claimed.body) for claimed in awaited(live, 2))
        assert first.startswith("Mattermost ~operations: **The rules on disk cannot be used.**")
        assert f"- {broken}:2:1 E131 a rules file has no" in first
        assert "ruels: []" not in first
        assert second.startswith("Mattermost ~operations: **Rules reloaded, ")


def test_reload_need_not_wait(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The daemon begins, and its status tells what became of it."""
    main(["init", str(tmp_path / "work")])
    rules = tmp_path / "work" / "rules"
    with live_daemon(tmp_path, rules) as live:
        (rules / "95-broken.yaml").write_text("schema: 1\nruels: []\n")
        capsys.readouterr()
        assert asked(live, "reload", "--no-wait") == 0
        assert "engine status" in capsys.readouterr().out
        awaited(live, 1)
        assert asked(live, "status") == 0
        assert "the last good set is in force" in " ".join(capsys.readouterr().out.split())


def test_a_start_with_broken_rules_is_told_to_the_operators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In their channel and in the status; it is told once, however often the daemon is started."""
    main(["init", str(tmp_path / "work")])
    rules = tmp_path / "work" / "rules"
    with live_daemon(tmp_path, rules):
        pass
    (rules / "95-broken.yaml").write_text("schema: 1\nruels: []\n")
    with live_daemon(tmp_path, rules) as live:
        (said,) = awaited(live, 1)
        assert shown_text(said.body).startswith("Mattermost ~operations: **Started with the last good rules (")
        capsys.readouterr()
        assert asked(live, "status") == 0
        assert "the last good set is in force" in " ".join(capsys.readouterr().out.split())
    with live_daemon(tmp_path, rules) as live:
        (rules / "95-broken.yaml").unlink()
        assert asked(live, "reload") == 0
        (said,) = awaited(live, 1)
        assert shown_text(said.body).startswith("Mattermost ~operations: **Rules reloaded, ")


def test_without_a_daemon_every_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and what to check."""
    with live_daemon(tmp_path) as live:
        config = live.config
    assert main(["status", "--config", str(config)]) == 1
    assert "the daemon does not answer" in capsys.readouterr().err
