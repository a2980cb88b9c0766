"""What is old and finished is forgotten, later removed; what is not stays."""

from datetime import timedelta

from journal.faults import writing
from journal.samples import (
    DECISION,
    NOTHING,
    NOW,
    PRACTICE,
    SENT,
    accepted,
    claim,
    claim_one,
    escalation,
    finish,
    inbound,
    lapse,
    later,
    opened,
)
from standins.parts import SetClock

from engine.core.actions import Action
from engine.core.deliveries import DeliveryState
from engine.core.settlements import Settlement
from engine.journal.journals import StoredJournal
from engine.ports import Journal
from engine.retention import Retention


async def swept(journal: Journal, days: float) -> None:
    await Retention(
        journal, SetClock(later(days * 86_400)), text=timedelta(days=30), metadata=timedelta(days=400)
    ).sweep()


async def closed(journal: Journal) -> str:
    ticket = await opened(journal, escalation())
    (claimed,) = await claim(journal)
    await finish(journal, claimed, SENT)
    await journal.record(await accepted(journal, inbound("m9", "wa-9")), NOTHING, DECISION, NOW)
    await lapse(journal, 10, later(5 * 3600))
    (claimed,) = await claim(journal, now=later(5 * 3600))
    await finish(journal, claimed, SENT)
    return ticket


async def test_texts_go_first(journal: Journal) -> None:
    """After a month only that something happened is known; a day before, everything is."""
    ticket = await closed(journal)
    await swept(journal, 29)
    assert all(one.inbound for one in await journal.decided(NOW, None, 10))
    await swept(journal, 31)
    assert [one.inbound for one in await journal.decided(NOW, None, 10)] == [None, None]
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.incident.client_phone, view.incident.client_name, view.incident.issue_summary) == (None, None, "")


async def test_rows_go_in_the_end(journal: Journal) -> None:
    """After metadata's time nothing but the audit is left."""
    await closed(journal)
    await swept(journal, 401)
    assert await journal.decided(NOW, None, 10) == ()
    assert await journal.incidents(None, 10) == ()
    assert await journal.deliveries(None, 10) == ()


async def claimed_by_hand(journal: Journal) -> Action:
    """An incident that an engineer has taken by a reaction."""
    await opened(journal, escalation())
    await finish(journal, await claim_one(journal), Settlement(DeliveryState.SENT, receipt="root"))
    action = Action("mattermost", "root", "claim", "reaction:1", "amina", later(20))
    assert await journal.act((action,), PRACTICE, later(20))
    return action


async def test_a_reaction_is_known_as_long_as_it_can_be_read_again(journal: Journal) -> None:
    """It stands at the post of an open incident however old that is, and counts once."""
    action = await claimed_by_hand(journal)
    await swept(journal, 401)
    assert await journal.act((action,), PRACTICE, later(401 * 86_400)) == ()
    assert len(await journal.posts("mattermost", NOW)) == 1


async def test_a_reaction_goes_with_its_incident(sqlite_journal: StoredJournal) -> None:
    """After metadata's time, and not before."""
    await claimed_by_hand(sqlite_journal)
    await lapse(sqlite_journal, 10, later(5 * 3600))
    while claimed := await claim(sqlite_journal, now=later(5 * 3600)):
        await finish(sqlite_journal, claimed[0], SENT)

    def known() -> list[str]:
        return [str(name) for (name,) in writing(sqlite_journal).execute("SELECT action_id FROM actions")]

    await swept(sqlite_journal, 399)
    assert known() == ["reaction:1"]
    await swept(sqlite_journal, 401)
    assert known() == []


async def test_what_is_open_stays_and_goes_later(journal: Journal) -> None:
    """An open incident keeps its texts whatever its age, and is swept once it is closed."""
    await opened(journal)
    await swept(journal, 31)
    assert [bool(one.inbound) for one in await journal.decided(NOW, None, 10)] == [True]
    await lapse(journal, 10, later(5 * 3600))
    await swept(journal, 31)
    assert [bool(one.inbound) for one in await journal.decided(NOW, None, 10)] == [False]


async def test_nothing_unfinished_is_passed_over_for_good(journal: Journal) -> None:
    """However many finished ones come after it, in however many batches."""
    await opened(journal, conversation="wa-open", now=NOW)
    for number in range(60):
        await journal.record(await accepted(journal, inbound("m", f"wa-{number}")), NOTHING, DECISION, NOW)
        await opened(journal, conversation=f"tg-{number}", now=NOW)
    await swept(journal, 31)
    assert sum(bool(one.inbound) for one in await journal.decided(NOW, None, 1000)) == 61
    await lapse(journal, 1000, later(5 * 3600))
    await swept(journal, 31)
    assert sum(bool(one.inbound) for one in await journal.decided(NOW, None, 1000)) == 0
