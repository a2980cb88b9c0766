"""What is decorated with `light_value` behaves as the frozen dataclass that mypy takes it for."""

from dataclasses import fields, replace

import pytest

from engine.ruleset.syntax import Place, Text


def test_light_values_are_equal_and_hashed_by_what_they_hold() -> None:
    """Two texts are one key of a mapping exactly when their words and places are the same."""
    first = Text("red", Place("a.yaml", 1, 2))
    assert {first: 1}[Text("red", Place("a.yaml", 1, 2, 1))] == 1
    assert first != Text("red", Place("a.yaml", 1, 3))


def test_light_values_are_dataclasses_with_slots() -> None:
    """Another one is made with `replace`, and nothing can be added to one."""
    place = Place("a.yaml", 1, 2)
    assert [field.name for field in fields(Place)] == ["path", "line", "column", "length"]
    assert replace(place, column=9) == Place("a.yaml", 1, 9)
    with pytest.raises(AttributeError):
        place.colour = "red"  # type: ignore[attr-defined]  # the point of the test
