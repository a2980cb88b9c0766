"""Documents as the reader would give them, each part in one line; the places in the file are made up."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time

from engine.core.decisions import Priority
from engine.core.events import Attachment, Client, Event, Message
from engine.ruleset import syntax
from engine.ruleset.compiler import compile_rules
from engine.ruleset.matcher import Ruleset
from engine.ruleset.syntax import Document, Place, Text
from engine.ruleset.templates import Templates

AT = Place("rules/10.yaml", 1, 1)


def text(value: str, line: int = 1, column: int = 1) -> Text:
    """A scalar written between quotes."""
    return Text(value, Place("rules/10.yaml", line, column, len(value) + 2))


def texts(values: Sequence[str]) -> tuple[Text, ...]:
    return tuple(text(value) for value in values)


def words(*phrases: str) -> syntax.Words:
    return syntax.Words(texts(phrases), exact=False, at=AT)


def exact(*phrases: str) -> syntax.Words:
    return syntax.Words(texts(phrases), exact=True, at=AT)


def keyword(category: str, *names: str) -> syntax.KeywordIs:
    """Without names: any keyword of the category."""
    return syntax.KeywordIs(text(category), texts(names), AT)


def pattern(regex: str) -> syntax.Pattern:
    return syntax.Pattern(text(regex), AT)


def client(field: str, *values: str) -> syntax.ClientIs:
    return syntax.ClientIs(text(field), texts(values), AT)


def source(*names: str) -> syntax.SourceIs:
    return syntax.SourceIs(texts(names), AT)


def attachment(*kinds: str) -> syntax.AttachmentIs:
    """Without kinds: any attachment."""
    return syntax.AttachmentIs(texts(kinds), AT)


def kind(*kinds: str) -> syntax.KindIs:
    return syntax.KindIs(texts(kinds), AT)


def hours(name: str, *, inside: bool = True) -> syntax.HoursIs:
    return syntax.HoursIs(text(name), inside, AT)


def follow_up(*, value: bool = True) -> syntax.FollowUpIs:
    return syntax.FollowUpIs(value, AT)


# By day and by night in UTC, so that tests can tell at a glance.
WINDOWS = (
    syntax.Hours(
        text("day"),
        text("UTC"),
        (syntax.Window(frozenset(range(7)), time(6), time(22), text("Mon-Sun 06:00-22:00")),),
        None,
    ),
    syntax.Hours(
        text("weekend"),
        text("Africa/Nairobi"),
        (syntax.Window(frozenset({5, 6}), time(0), None, text("Sat-Sun 00:00-24:00")),),
        text("KE"),
    ),
)


def always() -> syntax.Always:
    return syntax.Always(AT)


def group(kind: str, *parts: syntax.Condition) -> syntax.Group:
    return syntax.Group(kind, parts, AT)


def rule(
    name: str,
    when: syntax.Condition,
    *,
    priority: Priority | None = None,
    tags: Sequence[str] = (),
    says: Mapping[str, str] | None = None,
    escalate: bool | None = None,
    stop: bool = False,
    also: Sequence[str] = (),
    policy: syntax.FollowUp | None = None,
    shadow: bool = False,
    enabled: bool = True,
    line: int = 1,
) -> syntax.Rule:
    """A rule; `says` holds its title, channel, summary, ack and mention."""
    said = {key: text(value) for key, value in (says or {}).items()}
    return syntax.Rule(
        id=text(name),
        when=when,
        at=Place("rules/10.yaml", line, 5),
        title=said.get("title"),
        priority=priority,
        tags=texts(tags),
        channel=said.get("channel"),
        summary=said.get("summary"),
        ack=said.get("ack"),
        escalate=escalate,
        stop=stop,
        also=texts(also),
        mention=said.get("mention"),
        follow_up=policy,
        shadow=shadow,
        enabled=enabled,
    )


def document(
    *rules: syntax.Rule,
    keywords: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    clients: Sequence[syntax.ClientEntry] = (),
    forgiving: Sequence[str] = (),
    defaults: syntax.Defaults | None = None,
) -> Document:
    """The rules with two channels and the usual defaults."""
    return Document(
        defaults=defaults or syntax.Defaults(channel=text("triage"), tags=texts(["whatsapp"])),
        keywords=tuple(
            syntax.Keyword(text(category), text(name), texts(spellings), category in forgiving)
            for category, names in (keywords or {}).items()
            for name, spellings in names.items()
        ),
        rules=rules,
        channels=(
            syntax.Channel(text("triage"), text("support"), None),
            syntax.Channel(text("voip"), None, None),
        ),
        hours=WINDOWS,
        clients=tuple(clients),
    )


def entry(name: str, *phones: str, tier: str | None = None, tags: Sequence[str] = ()) -> syntax.ClientEntry:
    return syntax.ClientEntry(text(name), texts(phones), text(tier) if tier else None, texts(tags), None)


def ruleset(
    *rules: syntax.Rule,
    keywords: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    clients: Sequence[syntax.ClientEntry] = (),
    forgiving: Sequence[str] = (),
    defaults: syntax.Defaults | None = None,
    closed: bool = True,
) -> Ruleset:
    """The compiled rules, with an unconditional last one when the test gives none, unless they are to stay open."""
    has_last = any(isinstance(given.when, syntax.Always) for given in rules)
    last = () if has_last or not closed else (rule("last", always(), line=99),)
    made, faults = Templates.load({"ack/default": "Hello {{ client_name }}"}, "templates")
    assert not faults
    return compile_rules(
        document(*rules, *last, keywords=keywords, clients=clients, forgiving=forgiving, defaults=defaults), made, "5ha"
    )


def event(
    written: str = "",
    *,
    phone: str | None = "+254712345678",
    name: str | None = "Jackson",
    network: str = "whatsapp",
    attachments: Sequence[str] = (),
    kind: str = "message",
    at: datetime = datetime(2026, 2, 12, 10, 15, 30, tzinfo=UTC),
) -> Event:
    return Event(
        source=network,
        received_at=at,
        conversation_id="wa-1",
        client=Client(phone, name),
        message=Message("ABCD", written, kind, attachments=tuple(Attachment(kind) for kind in attachments)),
    )
