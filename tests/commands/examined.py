"""Installations for the tests of `engine doctor`, and its findings as lines."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standins import graph, twilio
from standins import mattermost as standin
from standins.inprocess import CONFIG, TOKEN, write_config

from engine.commands.doctor import installations
from engine.commands.doctor.findings import Finding, show
from engine.commands.doctor.installations import Installation

NOW = datetime(2027, 1, 5, 12, 0, tzinfo=UTC)
WEB = "  main: {{type: whatsapp-web}}\n"
SECRETS = {
    "ENGINE_DESK_TOKEN": TOKEN,
    "ENGINE_MATTERMOST_TOKEN": standin.TOKEN,
    "ENGINE_CLOUD_ACCESS_TOKEN": graph.TOKEN,
    "ENGINE_CLOUD_APP_SECRET": "s",
    "ENGINE_CLOUD_VERIFY_TOKEN": "v",
    "ENGINE_RESERVE_AUTH_TOKEN": twilio.AUTH_TOKEN,
}
STATUS: dict[str, Any] = {
    "version": "0.4.0",
    "startedAt": "2026-02-12T10:15:30Z",
    "paused": False,
    "failing": [],
    "deliveries": {},
    "connectors": {},
    "rulesetSha": "a" * 64,
    "rulesProblem": "",
    "published": None,
}


def installation(folder: Path, extra: str = "", environ: Mapping[str, str] = SECRETS, **changed: Any) -> Installation:
    """One whose daemon does not run, or tells `status`."""
    config = write_config(folder, text=CONFIG + extra)
    found = installations.find(config, environ, None)
    return Installation(config, found.settings, found.missing, **{"status": None, **changed})


def lines(findings: Sequence[Finding]) -> list[str]:
    """As they are shown, without the sum."""
    return [" ".join(line.split()) for line in show(findings).splitlines()[:-2]]
