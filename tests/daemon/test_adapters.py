"""What engine.yaml orders is what is put together."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from standins import jsm, opsgenie, pagerduty
from standins.engineers import Ledger
from standins.loopback import serving
from standins.parts import SetClock, until

from engine import adapters, settings
from engine.connectors.console import Console
from engine.connectors.mattermost import Files, Incidents, Mattermost
from engine.connectors.paging import PagingService
from engine.core.actions import Action
from engine.core.deliveries import DeliveryKind
from engine.core.fallbacks import Fallback
from engine.core.practices import Change
from engine.core.settlements import InDoubt
from engine.oncall.static import StaticOnCall

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


async def test_a_second_way_for_posts_is_made_where_it_is_ordered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says nothing twice when nobody can tell whether it was said, and gives up after a day."""
    monkeypatch.setitem(_SECRETS, "ENGINE_MATTERMOST_FALLBACK_URL", "https://chat.example.org/hooks/x")
    read, made = _made(tmp_path, _CLOUD + _CHAT.replace("support}", "support, fallback: on}"))
    assert adapters.fallback(read) == Fallback("mattermost.fallback", timedelta(minutes=3))
    webhook = made.destinations[adapters.FALLBACK]
    policy = adapters.destination(webhook, read).policy(DeliveryKind.COPY)
    assert (policy.in_doubt, policy.give_up_after) == (InDoubt.HOLD, timedelta(hours=24))
    read, made = _made(tmp_path, _CLOUD + _CHAT)
    assert adapters.fallback(read) is None
    assert adapters.FALLBACK not in made.destinations
    assert adapters.fallback(_made(tmp_path, _CLOUD)[0]) is None


def test_without_mattermost_files_are_printed_as_posts_are(tmp_path: Path) -> None:
    """That is, that there would be one."""
    _, made = _made(tmp_path, _CLOUD)
    assert isinstance(made.destinations[adapters.FILES], Console)


async def test_engineers_are_heard_where_their_chat_is(tmp_path: Path) -> None:
    """By the server of the posts, under a name of its own; without Mattermost there is nobody to hear."""
    ledger = Ledger()
    incidents = Incidents(ledger.list_posts, ledger.is_root, ledger.in_doubt_since)
    read, made = _made(tmp_path, _CLOUD + _CHAT)
    heard = adapters.watcher(read, made, incidents, SetClock())
    assert heard is not None
    assert (heard.name, heard.exclusive) == ("mattermost.events", True)
    assert heard._door.url == "https://chat.example.org"
    for connector in made.destinations.values():
        await connector.close()
    read, made = _made(tmp_path, _CLOUD)
    assert adapters.watcher(read, made, incidents, SetClock()) is None


async def test_buttons_have_a_door_of_their_own_where_they_are_turned_on(tmp_path: Path) -> None:
    """Beside those of the connectors; clicks are not a client's message."""

    async def act(_: Sequence[Action]) -> tuple[Change, ...]:
        return ()

    on = _CHAT.replace("support}", "support, buttons: on, actions_url: http://10.0.0.5:8080}")
    for text, doors, buttons in (
        (_CHAT, {"cloud"}, False),
        (on, {"cloud", "mattermost"}, True),
        ("", {"cloud"}, False),
    ):
        _, made = _made(tmp_path, _CLOUD + text)
        assert set(adapters.webhooks(made, act, SetClock())) == doors
        assert set(made.webhooks) == {"cloud"}
        posts = made.destinations["mattermost"]
        assert (isinstance(posts, Mattermost) and posts.buttons is not None) is buttons
        for connector in made.destinations.values():
            await connector.close()


def test_files_are_few_at_a_time_and_given_up_after_a_day(tmp_path: Path) -> None:
    """Each is in memory and costs the server several requests, out of the rate that its posts have as well."""
    read, made = _made(tmp_path, f"{_CLOUD}{_CHAT}limits: {{mattermost_per_second: 2}}\n")
    files, posts = (adapters.destination(made.destinations[name], read) for name in (adapters.FILES, "mattermost"))
    assert (files.per_second, files.at_once) == (0.5, 2)
    assert (posts.per_second, posts.at_once) == (2, 16)
    assert files.policy(DeliveryKind.MEDIA).give_up_after == timedelta(days=1)
    assert posts.policy(DeliveryKind.ESCALATION).give_up_after is None


_PAGING = """\
services:
  noc: {type: pagerduty}
  noc-jsm: {type: jsm}
  old: {type: opsgenie}
"""
_PAGING_SECRETS = {
    "ENGINE_NOC_ROUTING_KEY": "R" * 32,
    "ENGINE_NOC_JSM_API_KEY": "key-1",
    "ENGINE_OLD_API_KEY": "key-2",
    "ENGINE_ONCALL_PAGERDUTY_TOKEN": "token-3",
    "ENGINE_ONCALL_JSM_TOKEN": "token-4",
}
_SCREEN = "connectors: {screen: {type: console}}\n"


def _read(tmp_path: Path, text: str) -> settings.Settings:
    file = tmp_path / "engine.yaml"
    file.write_text(text, encoding="utf-8")
    return settings.load(file, _PAGING_SECRETS)


async def test_services_are_destinations_with_their_own_rate(tmp_path: Path) -> None:
    """The relay finds each by its name."""
    read = _read(tmp_path, _SCREEN + _PAGING)
    made = adapters.connectors(read, lambda _claimed: None, SetClock())
    for name in ("noc", "noc-jsm", "old"):
        service = made.destinations[name]
        assert isinstance(service, PagingService)
        assert service.name == name
        assert adapters.destination(service, read).per_second == 2
        assert adapters.destination(service, read).policy(DeliveryKind.PAGE).give_up_after is None
        await service.close()


def test_a_fixed_mention_asks_nobody(tmp_path: Path) -> None:
    """As ever."""
    made = adapters.on_call(_read(tmp_path, _SCREEN), SetClock(), lambda: None)
    assert (made.duty, made.sources) == (StaticOnCall("@oncall"), ())
    assert made.duty.health().ready


async def test_a_schedule_asks_the_services_of_the_order(tmp_path: Path) -> None:
    """In that order, over real HTTP, and as each of them wants to be asked."""
    duty, site, ending = pagerduty.PagerDuty(), jsm.Jsm(), opsgenie.Opsgenie()
    duty.oncall["PSCHED1"] = [("alice@example.com", None)]
    site.oncall["5e1f"] = ["712020:1"]
    ending.oncall["7a2b"] = ["carol@example.com"]
    async with serving(duty) as one, serving(site) as other, serving(ending) as third:
        text = f"""\
{_SCREEN}oncall:
  source: schedule
  order: [jsm, opsgenie, pagerduty]
  pagerduty: {{url: {one.url}, schedules: {{voip: PSCHED1}}}}
  jsm:
    url: {other.url}
    cloud_id: {jsm.CLOUD_ID}
    user: {jsm.USER}
    schedules: {{voip: 5e1f}}
    people: {{bob@example.com: "712020:1"}}
  opsgenie: {{url: {third.url}, schedules: {{voip: 7a2b}}}}
"""
        file = tmp_path / "engine.yaml"
        file.write_text(text, encoding="utf-8")
        tokens = {
            "ENGINE_ONCALL_PAGERDUTY_TOKEN": pagerduty.TOKEN,
            "ENGINE_ONCALL_JSM_TOKEN": jsm.TOKEN,
            "ENGINE_ONCALL_OPSGENIE_API_KEY": opsgenie.API_KEY,
        }
        made = adapters.on_call(settings.load(file, tokens), SetClock(), lambda: None)
        assert [source.name for source in made.sources] == ["Jira Service Management", "Opsgenie", "PagerDuty"]
        assert not made.duty.health().ready
        tasks = [asyncio.create_task(source.run()) for source in made.sources]
        await until(lambda: all(source.known("voip") for source in made.sources))
        assert made.duty.health().ready
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
