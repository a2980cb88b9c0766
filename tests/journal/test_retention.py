"""What is old and finished is forgotten, later removed; what is not stays."""

from datetime import timedelta

from journal.samples import (
    DECISION,
    NOTHING,
    NOW,
    SENT,
    accepted,
    claim,
    escalation,
    finish,
    inbound,
    lapse,
    later,
    opened,
)
from standins.parts import SetClock

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
