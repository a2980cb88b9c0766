"""Every journal: what the daemon says of itself is ordered once for each change, and survives a restart."""

from journal.samples import NOW, Restart, claim, claim_one, later

from engine.core.deliveries import DeliveryKind, FollowUp, NewDelivery
from engine.core.notices import Notice
from engine.ports import Journal

GOOD = Notice("rules", "good", "all is well", good=True)
BAD = Notice("rules", "refused a", "something is wrong", good=False)
WORSE = Notice("rules", "refused b", "something else is wrong", good=False)


def _delivery(name: str) -> NewDelivery:
    return NewDelivery(name, "notice:rules", "mattermost", FollowUp("operations", None, name, ""), NOW)


async def test_a_change_is_said_once(journal: Journal) -> None:
    """The same trouble again says nothing; other trouble does, and so does its end, each time."""
    said = [
        await journal.announce(notice, _delivery(f"n{number}"), NOW)
        for number, notice in enumerate((BAD, BAD, WORSE, GOOD, GOOD, WORSE, GOOD))
    ]
    assert said == [True, False, True, True, False, True, True]


async def test_that_all_is_well_as_always_is_no_news(journal: Journal) -> None:
    """A first start with sound rules posts nothing."""
    assert not await journal.announce(GOOD, _delivery("n1"), NOW)
    assert await journal.next_due("mattermost", tuple(DeliveryKind)) is None


async def test_a_state_can_be_noted_without_a_word(journal: Journal) -> None:
    """Without a channel nothing is ordered, and nothing is made up for when there is one."""
    assert not await journal.announce(BAD, None, NOW)
    assert not await journal.announce(BAD, _delivery("n1"), NOW)
    assert await journal.announce(GOOD, _delivery("n2"), NOW)


async def test_what_is_said_goes_out_like_a_post_and_is_not_said_again_after_a_restart(restart: Restart) -> None:
    """It has no ticket and no thread."""
    journal = await restart()
    assert await journal.announce(BAD, _delivery("n1"), NOW)
    journal = await restart()
    assert not await journal.announce(BAD, _delivery("n2"), later(60))
    claimed = await claim_one(journal, now=later(60))
    assert (claimed.id, claimed.ticket_id, claimed.thread) == ("n1", None, None)
    assert claimed.body == FollowUp("operations", None, "n1", "")
    assert await claim(journal, now=later(60)) == ()
