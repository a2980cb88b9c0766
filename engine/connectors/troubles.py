"""What is wrong with a connector's way to its network, by what came of the newest exchange. Pure."""

from typing import assert_never

from engine.connectors.exchanges import UNREACHABLE
from engine.core.deliveries import Fault, Outcome, Rejected, Sent, Unknown


def trouble(outcome: Outcome, before: str) -> str:
    """One sentence, empty when all is well; `before` is what was wrong until now."""
    match outcome:
        case Sent() | Rejected(fault=Fault.PERMANENT):
            return ""
        case Rejected(fault=Fault.MISCONFIGURED):
            return outcome.reason
        case Rejected() if outcome.code not in UNREACHABLE:
            # A busy network is a working one.
            return before
        case Rejected() | Unknown():
            return outcome.reason
        case _:
            assert_never(outcome)
