"""Pages to PagerDuty and to Jira Service Management: what leaves, what is kept short, what each answer means."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from standins import jsm as atlassian
from standins import pagerduty as duty
from standins.claims import claim, page
from standins.loopback import Loopback, serving
from standins.parts import START

from engine.connectors.jsm import jsm
from engine.connectors.pagerduty import pagerduty
from engine.connectors.paging import PagingService, cut, cut_key, cut_tags
from engine.core.decisions import Priority
from engine.core.deliveries import Fault, Found, PageAction, Rejected, Sent, Unknown
from engine.core.errors import ConfigurationError

_KEY = "oc/test/OC-2026-0001"
# Without what an address cannot hold everywhere.
_ALIAS = "oc:test:OC-2026-0001"
_LONG = page(
    key="oc/" + "x" * 600 + "/OC-2026-0001",
    summary="s" * 20_000,
    tags=tuple(f"{number:03}" + "t" * 60 for number in range(30)),
)


def _duty(loopback: Loopback, key: str = duty.ROUTING_KEY) -> PagingService:
    return pagerduty("noc", url=loopback.url, routing_key=key, secret_name="noc_routing_key", timeout_s=5)


def _atlassian(loopback: Loopback, key: str = atlassian.API_KEY) -> PagingService:
    return jsm("noc-jsm", url=loopback.url, api_key=key, secret_name="noc_jsm_api_key", timeout_s=5)


@asynccontextmanager
async def _pagerduty() -> AsyncIterator[tuple[duty.PagerDuty, Loopback, PagingService]]:
    network = duty.PagerDuty()
    async with serving(network) as loopback:
        service = _duty(loopback)
        try:
            yield network, loopback, service
        finally:
            await service.close()


@asynccontextmanager
async def _jsm() -> AsyncIterator[tuple[atlassian.Jsm, Loopback, PagingService]]:
    network = atlassian.Jsm()
    async with serving(network) as loopback:
        service = _atlassian(loopback)
        try:
            yield network, loopback, service
        finally:
            await service.close()


_BOTH: dict[str, Callable[[], Any]] = {"pagerduty": _pagerduty, "jsm": _jsm}


@pytest.fixture(params=_BOTH)
def service_at(request: pytest.FixtureRequest) -> Any:
    return _BOTH[str(request.param)]


async def test_pagerduty_is_told_what_we_say_ourselves() -> None:
    """The whole event: our own words and the incident's rule, nothing of the client; the key in no header."""
    async with _pagerduty() as (network, loopback, service):
        assert await service.send(claim(page())) == Sent(_KEY)
        assert "authorization" not in loopback.headers
    assert network.events == [
        {
            "routing_key": duty.ROUTING_KEY,
            "event_action": "trigger",
            "dedup_key": _KEY,
            "payload": {
                "summary": "OC-2026-0001 (high): nobody has taken it for 5 min",
                "source": "support engine",
                "severity": "error",
                "timestamp": START.isoformat(),
                "custom_details": {"ticket": "OC-2026-0001", "priority": "high", "tags": ["whatsapp", "voip"]},
            },
        }
    ]


async def test_jsm_is_told_what_we_say_ourselves() -> None:
    """The whole alert; what becomes of it later is said under its alias."""
    async with _jsm() as (network, _, service):
        assert await service.send(claim(page())) == Sent("request-1")
        assert await service.send(claim(page(PageAction.ACKNOWLEDGE))) == Sent("request-2")
        assert await service.send(claim(page(PageAction.RESOLVE))) == Sent("request-3")
    summary = "OC-2026-0001 (high): nobody has taken it for 5 min"
    alert = {
        "message": summary,
        "alias": _ALIAS,
        "description": summary,
        "tags": ["whatsapp", "voip"],
        "details": {"ticket": "OC-2026-0001", "priority": "high", "opened": START.isoformat()},
        "entity": "OC-2026-0001",
        "source": "support engine",
        "priority": "P2",
    }
    assert network.taken == [("create", alert), ("acknowledge", _ALIAS), ("close", _ALIAS)]
    assert network.alerts[_ALIAS]["state"] == "closed"


@pytest.mark.parametrize(
    ("priority", "severity", "letter"),
    [
        (Priority.URGENT, "critical", "P1"),
        (Priority.HIGH, "error", "P2"),
        (Priority.NORMAL, "warning", "P3"),
        (Priority.LOW, "info", "P4"),
    ],
)
async def test_each_priority_has_its_like_there(priority: Priority, severity: str, letter: str) -> None:
    """None is left out, and a higher one is never told as a lower."""
    async with _pagerduty() as (network, _, service):
        await service.send(claim(page(priority=priority)))
        assert network.events[0]["payload"]["severity"] == severity
    async with _jsm() as (other, _, service):
        await service.send(claim(page(priority=priority)))
        assert other.taken[0][1]["priority"] == letter


async def test_the_life_of_an_alert_is_followed() -> None:
    """Said twice it is one alert; acknowledged and resolved it is done, and a later call opens another."""
    async with _pagerduty() as (network, _, service):
        for action in (PageAction.TRIGGER, PageAction.TRIGGER, PageAction.ACKNOWLEDGE, PageAction.RESOLVE):
            assert await service.send(claim(page(action))) == Sent(_KEY)
        assert (network.alerts[_KEY]["count"], network.alerts[_KEY]["state"], network.opened[_KEY]) == (
            2,
            "resolved",
            1,
        )
        assert all("payload" not in event for event in network.events[2:])
        await service.send(claim(page()))
        assert network.opened[_KEY] == 2


async def test_a_page_in_doubt_is_said_again_and_merges(service_at: Any) -> None:
    """The answer was lost, not the page: the same key makes the second one do nothing new."""
    async with service_at() as (network, loopback, service):
        loopback.fail("POST", "cut_after")
        first = await service.send(claim(page()))
        assert isinstance(first, Unknown)
        assert await service.reconcile(claim(page(), doubtful=True)) is Found.NOT_SENT
        assert isinstance(await service.send(claim(page(), attempt=2)), Sent)
        assert [alert["count"] for alert in network.alerts.values()] == [2]


async def test_what_is_too_long_is_cut_where_one_sees_it(service_at: Any) -> None:
    """The networks' limits are kept, and what was cut shows; of a key the end is kept, which names the incident."""
    async with service_at() as (network, _, service):
        assert isinstance(await service.send(claim(_LONG)), Sent)
        (key,) = network.alerts
        assert key.startswith("…")
        assert key.endswith("OC-2026-0001")
        for action in (PageAction.ACKNOWLEDGE, PageAction.RESOLVE):
            assert isinstance(await service.send(claim(page(action, key=_LONG.key))), Sent)
        assert network.alerts[key]["state"] in {"resolved", "closed"}
        assert network.dropped == []


def test_cutting_is_visible_and_exact() -> None:
    """Nothing is cut without need, and nothing is longer than the limit."""
    assert (cut("abcd", 4), cut("abcde", 4)) == ("abcd", "abc…")
    assert (cut_key("abcd", 4), cut_key("abcde", 4)) == ("abcd", "…cde")
    assert cut_tags(("a", "b"), 2, 5) == ["a", "b"]
    assert cut_tags(("a", "bbbbbb", "c"), 2, 5) == ["a", "+2 more"]


_KEY_ADVICE = (
    "PagerDuty refuses our key: make an integration of the type Events API v2 for the service in PagerDuty, and give "
    "its integration key of 32 characters as the secret noc_routing_key"
)
_API_ADVICE = (
    "Jira Service Management refuses our key: give the key of an integration of the type API, which may create alerts, "
    "as the secret noc_jsm_api_key"
)


@pytest.mark.parametrize("key", ["0" * 32, "short"])
async def test_a_wrong_routing_key_is_ours_to_mend(key: str) -> None:
    """PagerDuty answers 400, as to an event that it will never take; no page is lost for it."""
    async with serving(duty.PagerDuty()) as loopback:
        service = _duty(loopback, key)
        assert await service.send(claim(page())) == Rejected(Fault.MISCONFIGURED, "400", _KEY_ADVICE)
        assert not service.health().ready
        assert service.health().problem == _KEY_ADVICE
        await service.close()


async def test_a_wrong_api_key_is_ours_to_mend() -> None:
    """Who administers it reads what to do."""
    async with serving(atlassian.Jsm()) as loopback:
        service = _atlassian(loopback, "another")
        assert await service.send(claim(page())) == Rejected(Fault.MISCONFIGURED, "403", _API_ADVICE)
        await service.close()


@pytest.mark.parametrize("status", [429, 503])
async def test_trouble_that_names_the_key_is_trouble_all_the_same(status: int) -> None:
    """Only of a 400 it is asked whether it blames our key."""
    async with _pagerduty() as (_, loopback, service):
        loopback.fail("POST", status=status, body={"message": "Requests for this routing key arrive too quickly"})
        outcome = await service.send(claim(page()))
        assert isinstance(outcome, Rejected)
        assert outcome.fault is Fault.TRANSIENT


@pytest.mark.parametrize(
    ("status", "fault", "reason"),
    [
        (400, Fault.PERMANENT, "will never take this page (400)"),
        (413, Fault.PERMANENT, "will never take this page (413)"),
        (422, Fault.PERMANENT, "will never take this page (422)"),
        (401, Fault.MISCONFIGURED, "refuses our key: "),
        (402, Fault.MISCONFIGURED, "refuses our key: "),
        (403, Fault.MISCONFIGURED, "refuses our key: "),
        (302, Fault.MISCONFIGURED, "is not at this address (302): check its url"),
        (404, Fault.MISCONFIGURED, "is not at this address (404): check its url"),
        (408, Fault.TRANSIENT, "takes no page now (408)"),
        (429, Fault.TRANSIENT, "takes no page now (429)"),
        (500, Fault.TRANSIENT, "takes no page now (500)"),
        (503, Fault.TRANSIENT, "takes no page now (503)"),
    ],
)
async def test_each_refusal_has_its_meaning(service_at: Any, status: int, fault: Fault, reason: str) -> None:
    """Whether to ask again, to tell a person or to give up; and for how long the network wants to be left alone."""
    async with service_at() as (network, loopback, service):
        loopback.fail("POST", status=status, body={"message": "no"}, headers={"retry-after": "7"})
        outcome = await service.send(claim(page()))
        assert isinstance(outcome, Rejected)
        assert (outcome.fault, outcome.code) == (fault, str(status))
        assert reason in outcome.reason
        assert outcome.retry_after == (timedelta(seconds=7) if fault is Fault.TRANSIENT else timedelta(0))
        assert service.health().ready is (fault is not Fault.MISCONFIGURED)
        assert isinstance(await service.send(claim(page())), Sent)
        assert service.health().ready
        assert len(network.alerts) == 1


async def test_a_page_of_a_proxy_is_no_answer(service_at: Any) -> None:
    """Somebody between us answered: the page is in doubt, and the url is what to look at."""
    async with service_at() as (_, loopback, service):
        loopback.fail("POST", status=200, body="<html>login</html>")
        outcome = await service.send(claim(page()))
        assert isinstance(outcome, Unknown)
        assert outcome.reason.endswith(": check its url")
        assert not service.health().ready


async def test_an_alert_that_is_gone_holds_no_lane() -> None:
    """A 404 of the network's own about an alert is the end of it; about a new one the address is wrong."""
    async with _jsm() as (_, loopback, service):
        body = {"message": "Alert does not exist", "requestId": "r0"}
        loopback.fail("POST", status=404, body=body, times=2)
        gone = await service.send(claim(page(PageAction.RESOLVE)))
        assert gone == Rejected(Fault.PERMANENT, "404", "Jira Service Management has no such alert any more")
        created = await service.send(claim(page()))
        assert isinstance(created, Rejected)
        assert created.fault is Fault.MISCONFIGURED


async def test_a_service_that_is_away_is_told_until_it_is_back(service_at: Any) -> None:
    """Probes say so, and the next page that is taken ends it."""
    async with service_at() as (_, loopback, service):
        await loopback.close()
        outcome = await service.send(claim(page()))
        assert isinstance(outcome, Rejected)
        assert outcome.code == "connect"
        assert "cannot be reached" in service.health().problem
        await loopback.open()
        assert isinstance(await service.send(claim(page())), Sent)
        assert service.health().problem == ""


async def test_many_pages_at_once_are_many_alerts(service_at: Any) -> None:
    """Incidents do not merge."""
    async with service_at() as (network, _, service):
        pages = [page(key=f"oc/test/OC-2026-{number:04}") for number in range(20)]
        outcomes = await asyncio.gather(*(service.send(claim(one)) for one in pages))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert len(network.alerts) == 20


@pytest.mark.parametrize("key", ["", "two words"])
def test_a_key_that_cannot_be_one_is_refused_at_the_start(key: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="the token for PagerDuty is empty or holds characters"):
        pagerduty("noc", url="https://events.pagerduty.com", routing_key=key, secret_name="noc_routing_key")
