"""What rules ask about an event besides its words, and what follows beyond channel, summary and acknowledgement."""

from datetime import UTC, datetime, timedelta

import pytest
from standins import documents
from standins.documents import always, attachment, event, follow_up, group, hours, kind, rule, ruleset, source, words

from engine.core.decisions import FollowUpPolicy, Priority, Shadow
from engine.core.events import Event
from engine.ruleset import syntax

THURSDAY = datetime(2026, 2, 12, 10, 15, tzinfo=UTC)
NIGHT = datetime(2026, 2, 12, 23, 15, tzinfo=UTC)
SATURDAY = datetime(2026, 2, 14, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("condition", "given", "matches"),
    [
        pytest.param(attachment("image"), event(attachments=["image"]), True, id="attachment"),
        pytest.param(attachment("image"), event(attachments=["video"]), False, id="another-attachment"),
        pytest.param(attachment("image", "video"), event(attachments=["sticker", "video"]), True, id="one-of-several"),
        pytest.param(attachment("audio"), event(attachments=["voice"]), True, id="voice-is-audio"),
        pytest.param(attachment("voice"), event(attachments=["audio"]), False, id="audio-is-not-voice"),
        pytest.param(attachment(), event(attachments=["order"]), True, id="any-attachment"),
        pytest.param(attachment(), event("text"), False, id="no-attachment"),
        pytest.param(kind("edit"), event("text", kind="edit"), True, id="edit"),
        pytest.param(kind("edit", "message"), event("text"), True, id="one-of-several-kinds"),
        pytest.param(kind("edit"), event("text"), False, id="no-edit"),
        pytest.param(hours("day"), event(at=THURSDAY), True, id="inside"),
        pytest.param(hours("day"), event(at=NIGHT), False, id="outside"),
        pytest.param(hours("day", inside=False), event(at=NIGHT), True, id="not-inside"),
        pytest.param(hours("day", inside=False), event(at=THURSDAY), False, id="not-outside"),
        pytest.param(group("all", hours("day"), hours("weekend")), event(at=SATURDAY), True, id="two-windows"),
        pytest.param(group("all", hours("day"), hours("weekend")), event(at=THURSDAY), False, id="one-of-two-windows"),
        pytest.param(source("sms"), event(network="sms"), True, id="source"),
    ],
)
def test_a_fact_decides_whether_a_rule_matches(condition: syntax.Condition, given: Event, *, matches: bool) -> None:
    """Each kind of fact, met and not met."""
    made = ruleset(rule("asked", condition))
    assert made.matches("asked", given) is matches
    assert ("asked" in made.evaluate(given).matched) is matches


@pytest.mark.parametrize("is_open", [True, False])
def test_whether_an_incident_is_open_is_asked_of_the_caller(*, is_open: bool) -> None:
    """The rules hold no state: who evaluates says whether the conversation has an open incident."""
    made = ruleset(rule("again", follow_up()), rule("first", follow_up(value=False)))
    assert made.evaluate(event("hello"), follow_up=is_open).matched == (("again" if is_open else "first"), "last")


def test_a_fact_is_explained_as_its_author_wrote_it() -> None:
    """Evidence and what is missing name the condition; nothing of the text is marked."""
    made = ruleset(
        rule("night", group("all", hours("day", inside=False), attachment(), follow_up())),
        rule("photo", attachment("image", "video")),
    )
    decision = made.evaluate(event("x", at=NIGHT, attachments=["image"]), follow_up=True)
    assert [(why.rule, why.atom, why.text) for why in decision.because] == [
        ("night", "attachment: any", ""),
        ("night", "follow_up: true", ""),
        ("night", "hours: not day", ""),
        ("photo", "attachment: image or video", ""),
        ("last", "always", ""),
    ]
    explanation = made.explain(event("x", at=THURSDAY))
    assert {missed.rule: missed.missing for missed in explanation.not_matched} == {
        "night": "hours: not day",
        "photo": "attachment: image or video",
    }


def test_a_rule_on_trial_is_recorded_and_changes_nothing() -> None:
    """Priority, tags, channel and a stop of a shadow rule stay out; whether it would have decided is kept."""
    trial = rule("trial", words("call"), priority=Priority.URGENT, tags=["t"], stop=True, shadow=True)
    late = rule("late", words("me"), shadow=True)
    live = rule("live", words("call"), tags=["l"])
    decision = ruleset(trial, live, late).evaluate(event("call me"))
    assert decision.shadow == (Shadow("trial", decides=True), Shadow("late", decides=False))
    without = ruleset(live).evaluate(event("call me"))
    assert (decision.rule, decision.matched, decision.priority, decision.tags, decision.because) == (
        without.rule,
        without.matched,
        without.priority,
        without.tags,
        without.because,
    )
    assert ruleset(trial, live).matches("trial", event("call"))
    assert not ruleset(trial, live).matches("trial", event("mail"))


def test_an_explanation_counts_a_rule_on_trial_as_one_that_matched() -> None:
    """It says why not only for rules that did not match, on trial or not."""
    trial = rule("trial", words("call"), shadow=True)
    other = rule("other", words("mail"), shadow=True)
    assert [missed.rule for missed in ruleset(trial, other).explain(event("call")).not_matched] == ["other"]


def test_a_rule_that_is_switched_off_is_not_asked() -> None:
    """It is neither matched nor explained."""
    explanation = ruleset(rule("off", words("call"), enabled=False)).explain(event("call"))
    assert (explanation.decision.matched, explanation.not_matched) == (("last",), ())


def test_copies_mention_and_policy_come_from_the_deciding_rule() -> None:
    """What a rule does not say is taken from the defaults, each part of the policy by itself."""
    policy = syntax.FollowUp(None, documents.text("new"), None, documents.AT)
    usual = syntax.FollowUp(timedelta(hours=2), documents.text("append"), timedelta(hours=12), documents.AT)
    defaults = syntax.Defaults(
        channel=documents.text("triage"), mention=documents.text("@desk"), follow_up=usual, tags=()
    )
    says = rule("says", words("call"), also=["voip", "triage"], policy=policy, says={"mention": "@night"})
    made = ruleset(says, rule("silent", words("mail")), rule("last", always()), defaults=defaults)
    decision = made.evaluate(event("call"))
    assert decision.also == (("voip", None), ("triage", "support"))
    assert decision.mention == "@night"
    assert decision.follow_up == FollowUpPolicy(timedelta(hours=2), new=True, ack_again_after=timedelta(hours=12))
    silent = made.evaluate(event("mail"))
    assert (silent.also, silent.mention) == ((), "@desk")
    assert silent.follow_up == FollowUpPolicy(timedelta(hours=2), new=False, ack_again_after=timedelta(hours=12))
    assert made.fallback(event("call"), "fault").mention == "@desk"
    assert ruleset().evaluate(event("call")).follow_up == FollowUpPolicy()
