"""The section `services` of engine.yaml: paging services that an incident can be handed to. Called by `document`."""

from typing import Final

from engine.settings import names, opsgenie
from engine.settings.secrets import Vault
from engine.settings.sections import ENDING, NAME, VALUE, Section, suggest
from engine.settings.values import ServiceKind, ServiceSettings

# PagerDuty takes some 120 events a minute for one integration key; Atlassian tells no number.
PER_SECOND: Final = 2.0
_URLS = {
    (ServiceKind.PAGERDUTY, "us"): "https://events.pagerduty.com",
    (ServiceKind.PAGERDUTY, "eu"): "https://events.eu.pagerduty.com",
    (ServiceKind.JSM, "us"): "https://api.atlassian.com/jsm/ops/integration",
    (ServiceKind.OPSGENIE, "us"): opsgenie.URLS["us"],
    (ServiceKind.OPSGENIE, "eu"): opsgenie.URLS["eu"],
}
_KEYS = {
    ServiceKind.PAGERDUTY: ("type", "region", "url"),
    ServiceKind.JSM: ("type", "url"),
    ServiceKind.OPSGENIE: ("type", "region", "url"),
}
_SECRETS = {ServiceKind.PAGERDUTY: "routing_key", ServiceKind.JSM: "api_key", ServiceKind.OPSGENIE: "api_key"}


def read(sections: Section, connectors: Section, vault: Vault) -> tuple[ServiceSettings, ...]:
    """The services in the order of the file."""
    found = []
    for name in sections.entries:
        if not names.is_usable(sections, name, "service"):
            continue
        if name in connectors.entries:
            message = f'"{name}" is a connector: a service needs a name of its own'
            sections.key_fault(name, NAME, message, "rename one of them")
            continue
        if (service := _service(sections.part(name), vault)) is not None:
            found.append(service)
    return tuple(found)


def _service(section: Section, vault: Vault) -> ServiceSettings | None:
    section.expect("type")
    written = section.text("type")
    if written not in tuple(ServiceKind):
        # A type that is absent or no text has its fault already.
        if written:
            message = f'there is no service type "{written}"'
            section.fault("type", VALUE, message, suggest(written, tuple(ServiceKind)))
        return None
    kind = ServiceKind(written)
    section.only(*_KEYS[kind])
    if kind is ServiceKind.OPSGENIE:
        hint = "move the alerts to Jira Service Management and write type: jsm"
        section.fault("type", ENDING, opsgenie.ends("nobody is called"), hint)
    region = section.choice("region", ("us", "eu"), "us") if "region" in _KEYS[kind] else "us"
    return ServiceSettings(
        name=section.name,
        kind=kind,
        url=section.url("url") or _URLS[kind, region],
        key=vault.take(names.secret(section.name, _SECRETS[kind])),
    )
