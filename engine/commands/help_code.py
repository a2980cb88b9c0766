"""`engine help [CODE…]`: the page of each code, as it stands in `ruleset/codes.md`; without a code the list of all."""

import argparse
import os
import re
import sys

from engine.commands.findings.text import wants_colour
from engine.core.diagnostics import Severity
from engine.core.errors import UsageError
from engine.ruleset import codes
from engine.ruleset.shapes import closest

_BOLD, _RED, _YELLOW, _CYAN, _GREEN, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[32m", "\x1b[0m"
_PART = re.compile(r"(?<=\n)(?P<heading>Wrong|Right):\n\n(?P<lines>(?:    .*\n|\n(?=    ))+)")


def run(options: argparse.Namespace) -> int:
    """Print the pages, or the list. UsageError for a code that no finding has."""
    coloured = wants_colour(os.environ, terminal=sys.stdout.isatty())
    wanted = [_page(code) for code in options.codes]
    shown = "\n".join(_shown(page, coloured=coloured) for page in wanted) if wanted else _list(coloured=coloured)
    sys.stdout.write(shown)
    return 0


def _page(written: str) -> codes.Page:
    pages = codes.pages()
    code = written.strip().upper()
    if code not in pages:
        # "112" and "EE112" are meant to be E112; of the others the nearest number helps nobody.
        same = [known for known in pages if known[1:] == re.sub(r"\D", "", code)]
        close = same[0] if same else closest(code, pages)
        meant = f'; did you mean "{close}" ({pages[close].title})?' if close else ""
        raise UsageError(f'there is no code "{written}"{meant}\n  `engine help` lists them all')
    return pages[code]


def _tint(code: str) -> str:
    return _RED if codes.severity(code) is Severity.ERROR else _YELLOW


def _shown(page: codes.Page, *, coloured: bool) -> str:
    text = codes.render(page)
    if not coloured:
        return text
    head = f"{page.code}  {page.title}"
    body = _PART.sub(
        lambda part: (
            f"{_BOLD}{part['heading']}:{_OFF}\n\n{_RED if part['heading'] == 'Wrong' else _GREEN}"
            f"{part['lines'].rstrip()}{_OFF}\n"
        ),
        text.removeprefix(head),
    )
    return f"{_tint(page.code)}{page.code}{_OFF}  {_BOLD}{page.title}{_OFF}{body}"


def _list(*, coloured: bool) -> str:
    lines: list[str] = []
    for section, found in codes.sections():
        lines += ["", f"{_BOLD}{section}{_OFF}" if coloured else section]
        lines += [
            f"  {_tint(page.code)}{page.code}{_OFF}  {page.title}" if coloured else f"  {page.code}  {page.title}"
            for page in found
        ]
    lines += ["", "`engine help E112` explains one of them. E… keep the rules from being used, W… do not."]
    return "".join(f"{line}\n" for line in lines[1:])
