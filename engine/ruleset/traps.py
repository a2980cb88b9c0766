"""A YAML syntax error, as the parser words it, into what the writer did and how the line was meant.

Called by `reader` with the lines and the parser's own words and marks; it never parses YAML itself. The parser stops at
its first error. So that the findings behind it show in the same pass, most traps come with a repair: the line as it
was meant, on which the reader tries again. A repair is never written to a file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# How far above an error the quote that was never closed may stand.
_LOOK_BACK = 60
# A longer value is not repeated in the advice.
_SHOWN_VALUE = 200
# Indentation, dashes and a key: what stands before a value in block style.
_LEAD = re.compile(r"""\s*(?:-[ ]+)*(?:(?:"[^"]*"|'[^']*'|[^\s"'#\[\]{},&*!|>%@`][^:#]*?):[ ]+)?(?=\S)""")
_NO_SPACE = re.compile(r"""\s*(?:-[ ]+)*(?P<key>[A-Za-z_][\w-]*):(?=[^\s:])""")
_NO_COLON = re.compile(r"\s*(?:-[ ]+)*(?P<key>[A-Za-z_][\w-]*)(?=\s[^:]*$|$)")
_NO_DASH_SPACE = re.compile(r"\s*-(?=[\w\"'])")
_NEEDS_QUOTES = "@`%*&!|>]},"
_COMMENT = re.compile(r"\s#")
# What YAML takes the first sign of a value for, where leads write one as a letter like any other.
_SIGNS = {
    "@": "E170",
    "*": "E171",
    "&": "E172",
    "!": "E173",
    "%": "E174",
    "`": "E175",
    "|": "E176",
    ">": "E176",
}


@dataclass(frozen=True, slots=True)
class Repair:
    """Characters of one line replaced, which makes the line mean what its writer meant."""

    # 0-based; the range is half-open.
    line: int
    start: int
    end: int
    text: str
    # What a value says that was put between quotes; empty for any other repair.
    value: str = ""


@dataclass(frozen=True, slots=True)
class Trap:
    """What went wrong, where, and how it was meant."""

    code: str
    # 0-based, in the lines as given.
    line: int
    start: int
    end: int
    message: str
    hint: str = ""
    repair: Repair | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """The parser's error: its words and its two marks, 0-based; the context is where the open construct began."""

    words: str
    context: str
    line: int
    column: int
    context_line: int
    context_column: int
    # Whether the parser was inside [ ] or { }.
    in_flow: bool


def quoted(text: str) -> str:
    """The text as a single-quoted YAML scalar."""
    return "'" + text.replace("'", "''") + "'"


def _requoted(line_no: int, start: int, end: int, value: str) -> Repair:
    return Repair(line_no, start, end, quoted(value), value)


def value_start(line: str) -> int:
    """Where the value of a block-style line begins, behind its dashes and its key."""
    lead = _LEAD.match(line)
    return lead.end() if lead else len(line)


def value_end(line: str, start: int, *, in_flow: bool) -> int:
    """Where an unquoted value that begins at `start` ends: before a comment, in a flow list before its comma."""
    comment = _COMMENT.search(line, start)
    end = comment.start() if comment else len(line)
    if in_flow:
        stop = re.compile(r"[,\]}]").search(line, start + 1, end)
        end = stop.start() if stop else end
    return start + len(line[start:end].rstrip())


def diagnose(lines: Sequence[str], problem: Problem) -> Trap:
    """The trap behind a syntax error; the last resort says only where the parser gave up."""
    for detect in (_hash, _braces, _no_dash_space, _quotes, _colons, _special, _lists):
        trap = detect(lines, problem)
        if trap is not None:
            return trap
    return _layout(lines, problem)


def needs_quotes(line_no: int, line: str, start: int, *, in_flow: bool) -> Trap:
    """A value whose first character means something to YAML."""
    end = max(value_end(line, start, in_flow=in_flow), start + 1)
    code = _SIGNS.get(line[start : start + 1], "E109")
    return _unquoted(code, line_no, line, start, end, f"a value that begins with {line[start]} needs quotes")


def braces(line_no: int, line: str, start: int, *, in_flow: bool) -> Trap:
    """A value that begins with {{ and has no quotes around it."""
    end = value_end(line, start, in_flow=False)
    if in_flow:
        # Inside a list the value ends behind its last }}, or at the comma after it.
        close = line.find("}}", start)
        end = value_end(line, close + 1, in_flow=True) if 0 <= close < end else end
    return _unquoted("E110", line_no, line, start, end, "a value that begins with {{ needs quotes")


def _unquoted(code: str, line_no: int, line: str, start: int, end: int, message: str) -> Trap:
    value = line[start:end]
    hint = f'write "{value}"' if '"' not in value and "\\" not in value else f"write {quoted(value)}"
    if len(value) > _SHOWN_VALUE:
        hint = "put quotes around all of it"
    return Trap(code, line_no, start, end, message, hint, _requoted(line_no, start, end, value))


def swallowed(line_no: int, line: str, start: int, *, in_flow: bool) -> Trap:
    """A value that begins with # and so is only a comment."""
    stop = re.compile(r"[,\]}]" if in_flow else r"\s#").search(line, start)
    end = start + len(line[start : stop.start() if stop else len(line)].rstrip())
    value = line[start:end]
    return Trap(
        "E111",
        line_no,
        start,
        end,
        "everything after # is a comment, so no value stands here",
        f'leave out the #, or write "{value}"',
        # Nearly always a channel or a tag, which is known without the sign.
        _requoted(line_no, start, end, value.lstrip("#").strip()),
    )


def _at(lines: Sequence[str], number: int) -> str:
    return lines[number] if 0 <= number < len(lines) else ""


def _inside_flow(line: str, column: int) -> bool:
    """Whether a bracket is open at `column`, as far as this line alone can tell."""
    bare = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", lambda found: "_" * len(found.group()), line[:column])
    return bare.count("[") + bare.count("{") > bare.count("]") + bare.count("}")


def _flow(line: str, column: int, problem: Problem) -> bool:
    return _inside_flow(line, column) or (problem.in_flow and not _inside_flow(line, len(line)))


def _hash(lines: Sequence[str], problem: Problem) -> Trap | None:
    """`[#voip, a]`: the comment takes the closing bracket along."""
    if "flow" not in problem.context:
        return None
    for number in range(problem.line, max(-1, problem.line - _LOOK_BACK), -1):
        found = re.search(r"[\[,]\s*(?=#\w)", _at(lines, number))
        if found:
            return swallowed(number, lines[number], found.end(), in_flow=True)
    return None


def _braces(lines: Sequence[str], problem: Problem) -> Trap | None:
    for number in (problem.line, problem.context_line):
        line = _at(lines, number)
        start = value_start(line)
        if line.startswith("{{", start):
            return braces(number, line, start, in_flow=False)
        found = re.compile(r"[\[,]\s*(?=\{\{)").search(line)
        if found and "flow" in problem.context:
            return braces(number, line, found.end(), in_flow=True)
    return None


def _no_dash_space(lines: Sequence[str], problem: Problem) -> Trap | None:
    for number in (problem.line, problem.line - 1):
        found = _NO_DASH_SPACE.match(_at(lines, number))
        if found:
            dash = found.end()
            repair = Repair(number, dash, dash, " ")
            return Trap("E106", number, dash - 1, dash, "a space is missing after the dash", 'write "- "', repair)
    return None


def _quotes(lines: Sequence[str], problem: Problem) -> Trap | None:
    if "quoted scalar" in problem.context:
        if "escape" in problem.words or "hexdecimal" in problem.words:
            return _escape(lines, problem)
        return _unclosed(lines, problem.context_line, problem.context_column)
    line = _at(lines, problem.line)
    before = line[: problem.column].rstrip()
    if not before or before[-1] not in "'\"" or problem.column >= len(line):
        return None
    quote = before[-1]
    opening = re.compile(rf"(?:^|[\s\[{{,]){quote}").search
    starts = [found.end() - 1 for found in re.finditer(rf"(?:^|(?<=[\s\[{{,])){quote}", before[:-1])]
    if not starts or opening(before[:-1]) is None:
        return _unclosed_above(lines, problem.line, quote)
    if line[problem.column] in "'\"" and problem.column > len(before):
        end = len(before)
        return Trap(
            "E108", problem.line, end, end + 1, "a comma is missing here", "", Repair(problem.line, end, end, ",")
        )
    return _quote_inside(problem.line, line, starts[-1], quote)


def _quote_inside(number: int, line: str, start: int, quote: str) -> Trap:
    """`'it's'`: the second quote ends the value."""
    last = re.compile(rf"{quote}\s*(?:[,\]}}]|\s#|$)").search(line, line.find(quote, start + 1) + 1)
    end = last.start() + 1 if last else value_end(line, start, in_flow=_inside_flow(line, start))
    inner = line[start + 1 : end - 1] if last else line[start:end].replace(quote, "")
    fitting = next((sign for sign in (quote, "'", '"') if sign not in inner), None)
    return Trap(
        "E119",
        number,
        start,
        end,
        f"the text goes on after the closing {quote}",
        f"write {fitting}{inner}{fitting}" if fitting else f"write {quoted(inner)}",
        Repair(number, start, end, quoted(inner)),
    )


def _escape(lines: Sequence[str], problem: Problem) -> Trap:
    line = _at(lines, problem.line)
    slash = line.rfind("\\", 0, problem.column + 1)
    message = f"between double quotes, {line[slash : slash + 2]} has no meaning"
    start = problem.context_column
    whole = re.compile(r'"((?:\\.|[^"\\])*)"').match(line, start)
    if whole is None or problem.context_line != problem.line:
        return Trap("E118", problem.line, slash, slash + 2, message, "use single quotes")
    meant = quoted(whole.group(1).replace('\\"', '"'))
    repair = Repair(problem.line, start, whole.end(), meant)
    return Trap("E118", problem.line, slash, slash + 2, message, f"use single quotes: {meant}", repair)


def _unclosed(lines: Sequence[str], number: int, start: int) -> Trap:
    line = _at(lines, number)
    quote = line[start : start + 1] or "'"
    end = value_end(line, start, in_flow=False)
    return Trap(
        "E107",
        number,
        start,
        end,
        "the quote that opens here is never closed",
        f"put {quote} at the end of the text",
        Repair(number, end, end, quote),
    )


def _unclosed_above(lines: Sequence[str], below: int, quote: str) -> Trap | None:
    for number in range(below - 1, max(-1, below - _LOOK_BACK), -1):
        line = lines[number]
        start = value_start(line)
        if line.startswith(quote, start) and line.count(quote, start) == 1:
            return _unclosed(lines, number, start)
    return None


def _colons(lines: Sequence[str], problem: Problem) -> Trap | None:
    lost = "mapping values are not allowed" in problem.words
    if not lost and "could not find expected ':'" not in problem.words:
        return None
    line = _at(lines, problem.line)
    start = value_start(line)
    if lost and start < problem.column and line[start] not in "'\"[{":
        end = value_end(line, start, in_flow=False)
        message = "a text with a colon and a space in it needs quotes"
        return _unquoted("E117", problem.line, line, start, end, message)
    if not lost:
        return _no_colon(problem.context_line, _at(lines, problem.context_line))
    for number in range(problem.line - 1, max(-1, problem.line - _LOOK_BACK), -1):
        above = _at(lines, number)
        if not above.strip() or above.lstrip().startswith("#"):
            continue
        return _no_colon(number, above) or _too_deep(lines, problem.line, number)
    return None


def _no_colon(number: int, line: str) -> Trap | None:
    found = _NO_SPACE.match(line)
    if found:
        end = found.end()
        hint = f'write "{found["key"]}: {line[end:].strip()}"'
        repair = Repair(number, end, end, " ")
        return Trap("E106", number, found.start("key"), end, "a space is missing after the colon", hint, repair)
    found = _NO_COLON.match(line)
    if found:
        start, end = found.span("key")
        hint = f'write "{line[start:end]}:{line[end:].rstrip()}"'
        return Trap(
            "E106", number, start, end, "a colon is missing after this word", hint, Repair(number, end, end, ":")
        )
    return None


def _too_deep(lines: Sequence[str], number: int, above: int) -> Trap:
    line = lines[number]
    indent = len(line) - len(line.lstrip())
    return Trap(
        "E105",
        number,
        indent,
        len(line.rstrip()),
        f"this line stands further in than line {above + 1}, which already has a value",
        f"begin it below the first letter of line {above + 1}",
    )


def _special(lines: Sequence[str], problem: Problem) -> Trap | None:
    line = _at(lines, problem.line)
    here = line[problem.column : problem.column + 1]
    cannot_start = "cannot start any token" in problem.words or "expected node content" in problem.words
    if cannot_start and here and here in _NEEDS_QUOTES:
        flow = _flow(line, problem.column, problem)
        if not (flow and here in "]},"):
            return needs_quotes(problem.line, line, problem.column, in_flow=flow)
    for number in (problem.line, problem.context_line):
        line = _at(lines, number)
        start = value_start(line)
        if line[start : start + 1] and line[start] in _NEEDS_QUOTES and not _alone(line, start):
            return needs_quotes(number, line, start, in_flow=False)
    line = _at(lines, problem.line)
    found = re.search(r"[\[,]\s*(?=[@`%*&!])", line) if problem.in_flow else None
    return needs_quotes(problem.line, line, found.end(), in_flow=True) if found else None


def _alone(line: str, start: int) -> bool:
    """Whether the value is one of YAML's own signs, such as the `|` before a block of text."""
    return re.fullmatch(r"[|>][-+0-9]*|[\]},]+", line[start:].split(" #", maxsplit=1)[0].rstrip()) is not None


def _lists(lines: Sequence[str], problem: Problem) -> Trap | None:
    if "block sequence entries" in problem.words:
        message = "a list begins on a line of its own"
        hint = "put the dash on the next line, further in, or write [one, two]"
        return Trap("E127", problem.line, problem.column, problem.column + 1, message, hint)
    if "flow" not in problem.context:
        return None
    if "node content" in problem.words:
        return _nothing_between(lines, problem)
    number, start = problem.context_line, problem.context_column
    line = _at(lines, number)
    closer = "]" if line[start : start + 1] == "[" else "}"
    comment = _COMMENT.search(line, start)
    if comment and closer in line[comment.end() :] and _inside_flow(line, comment.start()):
        sign = comment.end() - 1
        message = f"the {closer} stands after # and so in a comment"
        hint = "leave out the #, or put quotes around the text with it"
        return Trap("E108", number, sign, sign + 1, message, hint, Repair(number, sign, sign + 1, ""))
    if _inside_flow(line, len(line)):
        crossed = problem.line == number and line[problem.column : problem.column + 1] in {"]", "}"}
        return _open_bracket(number, line, start, problem.column if crossed else None)
    column = problem.column if problem.line == number else start
    return Trap("E108", number, column, column + 1, f"a comma or a {closer} is missing here")


def _nothing_between(lines: Sequence[str], problem: Problem) -> Trap | None:
    """A comma or an end of the file where an item of a list in brackets is wanted."""
    line = _at(lines, problem.line)
    if line[problem.column : problem.column + 1] == ",":
        end = problem.column + 1
        repair = Repair(problem.line, problem.column, end, "")
        return Trap("E108", problem.line, problem.column, end, "nothing stands before this comma", "delete it", repair)
    last = max(line.rfind("["), line.rfind("{"))
    return _open_bracket(problem.line, line, last, None) if last >= 0 and problem.column >= len(line) else None


def _open_bracket(number: int, line: str, start: int, end: int | None) -> Trap:
    opener = line[start]
    closer = "]" if opener == "[" else "}"
    if end is None:
        end = value_end(line, start, in_flow=False)
    message = f"the {opener} that opens here is never closed"
    return Trap(
        "E108", number, start, end, message, f"put {closer} after the last one", Repair(number, end, end, closer)
    )


def _layout(lines: Sequence[str], problem: Problem) -> Trap:
    line = _at(lines, problem.line)
    end = max(len(line.rstrip()), problem.column + 1)
    sign = line[problem.column : problem.column + 1]
    before = line[: problem.column].rstrip()
    if sign and before.endswith(("]", "}")) and sign not in "]}":
        message = f"the text goes on after the closing {before[-1]}"
        hint = "delete the rest, or put quotes around the whole text"
        repair = Repair(problem.line, problem.column, end, "")
        return Trap("E119", problem.line, problem.column, end, message, hint, repair)
    if sign and sign in "]}":
        message = f"this {sign} closes nothing"
        repair = Repair(problem.line, problem.column, problem.column + 1, "")
        return Trap("E108", problem.line, problem.column, problem.column + 1, message, "delete it", repair)
    if sign == "\t":
        return Trap("E104", problem.line, problem.column, problem.column + 1, "a tab stands here", "use spaces")
    if "expected" in problem.words and line[: problem.column].strip() in {"", "-"}:
        message = "this line does not stand in line with the ones above that it belongs to"
        hint = "give it as many spaces as they have"
        return Trap("E105", problem.line, problem.column, end, message, hint)
    return Trap("E122", problem.line, problem.column, end, "this cannot be read as it stands")
