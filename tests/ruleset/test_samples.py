"""A text for a pattern, made from the pattern alone and tried with RE2."""

import pytest
from standins import documents as make

from engine.ruleset.advice.samples import sample

_FOUND = {
    "literal": "error",
    "boundaries": r"\berror\b",
    "alternatives": r"\b(?:cause|code) (?P<code>[4-6]\d\d)\b",
    "optional": r"colou?rs? \d{2,4}",
    "repeated": r"a+b*c{3}d??",
    "any": r"^x.z$",
    "negated": r"q[^aeiou]t",
    "negated-classes": r"a[^\d\s]b",
    "range": r"[a-z][0-9][a-c-]",
    "bracket-in-class": r"a[]]b",
    "perl": r"\d\D\w\W\s?\S",
    "posix": r"[[:digit:]][[:alpha:]]",
    "property": r"\pL\p{Nd}\PN\PL\p{^L}",
    "code": r"\x41\x{42}",
    "escaped": r"\(\d\) \+\.",
    "flags": r"(?i)Error (?i:X)",
    "quoted": r"\Qa\E b",
    "nested": r"(?:(?:one|two)+ (?:three|four)){2}",
    "tab": r"a\tb",
}


@pytest.mark.parametrize("pattern", _FOUND.values(), ids=_FOUND)
def test_a_pattern_finds_one_of_its_samples(pattern: str) -> None:
    """Within the few attempts that anybody makes."""
    rules = make.ruleset(make.rule("x", make.pattern(pattern)))
    assert any(rules.matches("x", make.event(sample(pattern, attempt))) for attempt in range(8))


def test_each_attempt_takes_other_alternatives() -> None:
    """What the first attempt meets by accident the next one avoids."""
    assert [sample("(?:one|two|three) x?", attempt) for attempt in range(3)] == ["one ", "two x", "three "]


def test_a_class_of_everything_has_no_sample() -> None:
    """A class that leaves nothing of what is tried gives an empty text, which will be found wanting."""
    assert sample("[^xa1 e5!zk.]", 0) == ""
