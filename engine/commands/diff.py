"""`engine diff A B`: what two rules folders mean otherwise, each difference with its class and both places.

Loads both sides as the daemon does. Exit code: 0, with `--exit-code` 1 when there is a difference; 1 when a side has
errors, which are shown; examples that fail are none here.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import groupby

from engine.commands.folders import Side, load, refuse_errors
from engine.core.errors import UsageError
from engine.ruleset import snapshots
from engine.ruleset.differences import Change, Folder, Grade, compare, overall
from engine.ruleset.syntax import Place

# How many of the rules that a change touches are named.
_SHOWN_RULES = 5
_OF_EXAMPLES = frozenset({"E205", "E206"})


def run(options: argparse.Namespace) -> int:
    """Print the differences."""
    first, second = _sides(options)
    before, after = load(first, options.templates_a), load(second, options.templates_b)
    for side in (before, after):
        # Whether the examples hold changes nothing about what the rules say.
        refuse_errors(side, but=_OF_EXAMPLES)
    changes = compare(_folder(before), _folder(after))
    if options.format == "json":
        sys.stdout.write(_json(before, after, changes))
    else:
        sys.stdout.write(_text(before, after, changes))
    return 1 if changes and options.exit_code else 0


def _sides(options: argparse.Namespace) -> tuple[str, str]:
    first, second = str(options.first), options.second
    if options.git and second is None:
        return f"{options.git}:{first}", first
    if options.git:
        raise UsageError("--git takes one folder: that of the revision is compared with the one on the disk")
    if second is None:
        raise UsageError("name two folders, or one with --git REVISION")
    return first, str(second)


def _folder(side: Side) -> Folder:
    prefix = "templates/"
    return Folder(
        side.loaded.document,
        {
            name.removeprefix(prefix).removesuffix(".j2"): raw.decode("utf-8-sig", "replace")
            for name, raw in side.loaded.files.items()
            if name.startswith(prefix)
        },
        side.templates,
        {
            snapshots.base(name): (snapshots.label(name, side.name, side.templates), raw.decode("utf-8-sig", "replace"))
            for name, raw in side.loaded.files.items()
            if snapshots.is_oncall(name)
        },
    )


def _json(before: Side, after: Side, changes: Sequence[Change]) -> str:
    grade = overall(changes)
    content = {
        "before": {"rules": before.name, "templates": before.templates, "rulesetSha": before.loaded.sha},
        "after": {"rules": after.name, "templates": after.templates, "rulesetSha": after.loaded.sha},
        "class": grade.word if grade is not None else None,
        "changes": [
            {
                "subject": change.subject,
                "kind": change.kind,
                "what": change.what,
                "class": change.grade.word,
                "before": _place(change.before),
                "after": _place(change.after),
                "rules": list(change.rules),
            }
            for change in changes
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _place(place: Place | None) -> dict[str, object] | None:
    return None if place is None else {"path": place.path, "line": place.line}


def _text(before: Side, after: Side, changes: Sequence[Change]) -> str:
    lines: list[str] = []
    for (subject, was, now), group in groupby(changes, lambda one: (one.subject, one.before, one.after)):
        lines += [f"{subject}  {_places(was, now)}", *map(_line, group), ""]
    grade = overall(changes)
    if grade is None:
        return f"{before.name} and {after.name} mean the same: no difference\n"
    counts = [(each.word, sum(change.grade is each for change in changes)) for each in reversed(Grade)]
    counted = ", ".join(f"{count} {word}" for word, count in counts if count)
    number = f"{len(changes)} difference{'' if len(changes) == 1 else 's'}"
    return "\n".join((*lines, f"{number} ({counted}): {grade.word}\n"))


def _line(change: Change) -> str:
    return f"  {change.grade.word:<5}  {_shown(change.what)}{_touching(change.rules)}"


def _shown(what: str) -> str:
    """What stands in files, as a terminal may show it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in what)


def _touching(rules: Sequence[str]) -> str:
    if not rules:
        return ""
    more = f" and {len(rules) - _SHOWN_RULES} more" if len(rules) > _SHOWN_RULES else ""
    return f"  (rules: {', '.join(rules[:_SHOWN_RULES])}{more})"


def _places(was: Place | None, now: Place | None) -> str:
    """Both places; of what was added or removed the one that there is."""
    return " → ".join(f"{place.path}:{place.line}" for place in (was, now) if place is not None)
