"""The section `connectors` of engine.yaml: the ways to clients. Called by `document`."""

import re
from datetime import timedelta
from pathlib import Path

from engine.settings import approved_templates, names, paces
from engine.settings.secrets import Vault
from engine.settings.sections import MISSING, NAME, VALUE, Section, suggest
from engine.settings.values import (
    ConnectorSettings,
    ConsoleSettings,
    HttpConnectorSettings,
    TwilioSettings,
    WhatsAppCloudSettings,
    WhatsAppWebSettings,
)

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
_DIGITS = re.compile(r"[0-9]{1,32}", re.ASCII)
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}", re.ASCII)
_API_URL = "https://graph.facebook.com"
_API_VERSION = "v23.0"
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_SENDER = re.compile(r"whatsapp:\+[0-9]{5,15}", re.ASCII)
_TWILIO_URL = "https://api.twilio.com"
_BACKFILL_EVERY = timedelta(minutes=5)
# One folder; its name starts none of the daemon's own files, which are journal.db and the like.
_SESSION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


def read(
    top: Section, sections: Section, state: Path, vault: Vault, public_url: str | None
) -> tuple[ConnectorSettings, ...]:
    """The connectors in the order of the file."""
    top.expect("connectors")
    found = [
        connector
        for name in sections.entries
        if names.is_usable(sections, name, "connector")
        and (connector := _connector(sections.part(name), state, vault, public_url)) is not None
    ]
    if top.has("connectors") and not sections.entries and not sections.broken:
        top.fault("connectors", MISSING, "no connector is configured", "e.g. desk: {type: http}")
    for one in found:
        if isinstance(one, TwilioSettings) and public_url is None:
            message = f'"{one.name}" needs http.public_url, the address that Twilio posts to and signs'
            sections.key_fault(one.name, MISSING, message, "e.g. http: {public_url: https://support.example.org}")
    _check_replies(sections, found)
    _check_sessions(sections, found)
    return tuple(found)


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
        return HttpConnectorSettings(name, section.text("reply_through"), vault.take(names.secret(name, "token")))
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
        access_token=vault.take(names.secret(name, "access_token")),
        app_secret=vault.take(names.secret(name, "app_secret")),
        verify_token=vault.take(names.secret(name, "verify_token")),
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
        auth_token=vault.take(names.secret(section.name, "auth_token")),
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


def _check_sessions(sections: Section, connectors: list[ConnectorSettings]) -> None:
    """Two gateways on one session would end each other's connection for ever."""
    owners: dict[Path, str] = {}
    for one in connectors:
        if isinstance(one, WhatsAppWebSettings) and (owner := owners.setdefault(one.session, one.name)) != one.name:
            message = f'"{one.name}" and "{owner}" would both use the session {one.session.name}'
            sections.part(one.name).fault("session", NAME, message, "name another folder")
