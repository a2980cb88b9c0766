"""The line of a post that says how its incident stands."""

from dataclasses import replace
from datetime import timedelta

import pytest
from standins.conversations import OPEN, THE_POST

from engine.core import standings
from engine.core.actions import ACTION_KINDS
from engine.core.incidents import Incident, IncidentStatus
from engine.core.quotes import plain, quote

AT = OPEN.created_at
CLAIMED = replace(OPEN, status=IncidentStatus.CLAIMED, claimed_by="amina", claimed_at=AT + timedelta(minutes=2))
LATER = AT + timedelta(minutes=12)


@pytest.mark.parametrize(
    ("incident", "line"),
    [
        pytest.param(OPEN, "open · since 12 min · :eyes: take it, :white_check_mark: resolve it", id="open"),
        pytest.param(
            CLAIMED, "claimed by amina at 10:17 UTC · since 12 min · :white_check_mark: resolve it", id="claimed"
        ),
        pytest.param(
            replace(CLAIMED, claimed_by="whatsapp", claimed_at=None),
            "claimed on WhatsApp · since 12 min · :white_check_mark: resolve it",
            id="claimed by an answer",
        ),
        pytest.param(
            replace(CLAIMED, claimed_by=None, claimed_at=None),
            "claimed by somebody · since 12 min · :white_check_mark: resolve it",
            id="claimed by nobody knows whom",
        ),
        pytest.param(
            replace(CLAIMED, replied_at=AT + timedelta(minutes=3)),
            "waiting for the client, claimed by amina at 10:17 UTC · since 12 min · :white_check_mark: resolve it",
            id="waiting for the client",
        ),
        pytest.param(
            replace(OPEN, snoozed_until=AT + timedelta(days=1)),
            "open · paused until 2026-02-13 10:15 UTC · since 12 min · :eyes: take it, :white_check_mark: resolve it",
            id="paused",
        ),
        pytest.param(
            replace(OPEN, snoozed_until=AT),
            "open · since 12 min · :eyes: take it, :white_check_mark: resolve it",
            id="no longer paused",
        ),
        pytest.param(
            replace(CLAIMED, status=IncidentStatus.RESOLVED, resolved_by="otieno", resolved_at=AT + timedelta(hours=3)),
            "resolved by otieno at 13:15 UTC after 3 h",
            id="resolved",
        ),
        pytest.param(
            replace(OPEN, status=IncidentStatus.RESOLVED), "resolved at 10:27 UTC after 12 min", id="resolved, no more"
        ),
        pytest.param(replace(OPEN, status=IncidentStatus.LAPSED), "closed: the client has been silent", id="silent"),
    ],
)
def test_a_post_says_how_things_stand(incident: Incident, line: str) -> None:
    """In few words, and with what to do next."""
    assert plain(standings.standing(incident, LATER)) == line


def test_a_name_calls_nobody() -> None:
    """It is quoted, so that it stands in code: members are told of posts that hold their first name."""
    assert quote("amina") in standings.standing(CLAIMED, LATER)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.9, "under a minute"),
        (1, "1 min"),
        (60, "1 h"),
        (185, "3 h 5 min"),
        (1440, "1 d"),
        (3125, "2 d 4 h"),
    ],
)
def test_an_age_in_words(minutes: float, words: str) -> None:
    """As people say it."""
    assert standings.age(timedelta(minutes=minutes)) == words


@pytest.mark.parametrize(
    ("status", "offers"),
    [
        (IncidentStatus.OPEN, ("claim", "resolve", "snooze")),
        (IncidentStatus.CLAIMED, ("resolve", "release")),
        (IncidentStatus.RESOLVED, ("reopen",)),
        (IncidentStatus.LAPSED, ("reopen",)),
    ],
)
def test_a_post_offers_what_can_be_done_as_the_incident_stands(status: IncidentStatus, offers: tuple[str, ...]) -> None:
    """Together with the line; nothing else of the post changes."""
    incident = replace(CLAIMED, status=status)
    told = standings.stood(THE_POST, incident, LATER)
    assert told == replace(THE_POST, standing=standings.standing(incident, LATER), offers=offers)
    assert set(offers) <= set(ACTION_KINDS)
