"""Two folders on disk into the bytes of their files at one moment. Called by `loader`; it does not look inside them.

Whatever the disk answers becomes a fault in a lead's words; nothing is raised.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from engine.ruleset.oncall.events import Expanded
from engine.ruleset.reader import SIZE_LIMIT_BYTES
from engine.ruleset.syntax import Fault, Place

# Folders that change while they are read are read again, so often.
_ATTEMPTS = 5
_SUFFIXES = {"rules": ".yaml", "templates": ".j2"}
# Where the tests of the rules stand, in a folder of rules. They decide nothing, so who decides does not read them.
_TESTS = "tests"
# Where the schedules and policies for on-call stand, and their calendar files.
_ONCALL = "oncall"
_CALENDAR = ".ics"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of both folders at one moment, and what could not be read of them."""

    # "rules/10-telephony.yaml" or "templates/ack/default.j2" to the bytes, in the order of the names.
    files: Mapping[str, bytes]
    faults: tuple[Fault, ...] = ()
    # When the calendar files for on-call were written, by their names without folders; empty for a published set.
    written: Mapping[str, datetime] = field(default_factory=dict)
    # What those files say, by their names without folders, where `loader` has had them read.
    calendars: Mapping[str, Expanded] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """How both folders stand, without a look inside the files: equal as long as nothing was written."""

    # Each file that counts, as findings show it, with a stamp that changes when the file does.
    files: tuple[tuple[str, tuple[int, int, int]], ...]
    # What keeps a folder from being listed, or a file from being counted.
    faults: tuple[Fault, ...]

    @property
    def missing(self) -> bool:
        """Whether a folder cannot be listed."""
        return any(fault.code == "E210" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file that counts."""

    # As in Snapshot.files.
    name: str
    # As findings show it.
    label: str
    path: Path
    # Changes when the file does: inode, size in bytes, time of the last change in ns.
    stamp: tuple[int, int, int]


def snapshot(
    rules: Path, templates: Path, settle: Callable[[], None] = lambda: None, *, tests: bool = False
) -> Snapshot:
    """The bytes of every `*.yaml` directly in `rules` and in its folder `oncall`, there of every `*.ics` too, and of
    every `*.j2` below `templates`; dot-files do not count. With `tests` also those of every `*.yaml` directly in the
    folder `tests` of the rules.

    Folders that change meanwhile are read again, so that half of somebody's edit is not taken for a whole; `settle`
    gives an editor that has emptied a file the time to fill it. What never comes to rest is a fault. Of a file over
    the size limit one byte more than the limit is read.
    """
    taken = Snapshot({})
    restless: list[Fault] = []
    for _ in range(_ATTEMPTS):
        found, faults = _listing(rules, templates, tests=tests)
        taken = _read(found, faults)
        settle()
        restless = _changed(found, _listing(rules, templates, tests=tests)[0])
        if not restless:
            break
    return Snapshot(taken.files, (*taken.faults, *restless), taken.written)


def _changed(before: list[_Found], after: list[_Found]) -> list[Fault]:
    """A fault for each file that came, went or became another one."""
    stamps = {one.label: one.stamp for one in before}
    stamps_after = {one.label: one.stamp for one in after}
    labels = sorted(label for label in stamps | stamps_after if stamps.get(label) != stamps_after.get(label))
    hint = "wait until whatever writes it is done, then try again"
    return [Fault(Place(name, 0, 0), "E216", "this file keeps changing while it is read", hint) for name in labels]


def listing(rules: Path, templates: Path) -> Listing:
    """How the folders stand now, tests included; no file is opened."""
    found, faults = _listing(rules, templates, tests=True)
    return Listing(tuple((one.label, one.stamp) for one in found), tuple(faults))


def is_test(name: str) -> bool:
    """Whether a snapshot's file stands among the tests."""
    return name.startswith(f"rules/{_TESTS}/")


def is_oncall(name: str) -> bool:
    """Whether a snapshot's file is about on-call."""
    return name.startswith(f"rules/{_ONCALL}/")


def is_calendar(name: str) -> bool:
    """Whether a snapshot's file is a calendar for on-call."""
    return is_oncall(name) and name.endswith(_CALENDAR)


def base(name: str) -> str:
    """The name of a snapshot's file without folders."""
    return name.rpartition("/")[2]


def label(name: str, rules: str, templates: str) -> str:
    """The name of a snapshot's file as the user knows it: below the folder that was named."""
    part, _, rest = name.partition("/")
    # A file's name may be no text at all; what is shown must be one.
    shown = os.fsencode(rest).decode("utf-8", "replace")
    return f"{rules if part == 'rules' else templates}/{shown}"


def fingerprint(files: Mapping[str, bytes]) -> str:
    """The content hash of a snapshot, as hexadecimal digits: equal exactly when all names and bytes are but those of
    tests.
    """
    digest = hashlib.sha256()
    for name in sorted(name for name in files if not is_test(name)):
        for part in (os.fsencode(name), files[name]):
            # The length first, so that no two snapshots can give the same stream of bytes.
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _listing(rules: Path, templates: Path, *, tests: bool) -> tuple[list[_Found], list[Fault]]:
    found: list[_Found] = []
    faults: list[Fault] = []
    for part, folder in (("rules", rules), ("templates", templates)):
        try:
            paths = sorted(_directly_in(folder, tests=tests) if part == "rules" else _below(folder))
        except OSError as error:
            whole = Place(str(folder), 0, 0)
            hint = f"name the folder that holds the {part}"
            faults.append(Fault(whole, "E210", f"this folder cannot be read: {_reason(error)}", hint))
            continue
        for path in paths:
            inside = path.relative_to(folder)
            name = f"{part}/{inside.as_posix()}"
            shown = label(name, str(rules), str(templates))
            if any(piece.startswith(".") for piece in inside.parts):
                continue
            if path.suffix == _SUFFIXES[part] or is_calendar(name):
                found.append(_Found(name, shown, path, _stamp(path)))
            elif path.suffix == ".yml" and part == "rules":
                hint = f'call it "{path.stem}.yaml"'
                faults.append(Fault(Place(shown, 0, 0), "E212", "a file that ends in .yml is not read", hint))
    return found, faults


def _directly_in(folder: Path, *, tests: bool) -> Iterator[Path]:
    """Everything in a folder, in its folder for on-call and, if wanted, in that of tests. Raises OSError when the
    folder itself cannot be listed.
    """
    yield from folder.iterdir()
    if (folder / _ONCALL).is_dir():
        yield from (folder / _ONCALL).iterdir()
    if tests and (folder / _TESTS).is_dir():
        yield from (folder / _TESTS).iterdir()


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder but folders. Raises OSError when the folder itself cannot be listed."""
    for path in folder.iterdir():
        if path.is_dir():
            yield from (inner for inner in path.rglob("*") if not inner.is_dir())
        else:
            yield path


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _read(found: list[_Found], faults: list[Fault]) -> Snapshot:
    files: dict[str, bytes] = {}
    written: dict[str, datetime] = {}
    unread: list[Fault] = []
    for one in found:
        whole = Place(one.label, 0, 0)
        # A pipe or a device would keep the reader waiting for ever.
        if one.path.exists() and not one.path.is_file():
            unread.append(Fault(whole, "E211", "this is no file", "give it another name"))
            continue
        try:
            with one.path.open("rb") as file:
                files[one.name] = file.read(SIZE_LIMIT_BYTES + 1)
            if is_calendar(one.name):
                written[base(one.name)] = datetime.fromtimestamp(one.stamp[2] // 1_000_000_000, UTC)
        except OSError as error:
            hint = "let the user who runs the engine read it"
            unread.append(Fault(whole, "E211", f"this file cannot be read: {_reason(error)}", hint))
    return Snapshot(files, (*faults, *unread), written)


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "it does not exist"
        case NotADirectoryError():
            return "it is a file"
        case _:
            return str(error.strerror).lower()
