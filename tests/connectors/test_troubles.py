"""What is wrong with the way to a network, by what came of the newest exchange."""

import pytest

from engine.connectors.troubles import trouble
from engine.core.deliveries import Fault, Outcome, Rejected, Sent, Unknown


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        pytest.param(Sent("1"), "", id="taken"),
        pytest.param(Rejected(Fault.PERMANENT, "400", "no such number"), "", id="the message's own fault"),
        pytest.param(Rejected(Fault.MISCONFIGURED, "401", "make a new token"), "make a new token", id="ours"),
        pytest.param(Rejected(Fault.TRANSIENT, "429", "too often"), "as before", id="busy"),
        pytest.param(Rejected(Fault.TRANSIENT, "connect", "no connection"), "no connection", id="away"),
        pytest.param(Unknown("no answer"), "no answer", id="nobody knows"),
    ],
)
def test_a_way_is_as_good_as_its_newest_exchange(outcome: Outcome, problem: str) -> None:
    """Only what says something about the way changes what is known of it."""
    assert trouble(outcome, "as before") == problem
