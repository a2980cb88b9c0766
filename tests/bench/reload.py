"""Loading rules, by hand: `python tests/bench/reload.py` (two minutes). How long it takes, and how long others wait.

An event loop ticks every millisecond in the same process while rules are loaded in a thread, as the daemon does it. The
longest pause between two ticks stands beside three others of the same run: without any load, beside a thread that only
counts, and beside a load with Python's collector left on.
"""

import argparse
import asyncio
import gc
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvloop

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import rulesets

from engine.ruleset import loader, quiet, snapshots
from engine.ruleset.loader import Loaded

_TICK_S = 0.001
_COUNTED = 10_000_000
# Stalls beyond this are what a client would notice.
_LIMIT_MS = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One thing that was done while the loop ticked."""

    took_s: float
    # The longest pause between two ticks, the 99.9th percentile, and how many were over the limit.
    longest_ms: float
    p999_ms: float
    over: int


async def _beside(work: Callable[[], object]) -> tuple[Run, object]:
    """Run the work in a thread while the loop ticks."""
    pauses: list[float] = []
    done = asyncio.Event()

    async def tick() -> None:
        last = time.perf_counter()
        while not done.is_set():
            await asyncio.sleep(_TICK_S)
            now = time.perf_counter()
            pauses.append((now - last) * 1000)
            last = now

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    pauses.clear()
    begun = time.perf_counter()
    result = await asyncio.to_thread(work)
    took = time.perf_counter() - begun
    await asyncio.sleep(0.02)
    done.set()
    await ticking
    ordered = sorted(pauses)
    over = sum(pause > _LIMIT_MS for pause in ordered)
    return Run(took, ordered[-1], ordered[int(len(ordered) * 0.999)], over), result


def _count() -> int:
    total = 0
    for number in range(_COUNTED):
        total += number
    return total


def _collected(rules: Path, templates: Path) -> Loaded:
    """A load as it would be without `quiet`."""
    return loader.check(snapshots.snapshot(rules, templates), str(rules), str(templates), advise=False)


def _edit(rules: Path, number: int) -> None:
    edited = sorted(rules.glob("*team*.yaml"))[number]
    edited.write_text(edited.read_text("utf-8").replace("priority: low", "priority: normal"), "utf-8")


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _row(what: str, run: Run) -> None:
    print(f"| {what} | {run.took_s:.2f} s | {run.longest_ms:.1f} ms | {run.p999_ms:.1f} ms | {run.over} |", flush=True)


async def measure(folder: Path, sizes: list[int]) -> None:
    """The table."""
    # What is imported at the first load is no part of it.
    loader.load(ROOT / "rules", ROOT / "templates", advise=False)
    print(f"Python {platform.python_version()}, {platform.machine()}; pauses of a loop that ticks every millisecond\n")
    print("| while | took | longest pause | p99.9 | over 20 ms |\n| --- | ---: | ---: | ---: | ---: |")
    _row("nothing happens", (await _beside(partial(time.sleep, 2)))[0])
    _row("a thread only counts", (await _beside(_count))[0])
    for size in sizes:
        rules, templates = rulesets.write(folder / str(size), size)
        if size <= 1000:
            _row(f"{size:,} rules, collector left on", (await _beside(partial(_collected, rules, templates)))[0])
        run, loaded = await _beside(partial(loader.load, rules, templates, advise=False))
        assert isinstance(loaded, Loaded)
        assert loaded.ruleset is not None
        _row(f"{size:,} rules, cold", run)
        _edit(rules, 0)
        run, again = await _beside(partial(loader.load, rules, templates, loaded.parts, advise=False))
        assert isinstance(again, Loaded)
        assert again.ruleset is not None
        _row(f"{size:,} rules, one file changed", run)
        retired: list[object] = [loaded.ruleset]
        del loaded
        run, _ = await _beside(partial(quiet.dismantle, retired))
        _row(f"{size:,} rules, the old ones go", run)
        del again
        gc.collect()
    print(f"\nat most {_megabytes()} MB")


def _validate(folder: Path) -> None:
    rules, _ = rulesets.write(folder / "50", 50)
    command = [sys.executable, "-m", "engine.cli", "validate", str(rules)]
    took = []
    for _ in range(7):
        begun = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        took.append(time.perf_counter() - begun)
    spacy = [sys.executable, "-W", "ignore", "-c", "import spacy"]
    begun = time.perf_counter()
    subprocess.run(spacy, check=True, capture_output=True)
    alone = time.perf_counter() - begun
    print(f"`engine validate` of 50 rules: {min(took):.2f} s; `import spacy` alone: {alone:.2f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, nargs="*", default=[1000, 10_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _validate(Path(folder))
        uvloop.run(measure(Path(folder), options.rules))


if __name__ == "__main__":
    main()
