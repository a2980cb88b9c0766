"""engine.yaml as a tree into Settings, with every fault in it; see the table in README.md for the keys.

Called by `load`. It opens no file of its own: secrets come from the vault it is given.
"""

import re
import socket
from datetime import timedelta
from pathlib import Path

from engine.core.deliveries import InDoubt
from engine.core.endpoints import Endpoint, TcpEndpoint, UnixEndpoint, parse_endpoint
from engine.core.manners import Manners, parse_quiet_hours
from engine.ruleset.reader import Node
from engine.ruleset.syntax import Fault
from engine.settings import approved_templates, paces
from engine.settings.secrets import Vault
from engine.settings.sections import LATER, MISSING, NAME, VALUE, Section, suggest
from engine.settings.values import (
    ConnectorSettings,
    ConsoleSettings,
    Environment,
    HttpConnectorSettings,
    HttpSettings,
    Limits,
    MattermostSettings,
    MediaSettings,
    OnCallSettings,
    PostgresSettings,
    RetentionSettings,
    RetrySettings,
    Settings,
    TwilioSettings,
    WhatsAppCloudSettings,
    WhatsAppWebSettings,
    secrets_of,
)

_KEYS = (
    "environment",
    "rules",
    "templates",
    "state",
    "journal",
    "node",
    "http",
    "acknowledge",
    "connectors",
    "mattermost",
    "oncall",
    "manners",
    "media",
    "retention",
    "limits",
    "retry",
)
_LISTEN = TcpEndpoint("127.0.0.1", 8080)
# Deliveries to Mattermost are addressed to this name.
_MATTERMOST = "mattermost"
# A name is a part of URLs, of secrets' names and of metrics.
_CONNECTOR_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)
_LATER_ONCALL = ("schedule", "pagerduty", "jsm")
_READ = "read_receipts"
_OFFICIAL_PACE = (*paces.KEYS, paces.FORMER)
_CONNECTOR_KEYS = {
    "whatsapp-cloud": (
        "type",
        "phone_number_id",
        "api_url",
        "api_version",
        *_OFFICIAL_PACE,
        _READ,
        "template",
    ),
    "twilio": ("type", "account_sid", "from", "api_url", *_OFFICIAL_PACE, _READ, "template", "backfill_every"),
    "whatsapp-web": ("type", "session", *paces.KEYS, _READ),
    "http": ("type", "reply_through"),
    "console": ("type",),
}
_NODE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}", re.ASCII)
# Between user and host, or as a parameter.
_PASSWORD = re.compile(r"//[^/@]*:[^/@]*@|[?&]password=", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,32}", re.ASCII)
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}", re.ASCII)
_API_URL = "https://graph.facebook.com"
_API_VERSION = "v23.0"
# Two files of that size under way made a process of 280 MB (measured 2026-11-25), and the service has a gigabyte.
_MOST_MEDIA_BYTES = 50 * 1024 * 1024
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_SENDER = re.compile(r"whatsapp:\+[0-9]{5,15}", re.ASCII)
_TWILIO_URL = "https://api.twilio.com"
_BACKFILL_EVERY = timedelta(minutes=5)
# One folder; its name starts none of the daemon's own files, which are journal.db and the like.
_SESSION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


def read(node: Node, base: Path, vault: Vault, faults: list[Fault]) -> Settings:
    """The settings in the file's tree. Worth nothing when a fault was added or `vault.check` raises."""
    top = Section.of("", node, faults).only(*_KEYS)
    environment = Environment(top.choice("environment", tuple(Environment), Environment.DEVELOPMENT))
    http = _http(top, base)
    state = top.folder("state", base)
    connectors = _connectors(top, state, vault, http.public_url)
    limits = top.part("limits").only("open_deliveries", "body_bytes", "mattermost_per_second")
    paced = WhatsAppCloudSettings | TwilioSettings | WhatsAppWebSettings
    rates = [(one.name, one.per_second) for one in connectors if isinstance(one, paced)]
    rates.append((_MATTERMOST, limits.rate("mattermost_per_second", 5.0)))
    retention = top.part("retention").only("text", "metadata")
    return Settings(
        environment=environment,
        rules=top.folder("rules", base),
        templates=top.folder("templates", base),
        state=state,
        journal=_journal(top, vault),
        node=top.matching("node", _NODE_NAME, "lower-case letters, digits, dots and dashes, e.g. support-1")
        or socket.gethostname().lower(),
        http=http,
        acknowledge=top.switch("acknowledge", default=True),
        connectors=connectors,
        mattermost=_mattermost(top, environment, vault),
        oncall=_oncall(top),
        manners=_manners(top),
        media=_media(top),
        retention=RetentionSettings(
            text=retention.span("text", timedelta(days=30)), metadata=retention.span("metadata", timedelta(days=400))
        ),
        limits=Limits(
            open_deliveries=limits.count("open_deliveries", 100_000),
            body_bytes=limits.size("body_bytes", 3 * 1024 * 1024),
            rates=tuple(rates),
        ),
        retry=_retry(top),
    )


def _journal(top: Section, vault: Vault) -> PostgresSettings | None:
    journal = top.text("journal") or "sqlite"
    if journal == "sqlite":
        return None
    if not is_postgres(journal):
        top.fault("journal", VALUE, '"journal" is sqlite, or an address such as postgresql://engine@db1,db2/engine')
        return None
    # The message must not repeat the value, which may hold a password.
    if holds_password(journal):
        hint = 'take it out and give it as the secret "journal_password"'
        top.fault("journal", VALUE, "the address of the journal holds a password", hint)
        return None
    return postgres(journal, vault)


def is_postgres(address: str) -> bool:
    """Whether this is an address of a database."""
    return address.startswith(("postgresql://", "postgres://"))


def holds_password(address: str) -> bool:
    """Whether an address of a database tells its password."""
    return _PASSWORD.search(address) is not None


def postgres(address: str, vault: Vault) -> PostgresSettings:
    """A database with its password, where there is one."""
    return PostgresSettings(address, vault.take("journal_password") if vault.has("journal_password") else None)


def _manners(top: Section) -> Manners:
    section = top.part("manners").only("late_after", "hold", "quiet_hours", "timezone")
    usual, quiet_hours = Manners(), None
    written, zone = section.text("quiet_hours"), section.text("timezone")
    if written is not None and zone is None:
        section.fault("quiet_hours", MISSING, '"quiet_hours" needs the key "timezone"', "e.g. Africa/Nairobi")
    elif written is not None and zone is not None:
        quiet_hours = parse_quiet_hours(written, zone)
        if quiet_hours is None:
            message = '"quiet_hours" are times such as 22:00-07:00 in a "timezone" such as Africa/Nairobi'
            section.fault("quiet_hours", VALUE, message)
    return Manners(
        late_after=section.span("late_after", usual.late_after),
        hold=section.span("hold", usual.hold),
        quiet_hours=quiet_hours,
    )


def _media(top: Section) -> MediaSettings:
    section = top.part("media").only("fetch", "max_bytes")
    fetch, max_bytes = section.switch("fetch", default=False), section.size("max_bytes", 10 * 1024 * 1024)
    if max_bytes > _MOST_MEDIA_BYTES:
        section.fault("max_bytes", VALUE, '"max_bytes" is at most 50 MiB: a file is in memory while it is under way')
    return MediaSettings(fetch, max_bytes)


def _http(top: Section, base: Path) -> HttpSettings:
    http = top.part("http").only("listen", "public_url")
    listen: Endpoint = _LISTEN
    text = http.text("listen")
    if text is not None:
        found = parse_endpoint(text)
        if found is None:
            http.fault(
                "listen", VALUE, '"listen" is an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/engine.sock'
            )
        else:
            listen = UnixEndpoint(base / found.path) if isinstance(found, UnixEndpoint) else found
    return HttpSettings(listen, http.url("public_url"))


def _connectors(top: Section, state: Path, vault: Vault, public_url: str | None) -> tuple[ConnectorSettings, ...]:
    top.expect("connectors")
    sections = top.part("connectors")
    found = [
        connector
        for name in sections.entries
        if _is_connector_name(sections, name)
        and (connector := _connector(sections.part(name), state, vault, public_url)) is not None
    ]
    if top.has("connectors") and not sections.entries and not sections.broken:
        top.fault("connectors", MISSING, "no connector is configured", "e.g. desk: {type: http}")
    for one in found:
        if isinstance(one, TwilioSettings) and public_url is None:
            message = f'"{one.name}" needs http.public_url, the address that Twilio posts to and signs'
            sections.key_fault(one.name, MISSING, message, "e.g. http: {public_url: https://support.example.org}")
    _check_replies(sections, found)
    _check_secret_names(sections, found)
    _check_sessions(sections, found)
    return tuple(found)


def _is_connector_name(sections: Section, name: str) -> bool:
    if name == _MATTERMOST:
        sections.key_fault(name, NAME, 'a connector cannot be called "mattermost": the engineers\' posts are')
        return False
    if _CONNECTOR_NAME.fullmatch(name) is None:
        message = f'"{name}" cannot name a connector: small letters, digits, - and _, at most 31, a letter first'
        sections.key_fault(name, NAME, message)
        return False
    return True


def _connector(section: Section, state: Path, vault: Vault, public_url: str | None) -> ConnectorSettings | None:
    section.expect("type")
    name, kind = section.name, section.text("type")
    if kind not in _CONNECTOR_KEYS:
        # A type that is absent or no text has its fault already.
        if kind:
            _refuse_type(section, kind)
        return None
    section.only(*_CONNECTOR_KEYS[kind])
    if kind == "console":
        return ConsoleSettings(name)
    if kind == "http":
        return HttpConnectorSettings(name, section.text("reply_through"), vault.take(_secret(name, "token")))
    if kind == "twilio":
        return _twilio(section, vault, public_url)
    if kind == "whatsapp-web":
        return _web(section, state)
    section.expect("phone_number_id")
    per_second, per_client_gap = paces.read(section, paces.CLOUD)
    return WhatsAppCloudSettings(
        name=name,
        phone_number_id=section.matching("phone_number_id", _DIGITS, "the number's id at Meta, digits only") or "",
        api_url=section.url("api_url") or _API_URL,
        api_version=section.matching("api_version", _VERSION, "a version such as v23.0") or _API_VERSION,
        per_second=per_second,
        per_client_gap=per_client_gap,
        read_receipts=section.switch(_READ, default=False),
        template=approved_templates.read(section),
        access_token=vault.take(_secret(name, "access_token")),
        app_secret=vault.take(_secret(name, "app_secret")),
        verify_token=vault.take(_secret(name, "verify_token")),
    )


def _twilio(section: Section, vault: Vault, public_url: str | None) -> TwilioSettings:
    section.expect("account_sid", "from")
    if section.has(_READ):
        section.key_fault(_READ, VALUE, "Twilio shows neither blue ticks nor typing: take read_receipts out")
    per_second, per_client_gap = paces.read(section, paces.TWILIO)
    return TwilioSettings(
        name=section.name,
        account_sid=section.matching("account_sid", _ACCOUNT_SID, "AC and 32 hexadecimal digits") or "",
        sender=section.matching("from", _SENDER, "our WhatsApp sender, e.g. whatsapp:+14155238886") or "",
        api_url=section.url("api_url") or _TWILIO_URL,
        webhook_url=f"{public_url}/webhooks/{section.name}",
        per_second=per_second,
        per_client_gap=per_client_gap,
        template=approved_templates.read_twilio(section),
        backfill_every=section.span("backfill_every", _BACKFILL_EVERY),
        auth_token=vault.take(_secret(section.name, "auth_token")),
    )


def _web(section: Section, state: Path) -> WhatsAppWebSettings:
    wanted = "the name of a folder within the state folder: small letters, digits, - and _"
    per_second, per_client_gap = paces.read(section, paces.WEB)
    return WhatsAppWebSettings(
        name=section.name,
        read_receipts=section.switch(_READ, default=False),
        session=state / (section.matching("session", _SESSION, wanted) or f"whatsapp-{section.name}"),
        per_second=per_second,
        per_client_gap=per_client_gap,
    )


def _refuse_type(section: Section, kind: str) -> None:
    section.fault("type", VALUE, f'there is no connector type "{kind}"', suggest(kind, tuple(_CONNECTOR_KEYS)))


def _secret(connector: str, what: str) -> str:
    return f"{connector}_{what}".replace("-", "_")


def _check_replies(sections: Section, connectors: list[ConnectorSettings]) -> None:
    """`reply_through` names a connector that can reach a client."""
    senders = [one.name for one in connectors if not isinstance(one, HttpConnectorSettings)]
    for one in connectors:
        if not isinstance(one, HttpConnectorSettings) or one.reply_through is None or one.reply_through in senders:
            continue
        section = sections.part(one.name)
        if one.reply_through in sections.entries:
            message = f'"{one.reply_through}" cannot send: a reply goes through a WhatsApp or console connector'
            section.fault("reply_through", NAME, message)
        else:
            message = f'no connector is named "{one.reply_through}"'
            section.fault("reply_through", NAME, message, suggest(one.reply_through, senders) if senders else "")


def _check_secret_names(sections: Section, connectors: list[ConnectorSettings]) -> None:
    """`a-b` and `a_b`, or `cloud` and an http connector `cloud_access`, would read one secret for two purposes."""
    owners: dict[str, str] = {}
    for one in connectors:
        for secret in secrets_of(one):
            owner = owners.setdefault(secret.name, one.name)
            if owner != one.name:
                message = f'"{one.name}" and "{owner}" would both read the secret {secret.name}'
                sections.key_fault(one.name, NAME, message, "rename one of them")


def _check_sessions(sections: Section, connectors: list[ConnectorSettings]) -> None:
    """Two gateways on one session would end each other's connection for ever."""
    owners: dict[Path, str] = {}
    for one in connectors:
        if isinstance(one, WhatsAppWebSettings) and (owner := owners.setdefault(one.session, one.name)) != one.name:
            message = f'"{one.name}" and "{owner}" would both use the session {one.session.name}'
            sections.part(one.name).fault("session", NAME, message, "name another folder")


def _mattermost(top: Section, environment: Environment, vault: Vault) -> MattermostSettings | None:
    if not top.has(_MATTERMOST):
        if environment is Environment.PRODUCTION:
            message = 'in production the engineers\' posts need the section "mattermost"'
            top.fault(
                "environment", MISSING, message, "e.g. mattermost: {url: https://chat.example.org, team: support}"
            )
        return None
    section = top.part(_MATTERMOST).only("url", "team", "channel_override", "operations_channel")
    section.expect("url", "team")
    return MattermostSettings(
        url=section.url("url") or "",
        team=section.text("team") or "",
        channel_override=section.text("channel_override"),
        operations_channel=section.text("operations_channel"),
        token=vault.take("mattermost_token"),
    )


def _oncall(top: Section) -> OnCallSettings:
    section = top.part("oncall").only("source", "mention")
    source = section.text("source") or "static"
    if source in _LATER_ONCALL:
        section.fault("source", LATER, f"on-call from {source} comes in a later version", 'write "static"')
    elif source != "static":
        section.fault("source", VALUE, '"source" is static')
    return OnCallSettings(section.text("mention") or "@oncall")


def _retry(top: Section) -> RetrySettings:
    section = top.part("retry").only("in_doubt", "in_doubt_wait", "base", "cap")
    retry = RetrySettings(
        in_doubt=InDoubt(section.choice("in_doubt", tuple(InDoubt), InDoubt.RESEND)),
        in_doubt_wait=section.span("in_doubt_wait", timedelta(seconds=60)),
        base=section.span("base", timedelta(seconds=1)),
        cap=section.span("cap", timedelta(minutes=1)),
    )
    if not timedelta(0) < retry.base <= retry.cap:
        section.fault("base", VALUE, '"base", the first pause, is longer than zero and no longer than "cap"')
    return retry
