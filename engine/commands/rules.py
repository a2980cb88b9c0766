"""`engine rules stats`: how often each rule matched and decided, and what the rules on trial would change.

What rules did comes from the decision logs of past messages; messages of a file without decisions are decided by the
rules of the folder. What a rule on trial would change is found out by deciding again, with that rule live.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from engine.commands import folders
from engine.commands.past import own_rules, records
from engine.commands.periods import period
from engine.core import backtests, hits
from engine.core.backtests import Difference, Past, Seen
from engine.core.events import Event
from engine.core.hits import Hits
from engine.ruleset.compiler import compile_rules
from engine.ruleset.matcher import FALLBACK, Ruleset
from engine.ruleset.syntax import Document

# How many lines of a list are shown as text; --format json has them all.
_SHOWN = 12


@dataclass(slots=True)
class _Trial:
    """What a rule on trial would have done, were it live."""

    # The rules with this one live.
    live: Ruleset
    matched: int = 0
    decides: int = 0
    # Messages by what would change.
    changes: Counter[Difference] = field(default_factory=Counter)


@dataclass(slots=True)
class _Messages:
    """What was read."""

    read: int = 0
    erased: int = 0
    # Decided anew, because no decision came with them.
    decided_here: int = 0


@dataclass(frozen=True, slots=True)
class _Stats:
    folder: str
    messages: _Messages
    counted: Mapping[str, Hits]
    # The rules of the folder that work or are on trial, in their order.
    rules: tuple[str, ...]
    off: tuple[str, ...]
    trials: Mapping[str, _Trial]
    limit: int | None

    @property
    def silent(self) -> list[str]:
        """The rules of the folder that no message matched."""
        silent = [rule for rule in self.rules if rule not in self.counted]
        return [rule for rule in silent if rule not in self.trials or not self.trials[rule].matched]

    @property
    def unknown(self) -> list[str]:
        """The rules that did something and are in the folder no more."""
        return [rule for rule in self.counted if rule not in {*self.rules, *self.off, FALLBACK}]


def run(options: argparse.Namespace) -> int:
    """Print the statistics: 0; 1 when the folder has errors or the messages cannot be had."""
    within = period(options, "" if options.source else "30d")
    own = own_rules(options)
    ruleset, document = folders.ruleset(own), own.loaded.document
    trials = {rule.id: _Trial(_promoted(document, ruleset, rule.id)) for rule in ruleset.rules if rule.shadow}
    messages = _Messages()
    found = ((record.at, record.past) for record in records(options, within))
    counted = hits.count(_decisions(found, ruleset, trials, messages))
    stats = _Stats(
        folder=own.name,
        messages=messages,
        counted=counted,
        rules=tuple(rule.id for rule in ruleset.rules),
        off=tuple(rule.id.value for rule in document.rules if not rule.enabled),
        trials=trials,
        limit=options.limit if messages.read >= options.limit else None,
    )
    sys.stdout.write(_json(stats) if options.format == "json" else _text(stats))
    return 0


def _promoted(document: Document, ruleset: Ruleset, rule: str) -> Ruleset:
    """The same rules with one that is on trial made live."""
    rules = tuple(replace(one, shadow=one.shadow and one.id.value != rule) for one in document.rules)
    return compile_rules(replace(document, rules=rules), ruleset.templates, ruleset.sha)


def _decisions(
    found: Iterator[tuple[datetime, Past]], ruleset: Ruleset, trials: Mapping[str, _Trial], messages: _Messages
) -> Iterator[tuple[datetime, Seen]]:
    """What is known of each message, with the trials held on the way."""
    for at, past in found:
        messages.read += 1
        messages.erased += past.event is None
        known = past.seen
        if past.event is not None and (trials or known is None):
            now = _decide(ruleset, past.event, follow_up=past.follow_up)
            _try(trials, past.event, now, follow_up=past.follow_up)
            messages.decided_here += known is None
            known = known or now
        if known is not None:
            yield at, known


def _decide(ruleset: Ruleset, event: Event, *, follow_up: bool) -> Seen:
    return backtests.seen(ruleset.evaluate(event, follow_up=follow_up))


def _try(trials: Mapping[str, _Trial], event: Event, now: Seen, *, follow_up: bool) -> None:
    """Hold the trials of the rules that match a message."""
    for rule, _ in now.on_trial:
        trial = trials[rule]
        would = _decide(trial.live, event, follow_up=follow_up)
        trial.matched += 1
        trial.decides += would.outcome.rule == rule
        trial.changes.update(
            one for one in backtests.differences(now.outcome, would.outcome) if one.name not in {"rule", "summary"}
        )


def _json(stats: _Stats) -> str:
    content = {
        "rulesFolder": stats.folder,
        "messages": stats.messages.read,
        "erased": stats.messages.erased,
        "decidedHere": stats.messages.decided_here,
        "limited": stats.limit is not None,
        "rules": [
            {
                "rule": each.rule,
                "matched": each.matched,
                "decided": each.decided,
                "share": _share(each.decided, _total(stats)),
                "onTrial": each.on_trial,
                "wouldDecide": each.would_decide,
                "lastAt": each.last_at.isoformat().replace("+00:00", "Z") if each.last_at else None,
                "inFolder": each.rule not in stats.unknown,
            }
            for each in stats.counted.values()
        ],
        "neverMatched": stats.silent,
        "noLongerThere": stats.unknown,
        "trials": [
            {
                "rule": rule,
                "matched": trial.matched,
                "wouldDecide": trial.decides,
                "changes": [
                    {"of": one.name, "before": one.before, "after": one.after, "messages": count}
                    for one, count in trial.changes.most_common()
                ],
            }
            for rule, trial in stats.trials.items()
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _total(stats: _Stats) -> int:
    return sum(each.decided for each in stats.counted.values())


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _text(stats: _Stats) -> str:
    messages = stats.messages
    lines = [f"{_count(messages.read, 'message')}, rules of {stats.folder}"]
    if messages.erased:
        lines.append(f"of {messages.erased} the text was erased: left out")
    if messages.decided_here:
        lines.append(f"{messages.decided_here} came without a decision: decided by the rules of the folder as they are")
    if stats.limit is not None:
        lines.append(f"only the first {stats.limit} were read (the newest ones of a journal): see --limit")
    return "".join(f"{line}\n" for line in (*lines, *_table(stats), *_trials(stats), *_advice(stats)))


def _table(stats: _Stats) -> list[str]:
    rows = [
        (
            each.rule,
            str(each.matched),
            str(each.decided),
            f"{100 * _share(each.decided, _total(stats)):.1f} %",
            each.last_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if each.last_at else "",
        )
        for each in stats.counted.values()
        if each.matched
    ]
    return ["", *_aligned((("rule", "matched", "decided", "share", "last (UTC)"), *rows))] if rows else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns; all but the first to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _trials(stats: _Stats) -> list[str]:
    lines: list[str] = []
    for rule, trial in stats.trials.items():
        recorded = stats.counted.get(rule)
        lines += ["", f"on trial: {rule}"]
        if recorded and recorded.on_trial and not stats.messages.decided_here:
            lines.append(f"  recorded: matched {recorded.on_trial}, would have decided {recorded.would_decide}")
        lines.append(f"  if it were live: matches {trial.matched}, decides {trial.decides}")
        lines += [f"    {_count(count, 'message')}: {_change(one)}" for one, count in trial.changes.most_common(_SHOWN)]
        if trial.matched and not trial.changes:
            lines.append("    nothing else would change")
    return lines


def _change(one: Difference) -> str:
    match one.name:
        case "channel":
            return f"would go to {one.after} instead of {one.before}"
        case "tags":
            signs = (("+", one.after), ("-", one.before))
            return f"tags {', '.join(f'{sign} {names}' for sign, names in signs if names)}"
        case _:
            return f"{one.name} would be {one.after} instead of {one.before}"


def _advice(stats: _Stats) -> list[str]:
    lines: list[str] = []
    if silent := stats.silent:
        named = f"{', '.join(silent[:_SHOWN])}{f' and {len(silent) - _SHOWN} more' if len(silent) > _SHOWN else ''}"
        lines += ["", f"never matched ({len(silent)}): {named}"]
        lines.append(f'  try `engine explain "a message that {silent[0]} is for"`: it says what the rule misses')
    idle = [
        each.rule for each in stats.counted.values() if each.matched and not each.decided and each.rule in stats.rules
    ]
    if idle:
        lines += ["", f"matched and never decided ({len(idle)}): {', '.join(idle[:_SHOWN])}"]
        lines.append("  another rule always came first: they only add tags and raise priorities; is that meant?")
    if stats.unknown:
        lines += ["", f"in the log, in this folder no more ({len(stats.unknown)}): {', '.join(stats.unknown[:_SHOWN])}"]
    fallback = stats.counted.get(FALLBACK)
    if fallback:
        lines += [
            "",
            f"{_count(fallback.decided, 'message')} fell to {FALLBACK}: deciding failed, the daemon's log says why",
        ]
    return lines


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
