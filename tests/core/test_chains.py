"""The chain over the audit finds whatever was changed, removed, added or moved."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import chains
from engine.core.chains import MOST_BREAKS, AuditRow, Head, Verdict

AT = datetime(2026, 2, 12, 10, 15, 30, 123456, UTC)
MICROS = 1770891330123456


def chain(number: int) -> tuple[AuditRow, ...]:
    """That many rows, linked; their `seq` has gaps."""
    linked, before = [], Head().chain
    for index in range(number):
        at = AT + timedelta(seconds=index)
        details = f'{{"rule":"r{index}"}}'
        before = chains.link(before, (MICROS + index * 10**6, "decided", "OC-2026-0001", None, "ab12", details))
        linked.append(AuditRow(index * 3 + 1, at, "decided", "OC-2026-0001", None, "ab12", details, before))
    return tuple(linked)


def judged(rows: tuple[AuditRow, ...], wanted: str) -> Verdict:
    return chains.follow(chains.begin(wanted), rows)


def test_the_digest_is_what_the_page_says() -> None:
    """SHA-256 over the previous digest, a line feed and the values as JSON, so that anybody can compute it."""
    row = f'{"0" * 64}\n[{MICROS},"decided","OC-2026-0001",null,"ab12","{{\\"rule\\":\\"r0\\"}}"]'
    assert chain(1)[0].chain == hashlib.sha256(row.encode()).hexdigest()


def test_a_whole_chain_is_whole() -> None:
    """Nothing is found where nothing is wrong, in one piece or page by page."""
    rows = chain(7)
    end = str(rows[-1].chain)
    whole = Verdict(Head(7, end), end)
    assert judged(rows, end) == whole
    assert chains.follow(judged(rows[:3], end), rows[3:]) == whole
    assert judged((), Head().chain) == Verdict()


@pytest.mark.parametrize(
    ("damage", "breaks"),
    [
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], kind="failed"), *rows[3:]), (7,), id="kind"),
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], details="{}"), *rows[3:]), (7,), id="details"),
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], ticket_id=None), *rows[3:]), (7,), id="ticket"),
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], inbox_id=3), *rows[3:]), (7,), id="message"),
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], subject="x"), *rows[3:]), (7,), id="client"),
        pytest.param(
            lambda rows: (*rows[:2], replace(rows[2], at=AT), *rows[3:]),
            (7,),
            id="time",
        ),
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], chain="0" * 64), *rows[3:]), (7, 10), id="digest"),
        pytest.param(lambda rows: (*rows[:2], replace(rows[2], chain=None), *rows[3:]), (10,), id="no digest"),
        pytest.param(lambda rows: (*rows[:2], *rows[3:]), (10,), id="removed"),
        pytest.param(lambda rows: rows[1:], (4,), id="the first removed"),
        pytest.param(lambda rows: (*rows[:2], rows[3], rows[2], *rows[4:]), (10, 7, 13), id="moved"),
        pytest.param(lambda rows: (*rows[:3], rows[2], *rows[3:]), (7,), id="twice"),
    ],
)
def test_damage_is_named_by_its_place(
    damage: Callable[[tuple[AuditRow, ...]], tuple[AuditRow, ...]], breaks: tuple[int, ...]
) -> None:
    """The row that does not follow from the one before it, and none of the sound rows behind it."""
    rows = chain(6)
    assert judged(damage(rows), str(rows[-1].chain)).breaks == breaks


def test_missing_newest_rows_are_missed() -> None:
    """Only the end that was noted apart from the rows shows them, however whole the rest is."""
    rows = chain(6)
    verdict = judged(rows[:4], str(rows[-1].chain))
    assert (verdict.breaks, verdict.met, verdict.head.rows) == ((), False, 4)


def test_an_earlier_end_is_met() -> None:
    """What was noted last week is a part of today's chain."""
    rows = chain(6)
    assert judged(rows, str(rows[2].chain)).met


def test_rows_of_an_older_engine_at_the_end_are_counted() -> None:
    """They are linked by the next transaction of an engine that knows chains."""
    rows = chain(4)
    later = tuple(replace(row, chain=None) for row in rows[2:])
    assert judged((*rows[:2], *later), str(rows[1].chain)).unlinked == 2


def test_only_so_many_breaks_are_named() -> None:
    """A chain that was damaged all over gives a page to read, not a book."""
    rows = tuple(replace(row, kind="x") for row in chain(MOST_BREAKS + 5))
    assert len(judged(rows, "").breaks) == MOST_BREAKS


@given(st.data())
def test_no_change_of_order_or_number_goes_unseen(data: st.DataObject) -> None:
    """Any other sequence of the same rows is not the chain that ends there."""
    rows = chain(6)
    other = tuple(data.draw(st.lists(st.sampled_from(rows), max_size=8)))
    verdict = judged(other, str(rows[-1].chain))
    assert (verdict.breaks == () and verdict.met) == (other == rows)


def test_a_head_is_read_as_it_is_written() -> None:
    """Anything else is none."""
    head = Head(12, "ab" * 32)
    assert chains.parse_head(str(head)) == head
    assert [chains.parse_head(text) for text in ("", "12", "x:" + "a" * 64, "1:" + "A" * 64, "1:ab")] == [None] * 5
