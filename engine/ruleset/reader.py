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

import yaml

from engine.ruleset import traps
from engine.ruleset.syntax import Fault, Place

SIZE_LIMIT_BYTES = 1024 * 1024
# Deep enough for five levels of conditions inside a rule, each a mapping and a list.
_DEPTH_LIMIT = 40
# Each repair means parsing the file once more.
_REPAIR_LIMIT = 20

# Controls but tab and line feed, a lone carriage return, line separators, bidirectional controls, noncharacters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff]|\r(?!\n)"
)
_INDENT = re.compile(r"[ \t\u00a0]*")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, never typed. A value that is not there at all is an empty text that is not quoted."""

    value: str
    at: Place
    # Whether quotes, | or > say that a text is meant.
    quoted: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: "tuple[Node, ...]"
    at: Place


@dataclass(frozen=True, slots=True)
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
    source = _Source(path_label, text)
    layout = tuple(_indentation_faults(source))
    if layout:
        return None, (*faults, *layout)
    node, found = _read_repairing(source)
    return node, (*faults, *found)


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
    text: str
    lines: list[str] = field(init=False)
    repairs: list[traps.Repair] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = self.text.split("\n")

    def place(self, line: int, start: int, end: int) -> Place:
        """The place of a range on one line, given in the repaired columns, 0-based."""
        first, last = self._written(line, start), self._written(line, end)
        return Place(self.path, line + 1, first + 1, max(1, last - first))

    def _written(self, line: int, column: int) -> int:
        for repair in reversed(self.repairs):
            if repair.line == line and column > repair.start:
                grown = len(repair.text) - (repair.end - repair.start)
                column = max(repair.start, min(column, column - grown)) if grown < 0 else max(repair.start, column - grown)
        return column

    def mend(self, repair: traps.Repair) -> None:
        line = self.lines[repair.line]
        self.lines[repair.line] = line[: repair.start] + repair.text + line[repair.end :]
        self.repairs.append(repair)
        self.text = "\n".join(self.lines)

    def fault(self, trap: traps.Trap) -> Fault:
        return Fault(self.place(trap.line, trap.start, trap.end), trap.code, trap.message, trap.hint)


def _indentation_faults(source: _Source) -> Iterator[Fault]:
    for number, line in enumerate(source.lines):
        if "\t" not in line and "\u00a0" not in line:
            continue
        indent = _INDENT.match(line)
        blank = indent.group() if indent else ""
        if blank.strip(" ") and line.strip() and not line.lstrip().startswith("#"):
            tab = min(blank.find(sign) for sign in "\t\u00a0" if sign in blank)
            name = "a tab" if blank[tab] == "\t" else "a no-break space"
            at = source.place(number, tab, tab + 1)
            yield Fault(at, "E104", f"{name} stands where the line begins", "use spaces, two for each step")


def _read_repairing(source: _Source) -> tuple[Node | None, tuple[Fault, ...]]:
    mended: list[Fault] = []
    for _ in range(_REPAIR_LIMIT):
        builder = _Builder(source)
        try:
            builder.take(yaml.parse(source.text, Loader=yaml.CLoader))
        except yaml.MarkedYAMLError as error:
            trap = traps.diagnose(source.lines, _problem(error, source, in_flow=builder.in_flow))
            mended.append(source.fault(trap))
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


@dataclass(slots=True)
class _Frame:
    """A list or mapping whose end has not come yet."""

    event: yaml.events.CollectionStartEvent
    # The items, or keys and values in turn.
    nodes: list[Node] = field(default_factory=list)


class _Builder:
    """Parser events into nodes, without recursion."""

    def __init__(self, source: _Source) -> None:
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._source = source
        self._frames: list[_Frame] = []
        self._documents = 0

    @property
    def in_flow(self) -> bool:
        """Whether the innermost open list or mapping has brackets."""
        return bool(self._frames) and bool(self._frames[-1].event.flow_style)

    def take(self, events: Iterable[yaml.events.Event]) -> None:
        """Reads all events, or as many as make sense."""
        for event in events:
            match event:
                case yaml.events.ScalarEvent():
                    self._add(self._scalar(event))
                case yaml.events.CollectionStartEvent():
                    self._check_anchor(event)
                    self._frames.append(_Frame(event))
                    if len(self._frames) > _DEPTH_LIMIT:
                        message = f"more than {_DEPTH_LIMIT} lists and keys stand one inside the other here"
                        self._fault(event, "E124", message)
                        self.root = None
                        return
                case yaml.events.SequenceEndEvent():
                    frame = self._frames.pop()
                    self._add(Sequence(tuple(frame.nodes), self._place_of(frame, event)))
                case yaml.events.MappingEndEvent():
                    frame = self._frames.pop()
                    self._add(self._mapping(frame, event))
                case yaml.events.AliasEvent():
                    self._add(self._alias(event))
                case yaml.events.DocumentStartEvent():
                    self._documents += 1
                    if self._documents > 1:
                        self._fault(event, "E120", "a second document begins here", "leave the line --- out")
                        return
                case _:
                    pass

    def _add(self, node: Node) -> None:
        if self._frames:
            self._frames[-1].nodes.append(node)
        else:
            self.root = node

    def _fault(self, event: yaml.events.Event, code: str, message: str, hint: str = "") -> None:
        mark = event.start_mark
        end = event.end_mark.column if event.end_mark.line == mark.line else mark.column + 1
        self.faults.append(Fault(self._source.place(mark.line, mark.column, end), code, message, hint))

    def _scalar(self, event: yaml.events.ScalarEvent) -> Scalar:
        start, end = event.start_mark, event.end_mark
        line = self._source.lines[start.line] if start.line < len(self._source.lines) else ""
        last = end.column if end.line == start.line else len(line.rstrip())
        at = self._source.place(start.line, start.column, last)
        value = str(event.value)
        if event.anchor is not None or event.tag is not None:
            trap = traps.needs_quotes(start.line, line, start.column, in_flow=self.in_flow)
            self.faults.append(self._source.fault(trap))
            return Scalar(line[trap.start : trap.end], self._source.place(trap.line, trap.start, trap.end), quoted=True)
        if event.style is None or event.style == "":
            return self._plain(value, at, event, line)
        if event.style == '"' and _INVISIBLE.search(value):
            value = line[start.column + 1 : last - 1]
            hint = f"use single quotes: {traps.quoted(value)}"
            self.faults.append(Fault(at, "E118", "between double quotes, a \\ with a letter is a control character", hint))
        return Scalar(value, at, quoted=True)

    def _plain(self, value: str, at: Place, event: yaml.events.ScalarEvent, line: str) -> Scalar:
        start, end = event.start_mark, event.end_mark
        rest = line[end.column :] if end.line == start.line else ""
        comment = re.match(r"\s*#(?=\S)(?!#)", rest)
        if end.line > start.line:
            message = "this text goes on on the next line"
            self.faults.append(Fault(at, "E121", message, "write it on one line, or put quotes around all of it"))
        elif comment and not value:
            trap = traps.swallowed(start.line, line, end.column + comment.end() - 1, in_flow=self.in_flow)
            self.faults.append(self._source.fault(trap))
            place = self._source.place(trap.line, trap.start, trap.end)
            return Scalar(line[trap.start : trap.end], place, quoted=True)
        elif comment:
            begin = end.column + comment.end() - 1
            place = self._source.place(start.line, begin, len(line.rstrip()))
            message = "everything after # is a comment and is not read"
            hint = "put quotes around the whole text, or a space after the #"
            self.faults.append(Fault(place, "W505", message, hint))
        return Scalar(value, at, quoted=False)

    def _alias(self, event: yaml.events.AliasEvent) -> Scalar:
        mark = event.start_mark
        trap = traps.needs_quotes(mark.line, self._source.lines[mark.line], mark.column, in_flow=self.in_flow)
        self.faults.append(self._source.fault(trap))
        value = self._source.lines[trap.line][trap.start : trap.end]
        return Scalar(value, self._source.place(trap.line, trap.start, trap.end), quoted=True)

    def _check_anchor(self, event: yaml.events.CollectionStartEvent) -> None:
        if event.anchor is not None or event.tag is not None:
            mark = event.start_mark
            sign = self._source.lines[mark.line][mark.column : mark.column + 1]
            self._fault(event, "E109", f"a value that begins with {sign} needs quotes", "leave it out, or put quotes around the text")

    def _place_of(self, frame: _Frame, end: yaml.events.Event) -> Place:
        """A collection in brackets is marked whole when it stands on one line, any other at its first character."""
        start = frame.event.start_mark
        flat = bool(frame.event.flow_style) and end.end_mark.line == start.line
        return self._source.place(start.line, start.column, end.end_mark.column if flat else start.column + 1)

    def _mapping(self, frame: _Frame, end: yaml.events.Event) -> Node:
        at = self._place_of(frame, end)
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(frame.nodes[::2], frame.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                return self._odd_key(frame, key)
            if re.match(r"-\w", key.value) and not key.quoted:
                message, hint = "a space is missing after the dash", 'write "- "'
                self.faults.append(Fault(key.at, "E106", message, hint))
            elif key.value in entries:
                first = entries[key.value][0].at
                also = ((first, f'the first "{key.value}" stands here'),)
                self.faults.append(
                    Fault(key.at, "E116", f'"{key.value}" stands here a second time', "keep one of them", also)
                )
                continue
            entries[key.value] = (key, value)
        if entries and not frame.event.flow_style:
            at = next(iter(entries.values()))[0].at
        return Mapping(tuple(entries.values()), at)

    def _odd_key(self, frame: _Frame, key: Node) -> Scalar:
        """A mapping in the place of a key: nearly always {{ … }} without quotes."""
        mark = frame.event.start_mark
        line = self._source.lines[mark.line]
        if line.startswith("{{", mark.column):
            outer = len(self._frames) > 0 and bool(self._frames[-1].event.flow_style)
            trap = traps.braces(mark.line, line, mark.column, in_flow=outer)
            self.faults.append(self._source.fault(trap))
            place = self._source.place(trap.line, trap.start, trap.end)
            return Scalar(line[trap.start : trap.end], place, quoted=True)
        self.faults.append(Fault(key.at, "E125", "a word is wanted before the colon, not a list"))
        return Scalar("", key.at, quoted=True)
