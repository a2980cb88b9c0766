"""A name for each finding that stays the same when lines above it come or go.

`sarif` hands it to the systems that follow findings over time, and `watching` counts with it what was mended.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable

from engine.core.diagnostics import Diagnostic


def fingerprints(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """One for each finding, in their order; equal findings of equal lines are told apart by their number.

    The sentence does not count: it may name other lines, and may be worded better one day.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    names: list[str] = []
    for found in diagnostics:
        marked = found.source[max(0, found.column - 1) :][: found.length]
        key = (found.code, found.path, found.source.strip(), marked)
        seen[key] += 1
        parts = "\0".join((*key, str(seen[key])))
        names.append(hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return tuple(names)
