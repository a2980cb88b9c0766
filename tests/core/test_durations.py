"""Spans of time as people write them."""

from datetime import timedelta

import pytest

from engine.core import durations


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90m", timedelta(minutes=90)),
        ("4h", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("1500ms", timedelta(milliseconds=1500)),
    ],
)
def test_a_span_is_written_as_it_was_read(text: str, span: timedelta) -> None:
    """The greatest unit that needs no fraction, which is what people write."""
    assert durations.parse(text) == span
    assert durations.written(span) == text


@pytest.mark.parametrize("text", ["", "4", "h", "4.5h", "4 hours", "-1h"])
def test_anything_else_is_no_span(text: str) -> None:
    """Without a number and a unit nothing is guessed."""
    assert durations.parse(text) is None
