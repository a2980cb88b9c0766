"""All files of the folder `oncall` into a Roster, or every reason why not.

Called by `loader` with the bytes, so it reads nothing itself and knows no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.core.diagnostics import Severity
from engine.core.rosters import Roster
from engine.ruleset import codes, reader
from engine.ruleset.oncall import building, foresight, names, reading
from engine.ruleset.oncall.events import Expanded
from engine.ruleset.oncall.syntax import Document
from engine.ruleset.syntax import Fault, Place


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of the files."""

    # None: there are none, or there is an error.
    roster: Roster | None = None
    faults: tuple[Fault, ...] = ()
    # The calendar files that can be used, for the next load.
    expanded: Mapping[str, Expanded] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the files lean on."""

    # The channels of the rules with their teams; None: nobody can tell, because some file cannot be read.
    channels: Mapping[str, str | None] | None = None
    # The calendar files, flat.
    expanded: Mapping[str, Expanded] = field(default_factory=dict)
    # Those of an earlier load, which stand in for what cannot be read now.
    before: Mapping[str, Expanded] = field(default_factory=dict)
    # The present, for whoever wants to know what is going to be wrong; None: nobody does.
    now: datetime | None = None


def take(files: Iterable[tuple[str, bytes]], calendars: Mapping[str, str], around: Surroundings) -> Taken:
    """The roster of some files, each with its name in findings. `calendars` are the names of the calendar files, as
    the others say them, each with its name in findings.
    """
    faults: list[Fault] = []
    documents: list[Document] = []
    complete = True
    for label, raw in files:
        node, unread = reader.read(label, raw)
        faults += unread
        if node is None and unread:
            complete = False
            continue
        document, wrong = reading.build(label, node)
        documents.append(document)
        faults += wrong
    if not documents:
        return Taken(faults=tuple(faults))
    merged = reading.merge(documents)
    expanded, unusable = _usable(calendars, around)
    faults += unusable
    if complete:
        faults += names.check(merged, calendars, around.channels)
    roster = None
    if not _has_errors(faults):
        roster, unknown = building.build(merged, expanded, around.channels or {})
        faults += unknown
        if around.now is not None:
            faults += foresight.check(merged, roster, expanded, around.now)
    return Taken(None if _has_errors(faults) else roster, tuple(faults), expanded)


def _usable(calendars: Mapping[str, str], around: Surroundings) -> tuple[dict[str, Expanded], list[Fault]]:
    """The calendar files that can be used; where one cannot be read, what it said before."""
    found: dict[str, Expanded] = {}
    faults: list[Fault] = []
    for name, label in calendars.items():
        expanded, before = around.expanded.get(name), around.before.get(name)
        if expanded is None or not expanded.problem:
            found.update({name: expanded} if expanded else {})
            continue
        whole = Place(label, 0, 0)
        if before is None:
            message = f"this calendar cannot be used: {expanded.problem}"
            faults.append(Fault(whole, "E276", message, "export it again, without what is named here"))
        else:
            found[name] = replace(before, problem="")
            message = f"what this calendar said before is still used: {expanded.problem}"
            faults.append(Fault(whole, "W546", message, "export it again, without what is named here"))
    return found, faults


def _has_errors(faults: Iterable[Fault]) -> bool:
    return any(codes.severity(fault.code) is Severity.ERROR for fault in faults)
