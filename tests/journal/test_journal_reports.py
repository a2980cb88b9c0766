"""Every journal: incidents with their times in pages, without their clients; how many are open."""

from dataclasses import replace
from datetime import timedelta

from journal.samples import (
    DECISION,
    EPISODE,
    NOW,
    accepted,
    acknowledgement,
    claim_one,
    escalation,
    finish,
    inbound,
    joined,
    lapse,
    later,
    opened,
    opening,
)
from standins.rosters import FixedDuty

from engine.core.actions import Action
from engine.core.decisions import Priority
from engine.core.deliveries import DeliveryState
from engine.core.incidents import IncidentStatus
from engine.core.practices import Practice, Watch
from engine.core.records import OpenCount
from engine.core.reports import Measured, Step
from engine.core.settlements import Settlement
from engine.ports import Journal

PRACTICE = Practice(FixedDuty(), "mattermost", "test")


async def helped(journal: Journal) -> None:
    """An incident that was accepted at 2 s, acknowledged at 3 s, claimed at 60 s, resolved at 600 s."""
    await opened(journal, acknowledgement(), escalation(), now=later(2))
    await finish(journal, await claim_one(journal, "main", later(2)), now=later(3))
    root = Settlement(DeliveryState.SENT, receipt="root")
    await finish(journal, await claim_one(journal, now=later(3)), root, now=later(3))
    for number, (kind, seconds) in enumerate((("claim", 60), ("resolve", 600))):
        action = Action("mattermost", "root", kind, f"post:{number}", "amina", later(seconds))
        await journal.act([action], PRACTICE, later(seconds))


async def test_an_incident_has_its_times(journal: Journal) -> None:
    """The acknowledgement counts from the first acceptance until it was sent, the rest from the client's message."""
    await helped(journal)
    (found,) = await journal.measured(NOW, None, 10)
    assert found == Measured(
        seq=1,
        opened_at=NOW,
        outage=False,
        priority=Priority.NORMAL,
        tags=("whatsapp", "3cx"),
        rule="voip-outbound",
        channel="support",
        status=IncidentStatus.RESOLVED,
        acknowledges=True,
        escalated=True,
        spans={
            Step.ACKNOWLEDGED: timedelta(seconds=1),
            Step.CLAIMED: timedelta(seconds=60),
            Step.RESOLVED: timedelta(seconds=600),
        },
    )


async def test_the_first_acceptance_and_the_first_acknowledgement_count(journal: Journal) -> None:
    """Not those of a further message; one that was not sent is none."""
    await opened(journal, acknowledgement(), now=later(2))
    await joined(journal, "m2", acknowledgement("again"), priority=Priority.NORMAL)
    (found,) = await journal.measured(NOW, None, 10)
    assert found.spans == {}
    await finish(journal, await claim_one(journal, "main", later(5)), now=later(5))
    await finish(journal, await claim_one(journal, "main", later(9)), now=later(9))
    (found,) = await journal.measured(NOW, None, 10)
    assert found.spans == {Step.ACKNOWLEDGED: timedelta(seconds=3)}


async def test_pages_go_back_to_the_beginning(journal: Journal) -> None:
    """The newest first, at most as many as asked for; what is older than the period is left out."""
    for number in range(5):
        message = inbound(f"m{number}", f"wa-{number}")
        plan = opening(message)
        assert plan.incident is not None
        incident = replace(plan.incident, created_at=later(number))
        await journal.record(await accepted(journal, message), replace(plan, incident=incident), DECISION, NOW)
    pages, before = [], None
    while page := await journal.measured(later(1), before, 2):
        pages.append([one.seq for one in page])
        before = page[-1].seq
    assert pages == [[5, 4], [3, 2]]


async def test_what_is_open_is_counted(journal: Journal) -> None:
    """By status and priority with the oldest of each; what is closed is not, and an outage is counted apart."""
    await opened(journal, conversation="wa-0")
    assert await lapse(journal, 10, NOW + EPISODE)
    watching = replace(PRACTICE, watch=Watch(frozenset({"3cx"}), 2, timedelta(minutes=10)))
    for number in (1, 2):
        message = inbound(f"m{number}", f"wa-{number}")
        plan = opening(message, priority=Priority.URGENT)
        await journal.record(await accepted(journal, message), plan, DECISION, later(number), watching)
    found = {(one.status, one.outages): one for one in await journal.open_incidents()}
    members = OpenCount(IncidentStatus.OPEN, Priority.URGENT, outages=False, members=True, count=2, oldest_at=NOW)
    assert found[IncidentStatus.OPEN, False] == members
    assert found[IncidentStatus.OPEN, True] == replace(
        members, outages=True, members=False, count=1, oldest_at=later(2)
    )
    assert len(found) == 2
    outage = next(one for one in await journal.measured(NOW, None, 10) if one.outage)
    assert (outage.spans, outage.priority) == ({}, Priority.URGENT)
