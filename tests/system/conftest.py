"""One installation for each test, with its processes; whatever a test does, no log may tell who wrote or what."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standins.nursery import Nursery
from standins.processes import Site, plain_environ


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often something is killed at random."""
    chosen: int | None = pytestconfig.getoption("--kills")
    usual = 100 if pytestconfig.getoption("--long") else 3
    return usual if chosen is None else chosen


@pytest.fixture
def scale(pytestconfig: pytest.Config) -> int:
    """How much of everything else there is: as many clients, as often."""
    return 10 if pytestconfig.getoption("--long") else 1


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where daemons and networks are made."""
    with Nursery(plain_environ()) as made:
        yield made


@pytest.fixture
def build(tmp_path: Path, nursery: Nursery) -> Iterator[Callable[..., Site]]:
    """Make an installation whose daemon is not started yet."""
    sites: list[Site] = []

    def make(**details: object) -> Site:
        sites.append(Site.build(tmp_path, nursery=nursery, **details))  # type: ignore[arg-type]  # the arguments of Site.build
        return sites[-1]

    yield make
    for site in sites:
        site.close()
    for site in sites:
        assert site.leaks() == []


@pytest.fixture
def build_nodes(build: Callable[..., Site]) -> Iterator[Callable[..., tuple[Site, Site]]]:
    """Make two nodes on one database, which are not started yet."""
    guests: list[Site] = []

    def make(address: str, in_doubt_wait: str = "8s") -> tuple[Site, Site]:
        first = build()
        first.write_config(in_doubt_wait, f'journal: "{address}"\nnode: a\n')
        second = first.beside("second", in_doubt_wait, f'journal: "{address}"\nnode: b\n')
        guests.append(second)
        first.graph.order(callback_url=" ".join(f"{node.url}/webhooks/cloud" for node in (first, second)))
        return first, second

    yield make
    for guest in guests:
        guest.close()
    for guest in guests:
        assert guest.leaks() == []


@pytest.fixture
def site(build: Callable[..., Site]) -> Site:
    """A running installation."""
    made = build()
    made.start()
    return made
