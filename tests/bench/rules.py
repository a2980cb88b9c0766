"""The matcher's figures, all contestants in one run: `python tests/bench/rules.py --out tests/bench/results`.

Takes some minutes; `--quick` less than one. The peers rule-engine, business-rules and zen-engine take part if they
can be imported: `pip install --target DIR rule-engine business-rules zen-engine`, then `PYTHONPATH=DIR`. Every figure
is the median over messages never seen before; of three runs with different messages the fastest counts, because what
else the machine does can only add. `--messages 200000` shows what so many unseen messages leave in memory.
"""

import argparse
import gc
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench import charts, contestants, workloads

from engine.clocks import SystemClock
from engine.core.answers import Circumstances
from engine.core.events import Address, Event, Inbound
from engine.core.plan import plan
from engine.core.text import normalise
from engine.ruleset.matcher import Ruleset
from engine.ruleset.patterns import compile_patterns

SIZES = (10, 100, 1_000, 10_000)
_T = TypeVar("_T")
OURS, NAIVE, CAREFUL = "engine", "naive `re` loop", "careful loop"
# The limits that the project sets itself, in µs.
LIMITS = {10: 15, 100: 30, 1_000: 40, 10_000: 110}
# Patterns that the loader accepts and that an engine which tries one way after the other never finishes, each with the
# text that it would never finish on.
_HOSTILE = (
    (r"(?:a+)+\bx", "a"),
    (r"(?:\w+\W*)+\bx\b", "call "),
    (r"call.*call.*call.*down", "call "),
    (r"(?:a|aa)+\d", "a"),
    (r"\b(?:\w+ ?){5,60}\d", "simu yetu "),
    (r"(?:.*ж.*){3}\d", "звонок "),
)
_ROUNDS = 3
# No contestant gets longer than this for one round.
_ROUND_S = 2.0


@dataclass(slots=True)
class Figures:
    """What a run has measured."""

    # By contestant and size, µs; None when the peer is not installed.
    medians: dict[str, dict[int, float] | None] = field(default_factory=dict)
    # By size: seconds to compile the rules, and candidates and regex checks for each message.
    compile_s: dict[int, float] = field(default_factory=dict)
    candidates: dict[int, list[int]] = field(default_factory=dict)
    checks: dict[int, list[int]] = field(default_factory=dict)
    fired: dict[int, list[int]] = field(default_factory=dict)
    # By size: µs from a message to its decision and the three texts.
    decided: dict[int, float] = field(default_factory=dict)
    # How many times as long the worst pattern takes for 100 kB as for 50 kB.
    growth: float = 0.0


def main() -> None:
    """Measure, print, and write the table and the picture."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, help="folder for rules.md and rules.svg")
    options.add_argument("--quick", action="store_true", help="fewer messages, no peers")
    options.add_argument("--messages", type=int, default=0, help="only: memory over so many unseen messages")
    given = options.parse_args()
    if given.messages:
        print(memory(given.messages))
        return
    figures = measure(300 if given.quick else 2_000, peers=not given.quick)
    table = report(figures)
    print(table)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "rules.md").write_text(table, encoding="utf-8")
        (given.out / "rules.svg").write_text(picture(figures), encoding="utf-8")


def measure(messages: int, *, peers: bool) -> Figures:
    """Every contestant at every size."""
    figures = Figures()
    rounds = [workloads.events(messages, 100 + number) for number in range(_ROUNDS)]
    for size in SIZES:
        asked = workloads.rules(size)
        started = time.perf_counter()
        ruleset = workloads.compiled(size)
        figures.compile_s[size] = time.perf_counter() - started
        _note(figures, OURS, size, [_median(ruleset.match, events) for events in rounds])
        figures.decided[size] = min(_median(_deciding(ruleset), events) for events in rounds)
        count(figures, ruleset, size, rounds[0])
        for name, make in ((NAIVE, contestants.naive_loop), (CAREFUL, contestants.careful_loop)):
            matches = make(asked)
            _note(figures, name, size, [_median(matches, _texts(events)) for events in rounds])
        for name in contestants.PEERS:
            found = contestants.peer(name, asked) if peers else None
            if found is None:
                figures.medians[name] = None
            else:
                _note(figures, name, size, [_median(found, _texts(events)) for events in rounds])
    figures.growth = max(linearity(regex, unit) for regex, unit in _HOSTILE)
    return figures


def linearity(regex: str, unit: str) -> float:
    """How many times as long a pattern takes for a message of 100 kB as for one of 50 kB: 2 when it is linear."""
    compiled = compile_patterns({0: regex})
    lines = [normalise(unit * (size // len(unit.encode()))).line for size in (50_000, 100_000)]
    half, whole = (min(_median(lambda line: compiled.locate(0, line), [line]) for _ in range(7)) for line in lines)
    return whole / half


def count(figures: Figures, ruleset: Ruleset, size: int, events: Iterable[Event]) -> None:
    """How many rules are looked at and how many regexes are run for each message, without a clock."""
    figures.candidates[size], figures.checks[size], figures.fired[size] = [], [], []
    for event in events:
        seen = workloads.work(ruleset, event)
        figures.candidates[size].append(seen.candidates)
        figures.checks[size].append(seen.checks)
        figures.fired[size].append(seen.fired)


def report(figures: Figures) -> str:
    """The tables in Markdown, with what they were measured on."""
    ours = figures.medians[OURS] or {}
    naive = figures.medians[NAIVE] or {}
    lines = [
        "# Matching: cost follows what matched, not how many rules exist",
        "",
        f"Measured {SystemClock().now():%Y-%m-%d} by `tests/bench/rules.py` on {machine()}.",
        f"A loop that adds up 10,000 integers took {_loop_us():.0f} µs in the same run.",
        "Median of messages never seen before, English and Swahili, with numbers, emoji and typing errors.",
        "",
        f"| µs for one message | {' | '.join(f'{size:,} rules' for size in SIZES)} |",
        f"|---|{'---:|' * len(SIZES)}",
    ]
    for name, medians in figures.medians.items():
        shown = [_us(medians[size]) for size in SIZES] if medians else ["not installed"] * len(SIZES)
        lines.append(f"| {name} | {' | '.join(shown)} |")
    lines += [
        f"| engine: message to decision and three texts | {_row(figures.decided, _us)} |",
        f"| naive loop ÷ engine | {' | '.join(f'{naive[size] / ours[size]:.0f}' for size in SIZES)} |",
        f"| limit set for the engine | {_row(LIMITS, str)} |",
        "",
        f"| for each message | {' | '.join(f'{size:,} rules' for size in SIZES)} |",
        f"|---|{'---:|' * len(SIZES)}",
        f"| rules looked at, mean (most) | {_row(figures.candidates, _mean)} |",
        f"| regexes run, mean (most) | {_row(figures.checks, _mean)} |",
        f"| rules that match, mean (most) | {_row(figures.fired, _mean)} |",
        f"| seconds to compile the rules, once | {_row(figures.compile_s, '{:.2f}'.format)} |",
        "",
        f"Growth from 10 to 10,000 rules: {ours[10_000] / ours[10]:.1f} times.",
        f"Growth of the worst of {len(_HOSTILE)} hostile patterns from 50 to 100 kB: {figures.growth:.1f} times.",
        "",
    ]
    return "\n".join(lines)


def picture(figures: Figures) -> str:
    """The medians as lines."""
    lines = {name.replace("`", ""): list(medians.items()) for name, medians in figures.medians.items() if medians}
    return charts.log_log("Time to match one message", "rules", "median, both axes logarithmic", lines)


def memory(messages: int) -> str:
    """What unseen messages leave behind in the process."""
    ruleset = workloads.compiled(1_000)
    seen = 0
    marks: list[int] = []
    while seen < messages:
        for event in workloads.events(10_000, seen):
            ruleset.evaluate(event)
        seen += 10_000
        gc.collect()
        marks.append(_resident_kb())
    after = marks[0], marks[len(marks) // 2], marks[-1]
    return (
        f"resident after 10,000, half and all of {seen:,} messages: {', '.join(f'{kb / 1024:.1f} MB' for kb in after)}"
    )


def machine() -> str:
    """The processor, the number of cores, and Python."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return f"{cpu.partition(': ')[2] or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _deciding(ruleset: Ruleset) -> Callable[[Event], object]:
    at = datetime(2026, 2, 12, tzinfo=UTC)
    circumstances = Circumstances(at, None, None, False, "@oncall", "mattermost")  # noqa: FBT003 - not paused
    reply = Address("desk", "peer")

    def decide(event: Event) -> object:
        return plan(Inbound("desk", event, reply), ruleset.evaluate(event), ruleset, circumstances)

    return decide


def _median(work: Callable[[_T], object], given: Sequence[_T]) -> float:
    """µs that one message takes, over as many as fit into a round."""
    taken: list[int] = []
    clock = time.perf_counter_ns
    ends = clock() + int(_ROUND_S * 1e9)
    for each in given:
        started = clock()
        work(each)
        done = clock()
        taken.append(done - started)
        if done > ends:
            break
    return statistics.median(taken) / 1000


def _note(figures: Figures, name: str, size: int, medians: Iterable[float]) -> None:
    known = figures.medians.setdefault(name, {})
    if known is not None:
        known[size] = min(medians)


def _texts(events: Iterable[Event]) -> list[str]:
    return [event.message.text for event in events]


def _loop_us() -> float:
    return min(_median(lambda top: sum(range(top)), [10_000] * 50) for _ in range(5))


def _row(values: Mapping[int, _T], show: Callable[[_T], str]) -> str:
    return " | ".join(show(values[size]) for size in SIZES)


def _mean(counts: Sequence[int]) -> str:
    return f"{statistics.mean(counts):.1f} ({max(counts)})"


def _us(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


if __name__ == "__main__":
    main()
