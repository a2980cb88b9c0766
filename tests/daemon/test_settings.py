"""engine.yaml into settings: every key, every default, and every mistake with the words that an administrator reads."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine import settings
from engine.core.endpoints import TcpEndpoint, UnixEndpoint
from engine.core.errors import ConfigurationError, EngineError, PermissionRefused
from engine.core.manners import Manners, parse_quiet_hours
from engine.core.settlements import InDoubt
from engine.settings import (
    ConsoleSettings,
    Environment,
    HttpConnectorSettings,
    MediaSettings,
    PostgresSettings,
    Settings,
    TemplateSettings,
    WhatsAppCloudSettings,
    WhatsAppWebSettings,
)

SECRETS = {
    "ENGINE_CLOUD_ACCESS_TOKEN": "access-1",
    "ENGINE_CLOUD_APP_SECRET": "app-2",
    "ENGINE_CLOUD_VERIFY_TOKEN": "verify-3",
    "ENGINE_DESK_TOKEN": "desk-4",
    "ENGINE_MATTERMOST_TOKEN": "chat-5",
}

FULL = """\
environment: production
rules: policy
templates: /srv/texts
state: ../state
journal: sqlite
http: {listen: "[::1]:9000", public_url: https://support.example.org/}
acknowledge: off
connectors:
  cloud:
    type: whatsapp-cloud
    phone_number_id: "106540352242922"
    api_url: http://127.0.0.1:9999/
    api_version: v24.0
    per_second: 20.5
    read_receipts: on
    template:
      name: answer_later
      language: en_GB
      variables: ["{{client_name}}", "ticket {{ ticket_id }}", hello]
      without_name: Customer
  desk: {type: http, reply_through: screen}
  screen: {type: console}
mattermost:
  {url: https://chat.example.org/chat/, team: support, channel_override: dev-support-escalations,
   operations_channel: ops}
oncall: {source: static, mention: "@voip-oncall"}
media: {fetch: on, max_bytes: 4 MiB}
manners: {late_after: 30m, hold: 1h, quiet_hours: "22:00-07:00", timezone: Africa/Nairobi}
retention: {text: 7d, metadata: 52w}
limits: {open_deliveries: 500, body_bytes: 512 KiB, mattermost_per_second: 2}
retry: {in_doubt: hold, in_doubt_wait: 2m, base: 500ms, cap: 1h}
"""

LEAST = "connectors: {screen: {type: console}}\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """The settings in a text, named `engine.yaml` as an administrator would name it."""
    monkeypatch.chdir(tmp_path)

    def read(text: str, environ: dict[str, str] | None = None) -> Settings:
        Path("engine.yaml").write_text(text, encoding="utf-8")
        return settings.load(Path("engine.yaml"), SECRETS if environ is None else environ)

    return read


Load = Callable[..., Settings]


def refusal(load: Load, text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(text)
    return str(refused.value)


def test_a_second_way_for_posts_is_read(load: Load) -> None:
    """Its address is a secret, asked for only where it is turned on."""
    section = "mattermost: {url: https://chat.example.org, team: support%s}\n"
    plain = load(LEAST + section % "").mattermost
    assert plain is not None
    assert (plain.fallback_url, plain.fallback_after) == (None, timedelta(minutes=3))
    environ = {**SECRETS, "ENGINE_MATTERMOST_FALLBACK_URL": "https://chat.example.org/hooks/x"}
    read = load(LEAST + section % ", fallback: on, fallback_after: 5m", environ)
    assert read.mattermost is not None
    assert read.mattermost.fallback_url is not None
    assert read.mattermost.fallback_url.reveal() == "https://chat.example.org/hooks/x"
    assert read.mattermost.fallback_after == timedelta(minutes=5)
    assert [secret.name for secret in read.secrets()] == ["mattermost_token", "mattermost_fallback_url"]
    assert "mattermost_fallback_url: there is no" in refusal(load, LEAST + section % ", fallback: on")


_PUBLIC = "http: {public_url: https://support.example.org}\n"
_REACHES = "actions_url: http://10.0.0.5:8080/engine/"


@pytest.mark.parametrize(
    ("before", "section", "url"),
    [
        pytest.param(_PUBLIC, "", None, id="nothing said"),
        pytest.param(_PUBLIC, f", buttons: off, {_REACHES}", None, id="off"),
        pytest.param(_PUBLIC, ", buttons: on", "https://support.example.org/webhooks/mattermost", id="as the networks"),
        pytest.param("", f", buttons: on, {_REACHES}", "http://10.0.0.5:8080/engine/webhooks/mattermost", id="its own"),
        pytest.param(
            _PUBLIC, f", buttons: on, {_REACHES}", "http://10.0.0.5:8080/engine/webhooks/mattermost", id="its own first"
        ),
    ],
)
def test_buttons_lead_to_where_mattermost_reaches_us(load: Load, before: str, section: str, url: str | None) -> None:
    """Only where they are turned on."""
    read = load(f"{before}{LEAST}mattermost: {{url: https://chat.example.org, team: support{section}}}\n")
    assert read.mattermost is not None
    assert read.mattermost.actions_url == url


def test_buttons_need_an_address(load: Load) -> None:
    """Without one a click would go nowhere; one that is none has its own fault and no other."""
    section = "mattermost: {url: https://chat.example.org, team: support, buttons: on%s}\n"
    first, *_, last = refusal(load, LEAST + section % "").splitlines()
    assert first == (
        'engine.yaml:2:69  error  E902  "buttons" needs an address by which Mattermost reaches the engine: '
        "actions_url, or http.public_url"
    )
    assert last.endswith("^^ e.g. actions_url: http://10.0.0.5:8080")
    assert refusal(load, LEAST + section % ", actions_url: here").count("  error  ") == 1


def test_every_key_is_read(load: Load) -> None:
    """What stands in the file is what the daemon gets."""
    read = load(FULL)
    assert read.environment is Environment.PRODUCTION
    assert (read.rules, read.templates, read.state) == (Path("policy"), Path("/srv/texts"), Path("../state"))
    assert read.http.listen == TcpEndpoint("::1", 9000)
    assert read.http.public_url == "https://support.example.org"
    assert read.acknowledge is False
    cloud, desk, screen = read.connectors
    assert isinstance(cloud, WhatsAppCloudSettings)
    assert (cloud.name, cloud.phone_number_id) == ("cloud", "106540352242922")
    assert (cloud.api_url, cloud.api_version) == ("http://127.0.0.1:9999", "v24.0")
    assert cloud.read_receipts is True
    variables = ("{{client_name}}", "ticket {{ ticket_id }}", "hello")
    assert cloud.template == TemplateSettings("answer_later", "en_GB", variables, "Customer")
    assert [one.reveal() for one in (cloud.access_token, cloud.app_secret, cloud.verify_token)] == [
        "access-1",
        "app-2",
        "verify-3",
    ]
    assert isinstance(desk, HttpConnectorSettings)
    assert (desk.name, desk.reply_through, desk.token.reveal()) == ("desk", "screen", "desk-4")
    assert screen == ConsoleSettings("screen")
    assert read.mattermost is not None
    assert (read.mattermost.url, read.mattermost.team) == ("https://chat.example.org/chat", "support")
    assert read.mattermost.channel_override == "dev-support-escalations"
    assert read.mattermost.operations_channel == "ops"
    assert read.mattermost.token.reveal() == "chat-5"
    assert read.oncall.mention == "@voip-oncall"
    assert read.manners == Manners(
        timedelta(minutes=30), timedelta(hours=1), parse_quiet_hours("22:00-07:00", "Africa/Nairobi")
    )
    assert read.media == MediaSettings(fetch=True, max_bytes=4 * 1024 * 1024)
    assert (read.retention.text, read.retention.metadata) == (timedelta(days=7), timedelta(weeks=52))
    assert (read.limits.open_deliveries, read.limits.body_bytes) == (500, 512 * 1024)
    assert [read.limits.per_second(name) for name in ("cloud", "mattermost", "screen")] == [20.5, 2, 10_000]
    assert read.retry.in_doubt is InDoubt.HOLD
    assert read.retry.in_doubt_wait == timedelta(minutes=2)
    assert (read.retry.base, read.retry.cap) == (timedelta(milliseconds=500), timedelta(hours=1))
    assert read.warnings == ()
    assert [secret.reveal() for secret in read.secrets()] == list(SECRETS.values())


def test_everything_but_connectors_has_a_default(load: Load) -> None:
    """The smallest file that works."""
    read = load(LEAST, {})
    assert read.environment is Environment.DEVELOPMENT
    assert (read.rules, read.templates, read.state) == (Path("rules"), Path("templates"), Path("state"))
    assert read.http.listen == TcpEndpoint("127.0.0.1", 8080)
    assert read.http.public_url is None
    assert read.acknowledge is True
    assert read.mattermost is None
    assert read.oncall.mention == "@oncall"
    assert read.media == MediaSettings(fetch=False, max_bytes=10 * 1024 * 1024)
    assert read.manners == Manners()
    assert (read.retention.text, read.retention.metadata) == (timedelta(days=30), timedelta(days=400))
    assert (read.limits.open_deliveries, read.limits.body_bytes) == (100_000, 3 * 1024 * 1024)
    assert read.limits.per_second("mattermost") == 5
    assert read.retry.in_doubt is InDoubt.RESEND
    assert read.retry.in_doubt_wait == timedelta(seconds=60)
    assert (read.retry.base, read.retry.cap) == (timedelta(seconds=1), timedelta(minutes=1))
    assert list(read.secrets()) == []


def test_a_shared_journal_is_read_with_its_password(load: Load) -> None:
    """The address may name several servers; the password is a secret like others, and a server may ask for none."""
    text = f"{LEAST}journal: postgresql://engine@db1,db2/engine\nnode: support-1\n"
    read = load(text, {"ENGINE_JOURNAL_PASSWORD": "deep-6"})
    assert read.node == "support-1"
    assert read.journal is not None
    assert read.journal.address == "postgresql://engine@db1,db2/engine"
    assert [secret.reveal() for secret in read.secrets()] == ["deep-6"]
    assert load(text, {}).journal == PostgresSettings("postgresql://engine@db1,db2/engine", None)


def test_a_cloud_connector_has_defaults_too(load: Load) -> None:
    """Meta's address, version and limit are known."""
    (cloud,) = load('connectors: {cloud: {type: whatsapp-cloud, phone_number_id: "1"}}\n').connectors
    assert isinstance(cloud, WhatsAppCloudSettings)
    assert (cloud.api_url, cloud.api_version, cloud.per_second) == ("https://graph.facebook.com", "v23.0", 80)
    assert cloud.per_client_gap == timedelta(seconds=6)
    assert (cloud.read_receipts, cloud.template) == (False, None)
    text = 'connectors: {cloud: {type: whatsapp-cloud, phone_number_id: "1", template: {name: later, language: sw}}}\n'
    (cloud,) = load(text).connectors
    assert isinstance(cloud, WhatsAppCloudSettings)
    assert cloud.template == TemplateSettings("later", "sw", (), "Client")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """The daemon finds its rules wherever it is started from."""
    file = tmp_path / "etc" / "engine.yaml"
    file.parent.mkdir()
    file.write_text(f"{LEAST}http: {{listen: unix:run/http.sock}}\n", encoding="utf-8")
    read = settings.load(file, {})
    assert (read.rules, read.state) == (file.parent / "rules", file.parent / "state")
    assert read.http.listen == UnixEndpoint(file.parent / "run/http.sock")


@pytest.mark.parametrize("word", ["on", "true", "YES", "off", "False", "no"])
def test_a_switch_has_the_words_that_people_use(load: Load, word: str) -> None:
    """YAML's own guesses play no part, so each of these means what it says."""
    assert load(f"{LEAST}acknowledge: {word}\n").acknowledge is (word.lower() in {"on", "true", "yes"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("5 m", timedelta(minutes=5)),
        ("4h", timedelta(hours=4)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_length_of_time_has_a_unit(load: Load, text: str, expected: timedelta) -> None:
    """Milliseconds to weeks."""
    assert load(f"{LEAST}retry: {{in_doubt_wait: {text}}}\n").retry.in_doubt_wait == expected


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("4096", 4096), ("64 KiB", 65536), ("3MiB", 3145728)])
def test_a_size_is_in_bytes_or_binary_units(load: Load, text: str, expected: int) -> None:
    """Plain numbers are bytes."""
    assert load(f"{LEAST}limits: {{body_bytes: {text}}}\n").limits.body_bytes == expected


ALL_AT_ONCE = """\
enviroment: production
journal: postgresql://engine:hunter2@db/engine
http: {listen: "127.0.0.1"}
acknowledge: maybe
connectors:
  main: {type: whatsap-web}
  cloud: {type: whatsapp-cloud, phone_number_id: "x1", rate: 3}
  desk: {type: http, reply_through: clod}
mattermost: {url: chat.example.org, token: hunter2}
retention: {text: 30}
retry: [1]
"""


def test_all_findings_come_at_once(load: Load) -> None:
    """Each with its place, its line and what to type; lines that may hold a secret are not repeated."""
    assert refusal(load, ALL_AT_ONCE) == (
        """\
engine.yaml:1:1  error  E901  engine.yaml has no key "enviroment"
    1 | enviroment: production
      | ^^^^^^^^^^ did you mean "environment"?
engine.yaml:2:10  error  E904  the address of the journal holds a password
      take it out and give it as the secret "journal_password"
engine.yaml:3:16  error  E904  "listen" is an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/engine.sock
    3 | http: {listen: "127.0.0.1"}
      |                ^^^^^^^^^^^
engine.yaml:4:14  error  E904  "acknowledge" is on or off
    4 | acknowledge: maybe
      |              ^^^^^
engine.yaml:6:16  error  E904  there is no connector type "whatsap-web"
    6 |   main: {type: whatsap-web}
      |                ^^^^^^^^^^^ did you mean "whatsapp-web"?
engine.yaml:7:50  error  E904  "phone_number_id" must be the number's id at Meta, digits only
    7 |   cloud: {type: whatsapp-cloud, phone_number_id: "x1", rate: 3}
      |                                                  ^^^^
engine.yaml:7:56  error  E901  "cloud" has no key "rate"
    7 |   cloud: {type: whatsapp-cloud, phone_number_id: "x1", rate: 3}
"""
        '      |                                                        ^^^^ did you mean "rate_per_second"?\n'
        """\
engine.yaml:8:37  error  E906  no connector is named "clod"
    8 |   desk: {type: http, reply_through: clod}
      |                                     ^^^^ did you mean "cloud"?
engine.yaml:9:13  error  E902  "mattermost" lacks the key "team"
engine.yaml:9:19  error  E904  "url" must be a web address such as https://chat.example.org
engine.yaml:9:37  error  E901  "mattermost" has no key "token"
      take it out: secrets are never in this file
engine.yaml:10:19  error  E904  "text" is a length of time such as 90s, 5m, 4h or 30d
   10 | retention: {text: 30}
      |                   ^^ did you mean "30s"?
engine.yaml:11:8  error  E903  "retry" must have keys with values, e.g. key: value
   11 | retry: [1]
      |        ^^^"""
    )


def test_a_linked_number_has_a_session_and_a_pace(load: Load) -> None:
    """Its folder lies in the state folder under the connector's name, and it writes no faster than a person could."""
    plain, own = load(
        "state: /var/lib/engine\nconnectors:\n  main: {type: whatsapp-web}\n"
        "  other: {type: whatsapp-web, session: spare, per_second: 2, per_client_gap: 1m, read_receipts: on}\n"
    ).connectors
    gap = timedelta(seconds=5)
    assert plain == WhatsAppWebSettings("main", Path("/var/lib/engine/whatsapp-main"), 0.5, gap)
    spare = Path("/var/lib/engine/spare")
    assert own == WhatsAppWebSettings("other", spare, 2.0, timedelta(minutes=1), read_receipts=True)


def test_a_linked_number_bounds_the_relay_too(load: Load) -> None:
    """The relay lets deliveries go no faster than the number may write."""
    read = load("connectors: {main: {type: whatsapp-web, per_second: 2}}\n")
    assert read.limits.per_second("main") == 2


def test_linked_numbers_are_found_without_secrets(tmp_path: Path) -> None:
    """The commands that link a phone need none."""
    file = tmp_path / "engine.yaml"
    file.write_text("connectors: {main: {type: whatsapp-web}, desk: {type: http}}\n", encoding="utf-8")
    state, found = settings.whatsapp_sessions(file)
    assert state == tmp_path / "state"
    assert [one.session for one in found] == [tmp_path / "state" / "whatsapp-main"]


CLOUD = 'cloud: {type: whatsapp-cloud, phone_number_id: "1"'


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param("rules: rules\n", '1:1  error  E902  engine.yaml lacks the key "connectors"', id="no connectors"),
        pytest.param("connectors: {}\n", "1:13  error  E902  no connector is configured", id="empty connectors"),
        pytest.param("connectors: console\n", '1:13  error  E903  "connectors" must have keys', id="connectors a word"),
        pytest.param("[]\n", "1:1  error  E903  the file must have keys with values", id="a list"),
        pytest.param("connectors: {a: {}}\n", '1:17  error  E902  "a" lacks the key "type"', id="no type"),
        pytest.param("connectors: {a: {type: []}}\n", '1:24  error  E903  "type" must be one value', id="type a list"),
        pytest.param(
            "connectors: {a: {type: htp}}\n",
            '1:24  error  E904  there is no connector type "htp"\n'
            "    1 | connectors: {a: {type: htp}}\n"
            '      |                        ^^^ did you mean "http"?',
            id="odd type",
        ),
        pytest.param(
            "connectors: {a: {type: whatsapp-web, session: ../elsewhere}}\n",
            '1:47  error  E904  "session" must be the name of a folder within the state folder',
            id="session elsewhere",
        ),
        pytest.param(
            "connectors: {a: {type: whatsapp-web, session: s}, b: {type: whatsapp-web, session: s}}\n",
            '1:84  error  E906  "b" and "a" would both use the session s',
            id="one session twice",
        ),
        pytest.param(
            "connectors: {mattermost: {type: console}}\n",
            '1:14  error  E906  a connector cannot be called "mattermost"',
            id="mattermost as a name",
        ),
        pytest.param(
            "connectors: {My Desk: {type: console}}\n",
            '1:14  error  E906  "My Desk" cannot name a connector: small letters, digits, - and _, at most 31',
            id="odd name",
        ),
        pytest.param(
            "connectors: {a: {type: http, reply_through: b}, b: {type: http}}\n",
            '1:45  error  E906  "b" cannot send: a reply goes through a WhatsApp or console connector',
            id="reply through http",
        ),
        pytest.param(
            "connectors: {a: {type: http, reply_through: b}}\n",
            '1:45  error  E906  no connector is named "b"',
            id="reply through nothing",
        ),
        pytest.param(
            "connectors: {a-b: {type: http}, a_b: {type: http}}\n",
            '1:33  error  E906  "a_b" and "a-b" would both read the secret a_b_token',
            id="one secret for two",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}}}, cloud-access: {{type: http}}}}\n",
            'E906  "cloud-access" and "cloud" would both read the secret cloud_access_token',
            id="one secret for two kinds",
        ),
        pytest.param(
            "connectors: {cloud: {type: whatsapp-cloud}}\n",
            '1:21  error  E902  "cloud" lacks the key "phone_number_id"',
            id="no phone_number_id",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, api_version: 23}}}}\n",
            '1:79  error  E904  "api_version" must be a version such as v23.0',
            id="odd version",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, per_second: 0}}}}\n",
            'E904  "per_second" is a number above 0',
            id="no rate",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, read_receipts: sometimes}}}}\n",
            'E904  "read_receipts" is on or off',
            id="odd switch",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: later}}}}\n",
            'E903  "template" must have keys with values, e.g. key: value',
            id="template a word",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{language: en}}}}}}\n",
            'E902  "template" lacks the key "name"',
            id="template without a name",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: Later!, language: en}}}}}}\n",
            'E904  "name" must be the template\'s name in WhatsApp Manager: a-z, 0-9 and _',
            id="odd template name",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: later, language: English}}}}}}\n",
            'E904  "language" must be the template\'s language at WhatsApp, e.g. en or en_GB',
            id="odd template language",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: later, language: en, variables: client_name}}}}}}\n",
            'E903  "variables" must be a list of texts, e.g. [one, two]',
            id="variables a word",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: later, language: en, variables: [[a]]}}}}}}\n",
            'E903  "variables" must be a list of texts, e.g. [one, two]',
            id="variables of lists",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: later, language: en, variables: [a, '']}}}}}}\n",
            "E904  a variable of a template cannot be empty: WhatsApp refuses it",
            id="empty variable",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: later, language: en, variables: ['{{{{client_nam}}}}']}}}}}}\n",
            "E904  there is nothing to fill {{client_nam}} with",
            id="unknown gap",
        ),
        pytest.param(
            f"connectors: {{{CLOUD}, template: {{name: later, language: en, variables: ['{{client_name}}']}}}}}}\n",
            "E904  a variable holds a brace that is not a pair of two, such as {{client_name}}",
            id="single braces",
        ),
        pytest.param(
            f"{LEAST}environment: prod\n",
            '2:14  error  E904  "environment" is one of development, production\n'
            "    2 | environment: prod\n"
            '      |              ^^^^ did you mean "production"?',
            id="environment",
        ),
        pytest.param(
            f"{LEAST}environment: production\n",
            '2:14  error  E902  in production the engineers\' posts need the section "mattermost"',
            id="production without posts",
        ),
        pytest.param(
            f"{LEAST}journal: mysql\n",
            '2:10  error  E904  "journal" is sqlite, or an address such as postgresql://engine@db1,db2/engine',
            id="journal",
        ),
        pytest.param(
            f"{LEAST}journal: postgresql://db/engine?password=x\n",
            "2:10  error  E904  the address of the journal holds a password\n"
            '      take it out and give it as the secret "journal_password"',
            id="journal with a password",
        ),
        pytest.param(
            f"{LEAST}node: My Node\n",
            '2:7  error  E904  "node" must be lower-case letters, digits, dots and dashes, e.g. support-1\n'
            "    2 | node: My Node\n"
            "      |       ^^^^^^^",
            id="node",
        ),
        pytest.param(f"{LEAST}rules:\n", '2:7  error  E903  "rules" has no value', id="no value"),
        pytest.param(
            f"{LEAST}manners: {{quiet_hours: '22:00-07:00'}}\n",
            '"quiet_hours" needs the key "timezone"',
            id="quiet hours nowhere",
        ),
        pytest.param(
            f"{LEAST}manners: {{quiet_hours: at night, timezone: Africa/Nairobi}}\n",
            '"quiet_hours" are times such as 22:00-07:00 in a "timezone" such as Africa/Nairobi',
            id="quiet hours",
        ),
        pytest.param(
            f"{LEAST}oncall: {{source: pagerduty}}\n",
            '2:18  error  E904  "source" is one of static, schedule\n'
            "    2 | oncall: {source: pagerduty}\n"
            '      |                  ^^^^^^^^^ write "schedule", and the section "pagerduty" beside it',
            id="pagerduty",
        ),
        pytest.param(
            f"{LEAST}oncall: {{source: me}}\n",
            '2:18  error  E904  "source" is one of static, schedule',
            id="on-call source",
        ),
        pytest.param(
            f"{LEAST}limits: {{open_deliveries: 0}}\n",
            '2:27  error  E904  "open_deliveries" is a whole number, at least 1',
            id="zero",
        ),
        pytest.param(
            f"{LEAST}limits: {{open_deliveries: 1.5}}\n",
            '2:27  error  E904  "open_deliveries" is a whole number, at least 1',
            id="fraction",
        ),
        pytest.param(
            f"{LEAST}limits: {{body_bytes: 3 GB}}\n",
            '2:22  error  E904  "body_bytes" is a size such as 3145728, 512 KiB or 3 MiB',
            id="size",
        ),
        pytest.param(f"{LEAST}media: {{fetch: yes please}}\n", '2:16  error  E904  "fetch" is on or off', id="fetch"),
        pytest.param(
            f"{LEAST}media: {{max_bytes: 51 MiB}}\n",
            '2:20  error  E904  "max_bytes" is at most 50 MiB: a file is in memory while it is under way',
            id="largest file",
        ),
        pytest.param(
            f"{LEAST}retry: {{in_doubt: ask}}\n",
            '2:19  error  E904  "in_doubt" is one of resend, hold\n'
            "    2 | retry: {in_doubt: ask}\n"
            "      |                   ^^^ known: resend, hold",
            id="in doubt",
        ),
        pytest.param(
            f"{LEAST}retry: {{base: soon}}\n",
            '2:15  error  E904  "base" is a length of time such as 90s, 5m, 4h or 30d',
            id="no length of time",
        ),
        pytest.param(
            f"{LEAST}retry: {{base: 10m}}\n",
            '2:15  error  E904  "base", the first pause, is longer than zero and no longer than "cap"',
            id="base above cap",
        ),
        pytest.param(
            f"{LEAST}retry: {{cap: 0s}}\n",
            '2:8  error  E904  "base", the first pause, is longer than zero and no longer than "cap"',
            id="cap below base",
        ),
        pytest.param(f"{LEAST}oncall: {{mention: @oncall}}\n", "2:19  error  E170", id="what the reader of YAML finds"),
        pytest.param(f"{LEAST}rules: a\nrules: b\n", "3:1  error  E116", id="a key twice"),
    ],
)
def test_each_mistake_has_its_place_and_sentence(load: Load, text: str, finding: str) -> None:
    """One mistake, one finding."""
    said = refusal(load, text)
    assert finding in said
    assert said.count("  error  ") == 1


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("chat.example.org", "must be a web address such as https://chat.example.org"),
        ("ftp://chat.example.org", "must be a web address such as https://chat.example.org"),
        ("https://", "must be a web address such as https://chat.example.org"),
        ("https://chat.example.org:port", "must be a web address such as https://chat.example.org"),
        ("https://chat example.org", "must be a web address such as https://chat.example.org"),
        ("https://bot:hunter2@chat.example.org", "must not hold a name or a password: secrets are never in this file"),
        ("https://chat.example.org?x=1", "must end before ? and #"),
    ],
)
def test_a_web_address_is_one(load: Load, url: str, problem: str) -> None:
    """What cannot be called is refused at the start, and a password in it is not repeated."""
    said = refusal(load, f'{LEAST}http: {{public_url: "{url}"}}\n')
    assert f'2:20  error  E904  "public_url" {problem}' in said
    assert "hunter2" not in said


def test_a_secret_that_was_put_into_the_file_is_not_repeated(load: Load) -> None:
    """Terminals and logs of a deployment are read by more people than the file."""
    said = refusal(load, f"{LEAST}mattermost: {{url: https://c.example.org, team: t, token: 'it's hunter2'}}\n")
    assert "error" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        pytest.param(b"", "engine.yaml is empty: `engine init` writes one to start from", id="empty"),
        pytest.param(b"# nothing\n", "engine.yaml is empty: `engine init` writes one to start from", id="comment"),
        pytest.param(b"\xff\xfea\x00", "engine.yaml:1:1  error  E101  the file is saved as UTF-16", id="UTF-16"),
        pytest.param(b"x" * (1024 * 1024 + 1), "engine.yaml:1:1  error  E102", id="too large"),
    ],
)
def test_bytes_that_are_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, sentence: str
) -> None:
    """Whatever is in the file, the answer is a sentence."""
    monkeypatch.chdir(tmp_path)
    Path("engine.yaml").write_bytes(raw)
    with pytest.raises(ConfigurationError) as refused:
        settings.load(Path("engine.yaml"), {})
    assert str(refused.value).startswith(sentence)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The sentence says how to get one."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(tmp_path / "engine.yaml", {})
    assert str(refused.value) == f"{tmp_path}/engine.yaml does not exist: `engine init` writes one to start from"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Naming the folder instead of the file is a mistake with a sentence."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(tmp_path, {})
    assert str(refused.value) == f"{tmp_path} cannot be read: Is a directory"


def test_a_file_of_someone_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission is another exit code, because another person mends it."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, to whom nothing is refused.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionRefused) as refused:
        settings.load(tmp_path / "engine.yaml", {})
    assert str(refused.value) == f"{tmp_path}/engine.yaml cannot be read: Permission denied"


def test_a_warning_does_not_keep_the_daemon_from_starting(load: Load) -> None:
    """It is kept for the log."""
    (warning,) = load(f"{LEAST}state: data #not here\n").warnings
    assert (warning.code, warning.line) == ("W505", 2)


def test_commands_learn_the_state_directory_without_secrets(tmp_path: Path) -> None:
    """`engine status` needs no token."""
    file = tmp_path / "engine.yaml"
    file.write_text(FULL, encoding="utf-8")
    state = settings.state_directory(file)
    assert state == tmp_path / "../state"
    assert settings.control_socket(state) == tmp_path / "../state/control.sock"


def test_commands_are_told_about_a_broken_file_too(tmp_path: Path) -> None:
    """A state directory out of a broken file could be the wrong one."""
    file = tmp_path / "engine.yaml"
    file.write_text(f"{LEAST}sate: elsewhere\n", encoding="utf-8")
    with pytest.raises(EngineError, match='did you mean "state"'):
        settings.state_directory(file)
