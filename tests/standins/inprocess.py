"""A whole daemon in a thread of the test, on temporary folders and a free port."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from engine.app import Engine
from engine.core.deliveries import Claimed
from engine.core.endpoints import Endpoint
from engine.settings import load
from engine.starter import starter_folder

TOKEN = "desk-token-for-tests"
CONFIG = """\
environment: development
rules: {rules}
templates: {templates}
state: {state}
http: {{listen: "127.0.0.1:0"}}
connectors:
  desk: {{type: http, reply_through: screen}}
  screen: {{type: console}}
"""


@dataclass
class LiveDaemon:
    """What a test may look at."""

    config: Path
    url: str = ""
    said: list[Claimed] = field(default_factory=list)

    def post(self, message_id: str, text: str, conversation: str = "wa-1") -> httpx.Response:
        return httpx.post(
            f"{self.url}/events/desk",
            json=event(message_id, text, conversation),
            headers={"authorization": f"Bearer {TOKEN}"},
        )


def event(message_id: str, text: str, conversation: str = "wa-1") -> dict[str, Any]:
    return {
        "source": "whatsapp",
        "receivedAt": "2026-02-12T10:15:30Z",
        "conversationId": conversation,
        "client": {"phone": "+254700000001", "displayName": "Jackson"},
        "message": {"id": message_id, "text": text},
    }


def write_config(folder: Path, rules: Path | None = None, text: str = CONFIG) -> Path:
    config = folder / "engine.yaml"
    config.write_text(
        text.format(
            rules=rules or starter_folder("rules"), templates=starter_folder("templates"), state=folder / "state"
        )
    )
    return config


@contextmanager
def live_daemon(
    folder: Path, rules: Path | None = None, extra: str = "", environ: Mapping[str, str] | None = None
) -> Iterator[LiveDaemon]:
    """The daemon, from ready until the block ends; then it drains. `extra` are further lines of engine.yaml, and
    `environ` has their secrets.
    """
    daemon = LiveDaemon(write_config(folder, rules, CONFIG + extra))
    ready = threading.Event()
    handles: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def opened(endpoint: Endpoint) -> None:
        daemon.url = f"http://{endpoint}"
        ready.set()

    async def serve() -> None:
        stop = asyncio.Event()
        handles.append((asyncio.get_running_loop(), stop))
        settings = load(daemon.config, {"ENGINE_DESK_TOKEN": TOKEN, **(environ or {})})
        await Engine(settings, show=daemon.said.append, environ={}).run(stop, opened)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield daemon
    finally:
        loop, stop = handles[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
