"""The JSON at the border and in the journal, both ways, in one place.

At the border keys are camelCase and everything is checked: a posted event becomes an `Event` or an `InvalidEvent` that
names the field. In the journal values are written as they are, because nobody else reads them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, PydanticSerializationError

from engine.core.decisions import Decision, NotMatched, Priority
from engine.core.deliveries import (
    Acknowledgement,
    Body,
    Copy,
    DeliveryKind,
    Escalation,
    FollowUp,
    Media,
    Page,
    Relayed,
    Revision,
    kind_of,
)
from engine.core.errors import InvalidEvent
from engine.core.events import Attachment, Client, Event, Inbound, Message
from engine.core.incidents import Incident, IncidentStatus
from engine.core.masking import mask_text
from engine.core.objects import Json
from engine.core.quotes import clean_line, plain, whole
from engine.core.reports import Measured, Step

# No controls: a NUL cannot be stored by every journal.
_Id = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")]

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _refuse_number(given: object) -> object:
    # pydantic would take a number, in quotes or not, for seconds since 1970.
    if not isinstance(given, str) or "-" not in given[1:]:
        raise PydanticCustomError("datetime_type", "not a date")
    return given


def _refuse_absurd(moment: datetime) -> datetime:
    # The ends of the calendar overflow as soon as anything is added to them.
    if not _EARLIEST <= moment < _LATEST:
        raise PydanticCustomError("datetime_range", "must lie between the years 2000 and 2100")
    return moment


_ReceivedAt = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_refuse_number), AfterValidator(_refuse_absurd)
]


class _Border(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, validate_by_alias=True
    )


class AttachmentModel(_Border):
    """A file, place or contact card that came with the message."""

    kind: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    media_type: Annotated[str, StringConstraints(max_length=255)] | None = None
    name: Annotated[str, StringConstraints(max_length=1024)] | None = None
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    seconds: Annotated[int, Field(ge=0)] | None = None


class MessageModel(_Border):
    """What the client wrote."""

    id: _Id
    text: str
    kind: Literal["message", "edit", "unsupported", "undecryptable"] = "message"
    attachments: Annotated[list[AttachmentModel], Field(max_length=100)] = []


class ClientModel(_Border):
    """Who wrote; both fields may be null (hidden number, no profile name)."""

    phone: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    display_name: Annotated[str, StringConstraints(max_length=1024)] | None = None


class EventModel(_Border):
    """A message of a client, from whatever network."""

    source: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_-]{0,31}$")]
    received_at: _ReceivedAt
    conversation_id: _Id
    client: ClientModel
    message: MessageModel


def event_schema() -> Json:
    """The JSON Schema of a posted event."""
    return EventModel.model_json_schema(by_alias=True)


_FIELD_LIMIT = 100

# The words of our own for pydantic's most frequent findings; the rest keep theirs, which never quote the input.
_PROBLEMS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of an event",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "timezone_aware": "must name a time zone, e.g. 2026-02-12T10:15:30Z",
    "datetime_from_date_parsing": "must be a time such as 2026-02-12T10:15:30Z",
    "datetime_parsing": "must be a time such as 2026-02-12T10:15:30Z",
    "datetime_type": "must be a time such as 2026-02-12T10:15:30Z",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "json_invalid": "the body is not JSON",
    "string_pattern_mismatch": "must not contain control characters",
}
_SOURCE_PROBLEM = "must be a short name in lower case, e.g. whatsapp"


def parse_event(raw: bytes) -> Event:
    """The event in a JSON text; InvalidEvent names the first field that breaks the contract."""
    try:
        model = EventModel.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # A field that we do not know is named by the sender: it may hold anything, at any length.
        field = mask_text(clean_line(".".join(str(part) for part in first["loc"]), _FIELD_LIMIT))
        problem = _PROBLEMS.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        if field == "source" and first["type"] == "string_pattern_mismatch":
            problem = _SOURCE_PROBLEM
        raise InvalidEvent(field, problem) from None
    attachments = tuple(
        Attachment(given.kind, given.media_type, given.name, given.size_bytes, given.seconds)
        for given in model.message.attachments
    )
    return Event(
        source=model.source,
        received_at=model.received_at,
        conversation_id=model.conversation_id,
        client=Client(model.client.phone, model.client.display_name),
        message=Message(model.message.id, model.message.text, model.message.kind, attachments),
    )


def event_json(event: Event) -> Json:
    """The event as the contract writes it; `kind` and `attachments` only where they say something."""
    message: Json = {"id": event.message.id, "text": event.message.text}
    if event.message.kind != "message":
        message["kind"] = event.message.kind
    if event.message.attachments:
        message["attachments"] = [
            {
                to_camel(key): value
                for key, value in asdict(attachment).items()
                if value is not None and key != "reference"
            }
            for attachment in event.message.attachments
        ]
    return {
        "source": event.source,
        "receivedAt": _instant(event.received_at),
        "conversationId": event.conversation_id,
        "client": {"phone": event.client.phone, "displayName": event.client.display_name},
        "message": message,
    }


def incident_json(incident: Incident, raw_text: str | None) -> Json:
    """The incident as the contract writes it; what engineers did about it only where somebody did."""
    done = {
        "claimedBy": incident.claimed_by,
        "claimedAt": _instant_or_none(incident.claimed_at),
        "answeredAt": _instant_or_none(incident.answered_at),
        "resolvedBy": incident.resolved_by,
        "resolvedAt": _instant_or_none(incident.resolved_at),
        "snoozedUntil": _instant_or_none(incident.snoozed_until),
        "outage": incident.outage,
    }
    return {
        **_contract(incident, raw_text),
        **{key: value for key, value in done.items() if value is not None},
    }


def _contract(incident: Incident, raw_text: str | None) -> Json:
    return {
        "ticketId": incident.ticket_id,
        "channel": incident.source,
        "clientName": incident.display_name,
        "clientPhone": incident.client_phone,
        "issueSummary": incident.issue_summary,
        "rawText": raw_text,
        "priority": incident.priority.word,
        "createdAt": _instant(incident.created_at),
        "tags": list(incident.tags),
        "ruleId": incident.rule_id,
        "rulesetSha": incident.ruleset_sha,
        "mattermostChannel": incident.mattermost_channel,
        "status": incident.status.value,
    }


def measured_json(one: Measured) -> Json:
    """An incident with its times, for the command that reports them."""
    return {
        "id": one.seq,
        "openedAt": _instant(one.opened_at),
        "outage": one.outage,
        "priority": one.priority.word,
        "tags": list(one.tags),
        "rule": one.rule,
        "channel": one.channel,
        "status": one.status.value,
        "acknowledges": one.acknowledges,
        "escalated": one.escalated,
        "seconds": {step.value: span.total_seconds() for step, span in one.spans.items()},
    }


def load_measured(given: Json) -> Measured:
    """The inverse of `measured_json`."""
    return Measured(
        seq=given["id"],
        opened_at=datetime.fromisoformat(given["openedAt"]),
        outage=given["outage"],
        priority=Priority[given["priority"].upper()],
        tags=tuple(given["tags"]),
        rule=given["rule"],
        channel=given["channel"],
        status=IncidentStatus(given["status"]),
        acknowledges=given["acknowledges"],
        escalated=given["escalated"],
        spans={Step(step): timedelta(seconds=seconds) for step, seconds in given["seconds"].items()},
    )


def escalation_json(escalation: Escalation) -> Json:
    """The engineers' post as the contract writes it, without quotes' marks."""
    return {
        "channel": escalation.channel,
        "title": plain(escalation.title),
        "body": plain(escalation.body),
        "tags": list(escalation.tags),
    }


def decision_json(decision: Decision, not_matched: Sequence[NotMatched] = (), *, follow_up: bool = False) -> Json:
    """The decision with its reasons; also the decision log (OPA's term) that the journal keeps for each message.

    `follow_up` says that the message was evaluated as one of a conversation with an open incident. It, the copies, the
    mention and the rules on trial are written only where they say something.
    """
    written: Json = {
        "rule": decision.rule,
        "location": decision.location,
        "matched": list(decision.matched),
        "priority": decision.priority.word,
        "tags": list(decision.tags),
        "channel": decision.channel,
        "summary": plain(decision.summary),
        "keywords": {category: list(names) for category, names in decision.keywords},
        "ack": decision.ack or "none",
        "escalate": decision.escalate,
        "because": [
            {"rule": why.rule, "atom": why.atom, "text": why.text, "start": why.start, "end": why.end}
            for why in decision.because
        ],
        "notMatched": [{"rule": missed.rule, "missing": missed.missing} for missed in not_matched],
        "rulesetSha": decision.ruleset_sha,
    }
    if decision.also:
        written["also"] = [channel for channel, _ in decision.also]
    if decision.mention:
        written["mention"] = decision.mention
    if decision.shadow:
        written["shadow"] = [{"rule": shadow.rule, "decides": shadow.decides} for shadow in decision.shadow]
    if follow_up:
        written["followUp"] = True
    if decision.error:
        written["error"] = decision.error
    return written


_INBOUND = TypeAdapter(Inbound)
_BODIES: Mapping[DeliveryKind, TypeAdapter[Any]] = {
    DeliveryKind.ACKNOWLEDGEMENT: TypeAdapter(Acknowledgement),
    DeliveryKind.ESCALATION: TypeAdapter(Escalation),
    DeliveryKind.FOLLOW_UP: TypeAdapter(FollowUp),
    DeliveryKind.REVISION: TypeAdapter(Revision),
    DeliveryKind.COPY: TypeAdapter(Copy),
    DeliveryKind.MEDIA: TypeAdapter(Media),
    DeliveryKind.PAGE: TypeAdapter(Page),
    DeliveryKind.RELAYED: TypeAdapter(Relayed),
}


def dump_inbound(inbound: Inbound) -> str:
    """The inbox row's text. Lone surrogates, which JSON may carry and UTF-8 cannot, become U+FFFD."""
    return _dump(_INBOUND, inbound)


def load_inbound(written: str) -> Inbound:
    """The inverse of `dump_inbound`."""
    return _INBOUND.validate_json(written)


def dump_body(body: Body) -> str:
    """The delivery row's text."""
    return _dump(_BODIES[kind_of(body)], body)


def load_body(kind: DeliveryKind, written: str) -> Body:
    """The inverse of `dump_body`."""
    loaded: Body = _BODIES[kind].validate_json(written)
    return loaded


def shown_body(written: str) -> Json:
    """The delivery row's text as operators see it: where a network keeps a file is shown to nobody."""
    body: Json = json.loads(written)
    body.pop("reference", None)
    return body


def _dump(adapter: TypeAdapter[Any], value: Any) -> str:
    try:
        return adapter.dump_json(value).decode()
    except PydanticSerializationError:
        # JSON may carry half a surrogate pair and UTF-8 may not: better a replacement character than a lost message.
        return json.dumps(_replace_surrogates(adapter.dump_python(value)), default=str, ensure_ascii=False)


def _replace_surrogates(value: Any) -> Any:
    match value:
        case str():
            return whole(value)
        case dict():
            return {key: _replace_surrogates(part) for key, part in value.items()}
        case list() | tuple():
            return [_replace_surrogates(part) for part in value]
        case _:
            return value


def _instant_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else _instant(moment)


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
