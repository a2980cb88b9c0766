"""A client is told everything, and erased without a trace."""

import base64
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from journal.faults import path_of
from journal.samples import (
    NOW,
    PRACTICE,
    accepted,
    acknowledgement,
    claim,
    claim_one,
    delivery,
    escalation,
    finish,
    inbound,
    later,
    opened,
    opening,
    receipt,
    states,
)

from engine.core.decisions import Priority
from engine.core.deliveries import Acknowledgement, DeliveryState, Page, PageAction
from engine.core.errors import NotFound, UsageError
from engine.core.events import Address, Client, Inbound, Message
from engine.core.incidents import IncidentStatus
from engine.core.plan import CALL, Timer
from engine.core.settlements import Settlement
from engine.journal.journals import StoredJournal
from engine.ports import Journal

PHONE = "+254700000001"


async def test_a_client_is_told_everything(journal: Journal) -> None:
    """Texts, incidents and deliveries, found by the number however it is written."""
    await opened(journal, acknowledgement(), escalation())
    told = await journal.client("254 700 000 001", None, whole=True)
    (conversation,) = told["conversations"]
    assert conversation["messages"][0]["event"]["message"]["text"] == "text of first of wa-1"
    assert [one["id"] for one in conversation["deliveries"]] == ["ack", "post"]
    assert conversation["incidents"][0]["ticketId"] == "OC-2026-0001"


async def test_an_erased_client_is_unknown_and_closed(journal: Journal) -> None:
    """Open deliveries are dead, the incident is closed, and the number finds nothing."""
    ticket = await opened(journal, acknowledgement(), escalation())
    told = await journal.erase(PHONE, None, PRACTICE, NOW)
    assert (told["messages"], told["deliveries"], told["tickets"][0]["channel"]) == (1, 2, "support")
    assert set((await states(journal)).values()) == {DeliveryState.DEAD}
    assert await claim(journal) == ()
    view = await journal.incident(ticket)
    assert view is not None
    assert (view.incident.status, view.incident.client_phone, view.raw_text) == (IncidentStatus.LAPSED, None, None)
    with pytest.raises(NotFound):
        await journal.client(PHONE, None, whole=True)


async def test_the_alert_of_an_erased_client_is_closed(journal: Journal) -> None:
    """Somebody was still to be called: there is nobody to call about any more. The page names no conversation."""
    calls = (Timer(CALL, later(60)),)
    ticket = await opened(journal, escalation(), priority=Priority.HIGH, timers=calls)
    await journal.fire(CALL, 10, PRACTICE, later(60))
    await finish(journal, await claim_one(journal, "noc", later(61)), now=later(61))
    await journal.erase(PHONE, None, PRACTICE, later(62))
    claimed = await claim_one(journal, "noc", later(63))
    assert isinstance(claimed.body, Page)
    assert (claimed.body.action, claimed.body.ticket_id) == (PageAction.RESOLVE, ticket)
    assert claimed.lane.startswith("page:noc:main:erased-")
    assert await journal.fire(CALL, 10, PRACTICE, later(86_400)) == ()
    assert not (await journal.check())["findings"]


async def test_another_client_is_left_alone(journal: Journal) -> None:
    """Erasing one conversation leaves the deliveries and texts of the other."""
    await opened(journal, conversation="wa-1")
    await opened(journal, escalation("other", "wa-2"), conversation="wa-2")
    await journal.erase(None, ("main", "wa-1"), PRACTICE, NOW)
    told = await journal.client(None, ("main", "wa-2"), whole=True)
    assert told["conversations"][0]["messages"][0]["event"] is not None
    assert [one.id for one in await claim(journal)] == ["other"]


async def test_a_redelivered_message_of_an_erased_client_is_a_duplicate(journal: Journal) -> None:
    """A network that repeats itself does not bring the text back."""
    await opened(journal)
    await journal.erase(PHONE, None, PRACTICE, NOW)
    (again,) = await journal.accept([inbound("first of wa-1")], later(1))
    assert again.duplicate


async def test_what_is_under_way_refuses(journal: Journal) -> None:
    """A delivery being sent, or an undecided message, and nothing is erased."""
    await opened(journal, escalation())
    claimed = await claim_one(journal)
    with pytest.raises(UsageError, match="try again in a minute"):
        await journal.erase(PHONE, None, PRACTICE, NOW)
    await finish(journal, claimed)
    await journal.accept([inbound("m2")], NOW)
    with pytest.raises(UsageError, match="not decided"):
        await journal.erase(PHONE, None, PRACTICE, NOW)


async def test_nothing_comes_back_into_an_erased_delivery(journal: Journal) -> None:
    """Neither by a late receipt nor by an operator."""
    await opened(journal, acknowledgement())
    await journal.erase(PHONE, None, PRACTICE, NOW)
    assert await journal.note_receipts([receipt("ack", "delivered", "wamid.x")], NOW, escalate_to="mattermost") == 0
    with pytest.raises(UsageError, match="erased"):
        await journal.redrive("ack", NOW)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_no_byte_of_an_erased_client_is_left(sqlite_journal: StoredJournal, tmp_path: Path) -> None:
    """Not in the database, its log or a later backup: number, name, text, message id and what the network answered."""
    journal = sqlite_journal
    number = "254799123456"
    wamid = f"wamid.{base64.b64encode(number.encode()).decode()}"
    for other in range(60):
        await opened(journal, acknowledgement(f"o{other}", f"tg-{other}"), conversation=f"tg-{other}")
    text = "S3CRET " * 2000
    said = inbound(wamid, f"wa-{number}", "reserve")
    event = replace(said.event, client=Client(f"+{number}", "Zebedee"), message=Message(wamid, text))
    said = Inbound(said.connector, event, Address("reserve", number))
    words = Acknowledgement(number, f"Dear Zebedee, {text}", wamid)
    plan = opening(said, delivery("a1", words, f"wa-{number}", connector="reserve"))
    assert plan.incident is not None
    named = replace(plan.incident, client_name="Zebedee", client_phone=f"+{number}", issue_summary="S3CRET")
    await journal.record(await accepted(journal, said), replace(plan, incident=named), {"because": "S3CRET"}, NOW)
    for other in range(60, 120):
        await opened(journal, acknowledgement(f"o{other}", f"tg-{other}"), conversation=f"tg-{other}")
    claimed = await claim_one(journal, "reserve")
    await finish(journal, claimed, Settlement(DeliveryState.SENT, receipt=wamid))
    await journal.note_receipts([receipt("a1", "delivered", wamid, "reserve")], NOW, escalate_to="mattermost")
    secrets = [word.encode() for word in (number, wamid, "Zebedee", "S3CRET")]
    path = path_of(journal)
    before = b"".join(contents(tmp_path).values())
    assert all(word in before for word in secrets)
    assert (await journal.erase(f"+{number}", None, PRACTICE, NOW))["gone"]
    backup = tmp_path / "backup.db"
    source, target = apsw.Connection(str(path)), apsw.Connection(str(backup))
    with target.backup("main", source, "main") as copying:
        while not copying.done:
            copying.step()
    source.close()
    target.close()
    held = contents(tmp_path)
    assert {path.name, backup.name} <= held.keys()
    assert [(name, word) for name, content in held.items() for word in secrets if word in content] == []
