"""The configurations and instructions of deploy/: what they name exists, and they say the same."""

import re
import shlex
from pathlib import Path

import pytest

from engine import arguments
from engine.metrics import Metrics
from engine.settings import ConsoleSettings, Settings, TwilioSettings, load

_DEPLOY = Path(__file__).parents[2] / "deploy"
_PAGES = sorted(_DEPLOY.glob("*.md"))
_SECRETS = {
    "development": {"mattermost_token", "cloud_access_token", "cloud_app_secret", "cloud_verify_token", "desk_token"},
    "production": {"mattermost_token", "cloud_access_token", "cloud_app_secret", "cloud_verify_token"},
}


def _settings(environment: str) -> Settings:
    environ = {f"ENGINE_{name.upper()}": "secret" for name in _SECRETS[environment]}
    return load(_DEPLOY / f"engine.{environment}.yaml", environ)


@pytest.mark.parametrize("environment", _SECRETS)
def test_a_configuration_is_complete(environment: str) -> None:
    """It loads without a finding, asks for the secrets of README's table, and lives where the unit's folders are."""
    settings = _settings(environment)
    assert settings.environment == environment
    assert settings.warnings == ()
    assert {secret.name for secret in settings.secrets()} == _SECRETS[environment]
    assert (settings.rules, settings.templates, settings.state) == (
        Path("/etc/engine/rules"),
        Path("/etc/engine/templates"),
        Path("/var/lib/engine"),
    )


@pytest.mark.parametrize("environment", _SECRETS)
def test_the_readme_names_the_secrets_of_an_environment(environment: str) -> None:
    """README's table lists exactly the files that the configuration needs."""
    (row,) = re.findall(r"^\| credential files in .*$", (_DEPLOY / "README.md").read_text(), re.MULTILINE)
    _, _, development, production, _ = row.split("|")
    cell = {"development": development, "production": production}[environment]
    assert set(re.findall(r"`(\w+)`", cell)) == _SECRETS[environment]


def test_the_engine_listens_where_the_proxies_look_for_it() -> None:
    """Both configurations listen on this machine alone, at the address that both proxies pass requests to."""
    listens = {str(_settings(environment).http.listen) for environment in _SECRETS}
    behind = {
        *re.findall(r"^\tserver (\S+);$", (_DEPLOY / "nginx.conf").read_text(), re.MULTILINE),
        *re.findall(r"reverse_proxy (\S+) ", (_DEPLOY / "Caddyfile").read_text()),
    }
    assert listens == behind == {"127.0.0.1:8080"}


def test_the_example_for_twilio_works(tmp_path: Path) -> None:
    """What stands in the instructions can be copied into engine.yaml, and needs the secret that they name."""
    text = (_DEPLOY / "README.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?type: twilio.*?)```", text, re.DOTALL)
    (tmp_path / "engine.yaml").write_text(example)
    (secret,) = set(re.findall(r"LoadCredential=(reserve_\w+):", text))
    (reserve,) = load(tmp_path / "engine.yaml", {f"ENGINE_{secret.upper()}": "secret"}).connectors
    assert isinstance(reserve, TwilioSettings)
    assert reserve.webhook_url in text


def test_the_examples_for_paging_work(tmp_path: Path) -> None:
    """What stands on the page can be copied into engine.yaml, and needs the secrets that it names."""
    text = (_DEPLOY / "paging.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    sources = {"oncall_pagerduty_token", "oncall_jsm_token", "oncall_opsgenie_api_key"}
    secrets = {"noc_routing_key", "noc_jsm_api_key", *sources}
    environ = {f"ENGINE_{name.upper()}": "secret" for name in {"desk_token", *secrets}}
    found = set()
    for example in examples:
        (tmp_path / "engine.yaml").write_text(example)
        found |= {secret.name for secret in load(tmp_path / "engine.yaml", environ).secrets()}
    assert found == {"desk_token", *secrets}
    assert all(f"`{name}`" in text for name in secrets)


def test_production_prints_no_client_text() -> None:
    """A console connector writes what clients read into the log; production has none."""
    assert not [one for one in _settings("production").connectors if isinstance(one, ConsoleSettings)]


def test_development_posts_to_one_channel() -> None:
    """Whatever is tried in development stays in its own channel; production follows the rules."""
    development, production = _settings("development").mattermost, _settings("production").mattermost
    assert development is not None
    assert production is not None
    assert (development.channel_override, production.channel_override) == ("dev-support-escalations", None)


def _commands() -> list[str]:
    """Every `engine` command line of the instructions, in code blocks and in tables."""
    found = []
    for page in _PAGES:
        for line in page.read_text().splitlines():
            found += re.findall(r"(?:^|`|&& )(?:sudo )?engine ([a-z-][^`#&]*)", line)
    return sorted({command.strip() for command in found})


@pytest.mark.parametrize("command", _commands())
def test_an_instruction_can_be_typed(command: str) -> None:
    """A command of the pages is one that this version understands."""
    typed = shlex.split(command)
    if typed == ["--version"]:
        return
    assert arguments.parser().parse_args(typed).command == typed[0]


def _metrics() -> list[str]:
    return sorted({name for page in _PAGES for name in re.findall(r"engine_[a-z_]+", page.read_text())})


@pytest.mark.parametrize("name", _metrics())
def test_a_metric_of_the_instructions_exists(name: str) -> None:
    """An alarm is on a metric that the daemon has."""
    page = Metrics().render()[0].decode()
    assert re.search(rf"^# TYPE {name} ", page, re.MULTILINE), page


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    """Files and headings that the pages point at are there."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        name, _, heading = target.partition("#")
        text = (_DEPLOY / name).read_text()
        assert not heading or heading in map(_slug, re.findall(r"^#+ (.*)$", text, re.MULTILINE)), target


def _slug(heading: str) -> str:
    """As the usual viewers of Markdown name a heading."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
