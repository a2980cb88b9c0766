"""A load keeps the collector away, leaves the process as it was, and rules can be let go of piece by piece."""

import copy
import gc
import sys
import threading
import weakref
from types import MappingProxyType

import pytest

from engine.ruleset import loader, quiet
from engine.ruleset.matcher import Ruleset
from engine.starter import starter_folder


def test_nothing_is_collected_while_rules_are_loaded() -> None:
    """Nor do threads wait long for each other; afterwards all is as before, and the rules are nobody's garbage."""
    turn, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    with quiet.load():
        assert not gc.isenabled()
        assert sys.getswitchinterval() < turn
    assert gc.isenabled()
    assert sys.getswitchinterval() == turn
    assert gc.get_freeze_count() > frozen


def test_the_collector_comes_back_after_a_failure() -> None:
    """Whatever happens inside."""
    with pytest.raises(ZeroDivisionError), quiet.load():
        _ = 1 / 0
    assert gc.isenabled()


def test_whoever_has_switched_the_collector_off_keeps_it_so() -> None:
    """It is not ours to switch on."""
    gc.disable()
    try:
        with quiet.load():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_two_loads_at_once_leave_the_process_as_it_was() -> None:
    """The first one to begin switches off, and on again when it ends."""
    begun, end = threading.Event(), threading.Event()

    def first() -> None:
        with quiet.load():
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(10)
    with quiet.load():
        pass
    assert not gc.isenabled()
    end.set()
    thread.join(10)
    assert gc.isenabled()


class _Piece:
    """Something that tells when it is gone."""


def _ruleset() -> Ruleset:
    loaded = loader.load(starter_folder("rules"), starter_folder("templates"))
    assert loaded.ruleset is not None
    return loaded.ruleset


def _state(ruleset: Ruleset) -> tuple[object, ...]:
    return (ruleset.filed, ruleset.atoms.written, ruleset.atoms.phrases.terms, dict(ruleset.templates.sources))


def test_rules_that_nobody_uses_are_taken_apart() -> None:
    """Their mappings are emptied entry by entry: with a million entries one would hold everybody up as a whole."""
    ruleset = _ruleset()
    filed, terms = ruleset.filed, ruleset.atoms.phrases.terms
    kept = {id(each): len(each) for each in (filed, terms)}
    doomed: list[object] = [ruleset]
    del ruleset
    quiet.dismantle(doomed)
    assert doomed == []
    # The test itself still uses these two.
    assert {id(each): len(each) for each in (filed, terms)} == kept


def test_rules_that_somebody_uses_stay_whole() -> None:
    """A message under way ends with the rules that it began with."""
    ruleset = _ruleset()
    before = copy.deepcopy(_state(ruleset))
    quiet.dismantle([ruleset])
    assert _state(ruleset) == before


def test_rules_loaded_later_have_all_that_they_share_with_those_that_are_gone() -> None:
    """Texts and skeletons of summaries are remembered from load to load."""
    first, second = _ruleset(), _ruleset()
    before = [repr(rule) for rule in second.rules]
    doomed: list[object] = [first]
    del first
    quiet.dismantle(doomed)
    assert [repr(rule) for rule in second.rules] == before
    assert [repr(rule) for rule in _ruleset().rules] == before


def test_a_mapping_is_emptied_when_nobody_else_has_it() -> None:
    """What it holds is gone, whether it was hidden behind a view or not."""
    for wrap in (dict, lambda mapping: MappingProxyType(dict(mapping))):
        piece = _Piece()
        gone = weakref.ref(piece)
        doomed: list[object] = [wrap({1: piece})]
        del piece
        quiet.dismantle(doomed)
        assert gone() is None
