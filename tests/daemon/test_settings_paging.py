"""Paging services and on-call sources in engine.yaml: their keys, their defaults, and each mistake with its words."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine import settings
from engine.core.errors import ConfigurationError
from engine.core.ladders import MentionMode
from engine.settings import OnCallSource, PatienceSettings, ServiceKind, Settings

SECRETS = {
    "ENGINE_NOC_ROUTING_KEY": "key-1",
    "ENGINE_NOC_JSM_API_KEY": "key-2",
    "ENGINE_ONCALL_PAGERDUTY_TOKEN": "token-3",
    "ENGINE_ONCALL_JSM_TOKEN": "token-4",
    "ENGINE_ONCALL_OPSGENIE_API_KEY": "key-5",
}
SCREEN = "connectors: {screen: {type: console}}\n"
FULL = f"""\
{SCREEN}services:
  noc: {{type: pagerduty, region: eu}}
  noc-jsm: {{type: jsm, url: http://127.0.0.1:9999/jsm/}}
oncall:
  source: schedule
  mention: "@voip"
  mention_mode: resolved
  order: [jsm, schedule, pagerduty]
  pagerduty: {{region: eu, budget: 1s, refresh: 30s, max_age: 10m, schedules: {{voip-primary: PSCHED1}}}}
  jsm:
    url: http://127.0.0.1:9998
    cloud_id: 1b3a5c7e-0000-4000-8000-123456789abc
    user: bot@example.com
    schedules: {{voip-primary: 5e1f-1}}
    people: {{alice@example.com: "712020:5d4e-1"}}
"""
OPSGENIE = f"{SCREEN}oncall:\n  source: schedule\n  opsgenie: {{schedules: {{voip: 5e1f-1}}"
PAGERDUTY = f"{SCREEN}oncall:\n  source: schedule\n  pagerduty: {{schedules: {{voip: PSCHED1}}"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """The settings in a text, named `engine.yaml` as an administrator would name it."""
    monkeypatch.chdir(tmp_path)

    def read(text: str, environ: dict[str, str] | None = None) -> Settings:
        Path("engine.yaml").write_text(text, encoding="utf-8")
        return settings.load(Path("engine.yaml"), SECRETS if environ is None else environ)

    return read


Load = Callable[..., Settings]


def _services(written: str) -> str:
    return f"{SCREEN}services:\n  {written}\n"


def test_every_key_is_read(load: Load) -> None:
    """What stands in the file is what the daemon gets, the secrets included."""
    read = load(FULL)
    noc, jsm = read.services
    assert (noc.name, noc.kind, noc.url) == ("noc", ServiceKind.PAGERDUTY, "https://events.eu.pagerduty.com")
    assert (jsm.name, jsm.kind, jsm.url) == ("noc-jsm", ServiceKind.JSM, "http://127.0.0.1:9999/jsm")
    oncall = read.oncall
    assert (oncall.source, oncall.mention, oncall.mention_mode) == (
        OnCallSource.SCHEDULE,
        "@voip",
        MentionMode.RESOLVED,
    )
    assert oncall.order == ("jsm", "schedule", "pagerduty")
    assert oncall.pagerduty is not None
    assert oncall.pagerduty.url == "https://api.eu.pagerduty.com"
    assert oncall.pagerduty.schedules == (("voip-primary", "PSCHED1"),)
    assert oncall.pagerduty.patience == PatienceSettings(
        budget=timedelta(seconds=1), refresh=timedelta(seconds=30), max_age=timedelta(minutes=10)
    )
    assert oncall.jsm is not None
    assert (oncall.jsm.url, oncall.jsm.cloud_id) == ("http://127.0.0.1:9998", "1b3a5c7e-0000-4000-8000-123456789abc")
    assert (oncall.jsm.user, oncall.jsm.people) == ("bot@example.com", (("alice@example.com", "712020:5d4e-1"),))
    assert [secret.reveal() for secret in read.secrets()] == ["key-1", "key-2", "token-3", "token-4"]
    assert read.limits.per_second("noc") == read.limits.per_second("noc-jsm") == 2
    assert read.warnings == ()


def test_what_is_left_out_has_a_default(load: Load) -> None:
    """The vendors' addresses are known, and the services of the file are asked before the on-call files."""
    read = load(_services("noc: {type: pagerduty}") + PAGERDUTY.removeprefix(SCREEN) + "}\n")
    assert read.services[0].url == "https://events.pagerduty.com"
    assert (read.oncall.mention, read.oncall.mention_mode) == ("@oncall", MentionMode.BOTH)
    assert read.oncall.order == ("pagerduty", "schedule")
    assert read.oncall.pagerduty is not None
    assert read.oncall.pagerduty.url == "https://api.pagerduty.com"
    assert read.oncall.pagerduty.patience == PatienceSettings(
        budget=timedelta(seconds=2), refresh=timedelta(seconds=60), max_age=timedelta(minutes=15)
    )
    assert load(_services("noc-jsm: {type: jsm}")).services[0].url == "https://api.atlassian.com/jsm/ops/integration"
    plain = load(SCREEN).oncall
    assert (plain.source, plain.order, plain.keepers()) == (OnCallSource.STATIC, ("schedule",), {})


@pytest.mark.parametrize(
    ("region", "url"), [("", "https://api.opsgenie.com"), (", region: eu", "https://api.eu.opsgenie.com")]
)
def test_opsgenie_is_taken_with_a_warning(load: Load, region: str, url: str) -> None:
    """It works until it ends, and each start says when that is."""
    read = load(_services(f"noc-jsm: {{type: opsgenie{region}}}"))
    assert (read.services[0].kind, read.services[0].url) == (ServiceKind.OPSGENIE, url)
    (warning,) = read.warnings
    assert (warning.code, warning.line) == ("W907", 3)
    assert warning.message == (
        "Opsgenie ends on 2027-04-05, and 120 days after its account was migrated: then nobody is called"
    )
    assert warning.hint == "move the alerts to Jira Service Management and write type: jsm"


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ("", "https://api.opsgenie.com"),
        (", region: eu", "https://api.eu.opsgenie.com"),
        (", region: eu, url: http://127.0.0.1:9997/", "http://127.0.0.1:9997"),
    ],
)
def test_opsgenie_tells_who_is_on_call_with_a_warning(load: Load, more: str, url: str) -> None:
    """The same for the schedules that are kept there, and the same patience as for the others."""
    read = load(f"{OPSGENIE}{more}}}\n")
    assert read.oncall.order == ("opsgenie", "schedule")
    section = read.oncall.opsgenie
    assert section is not None
    assert (section.url, section.schedules) == (url, (("voip", "5e1f-1"),))
    assert section.patience == PatienceSettings(
        budget=timedelta(seconds=2), refresh=timedelta(seconds=60), max_age=timedelta(minutes=15)
    )
    assert [(secret.name, secret.reveal()) for secret in read.secrets()] == [("oncall_opsgenie_api_key", "key-5")]
    (warning,) = read.warnings
    assert (warning.code, warning.line, warning.column) == ("W907", 4, 3)
    assert warning.message == (
        "Opsgenie ends on 2027-04-05, and 120 days after its account was migrated: then it tells nobody who is on call"
    )
    assert warning.hint == "move the schedules to Jira Service Management and write oncall.jsm"


def test_each_service_of_the_file_is_asked_before_the_on_call_files(load: Load) -> None:
    """The one that ends comes last of them, whatever the order of the sections; a word of the file's counts first."""
    moving = f"{OPSGENIE}}}\n{FULL[FULL.index('  jsm:') :]}"
    read = load(moving)
    assert read.oncall.order == ("jsm", "opsgenie", "schedule")
    assert list(read.oncall.keepers()) == ["jsm", "opsgenie"]
    ordered = load(moving.replace("source: schedule", "source: schedule\n  order: [opsgenie, jsm]"))
    assert ordered.oncall.order == ("opsgenie", "jsm")


def test_a_missing_secret_is_named(load: Load) -> None:
    """Each of them, with the places where it was looked for."""
    with pytest.raises(ConfigurationError) as refused:
        load(FULL, {})
    said = str(refused.value)
    assert said.startswith("4 secrets cannot be had:\n")
    for name in ("noc_routing_key", "noc_jsm_api_key", "oncall_pagerduty_token", "oncall_jsm_token"):
        assert f"\n  {name}: there is no systemd credential {name}, and neither ENGINE_{name.upper()}_FILE nor" in said


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param(f"{SCREEN}services: noc\n", '2:11  error  E903  "services" must have keys', id="a word"),
        pytest.param(_services("noc: {}"), '3:8  error  E902  "noc" lacks the key "type"', id="no type"),
        pytest.param(
            _services("noc: {type: pager-duty}"),
            '3:15  error  E904  there is no service type "pager-duty"\n'
            "    3 |   noc: {type: pager-duty}\n"
            '      |               ^^^^^^^^^^ did you mean "pagerduty"?',
            id="unknown type",
        ),
        pytest.param(
            _services("noc: {type: pagerduty, region: asia}"),
            '3:34  error  E904  "region" is one of us, eu',
            id="unknown region",
        ),
        pytest.param(
            _services("noc-jsm: {type: jsm, region: eu}"), 'E901  "noc-jsm" has no key "region"', id="jsm has no region"
        ),
        pytest.param(
            _services("noc: {type: pagerduty, routing_key: R0123}"),
            '3:26  error  E901  "noc" has no key "routing_key"',
            id="a secret in the file",
        ),
        pytest.param(
            _services("screen: {type: pagerduty}"),
            '3:3  error  E906  "screen" is a connector: a service needs a name of its own\n'
            "    3 |   screen: {type: pagerduty}\n"
            "      |   ^^^^^^ rename one of them",
            id="name of a connector",
        ),
        pytest.param(
            _services("mattermost: {type: pagerduty}"),
            '3:3  error  E906  a service cannot be called "mattermost"',
            id="mattermost",
        ),
        pytest.param(
            _services("My NOC: {type: jsm}"), '3:3  error  E906  "My NOC" cannot name a service', id="odd name"
        ),
        pytest.param(
            _services("noc-jsm: {type: jsm}\n  noc_jsm: {type: jsm}"),
            '4:3  error  E906  "noc_jsm" and "noc-jsm" would both read the secret noc_jsm_api_key',
            id="one secret twice",
        ),
        pytest.param(
            "connectors: {oncall-pagerduty: {type: http}}\n" + PAGERDUTY.removeprefix(SCREEN) + "}\n",
            'E906  "oncall-pagerduty" and "oncall" would both read the secret oncall_pagerduty_token',
            id="a secret of the on-call source",
        ),
        pytest.param(
            f"{SCREEN}oncall:\n  pagerduty: {{schedules: {{voip: P1}}}}\n",
            '3:3  error  E904  "pagerduty" is used with "source: schedule" alone',
            id="without the schedule",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, order: [pagerduty]}}\n",
            '2:36  error  E902  "order" names "pagerduty", which "oncall" has no section for',
            id="nobody to ask",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, order: [schedule, schedule]}}\n",
            'E904  "schedule" stands twice in "order"',
            id="twice in order",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, order: [files]}}\n",
            'E904  "files" cannot stand in "order"',
            id="unknown in order",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{mention_mode: name}}\n",
            'E904  "mention_mode" is one of static, resolved, both',
            id="mention mode",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, pagerduty: {{}}}}\n",
            'E902  "pagerduty" lacks the key "schedules"',
            id="no schedules",
        ),
        pytest.param(PAGERDUTY + ", budget: 31s}\n", 'E904  "budget" is longer than zero and at most 30s', id="budget"),
        pytest.param(PAGERDUTY + ", refresh: 1s}\n", 'E904  "refresh" is at least 5s', id="too often"),
        pytest.param(PAGERDUTY + ", max_age: 30s}\n", 'E904  "max_age" is no shorter than "refresh"', id="old at once"),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, pagerduty: {{schedules: {{voip: ../users}}}}}}\n",
            '"voip" must be the schedule\'s id in PagerDuty, e.g. PSCHED1',
            id="no id",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, opsgenie: {{}}}}\n",
            '2:38  error  E902  "opsgenie" lacks the key "schedules"',
            id="no schedules at Opsgenie",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, opsgenie: voip}}\n",
            '2:38  error  E903  "opsgenie" must have keys',
            id="a word for Opsgenie",
        ),
        pytest.param(
            f"{OPSGENIE.replace('{voip: 5e1f-1}', '[5e1f-1]')}}}\n",
            '4:25  error  E903  "schedules" must have keys',
            id="a list of schedules",
        ),
        pytest.param(
            f"{OPSGENIE.replace('5e1f-1', 'VoIP primary')}}}\n",
            '4:32  error  E904  "voip" must be the schedule\'s id in Opsgenie, and not its name',
            id="a schedule's name",
        ),
        pytest.param(
            f"{OPSGENIE.replace('5e1f-1', '[5e1f-1]')}}}\n",
            '4:32  error  E903  "voip" must be one value',
            id="two ids",
        ),
        pytest.param(
            f"{OPSGENIE}, api_key: key-5}}\n",
            '4:41  error  E901  "opsgenie" has no key "api_key"',
            id="key in the file",
        ),
        pytest.param(f"{OPSGENIE}, people: {{}}}}\n", 'E901  "opsgenie" has no key "people"', id="people at Opsgenie"),
        pytest.param(f"{OPSGENIE}, region: asia}}\n", '"region" is one of us, eu', id="unknown region of Opsgenie"),
        pytest.param(f"{OPSGENIE}, url: opsgenie.com}}\n", 'E904  "url" must be a web address', id="no address"),
        pytest.param(f"{OPSGENIE}, budget: 2}}\n", 'E904  "budget" is a length of time', id="a number"),
        pytest.param(f"{OPSGENIE}, refresh: 1s}}\n", 'E904  "refresh" is at least 5s', id="Opsgenie too often"),
        pytest.param(
            OPSGENIE.replace("source: schedule", "source: static") + "}\n",
            '"opsgenie" is used with "source: schedule" alone',
            id="Opsgenie without the schedule",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: opsgenie}}\n",
            '"source" is one of static, schedule',
            id="Opsgenie as the source",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, order: [opsgenie]}}\n",
            'E902  "order" names "opsgenie", which "oncall" has no section for',
            id="no Opsgenie to ask",
        ),
        pytest.param(
            f"{SCREEN}oncall: {{source: schedule, order: [opsgeni]}}\n",
            'did you mean "opsgenie"?',
            id="a slip in order",
        ),
        pytest.param(
            _services("oncall-opsgenie: {type: jsm}") + OPSGENIE.removeprefix(SCREEN) + "}\n",
            '"oncall-opsgenie" and "oncall" would both read the secret oncall_opsgenie_api_key',
            id="the on-call source's API key",
        ),
        pytest.param(
            FULL.replace("bot@example.com", "bot"),
            '"user" must be the e-mail address of the account whose API token it is',
            id="user",
        ),
        pytest.param(FULL.replace("    user: bot@example.com\n", ""), 'E902  "jsm" lacks the key "user"', id="no user"),
    ],
)
def test_each_mistake_has_its_place_and_sentence(load: Load, text: str, finding: str) -> None:
    """One mistake, one finding."""
    with pytest.raises(ConfigurationError) as refused:
        load(text)
    said = str(refused.value)
    assert finding in said
    assert said.count("  error  ") == 1
