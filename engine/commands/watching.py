"""`engine validate --watch`: the folders checked again each time something in them changes, until Ctrl-C.

The folders are listed four times a second. That costs under a millisecond for a hundred files, needs no library, and
unlike the kernel's notices works on network folders, in containers and through a folder that is moved away and back.
Editors write a file in several steps, so a check waits until two listings in a row are the same.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.commands.findings import Report, count, text
from engine.commands.findings.fingerprints import fingerprints
from engine.ruleset.snapshots import Listing, listing

# Between two listings, in seconds: not felt, and a hundredth of a core.
_PAUSE_S = 0.25
# After a change the next listing comes sooner.
_SETTLE_S = 0.1
# So many listings are waited for quiet, and for a folder to come back; a second and a half in all.
_SETTLE_LIMIT = 15
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the outside world gives: how the folders stand now, and time passing."""

    look: Callable[[], Listing]
    pause: Callable[[float], None]


def run(rules: Path, templates: Path, check: Callable[[], Report], *, coloured: bool) -> int:
    """Check and show again and again; the exit code of the last check once Ctrl-C ends it."""
    terminal = sys.stdout.isatty()
    watched = f"watching {rules} and {templates}; Ctrl-C ends it"
    sight = Sight(lambda: listing(rules, templates), time.sleep)
    # As the shell has it, when Ctrl-C comes before the first report.
    code = 130
    try:
        for report, news in reports(check, sight):
            code = report.exit_code
            shown = text.show(report, coloured=coloured)
            if terminal:
                # Below the findings, or a long list would push it out of sight.
                whole = f"{_CLEAR}{shown}{news}{'; ' if news else ''}{watched}\n"
            else:
                whole = f"\n--- {news}\n{shown}{watched}\n" if news else f"{shown}{watched}\n"
            sys.stdout.write(whole)
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    return code


def reports(check: Callable[[], Report], sight: Sight) -> Iterator[tuple[Report, str]]:
    """The first report, then one for each change with what is new in it; it never ends by itself."""
    seen = sight.look()
    last = check()
    yield last, ""
    while True:
        sight.pause(_PAUSE_S)
        if sight.look() == seen:
            continue
        before, seen = seen, _settled(sight)
        report = check()
        # A file that was only touched, or written as it was, is no news.
        if (report.ruleset_sha, report.diagnostics) != (last.ruleset_sha, last.diagnostics):
            yield report, f"{changes(before, seen)}: {progress(last, report)}"
        last = report


def _settled(sight: Sight) -> Listing:
    """The folders once they have stood still for a moment and can be read."""
    now = sight.look()
    for _ in range(_SETTLE_LIMIT):
        sight.pause(_SETTLE_S)
        later = sight.look()
        if later == now and not later.missing:
            break
        now = later
    return now


def changes(before: Listing, after: Listing) -> str:
    """Which files changed: the first by its name, the others counted."""
    stamps, now = dict(before.files), dict(after.files)
    named = [f"{path} is gone" for path in sorted(stamps.keys() - now.keys())]
    named += [f"{path} is new" for path in sorted(now.keys() - stamps.keys())]
    named += [f"{path} changed" for path in sorted(stamps.keys() & now.keys()) if stamps[path] != now[path]]
    more = f", and {count(len(named) - 1, 'other file')}" if len(named) > 1 else ""
    return f"{named[0]}{more}" if named else "the folders changed"


def progress(before: Report, after: Report) -> str:
    """How many findings were mended and how many came."""
    old, new = Counter(fingerprints(before.diagnostics)), Counter(fingerprints(after.diagnostics))
    fixed, added = (old - new).total(), (new - old).total()
    parts = [f"{count(fixed, 'finding')} fixed"] if fixed else []
    if added:
        parts.append(f"{added} new" if parts else f"{count(added, 'new finding')}")
    return ", ".join(parts) or "the same findings"
