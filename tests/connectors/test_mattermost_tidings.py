"""What a server tells becomes values, whatever it tells."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connectors.mattermost import tidings
from engine.connectors.mattermost.tidings import Event, Person, Post, Reaction
from engine.core.actions import ACTION_KINDS, Action

_MS = 1_770_891_330_500
_AT = datetime(2026, 2, 12, 10, 15, 30, 500_000, tzinfo=UTC)
_POST = {
    "id": "p1",
    "channel_id": "c1",
    "root_id": "p0",
    "user_id": "u1",
    "message": "take",
    "create_at": _MS,
    "delete_at": 0,
    "type": "",
    "props": {},
}
_KEYS = st.sampled_from([*_POST, "event", "seq", "data", "broadcast", "emoji_name"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=12,
)


def test_reads_an_event() -> None:
    """The frame of an event, with its number and its channel."""
    frame = {"event": "posted", "data": {"post": "{}"}, "broadcast": {"channel_id": "c1"}, "seq": 7}
    assert tidings.event(json.dumps(frame)) == Event("posted", 7, {"post": "{}"}, "c1")
    assert tidings.event(json.dumps({"event": "hello", "seq": 0}).encode()) == Event("hello", 0, {}, "")


@pytest.mark.parametrize(
    "frame", ["", "{", "[1]", '{"status":"OK","seq_reply":1}', '{"event":"x","seq":true}', "[" * 9999]
)
def test_passes_over_what_is_no_event(frame: str) -> None:
    """Answers to what we sent, and what cannot be read."""
    assert tidings.event(frame) is None


def test_reads_a_post_as_an_object_and_as_text() -> None:
    """Listings carry objects, events JSON within JSON."""
    wanted = Post("p1", "c1", "p0", "u1", "take", _MS, spoken=True)
    assert tidings.post(_POST) == tidings.post(json.dumps(_POST)) == wanted


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "system_add_to_channel"},
        {"delete_at": _MS},
        {"props": {"from_bot": "true"}},
        {"props": {"from_webhook": "true"}},
        {"props": {"from_plugin": True}},
    ],
    ids=["system", "deleted", "bot", "webhook", "plugin"],
)
def test_nobody_spoke(changed: dict[str, Any]) -> None:
    """What machines write, and what is no longer there, is nobody's word."""
    post = tidings.post(_POST | changed)
    assert post is not None
    assert not post.spoken


@pytest.mark.parametrize("missing", ["id", "channel_id", "create_at"])
def test_a_post_without_the_least_is_none(missing: str) -> None:
    """Nothing can be made of it."""
    assert tidings.post({**_POST, missing: None}) is None


def test_a_reaction_is_known_by_its_last_change() -> None:
    """A reaction that is set once more keeps its `create_at`, one that is taken back has none, an old server tells
    nothing but `create_at`.
    """
    told = {"post_id": "p0", "user_id": "u1", "emoji_name": "eyes"}
    assert tidings.reaction(told | {"create_at": _MS}) == Reaction("p0", "u1", "eyes", _MS)
    assert tidings.reaction(told | {"create_at": _MS, "update_at": _MS + 5}) == Reaction("p0", "u1", "eyes", _MS + 5)
    assert tidings.reaction(json.dumps(told | {"create_at": 0, "update_at": _MS})) == Reaction("p0", "u1", "eyes", _MS)
    assert tidings.reaction(told) == Reaction("p0", "u1", "eyes", 0)
    assert tidings.reaction({"post_id": "p0"}) is None


@pytest.mark.parametrize(
    ("changed", "human"), [({}, True), ({"is_bot": True}, False), ({"delete_at": _MS}, False)], ids=["a", "bot", "gone"]
)
def test_knows_people(changed: dict[str, Any], human: bool) -> None:  # noqa: FBT001 - a table
    """Neither bots nor accounts that were deactivated."""
    told = {"id": "u1", "username": "amina", "delete_at": 0} | changed
    assert tidings.person(told) == Person("u1", "amina", human=human)
    assert tidings.person({"id": "u1"}) is None


def test_actions_have_ids_that_stay() -> None:
    """The same reaction or word has the same id whoever tells of it."""
    eyes = Reaction("p0", "u1", "eyes", _MS)
    check = Reaction("p0", "u1", "white_check_mark", _MS)
    assert tidings.of_reaction("mattermost", eyes, "amina") == Action(
        "mattermost", "p0", "claim", f"reaction:p0:u1:eyes:{_MS}", "amina", _AT
    )
    assert tidings.of_reaction("mattermost", check, "amina").kind == "resolve"
    gone = tidings.of_removal("mattermost", eyes, "amina", "n1-4", _AT + timedelta(1))
    assert gone == Action("mattermost", "p0", "release", f"unreaction:p0:u1:eyes:{_MS}", "amina", _AT)
    assert tidings.of_removal("mattermost", check, "amina", "n1-4", _AT).kind == "reopen"
    timeless = tidings.of_removal("mattermost", Reaction("p0", "u1", "eyes", 0), "amina", "n1-4", _AT)
    assert timeless == Action("mattermost", "p0", "release", "unreaction:p0:u1:eyes:n1-4", "amina", _AT)
    said = tidings.of_post("mattermost", Post("p1", "c1", "p0", "u1", "snooze 30m", _MS, spoken=True), "amina")
    assert said == Action("mattermost", "p0", "snooze", "post:p1", "amina", _AT, span=timedelta(minutes=30))
    unclear = tidings.of_post("mattermost", Post("p1", "c1", "p0", "u1", "snooze", _MS, spoken=True), "amina")
    assert (unclear.kind, unclear.text[:16]) == ("misunderstood", "Nothing was done")
    assert {gone.kind, said.kind, unclear.kind} <= set(ACTION_KINDS)


def test_a_claims_id_names_its_reaction() -> None:
    """The reaction behind a claim is found again; a claim by a word or by nobody has none."""
    eyes = Reaction("p0", "u1", "eyes", _MS)
    assert tidings.key_of(tidings.id_of(eyes)) == eyes.key
    assert tidings.key_of("post:p1") is None
    assert tidings.key_of(None) is None


@given(_JSON)
def test_never_fails(told: object) -> None:
    """Whatever a server tells is read or passed over."""
    frame = json.dumps(told)
    tidings.event(frame)
    for value in (told, frame):
        tidings.post(value)
        reaction = tidings.reaction(value)
        assert reaction is None or tidings.moment(reaction.changed_ms).tzinfo is UTC
        tidings.person(value)
