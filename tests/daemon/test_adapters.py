"""What engine.yaml orders is what is put together."""

from datetime import timedelta
from pathlib import Path

import pytest
from standins.parts import SetClock

from engine import adapters, settings
from engine.connectors.console import Console
from engine.connectors.mattermost import Files
from engine.core.deliveries import DeliveryKind

_SECRETS = {
    "ENGINE_CLOUD_ACCESS_TOKEN": "access-1",
    "ENGINE_CLOUD_APP_SECRET": "app-2",
    "ENGINE_CLOUD_VERIFY_TOKEN": "verify-3",
    "ENGINE_MATTERMOST_TOKEN": "chat-4",
    "ENGINE_RESERVE_AUTH_TOKEN": "twilio-5",
    "ENGINE_DESK_TOKEN": "desk-6",
}
_CLOUD = 'connectors: {cloud: {type: whatsapp-cloud, phone_number_id: "1"}}\n'
_ALL = f"""\
http: {{public_url: "https://support.example.org"}}
connectors:
  cloud: {{type: whatsapp-cloud, phone_number_id: "1"}}
  reserve: {{type: twilio, account_sid: AC{"5" * 32}, from: "whatsapp:+14155238886"}}
  phone: {{type: whatsapp-web}}
  desk: {{type: http}}
"""
_CHAT = "mattermost: {url: https://chat.example.org, team: support}\n"


def _made(tmp_path: Path, text: str) -> tuple[settings.Settings, adapters.Connectors]:
    file = tmp_path / "engine.yaml"
    file.write_text(text, encoding="utf-8")
    read = settings.load(file, _SECRETS)
    return read, adapters.connectors(read, lambda _claimed: None, SetClock())


@pytest.mark.parametrize(
    ("media", "sources"),
    [
        ("", set()),
        ("media: {fetch: off}\n", set()),
        ("media: {fetch: on}\n", {"cloud", "reserve", "phone"}),
    ],
    ids=["nothing said", "off", "on"],
)
async def test_files_are_fetched_where_that_is_ordered(tmp_path: Path, media: str, sources: set[str]) -> None:
    """Their destination is always there: what was ordered before it was switched off is answered in its thread."""
    _, made = _made(tmp_path, _ALL + _CHAT + media)
    assert set(made.media) == sources
    assert isinstance(made.destinations[adapters.FILES], Files)
    assert made.destinations[adapters.FILES].name == adapters.FILES == "mattermost.files"
    for connector in made.destinations.values():
        await connector.close()


def test_without_mattermost_files_are_printed_as_posts_are(tmp_path: Path) -> None:
    """That is, that there would be one."""
    _, made = _made(tmp_path, _CLOUD)
    assert isinstance(made.destinations[adapters.FILES], Console)


def test_files_are_few_at_a_time_and_given_up_after_a_day(tmp_path: Path) -> None:
    """Each is in memory and costs the server several requests, out of the rate that its posts have as well."""
    read, made = _made(tmp_path, f"{_CLOUD}{_CHAT}limits: {{mattermost_per_second: 2}}\n")
    files, posts = (adapters.destination(made.destinations[name], read) for name in (adapters.FILES, "mattermost"))
    assert (files.per_second, files.at_once) == (0.5, 2)
    assert (posts.per_second, posts.at_once) == (2, 16)
    assert files.policy(DeliveryKind.MEDIA).give_up_after == timedelta(days=1)
    assert posts.policy(DeliveryKind.ESCALATION).give_up_after is None
