"""The rules files of a folder, each read and typed once for as long as its bytes stay the same.

Called by `loader`. A reload after one edit reads one file again and takes the rest over from the load before. What is
known of a file is kept as it was typed, in the memory of the process: 10,000 rules take 65 MB so, and to bring them
back from compact bytes would take a third of the time that reading them takes (measured 2026-11). Nothing is kept on
disk, so nothing there has to be trusted.

The examples of an unchanged file need not be tried again either, as long as nothing has changed that can make a rule
of it match or not: its own text; the keywords, clients and hours; and the rules with `stop` before it, which end the
search. All of that stands in files; `Parts.surroundings` is the hash of those that have any of it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from engine.ruleset import checker, reader, schema
from engine.ruleset.oncall.events import Expanded
from engine.ruleset.syntax import Document, Fault

_DIGEST_BYTES = 20


@dataclass(frozen=True, slots=True)
class Part:
    """What one file says."""

    # As findings show it.
    label: str
    digest: bytes
    document: Document
    faults: tuple[Fault, ...]
    # Whether its meaning is known; a file that cannot be read at all may define any name.
    complete: bool
    # The surroundings in which its examples have been tried and did what they say; empty when there are none such.
    tried_in: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of a folder in their order."""

    files: tuple[Part, ...] = ()
    # What the calendar files for on-call say, by their names; the last that could be read.
    calendars: Mapping[str, Expanded] = field(default_factory=dict, repr=False)
    # The parts by name and content, for the next load.
    _known: Mapping[tuple[str, bytes], Part] = field(default_factory=dict, repr=False)

    @property
    def surroundings(self) -> str:
        """A hash of all files that can change the outcome of another file's examples."""
        digest = hashlib.sha256()
        for part in self.files:
            if _reaches_others(part.document):
                label = part.label.encode("utf-8", "surrogatepass")
                digest.update(len(label).to_bytes(8, "big") + label + part.digest)
        return digest.hexdigest()

    def untried(self, surroundings: str) -> tuple[Part, ...]:
        """The files whose examples must be tried."""
        return tuple(part for part in self.files if part.tried_in != surroundings)

    def tried(self, surroundings: str) -> "Parts":
        """The same after all examples have done what they say."""
        files = tuple(
            part if part.tried_in == surroundings else replace(part, tried_in=surroundings) for part in self.files
        )
        return _parts(files, self.calendars)

    def read(self, files: Iterable[tuple[str, bytes]]) -> "Parts":
        """The parts for these (label, bytes), taken over from this one where neither has changed."""
        found = []
        for label, raw in files:
            digest = hashlib.sha256(raw).digest()[:_DIGEST_BYTES]
            found.append(self._known.get((label, digest)) or _read(label, digest, raw))
        return _parts(tuple(found), self.calendars)


def _parts(files: tuple[Part, ...], calendars: Mapping[str, Expanded]) -> Parts:
    return Parts(files, calendars, {(part.label, part.digest): part for part in files})


def _read(label: str, digest: bytes, raw: bytes) -> Part:
    node, unread = reader.read(label, raw)
    if node is None and unread:
        return Part(label, digest, Document(), unread, complete=False)
    document, wrong = schema.build(label, node)
    return Part(label, digest, document, (*unread, *wrong, *checker.check_alone(document)), complete=True)


def _reaches_others(document: Document) -> bool:
    return bool(document.keywords or document.clients or document.hours or any(rule.stop for rule in document.rules))
