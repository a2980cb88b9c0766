"""deploy/engine.service: accepted by systemd's own tools, tight, and in step with the daemon that it starts."""

import re
from pathlib import Path

import pytest
from standins.tools import output_of, tool

from engine import app, arguments
from engine.core.errors import ConfigurationError, PermissionRefused
from engine.settings import load

_DEPLOY = Path(__file__).parents[2] / "deploy"
_UNIT = _DEPLOY / "engine.service"
# systemd-analyze calls the whole scale from 0 to 10; at 1.5 there is nothing left to close that a network service
# could do without.
_MOST_EXPOSURE = 1.5


def _values(key: str) -> list[str]:
    """What the unit assigns to `key`, in order."""
    return re.findall(rf"^{key}=(.*)$", _UNIT.read_text(), re.MULTILINE)


def _credentials() -> list[str]:
    return [value.partition(":")[0] for value in _values("LoadCredential")]


@pytest.mark.system
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, once the program to start exists."""
    unit = tmp_path / "engine.service"
    unit.write_text(_UNIT.read_text().replace("/opt/engine/.venv/bin/engine", tool("true")))
    assert output_of(tool("systemd-analyze"), "verify", "--man=no", str(unit)) == ""


@pytest.mark.system
def test_the_service_is_hardly_exposed() -> None:
    """systemd's own measure of what a broken-into service could still do stays below 1.5."""
    said = output_of(tool("systemd-analyze"), "security", "--offline=yes", "--no-pager", str(_UNIT))
    found = re.search(r"Overall exposure level for engine\.service: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= _MOST_EXPOSURE, said


def test_the_unit_starts_the_daemon_with_the_configuration_of_the_readme() -> None:
    """ExecStart is a command line that `engine` understands."""
    (command,) = _values("ExecStart")
    program, *typed = command.split()
    assert program == "/opt/engine/.venv/bin/engine"
    options = arguments.parser().parse_args(typed)
    assert (options.command, options.config) == ("run", Path("/etc/engine/engine.yaml"))


def test_a_mistake_that_a_restart_cannot_mend_is_not_restarted() -> None:
    """The exit codes of an unusable configuration and of a missing permission end the service for good."""
    (codes,) = _values("RestartPreventExitStatus")
    assert codes.split() == [str(PermissionRefused.exit_code), str(ConfigurationError.exit_code)]


def test_systemd_waits_longer_than_the_drain() -> None:
    """SIGKILL comes only after the doors have closed, what is in flight had its time, and the journal is shut."""
    (patience,) = _values("TimeoutStopSec")
    assert int(patience) >= 2 * app._CLOSE.total_seconds() + app._DRAIN_S + 5


def test_the_unit_hands_over_every_secret_of_the_production_configuration(tmp_path: Path) -> None:
    """With the unit's credentials, and nothing else, engine.production.yaml is complete."""
    for name in _credentials():
        (tmp_path / name).write_text("secret")
    settings = load(_DEPLOY / "engine.production.yaml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert sorted(secret.name for secret in settings.secrets()) == sorted(_credentials())


@pytest.mark.parametrize("left_out", _credentials())
def test_the_unit_hands_over_no_secret_too_many(tmp_path: Path, left_out: str) -> None:
    """Without any one of the unit's credentials the production configuration is refused, and the answer names it."""
    for name in _credentials():
        if name != left_out:
            (tmp_path / name).write_text("secret")
    with pytest.raises(ConfigurationError, match=rf"\b{left_out}\b"):
        load(_DEPLOY / "engine.production.yaml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_credentials_are_files_of_root_in_one_folder() -> None:
    """Each credential comes from the file of its name in /etc/engine/credentials."""
    assert _values("LoadCredential") == [f"{name}:/etc/engine/credentials/{name}" for name in _credentials()]
