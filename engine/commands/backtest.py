"""`engine backtest`: past messages through other rules, and only the outcomes that change.

Compares what was decided with what the rules of a folder decide now, or two folders with each other. Clients' words are
shown as masked excerpts unless `--show-text` asks for them. Nothing is sent and nothing is written but `--export`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.commands import folders, private_files
from engine.commands.folders import Side
from engine.commands.past import Record, own_rules, records
from engine.commands.periods import Period, period
from engine.core import backtests
from engine.core.backtests import Comparison, Difference, Example, Group, Outcome
from engine.core.errors import UsageError
from engine.core.events import Event
from engine.core.masking import mask_excerpt
from engine.core.quotes import clean_line
from engine.ruleset.matcher import Ruleset

# How much of a masked text is shown, and of one that is shown as it is; code points.
_EXCERPT = 60
_WHOLE = 4000
# How many groups are shown as text; --format json has them all.
_GROUPS = 40


@dataclass(slots=True)
class _Left:
    """Messages that cannot be compared."""

    read: int = 0
    erased: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class _Report:
    before: str
    after: str
    comparison: Comparison
    left: _Left
    # The bound that ended the reading, where one did.
    limit: int | None


def run(options: argparse.Namespace) -> int:
    """Print the outcomes that change: 0; 1 when a folder has errors or the messages cannot be had."""
    within = period(options, "" if options.source else "30d")
    if options.export:
        return _export(options, within)
    if options.against_templates and not options.against:
        raise UsageError("--against-templates belongs to --against")
    own = own_rules(options)
    other = folders.load(options.against, options.against_templates) if options.against else None
    report = _compare(options, own, other, records(options, within))
    sys.stdout.write(_FORMATS[options.format](report, _excerpts(show=options.show_text)))
    return 0


def _compare(options: argparse.Namespace, own: Side, other: Side | None, messages: Iterator[Record]) -> _Report:
    left = _Left()
    mine = folders.ruleset(own)
    theirs = folders.ruleset(other) if other else None
    comparison = backtests.compare(_examples(messages, mine, theirs, left))
    if theirs is None and left.undecided and not comparison.compared:
        raise UsageError("these messages carry no decisions: name a second folder with --against")
    limit = options.limit if left.read >= options.limit else None
    if other is None:
        return _Report("what was decided", own.name, comparison, left, limit)
    return _Report(own.name, other.name, comparison, left, limit)


def _examples(messages: Iterator[Record], mine: Ruleset, theirs: Ruleset | None, left: _Left) -> Iterator[Example]:
    for record in messages:
        left.read += 1
        past = record.past
        if past.event is None:
            left.erased += 1
        elif theirs is not None:
            decided = (_outcome(rules, past.event, follow_up=past.follow_up) for rules in (mine, theirs))
            yield Example(past.event, *decided)
        elif past.seen is None:
            left.undecided += 1
        else:
            yield Example(past.event, past.seen.outcome, _outcome(mine, past.event, follow_up=past.follow_up))


def _outcome(ruleset: Ruleset, event: Event, *, follow_up: bool) -> Outcome:
    return backtests.of_decision(ruleset.evaluate(event, follow_up=follow_up))


def _export(options: argparse.Namespace, within: Period) -> int:
    """Write the messages to a file that only its owner can read."""
    path: Path = options.export
    written = erased = 0
    with private_files.create(path) as file:
        for record in records(options, within):
            if record.past.event is None:
                erased += 1
                continue
            file.write(json.dumps(record.written, ensure_ascii=False) + "\n")
            written += 1
    note = f"; {erased} left out, whose texts were erased" if erased else ""
    sys.stdout.write(f"{path}: {_count(written, 'message')} written, the newest first{note}\n")
    sys.stdout.write(
        "The file holds names, numbers and words of clients; only you can read it: keep it so, and delete it.\n"
    )
    return 0


Excerpts = Callable[[Example, str], str]


def _excerpts(*, show: bool) -> Excerpts:
    def masked(example: Example, text: str) -> str:
        return mask_excerpt(text, example.event.client.display_name, _EXCERPT)

    return (lambda _, text: clean_line(text, _WHOLE)) if show else masked


def _text(report: _Report, excerpt: Excerpts) -> str:
    lines = [_headline(report), *_left_out(report)]
    found = report.comparison
    if found.changed:
        lines.append(f"In: {', '.join(f'{name} {count}' for name, count in found.by_name)}")
    for group in found.groups[:_GROUPS]:
        lines += ["", f"{_count(group.count, 'message')}: {_title(group)}"]
        lines += [f"    {change}" for change in _details(group)]
        lines += [f"      {shown}" for shown in _shown(group, excerpt)]
    if len(found.groups) > _GROUPS:
        lines += ["", f"and {len(found.groups) - _GROUPS} more kinds of change: --format json lists them all"]
    return "".join(f"{line}\n" for line in lines)


def _markdown(report: _Report, excerpt: Excerpts) -> str:
    found = report.comparison
    lines = [f"**{_headline(report)}**", "", *_left_out(report)]
    if found.changed:
        lines += ["", "| messages | rule | other changes | for example |", "| ---: | --- | --- | --- |"]
    for group in found.groups[:_GROUPS]:
        examples = "<br>".join(map(_cell, _shown(group, excerpt)))
        changes = "; ".join(map(_cell, _details(group)))
        lines.append(f"| {group.count} | {_cell(_title(group))} | {changes} | {examples} |")
    if len(found.groups) > _GROUPS:
        lines += ["", f"and {len(found.groups) - _GROUPS} more kinds of change"]
    return "".join(f"{line}\n" for line in lines)


def _cell(text: str) -> str:
    """Text that ends no cell and starts no markup but the line breaks of ours."""
    marked = "".join(f"\\{char}" if char in "\\|`*_[]~#" else char for char in text)
    # The invisible character keeps a name after @ from being called.
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace("@", "@\u200b")


def _json(report: _Report, excerpt: Excerpts) -> str:
    found = report.comparison
    content = {
        "before": report.before,
        "after": report.after,
        "messages": report.left.read,
        "compared": found.compared,
        "changed": found.changed,
        "erased": report.left.erased,
        "undecided": report.left.undecided,
        "limited": report.limit is not None,
        "changesOf": dict(found.by_name),
        "groups": [
            {
                "count": group.count,
                "rules": {"before": group.rules[0], "after": group.rules[1]},
                "changes": [{"of": one.name, "before": one.before, "after": one.after} for one in group.differences],
                "examples": [_example(example, excerpt) for example in group.examples],
            }
            for group in found.groups
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode() + "\n"


def _example(example: Example, excerpt: Excerpts) -> dict[str, object]:
    return {
        "receivedAt": example.event.received_at.isoformat().replace("+00:00", "Z"),
        "text": excerpt(example, example.event.message.text),
        "summaryBefore": excerpt(example, example.before.summary),
        "summaryAfter": excerpt(example, example.after.summary),
    }


_FORMATS: Mapping[str, Callable[[_Report, Excerpts], str]] = {"text": _text, "json": _json, "markdown": _markdown}


def _headline(report: _Report) -> str:
    found = report.comparison
    changes = "none changes" if not found.changed else f"{found.changed} change{'s' if found.changed == 1 else ''}"
    return f"{_count(found.compared, 'message')}, {changes} ({report.before} → {report.after})"


def _left_out(report: _Report) -> list[str]:
    left = report.left
    lines = []
    if left.erased:
        lines.append(f"{_count(left.erased, 'message')} left out: the text was erased")
    if left.undecided:
        lines.append(f"{_count(left.undecided, 'message')} left out: no decision is known")
    if report.limit is not None:
        lines.append(f"Only the first {report.limit} messages were read (the newest ones of a journal): see --limit")
    return lines


def _title(group: Group) -> str:
    before, after = group.rules
    return f"{before} decides as before" if before == after else f"{before} → {after}"


def _details(group: Group) -> list[str]:
    return [_change(one) for one in group.differences if one.name != "rule"]


def _change(one: Difference) -> str:
    if one.name == "summary":
        return "another summary"
    if one.name == "tags":
        signs = (("+", one.after), ("-", one.before))
        return f"tags {', '.join(f'{sign} {names}' for sign, names in signs if names)}"
    return f"{one.name} {one.before} → {one.after}"


def _shown(group: Group, excerpt: Excerpts) -> Sequence[str]:
    """The examples, each on a line."""
    worded = any(one.name == "summary" for one in group.differences)
    lines = []
    for example in group.examples:
        line = f'"{excerpt(example, example.event.message.text)}"'
        if worded:
            line += f"  summary: {excerpt(example, example.before.summary)} → {excerpt(example, example.after.summary)}"
        lines.append(line)
    return lines


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
