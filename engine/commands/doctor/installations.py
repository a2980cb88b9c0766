"""What there is to examine: engine.yaml with its secrets, and the daemon as far as it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.commands.doctor.findings import Finding, Level, finding
from engine.control.client import ControlClient
from engine.core.errors import EngineError
from engine.settings import Settings, control_socket, survey

# Where systemd puts the secrets of the unit, for its user and for root.
_OF_THE_UNIT = Path("/run/credentials/engine.service")
_PATIENCE_S = 5.0
_FOLDER = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class Installation:
    """An engine.yaml that can be read."""

    config: Path
    settings: Settings
    # A sentence for each secret that cannot be had, by its name.
    missing: Mapping[str, str]
    # `engine status` of the daemon; None where none answers.
    status: Mapping[str, Any] | None
    # Why a daemon that is there does not tell its status; empty otherwise.
    silent: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is a daemon."""
        return self.status is not None or bool(self.silent)

    @property
    def daemon(self) -> ControlClient:
        """The way to it."""
        return ControlClient(control_socket(self.settings.state))

    def lacks(self, subject: str, *names: str) -> Finding | None:
        """Why a network cannot be asked here: the first of these secrets that cannot be had; None where all can."""
        lacking = [name for name in names if name in self.missing]
        if not lacking:
            return None
        return Finding(subject, Level.SKIP, f"{lacking[0]} cannot be had here, so that it cannot be asked")


def find(config: Path, environ: Mapping[str, str], credentials: Path | None) -> Installation:
    """Read engine.yaml and ask the daemon; ConfigurationError or PermissionRefused where that file is none.

    `credentials` is a folder of secrets in place of the one that systemd gave this process.
    """
    folder = credentials or (_OF_THE_UNIT if _FOLDER not in environ and _OF_THE_UNIT.is_dir() else None)
    settings, problems = survey(config, {**environ, _FOLDER: str(folder)} if folder else environ)
    missing = {problem.partition(":")[0]: problem for problem in problems}
    client = ControlClient(control_socket(settings.state))
    try:
        status = client.status(_PATIENCE_S) if client.answers() else None
    except EngineError as error:
        return Installation(config, settings, missing, None, str(error))
    return Installation(config, settings, missing, status)


def configuration(installation: Installation) -> tuple[Finding, ...]:
    """engine.yaml itself: what it sets up, and its warnings."""
    settings, subject = installation.settings, "configuration"
    count = len(settings.connectors)
    names = ", ".join(one.name for one in settings.connectors)
    plural = "connector" if count == 1 else "connectors"
    found = [Finding(subject, Level.OK, f"{installation.config}, {settings.environment}, {count} {plural}: {names}")]
    found += [
        Finding(subject, Level.WARN, f"{warning.path}:{warning.line}:{warning.column} {warning.message}", warning.hint)
        for warning in settings.warnings
    ]
    if settings.mattermost is None:
        found.append(
            Finding(subject, Level.WARN, "posts are printed, nobody is called", 'write the section "mattermost"')
        )
    return tuple(found)


def secrets(installation: Installation) -> tuple[Finding, ...]:
    """Each secret with where it was found, never what it is."""
    found = []
    for secret in installation.settings.secrets():
        problem = installation.missing.get(secret.name)
        if problem is None:
            found.append(Finding("secrets", Level.OK, f"{secret.name} from {secret.source}"))
        elif installation.runs:
            text = f"{secret.name} cannot be had here; the daemon, which runs, has its own"
            found.append(Finding("secrets", Level.SKIP, text, "name a folder of secrets with --credentials to look"))
        else:
            text = f"{secret.name} cannot be had, {problem.partition(': ')[2]}"
            found.append(Finding("secrets", Level.FAIL, text, "provide it there, or name a folder with --credentials"))
    return tuple(found)


def daemon(installation: Installation, version: str) -> tuple[Finding, ...]:
    """What the running daemon says of itself."""
    subject, status = "daemon", installation.status
    if installation.silent:
        return (finding(subject, Level.SKIP, installation.silent),)
    if status is None:
        return (Finding(subject, Level.WARN, "no daemon runs on this state folder", "`systemctl start engine`"),)
    found = [Finding(subject, Level.OK, f"runs since {status['startedAt']}, version {status['version']}")]
    if status["version"] != version:
        found.append(
            Finding(subject, Level.WARN, f"this command is of version {version}", "`systemctl restart engine`")
        )
    if status["paused"]:
        found.append(Finding(subject, Level.WARN, "acknowledgements are paused", "`engine resume`"))
    found += [
        finding(subject, Level.FAIL, failing.replace(": ", " is not ready, ", 1)) for failing in status["failing"]
    ]
    lost = sum(states.get(state, 0) for states in status["deliveries"].values() for state in ("dead", "held"))
    if lost:
        found.append(
            Finding(subject, Level.WARN, f"{lost} deliveries are dead or held", "`engine deliveries list --state dead`")
        )
    return tuple(found)
