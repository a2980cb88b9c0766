"""PostgreSQL serves every statement by an index, however much is finished, so that a long life costs nothing."""

import itertools
import re
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from standins import postgres

from engine.journal.postgres import PostgresStore
from engine.journal.statements import QUERIES

_GROWING = ("inbox", "incidents", "deliveries", "receipts", "audit", "timers", "signals", "identities")
# They stop at their limit, and nearly every row is a hit.
_NEWEST_FIRST = {"newest_incidents", "newest_deliveries", "newest_sent_deliveries"}
# Ten thousand conversations, each with a message, an incident, two deliveries, receipts and audit; a few are open.
_LIFE: tuple[LiteralString, ...] = (
    """INSERT INTO incidents SELECT n, 'OC-2026-' || n, 1, 'main', 'wa-' || n, 'whatsapp', 'J', '+254' || n, 'x', 1,
    '[]', 'r', 's', 'c', NULL, CASE WHEN n % 100 = 0 THEN 'open' ELSE 'lapsed' END, 1, 1, n, n
    FROM generate_series(1, 10000) n""",
    """INSERT INTO inbox SELECT n, 'main', 'wa-' || n, 'm' || n, '{}', n, CASE WHEN n % 1000 = 0 THEN 1 ELSE 0 END,
    CASE WHEN n % 1000 = 0 THEN NULL ELSE n END, CASE WHEN n % 1000 = 0 THEN NULL ELSE 'OC-2026-' || n END, '{}'
    FROM generate_series(1, 10000) n""",
    """INSERT INTO deliveries SELECT n, 'd' || n, 'l' || n / 2, CASE WHEN n % 1000 = 0 THEN 1 ELSE 0 END,
    CASE WHEN n % 2 = 0 THEN 'main' ELSE 'mattermost' END, 'escalation',
    CASE WHEN n % 1000 = 0 THEN 'queued' WHEN n % 999 = 0 THEN 'dead' ELSE 'sent' END, '{}', 'OC-2026-' || (n + 1) / 2,
    's', 1, 1, 1, NULL, n, 0, n, n, n, n, NULL, NULL FROM generate_series(1, 20000) n""",
    "INSERT INTO receipts SELECT 'd' || n, 'p' || n, 'read', NULL, n, n FROM generate_series(1, 20000) n",
    "INSERT INTO timers SELECT 'main', 'wa-' || n, 'lapse', n, 'OC-2026-' || n FROM generate_series(1, 10000) n",
    """INSERT INTO audit SELECT n, n, 'decided', 'OC-2026-' || (n + 3) / 4, CASE WHEN n % 4 = 0 THEN n / 4 END, 's',
    '{}', 'x' FROM generate_series(1, 40000) n""",
    "INSERT INTO signals SELECT 'main', 'wa-' || n, 's' || n, 'human_reply', n, n FROM generate_series(1, 10000) n",
    """INSERT INTO identities SELECT 'main', 'wa-' || n, 'wa-' || (n / 2) * 2, n, 0
    FROM generate_series(2, 20001) n""",
    "ANALYZE",
)


@pytest.fixture(scope="module")
def long_lived() -> Iterator[psycopg.Connection[Any]]:
    """A journal after a long life."""
    address = postgres.shared().schema("plans")
    PostgresStore(address).open("a").close()
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in _LIFE:
            connection.execute(statement)
        yield connection


@pytest.mark.parametrize("statement", sorted(set(QUERIES) - _NEWEST_FIRST))
def test_no_statement_reads_what_is_finished(long_lived: psycopg.Connection[Any], statement: str) -> None:
    """The plan is the one that serves any values, as the daemon's prepared statements come to use it."""
    numbers = itertools.count(1)
    text = re.sub(r"\?", lambda _: f"${next(numbers)}", QUERIES[statement])
    plan = [line for (line,) in long_lived.execute(f"EXPLAIN (GENERIC_PLAN) {text}".encode()).fetchall()]
    whole = [line.strip() for line in plan if re.search(rf"Seq Scan on ({'|'.join(_GROWING)})\b", line)]
    assert whole == [], "\n".join(plan)
