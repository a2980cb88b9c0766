"""Places of parts: a finding inside a scalar points at the part that is wrong."""

from dataclasses import replace

from engine.ruleset.syntax import Place, Text


def within(text: Text, start: int, end: int) -> Place:
    """The place of a half-open part of a scalar.

    It is the whole scalar where escapes or line breaks make the column of a part uncertain. The whole may be written
    bare or between quotes, which `Place.length` counts.
    """
    quotes = text.at.length - len(text.value)
    if quotes not in {0, 2}:
        return text.at
    return replace(text.at, column=text.at.column + quotes // 2 + start, length=max(1, end - start))
