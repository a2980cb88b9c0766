"""The journal on SQLite: its schema holds, and its statements stay fast however much is finished."""

from importlib.resources import files
from pathlib import Path

import apsw
import pytest
from journal.faults import writing
from journal.samples import (
    NOW,
    acknowledgement,
    claim,
    escalation,
    opened,
)

from engine.core.decisions import Priority
from engine.journal.journals import StoredJournal
from engine.journal.statements import QUERIES, named


@pytest.fixture
def journal(sqlite_journal: StoredJournal) -> StoredJournal:
    return sqlite_journal


async def test_tickets_grow_beyond_four_digits(journal: StoredJournal) -> None:
    """After 9999 a number has as many digits as it needs."""
    writing(journal).execute("INSERT INTO counters (year, last) VALUES (2026, 9998)")
    tickets = [await opened(journal, conversation=f"wa-{number}") for number in range(2)]
    assert tickets == ["OC-2026-9999", "OC-2026-10000"]


async def test_two_heads_of_a_lane_are_impossible(journal: StoredJournal) -> None:
    """The schema itself refuses two deliveries of a lane under way together."""
    await opened(journal, acknowledgement("a1"), acknowledgement("a2"))
    with pytest.raises(apsw.ConstraintError):
        writing(journal).execute("UPDATE deliveries SET head = 1")


def test_statements_are_found_by_name() -> None:
    """A statement begins after its name's line, without comments; what stands before the first is dropped."""
    text = "-- a preface\n\n-- name: one\n-- why\nSELECT 1\n\n-- name: two\nSELECT 2,\n    -- and\n    3\n"
    assert dict(named(text)) == {"one": "SELECT 1", "two": "SELECT 2,\n    3"}


def test_every_statement_is_run() -> None:
    """By its name, but for those whose table is named by whoever asks."""
    package = Path(str(files("engine")))
    written = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    composed = {f"{table}_after" for table in ("incidents", "messages", "deliveries")}
    assert {name for name in set(QUERIES) - composed if f'"{name}"' not in written} == set()


# Tables that grow for ever; a plan that reads one of them whole gets slower with each message.
_GROWING = ("inbox", "incidents", "deliveries", "receipts", "audit", "timers", "signals", "identities")
# They stop at their limit, and nearly every row is a hit.
_NEWEST_FIRST = {"newest_incidents", "newest_deliveries", "newest_sent_deliveries"}


@pytest.mark.parametrize("statement", sorted(set(QUERIES) - _NEWEST_FIRST))
async def test_no_statement_reads_what_is_finished(journal: StoredJournal, statement: str) -> None:
    """Every statement finds its rows by an index, so that millions of finished rows cost nothing."""
    sql = QUERIES[statement]
    plan = writing(journal).execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    details = [str(row[3]) for row in plan]
    whole = {f"SCAN {table}" for table in _GROWING}
    assert whole.isdisjoint(details), details
    scanned = [detail for detail in details if detail.startswith("SCAN") and detail != "SCAN CONSTANT ROW"]
    # An index that is read whole is a partial one of what is open or failed; receipts wait for seconds; what was chosen
    # was found by an index.
    small = (
        "inbox_heads",
        "inbox_unrouted",
        "deliveries_due",
        "deliveries_open",
        "deliveries_failed",
        "audit_unlinked",
        "deliveries_claimable",
        "early_receipts",
        "chosen",
    )
    assert [detail for detail in scanned if not detail.endswith(small)] == []


_CLAIMABLE = "SEARCH deliveries USING INDEX deliveries_claimable"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("claimable_deliveries", f"{_CLAIMABLE} (destination=? AND priority=? AND <expr>=? AND due_at<?)"),
        ("earliest_delivery", "SEARCH deliveries USING INDEX deliveries_due (destination=?)"),
        ("unrouted_messages", "SCAN inbox USING INDEX inbox_heads"),
        ("measured_incidents", "SEARCH incidents USING INTEGER PRIMARY KEY (rowid<?)"),
        (
            "identities_with",
            "SEARCH identities USING INDEX identities_by_conversation (connector=? AND conversation_id=?)",
        ),
    ],
)
async def test_the_hot_statements_are_served_in_order(journal: StoredJournal, statement: str, expected: str) -> None:
    """What the daemon asks all day comes out of its index sorted, so that a limit bounds its cost."""
    sql = QUERIES[statement]
    plan = writing(journal).execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    top = [detail for _, parent, _, detail in plan if parent == 0]
    assert top[0] == expected
    assert "USE TEMP B-TREE FOR ORDER BY" not in top


async def test_finished_work_is_not_looked_at(journal: StoredJournal) -> None:
    """A claim among ten thousand sent and ten thousand waiting deliveries takes as many steps as among ten."""
    await opened(journal, escalation(), priority=Priority.LOW)

    async def steps() -> int:
        counted: list[int] = []
        writing(journal).trace_v2(
            apsw.SQLITE_TRACE_PROFILE, lambda event: counted.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])
        )
        await claim(journal, "nowhere")
        writing(journal).trace_v2(0)
        return sum(counted)

    copy = (
        "WITH RECURSIVE numbers(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
        "INSERT INTO deliveries (id, lane, head, destination, kind, state, subject, priority, attempts, token, due_at,"
        " doubtful, accepted_at, created_at) "
        "SELECT ? || n, ? || n, ?, 'nowhere', 'escalation', ?, '', 2, 1, 1, ?, 0, 1, 1 FROM numbers"
    )
    writing(journal).execute(copy, (0, 9, "sent", "s", 0, "sent", 1))
    writing(journal).execute(copy, (0, 9, "wait", "w", 1, "queued", 2**52))
    before = await steps()
    writing(journal).execute(copy, (10, 10_000, "sent", "s", 0, "sent", 1))
    writing(journal).execute(copy, (10, 10_000, "wait", "w", 1, "queued", 2**52))
    assert await steps() == before


async def test_an_erased_message_is_told_without_its_text(journal: StoredJournal) -> None:
    """That it was there can still be counted; what it said and why it was decided so is gone."""
    await opened(journal)
    writing(journal).execute("UPDATE inbox SET body = NULL, decision = NULL")
    (found,) = await journal.decided(NOW, None, 10)
    assert (found.accepted_at, found.inbound, found.decision) == (NOW, None, None)
