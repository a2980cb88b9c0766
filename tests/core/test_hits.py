"""Decisions of the past, counted by rule."""

from datetime import UTC, datetime, timedelta

from engine.core.backtests import Outcome, Seen
from engine.core.hits import Hits, count

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)


def decided(rule: str, *also: str, on_trial: tuple[tuple[str, bool], ...] = ()) -> Seen:
    outcome = Outcome(rule, "normal", "triage", (), "default", escalate=True, mention="", tags=(), summary="")
    return Seen(outcome, (rule, *also), on_trial)


def test_each_rule_is_counted_once_a_message() -> None:
    """Matched, decided and the newest message, the rule that matched most first."""
    later = NOW + timedelta(hours=1)
    assert count([(later, decided("voip", "last")), (NOW, decided("last")), (NOW, decided("voip", "last"))]) == {
        "last": Hits("last", matched=3, decided=1, last_at=later),
        "voip": Hits("voip", matched=2, decided=2, last_at=later),
    }


def test_a_rule_on_trial_is_counted_apart() -> None:
    """It matched nothing as far as clients are concerned."""
    trials = (("trial", True), ("idle", False))
    assert count([(NOW, decided("last", on_trial=trials))]) == {
        "last": Hits("last", matched=1, decided=1, last_at=NOW),
        "idle": Hits("idle", on_trial=1, last_at=NOW),
        "trial": Hits("trial", on_trial=1, would_decide=1, last_at=NOW),
    }


def test_a_decision_without_a_match_counts_for_its_rule() -> None:
    """When deciding failed, the engine's own rule stands in and matches nothing."""
    stand_in = Seen(decided("engine-fallback").outcome, (), ())
    assert count([(NOW, stand_in)]) == {"engine-fallback": Hits("engine-fallback", 1, 1, last_at=NOW)}
