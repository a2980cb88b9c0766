"""kill -9 with Twilio, which has no key and repeats nothing: nothing is lost, nothing is said twice.

At random moments under load, exactly while Twilio holds a request, and with messages that no webhook brought.
"""

import asyncio
from collections.abc import Callable

import pytest
from standins.clients import plant, settled, show, under_kills
from standins.processes import Site
from standins.reserve import Once, Repeated, TwilioWriter, attach

pytestmark = pytest.mark.system
MESSAGES = 3


@pytest.mark.timeout(1800)
async def test_nothing_is_lost_or_doubled_by_kills_under_load(build: Callable[..., Site], kills: int) -> None:
    """Messages that are posted until taken come out once and in order, however often the daemon dies."""
    site = attach(build(in_doubt_wait="8s"))
    site.start()
    writers = [TwilioWriter(number) for number in range(30 + 20 * kills)]
    async with Repeated(site) as network:
        await under_kills(network.converse(writers, MESSAGES, 40), kills, 2027, lambda _: site.die())
    counted = await asyncio.to_thread(settled, site, writers, MESSAGES)
    show(f"{kills} kills with Twilio; answers by status: {dict(network.answers)}", counted)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers) * MESSAGES)
    assert (await asyncio.to_thread(site.command, "journal", "check")).returncode == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_kill_while_twilio_holds_a_request_doubles_nothing(build: Callable[..., Site], when: str) -> None:
    """The daemon dies between asking Twilio and hearing its answer: the list tells whether to say it again."""
    site = attach(build(in_doubt_wait="2s"))
    site.graph.order(statuses=[])
    site.start()
    site.graph.order(kill={"on": "POST /2010-04-01/.*", "when": when, "pid": site.pid})
    writers = [TwilioWriter(0)]
    plant(site, writers)
    async with Repeated(site) as network:
        await network.deliver(writers[0].notification(0))
        assert await asyncio.to_thread(site.wait) == -9
        assert site.graph.recorded()["killed"] == [when]
        await asyncio.to_thread(site.start)
    counted = await asyncio.to_thread(settled, site, writers, 1)
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (1, 1)


@pytest.mark.timeout(1800)
async def test_what_twilio_posted_to_nobody_is_found(build: Callable[..., Site], kills: int) -> None:
    """Twilio posts each message once; those that came while the daemon was dead are in its list, and come out once."""
    site = attach(build(in_doubt_wait="8s"))
    site.start()
    writers = [TwilioWriter(number) for number in range(30 + 20 * kills)]
    async with Once(site) as network:
        await under_kills(network.converse(writers, 1, 40), kills, 2028, lambda _: site.die())
    missed = site.graph.recorded()["notified"].count(0)
    counted = await asyncio.to_thread(settled, site, writers, 1, 120)
    show(f"{kills} kills with Twilio, which posts once; posted to nobody (statuses included): {missed}", counted)
    assert missed > 0
    assert counted.faults == ()
    assert (counted.acknowledged, counted.posted) == (len(writers), len(writers))
