import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ruleset.inflections import forms


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("call", "call calls calling called"),
        ("try", "try tries trying tried"),
        ("delay", "delay delays delaying delayed"),
        ("stop", "stop stops stopping stopped"),
        ("plan", "plan plans planning planned"),
        ("dial", "dial dials dialing dialed"),
        ("cancel", "cancel cancels canceling canceled cancelling cancelled"),
        ("transfer", "transfer transfers transfering transfered transferring transferred"),
        ("ring", "ring rings ringing ringed"),
        ("move", "move moves moving moved"),
        ("die", "die dies dying died"),
        ("agree", "agree agrees agreeing agreed"),
        ("dye", "dye dyes dyeing dyed"),
        ("fix", "fix fixes fixing fixed"),
        ("show", "show shows showing showed"),
        ("play", "play plays playing played"),
        ("crash", "crash crashes crashing crashed"),
        ("switch", "switch switches switching switched"),
        ("process", "process processes processing processed"),
        ("buzz", "buzz buzzes buzzing buzzed"),
        ("echo", "echo echos echoes echoing echoed"),
        ("radio", "radio radios radioing radioed"),
        ("need", "need needs needing needed"),
        ("bus", "bus buses bussing bussed"),
    ],
    ids=lambda value: value.split()[0],
)
def test_a_word_has_its_regular_forms(word: str, expected: str) -> None:
    """The forms are those that the spelling rules of English give."""
    assert forms(word) == set(expected.split())


@pytest.mark.parametrize(
    "word",
    ["ok", "id", "3cx", "2fa", "not", "again", "our", "calls", "calling", "called", "resolved", "звонок", "café", ""],
)
def test_other_words_stand_for_themselves(word: str) -> None:
    """Short words, numbers, other scripts, function words and words that are forms already are taken as written."""
    assert forms(word) == {word}


@given(st.text(st.sampled_from("aeioubcdnsxyz"), max_size=7))
def test_the_word_itself_is_always_one_of_its_forms(word: str) -> None:
    """Inflection only adds, a handful of words that share the beginning."""
    found = forms(word)
    assert word in found
    assert len(found) <= 7
    assert all(form.startswith(word[:-2]) for form in found)
