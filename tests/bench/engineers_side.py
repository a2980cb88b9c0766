"""How soon engineers get a post, and how soon it says what they did, by hand: `python tests/bench/engineers_side.py`.

The daemon and the stand-ins for Meta, Mattermost and PagerDuty are processes; twenty clients a second write to the
webhook. Measured once with the mention of engine.yaml alone and once with on-call files, ladders and paging, while an
engineer reacts to a post each second. Beside them stand what a bare client needs for the same post, and how soon
anybody who listens to the WebSocket learns of the same reaction.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import websockets

ROOT = Path(__file__).parents[2]
# Instead of this folder, whose `journal` is another.
sys.path[:1] = [str(ROOT), str(ROOT / "tests")]

from standins import mattermost
from standins.clients import SEED, Meta, Writer
from standins.processes import Site
from standins.shifts import Shift, rows_of

PER_SECOND = 20
HEADERS = {"authorization": f"Bearer {mattermost.TOKEN}"}
_TAKEN = """
SELECT (sent_at - accepted_at) / 1000.0 FROM deliveries
WHERE kind = 'escalation' AND state = 'sent' ORDER BY seq
"""


class Listener:
    """Somebody who hears everything that Mattermost tells; times are those of the clock that only runs."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.replace('http', 'ws', 1)}/api/v4/websocket"
        # The root posts in their order, with the time at which they were told.
        self.posted: list[tuple[str, float]] = []
        # When a reaction to a post was told, and the first edit after it that says who has claimed it.
        self.reacted: dict[str, float] = {}
        self.edited: dict[str, float] = {}

    async def run(self) -> None:
        async with websockets.connect(self._url, additional_headers=HEADERS, proxy=None) as socket:
            async for frame in socket:
                self._hear(json.loads(frame), time.perf_counter())

    def _hear(self, told: dict[str, Any], at: float) -> None:
        match told["event"]:
            case "posted":
                post = json.loads(told["data"]["post"])
                if not post["root_id"]:
                    self.posted.append((post["id"], at))
            case "reaction_added":
                self.reacted.setdefault(json.loads(told["data"]["reaction"])["post_id"], at)
            case "post_edited":
                post = json.loads(told["data"]["post"])
                if "Status: claimed" in post["message"]:
                    self.edited.setdefault(post["id"], at)


async def react(url: str, listener: Listener, asked: dict[str, float]) -> None:
    """An engineer reacts to a post each second, until cancelled."""
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            await asyncio.sleep(1)
            # Nobody reacts to what has not been there for half a second.
            seen = (post for post, at in reversed(listener.posted) if time.perf_counter() - at > 0.5)
            root = next((post for post in seen if post not in asked), None)
            if root is not None:
                asked[root] = time.perf_counter()
                order = {"react": {"post": root, "user": "amina", "emoji": "eyes"}}
                await http.post(f"{url}/_control", json=order)


async def bare(site: Site, number: int) -> list[float]:
    """Milliseconds that a client with nothing else to do needs for a post of the same size, twenty a second."""
    spent = []
    wanted = {"channel_id": site.channel_id("support-triage"), "message": SEED * 8}
    async with httpx.AsyncClient(trust_env=False, headers=HEADERS) as http:
        for _ in range(number):
            started = time.perf_counter()
            (await http.post(f"{site.mattermost.url}/api/v4/posts", json=wanted)).raise_for_status()
            spent.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(1 / PER_SECOND)
    return spent


async def load(site: Site, seconds: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds from accepted to taken, from a reaction to the edited post, and to anybody who listens."""
    listener, asked = Listener(site.mattermost.url), dict[str, float]()
    tasks = [
        asyncio.create_task(listener.run()),
        asyncio.create_task(react(site.mattermost.url, listener, asked)),
    ]
    async with Meta(site) as meta:
        # The first ones find the daemon cold, and are not counted.
        await meta.converse([Writer(number) for number in range(PER_SECOND)], 1, PER_SECOND)
        first = len(rows_of(site, _TAKEN))
        await meta.converse([Writer(number + PER_SECOND) for number in range(seconds * PER_SECOND)], 1, PER_SECOND)
    tasks[1].cancel()
    await asyncio.sleep(2)
    tasks[0].cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    taken = [span for (span,) in rows_of(site, _TAKEN)][first:]
    edits = [(listener.edited[root] - at) * 1000 for root, at in asked.items() if root in listener.edited]
    echoes = [(listener.reacted[root] - at) * 1000 for root, at in asked.items() if root in listener.reacted]
    if len(edits) < len(asked):
        print(f"{len(asked) - len(edits)} of {len(asked)} reactions had no edit")
    return taken, edits, echoes


def ranked(spent: Sequence[float]) -> str:
    found = sorted(spent)
    return f"{found[len(found) // 2]:.1f} · {found[int(len(found) * 0.99)]:.1f} ms"


async def measure(folder: Path, seconds: int) -> None:
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| figure, p50 · p99 | asked | measured |\n| --- | --- | --- |")
    for name in ("without", "with"):
        (folder / name).mkdir()
        site = Site.build(folder / name)
        shift = Shift.begin(site, first="5m", second="10m") if name == "with" else None
        try:
            await asyncio.to_thread(site.start)
            if shift is None:
                print(f"| a bare client's post at 20/s | for comparison | {ranked(await bare(site, 200))} |")
            taken, edits, echoes = await load(site, seconds)
            print(f"| accepted to post taken at 20/s, {name} ladder | ≤ 15 · 60 ms | {ranked(taken)} |")
            print(f"| reaction to the edited post, {name} ladder | ≤ 1 s | {ranked(edits)} |", flush=True)
            print(f"| the same reaction to anybody who listens | for comparison | {ranked(echoes)} |", flush=True)
        finally:
            site.close()
            if shift is not None:
                shift.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(Path(name), options.seconds))


if __name__ == "__main__":
    main()
