"""The main job's figures, by hand: `python tests/bench/main_job.py` (two minutes; `--messages 200000` for memory).

Each figure stands beside something measured in the same run on the same disk, so that it means something elsewhere:
the full life of an event beside a bare loop that commits each of its steps by itself.
"""

import argparse
import asyncio
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import uvloop

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from engine import logs
from engine.app import Engine
from engine.clocks import SystemClock
from engine.core.answers import Circumstances
from engine.core.deliveries import Claimed, Found, Outcome, Reconciled, Sent
from engine.core.events import Address, Client, Event, Inbound, Message
from engine.core.plan import plan
from engine.core.practices import Practice
from engine.journal.journals import StoredJournal
from engine.journal.sqlite import SqliteStore
from engine.journal.stores import Store
from engine.metrics import Metrics
from engine.oncall.static import StaticOnCall
from engine.pipeline import Pipeline, Routing
from engine.ports import Health
from engine.relay import Destination, Relay
from engine.ruleset import loader
from engine.ruleset.matcher import Ruleset
from engine.settings import load

CLOCK = SystemClock()
SEED = "I have issues with my 3CX, I can't make outbound calls"
TEXTS = (
    SEED,
    "Good morning, both SIP trunks are unregistered after the power blackout",
    "wifi is very slow today, kindly check reference {0}",
    "Please send invoice {0} for October",
    "simu hazifanyi kazi ofisi ya {0}",
    "hello {0}",
)
CONFIG = """\
environment: development
rules: {root}/rules
templates: {root}/templates
state: {state}
http: {{listen: "127.0.0.1:0"}}
connectors:
  desk: {{type: http, reply_through: screen}}
  screen: {{type: console}}
limits: {{mattermost_per_second: 10000}}
"""


_CLIENT = """
import json, sys, time, urllib.request
from datetime import datetime, timezone
address, count, pause, text = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
for number in range(count):
    event = {"source": "whatsapp", "receivedAt": datetime.now(timezone.utc).isoformat(),
             "conversationId": f"wa-{number}", "client": {"phone": f"+2547{number:08d}", "displayName": "Jackson"},
             "message": {"id": f"m{number}", "text": text}}
    request = urllib.request.Request(f"http://{address}/events/desk", json.dumps(event).encode())
    request.add_header("authorization", "Bearer t")
    urllib.request.urlopen(request).read()
    time.sleep(pause)
"""
# Messages under way at a time.
_OPEN = 128


class Instant:
    """A network that takes everything at once."""

    def __init__(self, name: str, window: asyncio.Semaphore) -> None:
        self.name = name
        self.sent = 0
        self._window = window

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def send(self, claimed: Claimed) -> Outcome:
        self.sent += 1
        self._window.release()
        return Sent(claimed.id)

    async def reconcile(self, claimed: Claimed) -> Reconciled:
        return Found.NOT_SENT

    def health(self) -> Health:
        return Health(ready=True)


def inbound(number: int) -> Inbound:
    phone = f"+2547{number:08d}"
    text = TEXTS[number % len(TEXTS)].format(f"{number:x}-{number * 7919 % 100_003}")
    event = Event(
        "whatsapp", CLOCK.now(), f"wa-{phone}", Client(phone, f"Client {number}"), Message(f"m{number}", text)
    )
    return Inbound("desk", event, Address("whatsapp", phone))


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def ruleset() -> Ruleset:
    loaded = loader.load(ROOT / "rules", ROOT / "templates")
    if loaded.ruleset is None:
        raise SystemExit("the starter rules do not load: run `engine validate rules/`")
    return loaded.ruleset


def decide(rules: Ruleset, rounds: int = 20_000) -> tuple[str, str, str]:
    """From the seed message to its decision, to decision and three rendered texts, and a bare loop in comparison."""
    message = replace(inbound(1), event=replace(inbound(1).event, message=Message("m", SEED)))
    circumstances = Circumstances(CLOCK.now(), None, None, paused=False, mention="@oncall", escalate_to="mattermost")

    def texts() -> None:
        plan(message, rules.evaluate(message.event), rules, circumstances)

    return (
        spread_us(lambda: rules.evaluate(message.event), rounds),
        spread_us(texts, rounds),
        spread_us(lambda: sum(range(10_000)), rounds),
    )


def spread_us(call: Callable[[], object], rounds: int) -> str:
    """Median microseconds, and the tenth percentile: far apart where other machines share the processor."""
    for _ in range(200):
        call()
    spent = []
    for _ in range(rounds):
        started = time.perf_counter_ns()
        call()
        spent.append(time.perf_counter_ns() - started)
    spent.sort()
    return f"{spent[rounds // 2] / 1000:.0f} µs ({spent[rounds // 10] / 1000:.0f} µs)"


async def full_life(rules: Ruleset, store: Store, messages: int, *, report: bool = False) -> float:
    """Events per second through accept, decide, record, acknowledge, escalate and audit, 64 at a time."""
    clock, metrics = SystemClock(), Metrics()
    journal = StoredJournal(store)
    await journal.open("main", clock.now())
    # At most so many deliveries are open: without a bound the benchmark would measure accepting alone.
    window = asyncio.Semaphore(2 * _OPEN)
    networks = [Instant("whatsapp", window), Instant("mattermost", window)]
    relay = Relay(
        journal,
        {network.name: Destination(network, per_second=1e6, at_once=64) for network in networks},
        clock,
        metrics,
        lambda: 0.5,
        paused=lambda: False,
        escalate_to="mattermost",
    )
    routing = Routing(lambda: Practice(StaticOnCall("@oncall"), "mattermost", "bench"))
    pipeline = Pipeline(journal, lambda: rules, routing, clock, metrics, relay.wake)
    tasks = [asyncio.create_task(pipeline.run()), asyncio.create_task(relay.run())]
    numbers = iter(range(messages))
    started, before = time.perf_counter(), rss_mb()

    async def client() -> None:
        for number in numbers:
            await window.acquire()
            await window.acquire()
            await pipeline.accept([inbound(number)])
            if report and number % 20_000 == 0:
                backlog = await journal.backlog()
                waiting = backlog.unrouted + sum(backlog.deliveries.values())
                print(f"  {number:>7} messages, RSS {rss_mb():.0f} MB, {waiting} waiting", file=sys.stderr)

    await asyncio.gather(*(client() for _ in range(64)))
    while True:
        backlog = await journal.backlog()
        if not backlog.unrouted and not any(state in {"queued", "sending"} for _, state in backlog.deliveries):
            break
        await asyncio.sleep(0.002)
    rate = messages / (time.perf_counter() - started)
    pipeline.stop()
    relay.stop()
    await asyncio.gather(*tasks)
    incidents = await journal.incidents(None, 1)
    await journal.close()
    if incidents[0].ticket_id.rsplit("-", 1)[1] != f"{messages:04d}" or networks[0].sent != messages:
        raise SystemExit("the run lost or doubled something: its figure counts for nothing")
    if report:
        print(f"  RSS {before:.0f} MB before, {rss_mb():.0f} MB after {messages} messages", file=sys.stderr)
    return rate


def bare_loop(folder: Path, events: int = 300) -> float:
    """Events per second of a loop that commits the same five steps one by one, on the same disk."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, body TEXT)")
    started = time.perf_counter()
    for _ in range(events):
        for _step in range(5):
            connection.execute("INSERT INTO step (body) VALUES (?)", ("x" * 400,))
    return events / (time.perf_counter() - started)


async def latency(folder: Path, seconds: int, per_second: int = 20) -> tuple[float, float]:
    """p50 and p99 milliseconds from accepted to the acknowledgement handed to its network; over HTTP at 20 events/s."""
    config = folder / "engine.yaml"
    config.write_text(CONFIG.format(root=ROOT, state=folder / "state"))
    spent: list[float] = []
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    def show(claimed: Claimed) -> None:
        if claimed.lane.startswith("acknowledge:"):
            spent.append((CLOCK.now() - claimed.accepted_at).total_seconds() * 1000)

    engine = Engine(load(config, {"ENGINE_DESK_TOKEN": "t"}), show=show, environ={})
    task = asyncio.create_task(engine.run(stop, lambda endpoint: ready.set_result(str(endpoint))))
    # The client is a process of its own, as the networks are: its work must not count as the daemon's.
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLIENT, await ready, str(seconds * per_second), str(1 / per_second), SEED
    )
    await client.wait()
    await asyncio.sleep(1)
    stop.set()
    await task
    ranked = sorted(spent)
    return ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)]


def command(*arguments: str) -> float:
    """Median seconds of a whole command, five runs after a warm one."""
    line = [sys.executable, "-m", "engine.cli", *arguments]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    spent = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def start_up(folder: Path) -> tuple[float, float]:
    """Median seconds from the start of `engine run` until it is ready, and its resident memory then in MB."""
    config = folder / "engine.yaml"
    config.write_text(CONFIG.format(root=ROOT, state=folder / "start-up"))
    spent, memory = [], []
    for _ in range(5):
        started = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "engine.cli", "run", "--config", str(config), "--log-format", "json"],
            cwd=ROOT,
            env=os.environ | {"ENGINE_DESK_TOKEN": "t"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if process.stderr is None:
                raise SystemExit("no log to read")
            for line in process.stderr:
                if '"ready"' in line:
                    break
            else:
                raise SystemExit("the daemon did not start")
            spent.append(time.perf_counter() - started)
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory.append(int(status.split("VmRSS:")[1].split()[0]) / 1000)
            process.terminate()
            process.stderr.read()
    return statistics.median(spent), statistics.median(memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="for the full life; 200000 shows flat memory")
    parser.add_argument("--seconds", type=int, default=30, help="for the latency")
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: a temporary folder)")
    options = parser.parse_args()
    logs.configure("text", "ERROR", sys.stderr)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        rules = ruleset()
        decision, texts, loop = decide(rules)
        bare = bare_loop(folder)
        rate = uvloop.run(
            full_life(rules, SqliteStore(folder / "journal.db"), options.messages, report=options.messages >= 100_000)
        )
        p50, p99 = uvloop.run(latency(folder, options.seconds))
        ready, memory = start_up(folder)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| figure | asked | measured |\n| --- | --- | --- |")
    print(f"| seed message to decision, median (fastest tenth) | | {decision} |")
    print(f"| seed message to decision and three texts, median (fastest tenth) | ≤ 150 µs | {texts} |")
    print(f"| the sum of 10,000 numbers, median (fastest tenth) | for comparison | {loop} |")
    print(f"| full life on SQLite FULL, {options.messages} messages | ≥ 500/s | {rate:.0f}/s |")
    print(f"| a bare loop that commits five steps one by one | for comparison | {bare:.0f}/s |")
    print(f"| accepted to acknowledgement at 20/s, p50 | ≤ 10 ms | {p50:.1f} ms |")
    print(f"| accepted to acknowledgement at 20/s, p99 | ≤ 30 ms | {p99:.1f} ms |")
    print(f"| `engine run` until ready | ≤ 2.5 s | {ready:.2f} s |")
    print(f"| resident memory when ready | ≤ 250 MB | {memory:.0f} MB |")
    print(f"| `engine validate rules/` | ≤ 1.5 s | {command('validate', 'rules/'):.2f} s |")
    print(f"| `engine --help` | ≤ 0.2 s | {command('--help'):.2f} s |")


if __name__ == "__main__":
    main()
