"""What the operators' commands tell of who is on call, against a live daemon with on-call files."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from standins.inprocess import LiveDaemon, live_daemon

from engine.cli import main
from engine.commands.tables import oncall_rows
from engine.core.deliveries import FollowUp
from engine.core.quotes import plain
from engine.starter import starter_folder

FILES = """\
version: 1
timezone: Africa/Nairobi
people:
  alice: {mattermost: alice.m}
  bob: {mattermost: bob}
schedules:
  noc:
    layers:
      - name: always
        members: [{from: 2026-01-01, list: [alice]}]
mentions: ["@here"]
policies:
  urgent:
    levels: [{notify: ["schedule:noc", "service:pager"], wait: 5m}]
    nobody: {notify: ["mention:@here"]}
"""
STATUS = {
    "source": "schedule",
    "mention": "@oncall",
    "schedules": [
        {"schedule": "noc", "people": ["alice.m"], "until": None, "source": "the on-call files", "note": ""},
    ],
    "first": {"urgent": ["@alice.m"], "high": None, "normal": None, "low": None},
}
NOTICES = [
    "The on-call files call a service that engine.yaml does not have: pager.",
    "Every service that the on-call files call is there.",
]
NO_SERVICE = (
    'the on-call files call the service "pager": add it under "services" in engine.yaml, or take it out of the '
    "on-call files"
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[LiveDaemon]:
    """One whose on-call files call a service that engine.yaml does not have."""
    shutil.copytree(starter_folder("rules"), tmp_path / "rules")
    (tmp_path / "rules/oncall").mkdir()
    (tmp_path / "rules/oncall/noc.yaml").write_text(FILES, encoding="utf-8")
    with live_daemon(tmp_path, tmp_path / "rules", "oncall: {{source: schedule}}\n") as live:
        yield live


def test_status_and_reload_tell_who_is_on_call(daemon: LiveDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    """Now, by whom, whom an urgent post calls first, what is wrong with the files, and what a reload changed."""
    config = ["--config", str(daemon.config)]
    assert main(["status", "--format", "json", *config]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["onCall"] == STATUS
    assert answer["failing"] == [f"oncall: {NO_SERVICE}"]
    assert main(["status", *config]) == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "noc: alice.m, by the on-call files" in shown
    assert "called first urgent: @alice.m" in shown
    files = daemon.config.parent / "rules/oncall/noc.yaml"
    files.write_text(FILES.replace("list: [alice]", "list: [bob]").replace(', "service:pager"', ""), encoding="utf-8")
    assert main(["reload", *config]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["On call by noc: now alice.m → bob"]
    assert main(["reload", *config]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["status", "--format", "json", *config]) == 0
    assert json.loads(capsys.readouterr().out)["failing"] == []
    published = shutil.copytree(files.parents[1], daemon.config.parent / "published") / "oncall" / "noc.yaml"
    published.write_text(files.read_text("utf-8").replace("list: [bob]", "list: [alice, bob]"), "utf-8")
    publish = ["rules", "publish", *config]
    assert main([*publish, str(published.parents[1])]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "On call by noc: now bob → alice.m, bob"
    assert main([*publish, "--withdraw"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "On call by noc: now alice.m, bob → bob"
    deadline = monotonic() + 20
    while len(told := list(_told(daemon))) < len(NOTICES):
        assert monotonic() < deadline
        sleep(0.01)
    assert told == NOTICES


def _told(daemon: LiveDaemon) -> Iterator[str]:
    """The first sentence of each notice about services."""
    for one in daemon.said:
        if isinstance(one.body, FollowUp) and "service that" in one.body.body:
            yield plain(one.body.body).split("**")[1]


@pytest.mark.parametrize(
    ("changed", "rows"),
    [
        pytest.param(
            {"schedules": [], "first": dict.fromkeys(("urgent", "low"))},
            ["on call|every post calls @oncall, at any hour"],
            id="a mention alone",
        ),
        pytest.param(
            {
                "schedules": [
                    {
                        "schedule": "noc",
                        "people": ["alice", "bob"],
                        "until": "2027-01-05T06:00:00Z",
                        "source": "PagerDuty",
                        "note": "on-call from cache, 3 h old",
                    },
                    {"schedule": "day", "people": [], "until": None, "source": "", "note": ""},
                ],
                "first": {"urgent": ["@alice", "service noc"], "high": ["@here"], "normal": ["@here"], "low": []},
            },
            [
                "on call|every post calls @oncall",
                "|noc: alice, bob until 2027-01-05T06:00:00Z, by PagerDuty (on-call from cache, 3 h old)",
                "|day: nobody",
                "called first|urgent: @alice, service noc",
                "|high, normal: @here",
                "|low: nobody",
            ],
            id="schedules",
        ),
    ],
)
def test_who_is_on_call_is_rows_of_the_status(changed: dict[str, object], rows: list[str]) -> None:
    """People, until when, by whom, what is doubtful; priorities that call the same stand together."""
    assert ["|".join(row) for row in oncall_rows({**STATUS, **changed})] == rows
    assert list(oncall_rows(None)) == []
