"""kill -9 of the gateway and of the daemon while clients write to a linked phone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from standins.linked import WINDOW, Rounds, attach, table
from standins.processes import Site, wait_until
from standins.whatsapp import running

pytestmark = pytest.mark.system
# Any channel that the stand-in has.
_OPERATORS = "support-voip"


def _posts(site: Site, words: str) -> int:
    return sum(words in post["message"] for post in site.posts())


@pytest.mark.timeout(1800)
async def test_what_kills_lose_is_bounded_and_known(
    build: Callable[..., Site], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """A hundred messages a second: what dies with a process is no more than the library holds, each of it is known at
    least by its client, and nothing is said twice but what was under way. Engineers and operators are told.
    """
    times = pytestconfig.getoption("--kills") or (20 if pytestconfig.getoption("--long") else 1)
    (tmp_path / "service").mkdir()
    async with running(tmp_path / "service") as service:
        site = attach(build(in_doubt_wait="1s"), service)
        config = site.config.read_text("utf-8")
        site.config.write_text(config.replace("team: support}", f"team: support, operations_channel: {_OPERATORS}}}"))
        site.start()
        await service.online()
        rounds = Rounds(site, service, messages=100, per_second=100)
        kills = [await rounds.kill(what) for _ in range(times) for what in ("gateway", "daemon")]
        print(f"\n{table(kills)}")  # noqa: T201 - shown with -s
        assert [kill.lost for kill in kills] == [()] * len(kills)
        assert all(kill.words_lost <= WINDOW for kill in kills)
        assert sum(kill.twice - kill.in_doubt for kill in kills) == 0
        unread = sum(kill.unread for kill in kills)
        wait_until(lambda: _posts(site, "please read it on the phone") == unread, "the engineers know each of them")
        wait_until(lambda: _posts(site, "messages to main may be missing") == len(kills), "the operators know each end")
        assert site.metric("engine_connection_unclean_ends_total") == 1
        assert site.stop() == 0
