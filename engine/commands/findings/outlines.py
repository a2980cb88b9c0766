"""One file into the parts that a lead thinks in: each rule by its id, each other section by its name.

Called by `junit`, so that what is in order shows there too. A file that cannot be read has no parts.
"""

from dataclasses import dataclass

from engine.ruleset import reader
from engine.ruleset.reader import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Part:
    """A run of lines of one file."""

    # "rule voip-outbound" or "keywords".
    name: str
    # 1-based; a part goes to the line before the next one.
    line: int


def outline(path: str, raw: bytes) -> tuple[Part, ...]:
    """The parts of a rules file in their order; none for any other file."""
    if not path.endswith(".yaml"):
        return ()
    node, _ = reader.read(path, raw)
    if not isinstance(node, Mapping):
        return ()
    parts: list[Part] = []
    for key, value in node.entries:
        if key.value == "rules" and isinstance(value, Sequence):
            parts += [_rule(number, item) for number, item in enumerate(value.items, 1)]
        elif key.value != "schema":
            parts.append(Part(key.value, key.at.line))
    return tuple(parts)


def _rule(number: int, item: Node) -> Part:
    named = {key.value: value for key, value in item.entries} if isinstance(item, Mapping) else {}
    name = named.get("id")
    shown = name.value if isinstance(name, Scalar) and name.value else f"number {number}"
    return Part(f"rule {shown}", item.at.line)
