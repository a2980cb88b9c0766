"""engine.yaml as a tree into Settings, with every fault in it; see the table in README.md for the keys.

Called by `load`. It opens no file of its own: secrets come from the vault it is given.
"""

import re
import socket
from datetime import timedelta
from pathlib import Path

from engine.core.endpoints import Endpoint, TcpEndpoint, UnixEndpoint, parse_endpoint
from engine.core.manners import Manners, parse_quiet_hours
from engine.core.settlements import InDoubt
from engine.ruleset.reader import Node
from engine.ruleset.syntax import Fault
from engine.settings import connectors, oncall, outages, services
from engine.settings.names import MATTERMOST, check_secrets
from engine.settings.secrets import Vault
from engine.settings.sections import MISSING, VALUE, Section
from engine.settings.values import (
    Environment,
    HttpSettings,
    Limits,
    MattermostSettings,
    MediaSettings,
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
    "services",
    "mattermost",
    "oncall",
    "outages",
    "manners",
    "media",
    "retention",
    "limits",
    "retry",
)
_MATTERMOST_KEYS = (
    "url",
    "team",
    "channel_override",
    "operations_channel",
    "fallback",
    "fallback_after",
    "claim_by_reply",
    "relay_replies",
    "buttons",
    "actions_url",
)
_LISTEN = TcpEndpoint("127.0.0.1", 8080)
_NODE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}", re.ASCII)
# Between user and host, or as a parameter.
_PASSWORD = re.compile(r"//[^/@]*:[^/@]*@|[?&]password=", re.IGNORECASE)
# Two files of that size under way made a process of 280 MB (measured 2026-11-25), and the service has a gigabyte.
_MOST_MEDIA_BYTES = 50 * 1024 * 1024


def read(node: Node, base: Path, vault: Vault, faults: list[Fault]) -> Settings:
    """The settings in the file's tree. Worth nothing when a fault was added or `vault.check` raises."""
    top = Section.of("", node, faults).only(*_KEYS)
    environment = Environment(top.choice("environment", tuple(Environment), Environment.DEVELOPMENT))
    http = _http(top, base)
    state = top.folder("state", base)
    ways, calls = top.part("connectors"), top.part("services")
    found = connectors.read(top, ways, state, vault, http.public_url)
    called, paged = oncall.read(top, vault), services.read(calls, ways, vault)
    check_secrets(
        [
            (top, "oncall", called.secrets()),
            *((ways, one.name, secrets_of(one)) for one in found),
            *((calls, one.name, (one.key,)) for one in paged),
        ]
    )
    limits = top.part("limits").only("open_deliveries", "body_bytes", "mattermost_per_second")
    paced = WhatsAppCloudSettings | TwilioSettings | WhatsAppWebSettings
    rates = [(one.name, one.per_second) for one in found if isinstance(one, paced)]
    rates += [(one.name, services.PER_SECOND) for one in paged]
    rates.append((MATTERMOST, limits.rate("mattermost_per_second", 5.0)))
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
        connectors=found,
        services=paged,
        mattermost=_mattermost(top, environment, vault, http.public_url),
        oncall=called,
        outages=outages.read(top),
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


def _mattermost(
    top: Section, environment: Environment, vault: Vault, public_url: str | None
) -> MattermostSettings | None:
    if not top.has(MATTERMOST):
        if environment is Environment.PRODUCTION:
            message = 'in production the engineers\' posts need the section "mattermost"'
            top.fault(
                "environment", MISSING, message, "e.g. mattermost: {url: https://chat.example.org, team: support}"
            )
        return None
    section = top.part(MATTERMOST).only(*_MATTERMOST_KEYS)
    section.expect("url", "team")
    return MattermostSettings(
        url=section.url("url") or "",
        team=section.text("team") or "",
        channel_override=section.text("channel_override"),
        operations_channel=section.text("operations_channel"),
        token=vault.take("mattermost_token"),
        fallback_url=vault.take("mattermost_fallback_url") if section.switch("fallback", default=False) else None,
        fallback_after=section.span("fallback_after", timedelta(minutes=3)),
        claim_by_reply=section.switch("claim_by_reply", default=True),
        relay_replies=section.switch("relay_replies", default=False),
        actions_url=_actions_url(section, public_url),
    )


def _actions_url(section: Section, public_url: str | None) -> str | None:
    """Where clicks on buttons go; None where there are no buttons."""
    base = section.url("actions_url") or public_url
    if not section.switch("buttons", default=False):
        return None
    if base is None and not section.has("actions_url"):
        message = '"buttons" needs an address by which Mattermost reaches the engine: actions_url, or http.public_url'
        section.fault("buttons", MISSING, message, "e.g. actions_url: http://10.0.0.5:8080")
    return f"{base}/webhooks/{MATTERMOST}"


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
