"""Two texts are compared word by word."""

import pytest

from engine.rehearsals.differences import Part, Side, compare

B, W, F = Side.BOTH, Side.WANTED, Side.FOUND


@pytest.mark.parametrize(
    ("wanted", "found", "parts"),
    [
        ("Hello Amina, hi", "Hello Amina, hi", [(B, "Hello Amina, hi")]),
        ("Hello Amina, hi", "Hello Brian, hi", [(B, "Hello "), (W, "Amina"), (F, "Brian"), (B, ", hi")]),
        ("one two", "one", [(B, "one"), (W, " two")]),
        ("one", "one two", [(B, "one"), (F, " two")]),
        (" one\n  two ", "one two", [(B, "one two")]),
        ("can't", "can", [(W, "can't"), (F, "can")]),
        ("", "", []),
    ],
)
def test_texts_are_cut_where_their_words_differ(wanted: str, found: str, parts: list[tuple[Side, str]]) -> None:
    """Blanks count as one blank, and a word is never cut."""
    assert compare(wanted, found) == tuple(Part(side, text) for side, text in parts)
