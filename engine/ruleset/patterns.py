"""`pattern:` atoms: what RE2 refuses, said in a lead's words, and all patterns of a rule-set searched in one pass.

The only module that knows RE2. It searches normal lines (see `core.text`): case and accents are folded, hyphens and
white space are one space, other punctuation stands as the client typed it. Time is linear in the message and memory is
bounded, whatever the pattern and the message are; Python's `re` never sees a lead's pattern.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import re2

from engine.ruleset import expressions
from engine.ruleset.places import within
from engine.ruleset.syntax import Fault, Text

# Of one pattern, its program and its cache of states; a pattern that needs more is refused.
_PATTERN_BYTES = 2 * 1024 * 1024
# Patterns are searched together in sets of this size, each within its own bound.
_SET_SIZE = 128
_SET_BYTES = 16 * 1024 * 1024

_LOOKAROUND_HINT = (
    'say "but not" with `none:` in the rule, and "both" with two patterns under `all:`; '
    "for a whole word write \\b at its edges"
)
_REFUSALS = {
    "lookaround": ("E302", "looks ahead or back, which cannot run in bounded time", _LOOKAROUND_HINT),
    "backreference": (
        "E303",
        "refers back to what a group found, which cannot run in bounded time",
        "write the words out, e.g. (?:no no|yes yes)",
    ),
    "atomic": (
        "E304",
        "uses a possessive repetition or an atomic group, which RE2 does not have",
        "leave out the extra + or write (?: instead of (?>: no pattern is slow here",
    ),
    "byte": ("E304", "asks for a single byte with \\C", "write . for any character"),
    "group name": (
        "E306",
        "names a group in a way that templates cannot use",
        "use letters, digits and underscores, e.g. (?P<code>…)",
    ),
}

# RE2's own messages begin with these words.
_SYNTAX = {
    "missing )": "opens a bracket ( that is never closed; to look for the bracket itself write \\(",
    "missing ]": "opens a list [ that is never closed; to look for the bracket itself write \\[",
    "unexpected )": "closes a bracket ) that was never opened; to look for the bracket itself write \\)",
    "missing argument to repetition operator": "repeats nothing: before * + or ? there must be something to repeat",
    "no argument for repetition operator": "repeats nothing: before * + or ? there must be something to repeat",
    "bad repetition operator": "repeats a repetition; put brackets around what is to be repeated",
    "invalid character class range": "has a list [ ] with a range or a class that does not exist",
    "invalid escape sequence": "has a backslash \\ before a letter that means nothing here",
    "trailing \\": "ends with a backslash \\; to look for a backslash write it twice",
    "invalid perl operator": "has (? followed by something unknown",
    "invalid named capture group": "has a named group that is not written (?P<name>…)",
}
_TOO_LARGE = ("pattern too large", "invalid repetition size")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a pattern matches in a normal line."""

    start: int
    end: int
    # (name, start, end) of each named group that took part, in order; one name at most once.
    groups: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Program:
    plain: Any
    boxed: Any
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Compiled patterns, known by their position; immutable and free to share between threads."""

    programs: tuple[_Program, ...] = ()
    # (position of its first pattern, the set) for lines of ASCII letters, and for boxed ones.
    plain_sets: tuple[tuple[int, Any], ...] = field(default=(), repr=False)
    boxed_sets: tuple[tuple[int, Any], ...] = field(default=(), repr=False)

    def hits(self, line: str) -> tuple[int, ...]:
        """The positions of all patterns that match somewhere in the line, in no particular order."""
        if line.isascii() or (boxed := expressions.box(line)) == line:
            return _matches(self.plain_sets, line)
        return _matches(self.boxed_sets, boxed)

    def locate(self, position: int, line: str) -> Found | None:
        """Where one pattern first matches in the line."""
        program = self.programs[position]
        if line.isascii() or (boxed := expressions.box(line)) == line:
            match = program.plain.search(line)
            spans = _spans(match, range(len(program.groups) + 1))
        else:
            match = program.boxed.search(boxed)
            # Group 1 is the pattern itself, after what was skipped to reach it.
            spans = [
                (expressions.unboxed(boxed, start), expressions.unboxed(boxed, end)) if start >= 0 else (start, end)
                for start, end in _spans(match, range(1, len(program.groups) + 2))
            ]
        if not spans:
            return None
        named: dict[str, tuple[str, int, int]] = {}
        for name, (start, end) in zip(program.groups, spans[1:], strict=True):
            if start < end:
                named.setdefault(name, (name, start, end))
        return Found(*spans[0], tuple(named.values()))


def check(regex: Text) -> tuple[Fault, ...]:
    """What keeps a pattern from being used, each finding at its place inside the pattern where that is known."""
    refused = expressions.refusals(regex.value)
    if refused:
        return tuple(_fault(regex, *_REFUSALS[found.kind], found.start, found.end) for found in refused)
    try:
        _compiled(regex.value)
        expression = expressions.translate(regex.value)
        _compiled(expression.plain)
        _compiled(expression.boxed)
    except re2.error as error:
        return (_explained(regex, error),)
    if expression.matches_empty:
        return (
            _fault(
                regex,
                "E305",
                "matches an empty text, and so every message",
                "let at least one part be required, e.g. + instead of *",
                0,
                len(regex.value),
            ),
        )
    return ()


def groups(regex: Text) -> frozenset[str]:
    """The names that the pattern's groups give to summaries and templates; none for a broken pattern."""
    if check(regex):
        return frozenset()
    return frozenset(expressions.translate(regex.value).groups)


def compile_patterns(regexes: Sequence[str]) -> Patterns:
    """All patterns of a rule-set, which `check` has found nothing wrong with."""
    translated = [expressions.translate(regex) for regex in regexes]
    programs = tuple(
        _Program(_compiled(expression.plain), _compiled(expression.boxed), expression.groups)
        for expression in translated
    )
    return Patterns(
        programs,
        _sets([expression.plain for expression in translated]),
        _sets([expression.boxed for expression in translated]),
    )


@cache
def _options(max_mem: int) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = max_mem
    return options


def _compiled(expression: str) -> Any:
    return re2.compile(expression, _options(_PATTERN_BYTES))


def _sets(sources: Sequence[str]) -> tuple[tuple[int, Any], ...]:
    made = []
    for first in range(0, len(sources), _SET_SIZE):
        together = re2.Set.SearchSet(_options(_SET_BYTES))
        for source in sources[first : first + _SET_SIZE]:
            together.Add(source)
        together.Compile()
        made.append((first, together))
    return tuple(made)


def _matches(sets: Sequence[tuple[int, Any]], line: str) -> tuple[int, ...]:
    return tuple(first + found for first, together in sets for found in together.Match(line) or ())


def _spans(match: Any, numbers: range) -> list[tuple[int, int]]:
    return [match.span(number) for number in numbers] if match else []


def _explained(regex: Text, error: re2.error) -> Fault:
    said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error.args[0])
    if said.startswith(_TOO_LARGE):
        problem = "is too large once its repetitions are written out (1000 at most)"
        return _fault(regex, "E307", problem, "repeat less, or make several patterns of it", 0, len(regex.value))
    problem, _, part = said.partition(": ")
    start = regex.value.rfind(part) if part else -1
    explanation = next((ours for theirs, ours in _SYNTAX.items() if said.startswith(theirs)), f"is not RE2: {said}")
    if start < 0:
        start, part = 0, regex.value
    return _fault(regex, "E301", explanation, "", start, start + len(part))


def _fault(regex: Text, code: str, problem: str, hint: str, start: int, end: int) -> Fault:
    return Fault(within(regex, start, end), code, f"the pattern {problem}", hint)
