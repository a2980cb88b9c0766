"""`pattern:` atoms: what RE2 refuses, said in a lead's words, and the patterns of a rule-set as they are searched for.

The only module that knows RE2. One pass over a message finds the texts without which patterns cannot match (see
`literals`); what is left is asked one by one, and only by rules that can still match. RE2's `Set` would search for all
at once, but its time on text never seen before jumps (351 µs mean, 174 ms at worst and 388 MB with 3,900 patterns).

It searches normal lines (see `core.text`): case and accents are folded, hyphens and
white space are one space, other punctuation stands as the client typed it. Time is linear in the message and memory is
bounded, whatever the pattern and the message are; Python's `re` never sees a lead's pattern.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import re2

from engine.ruleset import expressions, literals, scanner
from engine.ruleset.expressions import Expression
from engine.ruleset.places import within
from engine.ruleset.scanner import Scanner
from engine.ruleset.syntax import Fault, Place, Text

# Of one pattern, its program and its cache of states; a pattern that needs more is refused.
_PATTERN_BYTES = 2 * 1024 * 1024

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
class Patterns:
    """The patterns of a rule-set by the ids that `compiler` gave them; free to share between threads."""

    expressions: Mapping[int, Expression]
    scanner: Scanner
    # The patterns that require no text: only RE2 can say anything about them.
    always: frozenset[int]
    # How many messages may match, roughly: see `literals.commonness`.
    rates: Mapping[int, float]
    # RE2's programs, each made when it is first needed: most patterns never are, and 10,000 take half a second. Two
    # threads may make the same one, and either will do.
    _programs: dict[tuple[int, bool], Any] = field(default_factory=dict, repr=False)

    def possible(self, line: str) -> set[int]:
        """The patterns that may match somewhere in the line; the others do not."""
        found = self.scanner.find(line)
        found |= self.always
        return found

    def locate(self, pattern: int, line: str) -> Found | None:
        """Where one pattern first matches in the line."""
        names = self.expressions[pattern].groups
        if line.isascii() or (boxed := expressions.box(line)) == line:
            # Of ASCII the bytes, whose offsets RE2's binding need not translate: two thirds of its time.
            match = self._program(pattern, boxed=False).search(line.encode() if line.isascii() else line)
            if match is None:
                return None
            spans = [match.span(number) for number in range(len(names) + 1)]
        else:
            match = self._program(pattern, boxed=True).search(boxed)
            if match is None:
                return None
            # Group 1 is the pattern itself, after what was skipped to reach it.
            spans = [
                (expressions.unboxed(boxed, start), expressions.unboxed(boxed, end)) if start >= 0 else (start, end)
                for start, end in (match.span(number) for number in range(1, len(names) + 2))
            ]
        named: dict[str, tuple[str, int, int]] = {}
        for name, (start, end) in zip(names, spans[1:], strict=True):
            if start < end:
                named.setdefault(name, (name, start, end))
        return Found(spans[0][0], spans[0][1], tuple(named.values()))

    def _program(self, pattern: int, *, boxed: bool) -> Any:
        program = self._programs.get((pattern, boxed))
        if program is None:
            expression = self.expressions[pattern]
            program = _compiled(expression.boxed if boxed else expression.plain)
            self._programs[pattern, boxed] = program
        return program


def check(regex: Text) -> tuple[Fault, ...]:
    """What keeps a pattern from being used, each finding at its place inside the pattern where that is known."""
    return () if _is_sound(regex.value) else _problems(regex)


# A load asks again about the patterns of files that have not changed, and RE2 takes 0.2 ms for each.
@lru_cache(maxsize=1 << 15)
def _is_sound(regex: str) -> bool:
    return not _problems(Text(regex, Place("", 1, 1)))


def _problems(regex: Text) -> tuple[Fault, ...]:
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


def compile_patterns(regexes: Mapping[int, str]) -> Patterns:
    """The patterns of a rule-set by their ids; `check` has found nothing wrong with them."""
    translated = {pattern: expressions.translate(regex) for pattern, regex in regexes.items()}
    chosen = literals.choose([expression.required for expression in translated.values()])
    required = dict(zip(translated, chosen, strict=True))
    always = frozenset(pattern for pattern, texts in required.items() if not texts)
    rates = {pattern: literals.commonness(texts) if texts else 1.0 for pattern, texts in required.items()}
    return Patterns(translated, scanner.build(required), always, rates)


@cache
def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    return options


def _compiled(expression: str) -> Any:
    return re2.compile(expression, _options())


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
