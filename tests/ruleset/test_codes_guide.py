"""The leads' guide lists every code that `engine validate` can print."""

from engine.ruleset import codes
from engine.starter import starter_folder


def test_the_guide_lists_every_code() -> None:
    """The table in rules/README.md is the one that the pages give."""
    guide = (starter_folder("rules") / "README.md").read_text(encoding="utf-8")
    shown = guide.split("<!-- codes -->\n", 1)[1].split("\n<!-- /codes -->", 1)[0]
    assert shown == codes.table()
