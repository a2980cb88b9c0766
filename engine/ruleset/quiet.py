"""A load of many rules without the pauses that it would bring to the rest of the process.

Millions of small objects come to life in a load, and Python's collector of cycles would walk through all of them again
and again, up to 0.2 s at a time for 1,000 rules, in which no other thread runs. And a set of rules that is no longer in
force would die in one breath. Called by `loader` and `reloader`.
"""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from types import MappingProxyType

# How long a thread may keep the others waiting while rules are loaded, in seconds; Python's own value is 0.005.
_TURN_S = 0.001
_loads = threading.Lock()


@contextmanager
def load() -> Iterator[None]:
    """While it lasts no cycles are collected and threads take short turns.

    What is there at its end is taken out of all later collections, too: rules live until they are replaced, and hold no
    cycles worth speaking of. Only the first of several at the same time does anything.
    """
    if not gc.isenabled() or not _loads.acquire(blocking=False):
        yield
        return
    turn = sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        gc.freeze()
        gc.enable()
        _loads.release()


def dismantle(doomed: list[object]) -> None:
    """Let go of rules in many small pieces, so that no thread waits for it; `doomed` is empty afterwards.

    Only what nobody else uses is taken apart, the mappings and lists of what the rules were compiled into; the rest is
    only forgotten.
    """
    pieces = _unheld(doomed)
    while pieces:
        piece = pieces.pop()
        if is_dataclass(piece) and type(piece).__module__.startswith("engine.ruleset"):
            pieces += [getattr(piece, field.name) for field in fields(piece)]
        elif isinstance(piece, MappingProxyType):
            pieces += gc.get_referents(piece)
        elif type(piece) is dict and sys.getrefcount(piece) <= _OURS:
            while piece:
                piece.popitem()
        elif type(piece) is tuple:
            members = list(piece)
            del piece
            while members:
                members.pop()


def _unheld(doomed: list[object]) -> list[object]:
    """Those that nobody else holds. A function of its own, or its variable would go on holding the last of them."""
    found: list[object] = []
    while doomed:
        root = doomed.pop()
        if sys.getrefcount(root) <= _OURS:
            found.append(root)
    return found


def _count_alone() -> int:
    """What `sys.getrefcount` says of something that nobody else holds, counted as `dismantle` counts.

    The variable, and in Python 3.13 and before the call that counts; later interpreters lend the reference instead.
    """
    pieces: list[object] = [object()]
    counted = 0
    while pieces:
        piece = pieces.pop()
        counted = sys.getrefcount(piece)
    return counted


_OURS = _count_alone()
