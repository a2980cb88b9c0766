"""WhatsApp Web's figures, by hand: `python tests/bench/whatsapp_web.py` (three minutes; Linux on x86-64).

The whole daemon with the real library against the stand-in for WhatsApp Web: from the moment at which a client's phone
sends to the acknowledgement decrypted there, and the memory of the gateway over many messages. Beside it, in the same
run, the raw round trip of a message that nobody answers: from sending to WhatsApp's receipt for it.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Instead of this folder, whose `journal` is another.
sys.path[:1] = [str(ROOT), str(ROOT / "tests")]

from standins.whatsapp import Service, running

CONFIG = """\
environment: development
rules: {root}/rules
templates: {root}/templates
state: {state}
http: {{listen: "127.0.0.1:0"}}
connectors:
  main: {{type: whatsapp-web, per_second: 10000, per_client_gap: 0s}}
limits: {{mattermost_per_second: 10000}}
"""
_SEED = "I have issues with my 3CX, I can't make outbound calls"


def ranked(spent: list[float]) -> str:
    spent.sort()
    return f"p50 {spent[len(spent) // 2]:.0f} ms, p99 {spent[int(len(spent) * 0.99)]:.0f} ms"


def gateway_mb(daemon: int) -> float:
    """The resident memory of the daemon's child."""
    (child,) = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
    status = Path(f"/proc/{child}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


async def latencies(service: Service, clients: int) -> tuple[str, str]:
    """From sending to the decrypted acknowledgement, and to WhatsApp's receipt, each client once."""
    answered, receipted = [], []
    for number in range(clients):
        client = service.person(f"2547{number:08d}", lid=f"777{number:08d}", name=f"Client {number}")
        started = time.perf_counter()
        written = await client.write(_SEED)
        await service.receipted(written)
        receipted.append((time.perf_counter() - started) * 1000)
        await client.reply()
        answered.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.05)
    return ranked(answered), ranked(receipted)


async def memory(service: Service, daemon: int, messages: int) -> tuple[float, float, float]:
    """The gateway's memory before and after so many messages, and messages a second."""
    before = gateway_mb(daemon)
    people = [service.person(f"2548{number:08d}", lid=f"888{number:08d}", name=f"B {number}") for number in range(50)]
    started = time.perf_counter()
    for number in range(messages):
        written = await people[number % len(people)].write(f"message {number}")
        if number % 100 == 0:
            await service.receipted(written)
    await service.receipted(written)
    return before, gateway_mb(daemon), messages / (time.perf_counter() - started)


async def measure(folder: Path, clients: int, messages: int) -> None:
    async with running(folder / "service") as service:
        state = folder / "state"
        (state / "whatsapp-main").mkdir(parents=True, mode=0o700)
        service.paired(state / "whatsapp-main" / "session.db")
        config = folder / "engine.yaml"
        config.write_text(CONFIG.format(root=ROOT, state=state))
        with (folder / "log").open("wb") as log:
            daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "engine.cli", "run", "--config", str(config), "--log-level", "ERROR",
                cwd=ROOT, env=os.environ | dict(service.environ), stdout=log, stderr=log,
            )  # fmt: skip
            await service.online()
            answered, receipted = await latencies(service, clients)
            before, after, rate = await memory(service, daemon.pid, messages)
            daemon.terminate()
            await daemon.wait()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| figure | asked | measured |\n| --- | --- | --- |")
    print(f"| sent to acknowledgement decrypted, {clients} clients | p50 ≤ 40 ms, p99 ≤ 150 ms | {answered} |")
    print(f"| sent to WhatsApp's receipt, which waits for the journal | for comparison | {receipted} |")
    print(f"| gateway after {messages} messages (before: {before:.0f} MB) | ≤ 130 MB, flat | {after:.0f} MB |")
    print(f"| messages a second meanwhile | | {rate:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200, help="for the latency")
    parser.add_argument("--messages", type=int, default=10_000, help="for the memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "service").mkdir()
        asyncio.run(measure(Path(name), options.clients, options.messages))


if __name__ == "__main__":
    main()
