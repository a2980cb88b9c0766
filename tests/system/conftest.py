"""One installation for each test, with its processes; whatever a test does, no log may tell who wrote or what."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standins.processes import Site


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often something is killed at random."""
    chosen: int | None = pytestconfig.getoption("--kills")
    usual = 100 if pytestconfig.getoption("--long") else 6
    return usual if chosen is None else chosen


@pytest.fixture
def scale(pytestconfig: pytest.Config) -> int:
    """How much of everything else there is: as many clients, as often."""
    return 10 if pytestconfig.getoption("--long") else 1


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
