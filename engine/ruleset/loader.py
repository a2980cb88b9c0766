"""A rules folder and a templates folder into a Ruleset, or every reason why not.

Called by `engine validate`, `engine explain`, `engine demo` and the reloader, all in the same way. `load` takes a
snapshot of the files; `check` is pure and does the rest: read, type, merge, check, compile, try the examples. Nothing
that a lead may have written makes either of them raise. What a load found out about single files makes the next one
faster and changes nothing else. No network, no clock: whoever has one hands in `now`, without which the calendar files
for on-call are left unread. Where advice is wanted, it is also the present from which the schedules are looked ahead.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.diagnostics import Diagnostic, Related, Severity, order
from engine.core.rosters import Roster
from engine.ruleset import checker, codes, packing, quiet, reader, rehearsal, scenario_names, schema, snapshots
from engine.ruleset.oncall import folder, importing
from engine.ruleset.oncall.folder import Surroundings, Taken
from engine.ruleset.parts import Parts
from engine.ruleset.snapshots import Snapshot
from engine.ruleset.syntax import Document, Fault, Place, Scenario
from engine.ruleset.templates import Templates

if TYPE_CHECKING:
    from engine.ruleset.matcher import Ruleset

# A longer line is not quoted below a finding, or a thousand findings of one line would fill the memory.
_SHOWN_LINE = 20_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to."""

    # None when there is an error, or nobody wanted them compiled.
    ruleset: "Ruleset | None"
    # Sorted by place, warnings included.
    diagnostics: tuple[Diagnostic, ...]
    # "rules/10-telephony.yaml" or "templates/ack/default.j2" to the bytes that were read.
    files: Mapping[str, bytes]
    # Hash of all file names and bytes: equal exactly when the files are, wherever they stand.
    sha: str
    # How many rules and examples were looked at.
    rules: int = 0
    examples: int = 0
    # What the files say, for whoever looks closer; not to be used when there is an error but in an example.
    document: Document = field(default_factory=Document, repr=False)
    templates: Templates | None = field(default=None, repr=False)
    # Who is called when nobody takes care of an incident; None: the folder says nothing about it, or there is an error
    # in what it says. The rules may have errors of their own.
    roster: Roster | None = field(default=None, repr=False)
    # For the next load of the same folder.
    parts: Parts = field(default_factory=Parts, repr=False)


def load(
    rules: Path,
    templates: Path,
    before: Parts | None = None,
    settle: Callable[[], None] = lambda: None,
    *,
    tests: bool = False,
    advise: bool = True,
    now: datetime | None = None,
    compiled: bool = True,
) -> Loaded:
    """Reads both folders and checks all that is in them; `before` are the parts of an earlier load, and `settle` is
    how to wait for an editor that is still writing. With `tests` the scenarios in the folder of tests too; without
    `advise` nothing is said about how the rules of a set without errors go together, nor about what the schedules will
    come to; not `compiled`, the rules are neither compiled nor tried on their examples.
    """
    taken = expanded(snapshots.snapshot(rules, templates, settle, tests=tests), before, now)
    with quiet.load():
        return check(taken, str(rules), str(templates), before, advise=advise, now=now, compiled=compiled)


def load_packed(packed: str | bytes, before: Parts | None = None, now: datetime | None = None) -> Loaded:
    """The same for files that come as one text (see `packing`), without advice."""
    with quiet.load():
        unpacked = packing.unpack(packed)
    taken = expanded(unpacked, before, now)
    with quiet.load():
        return check(taken, "rules", "templates", before, advise=False)


def expanded(taken: Snapshot, before: Parts | None, now: datetime | None) -> Snapshot:
    """A snapshot with what its calendar files say, read in processes of their own; without `now` as it is."""
    files = {snapshots.base(name): raw for name, raw in taken.files.items() if snapshots.is_calendar(name)}
    if now is None or not files:
        return taken
    known = before.calendars if before else {}
    return replace(taken, calendars=importing.expand(files, taken.written, now, known))


def check(
    taken: Snapshot,
    rules: str,
    templates: str,
    before: Parts | None = None,
    *,
    advise: bool = True,
    now: datetime | None = None,
    compiled: bool = True,
) -> Loaded:
    """All findings of a snapshot, and the compiled rules when none is an error; the names are those shown in places.
    Not `compiled`, as in `load`.
    """
    labels = {name: snapshots.label(name, rules, templates) for name in taken.files}
    names = [name for name in sorted(taken.files) if name.startswith("rules/") and _is_ruling(name)]
    parts = (before or Parts()).read((labels[name], taken.files[name]) for name in names)
    document, clashes = schema.merge(part.document for part in parts.files)
    scenarios, untestable = _read_tests(taken, labels)
    document = replace(document, scenarios=(*document.scenarios, *scenarios))
    unsound = [*(fault for part in parts.files for fault in part.faults), *clashes]
    complete = all(part.complete for part in parts.files)
    sources, unreadable = _read_templates(taken, labels)
    texts, broken = Templates.load(sources, templates)
    found = [*taken.faults, *unsound, *untestable, *unreadable, *broken]
    complete = complete and not taken.faults and not unreadable
    found += checker.check(document, texts, complete=complete)
    if complete:
        found += scenario_names.check(document, texts)
    around = Surroundings(
        channels=_channels(document) if complete else None,
        expanded=taken.calendars,
        before=before.calendars if before else {},
        now=now if advise else None,
    )
    oncall = _take_oncall(taken, labels, around)
    found += oncall.faults
    if not document.rules and not _has_errors(found):
        hint = "`engine init` writes rules to start from"
        found.append(Fault(Place(rules, 0, 0), "E209", "no rule stands in any *.yaml file of this folder", hint))
    sha = snapshots.fingerprint(taken.files)
    ruleset = None
    if compiled and not _has_errors(found):
        ruleset, tried = _compile(document, texts, sha, oncall.roster, parts, advise=advise)
        found += tried
        if ruleset is None:
            # What the rules held of them is gone, and whoever looks closer at the examples needs them whole.
            texts, _ = Templates.load(sources, templates)
        else:
            parts = parts.tried(parts.surroundings)
    lines = _Lines({labels[name]: raw for name, raw in taken.files.items()})
    return Loaded(
        ruleset=None if _has_errors(found) else ruleset,
        diagnostics=tuple(sorted((_diagnostic(fault, lines) for fault in found), key=order)),
        files=taken.files,
        sha=sha,
        rules=len(document.rules),
        examples=sum(len(rule.examples.match) + len(rule.examples.no_match) for rule in document.rules),
        document=document,
        templates=texts,
        roster=oncall.roster,
        parts=replace(parts, calendars=oncall.expanded),
    )


def _compile(
    document: Document, texts: Templates, sha: str, roster: Roster | None, parts: Parts, *, advise: bool
) -> tuple["Ruleset | None", list[Fault]]:
    """The rules of a set without errors, or None where an example fails; and what trying them and advice found."""
    # Importing spaCy takes a third of a second, which whoever has errors to mend need not wait for.
    from engine.ruleset import advice, compiler  # noqa: PLC0415 - see above

    ruleset = compiler.compile_rules(document, texts, sha, roster)
    advised = list(advice.advise(document, texts, ruleset)) if advise else []
    untried = (rule for part in parts.untried(parts.surroundings) for rule in part.document.rules)
    failed = list(rehearsal.rehearse(document, ruleset, untried))
    if not failed:
        return ruleset, advised
    doomed: list[object] = [ruleset]
    del ruleset
    quiet.dismantle(doomed)
    return None, [*advised, *failed]


def _is_ruling(name: str) -> bool:
    """Whether a file of the rules folder holds rules and what they lean on."""
    return not snapshots.is_test(name) and not snapshots.is_oncall(name)


def _channels(document: Document) -> Mapping[str, str | None]:
    return {channel.name.value: channel.team.value if channel.team else None for channel in document.channels}


def _take_oncall(taken: Snapshot, labels: Mapping[str, str], around: Surroundings) -> Taken:
    """What the folder for on-call comes to."""
    names = [name for name in sorted(taken.files) if snapshots.is_oncall(name)]
    calendars = {snapshots.base(name): labels[name] for name in names if snapshots.is_calendar(name)}
    files = [(labels[name], taken.files[name]) for name in names if not snapshots.is_calendar(name)]
    return folder.take(files, calendars, around)


def _read_tests(taken: Snapshot, labels: Mapping[str, str]) -> tuple[list[Scenario], list[Fault]]:
    """The scenarios in the folder of tests, and what is wrong with their files."""
    scenarios: list[Scenario] = []
    faults: list[Fault] = []
    for name in sorted(filter(snapshots.is_test, taken.files)):
        node, unread = reader.read(labels[name], taken.files[name])
        faults += unread
        if node is not None or not unread:
            document, wrong = schema.build(labels[name], node, tests=True)
            scenarios += document.scenarios
            faults += wrong
    return scenarios, faults


def _read_templates(taken: Snapshot, labels: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    sources: dict[str, str] = {}
    faults: list[Fault] = []
    for name in sorted(taken.files):
        if name.startswith("templates/"):
            text, unread = reader.decode(labels[name], taken.files[name])
            faults += unread
            if text is not None:
                sources[name.removeprefix("templates/").removesuffix(".j2")] = text
    return sources, faults


def _has_errors(faults: Iterable[Fault]) -> bool:
    return any(codes.severity(fault.code) is Severity.ERROR for fault in faults)


class _Lines:
    """The lines of the files as findings quote them, cut only for the files that have one."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._cut: dict[str, list[str]] = {}

    def quote(self, place: Place) -> str:
        """The line of a place without its end; empty when there is none or it is too long to be read."""
        if place.path not in self._cut:
            text = self._files.get(place.path, b"").decode("utf-8-sig", "replace")
            self._cut[place.path] = text.replace("\r\n", "\n").split("\n")
        lines = self._cut[place.path]
        line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        return line if len(line) <= _SHOWN_LINE else ""


def _diagnostic(fault: Fault, lines: _Lines) -> Diagnostic:
    return Diagnostic(
        path=fault.at.path,
        line=fault.at.line,
        column=fault.at.column,
        length=fault.at.length,
        severity=codes.severity(fault.code),
        code=fault.code,
        message=fault.message,
        source=lines.quote(fault.at),
        hint=fault.hint,
        related=tuple(Related(at.path, at.line, words) for at, words in fault.related),
    )
