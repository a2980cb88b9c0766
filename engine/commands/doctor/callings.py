"""The services beyond Mattermost: whether paging services can be reached, without paging anybody, and what those that
keep schedules say of now.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Final

from engine import adapters
from engine.commands.doctor.findings import Finding, Level, finding
from engine.commands.doctor.installations import Installation
from engine.connectors.exchanges import Session, certainly
from engine.connectors.replies import Reply
from engine.core.deliveries import Rejected
from engine.core.errors import ConfigurationError
from engine.core.oncall import NOBODY
from engine.core.rosters import Roster
from engine.oncall.sources import Shift
from engine.settings import KeeperSettings, OnCallSource, ServiceKind, ServiceSettings

_SUBJECT = "on-call"
_EXCHANGE: Final = timedelta(seconds=5)
NETWORKS: Final[Mapping[str, str]] = {
    "pagerduty": "PagerDuty",
    "jsm": "Jira Service Management",
    "opsgenie": "Opsgenie",
}
_PAGING: Final[Mapping[ServiceKind, tuple[str, str]]] = {
    ServiceKind.PAGERDUTY: ("PagerDuty", "v2/enqueue"),
    ServiceKind.JSM: ("Jira Service Management", "v2/alerts"),
    ServiceKind.OPSGENIE: ("Opsgenie", "v2/alerts"),
}
# A session wants a token, which a look without authorization never sends.
_UNSENT = "unsent"


async def paging(service: ServiceSettings) -> tuple[Finding, ...]:
    """A paging service: whether anything answers where pages go. The key is not sent."""
    network, path = _PAGING[service.kind]
    session = Session(network, service.url, _UNSENT, _EXCHANGE.total_seconds(), shown_as="")
    try:
        answer = await session.exchange("GET", path)
    finally:
        await session.close()
    if not isinstance(answer, Reply):
        return (finding(service.name, Level.FAIL, certainly(answer).reason),)
    if answer.redirected:
        text = f"{network} is not at this address ({answer.status})"
        return (Finding(service.name, Level.FAIL, text, f"correct services.{service.name}.url"),)
    if answer.failed:
        return (Finding(service.name, Level.WARN, f"{network} answered {answer.status}", "try again later"),)
    unknown = f"whether {network} takes {service.key.name} shows only when somebody is paged"
    return (Finding(service.name, Level.OK, f"{network} answers"), Finding(service.name, Level.SKIP, unknown))


async def keepers(installation: Installation, files: Roster | None) -> tuple[Finding, ...]:
    """The services that keep schedules: one question about each schedule."""
    chosen = installation.settings.oncall
    if chosen.source is OnCallSource.STATIC:
        return ()
    found: list[Finding] = []
    for section in chosen.keepers().values():
        found += await _keeper(installation, section, files)
    return tuple(found)


async def _keeper(installation: Installation, section: KeeperSettings, files: Roster | None) -> list[Finding]:
    if lacking := installation.lacks(_SUBJECT, section.token.name):
        return [lacking]
    budget = min(section.patience.budget, _EXCHANGE)
    try:
        service = adapters.keeper(replace(section, patience=replace(section.patience, budget=budget)))
    except ConfigurationError as error:
        return [Finding(_SUBJECT, Level.FAIL, str(error), f"correct the url, or {section.token.name}")]
    try:
        told = await asyncio.gather(*(service.look_up(theirs) for _, theirs in section.schedules))
    finally:
        await service.close()
    found: list[Finding] = []
    for (ours, _), shift in zip(section.schedules, told, strict=True):
        found += _told(service.name, ours, shift, files)
        if files is not None and ours not in files.timetables:
            text = f"engine.yaml has the schedule {ours} from {service.name}, and no policy can call it"
            found.append(Finding(_SUBJECT, Level.WARN, text, "write it under schedules in the on-call files"))
    return found


def _told(network: str, schedule: str, shift: Shift | Rejected, files: Roster | None) -> list[Finding]:
    """What a service says of one schedule; people by their names in Mattermost, addresses are not shown."""
    if isinstance(shift, Rejected):
        return [finding(_SUBJECT, Level.FAIL, f"{schedule}, {shift.reason}")]
    names = [files.by_account(one.email, one.id) if files is not None else None for one in shift.people]
    known = [f"@{name}" for name in names if name]
    strangers = shift.strangers + len(names) - len(known)
    who = ", ".join((*known, *([f"{strangers} without a name in Mattermost"] if strangers else [])))
    until = f" until {shift.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if shift.until else ""
    text = f"{network} has on call by {schedule} now: {who or NOBODY}{until}"
    if strangers:
        advice = "write their e-mail addresses and Mattermost names under people in the on-call files"
        return [Finding(_SUBJECT, Level.WARN, text, advice)]
    return [Finding(_SUBJECT, Level.OK if known else Level.WARN, text)]
