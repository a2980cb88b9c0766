"""A page on its whole way: a rule's incident, the journal, the relay, and the paging service's own HTTP."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from standins.inprocess import live_daemon
from standins.loopback import Loopback, serving
from standins.pagerduty import ROUTING_KEY, PagerDuty
from standins.parts import FixedRules, ScriptedNetwork, SetClock, inbound
from standins.rosters import NOC, FixedDuty

from engine.connectors.pagerduty import pagerduty
from engine.core import contracts
from engine.core.answers import Circumstances
from engine.core.decisions import Priority
from engine.core.deliveries import DeliveryKind, DeliveryState
from engine.core.ladders import Ladder, Rung
from engine.core.plan import plan
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.metrics import Metrics
from engine.relay import Destination, Relay

# The service is called with the post.
_LADDER = Ladder((Rung((NOC,), timedelta(minutes=5)),), 0, (NOC,))


async def _page(journal: StoredJournal, loopback: Loopback) -> None:
    """Route one message and relay until its page was sent."""
    clock = SetClock()
    service = pagerduty("noc", url=loopback.url, routing_key=ROUTING_KEY, secret_name="noc_routing_key", timeout_s=5)
    networks = (service, ScriptedNetwork("wa"), ScriptedNetwork("mattermost"))
    destinations = {network.name: Destination(network, per_second=1000, at_once=8) for network in networks}
    relay = Relay(journal, destinations, clock, Metrics(), lambda: 0.5, paused=lambda: False, escalate_to="mattermost")
    await journal.open("main", clock.now())
    await journal.accept([inbound(1)], clock.now())
    (message,) = await journal.unrouted(10)
    rules = FixedRules()
    decision = rules.evaluate(message.inbound.event)
    circumstances = Circumstances(
        message.accepted_at,
        None,
        None,
        paused=False,
        mention="@oncall",
        duty=FixedDuty(dict.fromkeys(Priority, _LADDER)),
        environment="test",
        escalate_to="mattermost",
    )
    planned = plan(message.inbound, decision, rules, circumstances)
    await journal.record(message.inbox_id, planned, contracts.decision_json(decision), clock.now())
    task = asyncio.create_task(relay.run())
    try:
        async with asyncio.timeout(10):
            while True:
                found = [one for one in await journal.deliveries(None, 50) if one.kind is DeliveryKind.PAGE]
                if [one.state for one in found] == [DeliveryState.SENT]:
                    break
                clock.advance(seconds=1)
                relay.wake()
                await asyncio.sleep(0.001)
    finally:
        relay.stop()
        await task
        await service.close()
        await journal.close()


@pytest.mark.parametrize(
    ("fault", "triggers"),
    [
        pytest.param({}, 1, id="well"),
        pytest.param({"do": "cut_after"}, 2, id="its answer is lost"),
        pytest.param({"do": "cut_before"}, 1, id="it is lost"),
        pytest.param({"status": 429, "headers": {"retry-after": "3"}}, 1, id="too many"),
        pytest.param({"status": 503}, 1, id="away"),
    ],
)
async def test_a_page_opens_one_alert_whatever_the_network_does(
    tmp_path: Path, fault: dict[str, object], triggers: int
) -> None:
    """Said again where that is in doubt, and merged there; nothing of the client's leaves."""
    network = PagerDuty()
    async with serving(network) as loopback:
        if fault:
            loopback.fail("POST /v2/enqueue", **fault)  # type: ignore[arg-type]
        await _page(StoredJournal(SqliteStore(tmp_path / "journal.db")), loopback)
    assert list(network.alerts) == ["oc/test/OC-2026-0001"]
    assert network.alerts["oc/test/OC-2026-0001"]["count"] == triggers
    assert network.opened == {"oc/test/OC-2026-0001": 1}
    told = repr(network.events)
    message = inbound(1).event
    for word in (message.client.phone, message.client.display_name, message.message.text):
        assert word
        assert word not in told


# Nobody listens there. The braces are doubled for the text that it is added to.
_ONCALL = """\
services:
  noc: {{type: pagerduty, url: "http://127.0.0.1:9"}}
oncall:
  source: schedule
  order: [pagerduty]
  pagerduty: {{url: "http://127.0.0.1:9", schedules: {{voip: PSCHED1}}}}
"""


def test_a_daemon_whose_sources_are_silent_says_so(tmp_path: Path) -> None:
    """`/readyz` has the sentence, and the post goes out as ever."""
    environ = {"ENGINE_NOC_ROUTING_KEY": ROUTING_KEY, "ENGINE_ONCALL_PAGERDUTY_TOKEN": "t"}
    with live_daemon(tmp_path, extra=_ONCALL, environ=environ) as daemon:
        assert daemon.post("m1", "I have issues with my 3CX, I can't make outbound calls").status_code == 200
        ready = httpx.get(f"{daemon.url}/readyz")
        assert ready.status_code == 503
        (sentence,) = ready.json()["failing"]
        assert sentence.startswith("oncall: nobody can tell who is on call: PagerDuty ")
