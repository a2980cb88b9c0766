"""Hostile words through the whole way from a client's message, or an engineer's command, to the posts about it.

Whatever a client or a colleague writes, only our own mentions call anybody, and no line of ours is broken.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins.conversations import (
    FAULT,
    OPEN,
    OUTAGE,
    RECEIVED_AT,
    THE_POST,
    circumstances,
    message,
    planned,
    the_escalation,
    the_incident,
)
from standins.mentions import notified, words
from standins.rosters import FixedDuty

from engine.connectors.mattermost.formatting import copy_message, escalation_message, follow_up_message
from engine.core import outages, workflow
from engine.core.actions import ACTION_KINDS, Action
from engine.core.deliveries import Body, Copy, Escalation, FollowUp, Relayed, Revision
from engine.core.incidents import Incident
from engine.core.practices import Practice, Standing, Watch

_PIECES = (
    *["@channel", "@all", "@here", "@alice", "zebra", "amina", "&#64;channel", "é", "🙂", "![x](http://e/)"],
    *["`", "``", "```", "````", "~~~", "\\", "[", "](", ")", "]", ">", "#", "|", "<", ":", '"', "-", "**", "done"],
    *("\n", "\n\n", " ", "    ", "- ", "1. ", "\r", "\u2028", "\x00", "Status: resolved", "OC-2026-0001"),
    *("\u200b", "\u2060", "\u202e", "\ufdd0", "\ufdd1", "\ufdd2", "\ud800", "\uff20channel", "Action: @all"),
)
_HOSTILE = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)
_EVERYBODY = frozenset({"someone"})
# What the members of the channel listen to; ours are the mention, who is on call, and the lead.
_KEYWORDS = dict.fromkeys(("@channel", "@all", "@here", "zebra", "amina", "someone"), _EVERYBODY)
_OURS = {"@oncall", "@alice", "@noc-lead"}
_PRACTICE = Practice(
    FixedDuty(), "mattermost", "test", relays=True, watch=Watch(frozenset({"3cx"}), 1, timedelta(minutes=10))
)
_NOW = RECEIVED_AT + timedelta(minutes=7)


def said(bodies: Iterable[Body]) -> list[str]:
    """The Markdown of everything that goes to Mattermost."""
    found = []
    for body in bodies:
        match body:
            case Escalation():
                found += [escalation_message(body, labelled=labelled) for labelled in (True, False)]
            case Revision(escalation=escalation):
                found.append(escalation_message(escalation, labelled=False))
            case Copy(escalation=escalation):
                found.append(copy_message(escalation))
            case FollowUp():
                found += [follow_up_message(body, threaded=threaded) for threaded in (True, False)]
            case _:
                pass
    return found


def assert_harmless(bodies: Iterable[Body]) -> None:
    for text in said(bodies):
        assert notified(text, _KEYWORDS) == frozenset(), text
        assert {word.rstrip(".,:") for word in words(text) if word[:1] == "@" and len(word) > 1} <= _OURS, text


def incident(name: str, summary: str) -> Incident:
    return replace(OPEN, client_name=name, issue_summary=summary)


@given(text=_HOSTILE, name=_HOSTILE, phone=_HOSTILE, again=_HOSTILE)
@settings(max_examples=60)
def test_what_a_client_writes_calls_nobody(text: str, name: str, phone: str, again: str) -> None:
    """In the first post, in its thread, in the edited post, in the copies."""
    around = replace(circumstances(), duty=FixedDuty())
    first = planned(message(text, name=name, phone=phone), replace(FAULT, also=(("noc", None),)), around)
    assert_harmless(delivery.body for delivery in first.deliveries)
    after = replace(the_incident(first), ticket_id="OC-2026-0001", version=1)
    around = replace(circumstances(after, the_escalation(first)), duty=FixedDuty())
    second = planned(message(again, number=2, name=name, phone=phone), OUTAGE, around)
    assert_harmless(delivery.body for delivery in second.deliveries)
    (revision,) = (one.body for one in second.deliveries if isinstance(one.body, Revision))
    lines = said([revision])[0].split("\n")
    assert lines[-1].startswith("Status: open")
    assert lines[-2].startswith("**OC-2026-0001** · urgent")


@pytest.mark.parametrize("kind", ACTION_KINDS)
@given(name=_HOSTILE, by=_HOSTILE, text=_HOSTILE)
@settings(max_examples=15)
def test_what_a_colleague_writes_calls_nobody(kind: str, name: str, by: str, text: str) -> None:
    """Neither a note nor a name nor the client's name beside them."""
    found = Standing(incident(name, "x"), THE_POST, message().reply, "MSG-1")
    action = Action("mattermost", "p1", kind, "post:w1", by or "x", _NOW, text=text, span=timedelta(minutes=5))
    change = workflow.act(action, found, _PRACTICE, _NOW)
    if kind != "misunderstood":  # its text is the connector's own
        assert_harmless(one.body for one in change.deliveries)
    relayed = [one.body for one in change.deliveries if isinstance(one.body, Relayed)]
    assert bool(relayed) is (kind == "reply")


@given(name=_HOSTILE, summary=_HOSTILE)
@settings(max_examples=40)
def test_the_calls_about_a_client_call_only_whom_they_should(name: str, summary: str) -> None:
    """Reminders, and the post of an outage with its list and what joins it."""
    climbed = workflow.climb(Standing(incident(name, summary), THE_POST), _PRACTICE, _NOW)
    assert_harmless(one.body for one in climbed.deliveries)
    members = tuple(replace(incident(name, summary), ticket_id=f"OC-2026-000{number}") for number in range(1, 4))
    opened = outages.opened("OC-2026-0009", "3cx", members, _PRACTICE, _NOW)
    assert_harmless(one.body for one in opened.deliveries)
    (post,) = (one.body for one in opened.deliveries if isinstance(one.body, Escalation))
    standing = Standing(opened.incident, post)
    changes = outages.joined(standing, replace(members[0], ticket_id="OC-2026-0008"), 4, _PRACTICE, _NOW)
    for change in (*changes, *opened.members, outages.over(standing, _PRACTICE, _NOW)):
        assert_harmless(one.body for one in change.deliveries)
    lines = escalation_message(post, labelled=True).split("\n")
    assert sum(line.startswith("- OC-2026-000") for line in lines) == 3
