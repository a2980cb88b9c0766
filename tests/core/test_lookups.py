"""Whom to believe about who is on call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.core.ladders import OnDuty
from engine.core.lookups import Silent, Told, age, choose

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
END = NOW + timedelta(hours=2)
PAGERDUTY = Told("PagerDuty", ("alice",), 0, END, NOW - timedelta(seconds=30), timedelta(minutes=15))
OLD = replace(PAGERDUTY, fetched_at=NOW - timedelta(hours=3, minutes=5))
JSM = Told("Jira Service Management", ("bob",), 0, None, NOW, timedelta(minutes=15))
OLD_JSM = replace(JSM, fetched_at=NOW - timedelta(minutes=20))
FILES = OnDuty(("carol",), END)
NOBODY = OnDuty(())


@pytest.mark.parametrize(
    ("answers", "people", "until", "note"),
    [
        pytest.param([PAGERDUTY, JSM], ("alice",), END, "", id="the first that is up to date"),
        pytest.param([replace(PAGERDUTY, people=()), JSM], (), END, "", id="nobody is an answer"),
        pytest.param([FILES, PAGERDUTY], ("carol",), END, "", id="the files"),
        pytest.param([replace(FILES, note="one of two")], ("carol",), END, "one of two", id="with their own doubt"),
        pytest.param(
            [OLD, JSM],
            ("bob",),
            None,
            "on-call from Jira Service Management: PagerDuty has not answered for 3 h",
            id="the next where the first is old",
        ),
        pytest.param(
            [Silent("PagerDuty"), replace(FILES, note="one of two")],
            ("carol",),
            END,
            "on-call from the on-call files: PagerDuty has not answered yet; one of two",
            id="the files where nobody answered",
        ),
        pytest.param([OLD], ("alice",), None, "on-call from cache, 3 h old", id="the cache where nobody else knows"),
        pytest.param([OLD, OLD_JSM], ("bob",), None, "on-call from cache, 20 min old", id="the newest of two"),
        pytest.param([OLD_JSM, OLD], ("bob",), None, "on-call from cache, 20 min old", id="in any order"),
        pytest.param([OLD, NOBODY], ("alice",), None, "on-call from cache, 3 h old", id="files that have nobody"),
        pytest.param([OLD, NOBODY, JSM], ("bob",), None, choose([OLD, JSM], NOW).note, id="and someone after them"),
        pytest.param([NOBODY, JSM], (), None, "", id="files that have nobody on purpose"),
        pytest.param(
            [replace(PAGERDUTY, until=NOW)], ("alice",), None, "on-call from cache, 30 s old", id="an ended shift"
        ),
        pytest.param(
            [Silent("PagerDuty"), Silent("Jira Service Management")],
            (),
            None,
            "PagerDuty has not answered yet; Jira Service Management has not answered yet",
            id="nobody knows",
        ),
        pytest.param(
            [replace(OLD, people=())], (), None, "PagerDuty has not answered for 3 h", id="an old word about nobody"
        ),
        pytest.param([], (), None, "", id="a schedule that nobody has"),
        pytest.param(
            [replace(PAGERDUTY, strangers=1)],
            ("alice",),
            END,
            "1 on call by PagerDuty without a name in Mattermost",
            id="one of two without a name",
        ),
        pytest.param(
            [replace(PAGERDUTY, people=(), strangers=2), JSM],
            ("bob",),
            None,
            "on-call from Jira Service Management: 2 on call by PagerDuty without a name in Mattermost",
            id="nobody with a name",
        ),
    ],
)
def test_the_first_source_that_can_tell_decides(
    answers: list[Told | OnDuty | Silent], people: tuple[str, ...], until: datetime | None, note: str
) -> None:
    """And the post says what is doubtful about it."""
    found = choose(answers, NOW)
    assert (found.people, found.until, found.note) == (people, until, note)


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(hours=3, minutes=59), "3 h"),
        (timedelta(days=2, hours=1), "2 d"),
    ],
)
def test_an_age_is_told_in_one_unit(span: timedelta, written: str) -> None:
    """Rounded down; a clock that was set back makes nothing negative."""
    assert age(replace(JSM, fetched_at=NOW - span), NOW) == written
