"""Secrets: where they are found, what is said when they are not, and that nothing ever shows one."""

import copy
import pprint
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from engine.core.errors import ConfigurationError, EngineError, PermissionRefused
from engine.settings import Secret, load
from engine.settings.secrets import Vault

VALUE = "s3cr3t-value"


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """All three places filled, each with another value."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "desk_token").write_text("from-credential\n", encoding="utf-8")
    (tmp_path / "token").write_text("from-file\r\n", encoding="utf-8")
    return {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "ENGINE_DESK_TOKEN_FILE": str(tmp_path / "token"),
        "ENGINE_DESK_TOKEN": "from-variable\n",
    }


@pytest.mark.parametrize(
    ("without", "expected", "source"),
    [
        ((), "from-credential", "the credential {tmp}/credentials/desk_token"),
        (("CREDENTIALS_DIRECTORY",), "from-file", "the file {tmp}/token (ENGINE_DESK_TOKEN_FILE)"),
        (("CREDENTIALS_DIRECTORY", "ENGINE_DESK_TOKEN_FILE"), "from-variable", "the variable ENGINE_DESK_TOKEN"),
    ],
    ids=["credential", "file", "variable"],
)
def test_the_first_place_that_exists_decides(
    places: dict[str, str], tmp_path: Path, without: tuple[str, ...], expected: str, source: str
) -> None:
    """Credential, file, variable, in this order; line ends are no part of a secret, and the place is remembered."""
    vault = Vault({name: value for name, value in places.items() if name not in without})
    secret = vault.take("desk_token")
    vault.check()
    assert secret.reveal() == expected
    assert secret.source == source.format(tmp=tmp_path)


def test_a_credentials_directory_without_this_one_is_passed_by(places: dict[str, str], tmp_path: Path) -> None:
    """A unit may load some secrets as credentials and leave others to files."""
    (tmp_path / "credentials" / "desk_token").unlink()
    assert Vault(places).take("desk_token").reveal() == "from-file"


def test_every_missing_secret_is_named_with_its_places(tmp_path: Path) -> None:
    """One start is enough to learn what has to be provided."""
    file = tmp_path / "engine.yaml"
    file.write_text(
        "connectors:\n"
        '  cloud: {type: whatsapp-cloud, phone_number_id: "1"}\n'
        "  front-desk: {type: http}\n"
        "mattermost: {url: https://chat.example.org, team: support}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError) as refused:
        load(file, {"ENGINE_CLOUD_APP_SECRET": VALUE})
    assert str(refused.value) == (
        "4 secrets cannot be had:\n"
        "  cloud_access_token: there is no systemd credential cloud_access_token, "
        "and neither ENGINE_CLOUD_ACCESS_TOKEN_FILE nor ENGINE_CLOUD_ACCESS_TOKEN is set\n"
        "  cloud_verify_token: there is no systemd credential cloud_verify_token, "
        "and neither ENGINE_CLOUD_VERIFY_TOKEN_FILE nor ENGINE_CLOUD_VERIFY_TOKEN is set\n"
        "  front_desk_token: there is no systemd credential front_desk_token, "
        "and neither ENGINE_FRONT_DESK_TOKEN_FILE nor ENGINE_FRONT_DESK_TOKEN is set\n"
        "  mattermost_token: there is no systemd credential mattermost_token, "
        "and neither ENGINE_MATTERMOST_TOKEN_FILE nor ENGINE_MATTERMOST_TOKEN is set"
    )
    assert refused.value.exit_code == 78


def test_mistakes_in_the_file_come_before_missing_secrets(tmp_path: Path) -> None:
    """Which secrets are needed is known only when the file is right."""
    file = tmp_path / "engine.yaml"
    file.write_text("connectors: {desk: {type: http, tokn: x}}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="E901"):
        load(file, {})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="no file"),
        pytest.param(b"\n", "is empty", id="empty"),
        pytest.param(b"\xff\xfe", "is not text in UTF-8", id="binary"),
        pytest.param(b"x" * 65537, "is too large for a secret", id="huge"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """A wrong path never falls back on another place."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    vault = Vault({"ENGINE_DESK_TOKEN_FILE": str(path), "ENGINE_DESK_TOKEN": VALUE})
    assert vault.take("desk_token").reveal() == ""
    with pytest.raises(ConfigurationError) as refused:
        vault.check()
    assert str(refused.value) == (
        f"a secret cannot be had:\n  desk_token: the file {path} (ENGINE_DESK_TOKEN_FILE) {problem}"
    )


def test_an_empty_variable_is_no_secret() -> None:
    """An empty token would let everybody in."""
    vault = Vault({"ENGINE_DESK_TOKEN": ""})
    vault.take("desk_token")
    with pytest.raises(ConfigurationError, match="the variable ENGINE_DESK_TOKEN is empty"):
        vault.check()


@pytest.mark.parametrize(
    ("others", "kind"), [((), PermissionRefused), (("cloud_app_secret",), ConfigurationError)], ids=["alone", "mixed"]
)
def test_a_secret_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: tuple[str, ...], kind: type[EngineError]
) -> None:
    """Permissions alone are exit code 77; together with what is missing it is the configuration's."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, to whom nothing is refused.
    monkeypatch.setattr(Path, "open", refuse)
    vault = Vault({"ENGINE_DESK_TOKEN_FILE": str(tmp_path / "token")})
    for name in ("desk_token", *others):
        vault.take(name)
    with pytest.raises(kind) as refused:
        vault.check()
    assert f"{tmp_path}/token (ENGINE_DESK_TOKEN_FILE) cannot be read: Permission denied" in str(refused.value)


def test_a_folder_of_credentials_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a credential is in it is not known, so no other place is asked; permissions are exit code 77."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # As the folder of a service's credentials answers all but its user; tests may run as root.
    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    vault = Vault({"CREDENTIALS_DIRECTORY": str(tmp_path), "ENGINE_DESK_TOKEN": VALUE})
    assert vault.has("desk_token")
    assert vault.take("desk_token").reveal() == ""
    with pytest.raises(PermissionRefused) as refused:
        vault.check()
    assert str(refused.value) == (
        f"a secret cannot be had:\n  desk_token: the credential {tmp_path}/desk_token cannot be read: Permission denied"
    )


def test_nothing_shows_a_secret() -> None:
    """Neither printing, formatting, comparing nor turning the settings around it into other things."""

    @dataclass(frozen=True)
    class Holder:
        token: Secret

    secret = Secret("desk_token", VALUE, "the variable ENGINE_DESK_TOKEN")
    holder = Holder(secret)
    shown = [
        str(secret),
        repr(secret),
        f"{secret} {secret!r} {holder}",
        repr(holder),
        pprint.pformat(holder),
        pprint.pformat(asdict(holder)),
        repr(copy.deepcopy(holder)),
    ]
    assert VALUE not in " ".join(shown)
    assert shown[:2] == ["•••", "<secret desk_token from the variable ENGINE_DESK_TOKEN>"]
    assert asdict(holder)["token"].reveal() == VALUE
