"""Which conversation a client's names belong to, whatever was told in whatever order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import identities
from engine.core.identities import Belonging, Identity, Standing, answers, belonging, is_settled, phone_of

NOW = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC)
HIDDEN, NUMBER = "wa-lid-1000001", "wa-254712345678"


def standing(conversation_id: str, days: int, *, live: bool = False) -> Standing:
    return Standing(conversation_id, NOW + timedelta(days=days), live)


def test_the_name_of_the_message_comes_first() -> None:
    """Each name counts once, and a flood of them is cut."""
    assert identities.told(NUMBER, (HIDDEN, NUMBER, HIDDEN)) == (NUMBER, HIDDEN)
    assert len(identities.told("wa-0", (f"wa-{number}" for number in range(99)))) == identities.MOST


@pytest.mark.parametrize(
    ("names", "leads", "settled"),
    [
        pytest.param((NUMBER,), {}, True, id="one name that nobody knows"),
        pytest.param((NUMBER,), {NUMBER: HIDDEN}, True, id="one name that leads elsewhere"),
        pytest.param((NUMBER, HIDDEN), {}, False, id="two new ones"),
        pytest.param((NUMBER, HIDDEN), {HIDDEN: HIDDEN}, False, id="a new one"),
        pytest.param((NUMBER, HIDDEN), {HIDDEN: HIDDEN, NUMBER: NUMBER}, False, id="two conversations"),
        pytest.param((NUMBER, HIDDEN), {HIDDEN: HIDDEN, NUMBER: HIDDEN}, True, id="one conversation"),
    ],
)
def test_only_what_is_new_is_learned(names: tuple[str, ...], leads: dict[str, str], *, settled: bool) -> None:
    """A message whose names lead to one conversation teaches nothing."""
    assert is_settled(names, leads) is settled


@pytest.mark.parametrize(
    ("leads", "standings", "expected"),
    [
        pytest.param({}, [], Belonging(NUMBER, (NUMBER, HIDDEN)), id="a new client"),
        pytest.param({}, [standing(HIDDEN, 0)], Belonging(HIDDEN, (NUMBER, HIDDEN)), id="first hidden, then known"),
        pytest.param(
            {HIDDEN: HIDDEN}, [standing(HIDDEN, 0)], Belonging(HIDDEN, (NUMBER,)), id="a further name of a known client"
        ),
        pytest.param(
            {},
            [standing(NUMBER, 1), standing(HIDDEN, 0)],
            Belonging(HIDDEN, (NUMBER, HIDDEN)),
            id="two conversations: the older",
        ),
        pytest.param(
            {NUMBER: NUMBER, HIDDEN: HIDDEN},
            [standing(NUMBER, 1, live=True), standing(HIDDEN, 0)],
            Belonging(NUMBER, (), (HIDDEN,)),
            id="two conversations: the one with an incident",
        ),
        pytest.param(
            {NUMBER: NUMBER, HIDDEN: HIDDEN},
            [standing(NUMBER, 1, live=True), standing(HIDDEN, 0, live=True)],
            Belonging(HIDDEN, (), (NUMBER,)),
            id="two with an incident: the older",
        ),
        pytest.param(
            {NUMBER: NUMBER, HIDDEN: HIDDEN},
            [standing(HIDDEN, 0), standing(NUMBER, 0)],
            Belonging(NUMBER, (), (HIDDEN,)),
            id="of the same age: the first by name",
        ),
    ],
)
def test_names_that_are_told_together_belong_together(
    leads: dict[str, str], standings: list[Standing], expected: Belonging
) -> None:
    """One conversation is chosen, the same whoever looks."""
    assert belonging((NUMBER, HIDDEN), leads, standings) == expected
    assert belonging((NUMBER, HIDDEN), leads, standings[::-1]) == expected


_NAMES = tuple(f"wa-{number}" for number in range(6))
_messages = st.lists(st.tuples(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True)), max_size=30)


def _clients(messages: Sequence[Sequence[str]]) -> list[set[str]]:
    """The names that are one client's, worked out anew from all messages."""
    groups: list[set[str]] = []
    for names in messages:
        same = [group for group in groups if not group.isdisjoint(names)]
        groups = [group for group in groups if group not in same] + [set(names).union(*same)]
    return groups


@given(messages=_messages, live=st.sets(st.sampled_from(_NAMES)))
def test_every_name_of_a_client_leads_to_one_conversation(messages: list[tuple[list[str]]], live: set[str]) -> None:
    """Whatever was told in whatever order: who was told to be one is one, who was not is not, the conversation is one
    of the client's own names, and it leads to itself.
    """
    leads: dict[str, str] = {}
    since: dict[str, datetime] = {}
    for number, (names,) in enumerate(messages):
        known = {name: leads[name] for name in names if name in leads}
        if is_settled(names, known):
            place = known.get(names[0], names[0])
        else:
            candidates = {*known.values(), *(name for name in names if name in since and name not in leads)}
            standings = [Standing(one, since.get(one, NOW), one in live) for one in candidates]
            found = belonging(names, known, standings)
            place = found.conversation_id
            leads.update({name: place for name, target in leads.items() if target in found.joined})
            leads.update(dict.fromkeys(found.learned, place))
        since.setdefault(place, NOW + timedelta(seconds=number))
    for client in _clients([names for (names,) in messages]):
        reached = {leads.get(name, name) for name in client}
        assert len(reached) == 1
        assert reached <= client
        assert leads.get(*reached, *reached) in reached


def identity(name: str, days: int) -> Identity:
    return Identity(name, HIDDEN, NOW + timedelta(days=days), stored=False)


def test_the_number_is_the_one_that_was_learned_last() -> None:
    """After a change of the number the new one counts; hidden numbers and user ids are none."""
    assert phone_of([identity(HIDDEN, 9), identity("wa-KE.1349", 9)]) is None
    assert phone_of([identity(NUMBER, 1), identity("wa-254700000001", 2), identity(HIDDEN, 3)]) == "+254700000001"


@pytest.mark.parametrize(
    ("lane", "peer", "expected"),
    [
        ("acknowledge:main:wa-lid-1000001", "1000001@lid", True),
        ("acknowledge:desk:ticket:7", "+254712345678", True),
        ("acknowledge:desk:ticket:7", "wa-lid-1000001", True),
        ("acknowledge:desk:ticket:7", "+254712345679", False),
        ("acknowledge:main:wa-lid-1000002", "1000002@lid", False),
    ],
)
def test_a_delivery_is_known_by_its_conversation_or_its_number(lane: str, peer: str, *, expected: bool) -> None:
    """Whoever took the message in: what goes to one of the client's names goes to the client."""
    assert answers(lane, peer, (NUMBER, HIDDEN)) is expected
