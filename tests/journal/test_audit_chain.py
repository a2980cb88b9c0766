"""Every journal: the rows of the audit are linked as they are written, whatever else happens in the transaction."""

import asyncio

import pytest
from journal.faults import held, writing
from journal.samples import NOW, Restart, accepted, escalation, inbound, later, opened

from engine.core import chains
from engine.core.chains import Head, Verdict
from engine.core.errors import NotFound
from engine.core.plan import AuditEntry
from engine.journal import audits
from engine.journal.journals import StoredJournal
from engine.journal.statements import Database
from engine.ports import Journal


async def verified(journal: Journal) -> Verdict:
    """Page by page, as the command does it."""
    verdict = chains.begin((await journal.audit_head()).chain)
    start = None
    while page := await journal.audited(start, 3, newest_first=False):
        verdict = chains.follow(verdict, page)
        start = page[-1].seq
    return verdict


async def whole(journal: Journal) -> int:
    """How many rows the audit has, when it is whole."""
    head = await journal.audit_head()
    assert await verified(journal) == Verdict(head, head.chain)
    return head.rows


async def test_an_empty_audit_has_an_end(journal: Journal) -> None:
    """It is that of no rows."""
    assert await journal.audit_head() == Head()
    assert await journal.audited(None, 10, newest_first=True) == ()


async def test_rows_are_linked_over_transactions_and_lives(restart: Restart) -> None:
    """One after the other, together in one commit, and after a restart under another name."""
    journal = await restart()
    await opened(journal, escalation())
    await asyncio.gather(*(journal.accept([inbound("m", f"wa-{number}")], NOW) for number in range(20)))
    rows = await whole(journal)
    journal = await restart("node-b")
    await accepted(journal, inbound("m", "wa-x"))
    assert await whole(journal) == rows + 1


async def test_what_is_undone_leaves_no_row(journal: Journal) -> None:
    """An operation that fails among others takes its rows with it."""
    assert isinstance(journal, StoredJournal)
    rows = await whole(journal)

    def fails(database: Database) -> None:
        audits.add(database, AuditEntry("planted"), audits.About(), NOW)
        raise NotFound("nothing")

    with held(journal):
        one = asyncio.ensure_future(journal.accept([inbound("m1", "wa-1")], NOW))
        failing = asyncio.ensure_future(journal._write(fails))
        two = asyncio.ensure_future(journal.accept([inbound("m2", "wa-2")], NOW))
        await asyncio.sleep(0)
    await one
    await two
    with pytest.raises(NotFound):
        await failing
    assert await whole(journal) == rows + 2


async def test_pages_go_both_ways(journal: Journal) -> None:
    """Oldest first after a row, newest first before one; the last page is empty."""
    for number in range(5):
        await journal.audit(AuditEntry("reloaded", (("n", str(number)),)), later(number))
    forward = await journal.audited(None, 2, newest_first=False)
    rest = await journal.audited(forward[-1].seq, 10, newest_first=False)
    backward = await journal.audited(None, 10, newest_first=True)
    assert [row.details for row in (*forward, *rest)] == [f'{{"n":"{number}"}}' for number in range(5)]
    assert (*forward, *rest) == tuple(reversed(backward))
    assert await journal.audited(backward[-1].seq, 10, newest_first=True) == ()
    assert (forward[0].kind, forward[0].at, forward[0].ticket_id, forward[0].subject) == ("reloaded", NOW, None, None)


async def test_rows_of_an_engine_without_chains_are_linked_first(sqlite_journal: StoredJournal) -> None:
    """A node that was not upgraded yet may go on; the next transaction of this one links what it wrote."""
    await sqlite_journal.audit(AuditEntry("reloaded"), NOW)
    old = "INSERT INTO audit (at, kind, details) VALUES (1, 'paused', '{}'), (2, 'resumed', '{}')"
    writing(sqlite_journal).execute(old)
    assert (await verified(sqlite_journal)).unlinked == 2
    await sqlite_journal.audit(AuditEntry("reloaded"), NOW)
    assert await whole(sqlite_journal) == 4


async def test_a_lost_note_of_the_end_stops_nothing(sqlite_journal: StoredJournal) -> None:
    """Whoever removes it is found out, and messages are accepted all the same."""
    await accepted(sqlite_journal, inbound("m1", "wa-1"))
    writing(sqlite_journal).execute("DELETE FROM meta WHERE name = 'audit-head'")
    await accepted(sqlite_journal, inbound("m2", "wa-2"))
    assert (await verified(sqlite_journal)).breaks == (2,)
