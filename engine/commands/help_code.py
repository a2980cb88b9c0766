"""`engine help CODE`: the page of a finding's code, as it stands in `ruleset/codes.md`."""

import argparse
import sys

from engine.core.errors import UsageError
from engine.ruleset import codes


def run(options: argparse.Namespace) -> int:
    """Print one page. UsageError for a code that no finding has."""
    code: str = options.code.strip().upper()
    page = codes.pages().get(code)
    if page is None:
        raise UsageError(f'there is no code "{options.code}": `engine validate` prints codes such as E112 and W501')
    sys.stdout.write(codes.render(page))
    return 0
