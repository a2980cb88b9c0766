"""Secrets: where each is looked for, and a value that does not show itself.

In order: a systemd credential (`$CREDENTIALS_DIRECTORY/<name>`), the file that `ENGINE_<NAME>_FILE` names, the variable
`ENGINE_<NAME>`. The first place that exists decides, so that a typing error in one place never falls back on another.
`document` asks for them all, and only then says what is missing.
"""

from collections.abc import Mapping
from pathlib import Path

from engine.core.errors import ConfigurationError, EngineError, PermissionRefused

# No token is longer; a mistaken path to a large file must not be read into memory.
_SIZE_LIMIT_BYTES = 64 * 1024


class Secret:
    """A secret's text, which no representation of it shows. A class, because a dataclass tells its fields to whoever
    asks (`asdict`, the comparisons of a test runner).
    """

    __slots__ = ("_text", "name", "source")

    def __init__(self, name: str, text: str, source: str) -> None:
        """`source` says where it was found, e.g. "the variable ENGINE_DESK_TOKEN"."""
        self.name = name
        self.source = source
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the adapter that needs it."""
        return self._text

    def __repr__(self) -> str:
        return f"<secret {self.name} from {self.source}>"

    def __str__(self) -> str:
        return "•••"


class Vault:
    """Looks secrets up and remembers what went wrong, so that all of it can be said at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._missing: list[str] = []
        self._refused: list[str] = []
        self._unusable: list[str] = []

    def take(self, name: str) -> Secret:
        """The secret of that name; an empty one when it cannot be had, and then `check` raises."""
        variable = f"ENGINE_{name.upper()}"
        credential = self._credential(name)
        if credential is not None:
            return self._from_file(name, credential, f"the credential {credential}")
        if f"{variable}_FILE" in self._environ:
            path = Path(self._environ[f"{variable}_FILE"])
            return self._from_file(name, path, f"the file {path} ({variable}_FILE)")
        if variable in self._environ:
            return self._kept(name, self._environ[variable], f"the variable {variable}")
        self._missing.append(
            f"{name}: there is no systemd credential {name}, and neither {variable}_FILE nor {variable} is set"
        )
        return Secret(name, "", "nowhere")

    def has(self, name: str) -> bool:
        """Whether one of the places exists where the secret is looked for."""
        variable = f"ENGINE_{name.upper()}"
        credential = self._credential(name)
        return credential is not None or f"{variable}_FILE" in self._environ or variable in self._environ

    def check(self) -> None:
        """Raises for everything that `take` could not get: PermissionRefused when permissions alone are the reason,
        else ConfigurationError.
        """
        problems = self.problems()
        if not problems:
            return
        kind: type[EngineError] = ConfigurationError if self._missing or self._unusable else PermissionRefused
        head = "a secret cannot be had" if len(problems) == 1 else f"{len(problems)} secrets cannot be had"
        raise kind("\n  ".join([f"{head}:", *problems]))

    def problems(self) -> tuple[str, ...]:
        """A sentence for everything that `take` could not get, each begins with the secret's name."""
        return (*self._missing, *self._unusable, *self._refused)

    def _credential(self, name: str) -> Path | None:
        """The systemd credential of that name; None when there is none. One that cannot be looked at counts, and
        reading it says why not: whether it exists is not known then.
        """
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        if directory is None:
            return None
        credential = Path(directory) / name
        try:
            credential.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            pass  # see above
        return credential

    def _from_file(self, name: str, path: Path, source: str) -> Secret:
        try:
            with path.open("rb") as file:
                raw = file.read(_SIZE_LIMIT_BYTES + 1)
            if len(raw) > _SIZE_LIMIT_BYTES:
                self._unusable.append(f"{name}: {source} is too large for a secret")
                return Secret(name, "", source)
            return self._kept(name, raw.decode(), source)
        except PermissionError as error:
            self._refused.append(f"{name}: {source} cannot be read: {error.strerror}")
        except OSError as error:
            self._unusable.append(f"{name}: {source} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self._unusable.append(f"{name}: {source} is not text in UTF-8")
        return Secret(name, "", source)

    def _kept(self, name: str, text: str, source: str) -> Secret:
        # Editors and `echo` end a file with a line feed, which no token has.
        stripped = text.rstrip("\r\n")
        if not stripped:
            self._unusable.append(f"{name}: {source} is empty")
        return Secret(name, stripped, source)
