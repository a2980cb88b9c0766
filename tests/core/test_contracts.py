"""The JSON at the border: what a posted event must be, and what the engine writes."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from standins.conversations import FAULT, OPEN, SEED_TEXT, THE_POST

from engine.core.contracts import (
    decision_json,
    escalation_json,
    event_json,
    event_schema,
    incident_json,
    parse_event,
)
from engine.core.decisions import Because, NotMatched, Shadow
from engine.core.errors import InvalidEvent
from engine.core.events import Attachment, Client, Event, Message
from engine.core.quotes import quote

EXAMPLE = (
    '{"source":"whatsapp","receivedAt":"2026-02-12T10:15:30Z","conversationId":"wa-2547xxxxxxxx",'
    '"client":{"phone":"+2547xxxxxxxx","displayName":"Jackson"},'
    '"message":{"id":"ABCD1234","text":"I have issues with my 3CX, I can\'t make outbound calls"}}'
)
EVENT = Event(
    source="whatsapp",
    received_at=datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC),
    conversation_id="wa-2547xxxxxxxx",
    client=Client("+2547xxxxxxxx", "Jackson"),
    message=Message("ABCD1234", SEED_TEXT),
)
SCHEMA = Draft202012Validator(event_schema())


def changed(path: str, value: object) -> bytes:
    """The example with one field set, or removed when the value is `...`."""
    body: dict[str, Any] = json.loads(EXAMPLE)
    *parents, last = path.split(".")
    target = body
    for parent in parents:
        target = target[parent]
    if value is ...:
        del target[last]
    else:
        target[last] = deepcopy(value)
    return json.dumps(body).encode()


def test_the_example_of_the_contract_parses_and_is_written_back() -> None:
    """The event as the contract shows it, both ways, and its JSON Schema agrees."""
    assert parse_event(EXAMPLE.encode()) == EVENT
    assert event_json(EVENT) == json.loads(EXAMPLE)
    assert list(event_json(EVENT)) == ["source", "receivedAt", "conversationId", "client", "message"]
    SCHEMA.validate(json.loads(EXAMPLE))


def test_an_event_may_carry_kind_and_attachments() -> None:
    """The optional parts, all of them, both ways."""
    message = {
        "id": "1",
        "text": "",
        "kind": "edit",
        "attachments": [
            {"kind": "image", "mediaType": "image/jpeg", "name": "router.jpg", "sizeBytes": 4096},
            {"kind": "location"},
        ],
    }
    parsed = parse_event(changed("message", message))
    assert parsed.message == Message(
        "1", "", "edit", (Attachment("image", "image/jpeg", "router.jpg", 4096), Attachment("location"))
    )
    assert event_json(parsed)["message"] == message


@pytest.mark.parametrize(
    "client", [{}, {"phone": None, "displayName": None}, {"displayName": None}], ids=["absent", "null", "mixed"]
)
def test_a_hidden_number_and_a_missing_name_are_no_fault(client: object) -> None:
    """Both fields may be null or absent, and are written as null."""
    parsed = parse_event(changed("client", client))
    assert parsed.client == Client(None, None)
    assert event_json(parsed)["client"] == {"phone": None, "displayName": None}


TIME = "must be a time such as 2026-02-12T10:15:30Z"
ZONE = "must name a time zone, e.g. 2026-02-12T10:15:30Z"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("source", ..., "is missing"),
        ("source", None, "must be text"),
        ("source", "", "must be a short name in lower case, e.g. whatsapp"),
        ("source", "WhatsApp", "must be a short name in lower case, e.g. whatsapp"),
        ("source", "whatsapp\n", "must be a short name in lower case, e.g. whatsapp"),
        ("receivedAt", ..., "is missing"),
        ("receivedAt", None, TIME),
        ("receivedAt", 1770891330, TIME),
        ("receivedAt", "1770891330", TIME),
        ("receivedAt", "-1770891330", TIME),
        ("receivedAt", "", TIME),
        ("receivedAt", "yesterday", TIME),
        ("receivedAt", "2026-02-30T10:15:30Z", TIME),
        ("receivedAt", "2026-02-12", ZONE),
        ("receivedAt", "2026-02-12T10:15:30", ZONE),
        ("receivedAt", "9999-12-31T23:59:59Z", "must lie between the years 2000 and 2100"),
        ("receivedAt", "0001-01-01T00:00:00+14:00", "must lie between the years 2000 and 2100"),
        ("conversationId", ..., "is missing"),
        ("conversationId", 7, "must be text"),
        ("conversationId", "", "must not be empty"),
        ("conversationId", "x" * 513, "string should have at most 512 characters"),
        ("conversationId", "wa\x00", "must not contain control characters"),
        ("client", ..., "is missing"),
        ("client", None, "must be an object"),
        ("client", "Jackson", "must be an object"),
        ("client.phone", "", "must not be empty"),
        ("client.phone", 254, "must be text"),
        ("client.phone", "2" * 65, "string should have at most 64 characters"),
        ("client.displayName", ["J"], "must be text"),
        ("client.displayName", "J" * 1025, "string should have at most 1024 characters"),
        ("client.name", "Jackson", "is not a field of an event"),
        ("message", ..., "is missing"),
        ("message", [], "must be an object"),
        ("message.id", ..., "is missing"),
        ("message.id", "", "must not be empty"),
        ("message.id", "a\nb", "must not contain control characters"),
        ("message.text", ..., "is missing"),
        ("message.text", None, "must be text"),
        ("message.text", 3, "must be text"),
        ("message.kind", "status", "input should be 'message', 'edit', 'unsupported' or 'undecryptable'"),
        ("message.attachments", None, "must be a list"),
        (
            "message.attachments",
            [{"kind": "image"}] * 101,
            "list should have at most 100 items after validation, not 101",
        ),
        ("received_at", "2026-02-12T10:15:30Z", "is not a field of an event"),
        ("priority", "high", "is not a field of an event"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_broken_field_is_named(path: str, value: object, problem: str) -> None:
    """The sender learns which field breaks the contract and how, and never reads the value back."""
    with pytest.raises(InvalidEvent) as caught:
        parse_event(changed(path, value))
    assert (caught.value.field, caught.value.problem) == (path, problem)


@pytest.mark.parametrize(
    ("attachment", "field", "problem"),
    [
        ({}, "kind", "is missing"),
        ({"kind": ""}, "kind", "must not be empty"),
        ({"kind": "x" * 33}, "kind", "string should have at most 32 characters"),
        ({"kind": "image", "mediaType": 1}, "mediaType", "must be text"),
        ({"kind": "image", "name": "x" * 1025}, "name", "string should have at most 1024 characters"),
        ({"kind": "image", "sizeBytes": -1}, "sizeBytes", "input should be greater than or equal to 0"),
        ({"kind": "image", "sizeBytes": "4"}, "sizeBytes", "input should be a valid integer"),
        ({"kind": "image", "sizeBytes": 1.5}, "sizeBytes", "input should be a valid integer"),
        ({"kind": "image", "url": "http://x"}, "url", "is not a field of an event"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_broken_attachment_is_named_with_its_position(attachment: object, field: str, problem: str) -> None:
    """The dotted path counts from 0, as JSON does."""
    with pytest.raises(InvalidEvent) as caught:
        parse_event(changed("message.attachments", [{"kind": "image"}, attachment]))
    assert (caught.value.field, caught.value.problem) == (f"message.attachments.1.{field}", problem)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (EXAMPLE.encode("utf-16"), "the body is not JSON"),
        (EXAMPLE.encode()[:-1], "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (EXAMPLE.replace("Jackson", "\\ud83d").encode(), "the body is not JSON"),
        (b"null", "must be an object"),
        (b"[]", "must be an object"),
        (b'"whatsapp"', "must be an object"),
    ],
    ids=["empty", "bytes", "UTF-16", "cut off", "deep", "half a surrogate pair", "null", "list", "text"],
)
def test_a_body_that_is_no_object_is_refused_as_a_whole(raw: bytes, problem: str) -> None:
    """There is no field to name."""
    with pytest.raises(InvalidEvent) as caught:
        parse_event(raw)
    assert (caught.value.field, str(caught.value)) == ("", problem)


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("+254712345678", "+254…78"),
        ("x" * 5000, "x" * 99 + "…"),
        ("a\nb\x1b[31m\ufdd0", "a b[31m"),
    ],
    ids=["phone number", "long", "controls"],
)
def test_an_unknown_field_is_named_without_harm(key: str, field: str) -> None:
    """Its name comes from outside: masked, on one line, cut."""
    with pytest.raises(InvalidEvent) as caught:
        parse_event(changed(key, 1))
    assert str(caught.value) == f"{field}: is not a field of an event"


_IDS = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f"), min_size=1, max_size=64
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
_ATTACHMENTS = st.builds(
    Attachment,
    kind=_TEXTS.filter(bool).map(lambda text: text[:32]),
    media_type=st.none() | _TEXTS,
    name=st.none() | _TEXTS,
    size_bytes=st.none() | st.integers(0, 2**40),
)
EVENTS = st.builds(
    Event,
    source=st.from_regex("[a-z][a-z0-9_-]{0,31}", fullmatch=True),
    received_at=st.datetimes(
        datetime(2000, 1, 2),  # noqa: DTZ001 - hypothesis wants the bounds without a zone
        datetime(2099, 12, 30),  # noqa: DTZ001 - the same
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=3)), timezone(-timedelta(hours=9, minutes=30))]),
    ),
    conversation_id=_IDS,
    client=st.builds(
        Client, phone=st.none() | _TEXTS.filter(bool).map(lambda text: text[:64]), display_name=st.none() | _TEXTS
    ),
    message=st.builds(
        Message,
        id=_IDS,
        text=_TEXTS,
        kind=st.sampled_from(["message", "edit", "unsupported"]),
        attachments=st.lists(_ATTACHMENTS, max_size=3).map(tuple),
    ),
)


@given(EVENTS)
def test_every_event_survives_the_border(event: Event) -> None:
    """What is written is read back equal, and the JSON Schema accepts it."""
    written = event_json(event)
    SCHEMA.validate(written)
    assert parse_event(json.dumps(written).encode()) == event
    assert parse_event(json.dumps(written, ensure_ascii=False).encode()) == event


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_PATHS = st.sampled_from(
    [
        *("source", "receivedAt", "conversationId", "client", "message", "client.phone", "client.displayName"),
        *("message.id", "message.text", "message.kind", "message.attachments", "extra", "client.extra"),
    ]
)


@given(_PATHS, st.just(...) | _JSON)
def test_the_schema_accepts_what_the_parser_accepts(path: str, value: object) -> None:
    """A sender who validates against the published schema and one who just posts are told the same.

    Two things only are judged more strictly by the parser: times, because a schema's `format` is a remark, and a last
    line feed, which `$` overlooks in Python's dialect.
    """
    json_text = json.dumps(json.loads(_without(path))) if value is ... else changed(path, value).decode()
    try:
        parse_event(json_text.encode())
    except InvalidEvent:
        if isinstance(value, str) and (path == "receivedAt" or value.endswith("\n")):
            return
        with pytest.raises(ValidationError):
            SCHEMA.validate(json.loads(json_text))
    else:
        SCHEMA.validate(json.loads(json_text))


def _without(path: str) -> bytes:
    try:
        return changed(path, ...)
    except KeyError:
        return EXAMPLE.encode()


@given(st.binary())
def test_no_bytes_can_do_more_than_be_refused(raw: bytes) -> None:
    """Whatever is posted, the answer is an InvalidEvent."""
    with pytest.raises(InvalidEvent):
        parse_event(raw)


def test_an_incident_is_written_as_the_contract_says() -> None:
    """The whole object in the contract's order."""
    written = incident_json(OPEN, SEED_TEXT)
    assert list(written.items()) == [
        ("ticketId", "OC-2026-0001"),
        ("channel", "whatsapp"),
        ("clientName", "Jackson"),
        ("clientPhone", "+254712345678"),
        ("issueSummary", "3CX outbound calls failing"),
        ("rawText", "I have issues with my 3CX, I can't make outbound calls"),
        ("priority", "high"),
        ("createdAt", "2026-02-12T10:15:30Z"),
        ("tags", ["whatsapp", "client-support", "3cx"]),
        ("ruleId", "voip-outbound"),
        ("rulesetSha", "3f2a91c0de"),
        ("mattermostChannel", "dev-support-escalations"),
        ("status", "open"),
    ]


def test_an_incident_says_what_engineers_did() -> None:
    """Only what they did."""
    at = OPEN.created_at
    claimed = replace(OPEN, claimed_by="amina", claimed_at=at, answered_at=at, outage="OC-2026-0009")
    done = replace(claimed, resolved_by="otieno", resolved_at=at, snoozed_until=at)
    usual = set(incident_json(OPEN, None))
    assert {key: value for key, value in incident_json(done, None).items() if key not in usual} == {
        "claimedBy": "amina",
        "claimedAt": "2026-02-12T10:15:30Z",
        "answeredAt": "2026-02-12T10:15:30Z",
        "resolvedBy": "otieno",
        "resolvedAt": "2026-02-12T10:15:30Z",
        "snoozedUntil": "2026-02-12T10:15:30Z",
        "outage": "OC-2026-0009",
    }


def test_an_incident_without_name_or_text_is_written_with_what_there_is() -> None:
    """The name falls back as everywhere; erased text is null; times keep their zone and their fractions."""
    moment = datetime(2026, 2, 12, 13, 15, 30, 250000, tzinfo=timezone(timedelta(hours=3)))
    written = incident_json(replace(OPEN, client_name=None, client_phone=None, created_at=moment), None)
    assert (written["clientName"], written["clientPhone"], written["rawText"]) == ("Client", None, None)
    assert written["createdAt"] == "2026-02-12T13:15:30.250000+03:00"


def test_an_escalation_is_written_in_plain_text() -> None:
    """The four fields of the contract, without the quotes' marks."""
    marked = replace(THE_POST, title=quote("Title"), body=f'Original Message: "{quote("Hi")}"')
    assert list(escalation_json(marked).items()) == [
        ("channel", "dev-support-escalations"),
        ("title", "Title"),
        ("body", 'Original Message: "Hi"'),
        ("tags", ["whatsapp", "client-support", "3cx"]),
    ]


def test_a_decision_is_written_with_its_reasons() -> None:
    """The decision log: what was decided, by which rule of which set, why, and why not."""
    decision = replace(
        FAULT,
        summary=f"{quote('3CX')} failing",
        because=(Because("voip-outbound", "keywords product: 3CX", "3CX", 22, 25),),
    )
    written = decision_json(decision, [NotMatched("billing", "words: invoice")])
    assert list(written.items()) == [
        ("rule", "voip-outbound"),
        ("location", "rules/10-telephony.yaml:3"),
        ("matched", ["voip-outbound", "anything-else"]),
        ("priority", "high"),
        ("tags", ["whatsapp", "client-support", "3cx"]),
        ("channel", "dev-support-escalations"),
        ("summary", "3CX failing"),
        ("keywords", {"product": ["3CX"], "direction": ["outbound"]}),
        ("ack", "default"),
        ("escalate", True),
        (
            "because",
            [{"rule": "voip-outbound", "atom": "keywords product: 3CX", "text": "3CX", "start": 22, "end": 25}],
        ),
        ("notMatched", [{"rule": "billing", "missing": "words: invoice"}]),
        ("rulesetSha", "3f2a91c0de"),
    ]


def test_a_decision_without_acknowledgement_or_after_a_failure_says_so() -> None:
    """`none` is what a rule would write; the error stands only where there is one."""
    written = decision_json(replace(FAULT, ack=None, error="TypeError"))
    assert (written["ack"], written["notMatched"], written["error"]) == ("none", [], "TypeError")


def test_a_decision_says_more_only_where_there_is_more() -> None:
    """Copies, the mention, rules on trial and a follow-up are absent unless they say something."""
    usual = decision_json(FAULT)
    assert usual.keys().isdisjoint({"also", "mention", "shadow", "followUp", "error"})
    decision = replace(
        FAULT,
        also=(("support-noc", "network"),),
        mention="@network-team",
        shadow=(Shadow("trial", decides=True), Shadow("other", decides=False)),
    )
    assert decision_json(decision, follow_up=True) == {
        **usual,
        "also": ["support-noc"],
        "mention": "@network-team",
        "shadow": [{"rule": "trial", "decides": True}, {"rule": "other", "decides": False}],
        "followUp": True,
    }
