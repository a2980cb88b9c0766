"""Every journal: one client stays one conversation, by whatever name a message comes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from journal.samples import (
    DECISION,
    NOTHING,
    NOW,
    PRACTICE,
    Restart,
    accepted,
    acknowledgement,
    escalation,
    inbound,
    lapse,
    later,
    opened,
    opening,
    states,
)
from standins.parts import SetClock

from engine.core.deliveries import DeliveryState
from engine.core.errors import NotFound
from engine.core.events import Client, Inbound, Signal
from engine.core.incidents import IncidentStatus
from engine.ports import Journal
from engine.retention import Retention

HIDDEN, NUMBER, MOVED = "wa-lid-1000001", "wa-254712345678", "wa-254700000009"
HOLD = timedelta(hours=2)


def said(message_id: str, *names: str, phone: str | None = None) -> Inbound:
    """A message of a client, in the conversation of the first of these names."""
    message = inbound(message_id, names[0])
    return replace(message, event=replace(message.event, client=Client(phone, "Jackson")), aliases=names)


async def begun(journal: Journal, message: Inbound, seconds: float = 0) -> str:
    """Accept a message that opens an incident; its ticket."""
    inbox_id = await accepted(journal, message, later(seconds))
    (waiting,) = [one for one in await journal.unrouted(100) if one.inbox_id == inbox_id]
    plan = opening(waiting.inbound)
    assert plan.incident is not None
    phone = waiting.inbound.event.client.phone
    plan = replace(plan, incident=replace(plan.incident, client_phone=phone))
    ticket = await journal.record(inbox_id, plan, DECISION, later(seconds))
    assert ticket is not None
    return ticket


async def place_of(journal: Journal, message: Inbound, seconds: float = 0) -> tuple[str, str | None]:
    """The conversation in which a message is kept, and the ticket of the incident that it finds."""
    inbox_id = await accepted(journal, message, later(seconds))
    (waiting,) = [one for one in await journal.unrouted(100) if one.inbox_id == inbox_id]
    await journal.record(inbox_id, replace(NOTHING, expected_version=_version(waiting.incident)), DECISION, later(1))
    return waiting.inbound.event.conversation_id, waiting.incident.ticket_id if waiting.incident else None


def _version(incident: object) -> int:
    return int(getattr(incident, "version", 0))


async def noted(journal: Journal, *signals: Signal) -> None:
    await journal.note_signals(signals, PRACTICE, later(60), hold=HOLD)


@pytest.mark.parametrize(
    ("first", "then"),
    [((HIDDEN,), (NUMBER, HIDDEN)), ((NUMBER,), (HIDDEN, NUMBER))],
    ids=["hidden-then-known", "known-then-hidden"],
)
async def test_a_client_stays_one_conversation(restart: Restart, first: tuple[str, ...], then: tuple[str, ...]) -> None:
    """From the first message on, by either name or both, after a restart too."""
    journal = await restart()
    ticket = await begun(journal, said("m1", *first))
    assert await place_of(journal, said("m2", *then)) == (first[0], ticket)
    journal = await restart("node-b")
    for number, names in enumerate([(HIDDEN,), (NUMBER,), (NUMBER, HIDDEN), (HIDDEN, NUMBER)]):
        assert await place_of(journal, said(f"m3-{number}", *names)) == (first[0], ticket)


async def test_a_new_client_with_two_names_has_the_conversation_of_the_message(journal: Journal) -> None:
    """Where nothing is known yet, the connector's own name counts, and the other leads there."""
    assert await place_of(journal, said("m1", NUMBER, HIDDEN)) == (NUMBER, None)
    assert await place_of(journal, said("m2", HIDDEN)) == (NUMBER, None)


async def test_a_number_that_was_told_once_is_known(journal: Journal) -> None:
    """A later message that hides the number is the client's whose number an earlier one told."""
    await accepted(journal, said("m1", HIDDEN))
    await accepted(journal, said("m2", HIDDEN, NUMBER, phone="+254712345678"))
    (first,) = await journal.unrouted(10)
    await journal.record(first.inbox_id, NOTHING, DECISION, NOW)
    (second,) = await journal.unrouted(10)
    await journal.record(second.inbox_id, NOTHING, DECISION, NOW)
    await accepted(journal, said("m3", HIDDEN))
    (third,) = await journal.unrouted(10)
    phones = [one.inbound.event.client.phone for one in (first, second, third)]
    assert phones == [None, "+254712345678", "+254712345678"]


async def test_the_same_message_with_more_names_is_one(journal: Journal) -> None:
    """A network that repeats itself and knows more by now repeats itself all the same."""
    (first,) = await journal.accept([said("m1", HIDDEN)], NOW)
    for names in ((NUMBER, HIDDEN), (NUMBER,), (HIDDEN,)):
        (again,) = await journal.accept([said("m1", *names)], later(1))
        assert (again.duplicate, again.inbox_id) == (True, first.inbox_id)


async def test_two_conversations_that_are_one_clients_are_joined_to_the_older(journal: Journal) -> None:
    """What is stored stays where it is; what comes from now on, by either name, joins the one that was seen first."""
    await place_of(journal, said("m1", HIDDEN))
    await place_of(journal, said("m2", NUMBER), seconds=60)
    assert await place_of(journal, said("m3", NUMBER, HIDDEN), seconds=120) == (HIDDEN, None)
    assert await place_of(journal, said("m4", NUMBER), seconds=180) == (HIDDEN, None)
    for message, names in (("m1", (NUMBER,)), ("m2", (HIDDEN,)), ("m2", (NUMBER,)), ("m3", (NUMBER, HIDDEN))):
        (again,) = await journal.accept([said(message, *names)], later(240))
        assert again.duplicate
    told = await journal.client(None, ("main", NUMBER), whole=True)
    assert {one["conversationId"]: len(one["messages"]) for one in told["conversations"]} == {NUMBER: 1, HIDDEN: 3}


async def test_two_conversations_are_joined_to_the_one_that_is_looked_after(journal: Journal) -> None:
    """An incident that takes messages goes before age, so that the engineer who has it hears the client."""
    await place_of(journal, said("m1", HIDDEN))
    ticket = await begun(journal, said("m2", NUMBER), seconds=60)
    assert await place_of(journal, said("m3", HIDDEN, NUMBER), seconds=120) == (NUMBER, ticket)
    assert await place_of(journal, said("m4", HIDDEN), seconds=180) == (NUMBER, ticket)
    (again,) = await journal.accept([said("m1", NUMBER)], later(240))
    assert again.duplicate


async def test_a_conversation_is_left_twice(journal: Journal) -> None:
    """Messages are found again that were kept under a name which has led elsewhere since."""
    await place_of(journal, said("m0", MOVED))
    await place_of(journal, said("m1", HIDDEN, NUMBER), seconds=60)
    assert await place_of(journal, said("m2", NUMBER, MOVED), seconds=120) == (MOVED, None)
    for names in ((MOVED,), (NUMBER,), (HIDDEN, NUMBER)):
        (again,) = await journal.accept([said("m1", *names)], later(180))
        assert again.duplicate
    assert (await journal.check())["findings"] == []


async def test_names_of_one_connector_say_nothing_about_another(journal: Journal) -> None:
    """Each account of ours has its own conversations."""
    await accepted(journal, said("m1", HIDDEN, NUMBER))
    assert await place_of(journal, replace(said("m2", NUMBER), connector="cloud")) == (NUMBER, None)


async def test_a_conversation_of_earlier_engines_is_its_own_name(journal: Journal) -> None:
    """Whatever was kept before names were is joined by the name that it has."""
    ticket = await opened(journal, conversation=HIDDEN)
    assert await place_of(journal, said("m2", NUMBER, HIDDEN)) == (HIDDEN, ticket)


async def test_a_new_number_is_a_name_of_the_client(journal: Journal) -> None:
    """After the network has told of it, messages from there belong to the same conversation."""
    ticket = await begun(journal, said("m1", NUMBER))
    change = Signal("main", NUMBER, "number_change", "s1", later(60), text="+254700000009", aliases=(NUMBER, MOVED))
    await noted(journal, change, change)
    assert await place_of(journal, said("m2", MOVED)) == (NUMBER, ticket)
    view = await journal.incident(ticket)
    assert view is not None
    assert [delivery.kind for delivery in view.deliveries] == ["follow_up"]


async def test_a_signal_finds_the_conversation_of_its_client(journal: Journal) -> None:
    """A reply that names the client otherwise claims the incident all the same, once."""
    ticket = await begun(journal, said("m1", HIDDEN))
    await accepted(journal, said("m2", NUMBER, HIDDEN))
    reply = Signal("main", NUMBER, "human_reply", "own-1", later(60), aliases=(NUMBER,))
    await noted(journal, reply, replace(reply, conversation_id=HIDDEN, aliases=(HIDDEN, NUMBER)))
    view = await journal.incident(ticket)
    assert view is not None
    assert view.incident.status is IncidentStatus.CLAIMED
    assert [delivery.kind for delivery in view.deliveries] == ["follow_up"]


async def test_a_signal_is_one_whatever_its_conversation_was(journal: Journal) -> None:
    """Told again after its conversation was joined to another, it says nothing new."""
    await place_of(journal, said("m1", NUMBER))
    revoke = Signal("main", HIDDEN, "revoke", "r1", later(60), aliases=(HIDDEN,))
    await place_of(journal, said("m2", HIDDEN), seconds=30)
    await noted(journal, revoke)
    ticket = await begun(journal, said("m3", NUMBER, HIDDEN), seconds=90)
    await noted(journal, revoke)
    view = await journal.incident(ticket)
    assert view is not None
    assert view.deliveries == ()


async def test_nothing_is_learned_of_strangers(journal: Journal) -> None:
    """A person of ours writes to anybody from the same phone; their names are kept only once they write to us."""
    await noted(journal, Signal("main", NUMBER, "human_reply", "own-1", later(60), aliases=(NUMBER, HIDDEN)))
    assert await place_of(journal, said("m1", HIDDEN)) == (HIDDEN, None)


async def test_a_hidden_client_is_erased_by_number(journal: Journal) -> None:
    """The number finds every conversation of the client, and no name is left of which another could be told."""
    await opened(journal, acknowledgement(conversation=HIDDEN), escalation(conversation=HIDDEN), conversation=HIDDEN)
    await place_of(journal, said("m9", MOVED), seconds=30)
    assert await place_of(journal, said("m2", HIDDEN, NUMBER, MOVED), seconds=60)
    told = await journal.client("+254712345678", None, whole=True)
    assert {name for one in told["conversations"] for name in one["identities"]} == {HIDDEN, NUMBER, MOVED}
    erased = await journal.erase("+254712345678", None, PRACTICE, NOW)
    assert (erased["conversations"], erased["messages"]) == (2, 3)
    assert set((await states(journal)).values()) == {DeliveryState.DEAD}
    for name in (HIDDEN, NUMBER, MOVED):
        with pytest.raises(NotFound):
            await journal.client(None, ("main", name), whole=True)
    (again,) = await journal.accept([said("m2", NUMBER, HIDDEN)], later(61))
    assert again.duplicate
    assert await place_of(journal, said("m3", NUMBER), seconds=90) == (NUMBER, None)


async def test_names_go_with_the_last_message(journal: Journal) -> None:
    """Once nothing of a client is kept any more, nobody knows that two names were one client's."""
    await begun(journal, said("m1", HIDDEN))
    await place_of(journal, said("m2", HIDDEN, NUMBER))
    await lapse(journal, 10, later(5 * 3600))
    clock = SetClock(later(401 * 86_400))
    await Retention(journal, clock, text=timedelta(days=30), metadata=timedelta(days=400)).sweep()
    assert await journal.decided(NOW, None, 10) == ()
    assert await place_of(journal, said("m3", NUMBER), seconds=402 * 86_400) == (NUMBER, None)
    assert (await journal.check())["findings"] == []
