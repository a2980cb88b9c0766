"""The stand-ins of PagerDuty, Jira Service Management and Opsgenie are as strict as the documentation says."""

from typing import Any

import httpx
import pytest
from standins import jsm, opsgenie, pagerduty
from standins.loopback import serving

_EVENT: dict[str, Any] = {
    "routing_key": pagerduty.ROUTING_KEY,
    "event_action": "trigger",
    "dedup_key": "k",
    "payload": {"summary": "s", "source": "here", "severity": "info", "timestamp": "2026-02-12T10:15:30+00:00"},
}
_ALERT: dict[str, Any] = {"message": "m", "alias": "a", "tags": ["t"], "details": {"k": "v"}, "priority": "P1"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"routing_key": "short"}, id="short key"),
        pytest.param({"routing_key": "0" * 32}, id="another key"),
        pytest.param({"event_action": "open"}, id="action"),
        pytest.param({"dedup_key": "k" * 256}, id="long key"),
        pytest.param({"dedup_key": ""}, id="no key"),
        pytest.param({"payload": None}, id="no payload"),
        pytest.param({"payload": {"summary": "s" * 1025, "source": "x", "severity": "info"}}, id="long summary"),
        pytest.param({"payload": {"summary": "s", "source": "x", "severity": "high"}}, id="severity"),
        pytest.param({"payload": {"summary": "s", "severity": "info"}}, id="no source"),
        pytest.param({"payload": {"summary": "s", "source": "x", "severity": "info", "x": 1}}, id="unknown in payload"),
        pytest.param({"payload": {**_EVENT["payload"], "timestamp": "2026-02-12T10:15:30"}}, id="time without a zone"),
        pytest.param({"x": 1}, id="unknown key"),
        pytest.param({"links": ["x" * 600_000]}, id="too large"),
    ],
)
async def test_pagerduty_takes_only_what_is_documented(change: dict[str, Any]) -> None:
    """An event that the real API would refuse is refused here with the same status."""
    network = pagerduty.PagerDuty()
    async with serving(network) as loopback, httpx.AsyncClient(base_url=loopback.url, trust_env=False) as client:
        assert (await client.post("/v2/enqueue", json=_EVENT)).status_code == 202
        assert (await client.post("/v2/enqueue", json=_EVENT | change)).status_code == 400
        assert (await client.post("/v2/enqueue", json=[])).status_code == 400
        assert (await client.post("/v2/other", json=_EVENT)).status_code == 404
        assert len(network.events) == 1


async def test_pagerduty_drops_without_a_word_what_concerns_nothing_open() -> None:
    """It is answered 202 all the same."""
    network = pagerduty.PagerDuty()
    async with serving(network) as loopback, httpx.AsyncClient(base_url=loopback.url, trust_env=False) as client:
        for action in ("acknowledge", "resolve"):
            event = {key: value for key, value in _EVENT.items() if key != "payload"} | {"event_action": action}
            assert (await client.post("/v2/enqueue", json=event)).status_code == 202
        assert len(network.dropped) == 2
        assert network.alerts == {}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"message": "m" * 131}, id="long message"),
        pytest.param({"message": ""}, id="no message"),
        pytest.param({"alias": "a" * 513}, id="long alias"),
        pytest.param({"description": "d" * 15_001}, id="long description"),
        pytest.param({"tags": ["t"] * 21}, id="many tags"),
        pytest.param({"tags": ["t" * 51]}, id="long tag"),
        pytest.param({"details": {"k": 1}}, id="details"),
        pytest.param({"priority": "high"}, id="priority"),
        pytest.param({"x": 1}, id="unknown key"),
    ],
)
async def test_jsm_takes_only_what_is_documented(change: dict[str, Any]) -> None:
    """An alert that the real API would refuse is refused here."""
    network = jsm.Jsm()
    headers = {"authorization": f"GenieKey {jsm.API_KEY}"}
    async with (
        serving(network) as loopback,
        httpx.AsyncClient(base_url=loopback.url, trust_env=False, headers=headers) as client,
    ):
        assert (await client.post("/v2/alerts", json=_ALERT)).status_code == 202
        assert (await client.post("/v2/alerts", json=_ALERT | change)).status_code == 422
        assert (await client.post("/v2/alerts", content=b"x")).status_code == 400
        assert (await client.post("/v2/alerts/a/close", json={})).status_code == 422
        closed = await client.post(
            "/jsm/ops/integration/v2/alerts/b/close", json={}, params={"identifierType": "alias"}
        )
        assert closed.status_code == 202
        assert network.dropped == ["b"]
        refused = await client.post("/v2/alerts", json=_ALERT, headers={"authorization": f"Bearer {jsm.API_KEY}"})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    ("key", "schedule", "query", "status", "said"),
    [
        pytest.param(opsgenie.API_KEY, "5e1f", {"flat": "true"}, 200, "onCallRecipients", id="flat"),
        pytest.param(opsgenie.API_KEY, "5e1f", {}, 200, "onCallParticipants", id="nested"),
        pytest.param(opsgenie.API_KEY, "5e1f", {"scheduleIdentifierType": "name"}, 422, "ids", id="by name"),
        pytest.param(opsgenie.API_KEY, "of-others", {}, 403, "40301", id="another team's"),
        pytest.param(opsgenie.API_KEY, "unknown", {}, 404, "does not exist", id="unknown schedule"),
        pytest.param(opsgenie.API_KEY[::-1], "5e1f", {}, 422, "Key format", id="no key"),
        pytest.param(f"f{opsgenie.API_KEY[1:]}", "5e1f", {}, 401, "authenticate", id="another key"),
    ],
)
async def test_opsgenie_tells_who_is_on_call_as_documented(
    key: str, schedule: str, query: dict[str, str], status: int, said: str
) -> None:
    """Only to a key that it knows, and only about schedules that this key may see."""
    network = opsgenie.Opsgenie()
    await network.control({"oncall": {"5e1f": ["alice@example.com"], "of-others": []}})
    network.hidden.add("of-others")
    headers = {"authorization": f"GenieKey {key}"}
    async with serving(network) as loopback, httpx.AsyncClient(base_url=loopback.url, headers=headers) as client:
        answer = await client.get(f"/v2/schedules/{schedule}/on-calls", params=query)
        assert (answer.status_code, said in answer.text) == (status, True)
        assert (await client.post(f"/v2/schedules/{schedule}/on-calls", json={})).status_code == 404
