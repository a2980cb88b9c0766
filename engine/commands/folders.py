"""Rules folders that a command is told about, loaded as the daemon does, or the findings that keep it from them.

A folder is a path, or `REVISION:PATH` for what git holds of it; of such a one nothing is written to the disk and no
hook or filter of the repository runs.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from engine.commands.validate import templates_beside
from engine.core.diagnostics import Severity, render
from engine.core.errors import EngineError, UsageError
from engine.ruleset import loader, snapshots
from engine.ruleset.loader import Loaded
from engine.ruleset.snapshots import Snapshot

if TYPE_CHECKING:
    from engine.ruleset.matcher import Ruleset

# A revision begins like a name: an option of git's never does.
_REVISION = re.compile(r"(?P<revision>[A-Za-z0-9@_][^\s:]*):(?P<path>.*)")
_GIT_S = 60
_BLOBS = {b"100644", b"100755"}
# A folder and a file in it.
_IN_FOLDER = 2


class BrokenRules(EngineError):
    """The rules of a folder have errors, which were shown."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Side:
    """A folder, loaded."""

    # As the user named it.
    name: str
    # The templates that it was loaded with.
    templates: str
    loaded: Loaded


def ruleset(side: Side) -> "Ruleset":
    """The compiled rules. Shows the errors and raises BrokenRules when there are some."""
    if side.loaded.ruleset is None:
        refuse_errors(side, but=frozenset())
        raise BrokenRules(f"the rules in {side.name} cannot be used")
    return side.loaded.ruleset


def refuse_errors(side: Side, *, but: frozenset[str]) -> None:
    """Show the errors, those with the codes `but` apart, and raise BrokenRules when there are some."""
    errors = [found for found in side.loaded.diagnostics if found.severity is Severity.ERROR and found.code not in but]
    for found in errors:
        sys.stderr.write(f"{render(found)}\n")
    if errors:
        raise BrokenRules(f"the rules in {side.name} cannot be used: mend the findings above first")


def load(rules: str, templates: str | None = None, now: datetime | None = None, *, compiled: bool = True) -> Side:
    """The folder with whatever there is to say about it; its calendar files are read for whoever says what is `now`,
    and its rules `compiled` unless nobody needs them. UsageError when there is no such folder or revision.
    """
    if not Path(rules).exists() and (found := _REVISION.fullmatch(rules)):
        revision, path = found["revision"], found["path"]
        files, at = _committed(revision, path, "rules", ".yaml")
        if not files:
            raise UsageError(f'"{rules}" holds no *.yaml file: name the folder as it was called in that revision')
        beside = templates or f"{revision}:{PurePosixPath(at).parent / 'templates'}"
    else:
        if not Path(rules).is_dir():
            problem = "is a file: name the folder that it stands in" if Path(rules).exists() else "does not exist"
            raise UsageError(f"{rules} {problem}; a folder of a git revision is written as HEAD~1:rules")
        files, beside = {}, templates or str(templates_beside(Path(rules)))
    texts, beside = _templates(beside, told=templates is not None)
    if not (files or texts):
        return Side(rules, beside, loader.load(Path(rules), Path(beside), advise=False, now=now, compiled=compiled))
    taken = loader.expanded(_mixed(rules, files, beside, texts), None, now)
    return Side(rules, beside, loader.check(taken, rules, beside, advise=False, compiled=compiled))


def _templates(named: str, *, told: bool) -> tuple[dict[str, bytes], str]:
    """The templates of a revision, and their name; nothing for a folder on the disk.

    A revision without templates of its own gets those beside the working folder.
    """
    found = None if Path(named).exists() else _REVISION.fullmatch(named)
    if found is None:
        return {}, named
    files, _ = _committed(found["revision"], found["path"], "templates", ".j2")
    if not files and told:
        raise UsageError(f'"{named}" holds no *.j2 file: name the folder as it was called in that revision')
    return files, named if files else str(templates_beside(Path(found["path"]).parent / "rules"))


def _mixed(rules: str, committed: dict[str, bytes], templates: str, texts: dict[str, bytes]) -> Snapshot:
    """Files of which at least one part comes from git."""
    on_disk = snapshots.snapshot(Path(rules), Path(templates))
    # What the disk has to say about a folder that is only in git is of no interest.
    parts = {part for part, files in (("rules", committed), ("templates", texts)) if files}
    kept = {name: raw for name, raw in on_disk.files.items() if name.partition("/")[0] not in parts}
    names = {part: rules if part == "rules" else templates for part in parts}
    faults = tuple(fault for fault in on_disk.faults if not any(fault.at.path.startswith(n) for n in names.values()))
    return Snapshot({**kept, **committed, **texts}, faults, on_disk.written if "rules" not in parts else {})


def _committed(revision: str, path: str, part: str, suffix: str) -> tuple[dict[str, bytes], str]:
    """The files of a folder in a revision, as a snapshot names them, and where the folder stands in the repository.

    The path is taken from here, and from the top of the repository when there is nothing.
    """
    top = Path(_git(".", "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    prefix = _git(".", "rev-parse", "--show-prefix").decode().rstrip("\n")
    try:
        _git(str(top), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except UsageError:
        raise UsageError(f'git knows no revision "{revision}": `git log --oneline` shows them') from None
    for candidate in dict.fromkeys((_inside(prefix, path), _inside("", path))):
        files = dict(_blobs(top, revision, candidate, part, suffix))
        if files:
            return {f"{part}/{name}": raw for name, raw in sorted(files.items())}, candidate
    return {}, _inside(prefix, path)


def _inside(prefix: str, path: str) -> str:
    """A path below the top of the repository."""
    pieces: list[str] = []
    for piece in (*PurePosixPath(prefix).parts, *PurePosixPath(path or ".").parts):
        if piece == "..":
            if not pieces:
                raise UsageError(f'"{path}" lies outside of the repository')
            pieces.pop()
        else:
            pieces.append(piece)
    return "/".join(pieces)


def _blobs(top: Path, revision: str, folder: str, part: str, suffix: str) -> Iterator[tuple[str, bytes]]:
    listing = _git(str(top), "ls-tree", "-r", "-z", "--full-tree", revision, "--", *([f"{folder}/"] if folder else []))
    for line in listing.split(b"\0"):
        if not line:
            continue
        facts, _, raw_name = line.partition(b"\t")
        mode, _, blob = facts.split(b" ")
        name = PurePosixPath(raw_name.decode("utf-8", "surrogateescape")).relative_to(folder)
        about_oncall = part == "rules" and snapshots.is_oncall(f"rules/{name}") and len(name.parts) == _IN_FOLDER
        counts = name.suffix == suffix or (about_oncall and snapshots.is_calendar(f"rules/{name}"))
        hidden = any(piece.startswith(".") for piece in name.parts)
        if mode in _BLOBS and counts and not hidden and (part == "templates" or about_oncall or len(name.parts) == 1):
            yield str(name), _git(str(top), "cat-file", "blob", blob.decode())


def _git(folder: str, *words: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise UsageError("a revision needs the program git, which is not installed")
    try:
        done = subprocess.run([program, "-C", folder, *words], capture_output=True, timeout=_GIT_S, check=False)  # noqa: S603 - no shell, and a revision cannot be an option
    except subprocess.TimeoutExpired:
        raise UsageError("git does not answer") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UsageError(f"git refuses: {said or 'it gives no reason'}")
    return done.stdout
