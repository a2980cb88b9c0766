"""`engine send test` with a daemon that prints, and without one."""

from pathlib import Path

import pytest
from standins.inprocess import live_daemon

from engine.cli import main
from engine.core.deliveries import FollowUp


def test_a_test_is_printed_where_posts_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes the way of posts, and the command says that nobody was reached."""
    with live_daemon(tmp_path) as live:
        assert main(["send", "test", "--channel", "noc", "--config", str(live.config)]) == 0
        assert capsys.readouterr().out == "Printed: mattermost is not configured, so no channel was reached.\n"
        (said,) = live.said
        assert isinstance(said.body, FollowUp)
        assert said.body.channel == "noc"
        assert main(["send", "test", "--channel", "~", "--config", str(live.config)]) == 2
        assert capsys.readouterr().err == "engine: a channel is named as in its address, e.g. support-triage\n"
    assert main(["send", "test", "--channel", "noc", "--config", str(live.config)]) == 1
    assert "the daemon does not answer" in capsys.readouterr().err
