"""The watch over a link: when WhatsApp is asked, and what silence leads to. Questions are answered by the tests."""

import queue
import threading
from collections.abc import Iterator

import pytest

from engine.connectors.whatsapp_web.probes import Probe

_PATIENCE_S = 20.0
# Spans that a test waits for are short, others longer than any test.
_SOON, _NEVER = 0.02, 1000.0
_ANSWERED, _NOT_ASKED = "answered", "not asked"


class _Link:
    """A probe that is watching, with its questions and what it told."""

    def __init__(self, after_s: float, within_s: float) -> None:
        self.questions: queue.SimpleQueue[queue.SimpleQueue[str]] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.probe = Probe(self._ask, self.told.put)
        self.thread = threading.Thread(target=self.probe.watch, args=(after_s, within_s), daemon=True)
        self.thread.start()

    def _ask(self) -> bool:
        answer: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.questions.put(answer)
        return answer.get() == _ANSWERED

    def asked(self) -> queue.SimpleQueue[str]:
        """The next question, once it is asked."""
        return self.questions.get(timeout=_PATIENCE_S)

    def tells(self) -> str:
        return self.told.get(timeout=_PATIENCE_S)


@pytest.fixture
def asked_soon() -> Iterator[_Link]:
    """Asked as soon as nothing is heard, and patient with the answer."""
    link = _Link(_SOON, _NEVER)
    yield link
    link.probe.closed()


def test_asks_again_and_again_while_all_is_well(asked_soon: _Link) -> None:
    """An answer is heard from WhatsApp like anything else, and nothing is told."""
    asked_soon.probe.opened()
    for _ in range(3):
        asked_soon.asked().put(_ANSWERED)
    asked_soon.asked()
    assert asked_soon.told.empty()


def test_asks_nothing_before_the_connection_is_made_and_after_its_end(asked_soon: _Link) -> None:
    """The library makes a connection by itself: there is nobody to ask meanwhile."""
    assert asked_soon.questions.empty()
    asked_soon.probe.opened()
    question = asked_soon.asked()
    asked_soon.probe.closed()
    question.put(_NOT_ASKED)
    asked_soon.probe.opened()
    asked_soon.asked()
    assert asked_soon.told.empty()


def test_one_question_at_a_time_and_two_silences_are_the_end() -> None:
    """The first silence is told, the second gives the link up; nothing else is asked meanwhile."""
    link = _Link(_SOON, _SOON)
    link.probe.opened()
    assert (link.tells(), link.tells()) == ("silent", "unreachable")
    link.thread.join(_PATIENCE_S)
    assert not link.thread.is_alive()
    link.asked()
    assert link.questions.empty()


def test_an_answer_that_comes_late_makes_it_good() -> None:
    """The link is told to be well again, and the count begins anew."""
    link = _Link(_SOON, 0.2)
    link.probe.opened()
    question = link.asked()
    assert link.tells() == "silent"
    question.put(_ANSWERED)
    assert link.tells() == "restored"
    assert (link.tells(), link.tells()) == ("silent", "unreachable")


def test_whatever_comes_from_whatsapp_counts() -> None:
    """A message that arrives while a question is open shows that the link lives, whatever becomes of the question."""
    link = _Link(_SOON, 0.2)
    link.probe.opened()
    question = link.asked()
    assert link.tells() == "silent"
    link.probe.heard()
    assert link.tells() == "restored"
    question.put(_NOT_ASKED)
    link.asked()


def test_a_library_that_could_not_ask_says_nothing_about_the_link(asked_soon: _Link) -> None:
    """It is asked again after a while."""
    asked_soon.probe.opened()
    asked_soon.asked().put(_NOT_ASKED)
    asked_soon.asked()
    assert asked_soon.told.empty()


def test_silence_on_a_connection_that_has_ended_is_no_silence() -> None:
    """The library is making another one; that it is there again ends the matter."""
    link = _Link(_SOON, 0.05)
    link.probe.opened()
    question = link.asked()
    assert link.tells() == "silent"
    link.probe.closed()
    link.probe.opened()
    question.put(_NOT_ASKED)
    link.asked().put(_ANSWERED)
    link.probe.closed()
