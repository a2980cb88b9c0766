"""The raw neonize of `child` in a process of its own, driven from a test."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from standins.whatsapp.server import Service

Event = dict[str, Any]

_PATIENCE_S = 20.0
# A line may hold a long message.
_LINE_LIMIT = 1 << 20


class Neonize:
    """A process with neonize in it."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._change = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._reader.add_done_callback(lambda _: self._changed())
        # Every line that it told, oldest first.
        self.events: list[Event] = []

    async def event(self, name: str, times: int = 1, patience_s: float = _PATIENCE_S, **fields: Any) -> Event:
        """Wait for an event of that name with those fields, the first or a later one."""
        found: list[Event] = await self.until(
            lambda: [one for one in self.named(name) if fields.items() <= one.items()][times - 1 :],
            f"{name} {fields or ''}",
            patience_s,
        )
        return found[0]

    def named(self, name: str) -> list[Event]:
        """Every event of that name so far."""
        return [one for one in self.events if one["event"] == name]

    async def until(self, condition: Callable[[], Any], what: str, patience_s: float = _PATIENCE_S) -> Any:
        """Wait until the condition, looked at after each event, is true; what it then is."""
        try:
            async with asyncio.timeout(patience_s):
                while not (found := condition()) and not self._reader.done():
                    await self._change.wait()
        except TimeoutError:
            found = None
        if not found:
            told = "\n".join(map(str, self.events[-20:]))
            raise AssertionError(f"{what} did not come; neonize told:\n{told}\nand wrote:\n{self.written()}")
        return found

    async def do(self, order: str, **fields: str) -> Event:
        """Give an order and wait for its answer: `done` with the result, or `failed` with the error."""
        answered = len(self._answers(order))
        await self.begin(order, **fields)
        found: list[Event] = await self.until(lambda: self._answers(order)[answered:], f"the answer to {order}")
        return found[0]

    async def begin(self, order: str, **fields: str) -> None:
        """Give an order and return at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": order, **fields}).encode() + b"\n")
        await self._process.stdin.drain()

    def written(self) -> str:
        """What the library printed."""
        return self._log.read_text("utf-8", "replace")[-4000:]

    def kill(self) -> None:
        """SIGKILL, and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """End it."""
        self.kill()
        await self._process.wait()
        await self._reader

    def _answers(self, order: str) -> list[Event]:
        return [one for one in self.events if one["event"] in ("done", "failed") and one["of"] == order]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.events.append(json.loads(line))
            self._changed()

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


@asynccontextmanager
async def neonize(service: Service, store: Path) -> AsyncIterator[Neonize]:
    """A process with neonize on this store, connected to the service or about to be, while the block runs."""
    log = store.with_suffix(".log")
    # Nothing of the engine runs there, so nothing is measured.
    environ = {key: value for key, value in service.environ.items() if not key.startswith(("COVERAGE", "COV_"))}
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "standins.whatsapp.child", str(store)),
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
    client = Neonize(process, log)
    try:
        yield client
    finally:
        await client.close()
