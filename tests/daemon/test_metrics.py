"""The metrics page: every family by its documented name, moved by its own report and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from engine.core.decisions import Priority
from engine.core.incidents import IncidentStatus
from engine.core.records import OpenCount
from engine.core.reports import Step
from engine.metrics import Metrics


def value(metrics: Metrics, sample: str, **labels: str) -> float | None:
    page, _ = metrics.render()
    for family in text_string_to_metric_families(page.decode()):
        for found in family.samples:
            if found.name == sample and found.labels == labels:
                return found.value
    return None


Report = Callable[[Metrics], None]
CASES: dict[str, tuple[Report, str, dict[str, str], float]] = {
    "accepted": (
        lambda metrics: metrics.count_accepted("cloud"),
        "engine_events_accepted_total",
        {"connector": "cloud"},
        1,
    ),
    "duplicates": (lambda metrics: metrics.count_duplicates(), "engine_events_duplicate_total", {}, 1),
    "refused": (
        lambda metrics: metrics.count_refused("desk", 401),
        "engine_events_refused_total",
        {"connector": "desk", "status": "401"},
        1,
    ),
    "decisions": (
        lambda metrics: metrics.count_decision("high", timedelta(microseconds=120)),
        "engine_decisions_total",
        {"priority": "high"},
        1,
    ),
    "evaluation time": (
        lambda metrics: metrics.count_decision("high", timedelta(microseconds=120)),
        "engine_evaluation_seconds_bucket",
        {"le": "0.00015"},
        1,
    ),
    "evaluation failures": (
        lambda metrics: metrics.count_evaluation_failure(),
        "engine_evaluation_failures_total",
        {},
        1,
    ),
    "deliveries": (
        lambda metrics: metrics.count_delivery("mattermost", "escalation", "sent"),
        "engine_deliveries_total",
        {"destination": "mattermost", "kind": "escalation", "state": "sent"},
        1,
    ),
    "attempts": (
        lambda metrics: metrics.count_attempt("cloud", "transient"),
        "engine_delivery_attempts_total",
        {"destination": "cloud", "outcome": "transient"},
        1,
    ),
    "accepted to sent": (
        lambda metrics: metrics.observe_sent("acknowledgement", timedelta(milliseconds=8)),
        "engine_accepted_to_sent_seconds_sum",
        {"kind": "acknowledgement"},
        0.008,
    ),
    "acknowledged": (
        lambda metrics: metrics.observe_step(Step.ACKNOWLEDGED, Priority.HIGH, timedelta(milliseconds=8)),
        "engine_acknowledgement_seconds_sum",
        {"priority": "high"},
        0.008,
    ),
    "claimed": (
        lambda metrics: metrics.observe_step(Step.CLAIMED, Priority.URGENT, timedelta(minutes=4)),
        "engine_claim_seconds_bucket",
        {"priority": "urgent", "le": "300.0"},
        1,
    ),
    "answered before it came": (
        lambda metrics: metrics.observe_step(Step.ANSWERED, Priority.LOW, timedelta(seconds=-5)),
        "engine_first_answer_seconds_bucket",
        {"priority": "low", "le": "30.0"},
        1,
    ),
    "resolved": (
        lambda metrics: metrics.observe_step(Step.RESOLVED, Priority.HIGH, timedelta(hours=1)),
        "engine_resolution_seconds_count",
        {"priority": "high"},
        1,
    ),
    "changes": (
        lambda metrics: metrics.count_change("claimed", "reaction"),
        "engine_incident_changes_total",
        {"kind": "claimed", "way": "reaction"},
        1,
    ),
    "calls": (lambda metrics: metrics.count_calls("page", 2), "engine_calls_total", {"kind": "page"}, 2),
    "journal": (
        lambda metrics: metrics.observe_journal("write", timedelta(milliseconds=4)),
        "engine_journal_seconds_bucket",
        {"operation": "write", "le": "0.005"},
        1,
    ),
    "refusals of the journal": (
        lambda metrics: metrics.count_journal_refusal("read"),
        "engine_journal_refusals_total",
        {"operation": "read"},
        1,
    ),
    "unrouted": (lambda metrics: metrics.set_backlog(4, {}, {}), "engine_backlog_unrouted", {}, 4),
    "unclean ends": (
        lambda metrics: metrics.count_unclean_end("main"),
        "engine_connection_unclean_ends_total",
        {"connector": "main"},
        1,
    ),
    "reload": (lambda metrics: metrics.set_reload_ok(ok=True), "engine_rules_reload_ok", {}, 1),
    "paused": (lambda metrics: metrics.set_paused(paused=True), "engine_paused", {}, 1),
    "a part": (
        lambda metrics: metrics.set_part_ready("mattermost", ready=True),
        "engine_part_ready",
        {"part": "mattermost"},
        1,
    ),
    "ready": (lambda metrics: metrics.set_ready(ready=True), "engine_ready", {}, 1),
    "rules": (lambda metrics: metrics.set_rules("ab12"), "engine_rules_loaded", {"sha": "ab12"}, 1),
}


@pytest.mark.parametrize(("report", "sample", "labels", "expected"), CASES.values(), ids=CASES.keys())
def test_each_report_moves_its_own_sample(report: Report, sample: str, labels: dict[str, str], expected: float) -> None:
    """What is reported once is on the page under the documented name and labels."""
    metrics = Metrics()
    assert value(metrics, sample, **labels) in {None, 0}
    report(metrics)
    assert value(metrics, sample, **labels) == expected


def test_work_that_is_done_leaves_the_backlog_at_zero() -> None:
    """A destination without open work reads 0 and not its last figure."""
    metrics = Metrics()
    metrics.set_backlog(1, {("mattermost", "queued"): 7, ("cloud", "dead"): 1}, {"mattermost": timedelta(minutes=2)})
    assert value(metrics, "engine_backlog_oldest_seconds", destination="mattermost") == 120
    metrics.set_backlog(0, {("cloud", "dead"): 2}, {})
    assert value(metrics, "engine_backlog_oldest_seconds", destination="mattermost") == 0
    assert value(metrics, "engine_backlog_deliveries", destination="mattermost", state="queued") == 0
    assert value(metrics, "engine_backlog_deliveries", destination="cloud", state="dead") == 2
    assert value(metrics, "engine_backlog_unrouted") == 0


def test_what_is_open_is_told_by_status_and_priority() -> None:
    """With the age of the oldest; outages and what nobody need claim because of one are told apart; what is closed
    reads 0.
    """
    metrics, now = Metrics(), datetime(2026, 2, 12, 10, tzinfo=UTC)

    def counted(status: IncidentStatus, minutes: int, *, outages: bool = False, members: bool = False) -> OpenCount:
        return OpenCount(status, Priority.URGENT, outages, members, 3, now - timedelta(minutes=minutes))

    metrics.set_incidents(
        (
            counted(IncidentStatus.OPEN, 20),
            counted(IncidentStatus.OPEN, 30, members=True),
            counted(IncidentStatus.CLAIMED, 40),
            counted(IncidentStatus.CLAIMED, 10, members=True),
            counted(IncidentStatus.CLAIMED, 50, outages=True),
        ),
        now,
    )

    def told(status: str) -> tuple[float | None, float | None]:
        labels = {"status": status, "priority": "urgent"}
        names = ("engine_incidents_open", "engine_incidents_oldest_seconds")
        count, age = (value(metrics, name, **labels) for name in names)
        return count, age

    assert (told("open"), told("outage"), told("claimed")) == ((3, 1200), (3, 1800), (6, 2400))
    assert value(metrics, "engine_outages_open") == 3
    metrics.set_incidents((), now)
    assert told("open") == told("claimed") == (0, 0)
    assert value(metrics, "engine_outages_open") == 0


def test_one_rule_set_is_in_force_at_a_time() -> None:
    """After a reload the earlier hash is gone from the page."""
    metrics = Metrics()
    metrics.set_rules("old")
    metrics.set_rules("new")
    assert value(metrics, "engine_rules_loaded", sha="old") is None
    assert value(metrics, "engine_rules_loaded", sha="new") == 1


def test_two_daemons_in_one_process_count_apart() -> None:
    """Nothing is kept in the library's global registry."""
    first, second = Metrics(), Metrics()
    first.count_duplicates()
    assert value(second, "engine_events_duplicate_total") == 0
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("engine_")]


def test_the_page_is_prometheus_text_without_creation_times() -> None:
    """The content type is the one that Prometheus asks for, memory is on the page, and `_created` is not."""
    metrics = Metrics()
    metrics.count_accepted("cloud")
    page, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    assert page.count(b"\nprocess_resident_memory_bytes ") == 1
    assert b"_created" not in page
