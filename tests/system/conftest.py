"""One installation for each test, with its processes; whatever a test does, no log may tell who wrote or what."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standins.processes import Site


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=6, help="how often the daemon is killed at random (default: 6)")


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make an installation whose daemon is not started yet."""
    sites: list[Site] = []

    def make(**details: object) -> Site:
        sites.append(Site.build(tmp_path, **details))  # type: ignore[arg-type]  # the arguments of Site.build
        return sites[-1]

    yield make
    for site in sites:
        site.close()
    for site in sites:
        assert site.leaks() == []


@pytest.fixture
def site(build: Callable[..., Site]) -> Site:
    """A running installation."""
    made = build()
    made.start()
    return made
