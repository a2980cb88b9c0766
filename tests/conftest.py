"""What holds for every test."""

import pytest
from hypothesis import settings

# How long an example takes says something about the machine and nothing about the promise.
settings.register_profile("engine", deadline=None)
settings.load_profile("engine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests of faults go on; what the gate runs is the short form."""
    group = parser.getgroup("faults")
    group.addoption("--kills", type=int, help="how often a process is killed at random (default: 3, with --long 100)")
    group.addoption("--long", action="store_true", help="the long form of the tests of faults, for minutes each")
