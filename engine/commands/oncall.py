"""`engine oncall who`: who is on duty, now or at another time, and in the days that follow; `engine oncall diff`: for
which of them others are in another folder.

Both read rules folders as the daemon does and need no daemon. Exit code 0; 1 when the files about on-call have errors,
which are shown. Whatever else is wrong in a folder does not matter here.
"""

import argparse
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

from engine.clocks import SystemClock
from engine.commands.folders import BrokenRules, load
from engine.commands.periods import instant
from engine.commands.shift_reports import Report, Row, data, ics, moves, svg, text
from engine.core import durations
from engine.core.diagnostics import Severity, render
from engine.core.errors import PermissionRefused, UsageError
from engine.core.rosters import Roster
from engine.core.schedules import Timetable, stays
from engine.ruleset import snapshots
from engine.ruleset.shapes import suggest

_AHEAD = timedelta(days=14)
_FARTHEST = timedelta(days=400)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for."""
    now = SystemClock().now()
    if options.action == "diff":
        return _diff(options, now)
    return _who(options, now)


def _diff(options: argparse.Namespace, now: datetime) -> int:
    before, after = (_roster(folder, now) for folder in (options.old, options.new))
    sys.stdout.write(moves.show(before, after, now, now + _span(options.next)))
    return 0


def _who(options: argparse.Namespace, now: datetime) -> int:
    at = instant("--at", options.at) if options.at else now
    ahead = _span(options.next) if options.next else None
    if ahead is None and (options.svg or options.format == "ics"):
        ahead = _AHEAD
    roster = _roster(str(options.rules), now)
    report = _report(roster, options.schedule, at, ahead)
    if options.svg:
        _write(options.svg, svg.show(report))
    match options.format:
        case "json":
            sys.stdout.write(data.show(report))
        case "ics":
            sys.stdout.write(ics.show(report))
        case _:
            sys.stdout.write(text.show(report, width=shutil.get_terminal_size((120, 24)).columns))
            if options.svg:
                sys.stdout.write(f"\nthe picture of the next {durations.written(report.until - at)}: {options.svg}\n")
    return 0


def _roster(rules: str, now: datetime) -> Roster:
    """What the folder says about on-call. UsageError when it says nothing."""
    loaded = load(rules, now=now, compiled=False).loaded
    if loaded.roster is not None:
        return loaded.roster
    if not any(map(snapshots.is_oncall, loaded.files)):
        raise UsageError(f"{rules} has no files about on-call: name a rules folder with files in its folder oncall")
    about = snapshots.label("rules/oncall/", rules, "")
    for found in loaded.diagnostics:
        if found.severity is Severity.ERROR and found.path.startswith(about):
            sys.stderr.write(f"{render(found)}\n")
    raise BrokenRules(f"{about} holds nothing that can be used: `engine validate {rules}` tells more")


def _report(roster: Roster, schedule: str | None, at: datetime, ahead: timedelta | None) -> Report:
    if schedule is not None and schedule not in roster.timetables:
        hint = suggest(schedule, roster.timetables) or f"there are: {', '.join(roster.timetables) or 'none'}"
        raise UsageError(f'there is no schedule "{schedule}": {hint}')
    chosen = [found for name, found in roster.timetables.items() if schedule in {None, name}]
    if not chosen:
        raise UsageError("the files about on-call hold no schedule yet")
    until = at + (ahead or timedelta(0))
    return Report(at, until, tuple(_row(found, at, until) for found in chosen), tuple(roster.people.values()))


def _row(timetable: Timetable, at: datetime, until: datetime) -> Row:
    schedule = timetable.schedule
    ahead = tuple(stays(schedule, at, until)) if at < until else ()
    return Row(schedule.name, schedule.zone, schedule.zone.key, timetable.at(at), ahead, schedule.may_have_gaps)


def _span(written: str) -> timedelta:
    found = durations.parse(written)
    if not found or found > _FARTHEST:
        raise UsageError(f'--next "{written}" is no span of time up to {_FARTHEST.days}d: write e.g. 14d')
    return found


def _write(target: Path, content: str) -> None:
    try:
        target.write_text(content, encoding="utf-8")
    except OSError as error:
        raise PermissionRefused(f"cannot write {target}: {error.strerror}") from error
