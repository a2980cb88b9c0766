"""`engine backtest`: past messages through other rules, from a file and from a live daemon."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from commands.pasts import RULES, decision, event, write_lines, write_rules
from standins.inprocess import LiveDaemon, live_daemon

from engine.cli import main


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_rules(tmp_path / "now")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The same rules, except that calls are urgent and go to triage, and slow ones are acknowledged by nobody."""
    changed = RULES.replace("priority: high\n    channel: voip", "priority: urgent").replace(
        "tags: [slow]", "tags: [speed]\n    ack: none"
    )
    return write_rules(tmp_path / "other", changed)


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    return write_lines(
        tmp_path / "past.jsonl",
        event("Jackson here: call 0712 345 678, it can't call", 1),
        event("calls fail", 2),
        "",
        event("it is slow since 2 days", 3),
        {"event": event("hello", 4), "followUp": True},
    )


def backtest(*words: object) -> int:
    return main(["backtest", *map(str, words)])


def test_two_folders_are_compared_on_the_same_messages(
    rules: Path, other: Path, messages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what changes, grouped, with excerpts that name nobody."""
    assert backtest("--from", messages, "--rules", rules, "--against", other) == 0
    assert capsys.readouterr().out == (
        f"""\
4 messages, 3 change ({rules} → {other})
In: priority 2, channel 2, ack 1, tags 1

2 messages: calls decides as before
    priority high → urgent
    channel voip → triage
      "… here: call ###…##, it can't call"
      "calls fail"

1 message: slow decides as before
    ack default → none
    tags + speed, - slow
      "it is slow since # days"
"""
    )


def test_the_words_of_clients_are_shown_when_asked_for(
    rules: Path, other: Path, messages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who asks for them gets them whole."""
    assert backtest("--from", messages, "--rules", rules, "--against", other, "--show-text") == 0
    assert '"Jackson here: call 0712 345 678, it can\'t call"' in capsys.readouterr().out


def test_another_summary_is_shown_in_the_examples(
    tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Masked like the text, because it may be the client's."""
    other = write_rules(tmp_path / "b", RULES.replace("    summary: Calls failing\n", ""))
    past = write_lines(tmp_path / "past.jsonl", event("call 0712345678"))
    assert backtest("--from", past, "--rules", rules, "--against", other) == 0
    assert '    another summary\n      "call ###…##"  summary: Calls failing → call ###…##\n' in capsys.readouterr().out


def test_rules_that_decide_the_same_change_nothing(
    rules: Path, messages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so."""
    assert backtest("--from", messages, "--rules", rules, "--against", rules) == 0
    assert capsys.readouterr().out == f"4 messages, none changes ({rules} → {rules})\n"


def test_what_was_decided_is_compared_with_the_rules_of_today(
    tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages whose text was erased or whose decision is unknown are counted and left out."""
    past = write_lines(
        tmp_path / "past.jsonl",
        {"event": event("call"), "decision": decision("last")},
        {"event": event("hello"), "decision": decision("last")},
        {"event": event("hello")},
        {"event": None, "decision": None},
    )
    assert backtest("--from", past, "--rules", rules) == 0
    assert capsys.readouterr().out == (
        f"""\
2 messages, 1 changes (what was decided → {rules})
1 message left out: the text was erased
1 message left out: no decision is known
In: rule 1, priority 1, channel 1, summary 1

1 message: last → calls
    priority normal → high
    channel triage → voip
    another summary
      "call"  summary: hello → Calls failing
"""
    )


def test_a_follow_up_is_decided_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The state of the conversation is that of the time."""
    text = RULES.replace("      - words: [slow]", "      - follow_up: true")
    text = text.replace("match: [slow], no_match: [hello]", "no_match: [hello]")
    past = write_lines(
        tmp_path / "past.jsonl",
        {"event": event("hello"), "decision": decision("last")},
        {"event": event("hello"), "decision": decision("last"), "followUp": True},
    )
    assert backtest("--from", past, "--rules", write_rules(tmp_path / "a", text)) == 0
    assert "1 message: last → slow\n" in capsys.readouterr().out


def test_programs_get_every_group_as_json(
    rules: Path, other: Path, messages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stable keys, masked too."""
    assert backtest("--from", messages, "--rules", rules, "--against", other, "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["messages"], answer["compared"], answer["changed"], answer["limited"]) == (4, 4, 3, False)
    assert answer["changesOf"] == {"priority": 2, "channel": 2, "ack": 1, "tags": 1}
    group = answer["groups"][0]
    assert group["rules"] == {"before": "calls", "after": "calls"}
    assert group["changes"][0] == {"of": "priority", "before": "high", "after": "urgent"}
    assert group["examples"][1] == {
        "receivedAt": "2026-02-12T10:15:30Z",
        "text": "calls fail",
        "summaryBefore": "Calls failing",
        "summaryAfter": "Calls failing",
    }


def test_markdown_is_a_table_that_no_text_breaks(
    tmp_path: Path, rules: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a comment below a change: a client's signs are no markup and call nobody."""
    past = write_lines(tmp_path / "past.jsonl", event("call | <b>me</b> @here *now*"))
    assert backtest("--from", past, "--rules", rules, "--against", other, "--format", "markdown") == 0
    shown = capsys.readouterr().out
    assert "| messages | rule | other changes | for example |\n" in shown
    assert (
        "| 1 | calls decides as before | priority high → urgent; channel voip → triage "
        '| "call \\| &lt;b>me&lt;/b> @\u200bhere \\*now\\*" |\n'
    ) in shown


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_great_many_kinds_of_change_are_cut(
    tmp_path: Path, rules: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page stays a page; json has them all."""
    lines = [{"event": event("hello"), "decision": decision(f"r{number}")} for number in range(45)]
    past = write_lines(tmp_path / "past.jsonl", *lines)
    assert backtest("--from", past, "--rules", rules, "--format", form) == 0
    assert "and 5 more kinds of change" in capsys.readouterr().out


def test_the_limit_and_the_period_choose_messages(
    tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a moment until before another; a limit that was reached is said."""
    lines = [{"event": event("hello", day=day), "decision": decision("last")} for day in (10, 11, 12, 13)]
    past = write_lines(tmp_path / "past.jsonl", *lines)
    given = ("--from", past, "--rules", rules)
    assert backtest(*given, "--since", "2026-02-11", "--until", "2026-02-13T00:00:00Z") == 0
    assert capsys.readouterr().out.startswith("2 messages, none changes")
    assert backtest(*given, "--limit", 3) == 0
    assert "Only the first 3 messages were read" in capsys.readouterr().out
    assert backtest(*given, "--since", "30000w") == 0
    assert capsys.readouterr().out.startswith("4 messages, none changes")


EVENT = event("secret words 0712345678")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("{'event': 1}", "past.jsonl:2:2: this is no JSON; each line must be an event", id="no JSON"),
        pytest.param("[1]", "past.jsonl:2: this is JSON, but no object in braces", id="a list"),
        pytest.param('"\udcff"', "past.jsonl:2: the text is no UTF-8", id="no UTF-8"),
        pytest.param("[" * 100_000, "past.jsonl:2: brackets stand too deep", id="deep"),
        pytest.param({"event": EVENT, "x": 1}, 'past.jsonl:2: "x" is no key of a message', id="another key"),
        pytest.param({**EVENT, "message": {"id": "1"}}, "past.jsonl:2: message.text is missing", id="no text"),
        pytest.param({"event": 7}, "past.jsonl:2: the event must be an object", id="no event"),
        pytest.param({"event": EVENT, "decision": 7}, "past.jsonl:2: decision: must be a decision log", id="a number"),
        pytest.param(
            {"event": EVENT, "decision": {"rule": "a"}},
            "past.jsonl:2: decision: rule, priority, channel or ack is missing",
            id="half a decision",
        ),
    ],
)
def test_a_line_that_is_no_message_is_named(
    tmp_path: Path, rules: Path, line: object, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """File and line, what was found, what is wanted, and nothing of what it holds."""
    past = write_lines(tmp_path / "past.jsonl", event("hello"), line)
    assert backtest("--from", past, "--rules", rules, "--against", rules) == 1
    shown = capsys.readouterr().err
    assert problem in shown
    assert 'each line must be an event, or {"event": …, "decision": …}' in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["--since", "30 days"], '--since "30 days" is neither a span such as 30d', id="no span"),
        pytest.param(["--until", "x"], '--until "x" is neither a span such as 30d', id="no end"),
        pytest.param(["--since", "1h", "--until", "2h"], "--since must lie before --until", id="backwards"),
        pytest.param(["--limit", "0"], "--limit must be at least 1", id="no limit"),
        pytest.param(["--against-templates", "t"], "--against-templates belongs to --against", id="texts of nobody"),
        pytest.param(["--against", "nowhere"], "nowhere does not exist", id="no folder"),
        pytest.param([], "these messages carry no decisions: name a second folder with --against", id="one folder"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    rules: Path, messages: Path, words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence."""
    assert backtest("--from", messages, "--rules", rules, *words) == 2
    assert problem in capsys.readouterr().err


def test_a_missing_file_and_broken_rules_are_said(
    tmp_path: Path, rules: Path, messages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both end with 1; the rules with their findings."""
    assert backtest("--from", tmp_path / "no.jsonl", "--rules", rules, "--against", rules) == 1
    assert f"engine: {tmp_path}/no.jsonl cannot be read: no such file or directory\n" in capsys.readouterr().err
    broken = write_rules(tmp_path / "broken", RULES.replace("channel: voip", "channel: viop"))
    assert backtest("--from", messages, "--rules", broken) == 1
    assert "error  E112" in capsys.readouterr().err


def test_without_a_configuration_the_folder_is_called_rules(
    tmp_path: Path, messages: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `engine init` makes; a configuration that was named must be there."""
    write_rules(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert backtest("--from", messages, "--against", "rules") == 0
    assert capsys.readouterr().out.endswith("(rules → rules)\n")
    assert backtest("--from", messages, "--against", "rules", "--config", "other.yaml") == 78
    assert "other.yaml does not exist" in capsys.readouterr().err


def test_no_daemon_points_to_a_file(tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence with the alternative."""
    config = tmp_path / "engine.yaml"
    folders = f"rules: {rules}\ntemplates: {rules.parent}/templates\nstate: {tmp_path}/state\n"
    config.write_text(f"{folders}connectors: {{screen: {{type: console}}}}\n")
    assert backtest("--config", config) == 1
    assert "messages in a file are read with --from FILE.jsonl\n" in capsys.readouterr().err


# With a daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """One daemon with three decided messages."""
    folder = tmp_path_factory.mktemp("past")
    with live_daemon(folder, write_rules(folder / "now")) as live:
        for number, text in enumerate(("calls fail", "call again", "it is slow")):
            assert live.post(f"m{number}", text, f"wa-{number // 2}").json()["accepted"] == 1
        deadline = monotonic() + 20
        while len(live.said) < 5:
            assert monotonic() < deadline
            sleep(0.01)
        yield live


def test_the_journal_is_asked_through_the_daemon(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Without other rules nothing changes, and the folder is that of engine.yaml."""
    assert backtest("--config", daemon.config, "--since", "1h") == 0
    folder = daemon.config.parent / "now/rules"
    assert capsys.readouterr().out == f"3 messages, none changes (what was decided → {folder})\n"


def test_the_newest_messages_of_the_journal_come_first(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a limit leaves the oldest out; the end of the period leaves out the newest."""
    assert backtest("--config", daemon.config, "--limit", 1, "--format", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["messages"], answer["limited"]) == (1, True)
    assert backtest("--config", daemon.config, "--until", "1h", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["messages"] == 0


def test_statistics_come_from_the_journal_too(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """What the daemon decided, by rule."""
    assert main(["rules", "stats", "--config", str(daemon.config), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(each["rule"], each["matched"], each["decided"]) for each in answer["rules"]] == [
        ("last", 3, 0),
        ("calls", 2, 2),
        ("slow", 1, 1),
    ]


def test_an_export_can_be_read_again(daemon: LiveDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For its owner only, never over another file, and with everything that a backtest needs."""
    target = tmp_path / "export.jsonl"
    assert backtest("--config", daemon.config, "--export", target) == 0
    assert "3 messages written, the newest first\nThe file holds names, numbers and words" in capsys.readouterr().out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(line["event"]["message"]["id"], line["decision"]["rule"], line["followUp"]) for line in lines] == [
        ("m2", "slow", False),
        ("m1", "calls", True),
        ("m0", "calls", False),
    ]
    other = write_rules(tmp_path / "b", RULES.replace("priority: high", "priority: low"))
    assert backtest("--from", target, "--rules", other) == 0
    assert capsys.readouterr().out.startswith("3 messages, 2 change (what was decided")
    assert backtest("--config", daemon.config, "--export", target) == 2
    assert "exists: name another file" in capsys.readouterr().err
    assert backtest("--config", daemon.config, "--export", tmp_path / "no" / "x.jsonl") == 77
    assert "cannot be written: no such file or directory" in capsys.readouterr().err


def test_an_export_leaves_erased_texts_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says how many."""
    past = write_lines(tmp_path / "past.jsonl", {"event": event("hello")}, {"event": None})
    assert backtest("--from", past, "--export", tmp_path / "out.jsonl") == 0
    assert "1 message written, the newest first; 1 left out, whose texts were erased\n" in capsys.readouterr().out
