"""engine.yaml about the engineers' side: outages, and what words in a thread do."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from engine import settings
from engine.core.errors import ConfigurationError
from engine.core.practices import Watch
from engine.settings import Settings

LEAST = "connectors: {screen: {type: console}}\n"


def load(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    path = tmp_path / "engine.yaml"
    path.write_text(LEAST + text)
    return settings.load(path, environ or {})


def test_what_makes_an_outage(tmp_path: Path) -> None:
    """Nothing unless somebody says which tags."""
    assert load(tmp_path, "").outages is None
    assert load(tmp_path, "outages: {tags: [3cx, internet]}\n").outages == Watch(
        frozenset({"3cx", "internet"}), 3, timedelta(minutes=10)
    )
    written = load(tmp_path, "outages: {tags: [3cx], clients: 5, within: 1h}\n").outages
    assert written == Watch(frozenset({"3cx"}), 5, timedelta(hours=1))


@pytest.mark.parametrize(
    ("section", "finding"),
    [
        ("{}", '"outages" lacks the key "tags"'),
        ('{tags: ["3cx", ""]}', "a tag is empty"),
        ("{tags: [3cx], clients: 1}", '"clients" is at least 2: one client is no outage'),
        ("{tags: [3cx], within: 0s}", '"within" is longer than nothing, e.g. 10m'),
        ("{tags: [3cx], tag: x}", '"outages" has no key "tag"'),
    ],
)
def test_an_outage_that_cannot_be(tmp_path: Path, section: str, finding: str) -> None:
    """One mistake, one sentence."""
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, f"outages: {section}\n")
    assert finding in str(refused.value)


def test_what_words_in_a_thread_do(tmp_path: Path) -> None:
    """They claim, and go to no client, unless that is switched."""
    secrets = {"ENGINE_MATTERMOST_TOKEN": "chat-5"}
    section = "mattermost: {url: https://chat.example.org, team: support%s}\n"
    usual = load(tmp_path, section % "", secrets).mattermost
    assert usual is not None
    assert (usual.claim_by_reply, usual.relay_replies) == (True, False)
    other = load(tmp_path, section % ", claim_by_reply: off, relay_replies: on", secrets).mattermost
    assert other is not None
    assert (other.claim_by_reply, other.relay_replies) == (False, True)
