"""engine.yaml, the environment and the credentials into one frozen `Settings`, or every reason why not.

Read once, at the start of a command. Nothing here is logged, and a secret's text leaves only by `Secret.reveal`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.core.diagnostics import Diagnostic, Related, Severity, order, render
from engine.core.errors import ConfigurationError, PermissionRefused, UsageError
from engine.ruleset import codes, reader
from engine.ruleset.syntax import Fault
from engine.settings import document, sections
from engine.settings.secrets import Secret, Vault
from engine.settings.values import (
    ON_CALL_FILES,
    ConnectorSettings,
    ConsoleSettings,
    Environment,
    HttpConnectorSettings,
    HttpSettings,
    JsmOnCallSettings,
    KeeperSettings,
    Limits,
    MattermostSettings,
    MediaSettings,
    OnCallSettings,
    OnCallSource,
    OpsgenieOnCallSettings,
    PagerDutyOnCallSettings,
    PatienceSettings,
    PostgresSettings,
    RetentionSettings,
    RetrySettings,
    ServiceKind,
    ServiceSettings,
    Settings,
    TemplateSettings,
    TwilioSettings,
    TwilioTemplateSettings,
    WhatsAppCloudSettings,
    WhatsAppWebSettings,
)

__all__ = [
    "ON_CALL_FILES",
    "ConnectorSettings",
    "ConsoleSettings",
    "Environment",
    "HttpConnectorSettings",
    "HttpSettings",
    "JsmOnCallSettings",
    "KeeperSettings",
    "Limits",
    "MattermostSettings",
    "MediaSettings",
    "OnCallSettings",
    "OnCallSource",
    "OpsgenieOnCallSettings",
    "PagerDutyOnCallSettings",
    "PatienceSettings",
    "PostgresSettings",
    "RetentionSettings",
    "RetrySettings",
    "Secret",
    "ServiceKind",
    "ServiceSettings",
    "Settings",
    "TemplateSettings",
    "TwilioSettings",
    "TwilioTemplateSettings",
    "WhatsAppCloudSettings",
    "WhatsAppWebSettings",
    "control_socket",
    "journal_file",
    "journal_place",
    "load",
    "rules_folders",
    "shared_journal",
    "state_directory",
    "survey",
    "whatsapp_sessions",
]

# A line that may hold a secret, put there by mistake, is not shown.
_SECRET_LINE = re.compile(r"token|secret|password|://[^/\s]*@", re.IGNORECASE)


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in `path`. Raises ConfigurationError with every finding, or with every secret that is missing,
    and PermissionRefused where the operating system says no.
    """
    vault = Vault(environ)
    settings = _read(path, vault)
    vault.check()
    return settings


def survey(path: Path, environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings in `path`, and a sentence for each secret that cannot be had, which is empty in them. Raises as
    `load` for the file itself.
    """
    vault = Vault(environ)
    return _read(path, vault), vault.problems()


def state_directory(path: Path) -> Path:
    """The state directory that `path` names, for commands that ask the daemon and need no secret. Raises as `load`."""
    return _read(path, Vault({})).state


def rules_folders(path: Path) -> tuple[Path, Path]:
    """The folders of rules and of templates that `path` names, without any secret. Raises as `load`."""
    settings = _read(path, Vault({}))
    return settings.rules, settings.templates


def whatsapp_sessions(path: Path) -> tuple[Path, tuple[WhatsAppWebSettings, ...]]:
    """The state directory and the linked numbers that `path` names, without any secret. Raises as `load`."""
    settings = _read(path, Vault({}))
    return settings.state, tuple(one for one in settings.connectors if isinstance(one, WhatsAppWebSettings))


def journal_place(path: Path, environ: Mapping[str, str]) -> tuple[Path, PostgresSettings | None]:
    """The state directory and the shared journal that `path` names, for commands that need no secret but the journal's.
    Raises as `load`.
    """
    settings = _read(path, Vault({}))
    return settings.state, settings.journal and shared_journal(settings.journal.address, environ)


def shared_journal(address: str, environ: Mapping[str, str]) -> PostgresSettings:
    """The database that a command line names, with its password. Raises UsageError for an address that is none or tells
    a password, and as `load` for a password that cannot be had.
    """
    if not document.is_postgres(address):
        raise UsageError("the address of a journal is written like postgresql://engine@db1,db2/engine")
    if document.holds_password(address):
        raise UsageError(
            'the address holds a password, which every process list shows; give it as the secret "journal_password", '
            "e.g. in the file that ENGINE_JOURNAL_PASSWORD_FILE names"
        )
    vault = Vault(environ)
    found = document.postgres(address, vault)
    vault.check()
    return found


def journal_file(state: Path) -> Path:
    """The journal of that state directory, where it is a SQLite file."""
    return state / "journal.db"


def control_socket(state: Path) -> Path:
    """Where the daemon of that state directory takes operators' commands."""
    return state / "control.sock"


def _read(path: Path, vault: Vault) -> Settings:
    raw = _bytes(path)
    node, written = reader.read(str(path), raw)
    faults = list(written)
    if node is None:
        if not faults:
            raise ConfigurationError(f"{path} is empty: `engine init` writes one to start from")
        raise ConfigurationError(_rendered(_diagnostics(faults, raw)))
    settings = document.read(node, path.parent, vault, faults)
    found = _diagnostics(faults, raw)
    errors = [one for one in found if one.severity is Severity.ERROR]
    if errors:
        raise ConfigurationError(_rendered(errors))
    return replace(settings, warnings=tuple(found))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(reader.SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist: `engine init` writes one to start from") from None
    except PermissionError as error:
        raise PermissionRefused(f"{path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _diagnostics(faults: Iterable[Fault], raw: bytes) -> list[Diagnostic]:
    lines = raw.decode("utf-8-sig", "replace").splitlines()
    return sorted((_diagnostic(fault, lines) for fault in faults), key=order)


def _diagnostic(fault: Fault, lines: Sequence[str]) -> Diagnostic:
    at = fault.at
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    secret = _SECRET_LINE.search(line) is not None
    return Diagnostic(
        path=at.path,
        line=at.line,
        column=at.column,
        length=at.length,
        severity=codes.severity(fault.code),
        code=fault.code,
        message=fault.message,
        source="" if secret else line,
        # The reader's advice repeats what stands there; ours never does.
        hint="" if secret and fault.code not in sections.CODES else fault.hint,
        related=tuple(Related(place.path, place.line, words) for place, words in fault.related),
    )


def _rendered(diagnostics: Iterable[Diagnostic]) -> str:
    return "\n".join(render(one) for one in diagnostics)
