"""The bytes of one YAML file into a tree of texts with places; the only module that imports yaml.

Called by `loader` for rules and by `settings` for engine.yaml. It reads less than YAML: UTF-8 of at most 1 MiB, one
document, no tabs in the indentation, no anchors, aliases or tags, no key twice, no text that runs over lines without
quotes. And it guesses nothing: `NO`, `on`, `22:30` and `3.10` are texts, typed later by whoever knows what is wanted.
Whatever the bytes are, it raises nothing; what is wrong becomes faults, and where the meaning is plain all the same
(see `traps`) the tree still comes, so that one fault does not hide the next.

PyYAML's C parser is used through its events: seven times faster than the Python one, and, unlike its `compose`, not
recursive, which on 100,000 brackets ends the process (PyYAML 6.0.3). Its marks count code points.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast

import yaml

from engine.ruleset import traps
from engine.ruleset.syntax import Fault, Place
from engine.ruleset.values import light_value

SIZE_LIMIT_BYTES = 1024 * 1024
# Deep enough for five levels of conditions inside a rule, each a mapping and a list.
_DEPTH_LIMIT = 40
# Each repair means parsing the file once more.
_REPAIR_LIMIT = 20

# Controls but tab and line feed, a lone carriage return, line separators, bidirectional controls, noncharacters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff]|\r(?!\n)"
)


@light_value
class Scalar:
    """A text, never typed. A value that is not there at all is an empty text that is not quoted."""

    value: str
    at: Place
    # Whether quotes, | or > say that a text is meant.
    quoted: bool


@light_value
class Sequence:
    """A list."""

    items: "tuple[Node, ...]"
    at: Place


@light_value
class Mapping:
    """Keys with values in the order of the file; no key comes twice."""

    entries: "tuple[tuple[Scalar, Node], ...]"
    at: Place


Node = Scalar | Sequence | Mapping


def read(path_label: str, raw: bytes) -> tuple[Node | None, tuple[Fault, ...]]:
    """The tree of one file and everything wrong with how it is written.

    The tree is None when the file is empty or when a fault leaves its meaning open; only the latter comes with faults.
    """
    text, faults = decode(path_label, raw)
    if text is None:
        return None, faults
    source = _Source(path_label, text.split("\n"))
    layout = tuple(_indentation_faults(source))
    node, found = _read_repairing(source)
    if layout and node is None:
        # Where spaces in the place of the tabs do not help, nothing can be said about the rest.
        found = ()
    return node, (*faults, *layout, *found)


def decode(path_label: str, raw: bytes) -> tuple[str | None, tuple[Fault, ...]]:
    """The text of a file with line feeds only, and a fault for each line with characters that nobody can see.

    Such characters are replaced by spaces, so that every column stays where it is. None when the bytes are no text.
    """
    start = Place(path_label, 1, 1)
    if len(raw) > SIZE_LIMIT_BYTES:
        message = f"the file has {len(raw):,} bytes; at most {SIZE_LIMIT_BYTES:,} are read"
        return None, (Fault(start, "E102", message, "cut it into several files"),)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None, (Fault(start, "E101", "the file is saved as UTF-16", 'save it as "UTF-8"'),)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8-sig", "replace")
        line = good.count("\n") + 1
        at = Place(path_label, line, len(good) - good.rfind("\n"))
        return None, (Fault(at, "E101", "the file is not in UTF-8 from here on", 'save it as "UTF-8"'),)
    text = text.replace("\r\n", "\n")
    if _INVISIBLE.search(text) is None:
        return text, ()
    return _INVISIBLE.sub(" ", text), tuple(_invisible_faults(path_label, text))


def _invisible_faults(path_label: str, text: str) -> Iterator[Fault]:
    for number, line in enumerate(text.split("\n"), 1):
        found = _INVISIBLE.search(line)
        if found:
            at = Place(path_label, number, found.start() + 1)
            message = f"an invisible character (U+{ord(found.group()):04X}) stands here"
            yield Fault(at, "E103", message, "delete it and what touches it, then type that again")


@dataclass(slots=True)
class _Source:
    """The lines of a file while they are being repaired, and the way back to the columns as written."""

    path: str
    lines: list[str]
    repairs: list[traps.Repair] = field(default_factory=list)

    def line(self, number: int) -> str:
        """A line by its number, 0-based; empty behind the last one."""
        return self.lines[number] if number < len(self.lines) else ""

    def place(self, line: int, start: int, end: int) -> Place:
        """The place of a range on one line, given in the repaired columns, 0-based."""
        if line >= len(self.lines):
            # The parser counts a line after the last one, where a missing value would stand.
            line = len(self.lines) - 1
            start = end = len(self.lines[line])
        first = self._written(line, min(start, len(self.lines[line])))
        return Place(self.path, line + 1, first + 1, max(1, self._written(line, end) - first))

    def _written(self, line: int, column: int) -> int:
        for repair in reversed(self.repairs):
            if repair.line == line and column > repair.start:
                grown = len(repair.text) - (repair.end - repair.start)
                column = max(repair.start, column - grown)
        return column

    def mend(self, repair: traps.Repair) -> None:
        line = self.lines[repair.line]
        self.lines[repair.line] = line[: repair.start] + repair.text + line[repair.end :]
        self.repairs.append(repair)

    def fault(self, trap: traps.Trap) -> Fault:
        return Fault(self.place(trap.line, trap.start, trap.end), trap.code, trap.message, trap.hint)


def _indentation_faults(source: _Source) -> Iterator[Fault]:
    for number, line in enumerate(source.lines):
        if "\t" not in line and "\u00a0" not in line:
            continue
        rest = line.lstrip(" \t\u00a0")
        blank = line[: len(line) - len(rest)]
        foreign = [column for column, sign in enumerate(blank) if sign != " "]
        if not foreign:
            continue
        source.mend(traps.Repair(number, 0, len(blank), blank.replace("\t", "  ").replace("\u00a0", " ")))
        if rest and not rest.startswith("#"):
            name = "a tab" if blank[foreign[0]] == "\t" else "a no-break space"
            at = Place(source.path, number + 1, foreign[0] + 1)
            yield Fault(at, "E104", f"{name} stands where the line begins", "use spaces, two for each step")


def _read_repairing(source: _Source) -> tuple[Node | None, tuple[Fault, ...]]:
    mended: list[Fault] = []
    for _ in range(_REPAIR_LIMIT):
        builder = _Builder(source)
        try:
            # `yaml.parse` asks twice for each event; None follows the last one.
            builder.take(iter(yaml.CLoader("\n".join(source.lines)).get_event, None))
        except yaml.MarkedYAMLError as error:
            trap = traps.diagnose(source.lines, _problem(error, source, in_flow=builder.in_flow))
            fault = source.fault(trap)
            if fault in mended:
                # The repair did not help.
                return None, tuple(mended)
            mended.append(fault)
            if trap.repair is None:
                return None, tuple(mended)
            source.mend(trap.repair)
        else:
            return builder.root, (*mended, *builder.faults)
    return None, tuple(mended)


def _problem(error: yaml.MarkedYAMLError, source: _Source, *, in_flow: bool) -> traps.Problem:
    last = len(source.lines) - 1
    mark = error.problem_mark
    line, column = (min(mark.line, last), mark.column) if mark else (last, 0)
    # Past the last line break stands nothing to show: the line before is where the writer stopped.
    while line > 0 and not source.lines[line].strip():
        line, column = line - 1, len(source.lines[line - 1])
    context = error.context_mark
    start = (min(context.line, last), context.column) if context else (line, column)
    words, around = str(error.problem or ""), str(error.context or "")
    return traps.Problem(words, around, line, column, start[0], start[1], in_flow)


@light_value
class _Range:
    """From where to where an event goes, 0-based, in the repaired text."""

    line: int
    start: int
    end_line: int
    end: int


def _range(event: yaml.events.Event) -> _Range:
    # The parser sets both marks on every event; only hand-made events lack them.
    start, end = cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)
    return _Range(start.line, start.column, end.line, end.column)


@dataclass(slots=True)
class _Frame:
    """A list or mapping whose end has not come yet."""

    # Its anchor is a name for aliases, which are only known in order to be refused.
    begin: yaml.events.CollectionStartEvent
    # The items, or keys and values in turn.
    nodes: list[Node] = field(default_factory=list)

    @property
    def flow(self) -> bool:
        """Whether it is written with brackets."""
        return bool(self.begin.flow_style)


class _Builder:
    """Parser events into nodes, without recursion."""

    def __init__(self, source: _Source) -> None:
        self.faults: list[Fault] = []
        # What stands at the top: nothing or one node.
        self._roots: list[Node] = []
        # Where the next node belongs.
        self._nodes = self._roots
        self._source = source
        self._frames: list[_Frame] = []
        self._anchored: dict[str, Node] = {}

    @property
    def root(self) -> Node | None:
        """What the file holds; None until it is known."""
        return self._roots[0] if self._roots else None

    @property
    def in_flow(self) -> bool:
        """Whether the innermost open list or mapping has brackets."""
        return bool(self._frames) and self._frames[-1].flow

    def take(self, events: Iterable[yaml.events.Event]) -> None:
        """Reads all events, or as many as make sense."""
        # The most frequent first: a load of many rules spends most of its time here.
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._nodes.append(self._ordinary(event) or self._scalar(event))
            elif isinstance(event, yaml.events.CollectionStartEvent):
                if not self._open(event):
                    return
            elif isinstance(event, yaml.SequenceEndEvent):
                frame = self._frames.pop()
                self._close(frame, Sequence(tuple(frame.nodes), self._place_of(frame, event)))
            elif isinstance(event, yaml.MappingEndEvent):
                frame = self._frames.pop()
                self._close(frame, self._mapping(frame, event))
            elif isinstance(event, yaml.AliasEvent):
                self._nodes.append(self._alias(event))
            elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
                self._fault(_range(event), "E120", "a second document begins here", "leave the line --- out")
                return
            elif isinstance(event, yaml.StreamEndEvent):
                return

    def _fault(self, at: _Range, code: str, message: str, hint: str = "") -> None:
        end = at.end if at.end_line == at.line else at.start + 1
        self.faults.append(Fault(self._source.place(at.line, at.start, end), code, message, hint))

    def _open(self, event: yaml.events.CollectionStartEvent) -> bool:
        frame = _Frame(event)
        self._frames.append(frame)
        self._nodes = frame.nodes
        if len(self._frames) > _DEPTH_LIMIT:
            self._fault(
                _range(event), "E124", f"more than {_DEPTH_LIMIT} lists and keys stand one inside the other here"
            )
            return False
        if event.anchor is not None:
            self._fault(_range(event), "E172", f"anchors such as &{event.anchor} are not used here", "leave it out")
        elif event.tag is not None:
            self._fault(_range(event), "E173", "tags that begin with ! are not used here", "leave it out")
        return True

    def _close(self, frame: _Frame, node: Node) -> None:
        if frame.begin.anchor is not None:
            self._anchored[frame.begin.anchor] = node
        self._nodes = self._frames[-1].nodes if self._frames else self._roots
        self._nodes.append(node)

    def _alias(self, event: yaml.events.AliasEvent) -> Node:
        """What an alias stands for, so that only the alias is reported; or a text that lacks its quotes."""
        meant = self._anchored.get(str(event.anchor))
        if meant is None:
            return self._bare(_range(event), traps.needs_quotes)
        hint = f"write out what stands in line {meant.at.line}"
        self._fault(_range(event), "E171", f"aliases such as *{event.anchor} are not used here", hint)
        # Only what is flat: lists of aliases of lists of aliases grow without bound.
        flat = isinstance(meant, Sequence) and all(isinstance(item, Scalar) for item in meant.items)
        return meant if flat else Scalar("", meant.at, quoted=True)

    def _bare(self, at: _Range, trap_of: "_TrapOf", start: int | None = None) -> Scalar:
        """A value that lacks its quotes: the fault, and the text as if it had them."""
        line = self._source.lines[at.line]
        trap = trap_of(at.line, line, at.start if start is None else start, in_flow=self.in_flow)
        self.faults.append(self._source.fault(trap))
        value = trap.repair.value if trap.repair else ""
        return Scalar(value, self._source.place(trap.line, trap.start, trap.end), quoted=True)

    def _ordinary(self, event: yaml.events.ScalarEvent) -> Scalar | None:
        """What `_scalar` makes of a text on one line about which nothing is odd; None for any other.

        Nine of ten texts are so, and a load of many rules spends most of its time on them.
        """
        start, end = event.start_mark, event.end_mark
        source, style, value = self._source, event.style, event.value
        if not value or source.repairs or event.anchor is not None or event.tag is not None or not start or not end:
            return None
        number, column = start.line, start.column
        if end.line != number:
            return None
        # A comment may follow a text without quotes, and a backslash may hide in double ones.
        if style != "'" and ("\\" if style else "#") in source.lines[number]:
            return None
        return Scalar(value, Place(source.path, number + 1, column + 1, end.column - column), bool(style))

    def _scalar(self, event: yaml.events.ScalarEvent) -> Scalar:
        at = _range(event)
        if event.anchor is not None or event.tag is not None:
            return self._bare(at, traps.needs_quotes)
        line = self._source.line(at.line)
        last = at.end if at.end_line == at.line else len(line.rstrip())
        place = self._source.place(at.line, at.start, last)
        value = str(event.value)
        if not event.style:
            return self._plain(value, place, at, line)
        if event.style == '"' and _INVISIBLE.search(value):
            value = line[at.start + 1 : last - 1]
            message = "between double quotes, a \\ with a letter is a control character"
            self.faults.append(Fault(place, "E118", message, f"use single quotes: {traps.quoted(value)}"))
        return Scalar(value, place, quoted=True)

    def _plain(self, value: str, place: Place, at: _Range, line: str) -> Scalar:
        rest = line[at.end :] if at.end_line == at.line else ""
        comment = re.match(r"\s*#(?=[^\s#])", rest)
        if at.end_line > at.line:
            hint = "write it on one line, or put quotes around all of it"
            self.faults.append(Fault(place, "E121", "this text goes on on the next line", hint))
        elif comment:
            sign = at.end + comment.end() - 1
            if not value:
                return self._bare(at, traps.swallowed, sign)
            hint = "put quotes around the whole text, or a space after the #"
            where = self._source.place(at.line, sign, len(line.rstrip()))
            self.faults.append(Fault(where, "W505", "everything after # is a comment and is not read", hint))
        return Scalar(value, place, quoted=False)

    def _place_of(self, frame: _Frame, end: yaml.events.Event) -> Place:
        """A collection in brackets is marked whole when it stands on one line, any other at its first character."""
        start = cast("yaml.Mark", frame.begin.start_mark)
        last = cast("yaml.Mark", end.end_mark)
        flat = frame.flow and last.line == start.line
        return self._source.place(start.line, start.column, last.column if flat else start.column + 1)

    def _mapping(self, frame: _Frame, end: yaml.events.Event) -> Node:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(frame.nodes[::2], frame.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                return self._odd_key(_range(frame.begin), key)
            name = key.value
            if name.startswith("-") and re.match(r"-\w", name) and not key.quoted:
                self.faults.append(Fault(key.at, "E106", "a space is missing after the dash", 'write "- "'))
            if name in entries:
                also = ((entries[name][0].at, f'the first "{name}" stands here'),)
                message = f'"{name}" stands here a second time'
                self.faults.append(Fault(key.at, "E116", message, "keep one of them", also))
            else:
                entries[name] = (key, value)
        found = tuple(entries.values())
        return Mapping(found, found[0][0].at if found and not frame.flow else self._place_of(frame, end))

    def _odd_key(self, at: _Range, key: Node) -> Scalar:
        """A mapping in the place of a key: nearly always {{ … }} without quotes."""
        if self._source.lines[at.line].startswith("{{", at.start):
            return self._bare(at, traps.braces)
        self.faults.append(Fault(key.at, "E125", "a word is wanted before the colon, not a list"))
        return Scalar("", key.at, quoted=True)


class _TrapOf(Protocol):
    """How `traps` names a value that lacks its quotes."""

    def __call__(self, line_no: int, line: str, start: int, *, in_flow: bool) -> traps.Trap: ...
