"""Deliveries: what an outcome means, how long a pause is, what engineers learn of a failure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.decisions import Priority
from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Claimed,
    Copy,
    DeliveryKind,
    DeliveryState,
    Escalation,
    Fault,
    FollowUp,
    Found,
    Media,
    NewDelivery,
    Outcome,
    Page,
    PageAction,
    Reconciled,
    Rejected,
    Relayed,
    Revision,
    Sent,
    Unknown,
    kind_of,
    with_ticket,
)
from engine.core.quotes import TICKET, plain
from engine.core.settlements import (
    InDoubt,
    Policy,
    Settlement,
    as_template,
    backoff,
    note_of_end,
    settle,
    settle_reconciled,
)

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
ACKNOWLEDGEMENT = Acknowledgement("254712345678", "Hello", "MSG-1", "support-triage", "support")
ESCALATION = Escalation("support-triage", None, "Title", "Body", ("a",), Priority.HIGH, TICKET)
CLAIMED = Claimed(
    id="d1",
    token=1,
    attempt=3,
    doubtful=False,
    first_attempt_at=NOW,
    accepted_at=NOW,
    ticket_id="OC-2026-0001",
    lane="acknowledge:main:wa-1",
    destination="main",
    body=ACKNOWLEDGEMENT,
    thread=None,
)
POLICY = Policy()
HOUR = timedelta(hours=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def queued(after: float, error: str, *, doubtful: bool = False) -> Settlement:
    return Settlement(DeliveryState.QUEUED, due_at=NOW + seconds(after), error=error, doubtful=doubtful)


@pytest.mark.parametrize(
    ("outcome", "policy", "settlement"),
    [
        pytest.param(Sent("wamid-1"), POLICY, Settlement(DeliveryState.SENT, receipt="wamid-1"), id="sent"),
        pytest.param(Unknown("cut"), POLICY, queued(2, "cut", doubtful=True), id="unknown"),
        pytest.param(
            Unknown("cut"),
            replace(POLICY, base=seconds(10)),
            queued(20, "cut", doubtful=True),
            id="unknown, after a longer backoff than a look-up needs",
        ),
        pytest.param(
            Rejected(Fault.PERMANENT, "131026", "not on WhatsApp", seconds(30)),
            POLICY,
            Settlement(DeliveryState.DEAD, error="131026: not on WhatsApp"),
            id="permanent",
        ),
        pytest.param(
            Rejected(Fault.TRANSIENT, "503", "unavailable"), POLICY, queued(2, "503: unavailable"), id="transient"
        ),
        pytest.param(
            Rejected(Fault.TRANSIENT, "429", "slow down", seconds(90)),
            POLICY,
            queued(90, "429: slow down"),
            id="Retry-After beyond the cap",
        ),
        pytest.param(
            Rejected(Fault.TRANSIENT, "429", "slow down", seconds(1)),
            POLICY,
            queued(2, "429: slow down"),
            id="Retry-After shorter than the backoff",
        ),
        pytest.param(
            Rejected(Fault.MISCONFIGURED, "403", "not a member"),
            POLICY,
            queued(60, "403: not a member"),
            id="misconfigured",
        ),
        pytest.param(
            Rejected(Fault.TRANSIENT, "503", "unavailable"),
            replace(POLICY, give_up_after=seconds(2)),
            queued(2, "503: unavailable"),
            id="due exactly when it is given up",
        ),
        pytest.param(
            Rejected(Fault.TRANSIENT, "503", "unavailable"),
            replace(POLICY, give_up_after=seconds(1.999)),
            Settlement(DeliveryState.DEAD, error="gave up: 503: unavailable"),
            id="given up",
        ),
        pytest.param(
            Rejected(Fault.MISCONFIGURED, "401", "bad token"),
            replace(POLICY, give_up_after=seconds(59)),
            Settlement(DeliveryState.DEAD, error="gave up: 401: bad token"),
            id="given up while misconfigured",
        ),
    ],
)
def test_an_outcome_settles_a_delivery(outcome: Outcome, policy: Policy, settlement: Settlement) -> None:
    """The third attempt at half the chance: the whole table."""
    assert settle(CLAIMED, outcome, NOW, 0.5, policy) == settlement


WAITING = queued(2, "waiting to learn whether it arrived", doubtful=True)
HELD = Settlement(DeliveryState.HELD, error="nobody can tell whether it arrived; policy: hold")
HOLD = replace(POLICY, in_doubt=InDoubt.HOLD)
SOON = replace(POLICY, give_up_after=HOUR)


@pytest.mark.parametrize(
    ("found", "passed", "policy", "settlement"),
    [
        pytest.param(Sent("r"), 0, POLICY, Settlement(DeliveryState.SENT, receipt="r"), id="found"),
        pytest.param(Sent("r"), 9999, SOON, Settlement(DeliveryState.SENT, receipt="r"), id="found late"),
        pytest.param(Found.NOT_SENT, 0, POLICY, None, id="not sent: send"),
        pytest.param(Found.NOT_SENT, 0, HOLD, None, id="not sent: send, whatever the policy in doubt"),
        pytest.param(Found.NOT_SENT, 3600, SOON, None, id="not sent: send until it is too old"),
        pytest.param(
            Found.NOT_SENT,
            3600.001,
            SOON,
            Settlement(DeliveryState.DEAD, error="gave up: it was never sent"),
            id="not sent and too old",
        ),
        pytest.param(Found.UNDECIDED, 0, POLICY, WAITING, id="undecided: wait"),
        pytest.param(Found.UNDECIDED, 59.999, HOLD, WAITING, id="undecided: wait, whatever the policy"),
        pytest.param(Found.UNDECIDED, 60, POLICY, None, id="undecided for long: resend"),
        pytest.param(Found.UNDECIDED, 60, HOLD, HELD, id="undecided for long: hold"),
        pytest.param(Found.UNDECIDED, 3600, SOON, None, id="undecided: resend until it is too old"),
        pytest.param(
            Found.UNDECIDED,
            3600.001,
            SOON,
            Settlement(DeliveryState.HELD, error="nobody can tell whether it arrived; too old to say again"),
            id="undecided and too old",
        ),
    ],
)
def test_a_look_up_settles_a_doubtful_delivery(
    found: Reconciled, passed: float, policy: Policy, settlement: Settlement | None
) -> None:
    """The whole table; None means that it is sent again at once."""
    now = NOW + seconds(passed)
    if settlement is not None and settlement.due_at is not None:
        settlement = replace(settlement, due_at=settlement.due_at + seconds(passed))
    assert settle_reconciled(CLAIMED, found, now, policy, NOW - HOUR) == settlement


@pytest.mark.parametrize(
    ("listening", "settlement"), [(0, WAITING), (59.999, WAITING), (60, None), (3600, None)], ids=str
)
def test_the_time_in_doubt_does_not_run_while_nobody_listened(listening: float, settlement: Settlement | None) -> None:
    """A network repeats its receipts only when we are back, so a late restart must not say it again at once."""
    now = NOW + HOUR
    if settlement is not None and settlement.due_at is not None:
        settlement = replace(settlement, due_at=settlement.due_at + HOUR)
    assert settle_reconciled(CLAIMED, Found.UNDECIDED, now, POLICY, now - seconds(listening)) == settlement


@pytest.mark.parametrize(
    ("attempt", "longest"),
    [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1000, 60)],
    ids=str,
)
def test_the_backoff_doubles_up_to_the_cap(attempt: int, longest: float) -> None:
    """Full jitter lies between nothing and the doubled base, however often a delivery failed."""
    assert backoff(attempt, 0.0, POLICY) == timedelta(0)
    assert backoff(attempt, 0.5, POLICY) == seconds(longest / 2)
    assert backoff(attempt, 1 - 2**-53, POLICY) == seconds(longest)


_SPANS = st.integers(0, 10**6).map(lambda milliseconds: timedelta(milliseconds=milliseconds))
_POLICIES = st.builds(
    Policy,
    base=_SPANS,
    cap=_SPANS,
    slow=_SPANS,
    give_up_after=st.none() | _SPANS,
    in_doubt=st.sampled_from(InDoubt),
    in_doubt_wait=_SPANS,
    in_doubt_poll=_SPANS,
)
_REFUSALS = st.builds(
    Rejected,
    fault=st.sampled_from([Fault.TRANSIENT, Fault.MISCONFIGURED]),
    code=st.text(),
    reason=st.text(),
    retry_after=_SPANS,
)
_CHANCES = st.floats(0, 1, exclude_max=True)
_CLAIMS = st.builds(
    lambda attempt, age: replace(CLAIMED, attempt=attempt, accepted_at=NOW - age), st.integers(1, 100), _SPANS
)


@given(_CLAIMS, _REFUSALS, _CHANCES, _POLICIES)
def test_a_retry_is_neither_too_early_nor_too_late(
    claimed: Claimed, refused: Rejected, chance: float, policy: Policy
) -> None:
    """Never before Retry-After, never after the longest of Retry-After, the slow pause and the cap."""
    settlement = settle(claimed, refused, NOW, chance, replace(policy, give_up_after=None))
    slow = policy.slow if refused.fault is Fault.MISCONFIGURED else timedelta(0)
    assert settlement.state is DeliveryState.QUEUED
    assert settlement.due_at is not None
    earliest = NOW + max(refused.retry_after, slow)
    assert earliest <= settlement.due_at <= max(earliest, NOW + policy.cap)


@given(_CLAIMS, _REFUSALS, _CHANCES, _POLICIES)
def test_nothing_is_retried_once_it_is_too_old(
    claimed: Claimed, refused: Rejected, chance: float, policy: Policy
) -> None:
    """A retry that would come after the age at which a delivery is given up is a dead delivery instead."""
    patient = settle(claimed, refused, NOW, chance, replace(policy, give_up_after=None))
    settlement = settle(claimed, refused, NOW, chance, policy)
    assert patient.due_at is not None
    if policy.give_up_after is not None and patient.due_at > claimed.accepted_at + policy.give_up_after:
        assert settlement == Settlement(DeliveryState.DEAD, error=f"gave up: {refused.code}: {refused.reason}")
    else:
        assert settlement == patient


@given(_CLAIMS, st.sampled_from([Sent("r"), Rejected(Fault.PERMANENT, "c", "r"), Unknown("u")]), _CHANCES, _POLICIES)
def test_a_settlement_is_whole(claimed: Claimed, outcome: Outcome, chance: float, policy: Policy) -> None:
    """A queued delivery has a due time, a sent one its receipt, any other end an error; only doubt is doubtful."""
    settlement = settle(claimed, outcome, NOW, chance, policy)
    assert (settlement.due_at is not None) == (settlement.state is DeliveryState.QUEUED)
    assert (settlement.receipt is not None) == (settlement.state is DeliveryState.SENT)
    assert (settlement.error is not None) == (settlement.state is not DeliveryState.SENT)
    assert settlement.doubtful == isinstance(outcome, Unknown)


DEAD = Settlement(DeliveryState.DEAD, error="131026: not on WhatsApp")


def noted(claimed: Claimed, settlement: Settlement) -> NewDelivery | None:
    return note_of_end(
        claimed.id, claimed.lane, claimed.ticket_id, claimed.body, settlement, destination="mattermost", now=NOW
    )


@pytest.mark.parametrize(
    ("settlement", "note"),
    [
        pytest.param(
            DEAD,
            "Note: the acknowledgement could not be delivered (131026: not on WhatsApp): answer by hand.",
            id="dead",
        ),
        pytest.param(
            HELD,
            "Note: the acknowledgement may not have arrived (nobody can tell whether it arrived; policy: hold): "
            "answer by hand.",
            id="held",
        ),
    ],
)
def test_engineers_learn_that_an_acknowledgement_was_not_delivered(settlement: Settlement, note: str) -> None:
    """The note joins the thread of the same conversation and incident, due now, under an id of its own."""
    claimed = replace(CLAIMED, lane="acknowledge:main:acknowledge:1")
    assert noted(claimed, settlement) == NewDelivery(
        "d1-note",
        "escalate:main:acknowledge:1",
        "mattermost",
        FollowUp("support-triage", "support", note, "OC-2026-0001"),
        NOW,
    )


@pytest.mark.parametrize(
    ("settlement", "note"),
    [
        pytest.param(Settlement(DeliveryState.SENT, receipt="m1"), "Sent to the client: what amina wrote.", id="sent"),
        pytest.param(
            DEAD,
            "Note: what amina wrote could not be delivered (131026: not on WhatsApp): answer by hand.",
            id="dead",
        ),
        pytest.param(Settlement(DeliveryState.QUEUED, due_at=NOW), None, id="not yet"),
    ],
)
def test_engineers_learn_what_became_of_their_words(settlement: Settlement, note: str | None) -> None:
    """In the thread where they wrote them."""
    words = Relayed("254712345678", "Hello", "m0", "support-triage", "support", "amina", "OC-2026-0001")
    found = noted(replace(CLAIMED, lane="acknowledge:main:wa-1", body=words), settlement)
    assert (found and isinstance(found.body, FollowUp) and plain(found.body.body)) == note


def test_a_note_needs_no_ticket() -> None:
    """An acknowledgement outside any incident is still reported."""
    note = noted(replace(CLAIMED, ticket_id=None), DEAD)
    assert note is not None
    assert isinstance(note.body, FollowUp)
    assert note.body.ticket_id == ""


@pytest.mark.parametrize(
    ("claimed", "settlement"),
    [
        pytest.param(CLAIMED, Settlement(DeliveryState.SENT, receipt="r"), id="sent"),
        pytest.param(CLAIMED, queued(2, "later"), id="queued"),
        pytest.param(replace(CLAIMED, body=ESCALATION), DEAD, id="a dead post"),
        pytest.param(replace(CLAIMED, body=ESCALATION), HELD, id="a held post"),
    ],
)
def test_nobody_is_told_of_any_other_end(claimed: Claimed, settlement: Settlement) -> None:
    """Only an acknowledgement that ended undelivered asks somebody to answer by hand."""
    assert noted(claimed, settlement) is None


@pytest.mark.parametrize(
    ("body", "kind", "numbered"),
    [
        pytest.param(
            Acknowledgement("p", f"{TICKET} and {TICKET}", "m"),
            DeliveryKind.ACKNOWLEDGEMENT,
            Acknowledgement("p", "OC-2026-0007 and OC-2026-0007", "m", ticket_id="OC-2026-0007"),
            id="acknowledgement",
        ),
        pytest.param(
            replace(ESCALATION, title=f"{TICKET} new", body=f"see {TICKET}"),
            DeliveryKind.ESCALATION,
            replace(ESCALATION, title="OC-2026-0007 new", body="see OC-2026-0007", ticket_id="OC-2026-0007"),
            id="escalation",
        ),
        pytest.param(
            FollowUp("c", None, f"see {TICKET}", TICKET),
            DeliveryKind.FOLLOW_UP,
            FollowUp("c", None, "see OC-2026-0007", "OC-2026-0007"),
            id="follow-up",
        ),
        pytest.param(
            FollowUp("noc", None, f"see {TICKET}", "", calls=True),
            DeliveryKind.FOLLOW_UP,
            FollowUp("noc", None, "see OC-2026-0007", "", calls=True),
            id="in a further channel",
        ),
        pytest.param(
            Revision(replace(ESCALATION, body=TICKET)),
            DeliveryKind.REVISION,
            Revision(replace(ESCALATION, body="OC-2026-0007", ticket_id="OC-2026-0007")),
            id="revision",
        ),
        pytest.param(
            Copy(replace(ESCALATION, body=f"Copy of {TICKET}")),
            DeliveryKind.COPY,
            Copy(replace(ESCALATION, body="Copy of OC-2026-0007", ticket_id="OC-2026-0007")),
            id="copy",
        ),
        pytest.param(
            Media("c", None, TICKET, "main", "r", "voice"),
            DeliveryKind.MEDIA,
            Media("c", None, "OC-2026-0007", "main", "r", "voice"),
            id="media",
        ),
        pytest.param(
            Page(PageAction.TRIGGER, f"oc/{TICKET}", f"{TICKET}: a client waits", Priority.HIGH, (), NOW, TICKET),
            DeliveryKind.PAGE,
            Page(
                PageAction.TRIGGER,
                "oc/OC-2026-0007",
                "OC-2026-0007: a client waits",
                Priority.HIGH,
                (),
                NOW,
                "OC-2026-0007",
            ),
            id="page",
        ),
    ],
)
def test_the_ticket_takes_the_place_of_its_mark(body: Body, kind: DeliveryKind, numbered: Body) -> None:
    """Every kind of body gets the number wherever the mark stands, and stays of its kind."""
    assert with_ticket(body, "OC-2026-0007") == numbered
    assert kind_of(body) is kind_of(numbered) is kind


def test_a_refused_text_goes_out_once_more_as_the_template() -> None:
    """All that the template needs stays; what has been tried so, and what is no acknowledgement, does not go again."""
    assert as_template(ACKNOWLEDGEMENT) == replace(ACKNOWLEDGEMENT, template_only=True)
    assert as_template(replace(ACKNOWLEDGEMENT, template_only=True)) is None
    assert as_template(ESCALATION) is None
