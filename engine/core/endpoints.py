"""Where a server listens, as engine.yaml writes it: `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/engine/http.sock`.

`settings` parses it, so that a mistake is shown in its line; `server` binds it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# A host is a name, an IPv4 address, or an IPv6 address in brackets (RFC 3986, section 3.2.2).
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_TCP = re.compile(
    rf"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>{_LABEL}(?:\.{_LABEL})*)):(?P<port>[0-9]{{1,5}})", re.ASCII
)
_UNIX = "unix:"
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A host and a port; port 0 lets the system choose a free one."""

    # Without brackets.
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"


Endpoint = TcpEndpoint | UnixEndpoint


def parse_endpoint(text: str) -> Endpoint | None:
    """The endpoint that `text` names, or None. A Unix path may be relative."""
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        return UnixEndpoint(Path(path)) if path and "\0" not in path else None
    found = _TCP.fullmatch(text)
    if found is None or int(found["port"]) > _LAST_PORT:
        return None
    return TcpEndpoint(found["six"] or found["host"], int(found["port"]))
