"""What a bot sees of a Mattermost that is well, of one that is not, and of something else at its address."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from standins import mattermost as standin
from standins.loopback import Loopback, serving
from standins.parts import START, SetClock

from engine.connectors.exchanges import Session
from engine.connectors.mattermost.examinations import Examination, Person, Place, examine
from engine.connectors.mattermost.refusals import TOKEN_REFUSED, archived, no_channel, no_member, no_team
from engine.connectors.mattermost.servers import Bot
from engine.core.deliveries import Fault, Rejected

TELEPHONY, BILLING = Place("telephony"), Place("billing")
TROUBLE = "Mattermost or its database is in trouble"


async def look(
    loopback: Loopback,
    places: Sequence[Place] = (TELEPHONY, BILLING),
    people: Sequence[str] = (),
    clock: SetClock | None = None,
) -> Examination | Rejected:
    session = Session("Mattermost", loopback.url, standin.TOKEN, 2)
    try:
        return await examine(session, standin.TEAM, places, people, clock or SetClock())
    finally:
        await session.close()


def server(**switches: Any) -> standin.Mattermost:
    return standin.Mattermost(now=SetClock().now, switches=standin.Switches(**switches))


async def test_a_server_that_is_well() -> None:
    """Version, labels, clock, the bot, each place without a refusal, and people with the places that they miss."""
    network = server()
    network.place("otieno", {"telephony"})
    async with serving(network) as loopback:
        seen = await look(loopback, people=("amina", "otieno", "nobody"))
        assert seen == Examination(
            version="11.6.0",
            labels=True,
            ahead=timedelta(0),
            bot=Bot("u0000000000000000000000001", standin.BOT, is_bot=True),
            places=((TELEPHONY, ""), (BILLING, "")),
            people=(
                Person("amina", exists=True),
                Person("otieno", exists=True, absent=(BILLING,)),
                Person("nobody", exists=False),
            ),
        )
        assert not [line for line in loopback.seen if not line.startswith("GET ")]


async def test_the_clocks_are_compared_as_the_server_answers() -> None:
    """A look that lasts makes no clock wrong."""
    clock = SetClock()

    def later() -> datetime:
        clock.advance(seconds=10)
        return clock.now()

    network = standin.Mattermost(now=later)
    async with serving(network) as loopback:
        seen = await look(loopback, people=("amina",), clock=clock)
    assert isinstance(seen, Examination)
    assert (seen.ahead, clock.now() > START + timedelta(seconds=30)) == (timedelta(0), True)


async def test_each_place_is_told_as_a_post_would_be() -> None:
    """Not a member, hidden, archived, another team."""
    network = server(is_bot=False, labels_promised=False)
    network.add_channel("telephony", member=False)
    network.add_channel("billing", private=True, member=False)
    network.add_channel("noc", archived=True)
    places = (TELEPHONY, BILLING, Place("noc"), Place("leads", "sales"))
    async with serving(network) as loopback:
        seen = await look(loopback, places, ("amina",))
    assert isinstance(seen, Examination)
    assert seen.places == (
        (TELEPHONY, no_member("telephony", standin.BOT)),
        (BILLING, no_channel("billing", "support")),
        (Place("noc"), archived("noc")),
        (Place("leads", "sales"), no_team("sales")),
    )
    # No place takes a post, so nobody misses one.
    assert seen.people == (Person("amina", exists=True),)
    assert (seen.labels, isinstance(seen.bot, Bot) and seen.bot.is_bot) == (False, False)


@pytest.mark.parametrize(
    ("switches", "refusal"),
    [
        pytest.param({"token": "another"}, TOKEN_REFUSED, id="revoked"),
        pytest.param({"disabled": True}, TOKEN_REFUSED, id="disabled"),
        pytest.param({"database_down": True}, TROUBLE, id="no database"),
    ],
)
async def test_a_token_that_does_not_work_ends_it(switches: dict[str, Any], refusal: str) -> None:
    """What the server tells to everybody is told."""
    async with serving(server(**switches)) as loopback:
        seen = await look(loopback)
    assert isinstance(seen, Examination)
    assert isinstance(seen.bot, Rejected)
    assert (seen.version, seen.bot.reason, seen.places) == ("11.6.0", refusal, ())


async def test_trouble_in_the_middle_is_no_missing_member() -> None:
    """What nobody can tell is not told."""
    async with serving(server()) as loopback:
        loopback.fail("GET /api/v4/channels/.*/members/.*", status=503, body={"id": ""}, times=1)
        loopback.fail("GET /api/v4/users/username/.*", status=503, body={"id": ""})
        seen = await look(loopback, (TELEPHONY,), ("amina",))
    assert isinstance(seen, Examination)
    assert seen.places == ((TELEPHONY, "Mattermost is in trouble or not reachable"),)
    assert seen.people == (Person("amina", exists=None),)


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        pytest.param(
            {"status": 200, "body": "<html>Welcome</html>"},
            "something answers at the mattermost url, and it is not Mattermost: correct mattermost.url",
            id="a page",
        ),
        pytest.param(
            {"status": 302}, "the mattermost url redirects: it must be the server's own address", id="a redirect"
        ),
        pytest.param({"status": 502, "body": "x"}, "Mattermost is in trouble or not reachable", id="a proxy alone"),
    ],
)
async def test_something_else_at_the_address_is_said(answer: dict[str, Any], refusal: str) -> None:
    """Nothing more is asked then."""
    async with serving(server()) as loopback:
        loopback.fail("GET /api/v4/config/client", **answer)
        seen = await look(loopback)
        assert len(loopback.seen) == 1
    assert isinstance(seen, Rejected)
    assert seen.reason == refusal


async def test_nothing_at_the_address_is_said() -> None:
    """No connection: the network's own trouble."""
    async with serving(server()) as loopback:
        await loopback.close()
        seen = await look(loopback)
    assert seen == Rejected(Fault.TRANSIENT, "connect", "Mattermost cannot be reached: no connection")
