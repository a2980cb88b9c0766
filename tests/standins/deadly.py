"""The stand-in networks as processes that can also kill the daemon at a chosen moment and vanish for a while.

`python -m standins.deadly graph --port 0`. On top of what `loopback` takes, POST /_control understands

    {"kill": {"on": "POST /.*", "when": "before", "pid": 123}}

which ends the process with SIGKILL when the next exchange that fits comes in, `before` it has any effect or `after`
it took effect and before it is answered. SIGUSR1 closes every connection and refuses new ones, SIGUSR2 listens again.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from standins.graph import Graph, signature
from standins.loopback import Answer, Loopback, Network, Request, Upgrading
from standins.mattermost import Mattermost
from standins.twilio import Twilio

# The channels of the starter rules that the stand-in does not have by itself.
CHANNELS = ("support-voip", "support-network", "support-billing", "support-accounts", "sales-requests")


@dataclass(slots=True)
class Deadly(Network):
    """A network with an order to kill somebody."""

    network: Network
    order: Mapping[str, Any] | None = None
    # The moments at which somebody was killed.
    killed: list[str] = field(default_factory=list)
    # What was asked for, as (method and path, body).
    asked: list[tuple[str, Any]] = field(default_factory=list)

    async def answer(self, request: Request) -> Answer:
        order, what = self.order, f"{request.method} {request.path}"
        self.asked.append((what, request.json()))
        if order is None or not re.match(order["on"], what):
            return await self.network.answer(request)
        self.order = None
        answer = Answer(503) if order["when"] == "before" else await self.network.answer(request)
        os.kill(order["pid"], signal.SIGKILL)
        self.killed.append(order["when"])
        return answer

    async def converse(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.network, Upgrading):
            await self.network.converse(request, reader, writer)

    def recorded(self) -> Any:
        return {**self.network.recorded(), "killed": self.killed, "asked": self.asked}

    async def control(self, order: Mapping[str, Any]) -> Any:
        if "kill" in order:
            self.order = order["kill"]
            return {"kill": self.order is not None}
        return await self.network.control(order)


class PatientGraph(Graph):
    """Graph with one pool of connections for all of its notifications, of which hundreds may wait for the daemon.

    Each is repeated twice a second for as long as a test may last. `callback_url` may hold several addresses with a
    blank between, which are taken in turn, as a proxy in front of several nodes would.
    """

    def __init__(self) -> None:
        super().__init__()
        self._http = httpx.AsyncClient(trust_env=False, timeout=5)
        self._slots = asyncio.Semaphore(8)

    async def notify(self, notification: Mapping[str, Any]) -> None:
        body = json.dumps(notification).encode()
        headers = {"content-type": "application/json", "x-hub-signature-256": signature(body)}
        for door in itertools.cycle(self.callback_url.split()):
            try:
                async with self._slots:
                    answer = await self._http.post(door, content=body, headers=headers)
                self.notified.append(answer.status_code)
            except httpx.TransportError:
                self.notified.append(0)
            if self.notified[-1] == 200:
                return
            await asyncio.sleep(0.5)


def make(name: str) -> Network:
    """The network of that name, ready for the starter rules."""
    if name == "graph":
        return PatientGraph()
    if name == "twilio":
        return Twilio()
    mattermost = Mattermost()
    for channel in CHANNELS:
        mattermost.add_channel(channel)
    return mattermost


async def serve(loopback: Loopback) -> None:
    """Serve until killed; the first line of standard output is the URL."""
    loop, gone, back = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, gone.set)
    loop.add_signal_handler(signal.SIGUSR2, back.set)
    await loopback.open()
    print(loopback.url, flush=True)  # noqa: T201 - how the starting test learns the port
    while True:
        await gone.wait()
        await loopback.close()
        await back.wait()
        gone.clear()
        back.clear()
        await loopback.open()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=("graph", "mattermost", "twilio"))
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Loopback(Deadly(make(options.network)), options.port)))


if __name__ == "__main__":
    main()
