"""`engine client` against a live daemon."""

import json
from pathlib import Path
from time import monotonic, sleep

import pytest
from standins.inprocess import live_daemon

from engine.cli import main

PHONE = "+254700000001"


def test_a_client_is_exported_and_erased(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Export, a look at what would go, the erasure with the posts to look at, and then nobody."""
    with live_daemon(tmp_path) as live:
        config = ("--config", str(live.config))
        live.post("m1", "I have issues with my 3CX, I can't make outbound calls")
        deadline = monotonic() + 20
        while len(live.said) < 2:
            assert monotonic() < deadline
            sleep(0.01)
        sleep(0.2)
        kept = tmp_path / "client.json"
        assert main(["client", "export", PHONE, "--output", str(kept), *config]) == 0
        assert kept.stat().st_mode & 0o777 == 0o600
        assert len(json.loads(kept.read_text())["conversations"]) == 1
        assert main(["client", "erase", PHONE, *config]) == 2
        assert "1 messages" in capsys.readouterr().out
        assert main(["client", "erase", PHONE, "--yes", *config]) == 0
        assert "OC-2" in capsys.readouterr().out
        assert main(["client", "export", PHONE, *config]) == 1
        assert PHONE not in capsys.readouterr().err


def test_one_client_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither none nor two."""
    assert main(["client", "export"]) == 2
    assert main(["client", "erase", PHONE, "--conversation", "main:wa-1"]) == 2
    assert "name one client" in capsys.readouterr().err
