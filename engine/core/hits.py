"""Decisions of the past in, how often each rule matched and decided out. Called by `engine rules stats`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.core.backtests import Seen


@dataclass(frozen=True, slots=True)
class Hits:
    """What one rule did."""

    rule: str
    matched: int = 0
    # Of these, how often it was the first and so said where the message goes.
    decided: int = 0
    # How often it matched while it was on trial, and would have decided.
    on_trial: int = 0
    would_decide: int = 0
    # When the newest message that it matched was received, on trial or not; None: never.
    last_at: datetime | None = None


@dataclass(slots=True)
class _Count:
    matched: int = 0
    decided: int = 0
    on_trial: int = 0
    would_decide: int = 0
    last_at: datetime | None = None

    def meet(self, at: datetime) -> None:
        self.last_at = at if self.last_at is None else max(at, self.last_at)


def count(decisions: Iterable[tuple[datetime, Seen]]) -> dict[str, Hits]:
    """The hits of every rule that a decision names, the one that matched most first."""
    counts: dict[str, _Count] = {}
    for at, seen in decisions:
        # A rule that decided without a match is the engine's own, for when no rule could.
        for rule in dict.fromkeys((seen.outcome.rule, *seen.matched)):
            found = counts.setdefault(rule, _Count())
            found.matched += 1
            found.decided += rule == seen.outcome.rule
            found.meet(at)
        for rule, decides in seen.on_trial:
            found = counts.setdefault(rule, _Count())
            found.on_trial += 1
            found.would_decide += decides
            found.meet(at)
    found_most = sorted(counts.items(), key=lambda item: (-item[1].matched, -item[1].on_trial, item[0]))
    return {
        rule: Hits(rule, each.matched, each.decided, each.on_trial, each.would_decide, each.last_at)
        for rule, each in found_most
    }
