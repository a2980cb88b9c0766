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
from types import MappingProxyType

# How long a thread may keep the others waiting while rules are loaded, in seconds; Python's own value is 0.005.
_TURN_S = 0.001
# What lies so few steps from the whole is taken apart; what lies deeper is small.
_STEPS = 4
# The list that is handed in, the variable that looks at a member of it, and the call that counts.
_OWN_REFERENCES = 3
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

    What is in use elsewhere is only forgotten. Of the rest the mappings are emptied, so nobody may come for it now.
    """
    pieces = [(each, 0) for each in doomed if sys.getrefcount(each) <= _OWN_REFERENCES]
    doomed.clear()
    while pieces:
        piece, steps = pieces.pop()
        if isinstance(piece, MappingProxyType):
            _empty(gc.get_referents(piece))
        elif type(piece) is tuple or (steps < _STEPS and type(piece).__module__.startswith("engine.ruleset")):
            pieces.extend((inner, steps + 1) for inner in gc.get_referents(piece) if steps < _STEPS)


def _empty(mappings: list[object]) -> None:
    for mapping in mappings:
        while isinstance(mapping, dict) and mapping:
            mapping.popitem()
