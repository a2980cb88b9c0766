"""A scenario is played as the daemon would have had it."""

from datetime import UTC, datetime, timedelta

import pytest
from rehearsals.sets import loaded, ruleset

from engine.core.events import Attachment, Client
from engine.rehearsals.plays import Seen, play

RULES = """\
  - {id: calls, when: {words: [call]}, priority: high, channel: voip, ack: urgent, tags: [calls]}
  - {id: outage, when: {words: [outage]}, priority: urgent, channel: voip}
  - {id: thanks, when: {exact: [thanks]}, ack: none, escalate: false, priority: low}
  - {id: again, when: {follow_up: true}}
"""


def _play(steps: str, head: str = "", sections: str = "") -> tuple[Seen, ...]:
    found = loaded(RULES, f"  - name: Story\n{head}    steps:\n{steps}", sections)
    (scenario,) = found.document.scenarios
    return play(scenario, ruleset(found), found.document.clients)


def test_the_first_message_opens_an_incident() -> None:
    """It is decided by the rules, answered, and posted; the ticket number is filled in."""
    (seen,) = _play("      - {from: Amina, says: please call}\n")
    assert seen.decision.matched == ("calls", "last")
    assert not seen.follow_up
    assert seen.ack == "At once."
    assert seen.post is not None
    assert (seen.post.channel, seen.post.ticket_id) == ("voip", "OC-2026-0001")
    assert seen.counts == {
        "posts": 1,
        "copies": 0,
        "replies": 0,
        "edits": 0,
        "acknowledgements": 1,
        "incidents": 1,
    }


def test_a_further_message_joins_its_thread() -> None:
    """While the incident is open there is one answer and one post, and rules may ask for `follow_up`."""
    _, seen = _play("      - {from: Amina, says: please call}\n      - {after: 10m, says: hello}\n")
    assert seen.follow_up
    assert seen.decision.matched == ("again", "last")
    assert (seen.ack, seen.post, seen.edits, seen.opened) == (None, None, 0, False)
    assert seen.reply is not None
    assert "hello" in seen.reply


def test_a_graver_message_edits_the_post() -> None:
    """And a later one edits what the post has become."""
    seen = _play(
        "      - {from: Amina, says: hello}\n"
        "      - {after: 1m, says: please call}\n"
        "      - {after: 1m, says: outage}\n"
    )
    assert [each.edits for each in seen] == [0, 1, 1]
    assert seen[2].reply is not None
    assert "raised from high to urgent" in seen[2].reply


@pytest.mark.parametrize(
    ("pause", "joins"), [("239m", True), ("240m", False), ("241m", False)], ids=["before", "just", "after"]
)
def test_a_silent_incident_lapses_by_the_clock(pause: str, joins: bool) -> None:  # noqa: FBT001 - a table
    """As the daemon's timer has it: four hours after the last message the next one opens another incident."""
    first, second = _play(f"      - {{from: Amina, says: call}}\n      - {{after: {pause}, says: call}}\n")
    assert first.opened
    assert (second.follow_up, second.opened) == (joins, not joins)
    assert (second.post is None) == joins
    if second.post:
        assert second.post.ticket_id == "OC-2026-0002"


def test_every_client_has_a_conversation() -> None:
    """Two clients at once are two incidents, whoever is on top in the file."""
    seen = _play(
        "      - {from: Amina, says: call}\n      - {from: Brian, says: call}\n      - {from: Amina, says: more}\n"
    )
    assert [each.opened for each in seen] == [True, True, False]


def test_a_message_that_calls_for_nothing_opens_nothing() -> None:
    """Thanks alone are neither answered nor posted, and what follows is a first message."""
    first, second = _play("      - {from: Amina, says: thanks}\n      - {after: 1m, says: call}\n")
    assert set(first.counts.values()) == {0}
    assert (second.follow_up, second.opened) == (False, True)


def test_a_step_says_who_writes_what_and_when() -> None:
    """The clock, the client, the kind, the network and the attachments reach the event."""
    seen = _play(
        "      - {from: amina, says: call, kind: edit, source: desk, attachments: [image, voice]}\n"
        "      - {wait: 5h}\n"
        "      - {from: Acme, says: call}\n"
        "      - {from: brian, at: '2026-02-13 08:05', says: call}\n"
        "      - {from: carol, after: 30m, says: call}\n",
        "    at: '2026-02-12 22:15'\n    timezone: Africa/Nairobi\n"
        "    clients: {amina: {name: Amina, phone: '+254700000103'}, brian: '+254700000108', carol: Carol}\n",
        "clients: [{name: Acme, phones: ['+254700000001']}]\n",
    )
    assert [each.event.client for each in seen] == [
        Client("+254700000103", "Amina"),
        Client("+254700000001", "Acme"),
        Client("+254700000108", None),
        Client(None, "Carol"),
    ]
    begin = datetime(2026, 2, 12, 19, 15, tzinfo=UTC)
    times = [begin, begin + timedelta(hours=5), datetime(2026, 2, 13, 5, 5, tzinfo=UTC)]
    assert [each.event.received_at for each in seen] == [*times, times[2] + timedelta(minutes=30)]
    message = seen[0].event.message
    assert (message.kind, seen[0].event.source) == ("edit", "desk")
    assert message.attachments == (Attachment("image"), Attachment("voice"))
    assert [each.number for each in seen] == [1, 3, 4, 5]


def test_a_night_in_which_clocks_change_has_its_real_length() -> None:
    """Time is added on the clock that never jumps."""
    _, seen = _play(
        "      - {from: Amina, says: call}\n      - {after: 2h, says: call}\n",
        "    at: '2026-03-28 23:30'\n    timezone: Europe/Berlin\n",
    )
    assert seen.event.received_at.astimezone(UTC) == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    _, seen = _play(
        "      - {from: Amina, says: call}\n      - {after: 3h, says: call}\n",
        "    at: '2026-03-28 23:30'\n    timezone: Europe/Berlin\n",
    )
    assert f"{seen.event.received_at:%H:%M}" == "03:30"


def test_somebody_nobody_knows_has_a_name() -> None:
    """Without a list of clients a name alone is a client."""
    (seen,) = _play("      - {from: Amina, says: call}\n")
    assert seen.event.client == Client(None, "Amina")


POLICIES = """\
  - {id: short, when: {words: [short]}, follow_up: {within: 30m}}
  - {id: apart, when: {words: [apart]}, follow_up: {then: new}, mention: "@network-team"}
  - {id: again, when: {words: [again]}, follow_up: {within: 1d, ack_again_after: 12h}}
  - {id: shared, when: {words: [shared]}, also: [voip, network]}
"""


def _policy(steps: str) -> tuple[Seen, ...]:
    found = loaded(POLICIES, f"  - name: Story\n    steps:\n{steps}")
    (scenario,) = found.document.scenarios
    return play(scenario, ruleset(found), ())


def test_a_rule_says_how_long_its_incident_takes_messages() -> None:
    """Half an hour instead of four."""
    seen = _policy(
        "      - {from: A, says: short}\n      - {after: 29m, says: more}\n      - {after: 31m, says: more}\n"
    )
    assert [(each.follow_up, each.opened) for each in seen] == [(False, True), (True, False), (False, True)]


def test_a_rule_may_want_an_incident_for_each_message() -> None:
    """The message is a further one, and opens another incident; the post calls whom the rule names."""
    seen = _policy("      - {from: A, says: apart}\n      - {after: 5m, says: apart}\n")
    assert [(each.follow_up, each.opened, each.ack is not None) for each in seen] == [
        (False, True, True),
        (True, True, True),
    ]
    assert [each.post and each.post.ticket_id for each in seen] == ["OC-2026-0001", "OC-2026-0002"]
    assert seen[0].post is not None
    assert "@network-team" in seen[0].post.body


def test_a_long_incident_may_acknowledge_again() -> None:
    """When its last acknowledgement is old enough."""
    seen = _policy(
        "      - {from: A, says: again}\n      - {after: 11h, says: more}\n      - {after: 2h, says: more}\n"
    )
    assert [each.ack is not None for each in seen] == [True, False, True]
    assert [each.opened for each in seen] == [True, False, False]


def test_copies_are_counted_apart_from_posts() -> None:
    """One for each further channel."""
    (seen,) = _policy("      - {from: A, says: shared}\n")
    assert (seen.counts["posts"], seen.counts["copies"]) == (1, 2)
    assert seen.post is not None
    assert seen.post.channel == "triage"
