"""Past decisions against other ones: what differs, grouped and counted."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standins.conversations import FAULT

from engine.core.backtests import (
    EXAMPLES,
    Comparison,
    Difference,
    Example,
    Group,
    Outcome,
    compare,
    differences,
    of_decision,
    of_log,
    seen,
)
from engine.core.contracts import decision_json
from engine.core.decisions import Decision, Shadow
from engine.core.events import Client, Event, Message
from engine.core.quotes import quote

OUTCOME = Outcome(
    rule="voip-outbound",
    priority="high",
    channel="support-voip",
    also=(),
    ack="default",
    escalate=True,
    mention="",
    tags=("whatsapp", "3cx"),
    summary="3CX calls failing",
)


def example(before: Outcome, after: Outcome, number: int = 0) -> Example:
    at = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
    event = Event("whatsapp", at, "wa-1", Client(), Message(f"m{number}", f"text {number}"))
    return Example(event, before, after)


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(FAULT, id="plain"),
        pytest.param(replace(FAULT, summary=quote("calls fail")), id="the client's own summary"),
        pytest.param(replace(FAULT, ack=None, escalate=False, mention="@network"), id="said otherwise"),
        pytest.param(replace(FAULT, also=(("noc", None), ("sales", "crm"))), id="copies"),
        pytest.param(replace(FAULT, shadow=(Shadow("trial", decides=True), Shadow("x", decides=False))), id="trials"),
    ],
)
def test_a_log_tells_the_same_as_its_decision(decision: Decision) -> None:
    """What the journal kept compares equal with what is decided the same way today."""
    assert of_log(decision_json(decision)) == seen(decision)
    assert seen(decision).outcome == of_decision(decision)


def test_a_log_of_an_earlier_version_is_read() -> None:
    """Keys that were not written then count as having said nothing."""
    log = decision_json(FAULT)
    del log["matched"], log["escalate"], log["tags"]
    assert of_log(log) == replace(seen(FAULT), matched=(), outcome=replace(of_decision(FAULT), escalate=True, tags=()))


@pytest.mark.parametrize(
    "log",
    [
        pytest.param({}, id="empty"),
        pytest.param({"rule": 7, "priority": "high", "channel": "x", "ack": "none"}, id="a rule that is a number"),
        pytest.param({"rule": "a", "priority": "high", "channel": "x"}, id="without ack"),
    ],
)
def test_what_is_no_decision_log_is_none(log: dict[str, object]) -> None:
    """A decision without rule, priority, channel or ack says nothing that could be compared."""
    assert of_log(log) is None


def test_odd_shadows_are_left_out() -> None:
    """A file may hold anything below `shadow`."""
    log = {**decision_json(FAULT), "shadow": ["x", {"rule": "y"}, {"rule": "z", "decides": True}]}
    found = of_log(log)
    assert found is not None
    assert found.on_trial == (("z", True),)
    again = of_log({**log, "shadow": 7})
    assert again is not None
    assert again.on_trial == ()


@pytest.mark.parametrize(
    ("after", "found"),
    [
        pytest.param(OUTCOME, (), id="nothing"),
        pytest.param(replace(OUTCOME, tags=("3cx", "whatsapp")), (), id="the order of tags"),
        pytest.param(replace(OUTCOME, rule="other"), (Difference("rule", "voip-outbound", "other"),), id="rule"),
        pytest.param(replace(OUTCOME, priority="urgent"), (Difference("priority", "high", "urgent"),), id="priority"),
        pytest.param(replace(OUTCOME, channel="noc"), (Difference("channel", "support-voip", "noc"),), id="channel"),
        pytest.param(replace(OUTCOME, also=("b", "a")), (Difference("also", "none", "a, b"),), id="copies"),
        pytest.param(replace(OUTCOME, ack="none"), (Difference("ack", "default", "none"),), id="ack"),
        pytest.param(replace(OUTCOME, escalate=False), (Difference("escalate", "true", "false"),), id="escalate"),
        pytest.param(
            replace(OUTCOME, mention="@noc"), (Difference("mention", "whoever is on call", "@noc"),), id="mention"
        ),
        pytest.param(replace(OUTCOME, tags=("whatsapp", "sip")), (Difference("tags", "3cx", "sip"),), id="tags"),
        pytest.param(replace(OUTCOME, summary="other"), (Difference("summary", "", ""),), id="summary"),
    ],
)
def test_what_somebody_notices_is_a_difference(after: Outcome, found: tuple[Difference, ...]) -> None:
    """Each respect is told apart; a summary's words are not told, because they may be the client's."""
    assert differences(OUTCOME, after) == found


def test_messages_that_change_in_the_same_way_are_one_group() -> None:
    """Counted, the largest group first, with the first few examples of each."""
    urgent, moved = replace(OUTCOME, priority="urgent"), replace(OUTCOME, channel="noc", priority="urgent")
    other = replace(OUTCOME, rule="other")
    messages = [
        example(OUTCOME, OUTCOME),
        example(OUTCOME, moved, 1),
        *(example(OUTCOME, urgent, number) for number in range(2, 7)),
        example(other, replace(other, priority="urgent"), 7),
    ]
    raised = (Difference("priority", "high", "urgent"),)
    both = (*raised, Difference("channel", "support-voip", "noc"))
    mine = ("voip-outbound", "voip-outbound")
    assert compare(messages) == Comparison(
        compared=8,
        changed=7,
        by_name=(("priority", 7), ("channel", 1)),
        groups=(
            Group(mine, raised, 5, tuple(messages[2 : 2 + EXAMPLES])),
            Group(mine, both, 1, (messages[1],)),
            Group(("other", "other"), raised, 1, (messages[7],)),
        ),
    )


def test_no_message_is_no_comparison() -> None:
    """An empty month has nothing to show."""
    assert compare([]) == Comparison(0, 0, (), ())
