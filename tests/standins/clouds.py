"""The Cloud API connector with its network on the loopback, for the tests of what it sends and reads."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from standins import graph
from standins.claims import claim
from standins.graph import Graph
from standins.loopback import Loopback, serving
from standins.parts import SetClock

from engine.connectors.whatsapp_cloud import Number, Template, WhatsAppCloud
from engine.core.deliveries import Acknowledgement, Outcome
from engine.ports import Received, WebhookRequest


@dataclass
class Setting:
    network: Graph
    loopback: Loopback
    cloud: WhatsAppCloud
    clock: SetClock

    async def send(self, text: str = "Hello", peer: str = "to:254712345678") -> Outcome:
        return await self.cloud.send(claim(Acknowledgement(peer, text, "wamid.A")))

    def receive(self, notification: Any) -> Received:
        body = json.dumps(notification).encode()
        headers = {"x-hub-signature-256": graph.signature(body)}
        received = self.cloud.receive(WebhookRequest("POST", {}, headers, body, self.clock.now()))
        assert isinstance(received, Received)
        return received


@asynccontextmanager
async def setting(
    timeout_s: float = 2,
    *,
    template: Template | None = None,
    read_receipts: bool = False,
    per_client_gap: timedelta = timedelta(0),
) -> AsyncIterator[Setting]:
    network, clock = Graph(), SetClock()
    async with serving(network) as loopback:
        number = Number(
            phone_number_id=graph.PHONE_NUMBER_ID,
            api_url=loopback.url,
            api_version=graph.API_VERSION,
            access_token=graph.TOKEN,
            app_secret=graph.APP_SECRET,
            verify_token=graph.VERIFY_TOKEN,
            template=template,
            read_receipts=read_receipts,
            per_client_gap=per_client_gap,
            timeout_s=timeout_s,
        )
        cloud = WhatsAppCloud("cloud", number, clock)
        await cloud.start()
        try:
            yield Setting(network, loopback, cloud, clock)
        finally:
            await cloud.close()


def receive(notification: Any, at: datetime = datetime(2026, 2, 12, 10, 20, tzinfo=UTC)) -> Received:
    """What a connector without a network makes of a notification that comes in at an instant."""
    number = Number(graph.PHONE_NUMBER_ID, "http://127.0.0.1:9", "v23.0", graph.TOKEN, graph.APP_SECRET, "v")
    cloud = WhatsAppCloud("cloud", number, SetClock())
    body = json.dumps(notification).encode()
    received = cloud.receive(WebhookRequest("POST", {}, {"x-hub-signature-256": graph.signature(body)}, body, at))
    assert isinstance(received, Received)
    return received
