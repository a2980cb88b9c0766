"""The page of each finding's code: what it means, in a lead's words, with an example of wrong and right.

The pages themselves are Markdown, in `codes.md` beside this module, so that they read as well on a web page as after
`engine help E112`. This module turns that file into values; `commands.help_code` and the tests call it. Loading rules
never reads a page: a code's first letter alone says whether it is an error or a warning.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.core.diagnostics import Severity

_HEADING = re.compile(r"^## ([EW]\d{3}) (.+)$", re.MULTILINE)
_PARTS = re.compile(r"\A\n*(?P<text>.+?)\n+Wrong:\n+(?P<wrong>.+?)\n+Right:\n+(?P<right>.+?)\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """What `engine help CODE` prints."""

    code: str
    # A few words, without a full stop.
    title: str
    # What happened, why it matters and what to do.
    text: str
    # Lines of a file that get this finding, and the same lines mended; indented by four.
    wrong: str
    right: str


def severity(code: str) -> Severity:
    """How grave a finding with this code is: W… is a warning, anything else an error."""
    return Severity.WARNING if code.startswith("W") else Severity.ERROR


def about_rules(code: str) -> bool:
    """Whether `engine validate` can give it; E9… and W9… are about engine.yaml."""
    return code[1:2] != "9"


@cache
def pages() -> Mapping[str, Page]:
    """Every page by its code, in the order of the file."""
    return parse(_source())


def _source() -> str:
    return Path(__file__).with_name("codes.md").read_text(encoding="utf-8")


def parse(source: str) -> Mapping[str, Page]:
    """The pages in a text of the form of `codes.md`. ValueError names the page that does not have it."""
    pieces = _HEADING.split(source)[1:]
    found: dict[str, Page] = {}
    for code, title, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        # A heading of the next section, "# Patterns", ends the page before it.
        parts = _PARTS.match(re.split(r"^# ", body, flags=re.MULTILINE)[0])
        if parts is None or code in found:
            raise ValueError(f"codes.md: the page {code} stands twice, or lacks its text, Wrong: or Right:")
        found[code] = Page(code, title, parts["text"], parts["wrong"], parts["right"])
    return found


def sections() -> tuple[tuple[str, tuple[Page, ...]], ...]:
    """The pages below the heading that each stands under, in the order of the file."""
    heads = re.split(r"^# (.+)$", _source(), flags=re.MULTILINE)[1:]
    return tuple(
        (title, tuple(pages()[code] for code, _ in _HEADING.findall(body)))
        for title, body in zip(heads[::2], heads[1::2], strict=True)
    )


def table() -> str:
    """Every code with its title as a Markdown table, for the leads' guide; a test holds the two together."""
    lines = [f"| {page.code} | {page.title} |" for page in pages().values() if about_rules(page.code)]
    return "\n".join(("| code | meaning |", "|---|---|", *lines))


def render(page: Page) -> str:
    """The page as plain text for a terminal."""
    return f"{page.code}  {page.title}\n\n{page.text}\n\nWrong:\n\n{page.wrong}\n\nRight:\n\n{page.right}\n"
