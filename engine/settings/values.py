"""What engine.yaml and the secrets say, as values. Made by `document`, read by `app` and the commands."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from engine.core.diagnostics import Diagnostic
from engine.core.endpoints import Endpoint
from engine.core.ladders import MentionMode
from engine.core.manners import Manners
from engine.core.practices import Watch
from engine.core.settlements import InDoubt
from engine.settings.secrets import Secret

# For destinations on this machine, which need no protection.
_UNLIMITED = 10_000.0


class Environment(StrEnum):
    """What the daemon is for; only production insists on Mattermost."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """A journal that several nodes share."""

    # As libpq takes it, without a password.
    address: str
    # None: the server asks for none.
    password: Secret | None


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The public endpoint."""

    listen: Endpoint
    # How the networks reach it, without a slash at the end; None when nobody needs to know.
    public_url: str | None


@dataclass(frozen=True, slots=True)
class TemplateSettings:
    """The template of WhatsApp that goes out where no text may."""

    # As in WhatsApp Manager, and the language in which it is approved there.
    name: str
    language: str
    # What fills its numbered variables: words, {{client_name}} and {{ticket_id}}.
    variables: tuple[str, ...]
    # What stands for the name of a client who has none.
    without_name: str


@dataclass(frozen=True, slots=True)
class WhatsAppCloudSettings:
    """A number on Meta's Cloud API."""

    name: str
    phone_number_id: str
    # Without a slash at the end.
    api_url: str
    # "v23.0"
    api_version: str
    # How many messages may leave in a second, and how long one client is left alone after each.
    per_second: float
    per_client_gap: timedelta
    # Whether the client sees a message read and an answer being typed.
    read_receipts: bool
    # None: a client who was silent for a day gets no acknowledgement.
    template: TemplateSettings | None
    access_token: Secret
    app_secret: Secret
    verify_token: Secret


@dataclass(frozen=True, slots=True)
class TwilioTemplateSettings:
    """A text that WhatsApp has approved, for clients who wrote more than 24 hours ago."""

    content_sid: str
    # (the variable's name in the template, a text with {{client_name}} or {{ticket_id}} in it)
    variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """A WhatsApp sender at Twilio."""

    name: str
    account_sid: str
    # whatsapp:+…
    sender: str
    # Without a slash at the end.
    api_url: str
    # Where Twilio posts to.
    webhook_url: str
    # As for the Cloud API.
    per_second: float
    per_client_gap: timedelta
    # None: a client who wrote too long ago is answered by hand.
    template: TwilioTemplateSettings | None
    # The pause between two looks for messages that no webhook brought; zero: none.
    backfill_every: timedelta
    auth_token: Secret


@dataclass(frozen=True, slots=True)
class HttpConnectorSettings:
    """Events that another program posts."""

    name: str
    # The connector that reaches the clients; None when a person answers by hand.
    reply_through: str | None
    token: Secret


@dataclass(frozen=True, slots=True)
class WhatsAppWebSettings:
    """A number that is linked as a device."""

    name: str
    # Of the session; within the state folder.
    session: Path
    # How many messages may leave in a second, and how long one client is left alone after each.
    per_second: float
    per_client_gap: timedelta
    # Whether the client sees a message read and an answer being typed.
    read_receipts: bool = False


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What would be sent is printed."""

    name: str


ConnectorSettings = (
    WhatsAppCloudSettings | WhatsAppWebSettings | TwilioSettings | HttpConnectorSettings | ConsoleSettings
)


def secrets_of(connector: ConnectorSettings) -> tuple[Secret, ...]:
    """What one connector must keep to itself."""
    match connector:
        case WhatsAppCloudSettings():
            return (connector.access_token, connector.app_secret, connector.verify_token)
        case TwilioSettings():
            return (connector.auth_token,)
        case HttpConnectorSettings():
            return (connector.token,)
        case WhatsAppWebSettings() | ConsoleSettings():
            return ()
        case _:
            assert_never(connector)


@dataclass(frozen=True, slots=True)
class MattermostSettings:
    """Where the engineers read."""

    # Without a slash at the end.
    url: str
    # The team of channels that name none.
    team: str
    # Every post goes to this channel instead of the rule's.
    channel_override: str | None
    # Where the daemon tells its operators about itself, e.g. that the rules are broken; None: only in the log.
    operations_channel: str | None
    token: Secret
    # The address of an incoming webhook for posts that were not taken within `fallback_after`; None: there is none.
    fallback_url: Secret | None = None
    fallback_after: timedelta = timedelta(minutes=3)
    # Where Mattermost sends what people do by buttons; None: posts have none.
    actions_url: str | None = None
    # Whoever first writes in a thread has claimed its incident.
    claim_by_reply: bool = True
    # What begins with ">> " in a thread goes to the client.
    relay_replies: bool = False


class ServiceKind(StrEnum):
    """What kind of paging service it is."""

    PAGERDUTY = "pagerduty"
    JSM = "jsm"
    OPSGENIE = "opsgenie"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """A paging service."""

    name: str
    kind: ServiceKind
    # Without a slash at the end.
    url: str
    # Of the integration there.
    key: Secret


class OnCallSource(StrEnum):
    """How it is known who is called."""

    # Always the same mention.
    STATIC = "static"
    # By the on-call files and the services that know a schedule.
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class PatienceSettings:
    """How often a service is asked who is on call, and how long its answer is good for."""

    # How long one question may take.
    budget: timedelta
    refresh: timedelta
    # An older answer is used only where nobody else has one, and the post says so.
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class PagerDutyOnCallSettings:
    """Schedules that are kept in PagerDuty."""

    # Without a slash at the end.
    url: str
    # (the schedule's name in the on-call files, its id there)
    schedules: tuple[tuple[str, str], ...]
    patience: PatienceSettings
    token: Secret


@dataclass(frozen=True, slots=True)
class JsmOnCallSettings:
    """Schedules that are kept in Jira Service Management."""

    # Without a slash at the end.
    url: str
    # Of the site at Atlassian.
    cloud_id: str
    # The e-mail address of the account whose API token it is.
    user: str
    # (the schedule's name in the on-call files, its id there)
    schedules: tuple[tuple[str, str], ...]
    # (e-mail address, id of the account at Atlassian)
    people: tuple[tuple[str, str], ...]
    patience: PatienceSettings
    token: Secret


@dataclass(frozen=True, slots=True)
class OpsgenieOnCallSettings:
    """Schedules that are kept in Opsgenie."""

    # Without a slash at the end.
    url: str
    # (the schedule's name in the on-call files, its id there)
    schedules: tuple[tuple[str, str], ...]
    patience: PatienceSettings
    # What is called an API key there.
    token: Secret


# The sections of services that keep schedules.
KeeperSettings = PagerDutyOnCallSettings | JsmOnCallSettings | OpsgenieOnCallSettings
# The word in `order` for the on-call files; the others are names of services.
ON_CALL_FILES: Final = "schedule"


@dataclass(frozen=True, slots=True)
class OnCallSettings:
    """Who is called."""

    source: OnCallSource
    # What each post says, e.g. "@oncall".
    mention: str
    mention_mode: MentionMode
    # Who is asked first: "pagerduty", "jsm", "opsgenie" and ON_CALL_FILES, each at most once.
    order: tuple[str, ...]
    pagerduty: PagerDutyOnCallSettings | None = None
    jsm: JsmOnCallSettings | None = None
    opsgenie: OpsgenieOnCallSettings | None = None

    def keepers(self) -> dict[str, KeeperSettings]:
        """The services that keep schedules, by their words in `order`."""
        found = {"pagerduty": self.pagerduty, "jsm": self.jsm, "opsgenie": self.opsgenie}
        return {word: section for word, section in found.items() if section is not None}

    def secrets(self) -> tuple[Secret, ...]:
        """What must not be shown."""
        return tuple(section.token for section in self.keepers().values())


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """The files that clients send."""

    # Whether they are fetched for the engineers.
    fetch: bool
    # The largest one.
    max_bytes: int


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the journal keeps things."""

    text: timedelta
    metadata: timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep a flood from becoming an outage."""

    # Accepted messages whose deliveries are not done; beyond it webhooks are answered 503.
    open_deliveries: int
    # The largest request body.
    body_bytes: int
    # (destination, deliveries per second)
    rates: tuple[tuple[str, float], ...]

    def per_second(self, destination: str) -> float:
        """How many deliveries one destination may get in a second."""
        return dict(self.rates).get(destination, _UNLIMITED)


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How deliveries are tried again."""

    # What happens to a delivery of which nobody can tell whether it arrived.
    in_doubt: InDoubt
    # How long a network's later word is waited for before that.
    in_doubt_wait: timedelta
    # The first pause and the longest.
    base: timedelta
    cap: timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration; every path is absolute or relative to the working directory, never to engine.yaml."""

    environment: Environment
    rules: Path
    templates: Path
    # The daemon's directory: journal, last good rules, control socket.
    state: Path
    # None: a SQLite file in the state folder.
    journal: PostgresSettings | None
    # This daemon's name among those that share a journal.
    node: str
    http: HttpSettings
    # The kill switch, as long as no operator has set it.
    acknowledge: bool
    # In the order of the file; names are unique.
    connectors: tuple[ConnectorSettings, ...]
    # The same; no name is that of a connector.
    services: tuple[ServiceSettings, ...]
    # None: posts are printed.
    mattermost: MattermostSettings | None
    oncall: OnCallSettings
    # None: nothing makes an outage.
    outages: Watch | None
    manners: Manners
    media: MediaSettings
    retention: RetentionSettings
    limits: Limits
    retry: RetrySettings
    # Findings that do not keep the file from being used.
    warnings: tuple[Diagnostic, ...] = field(default=())

    def secrets(self) -> Iterator[Secret]:
        """Every secret, for `logs.hide` and for telling an administrator where each came from."""
        for connector in self.connectors:
            yield from secrets_of(connector)
        if self.mattermost is not None:
            yield self.mattermost.token
            if self.mattermost.fallback_url is not None:
                yield self.mattermost.fallback_url
        if self.journal is not None and self.journal.password is not None:
            yield self.journal.password
        for service in self.services:
            yield service.key
        yield from self.oncall.secrets()
