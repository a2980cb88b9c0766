"""For how long a text is taken: what a delivery says, and what is remembered."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.claims import claim
from standins.parts import START

from engine.connectors.windows import Windows, remember
from engine.core.deliveries import Acknowledgement

_ACK = Acknowledgement("peer", "Hello", "m1", written_at=START)
_HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("after", "shut"), [(23 * _HOUR, False), (24 * _HOUR - timedelta(seconds=61), False), (24 * _HOUR, True)]
)
def test_counts_from_when_the_client_wrote(after: timedelta, *, shut: bool) -> None:
    """The window ends a margin before the 24 hours are over, whenever the message was accepted."""
    windows = Windows(timedelta(minutes=1))
    assert windows.is_shut(claim(_ACK, now=START + 9 * _HOUR), _ACK, "peer", START + after) is shut


def test_counts_from_the_acceptance_where_the_delivery_does_not_say() -> None:
    """A delivery that an earlier version ordered has nothing better."""
    windows, body = Windows(timedelta(0)), replace(_ACK, written_at=None)
    assert not windows.is_shut(claim(body), body, "peer", START + 23 * _HOUR)
    assert windows.is_shut(claim(body), body, "peer", START + 24 * _HOUR)


def test_a_newer_message_opens_the_window_again() -> None:
    """Also after a refusal that came before it; an older one that comes late changes nothing."""
    windows, claimed, now = Windows(timedelta(0)), claim(_ACK), START + 30 * _HOUR
    windows.learn("another", now)
    assert windows.is_shut(claimed, _ACK, "peer", now)
    windows.learn("peer", START + 29 * _HOUR)
    windows.learn("peer", START)
    assert not windows.is_shut(claimed, _ACK, "peer", now)
    windows.learn_refusal(claimed.id, now)
    assert windows.is_shut(claimed, _ACK, "peer", now)
    windows.learn("peer", now + _HOUR)
    assert not windows.is_shut(claimed, _ACK, "peer", now + _HOUR)
    body = replace(_ACK, template_only=True)
    assert windows.is_shut(claimed, body, "peer", now + _HOUR)


def test_remembers_the_newest_only() -> None:
    """The memory does not grow with the years, and one that is told again stays."""
    memory: dict[str, int] = {}
    for number, key in enumerate("abac"):
        remember(memory, key, number, most=2)
    assert memory == {"a": 2, "c": 3}
