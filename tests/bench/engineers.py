"""How soon engineers are heard, by hand: `python tests/bench/engineers.py` (two minutes).

The watcher against the stand-in for Mattermost over the loopback, which counts requests as the real one does where an
administrator has that switched on: ten each second, a hundred after a pause. How long it takes until everything about
1,000 open posts is known after a lost connection, half of them claimed and a thread word in every fourth; and from a
reaction to its acceptance.
"""

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Instead of this folder, whose `journal` is another.
sys.path[:1] = [str(ROOT), str(ROOT / "tests")]

from loguru import logger
from standins import mattermost
from standins.budgets import Budget
from standins.engineers import Scene, scene, until


def incidents(posts: int, channels: int, engineers: int, *, known: bool) -> Callable[[Scene], None]:
    """So many open posts over so many channels; `known`: the journal has their claims already."""

    def before(here: Scene) -> None:
        names = [f"channel-{number}" for number in range(channels)]
        people = [f"engineer-{number}" for number in range(engineers)]
        for name in names:
            here.server.add_channel(name)
        for number, person in enumerate(people):
            here.server.chatters.add(f"e{number:025d}", person)
        for number in range(posts):
            channel, person = names[number % channels], people[number // channels % engineers]
            root = here.plain_post(channel)
            claim = None
            if number % 2:
                here.server.react(root, person, "eyes")
                (told,) = here.server.chatters.on(root)
                claim = f"reaction:{root}:{told['user_id']}:eyes:{told['update_at']}"
            here.know(root, channel, held_by=person if known else None, held_id=claim if known else None)
            if number % 4 == 0:
                here.server.say(root, person, "snooze 30m")
        here.loopback.seen.clear()

    return before


async def reconciled(posts: int, channels: int, engineers: int, *, known: bool) -> str:
    """The row of one state of affairs."""
    server = mattermost.Mattermost(budget=Budget(per_second=10))
    async with scene(server=server, prepare=incidents(posts, channels, engineers, known=known)) as here:
        started = time.perf_counter()
        await until(lambda: here.watcher.caught_up)
        spent = time.perf_counter() - started
        asked, actions = len(here.loopback.seen) - server.budget.refused, len(here.ledger.accepted)
    claims = "known" if known else "all new"
    return f"| {posts:,} | {channels} | {engineers} | {claims} | {actions} | {asked} | {spent:.1f} s |"


async def reactions(number: int) -> str:
    """From a reaction to its acceptance, by a person that is known."""
    async with scene() as here:
        await until(lambda: here.watcher.caught_up)
        root = here.post()
        spent = []
        for count in range(1, number + 1):
            started = time.perf_counter()
            here.server.react(root, "amina", "eyes")
            while len(here.ledger.accepted) < count:
                await asyncio.sleep(0)
            spent.append((time.perf_counter() - started) * 1000)
        spent.sort()
    return f"p50 {spent[number // 2]:.1f} ms, p99 {spent[int(number * 0.99)]:.1f} ms"


async def measure(posts: int) -> None:
    logger.remove()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| open posts | channels | engineers | claims | actions | requests | caught up after (asked: 10 s) |")
    print("|---:|---:|---:|---|---:|---:|---:|")
    for channels, engineers, known in ((5, 10, False), (5, 10, True), (10, 20, False), (10, 20, True)):
        print(await reconciled(posts, channels, engineers, known=known), flush=True)
    print(f"\nreaction to its acceptance: {await reactions(1_000)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1_000)
    asyncio.run(measure(parser.parse_args().posts))


if __name__ == "__main__":
    main()
