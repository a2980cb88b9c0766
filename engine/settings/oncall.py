"""The section `oncall` of engine.yaml: whom a post calls, and who else knows who is on call. Called by `document`."""

import re
from collections.abc import Mapping
from datetime import timedelta

from engine.core.ladders import MentionMode
from engine.ruleset.syntax import Fault
from engine.settings import opsgenie
from engine.settings.secrets import Vault
from engine.settings.sections import ENDING, MISSING, VALUE, Section, suggest
from engine.settings.values import (
    ON_CALL_FILES,
    JsmOnCallSettings,
    OnCallSettings,
    OnCallSource,
    OpsgenieOnCallSettings,
    PagerDutyOnCallSettings,
    PatienceSettings,
)

_SERVICES = ("pagerduty", "jsm", "opsgenie")
_KEYS = ("source", "mention", "mention_mode", "order", *_SERVICES)
_PATIENCE = ("budget", "refresh", "max_age")
_PAGERDUTY_URLS = {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"}
_ATLASSIAN_URL = "https://api.atlassian.com"
# Each becomes a part of an address.
_PAGERDUTY_ID = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_ATLASSIAN_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9:-]{1,128}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LONGEST_BUDGET = timedelta(seconds=30)
_SHORTEST_REFRESH = timedelta(seconds=5)


def read(top: Section, vault: Vault) -> OnCallSettings:
    """Who is called."""
    section = top.part("oncall").only(*_KEYS)
    written = section.text("source")
    source = OnCallSource.STATIC
    if written in _SERVICES:
        hint = f'write "schedule", and the section "{written}" beside it'
        section.fault("source", VALUE, '"source" is one of static, schedule', hint)
    else:
        source = OnCallSource(section.choice("source", tuple(OnCallSource), OnCallSource.STATIC))
        _check_unused(section, source)
    return OnCallSettings(
        source=source,
        mention=section.text("mention") or "@oncall",
        mention_mode=MentionMode(section.choice("mention_mode", tuple(MentionMode), MentionMode.BOTH)),
        order=_order(section),
        pagerduty=_pagerduty(section.part("pagerduty"), vault) if section.has("pagerduty") else None,
        jsm=_jsm(section.part("jsm"), vault) if section.has("jsm") else None,
        opsgenie=_opsgenie(section, vault) if section.has("opsgenie") else None,
    )


def _check_unused(section: Section, source: OnCallSource) -> None:
    """What only a schedule uses."""
    if source is OnCallSource.SCHEDULE:
        return
    for key in ("order", *_SERVICES):
        if section.has(key):
            section.key_fault(key, VALUE, f'"{key}" is used with "source: schedule" alone', 'add "source: schedule"')


def _order(section: Section) -> tuple[str, ...]:
    """Who is asked first; without a word of the file's the services that it has, then the on-call files."""
    known = (*(one for one in _SERVICES if section.has(one)), ON_CALL_FILES)
    if not section.has("order"):
        return known
    order: list[str] = []
    for name, at in section.texts("order"):
        if name in order:
            section.faults.append(Fault(at, VALUE, f'"{name}" stands twice in "order"'))
        elif name in _SERVICES and name not in known:
            section.faults.append(Fault(at, MISSING, f'"order" names "{name}", which "oncall" has no section for'))
        elif name not in known:
            hint = suggest(name, (*_SERVICES, ON_CALL_FILES))
            section.faults.append(Fault(at, VALUE, f'"{name}" cannot stand in "order"', hint))
        else:
            order.append(name)
    return tuple(order)


def _pagerduty(section: Section, vault: Vault) -> PagerDutyOnCallSettings:
    section.only("url", "region", "schedules", *_PATIENCE).expect("schedules")
    return PagerDutyOnCallSettings(
        url=_url(section, _PAGERDUTY_URLS),
        schedules=_names(section.part("schedules"), _PAGERDUTY_ID, "the schedule's id in PagerDuty, e.g. PSCHED1"),
        patience=_patience(section),
        token=vault.take("oncall_pagerduty_token"),
    )


def _jsm(section: Section, vault: Vault) -> JsmOnCallSettings:
    section.only("url", "cloud_id", "user", "schedules", "people", *_PATIENCE)
    section.expect("cloud_id", "user", "schedules", "people")
    return JsmOnCallSettings(
        url=section.url("url") or _ATLASSIAN_URL,
        cloud_id=section.matching("cloud_id", _ATLASSIAN_ID, "the id of your site at Atlassian") or "",
        user=section.matching("user", _EMAIL, "the e-mail address of the account whose API token it is") or "",
        schedules=_names(section.part("schedules"), _ATLASSIAN_ID, "the schedule's id in Jira Service Management"),
        people=_names(section.part("people"), _ACCOUNT_ID, "the id of the person's account at Atlassian"),
        patience=_patience(section),
        token=vault.take("oncall_jsm_token"),
    )


def _opsgenie(oncall: Section, vault: Vault) -> OpsgenieOnCallSettings:
    hint = "move the schedules to Jira Service Management and write oncall.jsm"
    oncall.key_fault("opsgenie", ENDING, opsgenie.ends("it tells nobody who is on call"), hint)
    section = oncall.part("opsgenie").only("url", "region", "schedules", *_PATIENCE)
    section.expect("schedules")
    return OpsgenieOnCallSettings(
        url=_url(section, opsgenie.URLS),
        schedules=_names(section.part("schedules"), _ATLASSIAN_ID, "the schedule's id in Opsgenie, and not its name"),
        patience=_patience(section),
        token=vault.take("oncall_opsgenie_api_key"),
    )


def _url(section: Section, urls: Mapping[str, str]) -> str:
    """The address that is written, else the one of the region."""
    region = section.choice("region", tuple(urls), "us")
    return section.url("url") or urls[region]


def _names(section: Section, form: re.Pattern[str], wanted: str) -> tuple[tuple[str, str], ...]:
    """The ids that a service has for what we call by other names."""
    return tuple((name, section.matching(name, form, wanted) or "") for name in section.entries)


def _patience(section: Section) -> PatienceSettings:
    patience = PatienceSettings(
        budget=section.span("budget", timedelta(seconds=2)),
        refresh=section.span("refresh", timedelta(seconds=60)),
        max_age=section.span("max_age", timedelta(minutes=15)),
    )
    if not timedelta(0) < patience.budget <= _LONGEST_BUDGET:
        section.fault("budget", VALUE, '"budget" is longer than zero and at most 30s')
    if patience.refresh < _SHORTEST_REFRESH:
        section.fault("refresh", VALUE, '"refresh" is at least 5s')
    elif patience.max_age < patience.refresh:
        section.fault("max_age", VALUE, '"max_age" is no shorter than "refresh"')
    return patience
