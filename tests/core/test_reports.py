"""How fast clients were helped: counts, quantiles, targets, days and hours of the incidents of a period."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.core import contracts, reports
from engine.core.decisions import Priority
from engine.core.incidents import IncidentStatus
from engine.core.reports import Dimension, Measured, Report, Step, Target

# A Thursday.
SINCE = datetime(2026, 2, 12, 8, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=3)
NOW = UNTIL


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def measured(
    hours: float = 1,
    *,
    seq: int = 1,
    priority: Priority = Priority.HIGH,
    rule: str = "voip-outbound",
    tags: tuple[str, ...] = ("3cx",),
    status: IncidentStatus = IncidentStatus.RESOLVED,
    outage: bool = False,
    acknowledges: bool = True,
    escalated: bool = True,
    spans: Mapping[Step, timedelta] | None = None,
) -> Measured:
    opened_at = SINCE + timedelta(hours=hours)
    return Measured(
        seq, opened_at, outage, priority, tags, rule, "support", status, acknowledges, escalated, spans or {}
    )


def summary(*rows: Measured, targets: tuple[Target, ...] = (), until: datetime = UNTIL) -> Report:
    return reports.summarise(rows, SINCE, until, NOW, ZoneInfo("Africa/Nairobi"), targets)


def test_each_time_has_its_quantiles() -> None:
    """Nearest rank: each figure is a span that was measured; steps that nobody came to have none."""
    rows = [measured(spans={Step.CLAIMED: minutes(number)}) for number in (5, 3, 1, 4, 2, 6, 7, 8, 9, 100)]
    claimed = summary(*rows, measured()).total.times[Step.CLAIMED]
    assert (claimed.count, claimed.median, claimed.p90, claimed.p99) == (10, minutes(5), minutes(9), minutes(100))
    resolved = summary(*rows).total.times[Step.RESOLVED]
    assert (resolved.count, resolved.median, resolved.share) == (0, None, None)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 2), (0.67, 3), (1.0, 3)])
def test_a_quantile_is_one_of_the_spans(share: float, expected: int) -> None:
    """The smallest that so large a part does not pass."""
    assert reports.quantile([minutes(1), minutes(2), minutes(3)], share) == minutes(expected)
    assert reports.quantile([], share) is None


def test_only_the_period_counts_and_outages_count_apart() -> None:
    """The end belongs to the next period; no time of an outage is a client's."""
    late = measured(72)
    outage = measured(outage=True, spans={Step.CLAIMED: minutes(1)})
    told = summary(measured(-0.1), measured(0), late, outage)
    assert (told.total.count, told.outages, told.total.times[Step.CLAIMED].count) == (1, 1, 0)


def test_what_is_open_is_told_by_priority() -> None:
    """Those that nobody has, those that somebody has; and how all of them stand."""
    told = summary(
        measured(status=IncidentStatus.OPEN, priority=Priority.URGENT),
        measured(status=IncidentStatus.CLAIMED),
        measured(status=IncidentStatus.LAPSED),
        measured(),
    )
    assert told.open == {Priority.LOW: 0, Priority.NORMAL: 0, Priority.HIGH: 0, Priority.URGENT: 1}
    assert told.claimed[Priority.HIGH] == 1
    assert set(told.statuses.values()) == {1}


TARGETS = (Target(Step.CLAIMED, minutes(15)), Target(Step.CLAIMED, minutes(5), Priority.URGENT))


@pytest.mark.parametrize(
    ("row", "met", "judged"),
    [
        pytest.param(measured(spans={Step.CLAIMED: minutes(15)}), 1, 1, id="in time"),
        pytest.param(measured(spans={Step.CLAIMED: minutes(16)}), 0, 1, id="late"),
        pytest.param(measured(priority=Priority.URGENT, spans={Step.CLAIMED: minutes(6)}), 0, 1, id="an urgent one"),
        pytest.param(measured(status=IncidentStatus.LAPSED), 0, 1, id="never"),
        pytest.param(measured(71.9, status=IncidentStatus.OPEN), 0, 0, id="too young to tell"),
        pytest.param(measured(escalated=False), 0, 0, id="nobody was asked"),
    ],
)
def test_a_target_is_met_or_missed(row: Measured, met: int, judged: int) -> None:
    """What never came is missed once its time is over; the target of a priority goes before that for all."""
    claimed = summary(row, targets=TARGETS).total.times[Step.CLAIMED]
    assert (claimed.met, claimed.judged) == (met, judged)
    assert claimed.share == (met / judged if judged else None)


@pytest.mark.parametrize(
    ("row", "step", "judged"),
    [
        pytest.param(measured(), Step.ACKNOWLEDGED, 1, id="no acknowledgement went out"),
        pytest.param(measured(acknowledges=False), Step.ACKNOWLEDGED, 0, id="none was to"),
        pytest.param(measured(status=IncidentStatus.OPEN), Step.RESOLVED, 1, id="open for too long"),
        pytest.param(measured(status=IncidentStatus.LAPSED), Step.RESOLVED, 0, id="the client fell silent"),
        pytest.param(measured(status=IncidentStatus.LAPSED), Step.ANSWERED, 1, id="nobody answered"),
    ],
)
def test_only_what_is_due_can_be_missed(row: Measured, step: Step, judged: int) -> None:
    """Nobody is blamed for what was not to happen."""
    assert summary(row, targets=(Target(step, minutes(1)),)).total.times[step].judged == judged


def test_groups_come_in_the_order_in_which_they_are_read() -> None:
    """Priorities from urgent on; rules, channels and tags by their numbers; an incident counts for each of its tags."""
    told = summary(
        measured(priority=Priority.LOW, rule="billing", tags=("a", "b", "a")),
        measured(priority=Priority.LOW, rule="billing", tags=("b",)),
        measured(priority=Priority.URGENT, tags=()),
    )
    names = {dimension: [(name, one.count) for name, one in groups] for dimension, groups in told.by.items()}
    assert names[Dimension.PRIORITY] == [("urgent", 1), ("low", 2)]
    assert names[Dimension.RULE] == [("billing", 2), ("voip-outbound", 1)]
    assert names[Dimension.CHANNEL] == [("support", 3)]
    assert names[Dimension.TAG] == [("b", 2), ("a", 1)]


def test_days_and_hours_are_those_of_the_zone() -> None:
    """22:00 in UTC is one o'clock of the next day in Nairobi; a day without incidents is told, too."""
    told = summary(measured(14), measured(15), measured(1))
    days = [(name, one.count) for name, one in told.by[Dimension.DAY]]
    assert days == [("2026-02-12", 1), ("2026-02-13", 2), ("2026-02-14", 0), ("2026-02-15", 0)]
    assert (told.first, told.last, told.days) == (date(2026, 2, 12), date(2026, 2, 15), 1)
    assert (told.week[3][12], told.week[4][1], told.week[4][2]) == (1, 1, 1)
    assert sum(map(sum, told.week)) == 3


def test_a_long_period_is_told_by_the_week() -> None:
    """Each week is named by its Monday."""
    told = summary(measured(1), measured(24 * 90), until=SINCE + timedelta(days=93))
    weeks = told.by[Dimension.DAY]
    assert (told.days, weeks[0][0], weeks[0][1].count, weeks[-1][0]) == (7, "2026-02-09", 1, "2026-05-11")
    assert sum(one.count for _, one in weeks) == 2


def test_an_incident_comes_back_from_its_json() -> None:
    """What the daemon tells is what the command reads; nothing in it is a client's."""
    row = measured(spans={Step.ACKNOWLEDGED: timedelta(microseconds=8123), Step.RESOLVED: minutes(61)})
    told = contracts.measured_json(row)
    assert contracts.load_measured(told) == row
    assert told == {
        "id": 1,
        "openedAt": "2026-02-12T09:00:00Z",
        "outage": False,
        "priority": "high",
        "tags": ["3cx"],
        "rule": "voip-outbound",
        "channel": "support",
        "status": "resolved",
        "acknowledges": True,
        "escalated": True,
        "seconds": {"acknowledged": 0.008123, "resolved": 3660.0},
    }
